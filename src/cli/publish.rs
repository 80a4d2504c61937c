//! `publish`: an Environment's chart to the chart repository that its spec names, now.

use super::{Global, Outcome, connection::{self, Connection}, environments};
use crate::agent::{self, publish};
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

/// Publish an Environment's chart to the chart repository that its spec names
#[derive(Args, Clone, Debug)]
pub struct Publish {
    /// Name of the Environment
    #[arg(value_name = "ENVIRONMENT", required_unless_present = "file")]
    name: Option<String>,
    /// A file with the Environment, instead of one in the cluster
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Another branch, a commit by its whole name, or another version of the chart, instead of the head
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Publish {
    /// Runs it.
    pub fn run(self, global: &Global) -> Outcome {
        connection::block_on(async move {
            let cluster = self.connection.connect().await?;
            let app = environments::app(&cluster, global, self.name.as_deref(), self.file.as_deref()).await?;
            let cache = super::look::Cache::new(None);
            let shared = agent::shared_once(cluster, cache.folder(), &super::agent::identity()).await.map_err(|error| error.to_string())?;
            let sentence = publish::by_hand(&shared, &app, self.revision.as_deref()).await.map_err(|failure| failure.message)?;
            println!("{sentence}");
            Ok(ExitCode::SUCCESS)
        })
    }
}
