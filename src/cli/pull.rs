//! `windlass pull`: Helm's `pkg/action/pull.go`.

use super::connection::block_on;
use super::goerror::path_error;
use super::remote::{ChartFlags, Printer, Session};
use super::{Outcome, create::make_folder};
use crate::chart::{Log, archive::read_archive, gopath, log::quote};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Download a chart from a repository and (optionally) unpack it in local directory.
#[derive(Args, Debug)]
pub struct Pull {
    /// Charts: URLs, oci://…, repository/name, or names in the repository that --repo names
    #[arg(required = true, value_name = "chart URL | repo/chartname")]
    charts: Vec<String>,
    /// If set to true, will untar the chart after downloading it
    #[arg(long)]
    untar: bool,
    /// If untar is specified, this flag specifies the name of the directory into which the chart is expanded
    #[arg(long, value_name = "string", default_value = ".")]
    untardir: String,
    /// Location to write the chart. If this and untardir are specified, untardir is appended to this
    #[arg(short, long, value_name = "string", default_value = ".")]
    destination: String,
    /// Provenance files are not fetched: refused
    #[arg(long)]
    prov: bool,
    #[command(flatten)]
    flags: ChartFlags,
}

impl Pull {
    /// Runs the command.
    pub fn run(&self) -> Outcome {
        self.flags.check()?;
        if self.prov {
            return Err("--prov: windlass does not fetch provenance files; use `helm pull --prov`".to_owned());
        }
        block_on(async {
            let session = Session::new(&self.flags.server, self.flags.pass_credentials, Printer::Out)?;
            for chart in &self.charts {
                let mut log = Log::default();
                let done = self.one(chart, &session, &mut log).await;
                super::print_notices(&log);
                done?;
            }
            Ok(ExitCode::SUCCESS)
        })
    }

    async fn one(&self, reference: &str, session: &Session, log: &mut Log) -> Result<(), String> {
        let place = session.locate(reference, &self.flags, log).await?;
        let bytes = session.fetch(&place).await?;
        if !self.untar {
            let file = PathBuf::from(gopath::join(&[&self.destination, &place.file_name()]));
            return write(&file, &bytes);
        }
        let folder = match Path::new(&self.untardir).is_absolute() {
            true => self.untardir.clone(),
            false => gopath::join(&[&self.destination, &self.untardir]),
        };
        // helm looks for the reference's last part, whatever the chart is called.
        let last = reference.rsplit('/').next().unwrap_or_default();
        let check = if folder == "." { last.to_owned() } else { gopath::join(&[&folder, last]) };
        if Path::new(&check).exists() {
            return Err(format!("failed to untar: a file or directory with the name {check} already exists"));
        }
        make_folder(Path::new(&check)).map_err(|error| format!("failed to untar (mkdir): {error}"))?;
        expand(Path::new(&folder), &bytes)
    }
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), String> {
    // Whole or not at all, as helm writes it.
    let partial = file.with_file_name(format!(".windlass-{}-{}", std::process::id(), file.file_name().unwrap_or_default().to_string_lossy()));
    let written = fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, file));
    written.map_err(|error| {
        let _ = fs::remove_file(&partial);
        path_error("open", file, &error)
    })
}

/// `chartutil.Expand`: the archive's files below a folder of the chart's name.
pub(super) fn expand(folder: &Path, archive: &[u8]) -> Result<(), String> {
    let files = read_archive(archive).map_err(|error| error.message)?;
    let mut name = String::new();
    for file in files.iter().filter(|file| file.path == "Chart.yaml") {
        let chart = crate::yaml::from_yaml_map(&file.bytes).map_err(|error| format!("cannot load Chart.yaml: {}", error.message))?;
        name = chart.get(&b"name"[..]).and_then(|name| name.as_str()).unwrap_or_default().to_owned();
    }
    if name.is_empty() {
        return Err("chart name not specified".to_owned());
    }
    if name == "." || name == ".." {
        return Err(format!("chart name {} is not allowed", quote(&name)));
    }
    if name != gopath::base(&name) {
        return Err(format!("chart name {} must not contain path separators", quote(&name)));
    }
    let top = folder.join(&name);
    for file in &files {
        // `read_archive` lets no path lead out; a link that lies there already is not followed.
        let path = top.join(&file.path);
        let parent = path.parent().unwrap_or(&top);
        make_folder(parent)?;
        let inside = parent.canonicalize().is_ok_and(|parent| top.canonicalize().is_ok_and(|top| parent.starts_with(top)));
        if !inside || path.is_symlink() {
            return Err(format!("{} leads out of {}", path.display(), top.display()));
        }
        fs::write(&path, &file.bytes).map_err(|error| path_error("open", &path, &error))?;
    }
    Ok(())
}
