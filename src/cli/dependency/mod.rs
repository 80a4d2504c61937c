//! `windlass dependency`: Helm's `pkg/action/dependency.go` and `pkg/downloader/manager.go`.

mod list;
#[cfg(feature = "agent")]
mod manager;
#[cfg(feature = "agent")]
mod resolve;

use super::remote::ServerFlags;
use super::{Global, Outcome};
use clap::{Args, Subcommand};
use std::path::Path;

/// Manage a chart's dependencies.
#[derive(Args, Debug)]
pub struct Dependency {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// List the dependencies for the given chart
    #[command(visible_alias = "ls")]
    List(list::List),
    /// Rebuild the charts/ directory based on the Chart.lock file
    Build(Fetch),
    /// Update charts/ based on the contents of Chart.yaml
    #[command(visible_alias = "up")]
    Update(Fetch),
}

#[derive(Args, Debug)]
struct Fetch {
    /// The chart's folder
    #[arg(default_value = ".", value_name = "CHART")]
    chart: String,
    /// Do not refresh the local repository cache
    #[arg(long)]
    skip_refresh: bool,
    /// Provenance files are not verified: refused
    #[arg(long)]
    verify: bool,
    /// Taken as helm takes it, without effect without --verify
    #[arg(long, value_name = "string")]
    keyring: Option<String>,
    #[command(flatten)]
    server: ServerFlags,
}

impl Dependency {
    /// Runs the command.
    pub fn run(&self, global: &Global) -> Outcome {
        match &self.action {
            Action::List(list) => list.run(),
            Action::Build(fetch) => fetch.run(true, global),
            Action::Update(fetch) => fetch.run(false, global),
        }
    }
}

impl Fetch {
    #[cfg(feature = "agent")]
    fn run(&self, build: bool, global: &Global) -> Outcome {
        if self.verify {
            return Err("--verify: windlass does not check provenance files; use `helm dependency --verify`".to_owned());
        }
        let folder = crate::chart::gopath::clean(&self.chart);
        let epoch = super::package::source_date_epoch()?;
        let options = manager::Options { skip_refresh: self.skip_refresh, epoch, debug: global.debug, quiet: false };
        manager::run(Path::new(&folder), &self.server, options, build).map(|()| std::process::ExitCode::SUCCESS)
    }

    #[cfg(not(feature = "agent"))]
    fn run(&self, _: bool, _: &Global) -> Outcome {
        Err("this build of windlass has no network: it fetches no dependencies".to_owned())
    }
}

/// `Manager.Update` with its words, for `template --dependency-update`.
#[cfg(feature = "agent")]
pub(super) fn update_aloud(folder: &Path, server: &ServerFlags, debug: bool) -> Result<(), String> {
    let epoch = super::package::source_date_epoch()?;
    manager::run(folder, server, manager::Options { skip_refresh: false, epoch, debug, quiet: false }, false)
}

/// `Manager.Update` with its words, for `template --dependency-update`.
#[cfg(not(feature = "agent"))]
pub(super) fn update_aloud(folder: &Path, server: &ServerFlags, debug: bool) -> Result<(), String> {
    update(folder, server, None, debug)
}

/// `Manager.Update` without its words, for `package --dependency-update`.
#[cfg(feature = "agent")]
pub(super) fn update(folder: &Path, server: &ServerFlags, epoch: Option<i64>, debug: bool) -> Result<(), String> {
    manager::run(folder, server, manager::Options { skip_refresh: false, epoch, debug, quiet: true }, false)
}

/// `Manager.Update` without its words, for `package --dependency-update`.
#[cfg(not(feature = "agent"))]
pub(super) fn update(_: &Path, _: &ServerFlags, _: Option<i64>, _: bool) -> Result<(), String> {
    Err("this build of windlass has no network: it fetches no dependencies".to_owned())
}
