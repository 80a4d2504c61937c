//! The check before every plan: each object of a release, hooks and tests among them, against the server's schemas. What does
//! not exist yet is not tried by a dry run, so this is what keeps half a release from being applied.

use super::Shared;
use crate::{
    check::{self, Catalog, Document, Fault, Finding, Report},
    cluster::{ApiError, MAX_SCHEMA_AGE},
    decide::{Class, Failure},
    object::{Gvk, Object},
    release::Release,
};
use std::{collections::BTreeSet, time::Duration};

/// How many findings a condition or event quotes.
const MAX_TOLD: usize = 5;

/// Refuses a release that the API server would refuse; `crds` are made before it is applied.
///
/// # Errors
/// The findings, or that the server could not be asked.
pub async fn validate(shared: &Shared, release: &Release, crds: &[Object]) -> Result<(), Failure> {
    let report = match report(shared, release, crds).await {
        Ok(report) => report,
        // Who may not read the schemas is no worse off than without this check: the server still judges what is applied.
        Err(error) if matches!(error.code, 401 | 403 | 404 | 406) => {
            tracing::warn!(reason = "SchemasUnreadable", "objects are not checked against the server's schemas: {error}; allow GET on /openapi/v3 and below");
            return Ok(());
        }
        Err(error) => return Err(error.failure("reading the server's schemas")),
    };
    match report.findings.as_slice() {
        [] => Ok(()),
        findings => Err(refusal(findings)),
    }
}

/// Checks all objects of a release; `crds` are made before it is applied.
///
/// # Errors
/// The server could not be asked.
pub async fn report(shared: &Shared, release: &Release, crds: &[Object]) -> Result<Report, ApiError> {
    let documents = documents(release);
    let mut findings = look(shared, crds, &documents, MAX_SCHEMA_AGE).await?;
    if !findings.is_empty() {
        // Not by schemas of yesterday.
        findings = look(shared, crds, &documents, Duration::ZERO).await?;
    }
    for finding in &mut findings {
        finding.template_line = template_line(release, finding);
    }
    let objects = documents.iter().filter_map(|document| document.objects.as_ref().ok()).flatten();
    let checked = objects.map(|object| (object.reference.to_string(), object.source.clone())).collect();
    Ok(Report { against: "the cluster".into(), checked, findings })
}

fn documents(release: &Release) -> Vec<Document> {
    let mut documents = check::documents(&release.manifest, None);
    for hook in &release.hooks {
        documents.extend(check::documents(&hook.manifest, Some(&hook.path)));
    }
    documents
}

async fn look(shared: &Shared, crds: &[Object], documents: &[Document], max_age: Duration) -> Result<Vec<Finding>, ApiError> {
    let mut catalog = Catalog::default();
    let mut kinds: BTreeSet<Gvk> = BTreeSet::new();
    for object in documents.iter().filter_map(|document| document.objects.as_ref().ok()).flatten() {
        catalog.add_crd(&object.json);
        kinds.insert(object.reference.gvk.clone());
    }
    // Custom resources refer to the metadata of core objects.
    kinds.insert(Gvk::new("v1", "ConfigMap"));
    kinds.retain(|gvk| !catalog.has(gvk));
    let kinds: Vec<Gvk> = kinds.into_iter().collect();
    shared.schemas.add(&kinds, max_age, &mut catalog).await?;
    for object in crds {
        catalog.add_crd(&object.json);
    }
    let mut findings = Vec::new();
    for document in documents {
        for finding in document.check(&catalog) {
            if finding.fault != Fault::UnknownKind || !shared.schemas.knows(&finding.object.gvk).await {
                findings.push(finding);
            }
        }
    }
    Ok(findings)
}

/// The line of the chart's own template; those of subcharts are not in the record.
fn template_line(release: &Release, finding: &Finding) -> Option<usize> {
    use base64::Engine as _;
    let chart = release.chart.as_ref()?.to_value();
    let path = finding.source.as_ref()?.split_once('/')?.1.to_owned();
    let template = chart["templates"].as_array()?.iter().find(|template| template["name"] == path.as_str())?;
    let text = base64::engine::general_purpose::STANDARD.decode(template["data"].as_str()?).ok()?;
    check::template_line(std::str::from_utf8(&text).ok()?, finding)
}

fn refusal(findings: &[Finding]) -> Failure {
    let unknown = findings.iter().all(|finding| finding.fault == Fault::UnknownKind);
    let told: Vec<String> = findings.iter().take(MAX_TOLD).map(ToString::to_string).collect();
    let more = match findings.len().saturating_sub(MAX_TOLD) {
        0 => String::new(),
        more => format!("; and {more} more (`windlass validate` shows all)"),
    };
    Failure::new(Class::Config, if unknown { "UnknownKind" } else { "Invalid" }, format!("{}{more}", told.join("; ")))
}
