//! Chart repositories over HTTP(S): the index with its tag, archives where it says, ChartMuseum's API to publish.

use super::chart_error::ChartError;
use super::charts::{Charts, Found, Outcome, Repository, Upload, index_error};
use super::http::{self, Answer, Fault, MAX_ARCHIVE_BYTES, MAX_INDEX_BYTES};
use crate::chart::repository::{self, Index, Wanted};
use std::sync::Arc;

/// An index as it was last read.
#[derive(Clone, Debug)]
pub struct Known {
    pub(super) etag: Option<String>,
    pub(super) index: Arc<Index>,
}

/// The index of a repository; asked for with its tag where it was read before.
///
/// # Errors
/// The server cannot be reached, refuses, has none, or it is no index.
pub async fn index(charts: &Charts, repository: &Repository) -> Result<Arc<Index>, ChartError> {
    let shown = repository.shown();
    let url = repository::resolve(&repository.address, "index.yaml").map_err(|why| repository.invalid(why))?;
    let known = charts.known(repository);
    let client = charts.client(repository)?;
    let doing = || format!("reading the index of {shown}");
    let missing = "there is no index.yaml; check that the address is the one that `helm repo add` takes";
    let etag = known.as_ref().and_then(|known| known.etag.as_deref());
    let answer = http::get(&client, &url, &repository.access, etag, MAX_INDEX_BYTES).await;
    match answer.map_err(|fault| fault.error(doing(), &repository.access, missing))? {
        Answer::Unchanged => known.map(|known| known.index).ok_or_else(|| repository.invalid("it answered 304 to a first question".into())),
        Answer::Body { bytes, etag } => {
            let index = charts.parse_index(bytes, &shown).await.map_err(|why| index_error(doing(), why))?;
            charts.remember(repository, Known { etag, index: index.clone() });
            Ok(index)
        }
    }
}

/// Which version is meant, and where its archive is.
///
/// # Errors
/// As [`index`]; and no such chart or version.
pub async fn find(charts: &Charts, repository: &Repository, name: &str, wanted: &Wanted) -> Result<Found, ChartError> {
    let index = index(charts, repository).await?;
    from_index(&index, repository, name, wanted)
}

/// The same in an index that was read.
///
/// # Errors
/// No such chart or version.
pub fn from_index(index: &Index, repository: &Repository, name: &str, wanted: &Wanted) -> Result<Found, ChartError> {
    let doing = || format!("looking for chart {name} in {}", repository.shown());
    let list = index.entries.get(name).map(Vec::as_slice).unwrap_or_default();
    if list.is_empty() {
        const SHOWN: usize = 8;
        let names: Vec<&str> = index.entries.keys().take(SHOWN).map(String::as_str).collect();
        let more = if index.entries.len() > SHOWN { ", …" } else { "" };
        return Err(ChartError::Missing { doing: doing(), why: format!("the index has no such chart (it has {}{more}); check the name", names.join(", ")) });
    }
    let versions: Vec<String> = list.iter().map(|entry| entry.metadata.version.clone()).collect();
    let version = repository::best(&versions, wanted).map_err(|why| ChartError::Missing { doing: doing(), why })?;
    let entry = list.iter().find(|entry| entry.metadata.version == version);
    let url = entry.and_then(|entry| entry.urls.first());
    let (Some(entry), Some(url)) = (entry, url) else {
        return Err(ChartError::Invalid { doing: doing(), why: format!("version {version} has no URL in the index") });
    };
    let place = match repository.address.starts_with("s3://") {
        true => url.clone(),
        false => repository::resolve(&repository.address, url).map_err(|why| ChartError::Invalid { doing: doing(), why })?,
    };
    Ok(Found { version: version.to_owned(), digest: entry.sha256().map(str::to_owned), place })
}

/// Fetches an archive from where the index says. Credentials go to the repository's own host alone, unless told otherwise.
///
/// # Errors
/// The server cannot be reached, refuses, or has it not.
pub async fn archive(charts: &Charts, repository: &Repository, found: &Found) -> Result<Vec<u8>, ChartError> {
    let client = charts.client(repository)?;
    let own = repository.access.pass_everywhere || repository::same_host(&repository.address, &found.place);
    let access = if own { repository.access.clone() } else { Default::default() };
    let doing = format!("fetching {}", repository::masked(&found.place));
    let missing = "the index names it, and it is not there; publish it again";
    match http::get(&client, &found.place, &access, None, MAX_ARCHIVE_BYTES).await {
        Ok(Answer::Body { bytes, .. }) => Ok(bytes),
        Ok(Answer::Unchanged) => Err(ChartError::Invalid { doing, why: "it answered 304 to a first question".into() }),
        Err(fault) => Err(fault.error(doing, &access, missing)),
    }
}

/// Publishes by ChartMuseum's API: `POST /api/PATH/charts`, which refuses a version that is there.
///
/// # Errors
/// As the server refuses; other content under the same version.
pub async fn publish(charts: &Charts, repository: &Repository, upload: &Upload) -> Result<Outcome, ChartError> {
    if let Some(outcome) = published(charts, repository, upload).await? {
        return Ok(outcome);
    }
    let client = charts.client(repository)?;
    let url = api(&repository.address);
    let doing = || format!("publishing {} to {}", upload.label(), repository.shown());
    let request = http::request(&client, reqwest::Method::POST, &url, &repository.access);
    let sent = request.header(reqwest::header::CONTENT_TYPE, "application/octet-stream").body(upload.archive.to_vec()).send().await;
    let response = sent.map_err(|error| http::transport(&error, "Post", &url).error(doing(), &repository.access, ""))?;
    let stored = async || {
        let place = repository::resolve(&repository.address, &format!("charts/{}.tgz", upload.label())).map_err(|why| repository.invalid(why))?;
        archive(charts, repository, &Found { version: upload.metadata.version.clone(), digest: None, place }).await
    };
    match response.status().as_u16() {
        // It looks for the version and then stores it: of two at once both are taken, and the later one stays.
        200 | 201 => match stored().await {
            Ok(there) => upload.compare(&there, &repository.shown()).map(|_| Outcome::Published),
            Err(ChartError::Missing { .. }) => Ok(Outcome::Published),
            Err(error) => Err(error),
        },
        // Somebody was faster, or the index is behind what is stored: what is there decides.
        409 => match published(charts, repository, upload).await? {
            Some(outcome) => Ok(outcome),
            None => upload.compare(&stored().await?, &repository.shown()),
        },
        status => Err(Fault::Status(status).error(doing(), &repository.access, "this server has no ChartMuseum API (POST /api/charts)")),
    }
}

/// Whether the version is there already, by the index.
async fn published(charts: &Charts, repository: &Repository, upload: &Upload) -> Result<Option<Outcome>, ChartError> {
    let index = index(charts, repository).await?;
    let Some(entry) = index.exact(&upload.metadata.name, &upload.metadata.version) else { return Ok(None) };
    if entry.sha256() == Some(upload.digest.as_str()) {
        return Ok(Some(Outcome::AlreadyThere));
    }
    let wanted = Wanted { range: upload.metadata.version.clone(), prereleases: true };
    let found = from_index(&index, repository, &upload.metadata.name, &wanted)?;
    let there = archive(charts, repository, &found).await?;
    upload.compare(&there, &repository.shown()).map(Some)
}

/// The address of ChartMuseum's API for a repository: `/api` before the path, `/charts` after it.
fn api(address: &str) -> String {
    let start = address.find("://").map_or(0, |at| at + 3);
    let (origin, path) = address[start..].find('/').map_or((address, ""), |slash| address.split_at(start + slash));
    format!("{origin}/api{}/charts", path.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    // ChartMuseum's documentation: https://github.com/helm/chartmuseum, "Multitenancy"
    #[test]
    fn the_api_lies_before_the_path() {
        assert_eq!(super::api("https://charts.example.com/"), "https://charts.example.com/api/charts");
        assert_eq!(super::api("https://charts.example.com/org/repo"), "https://charts.example.com/api/org/repo/charts");
    }
}
