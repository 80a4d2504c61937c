//! The Go program that runs Helm's commands: `tests/oracle/helm`.

use base64::Engine as _;
use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The exit code of a case that Helm did not survive.
pub const DIED: i32 = -99;

/// What a command printed and how it ended.
pub struct Answer {
    pub out: Vec<u8>,
    pub err: Vec<u8>,
    pub code: i32,
}

pub struct Oracle {
    program: PathBuf,
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

fn spawn(program: &Path) -> (Child, ChildStdin, BufReader<ChildStdout>) {
    let mut command = Command::new(program);
    // Nothing of this machine's kubeconfig, repositories or zone; a stack that overflows soon instead of after a gigabyte.
    command.env_clear().env("HOME", "/nonexistent").env("TZ", "UTC").env("PATH", "/usr/bin:/bin");
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the oracle starts");
    let (input, output) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
    (process, input, output)
}

impl Oracle {
    /// Builds the program and starts it.
    pub fn start() -> Oracle {
        let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/helm");
        let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("helm-oracle");
        if std::env::var_os("WINDLASS_ORACLE_IS_BUILT").is_none() {
            let mut build = Command::new("go");
            build.current_dir(&source).args(["build", "-trimpath", "-mod=mod", "-o"]).arg(&program).arg(".");
            assert!(build.status().expect("go is installed").success(), "the oracle does not build");
        }
        let (process, input, output) = spawn(&program);
        Oracle { program, process, input, output }
    }

    /// What Helm does with the arguments in a folder. Where it dies, the answer's code is [`DIED`].
    pub fn ask(&mut self, dir: &Path, args: &[String]) -> Answer {
        let mut line = String::new();
        let asked = writeln!(self.input, "{}", json!({"Dir": dir, "Args": args}));
        if asked.is_err() || self.output.read_line(&mut line).is_err() || line.is_empty() {
            let _ = self.process.wait();
            (self.process, self.input, self.output) = spawn(&self.program);
            return Answer { out: Vec::new(), err: Vec::new(), code: DIED };
        }
        let answer: Json = serde_json::from_str(&line).expect("it answers JSON");
        let bytes = |key: &str| {
            base64::engine::general_purpose::STANDARD.decode(answer[key].as_str().unwrap_or_default()).expect("it is base64")
        };
        Answer { out: bytes("out"), err: bytes("err"), code: answer["code"].as_i64().unwrap_or(-1) as i32 }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
