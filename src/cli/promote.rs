//! `promote`: the "Release" button: what is good in an Environment goes on to the next branch now. With `--list`, the chain of
//! Environments: what runs where, what waits, and the commits between.

use super::{Global, Outcome, connection::{self, Connection}, environments::{self, Output}, look::Cache};
use crate::{
    agent::{self, Shared, planning},
    app::{App, Condition, Environment, PROMOTE},
    cluster::Cluster,
    object::ObjectRef,
    sources::Between,
};
use clap::Args;
use serde_json::json;
use std::{process::ExitCode, sync::Arc, time::Duration};

/// Bring what is good in an Environment to the next branch
#[derive(Args, Clone, Debug)]
pub struct Promote {
    /// Name of the Environment
    #[arg(value_name = "ENVIRONMENT", required_unless_present = "list")]
    name: Option<String>,
    /// Show the chain of Environments instead: what runs where, what waits, the commits between
    #[arg(long)]
    list: bool,
    /// With --list: those of all namespaces
    #[arg(short = 'A', long, requires = "list")]
    all_namespaces: bool,
    /// With --list: output format
    #[arg(short, long, value_enum, default_value_t, requires = "list")]
    output: Output,
    /// Do not wait for the outcome
    #[arg(long)]
    no_wait: bool,
    /// How long to wait for the outcome
    #[arg(long, default_value = "2m", value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    connection: Connection,
}

/// How many of the commits between two branches are shown.
const MAX_COMMITS: usize = 20;

impl Promote {
    /// Runs it.
    pub fn run(self, global: &Global) -> Outcome {
        connection::block_on(async move {
            let cluster = self.connection.connect().await?;
            if self.list { self.show(&cluster, global).await } else { self.promote(&cluster, global).await }
        })
    }

    async fn promote(&self, cluster: &Cluster, global: &Global) -> Outcome {
        let reference = environments::reference(cluster, global, self.name.as_deref().unwrap_or_default());
        let env = read(cluster, &reference).await?;
        let to = env.spec.promote.as_ref().map(|promote| promote.to.clone());
        let to = to.ok_or_else(|| format!("{reference} names no next branch: set spec.promote.to"))?;
        let status = env.status.unwrap_or_default();
        let commit = status.source.as_ref().map(|source| source.commit.clone()).unwrap_or_default();
        let ready = status.conditions.iter().find(|c| c.type_ == "Ready");
        if commit.is_empty() || ready.is_none_or(|ready| ready.reason != "InSync" || ready.status != "True") {
            let why = ready.map(|ready| ready.message.clone()).unwrap_or_default();
            return Err(format!("{reference} is not good, and only what is live, healthy and tested is promoted: {why}"));
        }
        let patch = json!({ "metadata": { "annotations": { PROMOTE: commit } } });
        cluster.merge(&reference, "", &patch).await.map_err(|error| format!("asking {reference}: {error}"))?;
        println!("promoting {} to {to}", short(&commit));
        if self.no_wait {
            return Ok(ExitCode::SUCCESS);
        }
        let start = tokio::time::Instant::now();
        loop {
            let status = read(cluster, &reference).await?.status.unwrap_or_default();
            let state = status.conditions.into_iter().find(|c| c.type_ == "Promoted").unwrap_or_default();
            if state.status == "True" && state.message.contains(&short(&commit)) {
                println!("{}", state.message);
                return Ok(ExitCode::SUCCESS);
            }
            if state.reason == "PromotionRefused" {
                return Err(format!("{} was not promoted: {}", short(&commit), state.message));
            }
            if start.elapsed() > self.timeout {
                return Err(format!("{} was not promoted within {}: {}", short(&commit), humantime::format_duration(self.timeout), state.message));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn show(&self, cluster: &Cluster, global: &Global) -> Outcome {
        let mut target = environments::reference(cluster, global, "");
        if self.all_namespaces {
            target.namespace = None;
        }
        let found = cluster.list(&target, "").await.map_err(|error| format!("reading {target}: {error}"))?;
        let envs: Vec<Environment> = found.into_iter().filter_map(|live| serde_json::from_value(live).ok()).collect();
        let envs = chain(envs).into_iter().filter(|env| self.name.is_none() || env.metadata.name == self.name);
        let cache = Cache::new(None);
        let shared = agent::shared_once(cluster.clone(), cache.folder(), &super::agent::identity()).await.map_err(|error| error.to_string())?;
        let mut rows = Vec::new();
        for env in envs {
            let between = between(&shared, &env).await;
            rows.push((env, between));
        }
        print(self.output, &rows);
        Ok(ExitCode::SUCCESS)
    }
}

async fn read(cluster: &Cluster, reference: &ObjectRef) -> Result<Environment, String> {
    let live = cluster.get(reference).await.map_err(|error| format!("reading {reference}: {error}"))?;
    serde_json::from_value(live).map_err(|error| format!("reading {reference}: {error}"))
}

fn short(commit: &str) -> String {
    commit.chars().take(12).collect()
}

/// Along the branches: each before the one that follows the branch it promotes to.
fn chain(mut envs: Vec<Environment>) -> Vec<Environment> {
    let feeds = |env: &Environment, other: &Environment| {
        let same = env.spec.source.git_url() == other.spec.source.git_url();
        env.spec.promote.as_ref().is_some_and(|p| p.to == other.spec.source.branch()) && same
    };
    let mut sorted: Vec<Environment> = Vec::new();
    while !envs.is_empty() {
        // Those who wait for nobody that is left; in a circle, just the first.
        let at = envs.iter().position(|env| !envs.iter().any(|other| other.metadata.name != env.metadata.name && feeds(other, env))).unwrap_or(0);
        let mut next = Some(envs.remove(at));
        while let Some(env) = next {
            next = envs.iter().position(|other| feeds(&env, other)).map(|at| envs.remove(at));
            sorted.push(env);
        }
    }
    sorted
}

/// The commits that wait to be promoted; `None` where there is no next branch.
async fn between(shared: &Arc<Shared>, env: &Environment) -> Option<Result<Between, String>> {
    let to = env.spec.promote.as_ref()?.to.clone();
    let app = match App::resolve(env) {
        Ok(app) => app,
        Err(error) => return Some(Err(error.to_string())),
    };
    let creds = match planning::credentials(shared, &app).await {
        Ok(creds) => creds,
        Err(failure) => return Some(Err(failure.message)),
    };
    let spec = match agent::git_spec(&app) {
        Ok(spec) => spec,
        Err(failure) => return Some(Err(failure.message)),
    };
    let git = shared.git.clone();
    let found = tokio::task::spawn_blocking(move || git.between(&spec, &creds, &to, MAX_COMMITS)).await;
    Some(match found {
        Ok(found) => found.map_err(|error| error.to_string()),
        Err(panic) => Err(panic.to_string()),
    })
}

fn print(output: Output, rows: &[(Environment, Option<Result<Between, String>>)]) {
    let condition = |env: &Environment, name: &str| -> Condition {
        let found = env.status.iter().flat_map(|status| &status.conditions).find(|c| c.type_ == name);
        found.cloned().unwrap_or_default()
    };
    let of = |env: &Environment, part: &dyn Fn(&Environment) -> Option<String>| part(env).unwrap_or_else(|| "-".into());
    if matches!(output, Output::Json | Output::Yaml) {
        let rows = rows.iter().map(|(env, between)| {
            let commits = between.iter().flatten().flat_map(|b| &b.commits);
            let commits = commits.map(|c| json!({ "commit": c.id.to_string(), "author": c.author, "subject": c.subject }));
            json!({
                "namespace": env.metadata.namespace, "name": env.metadata.name, "branch": env.spec.source.branch(),
                "revision": env.status.as_ref().and_then(|s| s.revision.clone()), "ready": condition(env, "Ready").status,
                "to": env.spec.promote.as_ref().map(|p| p.to.clone()), "state": condition(env, "Promoted").message,
                "ahead": between.iter().flatten().map(|b| b.ahead).next(), "behind": between.iter().flatten().map(|b| b.behind).next(),
                "commits": commits.collect::<Vec<_>>(), "error": between.as_ref().and_then(|b| b.as_ref().err()),
            })
        });
        return environments::print(output, &serde_json::Value::Array(rows.collect()));
    }
    let mut lines = Vec::new();
    for (env, between) in rows {
        lines.push(vec![
            of(env, &|env| env.metadata.namespace.clone()),
            of(env, &|env| env.metadata.name.clone()),
            env.spec.source.branch().to_owned(),
            of(env, &|env| env.status.as_ref()?.revision.clone()),
            condition(env, "Ready").reason,
            of(env, &|env| Some(env.spec.promote.as_ref()?.to.clone())),
            match between {
                None => "-".into(),
                Some(Ok(between)) => between.ahead.to_string(),
                Some(Err(error)) => error.clone(),
            },
            condition(env, "Promoted").message,
        ]);
    }
    environments::table(&["NAMESPACE", "NAME", "BRANCH", "REVISION", "STATE", "NEXT", "COMMITS", "PROMOTION"], lines);
    for (env, between) in rows {
        let Some(Ok(between)) = between else { continue };
        let to = env.spec.promote.as_ref().map(|promote| promote.to.as_str()).unwrap_or_default();
        if between.ahead > 0 {
            println!("\n{} → {to}:", env.spec.source.branch());
        }
        between.commits.iter().for_each(|commit| println!("  {} {} ({})", short(&commit.id.to_string()), commit.subject, commit.author));
        if between.ahead > between.commits.len() {
            println!("  and {} more", between.ahead - between.commits.len());
        }
    }
}
