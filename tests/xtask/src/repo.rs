//! A git repository for tests: a bare one that agents follow, and a clone that pushes to it. Needs `git`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::sys;

/// Both of them, below one folder.
pub struct Repo {
    bare: PathBuf,
    work: PathBuf,
}

impl Repo {
    /// An empty repository.
    pub fn create(dir: &Path) -> Result<Self> {
        let repo = Self { bare: dir.join("repo.git"), work: dir.join("repo") };
        fs::create_dir_all(&repo.work)?;
        sys::run(Command::new("git").args(["init", "--quiet", "--bare"]).arg(&repo.bare))?;
        repo.git(&["init", "--quiet"])?;
        repo.git(&["remote", "add", "origin", &repo.bare.display().to_string()])?;
        Ok(repo)
    }

    /// Its address, for agents on this machine.
    pub fn url(&self) -> String {
        format!("file://{}", self.bare.display())
    }

    /// The bare repository's folder.
    pub fn bare(&self) -> &Path {
        &self.bare
    }

    /// The work tree.
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// Runs git in the work tree, untouched by the settings of the person at the terminal.
    pub fn git(&self, args: &[&str]) -> Result<String> {
        let mut command = Command::new("git");
        command.args(["-c", "commit.gpgsign=false", "-c", "user.name=Sam Sample", "-c", "user.email=sam@example.com"]);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        Ok(sys::run(command.args(args).current_dir(&self.work))?.trim().to_owned())
    }

    /// Copies a folder into the work tree, over what is there.
    pub fn copy_in(&self, from: &Path, to: &str) -> Result<()> {
        copy(from, &self.work.join(to))
    }

    /// Commits everything and pushes it to a branch; gives the commit.
    pub fn push(&self, branch: &str, subject: &str) -> Result<String> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", subject])?;
        self.git(&["push", "--quiet", "origin", &format!("HEAD:refs/heads/{branch}")])?;
        self.git(&["rev-parse", "HEAD"])
    }

    /// Replaces text in a file of the work tree, which has to be there.
    pub fn replace(&self, file: &str, old: &str, new: &str) -> Result<()> {
        let path = self.work.join(file);
        let text = fs::read_to_string(&path)?;
        anyhow::ensure!(text.contains(old), "{} does not contain {old:?}", path.display());
        Ok(fs::write(&path, text.replace(old, new))?)
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
