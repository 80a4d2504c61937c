//! The program under test: built by cargo, started as a process, asked through its Environments.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::sys::{self, Process};
use crate::tools;

/// The path of the `windlass` program: `WINDLASS_BIN`, or built now, in the given cargo profile.
pub fn binary(profile: &str) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("WINDLASS_BIN") {
        return Ok(path.into());
    }
    if profile == "release" && cfg!(target_os = "linux") {
        // What is measured is what the image holds.
        return static_program(profile);
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "windlass", "--bin", "windlass", "--profile", profile]);
    let status = command.current_dir(sys::root_dir()).status().context("starting cargo")?;
    if !status.success() {
        bail!("building windlass ended with {status}");
    }
    Ok(target_dir().join(profile_dir(profile)).join("windlass"))
}

/// Where cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| sys::root_dir().join("target"), PathBuf::from)
}

/// The folder of a profile in it.
pub fn profile_dir(profile: &str) -> &str {
    if profile == "dev" { "debug" } else { profile }
}

/// The program for an image: static, so that it needs nothing else there. As the `Dockerfile` builds it (Debian's static glibc;
/// OpenSSL, libgit2 and libssh2 from their crates), but without link-time optimisation, which would take minutes.
pub fn static_binary() -> Result<PathBuf> {
    static_program("quick")
}

fn static_program(profile: &str) -> Result<PathBuf> {
    let _lock = sys::lock(&static_target()?.with_extension("lock"), "build of the static program")?;
    eprintln!("xtask: building the static windlass, profile {profile} (minutes the first time)");
    let status = static_cargo(profile, &["build", "--locked", "--package", "windlass", "--bin", "windlass"])?.status().context("starting cargo")?;
    if !status.success() {
        bail!("building the static windlass ended with {status}");
    }
    Ok(static_target()?.join(triple()).join(profile).join("windlass"))
}

/// cargo for everything that wants optimised code (the image, the corpus, the simulation): one profile, one set of flags, one
/// target folder below the cache, so that dependencies are optimised once.
pub fn quick_cargo(args: &[&str]) -> Result<Command> {
    static_cargo("quick", args)
}

fn static_cargo(profile: &str, args: &[&str]) -> Result<Command> {
    let (verb, rest) = args.split_first().context("a cargo command")?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args([verb, "--quiet", "--profile", profile, "--target", &triple(), "--target-dir"]).arg(static_target()?).args(rest);
    // With a target named, build scripts and macros are not built with these.
    command.env("RUSTFLAGS", "-C target-feature=+crt-static").env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("CARGO_TARGET_DIR");
    // Who saves time with the system's OpenSSL elsewhere needs the crate's here: that of the system may be shared only.
    command.env("OPENSSL_NO_VENDOR", "0").current_dir(sys::root_dir());
    Ok(command)
}

fn triple() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

fn static_target() -> Result<PathBuf> {
    Ok(tools::cache_dir()?.join("static-target"))
}

/// Makes the Environment kind known, and waits until the API server serves it.
pub fn install_crd(cluster: &Cluster, binary: &Path) -> Result<()> {
    let crd = sys::run(Command::new(binary).arg("crd"))?;
    cluster.apply(&crd)?;
    cluster.kubectl(&["wait", "--for=condition=Established", "crd/environments.windlass.dev", "--timeout=60s"])?;
    Ok(())
}

/// A running agent outside of the cluster; it ends with the cluster.
pub struct Agent {
    /// Its process; the log is `agent.log` in the cluster's folder.
    pub process: Process,
    /// Where it serves `/metrics` and the health checks, as `ADDRESS:PORT`.
    pub address: Option<String>,
}

impl Agent {
    /// Starts one as the given user.
    pub fn start(cluster: &Cluster, binary: &Path, kubeconfig: &Path) -> Result<Self> {
        Self::start_traced(cluster, binary, kubeconfig, None)
    }

    /// The same; with `trace` under strace, which notes in that file each program that the agent or a child of it starts.
    pub fn start_traced(cluster: &Cluster, binary: &Path, kubeconfig: &Path, trace: Option<&Path>) -> Result<Self> {
        let help = sys::run(Command::new(binary).args(["agent", "--help"]))?;
        let address = match help.contains("--metrics-addr") {
            true => Some(format!("127.0.0.1:{}", sys::free_port()?)),
            false => None,
        };
        let cache = cluster.dir().join("agent-cache");
        fs::create_dir_all(&cache)?;
        let program = if trace.is_some() { Path::new("strace") } else { binary };
        let process = cluster.supervisor().spawn("agent", program, |c| {
            if let Some(trace) = trace {
                c.args(["-f", "-qq", "-e", "trace=execve,execveat", "-o"]).arg(trace).arg(binary);
            }
            c.arg("agent").arg("--kubeconfig").arg(kubeconfig).arg("--cache-dir").arg(&cache);
            if let Some(address) = &address {
                c.args(["--metrics-addr", address]);
            }
            // What the person at this terminal has set is not meant for it.
            c.env_remove("KUBECONFIG").env("HOME", cluster.dir());
        })?;
        Ok(Self { process, address })
    }
}

/// The path of an Environment in the API.
pub fn environment_path(namespace: &str, name: &str) -> String {
    format!("/apis/windlass.dev/v1alpha1/namespaces/{namespace}/environments/{name}")
}

/// A condition of an Environment: its status, reason and message, all empty where there is none.
pub fn condition(environment: &Value, kind: &str) -> [String; 3] {
    let all = environment["status"]["conditions"].as_array().into_iter().flatten();
    let found = all.into_iter().find(|c| c["type"] == kind);
    ["status", "reason", "message"].map(|f| found.and_then(|c| c[f].as_str()).unwrap_or_default().to_owned())
}

/// Whether a status field names this commit, in full or shortened.
pub fn names_commit(field: &Value, commit: &str) -> bool {
    field.as_str().is_some_and(|text| text.len() >= 7 && commit.starts_with(text))
}

/// Whether the Environment has this commit, released, healthy and tested.
pub fn settled_on(environment: &Value, commit: &str) -> bool {
    let [ready, ..] = condition(environment, "Ready");
    ready == "True" && names_commit(&environment["status"]["lastGoodRevision"], commit)
}
