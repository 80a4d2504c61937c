//! Servers of others that charts are kept in: the distribution registry and an S3 server, real ones, each on a port of its own.

use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::sys::{Process, Supervisor, free_port, wait_for};
use crate::tools::tool;

/// How long a server may take to listen on a busy machine.
const LISTEN: Duration = Duration::from_secs(60);
/// How often another port is tried where somebody took it in between.
const TRIES: usize = 3;

/// A running server; it ends with its [`Supervisor`].
pub struct Server {
    /// Its port on the loopback address.
    pub port: u16,
    /// The process.
    pub process: Process,
}

impl Server {
    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn start(mut spawn: impl FnMut(u16) -> Result<Process>) -> Result<Server> {
        let mut last = None;
        for _ in 0..TRIES {
            let port = free_port()?;
            let mut process = spawn(port)?;
            let listening = wait_for("the server listens", LISTEN, || {
                process.check()?;
                Ok(TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(()))
            });
            match listening {
                Ok(()) => return Ok(Server { port, process }),
                Err(error) => last = Some(error),
            }
        }
        match last {
            Some(error) => Err(error),
            None => bail!("no try was made"),
        }
    }
}

/// The distribution registry with a folder of its own. `users` is the text of an htpasswd file (bcrypt), or nothing for all.
pub fn registry(supervisor: &Supervisor, name: &str, users: Option<&str>) -> Result<Server> {
    registry_with(supervisor, name, users, "")
}

/// The same with more lines of configuration, such as those of `notifications`.
pub fn registry_with(supervisor: &Supervisor, name: &str, users: Option<&str>, more: &str) -> Result<Server> {
    let program = tool("registry")?;
    let folder = supervisor.dir().join(name);
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let auth = match users {
        None => String::new(),
        Some(text) => {
            let file = folder.join("htpasswd");
            std::fs::write(&file, text)?;
            format!("auth:\n  htpasswd: {{realm: test, path: {}}}\n", file.display())
        }
    };
    Server::start(|port| {
        let config = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\nhttp: {{addr: \"127.0.0.1:{port}\", secret: test}}\n{auth}{more}",
            folder.join("data").display()
        );
        let file = folder.join(format!("config-{port}.yaml"));
        std::fs::write(&file, config)?;
        supervisor.spawn(&format!("{name}-{port}"), &program, |command| {
            command.arg("serve").arg(&file).env("OTEL_TRACES_EXPORTER", "none");
        })
    })
}

/// Key and secret of [`s3`].
pub const S3_KEYS: (&str, &str) = ("test-key-id", "test-secret-key");

/// The S3 server with a bucket; its data lie in `NAME/BUCKET` of the supervisor's folder.
pub fn s3(supervisor: &Supervisor, name: &str, bucket: &str) -> Result<Server> {
    let program = tool("s3s-fs")?;
    let folder = supervisor.dir().join(name);
    std::fs::create_dir_all(folder.join(bucket)).with_context(|| format!("creating {}", folder.display()))?;
    let root: &Path = &folder;
    Server::start(|port| {
        supervisor.spawn(&format!("{name}-{port}"), &program, |command| {
            command.args(["--host", "127.0.0.1", "--access-key", S3_KEYS.0, "--secret-key", S3_KEYS.1, "--port"]).arg(port.to_string()).arg(root);
        })
    })
}
