//! Repositories made with the real git.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A bare repository that is pushed to from a work tree, both in one temporary directory.
pub struct Origin {
    pub root: TempDir,
    pub name: String,
}

pub fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", "-c", "gc.auto=0"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.com")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.com")
        .output()
        .expect("git must be installed");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

impl Origin {
    /// `NAME.git`, bare, with one commit of a small chart on `main`.
    pub fn with_chart(name: &str) -> Self {
        let origin = Self::empty(name);
        origin.write("chart/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n");
        origin.write("chart/templates/cm.yaml", "kind: ConfigMap\n");
        origin.write("envs/dev.yaml", "replicas: 1\n");
        origin.commit("First light\n\nbody");
        origin
    }

    pub fn empty(name: &str) -> Self {
        let root = TempDir::new().unwrap();
        let origin = Self { root, name: name.to_string() };
        git(origin.root.path(), &["init", "-q", "--bare", &format!("{name}.git")]);
        git(origin.root.path(), &["clone", "-q", &format!("{name}.git"), "work"]);
        origin
    }

    pub fn bare(&self) -> PathBuf {
        self.root.path().join(format!("{}.git", self.name))
    }

    pub fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    pub fn file_url(&self) -> String {
        format!("file://{}", self.bare().display())
    }

    pub fn write(&self, path: &str, text: &str) {
        self.write_bytes(path, text.as_bytes());
    }

    pub fn write_bytes(&self, path: &str, bytes: &[u8]) {
        let path = self.work().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub fn link(&self, path: &str, target: &str) {
        let path = self.work().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
    }

    /// Commits everything and pushes the current branch; the commit's name.
    pub fn commit(&self, message: &str) -> String {
        git(&self.work(), &["add", "-A"]);
        git(&self.work(), &["commit", "-q", "--allow-empty", "-m", message]);
        git(&self.work(), &["push", "-q", "--force", "origin", "HEAD"]);
        git(&self.work(), &["rev-parse", "HEAD"])
    }

    pub fn git(&self, args: &[&str]) -> String {
        git(&self.work(), args)
    }
}
