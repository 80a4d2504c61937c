//! `image set` and `images`: which tag the branch names, and what runs.

use super::{Global, Outcome, connection::{self, Connection}, environments::{self, Output}, look::Cache};
use crate::{
    agent::{self, image_check, updates},
    app::{App, Environment, SET_IMAGE},
    cluster::Records,
    images::{Details, Options, Referrer},
    sources,
    webhooks::Image,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::{process::ExitCode, time::Duration};

/// Write an image's tag to an Environment's branch
#[derive(Args, Clone, Debug)]
pub struct ImageCommand {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand, Clone, Debug)]
enum Verb {
    /// Let the agent write a tag to the branch, by a commit as its policies make them; it stays until a policy picks another one
    Set(Set),
}

#[derive(Args, Clone, Debug)]
struct Set {
    /// Name of the Environment
    environment: String,
    /// An image of its spec.images with the tag that is wanted
    #[arg(value_name = "IMAGE:TAG")]
    image: String,
    /// Do not wait for the commit
    #[arg(long)]
    no_wait: bool,
    /// How long to wait for the commit
    #[arg(long, default_value = "2m", value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    connection: Connection,
}

/// Show the images that run: digest, age, build, platforms, and what a policy wants instead
#[derive(Args, Clone, Debug)]
pub struct Images {
    /// Name of the Environment
    environment: String,
    /// Show the commits between what runs and what a policy wants, by the images' labels org.opencontainers.image.source and .revision
    #[arg(long)]
    commits: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    connection: Connection,
}

impl ImageCommand {
    /// Runs it.
    pub fn run(self, global: &Global) -> Outcome {
        let Verb::Set(set) = self.command;
        connection::block_on(async move { set.run(global).await })
    }
}

/// How often the Environment is looked at while the commit is waited for.
const LOOK: Duration = Duration::from_millis(300);

impl Set {
    async fn run(self, global: &Global) -> Outcome {
        let wanted = Image::parse(&self.image).filter(|image| image.tag.is_some());
        let wanted = wanted.ok_or_else(|| format!("\"{}\" is no image with a tag, such as ghcr.io/shop/web:1.2", self.image))?;
        let cluster = self.connection.connect().await?;
        let app = environments::app(&cluster, global, Some(&self.environment), None).await?;
        let reference = environments::reference(&cluster, global, &self.environment);
        let ours = |image: &str| Image::parse(image).is_some_and(|ours| ours.same_repository(&wanted, false));
        if !app.spec.images.iter().any(|spec| ours(&spec.image)) {
            let known: Vec<&str> = app.spec.images.iter().map(|spec| spec.image.as_str()).collect();
            let known = if known.is_empty() { "it names none".to_owned() } else { format!("it names {}", known.join(", ")) };
            return Err(format!("{reference} does not say in spec.images where {} is written ({known})", wanted.name()));
        }
        if app.suspended() {
            return Err(format!("{reference} is suspended: nothing is written; `windlass resume {}` first", self.environment));
        }
        let request = format!("{}@{}", self.image, jiff::Timestamp::now());
        let patch = json!({ "metadata": { "annotations": { SET_IMAGE: request } } });
        cluster.merge(&reference, "", &patch).await.map_err(|error| format!("asking {reference}: {error}"))?;
        if self.no_wait {
            println!("{reference} asked");
            return Ok(ExitCode::SUCCESS);
        }
        let begun = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(LOOK).await;
            let live = cluster.get(&reference).await.map_err(|error| format!("reading {reference}: {error}"))?;
            if live["metadata"]["annotations"][SET_IMAGE] != json!(request) {
                // The status follows the annotation.
                tokio::time::sleep(LOOK).await;
                let live = cluster.get(&reference).await.map_err(|error| format!("reading {reference}: {error}"))?;
                let env: Environment = serde_json::from_value(live).map_err(|error| format!("reading {reference}: {error}"))?;
                let status = env.status.unwrap_or_default().images.into_iter().find(|status| ours(&status.image)).unwrap_or_default();
                if !status.message.is_empty() {
                    return Err(status.message);
                }
                println!("{} is on branch {}{}", self.image, app.git().map(|git| git.branch.as_str()).unwrap_or_default(), if status.commit.is_empty() { String::new() } else { format!(" by commit {}", status.commit) });
                return Ok(ExitCode::SUCCESS);
            }
            if begun.elapsed() > self.timeout {
                return Err(format!("{reference}: the agent has not answered within {}; does it run?", humantime::format_duration(self.timeout)));
            }
        }
    }
}

/// One image that runs.
struct Running {
    image: Image,
    written: String,
    details: Result<Details, String>,
    referrers: Vec<Referrer>,
    wanted: String,
    commits: Result<Vec<sources::Commit>, String>,
}

impl Images {
    /// Runs it.
    pub fn run(self, global: &Global) -> Outcome {
        connection::block_on(async move {
            let cluster = self.connection.connect().await?;
            let reference = environments::reference(&cluster, global, &self.environment);
            let live = cluster.get(&reference).await.map_err(|error| format!("reading {reference}: {error}"))?;
            let env: Environment = serde_json::from_value(live).map_err(|error| format!("reading {reference}: {error}"))?;
            let app = App::resolve(&env).map_err(|error| format!("{reference}: {error}"))?;
            let status = env.status.unwrap_or_default();
            let records = Records::new(cluster.clone(), &app.target_namespace, &app.release);
            let record = records.load().await.map_err(|error| format!("reading the release records: {error}"))?;
            let deployed = record.deployed().ok_or_else(|| format!("{reference} has no deployed release yet"))?.number;
            let held = records.get(deployed).await.map_err(|error| format!("reading release {deployed}: {error}"))?;
            let held = held.ok_or_else(|| format!("release {deployed} has gone"))?;
            let objects = crate::object::split_documents(&held.release.manifest).map_err(|error| format!("release {deployed}: {error}"))?;
            let cache = Cache::new(None);
            let shared = agent::shared_once(cluster, cache.folder(), "images").await.map_err(|error| error.to_string())?;
            let mut running = Vec::new();
            for written in image_check::images(&objects) {
                let Some(image) = Image::parse(&written) else { continue };
                let spec = app.spec.images.iter().find(|spec| Image::parse(&spec.image).is_some_and(|ours| ours.same_repository(&image, false)));
                let options = match spec {
                    Some(spec) => updates::options(&shared, &app, spec).await?,
                    None => Options::default(),
                };
                let details = shared.registries.details(&image, &options).await.map_err(|error| error.to_string());
                let referrers = match &details {
                    Ok(details) => shared.registries.referrers(&image, &details.digest, &options).await.unwrap_or_default(),
                    Err(_) => Vec::new(),
                };
                let picked = spec.and_then(|spec| status.images.iter().find(|status| status.image == spec.image));
                let wanted = picked.map(|status| status.tag.clone()).filter(|tag| Some(tag) != image.tag.as_ref()).unwrap_or_default();
                let commits = match (&details, self.commits && !wanted.is_empty()) {
                    (Ok(details), true) => commits(&shared, &image, &wanted, details, &options).await,
                    _ => Ok(Vec::new()),
                };
                running.push(Running { commits, image, written, details, referrers, wanted });
            }
            match self.output {
                Output::Json | Output::Yaml => environments::print(self.output, &Value::Array(running.iter().map(json_of).collect())),
                _ => table(&running),
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

/// How many commits are shown.
const MAX_COMMITS: usize = 50;

/// What the wanted image has that the running one has not.
async fn commits(shared: &agent::Shared, image: &Image, wanted: &str, running: &Details, options: &Options) -> Result<Vec<sources::Commit>, String> {
    let newer = Image { tag: Some(wanted.to_owned()), digest: None, ..image.clone() };
    let newer = shared.registries.details(&newer, options).await.map_err(|error| error.to_string())?;
    let label = |details: &Details, name: &str| {
        let found = details.labels.get(&format!("org.opencontainers.image.{name}")).cloned();
        found.ok_or_else(|| format!("an image has no label org.opencontainers.image.{name}"))
    };
    let commit = |text: String| text.parse::<sources::CommitId>().map_err(|error| error.to_string());
    let (from, to) = (commit(label(running, "revision")?)?, commit(label(&newer, "revision")?)?);
    let spec = sources::GitSpec {
        url: label(&newer, "source")?,
        branch: "main".into(),
        path: String::new(),
        depth: 0,
        submodules: false,
        limits: Default::default(),
    };
    let git = shared.git.clone();
    let found = tokio::task::spawn_blocking(move || git.commits_between(&spec, &sources::Credentials::default(), from, to, MAX_COMMITS)).await;
    found.map_err(|panic| format!("a fault of windlass: {panic}"))?.map_err(|error| error.to_string())
}

fn json_of(running: &Running) -> Value {
    let mut json = json!({ "image": running.written, "repository": running.image.name(), "tag": running.image.tag });
    match &running.details {
        Ok(details) => {
            json["digest"] = details.digest.clone().into();
            json["created"] = details.created.clone().into();
            json["labels"] = json!(details.labels);
            json["platforms"] = json!(details.platforms);
            json["size"] = details.size.into();
            json["referrers"] = running.referrers.iter().map(|referrer| json!({ "kind": referrer.kind, "digest": referrer.digest })).collect();
        }
        Err(error) => json["error"] = error.clone().into(),
    }
    if !running.wanted.is_empty() {
        json["wanted"] = running.wanted.clone().into();
        match &running.commits {
            Ok(commits) if commits.is_empty() => {}
            Ok(commits) => json["commits"] = commits.iter().map(|one| json!({ "commit": one.id.to_string(), "author": one.author, "subject": one.subject })).collect(),
            Err(error) => json["commitsError"] = error.clone().into(),
        }
    }
    json
}

fn table(running: &[Running]) {
    let rows = running.iter().map(|running| {
        let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let mut row = vec![running.written.clone()];
        match &running.details {
            Ok(details) => {
                let label = |name: &str| details.labels.get(&format!("org.opencontainers.image.{name}")).map(String::as_str).unwrap_or_default();
                let referrers: Vec<&str> = running.referrers.iter().map(|referrer| referrer.kind.as_str()).collect();
                row.push(details.digest.chars().take(19).collect());
                row.push(dash(&details.created));
                row.push(dash(&label("revision").chars().take(12).collect::<String>()));
                row.push(dash(&details.platforms.join(",")));
                row.push(format!("{:.1} MB", details.size as f64 / 1e6));
                row.push(dash(&referrers.join(",")));
            }
            Err(error) => {
                row.extend(["-", "-", "-", "-", "-"].map(str::to_owned));
                row.push(error.clone());
            }
        }
        row.push(dash(&running.wanted));
        row
    });
    environments::table(&["IMAGE", "DIGEST", "CREATED", "REVISION", "PLATFORMS", "SIZE", "REFERRERS", "WANTED"], rows.collect());
    for running in running {
        match &running.commits {
            Ok(commits) if commits.is_empty() => {}
            Ok(commits) => {
                println!("\n{} to {}:", running.written, running.wanted);
                for one in commits {
                    println!("  {} {} ({})", one.id.to_string().chars().take(12).collect::<String>(), one.subject, one.author);
                }
            }
            Err(error) => println!("\n{} to {}: {error}", running.written, running.wanted),
        }
    }
}
