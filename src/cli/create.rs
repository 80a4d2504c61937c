//! `windlass create`: the chart that `helm create` v4.3.1 writes (`pkg/chart/v2/util/create.go`).

use super::Outcome;
use super::chart_source::absolute;
use super::goerror::path_error;
use crate::chart::log::quote;
use clap::Args;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Create a new chart with the given name.
#[derive(Args, Debug)]
pub struct Create {
    /// The chart's name, or the path of its folder
    name: String,
}

const MAX_CHART_NAME_BYTES: usize = 250;

/// Path and text of each file, in Helm's order of writing.
const FILES: [(&str, &str); 12] = [
    ("Chart.yaml", include_str!("create/Chart.yaml")),
    ("values.yaml", include_str!("create/values.yaml")),
    (".helmignore", include_str!("create/helmignore")),
    ("templates/ingress.yaml", include_str!("create/ingress.yaml")),
    ("templates/httproute.yaml", include_str!("create/httproute.yaml")),
    ("templates/deployment.yaml", include_str!("create/deployment.yaml")),
    ("templates/service.yaml", include_str!("create/service.yaml")),
    ("templates/serviceaccount.yaml", include_str!("create/serviceaccount.yaml")),
    ("templates/hpa.yaml", include_str!("create/hpa.yaml")),
    ("templates/NOTES.txt", include_str!("create/NOTES.txt")),
    ("templates/_helpers.tpl", include_str!("create/_helpers.tpl")),
    ("templates/tests/test-connection.yaml", include_str!("create/test-connection.yaml")),
];

impl Create {
    /// Runs the command.
    pub fn run(&self) -> Outcome {
        println!("Creating {}", self.name);
        let name = crate::chart::gopath::base(&self.name);
        if name.is_empty() || name.len() > MAX_CHART_NAME_BYTES {
            return Err(format!("chart name must be between 1 and {MAX_CHART_NAME_BYTES} characters"));
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
            return Err("chart name must match the regular expression \"^[a-zA-Z0-9._-]+$\"".to_owned());
        }
        let parent = Path::new(&self.name).parent().unwrap_or(Path::new(""));
        let parent = absolute(parent)?;
        let info = fs::metadata(&parent).map_err(|error| path_error("stat", &parent, &error))?;
        if !info.is_dir() {
            return Err(format!("no such directory {}", parent.display()));
        }
        let folder = parent.join(name);
        if fs::metadata(&folder).is_ok_and(|info| !info.is_dir()) {
            return Err(format!("file {} already exists and is not a directory", folder.display()));
        }
        for (path, text) in FILES {
            let path = folder.join(path);
            if path.exists() {
                println!("WARNING: File {} already exists. Overwriting.", quote(&path.to_string_lossy()));
            }
            make_folder(path.parent().unwrap_or(&folder))?;
            let text = text.replace("<CHARTNAME>", name);
            fs::write(&path, text).map_err(|error| path_error("open", &path, &error))?;
        }
        make_folder(&folder.join("charts"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `os.MkdirAll`
pub(super) fn make_folder(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| path_error("mkdir", folder, &error))
}
