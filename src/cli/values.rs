//! `windlass values`: the values that a chart gets, which layer set one, and what two Environments have and lack.

#[cfg(feature = "agent")]
use super::connection::{self, Connection};
use super::chart_source;
use super::value_flags::ValueFlags;
use super::{Global, Outcome};
use crate::chart::Log;
use crate::chart::layers::{self, Layer};
use crate::value::Value;
use crate::yaml;
use clap::Args;
use std::path::Path;
#[cfg(feature = "agent")]
use std::process::ExitCode;

/// Show the values of an Environment or chart, which layer set one, or what two Environments have and lack
#[derive(Args, Debug)]
pub struct Values {
    /// The Environment, or a chart's folder or archive
    #[cfg_attr(feature = "agent", arg(value_name = "ENVIRONMENT|CHART", required_unless_present = "compare"))]
    #[cfg_attr(not(feature = "agent"), arg(value_name = "CHART", required = true))]
    of: Option<String>,
    /// Tell which layer set this value, for example `image.tag`
    #[arg(long, value_name = "KEY")]
    explain: Option<String>,
    /// Tell which keys one Environment has and the other lacks, and whether the second would take the first one's revision
    #[cfg(feature = "agent")]
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"], conflicts_with_all = ["of", "explain"])]
    compare: Vec<String>,
    #[command(flatten)]
    values: ValueFlags,
    #[cfg(feature = "agent")]
    #[command(flatten)]
    connection: Connection,
}

/// What stands in a secret's place.
const HIDDEN: &str = "(secret)";

impl Values {
    /// Runs it. `--compare`: 0 neither lacks anything, 2 one does, 1 the revision would be refused or it cannot be told.
    pub fn run(&self, global: &Global) -> Outcome {
        #[cfg(feature = "agent")]
        if let [from, to] = self.compare.as_slice() {
            return connection::block_on(self.compare(global, from, to));
        }
        let of = self.of.as_deref().unwrap_or_default();
        let layers = if Path::new(of).exists() { self.of_chart(Path::new(of))? } else { self.of_environment(global, of)? };
        match &self.explain {
            Some(key) => explain(&layers, key),
            None => super::write_out(yaml::to_yaml(&Value::Map(layers::merged(&shown(&layers)))).as_bytes()),
        }
    }

    fn of_chart(&self, path: &Path) -> Result<Vec<Layer>, String> {
        let chart = chart_source::load(path, &mut Log::default())?;
        let mut layers = vec![Layer { name: format!("{}: values.yaml", chart.name()), values: (*chart.values).clone(), secret: false }];
        layers.extend(self.values.layers()?);
        Ok(layers)
    }

    #[cfg(not(feature = "agent"))]
    fn of_environment(&self, _: &Global, of: &str) -> Result<Vec<Layer>, String> {
        Err(format!("there is no chart at {of}"))
    }

    #[cfg(feature = "agent")]
    fn of_environment(&self, global: &Global, of: &str) -> Result<Vec<Layer>, String> {
        connection::block_on_value(async {
            let asked = Asked::begin(&self.connection).await?;
            let app = super::environments::app(&asked.cluster, global, Some(of), None).await?;
            crate::agent::planning::values(&asked.shared, &app).await.map_err(|failure| failure.message)
        })
    }

    #[cfg(feature = "agent")]
    async fn compare(&self, global: &Global, from: &str, to: &str) -> Outcome {
        use crate::agent::planning;
        let asked = Asked::begin(&self.connection).await?;
        let mut both = Vec::new();
        for name in [from, to] {
            let app = super::environments::app(&asked.cluster, global, Some(name), None).await?;
            let values = planning::values(&asked.shared, &app).await.map_err(|failure| format!("{name}: {}", failure.message))?;
            both.push((app, layers::merged(&values)));
        }
        let mut text = String::new();
        let mut differ = false;
        for (has, lacks) in [(0, 1), (1, 0)] {
            for key in layers::lacking(&both[has].1, &both[lacks].1) {
                differ = true;
                text.push_str(&format!("{key}: {} has it, {} lacks it\n", both[has].0.name, both[lacks].0.name));
            }
        }
        super::write_out(text.as_bytes())?;
        if let Err(failure) = planning::promotable(&asked.shared, &both[0].0, &both[1].0).await {
            return Err(format!("{to} would refuse what {from} is at: {}", failure.message));
        }
        Ok(if differ { ExitCode::from(2) } else { ExitCode::SUCCESS })
    }
}

/// A connection with a cache that goes again.
#[cfg(feature = "agent")]
struct Asked {
    cluster: crate::cluster::Cluster,
    shared: std::sync::Arc<crate::agent::Shared>,
    _cache: super::look::Cache,
}

#[cfg(feature = "agent")]
impl Asked {
    async fn begin(connection: &Connection) -> Result<Asked, String> {
        let cluster = connection.connect().await?;
        let cache = super::look::Cache::new(None);
        let shared = crate::agent::shared_once(cluster.clone(), cache.folder(), &super::agent::identity()).await;
        Ok(Asked { cluster, shared: shared.map_err(|error| error.to_string())?, _cache: cache })
    }
}

/// A line for each layer that says something of the key, the one that holds marked.
fn explain(layers: &[Layer], key: &str) -> Outcome {
    let said = layers::explain(layers, key);
    if said.is_empty() {
        return Err(format!("no layer sets {key}; there are {}", layers.iter().map(|layer| layer.name.as_str()).collect::<Vec<_>>().join(", ")));
    }
    let mut text = String::new();
    for one in &said {
        let value = if one.secret { HIDDEN.to_owned() } else { yaml::to_json(&one.value, false) };
        text.push_str(&format!("{} {}: {value}\n", if one.holds { "*" } else { " " }, one.layer));
    }
    super::write_out(text.as_bytes())
}

/// The layers with what is secret hidden.
fn shown(layers: &[Layer]) -> Vec<Layer> {
    fn hidden(value: &Value) -> Value {
        match value {
            Value::Map(map) => Value::Map(map.iter().map(|(key, value)| (key.clone(), hidden(value))).collect()),
            Value::List(items) => Value::List(items.iter().map(hidden).collect()),
            Value::Null => Value::Null,
            _ => HIDDEN.into(),
        }
    }
    let show = |layer: &Layer| match (layer.secret, hidden(&Value::Map(layer.values.clone()))) {
        (true, Value::Map(values)) => Layer { values, ..layer.clone() },
        _ => layer.clone(),
    };
    layers.iter().map(show).collect()
}
