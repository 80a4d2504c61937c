//! `cargo xtask fuzz`: the fuzz targets of `tests/it/fuzz`, for longer than tests run them.

use crate::sys::root_dir;
use anyhow::{Context, Result, bail};
use std::process::Command;
use std::time::Duration;

/// Runs one target, or all of them in turn, each for `time`.
pub fn run(target: Option<&str>, time: Duration) -> Result<()> {
    let folder = crate::tools::cache_dir()?.join("fuzz-corpus");
    let corpus = root_dir().join("../shared/corpus/charts.tar.zst");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["test", "--test", "it", "--", "--nocapture", "--test-threads", "1"]);
    match target {
        // A name that is the beginning of another's means itself alone.
        Some(name) => command.args(["--exact", &format!("fuzz::{name}")]),
        None => command.arg("fuzz::"),
    };
    if corpus.exists() {
        if !folder.exists() {
            std::fs::create_dir_all(&folder)?;
            let script = format!("zstd -dc --long=27 '{}' | tar -C '{}' -xf -", corpus.display(), folder.display());
            if !Command::new("sh").args(["-c", &script]).status()?.success() {
                bail!("{} cannot be unpacked", corpus.display());
            }
        }
        command.env("WINDLASS_FUZZ_CORPUS", &folder);
    } else {
        println!("../shared/corpus is not there: seeds are the project's own cases");
    }
    command.env("WINDLASS_FUZZ_SECONDS", time.as_secs().max(1).to_string()).current_dir(root_dir());
    println!("+ {command:?}");
    let status = command.status().context("starting cargo")?;
    if !status.success() {
        bail!("a target failed; the input is kept below tests/cases/fuzz");
    }
    Ok(())
}
