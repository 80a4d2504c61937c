//! The tools of others that tests run: built from pinned Go modules (`tests/tools/*/go.mod`), kept in a cache.
//!
//! One cache entry is `${XDG_CACHE_HOME:-~/.cache}/windlass/NAME-VERSION/NAME`. Builds of one group are under a file
//! lock, so parallel tests and sessions wait for each other instead of building twice.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, time::Instant};

use anyhow::{Context, Result, bail};

use crate::sys;

/// Tools that are built together, from one Go module.
struct Group {
    /// Folder below `tests/tools`.
    dir: &'static str,
    version: &'static str,
    /// Passed to the Go linker, beyond `-s -w`.
    ldflags: &'static str,
    /// What a person should expect on a cold cache with 2 cores.
    takes: &'static str,
    /// Name of the tool and the Go package of its command.
    tools: &'static [(&'static str, &'static str)],
}

/// Every tool that can be asked for. The versions stand in each go.mod too, where a test compares them.
const GROUPS: &[Group] = &[
    Group {
        dir: "k8s",
        version: "1.37.2",
        // What kube-apiserver reports as its version; without it, it is v0.0.0-master and charts refuse it.
        ldflags: "-X k8s.io/component-base/version.gitVersion=v1.37.2 -X k8s.io/component-base/version.gitMajor=1 \
                  -X k8s.io/component-base/version.gitMinor=37",
        takes: "10 minutes",
        tools: &[
            ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
            (
                "kube-controller-manager",
                "k8s.io/kubernetes/cmd/kube-controller-manager",
            ),
            ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
            ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
            ("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
            ("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
        ],
    },
    Group {
        dir: "etcd",
        version: "3.6.15",
        ldflags: "",
        takes: "1 minute",
        tools: &[("etcd", "go.etcd.io/etcd/server/v3")],
    },
    Group {
        dir: "kwok",
        version: "0.8.0",
        ldflags: "",
        takes: "1 minute",
        tools: &[("kwok", "sigs.k8s.io/kwok/cmd/kwok")],
    },
    Group {
        dir: "containerd",
        version: "2.4.2",
        ldflags: "",
        takes: "2 minutes",
        tools: &[
            (
                "containerd",
                "github.com/containerd/containerd/v2/cmd/containerd",
            ),
            (
                "containerd-shim-runc-v2",
                "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
            ),
            ("ctr", "github.com/containerd/containerd/v2/cmd/ctr"),
        ],
    },
    Group {
        dir: "helm4",
        version: "4.3.1",
        ldflags: "",
        takes: "4 minutes",
        tools: &[("helm", "helm.sh/helm/v4/cmd/helm")],
    },
    Group {
        dir: "helm3",
        version: "3.22.0",
        ldflags: "",
        takes: "3 minutes",
        tools: &[("helm3", "helm.sh/helm/v3/cmd/helm")],
    },
    Group {
        dir: "registry",
        version: "3.1.2",
        ldflags: "",
        takes: "2 minutes",
        tools: &[(
            "registry",
            "github.com/distribution/distribution/v3/cmd/registry",
        )],
    },
    Group {
        dir: "crane",
        version: "0.22.1",
        ldflags: "",
        takes: "1 minute",
        tools: &[("crane", "github.com/google/go-containerregistry/cmd/crane")],
    },
    Group {
        dir: "age",
        version: "1.3.2",
        ldflags: "",
        takes: "half a minute",
        tools: &[
            ("age", "filippo.io/age/cmd/age"),
            ("age-keygen", "filippo.io/age/cmd/age-keygen"),
        ],
    },
    Group {
        dir: "sops",
        version: "3.13.3",
        ldflags: "",
        takes: "4 minutes",
        tools: &[("sops", "github.com/getsops/sops/v3/cmd/sops")],
    },
];

/// A tool that comes as a crate: `cargo install`, kept in the cache like the others.
struct Crate {
    /// Also the name of its program.
    name: &'static str,
    version: &'static str,
    /// Further arguments of `cargo install`.
    args: &'static [&'static str],
}

/// Every tool that comes as a crate.
const CRATES: &[Crate] = &[
    Crate { name: "cargo-deny", version: "0.20.2", args: &["--debug", "--no-default-features"] },
    Crate { name: "s3s-fs", version: "0.14.1", args: &["--debug", "--features", "binary"] },
];

/// What a control plane with fake nodes needs.
pub const CONTROL_PLANE: &[&str] = &[
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "kwok",
];

/// What the real node needs on top of that.
pub const NODE: &[&str] = &[
    "kubelet",
    "kube-proxy",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
];

/// The names of all tools, in the order in which they are built.
pub fn names() -> Vec<&'static str> {
    GROUPS
        .iter()
        .flat_map(|g| g.tools)
        .map(|(name, _)| *name)
        .chain(CRATES.iter().map(|tool| tool.name))
        .collect()
}

/// `${XDG_CACHE_HOME:-~/.cache}/windlass`, created.
pub fn cache_dir() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME").filter(|v| !v.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(
            std::env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?,
        )
        .join(".cache"),
    };
    let dir = base.join("windlass");
    fs::create_dir_all(&dir)
        .with_context(|| format!("creating the cache folder {}", dir.display()))?;
    Ok(dir)
}

/// The path of one tool, built first when the cache does not hold it.
pub fn tool(name: &str) -> Result<PathBuf> {
    if let Some(tool) = CRATES.iter().find(|tool| tool.name == name) {
        return install(tool).with_context(|| format!("building {name} {}", tool.version));
    }
    let group = GROUPS
        .iter()
        .find(|g| g.tools.iter().any(|(n, _)| *n == name))
        .with_context(|| format!("no tool named {name}; there are: {}", names().join(" ")))?;
    let path = cached(group, name)?;
    if !path.exists() {
        build(group, name, &path).with_context(|| format!("building {name} {}", group.version))?;
    }
    Ok(path)
}

/// The paths of several tools, in the order asked.
pub fn tools(names: &[&str]) -> Result<Vec<PathBuf>> {
    names.iter().map(|name| tool(name)).collect()
}

/// A crate's program, put into the cache whole by cargo.
fn install(tool: &Crate) -> Result<PathBuf> {
    let root = cache_dir()?.join(format!("{}-{}", tool.name, tool.version));
    let path = root.join("bin").join(tool.name);
    if path.exists() {
        return Ok(path);
    }
    let _lock = sys::lock(&root.with_extension("lock"), &format!("build of {}", tool.name))?;
    if path.exists() {
        return Ok(path);
    }
    eprintln!("xtask: building {} {} from its crate (minutes the first time)", tool.name, tool.version);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["install", "--quiet", "--locked", tool.name, "--version", tool.version]).args(tool.args);
    // In a folder of its own: neither the project's lock nor its target folder is touched.
    command.arg("--root").arg(&root).current_dir(cache_dir()?).env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
    let status = command.status().context("starting cargo")?;
    if !status.success() {
        bail!("`cargo install {}` ended with {status}", tool.name);
    }
    Ok(path)
}

fn cached(group: &Group, name: &str) -> Result<PathBuf> {
    Ok(cache_dir()?
        .join(format!("{name}-{}", group.version))
        .join(name))
}

/// Builds one tool, put into the cache whole (rename). What a group shares Go's own build cache keeps.
fn build(group: &Group, name: &str, path: &Path) -> Result<()> {
    let _lock = sys::lock(
        &cache_dir()?.join(format!("{}.lock", group.dir)),
        &format!("build of {}", group.dir),
    )?;
    if path.exists() {
        return Ok(());
    }
    let started = Instant::now();
    let package = group
        .tools
        .iter()
        .find(|t| t.0 == name)
        .map(|t| t.1)
        .context("a tool of the group")?;
    eprintln!(
        "xtask: building {name} {} from its Go module (the first of its group takes about {})",
        group.version, group.takes
    );
    go_build(group, package, path)?;
    eprintln!(
        "xtask: built {name} {} in {:.0} s",
        group.version,
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

fn go_build(group: &Group, package: &str, path: &Path) -> Result<()> {
    let source = sys::tests_dir().join("tools").join(group.dir);
    let dir = path.parent().context("a cache entry lies in a folder")?;
    fs::create_dir_all(dir)?;
    let partial = dir.join(format!(".partial-{}", std::process::id()));
    let status = Command::new("go")
        .args([
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-mod=readonly",
            "-ldflags",
        ])
        .arg(format!("-s -w {}", group.ldflags))
        .arg("-o")
        .args([&partial])
        .arg(package)
        .current_dir(&source)
        .env("GOWORK", "off")
        .env_remove("GOFLAGS")
        .status()
        .context("starting `go`; Go 1.26 or newer has to be installed (https://go.dev/dl)")?;
    if !status.success() {
        bail!(
            "`go build {package}` in {} ended with {status}",
            source.display()
        );
    }
    fs::rename(&partial, path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_go_modules() {
        for group in GROUPS {
            let path = sys::tests_dir()
                .join("tools")
                .join(group.dir)
                .join("go.mod");
            let text = fs::read_to_string(&path).expect("every group has a go.mod");
            let pinned = format!(" v{} ", group.version);
            assert!(
                text.lines()
                    .any(|line| format!("{line} ").contains(&pinned)),
                "{} does not pin {}",
                path.display(),
                group.version
            );
            for (name, package) in group.tools {
                assert!(
                    text.contains(package),
                    "{} does not name {name} as a tool",
                    path.display()
                );
            }
        }
    }
}
