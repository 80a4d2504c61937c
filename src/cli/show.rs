//! `windlass show`: Helm's `pkg/action/show.go`.

use super::chart_source;
use super::remote::ChartFlags;
use super::{Outcome, write_out};
use crate::chart::{Chart, Log};
use crate::template::jsonpath;
use crate::value::Value;
use crate::yaml;
use clap::{Args, Subcommand};

/// Show information of a chart.
#[derive(Args, Debug)]
pub struct Show {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand, Debug)]
enum Part {
    /// Show all information of the chart
    All(Reference),
    /// Show the chart's definition
    Chart(Reference),
    /// Show the chart's values
    Values(Values),
    /// Show the chart's README
    Readme(Reference),
    /// Show the chart's CRDs
    Crds(Reference),
}

#[derive(Args, Debug)]
struct Reference {
    /// The chart: a folder, an archive, a URL, oci://… or repository/name
    chart: String,
    #[command(flatten)]
    flags: ChartFlags,
}

#[derive(Args, Debug)]
struct Values {
    #[command(flatten)]
    reference: Reference,
    /// supply a JSONPath expression to filter the output
    #[arg(long, value_name = "string")]
    jsonpath: Option<String>,
}

impl Show {
    /// Runs the command.
    pub fn run(&self) -> Outcome {
        let (Part::All(reference)
        | Part::Chart(reference)
        | Part::Values(Values { reference, .. })
        | Part::Readme(reference)
        | Part::Crds(reference)) = &self.part;
        let mut log = Log::default();
        let chart = chart_source::find(&reference.chart, &reference.flags, &mut log).and_then(|located| chart_source::load_located_v2(&located, &mut log));
        super::print_notices(&log);
        let chart = chart?;
        if let Part::Values(Values { jsonpath: Some(path), .. }) = &self.part
            && !path.is_empty()
        {
            return write_out(&at_path(&chart, path)?);
        }
        write_out(&self.text(&chart))
    }

    fn text(&self, chart: &Chart) -> Vec<u8> {
        let all = matches!(self.part, Part::All(_));
        let mut out = Vec::new();
        let line = |out: &mut Vec<u8>, text: &[u8]| {
            out.extend_from_slice(text);
            out.push(b'\n');
        };
        if all || matches!(self.part, Part::Chart(_)) {
            line(&mut out, yaml::to_yaml(&chart.metadata.to_value()).as_bytes());
        }
        if all || matches!(self.part, Part::Values(_)) {
            let values = chart.raw.iter().filter(|file| file.path == "values.yaml");
            for (place, file) in values.enumerate() {
                if all && place == 0 {
                    line(&mut out, b"---");
                }
                line(&mut out, &file.bytes);
            }
        }
        if all || matches!(self.part, Part::Readme(_)) {
            let names = ["readme.md", "readme.txt", "readme"];
            let readme = chart.files.iter().find(|file| names.iter().any(|name| file.path.eq_ignore_ascii_case(name)));
            if let Some(readme) = readme {
                if all {
                    line(&mut out, b"---");
                }
                line(&mut out, &readme.bytes);
            }
        }
        if all || matches!(self.part, Part::Crds(_)) {
            for crd in chart.crds() {
                if !crd.bytes.starts_with(b"---") {
                    line(&mut out, b"---");
                }
                line(&mut out, &crd.bytes);
            }
        }
        out
    }
}

/// The chart's own values by a template. A chart without a file of values has none to print.
fn at_path(chart: &Chart, path: &str) -> Result<Vec<u8>, String> {
    if !chart.raw.iter().any(|file| file.path == "values.yaml") {
        return Ok(Vec::new());
    }
    let template = jsonpath::Template::parse(path).map_err(|error| format!("error parsing jsonpath {path}: {error}"))?;
    Ok(template.print(&Value::Map((*chart.values).clone())))
}
