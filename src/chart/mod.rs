//! A chart's files, metadata, dependencies, values and schema: Helm's `pkg/chart`, on files in memory.
//!
//! Loading is pure: an edge reads a directory or an archive into [`SourceFile`]s, [`load::load_files`] does the rest.

pub mod archive;
pub mod capabilities;
pub mod coalesce;
mod decode;
pub mod dependencies;
pub mod files;
pub mod glob;
pub mod gopath;
pub mod ignore;
pub mod layers;
pub mod load;
pub mod log;
pub mod metadata;
pub mod package;
pub mod plain;
pub mod repository;
pub mod schema;
pub mod semver;
pub mod strvals;
pub mod values;

pub use decode::{Field, Kind, decode_yaml, decode_yaml_strict};
pub use load::{LoadError, load_archive, load_files, load_v2_files};
pub use log::{Level, Log, Notice};
pub use metadata::{Dependency, Lock, Maintainer, Metadata};

use crate::value::Map;
use std::sync::Arc;

/// One file of a chart: its path below the chart's folder (with `/`) and its bytes, a UTF-8 byte order mark taken off.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceFile {
    /// The path below the chart's folder, such as `templates/service.yaml`.
    pub path: String,
    /// The content.
    pub bytes: Arc<[u8]>,
}

/// A chart as Helm's `chart.Chart`: cheap to clone, free to share between threads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// Every file as it was read, in reading order, those of subcharts among them.
    pub raw: Vec<SourceFile>,
    /// Chart.yaml, with requirements.yaml on top of it.
    pub metadata: Metadata,
    /// Chart.lock or requirements.lock.
    pub lock: Option<Lock>,
    /// The files below `templates/`.
    pub templates: Vec<SourceFile>,
    /// The default values.
    pub values: Arc<Map>,
    /// values.schema.json as it was read.
    pub schema: Option<Arc<[u8]>>,
    /// All other files, those that `.Files` shows.
    pub files: Vec<SourceFile>,
    /// The subcharts.
    pub dependencies: Vec<Chart>,
}

/// A file below `crds/`, with the path that Helm shows for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Crd {
    /// The path below its own chart, such as `crds/foo.yaml`.
    pub name: String,
    /// The path from the root chart's name on, such as `parent/charts/child/crds/foo.yaml`.
    pub filename: String,
    /// The content.
    pub bytes: Arc<[u8]>,
}

impl Chart {
    /// The name in Chart.yaml, or the alias once dependencies were processed.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Whether this is a library chart, whose templates are only included by others.
    pub fn is_library(&self) -> bool {
        self.metadata.kind.eq_ignore_ascii_case("library")
    }

    /// The objects below `crds/` of this chart and its subcharts (`CRDObjects` in `pkg/chart/v2/chart.go`).
    pub fn crds(&self) -> Vec<Crd> {
        let mut found = Vec::new();
        self.collect_crds(self.name(), &mut found);
        found
    }

    fn collect_crds(&self, full_path: &str, found: &mut Vec<Crd>) {
        for file in &self.files {
            if file.path.starts_with("crds/") && has_manifest_extension(&file.path) {
                let filename = gopath::join(&[full_path, &file.path]);
                found.push(Crd { name: file.path.clone(), filename, bytes: file.bytes.clone() });
            }
        }
        for dependency in &self.dependencies {
            dependency.collect_crds(&format!("{full_path}/charts/{}", dependency.name()), found);
        }
    }
}

fn has_manifest_extension(path: &str) -> bool {
    let extension = gopath::extension(path);
    [".yaml", ".yml", ".json"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}
