//! What the operating system gives: folders, locks, ports, and processes that never outlive their owner.

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The `tests` folder of the checkout that this package was built in.
pub fn tests_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package lies in tests/")
        .to_owned()
}

/// The top of the checkout.
pub fn root_dir() -> PathBuf {
    tests_dir()
        .parent()
        .expect("tests/ lies in the checkout")
        .to_owned()
}

/// Takes an exclusive lock on a file (created if need be), saying so when it has to wait. Dropping it lets go.
pub fn lock(path: &Path, what: &str) -> Result<File> {
    let file = File::options().create(true).append(true).open(path);
    let file = file.with_context(|| format!("opening the lock file {}", path.display()))?;
    if file.try_lock().is_err() {
        eprintln!("xtask: waiting for another {what} ({})", path.display());
        file.lock()
            .with_context(|| format!("locking {}", path.display()))?;
    }
    Ok(file)
}

/// A TCP port of the loopback address that was free a moment ago. Another process may take it before it is used:
/// who starts a server on it tries again with another.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))
        .context("asking for a free port")?
        .local_addr()?
        .port())
}

/// A process that should run has ended: nothing that needs it is worth waiting for.
#[derive(Debug)]
pub struct Ended(String);

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Ended {}

/// Calls `check` until it gives something, at most for `limit`. The last error is part of the message; [`Ended`] ends
/// the wait at once.
pub fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut check: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    const PAUSE: Duration = Duration::from_millis(50);
    let end = Instant::now() + limit;
    loop {
        let last = match check() {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => None,
            Err(error) if error.is::<Ended>() => {
                return Err(error.context(format!("waiting for: {what}")));
            }
            Err(error) => Some(error),
        };
        if Instant::now() > end {
            let why = last.map(|e| format!(": {e:#}")).unwrap_or_default();
            bail!("{what} did not happen within {limit:?}{why}");
        }
        std::thread::sleep(PAUSE);
    }
}

/// A private folder with processes in it, all of which end with their owner.
///
/// A small shell process holds the other end of a pipe to us. When we close it, or end in whatever way (a panic, SIGKILL),
/// it kills what was started, runs `teardown.sh` if one was put there, and removes the folder. It is in a process
/// group of its own, so that ^C in a terminal does not take it before its work is done.
pub struct Supervisor {
    dir: PathBuf,
    watchdog: Child,
    pipe: Option<ChildStdin>,
}

/// What the watchdog runs. `WINDLASS_KEEP` in the environment leaves the folder, to look at its logs.
const WATCHDOG: &str = r#"
dir=$1
cat >/dev/null
for round in 1 2 3; do
    for file in "$dir"/pids/*; do
        [ -f "$file" ] && kill -s KILL -- "-$(basename "$file")" 2>/dev/null
    done
    [ "$round" = 3 ] || sleep 0.05
done
[ -f "$dir/teardown.sh" ] && sh "$dir/teardown.sh" >"$dir/teardown.log" 2>&1
[ -n "$WINDLASS_KEEP" ] || rm -rf "$dir"
"#;

/// Notes its own process id before it becomes the program: were that left to the parent, a parent killed in
/// between would leave a process that nobody knows.
const EXEC: &str = r#": >"$0/pids/$$"; exec "$@""#;

impl Supervisor {
    /// A new folder `PREFIX-…` below the temporary one, and its watchdog.
    pub fn new(prefix: &str) -> Result<Self> {
        Self::holding(prefix, None)
    }

    /// The same; the watchdog holds a lock, too, until its work is done.
    pub fn holding(prefix: &str, lock: Option<File>) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let nanos = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)?
            .subsec_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!(
            "{prefix}-{}-{count}-{nanos:08x}",
            std::process::id()
        ));
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&dir)
            .with_context(|| format!("creating {}", dir.display()))?;
        fs::create_dir(dir.join("pids"))?;
        let mut watchdog = Command::new("/bin/sh")
            .args(["-c", WATCHDOG, "windlass-watchdog"])
            .arg(&dir)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(lock.map_or_else(Stdio::null, Stdio::from))
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("starting the watchdog (/bin/sh)")?;
        let pipe = watchdog.stdin.take();
        Ok(Self {
            dir,
            watchdog,
            pipe,
        })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts a program that ends with us; its output goes to `NAME.log` in the folder.
    pub fn spawn(
        &self,
        name: &str,
        program: &Path,
        configure: impl FnOnce(&mut Command),
    ) -> Result<Process> {
        let log = self.dir.join(format!("{name}.log"));
        let out = File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", EXEC])
            .arg(&self.dir)
            .arg(program)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0);
        configure(&mut command);
        let child = command
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let pid_file = self.dir.join("pids").join(child.id().to_string());
        Ok(Process {
            name: name.into(),
            child,
            log,
            pid_file,
        })
    }

    /// Shell commands to run at the very end, after all processes were killed (unmounts, bridges, tables).
    pub fn on_teardown(&self, script: &str) -> Result<()> {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.dir.join("teardown.sh"))?;
        Ok(file.write_all(script.as_bytes())?)
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // Without the watchdog's end nothing says that the ports and the folder are free again.
        let _ = self.watchdog.wait();
    }
}

/// A process of a [`Supervisor`].
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    pid_file: PathBuf,
}

impl Process {
    /// Its process id, which is that of its group too.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The file that its output goes to.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// An error with the end of its log, if it has ended.
    pub fn check(&mut self) -> Result<()> {
        if let Some(status) = self.ended()? {
            let tail = self.tail(15);
            return Err(Ended(format!(
                "{} ended with {status}; its last lines:\n{tail}",
                self.name
            ))
            .into());
        }
        Ok(())
    }

    /// The last lines of its output.
    pub fn tail(&self, lines: usize) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// Sends a signal by name (`TERM`, `KILL`, `STOP`, `CONT`) to it and its children.
    pub fn signal(&self, name: &str) -> Result<()> {
        let group = format!("-{}", self.child.id());
        let status = Command::new("kill")
            .args(["-s", name, "--", &group])
            .stderr(Stdio::null())
            .status()?;
        if !status.success() {
            bail!("{} has no process left to send SIG{name} to", self.name);
        }
        Ok(())
    }

    /// Kills it and waits until it is gone.
    pub fn kill(&mut self) -> Result<()> {
        if self.ended()?.is_none() {
            let _ = self.signal("KILL");
        }
        self.child.wait()?;
        let _ = fs::remove_file(&self.pid_file);
        Ok(())
    }
}

/// Runs a command to its end; an error holds what it wrote.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {command:?}"))?;
    succeeded(command, output)
}

/// As [`run`], with something on its standard input.
pub fn run_with_input(command: &mut Command, input: &[u8]) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {command:?}"))?;
    let mut stdin = child.stdin.take().context("its input is a pipe")?;
    std::thread::scope(|scope| {
        // Beside the reading: neither end waits for a full pipe. A reader that went away says why on its own.
        scope.spawn(move || stdin.write_all(input));
        let output = child.wait_with_output().with_context(|| format!("waiting for {command:?}"))?;
        succeeded(command, output)
    })
}

fn succeeded(command: &Command, output: Output) -> Result<String> {
    if !output.status.success() {
        bail!(
            "{command:?} ended with {}:\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
