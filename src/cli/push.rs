//! `windlass push`: Helm's `pkg/pusher/ocipusher.go`.

use super::connection::block_on;
use super::goerror::path_error;
use super::remote::{Printer, ServerFlags, Session, push};
use super::{Outcome, chart_source};
use crate::chart::log::quote;
use crate::chart::repository::OciReference;
use crate::chart::{Log, gopath};
use crate::sources::Upload;
use clap::Args;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Push a chart to remote.
#[derive(Args, Debug)]
pub struct Push {
    /// The chart's archive
    chart: String,
    /// The registry and the path in it, oci://…
    remote: String,
    #[command(flatten)]
    server: ServerFlags,
}

impl Push {
    /// Runs the command.
    pub fn run(&self) -> Outcome {
        block_on(async {
            let session = Session::new(&self.server, false, Printer::Out)?;
            let base = match self.remote.split_once("://") {
                Some(("oci", base)) => base,
                Some((scheme, _)) => return Err(format!("scheme {} not supported", quote(scheme))),
                None => return Err("scheme prefix missing from remote (e.g. \"oci://\")".to_owned()),
            };
            let path = Path::new(&self.chart);
            let info = fs::metadata(path).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => format!("{}: no such file", self.chart),
                _ => path_error("stat", path, &error),
            })?;
            if info.is_dir() {
                return Err("cannot push directory, must provide chart archive (.tgz)".to_owned());
            }
            let mut log = Log::default();
            let chart = chart_source::load(path, &mut log);
            super::print_notices(&log);
            let metadata = chart?.metadata;
            let bytes = fs::read(path).map_err(|error| path_error("open", path, &error))?;
            let provenance = fs::read(format!("{}.prov", self.chart)).ok();
            let name = gopath::join(&[base, &metadata.name]);
            let reference = OciReference::parse(&format!("{name}:{}", metadata.version))?;
            let modified = info.modified().unwrap_or(std::time::SystemTime::UNIX_EPOCH);
            let upload = Upload { digest: crate::sources::charts::sha256(&bytes), archive: bytes.into(), metadata, created: local_time(modified) };
            push(&session, &reference, &upload, provenance.as_deref()).await?;
            Ok(ExitCode::SUCCESS)
        })
    }
}

/// A file's time as Go formats it in the local zone (`time.RFC3339`).
fn local_time(time: std::time::SystemTime) -> String {
    let zoned = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_zoned(jiff::tz::TimeZone::system());
    match zoned.offset().is_zero() {
        true => zoned.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        false => zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
    }
}
