//! `windlass package`: Helm's `pkg/action/package.go` and `chartutil.Save`.

use super::chart_source::{self, absolute};
use super::dependency;
use super::goerror::path_error;
use super::remote::ServerFlags;
use super::{Global, Outcome};
use crate::chart::{Chart, Log, gopath, log::quote, package};
use crate::template::semver::Version;
use clap::Args;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Package a chart directory into a chart archive.
#[derive(Args, Debug)]
pub struct Package {
    /// Folders of charts
    #[arg(value_name = "CHART_PATH")]
    charts: Vec<String>,
    /// Set the version on the chart to this semver version
    #[arg(long, value_name = "string")]
    version: Option<String>,
    /// Set the appVersion on the chart to this version
    #[arg(long, value_name = "string")]
    app_version: Option<String>,
    /// Location to write the chart
    #[arg(short, long, value_name = "string", default_value = ".")]
    destination: String,
    /// Update dependencies from "Chart.yaml" to dir "charts/" before packaging
    #[arg(short = 'u', long)]
    dependency_update: bool,
    /// Archives are not signed: refused
    #[arg(long)]
    sign: bool,
    /// Taken as helm takes it, without effect without --sign
    #[arg(long, value_name = "string")]
    key: Option<String>,
    /// Taken as helm takes it, without effect without --sign
    #[arg(long, value_name = "string")]
    keyring: Option<String>,
    /// Taken as helm takes it, without effect without --sign
    #[arg(long, value_name = "string")]
    passphrase_file: Option<String>,
    #[command(flatten)]
    server: ServerFlags,
}

impl Package {
    /// Runs the command.
    pub fn run(&self, global: &Global) -> Outcome {
        if self.charts.is_empty() {
            return Err("need at least one argument, the path to the chart".to_owned());
        }
        let epoch = source_date_epoch()?;
        if self.sign {
            return Err("--sign: windlass does not sign archives; use `helm package --sign`, or sign the commit".to_owned());
        }
        for argument in &self.charts {
            let folder = absolute(Path::new(argument))?;
            fs::metadata(argument).map_err(|error| path_error("stat", Path::new(argument), &error))?;
            if self.dependency_update {
                dependency::update(&folder, &self.server, epoch, global.debug)?;
            }
            let mut log = Log::default();
            let chart = chart_source::load(&folder, &mut log);
            super::print_notices(&log);
            let saved = self.save(chart?, &folder, epoch)?;
            println!("Successfully packaged chart and saved it to: {}", saved.display());
        }
        Ok(ExitCode::SUCCESS)
    }

    fn save(&self, mut chart: Chart, folder: &Path, epoch: Option<i64>) -> Result<PathBuf, String> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(version) = given(&self.version) {
            chart.metadata.version = version;
        }
        Version::parse(chart.metadata.version.as_bytes())?;
        if let Some(version) = given(&self.app_version) {
            chart.metadata.app_version = version;
        }
        super::template::check_dependencies(&chart)?;
        let destination = match self.destination.as_str() {
            "." => absolute(Path::new("."))?,
            other => PathBuf::from(other),
        };
        save(&mut chart, folder, &destination, epoch).map_err(|error| format!("failed to save: {error}"))
    }
}

/// `chartutil.Save` of a chart that was loaded from a folder: the archive's path.
pub(super) fn save(chart: &mut Chart, folder: &Path, destination: &Path, epoch: Option<i64>) -> Result<PathBuf, String> {
    chart.metadata.validate().map_err(|error| format!("chart validation: {error}"))?;
    let file = PathBuf::from(gopath::join(&[&destination.to_string_lossy(), &package::file_name(chart)]));
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match fs::metadata(parent) {
        Ok(info) if !info.is_dir() => return Err(format!("is not a directory: {}", parent.display())),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => super::create::make_folder(parent)?,
        Err(error) => return Err(format!("stat {}: {}", parent.display(), path_error("stat", parent, &error))),
    }
    let bytes = package::archive(chart, &times(chart, folder, epoch))?;
    fs::write(&file, bytes).map_err(|error| path_error("open", &file, &error))?;
    Ok(file)
}

/// When the files of a folder were modified, rounded to seconds as Go's tar writer does.
fn times(chart: &Chart, folder: &Path, epoch: Option<i64>) -> package::Times {
    if let Some(epoch) = epoch {
        return package::Times::All(epoch);
    }
    let rounded = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |since| ((since.as_nanos() + 500_000_000) / 1_000_000_000) as i64);
    let file = |path: &String| Some((path.clone(), rounded(fs::metadata(folder.join(path)).ok()?.modified().ok()?)));
    let files: BTreeMap<String, i64> = chart.raw.iter().filter_map(|source| file(&source.path)).collect();
    package::Times::Files { files, now: rounded(SystemTime::now()) }
}

/// `sourceDateEpochFromEnv`
pub(super) fn source_date_epoch() -> Result<Option<i64>, String> {
    let Some(text) = std::env::var("SOURCE_DATE_EPOCH").ok().filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.parse::<i64>() {
        Ok(epoch) if epoch < 0 => Err("invalid SOURCE_DATE_EPOCH: must not be negative".to_owned()),
        Ok(epoch) => Ok(Some(epoch)),
        Err(error) => {
            use std::num::IntErrorKind::{NegOverflow, PosOverflow};
            let why = if matches!(error.kind(), PosOverflow | NegOverflow) { "value out of range" } else { "invalid syntax" };
            Err(format!("invalid SOURCE_DATE_EPOCH: strconv.ParseInt: parsing {}: {why}", quote(&text)))
        }
    }
}
