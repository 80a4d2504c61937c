//! `diff` and `render`: what a revision, the head or a folder would bring. Nothing is changed.

use super::{Global, Outcome, connection::{self, Connection}, environments};
use crate::{
    agent::{self, Shared, planning::{self, What}},
    app::App,
    cluster::Records,
    decide::Record,
    plan::show::{self, Style},
    secrets::Redactor,
};
use clap::{Args, ValueEnum};
use std::{io::IsTerminal as _, path::PathBuf, process::ExitCode, sync::Arc};

/// What is looked at, and for which Environment.
#[derive(Args, Clone, Debug)]
pub struct Look {
    /// Name of the Environment
    #[arg(value_name = "ENVIRONMENT", required_unless_present = "file")]
    name: Option<String>,
    /// A file with the Environment, instead of one in the cluster
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Another branch, or a commit by its whole name, instead of the branch's head
    #[arg(long, value_name = "REVISION", conflicts_with = "local")]
    revision: Option<String>,
    /// A chart's folder instead of the repository's
    #[arg(long, value_name = "DIR")]
    local: Option<PathBuf>,
    /// Where repositories are cached; a folder that is removed again where it is not given
    #[arg(long, env = "WINDLASS_CACHE", value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// Show what the branch's head, another revision or a folder would change; exit code 2 if anything
#[derive(Args, Clone, Debug)]
pub struct Diff {
    #[command(flatten)]
    look: Look,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    /// Lines of context around each change (`--context` names the kubeconfig's)
    #[arg(short = 'U', long, default_value_t = 3, value_name = "LINES")]
    unified: usize,
    /// Colours: `auto` colours a terminal
    #[arg(long, default_value = "auto", value_parser = ["auto", "always", "never"])]
    color: String,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A unified diff for each object.
    #[default]
    Text,
    /// A comment for a pull request.
    Markdown,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// Print what the branch's head, another revision or a folder renders to for an Environment
#[derive(Args, Clone, Debug)]
pub struct Render {
    #[command(flatten)]
    look: Look,
    /// Leave hooks out
    #[arg(long)]
    no_hooks: bool,
    /// Print what Secrets hold, and what encrypted files and Secrets gave to other objects
    #[arg(long)]
    show_secrets: bool,
}

/// Comments of forges end at this many bytes (GitHub: 65,536 characters).
const COMMENT_LIMIT: usize = 60_000;

/// A cache that goes with the command, unless a lasting one was named.
pub struct Cache {
    folder: PathBuf,
    passing: bool,
}

impl Cache {
    /// The folder given, or a fresh one.
    pub fn new(given: Option<&PathBuf>) -> Cache {
        match given {
            Some(folder) => Cache { folder: folder.clone(), passing: false },
            None => Cache { folder: std::env::temp_dir().join(format!("windlass-{:016x}", rand::random::<u64>())), passing: true },
        }
    }

    /// Where it lies.
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if self.passing {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// What a look needs: a connection, the Environment, its records.
pub(super) struct Found {
    pub(super) shared: Arc<Shared>,
    pub(super) app: App,
    pub(super) record: Record,
    records: Records,
    _cache: Cache,
}

impl Look {
    /// At the branch's head, by a cache that goes with the command.
    pub(super) fn at_head(name: Option<String>, file: Option<PathBuf>, connection: Connection) -> Look {
        Look { name, file, revision: None, local: None, cache_dir: None, connection }
    }

    fn what(&self) -> What {
        match (&self.revision, &self.local) {
            (Some(revision), _) => What::Revision(revision.clone()),
            (_, Some(folder)) => What::Local(folder.clone()),
            _ => What::Head,
        }
    }

    pub(super) async fn find(&self, global: &Global) -> Result<Found, String> {
        let cluster = self.connection.connect().await?;
        let app = environments::app(&cluster, global, self.name.as_deref(), self.file.as_deref()).await?;
        let cache = Cache::new(self.cache_dir.as_ref());
        let holder = super::agent::identity();
        let shared = agent::shared_once(cluster.clone(), cache.folder(), &holder).await.map_err(|error| error.to_string())?;
        let records = Records::new(cluster, &app.target_namespace, &app.release);
        let record = records.load().await.map_err(|error| format!("reading the release records: {error}"))?;
        Ok(Found { shared, app, record, records, _cache: cache })
    }
}

impl Diff {
    /// Runs it: 0 nothing would change, 2 something would, 1 it cannot be told or something is refused.
    pub fn run(self, global: &Global) -> Outcome {
        connection::block_on(async move {
            let found = self.look.find(global).await?;
            let what = self.look.what();
            let content = planning::content(&found.shared, &found.app, &found.record, &what).await.map_err(|failure| failure.message)?;
            // Where the plan was laid down for approval, exactly that is shown: what chance drew then included.
            let base = found.record.deployed().map(|entry| entry.number);
            let kept = found.records.kept().await.map_err(|error| format!("reading the plan that waits for approval: {error}"))?;
            let kept = kept.filter(|kept| kept.content == content.digest && kept.base == base);
            let waits = kept.as_ref().map(|kept| kept.digest.clone());
            let content = match kept {
                Some(kept) => agent::Content { rendered: agent::approval::rendered(kept.release), ..content },
                None => content,
            };
            let plan = planning::plan(&found.shared, &found.app, &found.record, &content).await.map_err(|failure| failure.message)?;
            // Secrets are masked as objects; what sops or a Secret gave to other objects is taken out of the text.
            let redactor = content.redactor.clone().and(&Redactor::of_json(plan.changes.iter().flat_map(|change| change.before.iter().chain(&change.after))));
            match self.output {
                Format::Text => {
                    let color = self.color == "always" || (self.color == "auto" && std::io::stdout().is_terminal());
                    super::write_out(redactor.clean(&show::text(&plan, Style { color, context: self.unified })).as_bytes())?;
                }
                Format::Markdown => {
                    let title = match &what {
                        What::Head => format!("{} at the head of {}", found.app.id(), found.app.followed()),
                        What::Revision(revision) => format!("{} at {revision}", found.app.id()),
                        What::Local(folder) => format!("{} from {}", found.app.id(), folder.display()),
                    };
                    super::write_out(redactor.clean(&show::markdown(&plan, &title, COMMENT_LIMIT)).as_bytes())?;
                }
                Format::Json => environments::print(environments::Output::Json, &redactor.clean_json(&show::json(&plan))),
                Format::Yaml => environments::print(environments::Output::Yaml, &redactor.clean_json(&show::json(&plan))),
            }
            if let Some(digest) = waits {
                eprintln!("this plan waits for approval: windlass approve {} --digest {digest}", found.app.name);
            }
            let refused = plan.refused().count();
            Ok(match (refused, plan.is_empty()) {
                (0, true) => ExitCode::SUCCESS,
                (0, false) => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            })
        })
    }
}

impl Render {
    /// Runs it.
    pub fn run(self, global: &Global) -> Outcome {
        connection::block_on(async move {
            let found = self.look.find(global).await?;
            let content = planning::content(&found.shared, &found.app, &found.record, &self.look.what()).await;
            let content = content.map_err(|failure| failure.message)?;
            let mut text = content.rendered.manifest.clone();
            if !self.no_hooks {
                for hook in &content.rendered.hooks {
                    crate::render::push_document(&mut text, &hook.path, &hook.manifest);
                }
            }
            if !self.show_secrets {
                let objects = crate::object::split_documents(&text).map_err(|error| error.to_string())?;
                text = content.redactor.and(&Redactor::of_objects(&objects)).clean(&text);
            }
            super::write_out(text.as_bytes())
        })
    }
}
