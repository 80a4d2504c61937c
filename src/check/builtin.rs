//! The built-in kinds of Kubernetes versions, for checks without a cluster. `tests/oracle/openapi` makes the file.

use super::catalog::Catalog;
use super::schema::Schema;
use flate2::read::GzDecoder;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

/// 50 kB. Definitions that do not change between versions stand there once.
const PACKED: &[u8] = include_bytes!("builtin.json.gz");

/// What the file may unpack to: thirty times what it does.
const MAX_BYTES: u64 = 16 << 20;

#[derive(Deserialize)]
struct Packed {
    schemas: Vec<Schema>,
    /// By version, and there by definition name, the place in `schemas`.
    versions: BTreeMap<String, BTreeMap<String, usize>>,
}

/// A version that is not embedded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Kubernetes {asked} is not embedded; there are {}: name one of them, or check against a cluster", .known.join(", "))]
pub struct BuiltinError {
    /// What was asked for.
    pub asked: String,
    /// What there is.
    pub known: Vec<String>,
}

/// The versions that are embedded, the newest last.
pub fn versions() -> Vec<String> {
    unpack().versions.into_keys().collect()
}

/// The built-in kinds of a version: `1.37.2`, `v1.37.2`, `1.37`; the newest where none is named. Patch releases change no
/// schema, so that any patch of an embedded minor version is as good. The version that it is comes with it.
///
/// # Errors
/// The minor version is not embedded.
pub fn builtin(version: Option<&str>) -> Result<(String, Catalog), BuiltinError> {
    let packed = unpack();
    let minor = |text: &str| text.trim_start_matches('v').split(['.', '-', '+']).take(2).map(str::to_owned).collect::<Vec<_>>();
    let chosen = match version {
        None => packed.versions.iter().next_back(),
        Some(asked) => packed.versions.iter().find(|(known, _)| minor(known) == minor(asked)),
    };
    let Some((name, places)) = chosen else {
        let known = packed.versions.keys().cloned().collect();
        return Err(BuiltinError { asked: version.unwrap_or_default().to_owned(), known });
    };
    let schemas: Vec<Arc<Schema>> = packed.schemas.into_iter().map(Arc::new).collect();
    let mut catalog = Catalog::default();
    for (definition, place) in places {
        if let Some(schema) = schemas.get(*place) {
            catalog.add(definition.clone(), schema.clone());
        }
    }
    Ok((name.clone(), catalog))
}

fn unpack() -> Packed {
    let mut text = Vec::new();
    let read = GzDecoder::new(PACKED).take(MAX_BYTES).read_to_end(&mut text);
    read.expect("the embedded file is gzip: a test reads it");
    serde_json::from_slice(&text).expect("the embedded file is JSON: a test reads it")
}
