//! `status` and `history`: what people look at.

use super::{Global, Outcome, connection::{self, Connection}};
use crate::{
    cluster::Cluster,
    object::{Gvk, ObjectRef},
};
use clap::{Args, ValueEnum};
use serde_json::Value;
use std::process::ExitCode;

/// How output looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A table.
    #[default]
    Table,
    /// A table with more columns.
    Wide,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// Show Environments: what runs, whether it is ready, and why not
#[derive(Args, Clone, Debug)]
pub struct Status {
    /// Name of the Environment; all of them where it is not given
    name: Option<String>,
    /// Those of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    connection: Connection,
}

/// Show an Environment's releases
#[derive(Args, Clone, Debug)]
pub struct History {
    /// Name of the Environment
    name: String,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    connection: Connection,
}

/// The Environment's address.
pub fn reference(cluster: &Cluster, global: &Global, name: &str) -> ObjectRef {
    let namespace = global.namespace.clone().unwrap_or_else(|| cluster.default_namespace().to_owned());
    ObjectRef { gvk: Gvk::new("windlass.dev/v1alpha1", "Environment"), namespace: Some(namespace), name: name.into() }
}

/// The Environment that is meant, validated: from a file, or from the cluster.
///
/// # Errors
/// It cannot be read, or cannot be meant.
pub async fn app(cluster: &Cluster, global: &Global, name: Option<&str>, file: Option<&std::path::Path>) -> Result<crate::app::App, String> {
    let (env, shown) = match file {
        Some(file) => {
            let shown = file.display().to_string();
            let text = std::fs::read_to_string(file).map_err(|error| format!("reading {shown}: {error}"))?;
            (crate::app::parse(&text).map_err(|error| format!("{shown}: {error}"))?, shown)
        }
        None => {
            let target = reference(cluster, global, name.unwrap_or_default());
            let live = cluster.get(&target).await.map_err(|error| format!("reading {target}: {error}"))?;
            (serde_json::from_value(live).map_err(|error| format!("reading {target}: {error}"))?, target.to_string())
        }
    };
    crate::app::App::resolve(&env).map_err(|error| format!("{shown}: {error}"))
}

/// Prints as JSON, or as YAML.
pub fn print(output: Output, value: &Value) {
    match output {
        Output::Yaml => {
            let value = crate::yaml::from_json(value.to_string().as_bytes()).expect("it was JSON");
            print!("{}", crate::yaml::to_yaml(&value));
        }
        _ => println!("{}", serde_json::to_string_pretty(value).expect("JSON serialises")),
    }
}

/// Prints a table without lines.
pub fn table(header: &[&str], rows: Vec<Vec<String>>) {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for line in table.to_string().lines() {
        println!("{}", line.strip_prefix(' ').unwrap_or(line).trim_end());
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string(),
    }
}

impl Status {
    /// Runs it.
    pub fn run(self, global: &Global) -> Outcome {
        connection::block_on(async move {
            let cluster = self.connection.connect().await?;
            let mut target = reference(&cluster, global, self.name.as_deref().unwrap_or_default());
            if self.all_namespaces {
                target.namespace = None;
            }
            let found = match &self.name {
                Some(_) => cluster.get(&target).await.map(|live| vec![live]),
                None => cluster.list(&target, "").await,
            };
            let found = found.map_err(|error| format!("reading {target}: {error}"))?;
            if matches!(self.output, Output::Json | Output::Yaml) {
                let all = if self.name.is_some() { found[0].clone() } else { Value::Array(found) };
                print(self.output, &all);
                return Ok(ExitCode::SUCCESS);
            }
            let wide = self.output == Output::Wide;
            let ready = |env: &Value, field: &str| {
                let conditions = env["status"]["conditions"].as_array();
                conditions.and_then(|c| c.iter().find(|c| c["type"] == "Ready")).map_or("-".into(), |c| text(&c[field]))
            };
            let rows = found.iter().map(|env| {
                let mut row = vec![
                    text(&env["metadata"]["namespace"]),
                    text(&env["metadata"]["name"]),
                    text(&env["spec"]["source"]["git"]["branch"]),
                    text(&env["status"]["revision"]),
                    text(&env["status"]["release"]["display"]),
                    ready(env, "status"),
                    ready(env, "reason"),
                    text(&env["status"]["tests"]["summary"]),
                ];
                if wide || self.name.is_some() {
                    row.push(ready(env, "message"));
                }
                row
            });
            let rows = rows.collect();
            let mut header = vec!["NAMESPACE", "NAME", "BRANCH", "REVISION", "RELEASE", "READY", "REASON", "TESTS"];
            if wide || self.name.is_some() {
                header.push("MESSAGE");
            }
            table(&header, rows);
            let all_ready = found.iter().all(|env| ready(env, "status") == "True");
            Ok(if self.name.is_none() || all_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        })
    }
}

impl History {
    /// Runs it.
    pub fn run(self, global: &Global) -> Outcome {
        connection::block_on(async move {
            let cluster = self.connection.connect().await?;
            let target = reference(&cluster, global, &self.name);
            let env = cluster.get(&target).await.map_err(|error| format!("reading {target}: {error}"))?;
            let env = serde_json::from_value(env).map_err(|error| format!("reading {target}: {error}"))?;
            let app = crate::app::App::resolve(&env).map_err(|error| format!("{target}: {error}"))?;
            let secrets = ObjectRef { gvk: Gvk::new("v1", "Secret"), namespace: Some(app.target_namespace.clone()), name: String::new() };
            let found = cluster.list(&secrets, &format!("owner=helm,name={}", app.release)).await;
            let found = found.map_err(|error| format!("reading the release records: {error}"))?;
            let mut releases: Vec<_> = found.iter().filter_map(|secret| Some((crate::release::read(secret).ok()?, secret))).collect();
            releases.sort_by_key(|(stored, _)| stored.release.version);
            let commit = |secret: &Value| {
                let revision = crate::object::annotation(secret, "windlass.dev/revision").unwrap_or("-");
                revision.chars().take(12).collect::<String>()
            };
            if matches!(self.output, Output::Json | Output::Yaml) {
                let rows = releases.iter().map(|(stored, secret)| serde_json::json!({
                    "number": stored.release.version, "status": stored.release.info.status.as_str(),
                    "revision": crate::object::annotation(secret, "windlass.dev/revision"),
                    "updated": secret["metadata"]["creationTimestamp"], "description": stored.release.info.description,
                }));
                print(self.output, &Value::Array(rows.collect()));
                return Ok(ExitCode::SUCCESS);
            }
            let rows = releases.iter().map(|(stored, secret)| vec![
                stored.release.version.to_string(),
                text(&secret["metadata"]["creationTimestamp"]),
                stored.release.info.status.as_str().to_owned(),
                commit(secret),
                stored.release.chart.as_ref().map(crate::release::Chart::label).unwrap_or_default(),
                stored.release.info.description.chars().take(100).collect(),
            ]);
            table(&["NUMBER", "CREATED", "STATUS", "REVISION", "CHART", "DESCRIPTION"], rows.collect());
            Ok(ExitCode::SUCCESS)
        })
    }
}
