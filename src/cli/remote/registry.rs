//! Helm's registry client: which tag is meant, pull and push, with its texts and those of oras.

use super::download::Session;
use crate::chart::log::quote;
use crate::chart::repository::{self, OciReference};
use crate::sources::oci::{OciFault, Registry};
use crate::sources::http::Fault;
use crate::sources::Upload;
use crate::template::semver::{Constraints, Version};

/// `registryUnderscoreMessage`
const UNDERSCORE: &str = "
OCI artifact references (e.g. tags) do not support the plus sign (+). To support
storing semantic versions, Helm adopts the convention of changing plus (+) to
an underscore (_) in chart version tags when pushing to a registry and back to
a plus (+) when pulling from a registry.";

/// Where a registry's client writes its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printer {
    /// To stdout.
    Out,
    /// To stderr.
    Err,
}

impl Printer {
    fn line(self, text: &str) {
        match self {
            Printer::Out => println!("{text}"),
            Printer::Err => eprintln!("{text}"),
        }
    }
}

fn open(session: &Session, host: &str) -> Result<Registry, String> {
    Registry::new(host, &session.access).map_err(|error| format!("missing registry client: {error}"))
}

/// `ValidateReference`: the reference with the tag that the version means.
pub async fn resolve(session: &Session, reference: &str, version: &str) -> Result<OciReference, String> {
    let mut parsed = OciReference::parse(reference)?;
    let own = parsed.tag.clone();
    let version = match version {
        "" => own.clone(),
        version if !own.is_empty() && own != version => {
            return Err(format!("chart reference and version mismatch: {version} is not {own}"));
        }
        version => version.to_owned(),
    };
    if !parsed.digest.is_empty() {
        parsed.tag.clear();
        return Ok(parsed);
    }
    parsed.tag = if Version::parse(version.as_bytes()).is_ok() {
        version
    } else {
        // helm asks for tags by the reference as it was written, and plus signs are none of a tag.
        if let Some((_, tag)) = reference.rsplit_once(':').filter(|(_, tag)| tag.contains('+') && !tag.contains('/')) {
            return Err(format!("invalid reference: invalid tag {}", quote(tag)));
        }
        let tags = tags(session, &parsed).await?;
        if tags.is_empty() {
            return Err(format!("unable to locate any tags in provided repository: {reference}"));
        }
        matching(&tags, &version)?
    };
    parsed.tag = parsed.tag.replace('+', "_");
    Ok(parsed)
}

/// `Client.Tags`: the versions among the tags, the highest first.
pub async fn tags(session: &Session, reference: &OciReference) -> Result<Vec<String>, String> {
    let url = format!("{}://{}/v2/{}/tags/list", scheme(session), reference.registry, reference.repository);
    let tags = open(session, &reference.registry)?.tags(reference).await;
    let tags = tags.map_err(|fault| match fault {
        OciFault::Missing(words) => format!("GET {}: response status code 404: name unknown: {words}", quote(&url)),
        fault => words(fault, &url),
    })?;
    Ok(repository::tags(&tags))
}

/// `GetTagMatchingVersionOrConstraint`
fn matching(tags: &[String], version: &str) -> Result<String, String> {
    if let Some(exact) = tags.iter().find(|tag| *tag == version) {
        return Ok(exact.clone());
    }
    let constraint = Constraints::parse(if version.is_empty() { b"*" } else { version.as_bytes() })?;
    let fits = |tag: &&String| Version::parse(tag.as_bytes()).is_ok_and(|tag| constraint.check(&tag));
    tags.iter().find(fits).cloned().ok_or_else(|| format!("could not locate a version matching provided version string {version}"))
}

/// `Client.Pull`: the archive; what was pulled is printed.
pub async fn pull(session: &Session, reference: &OciReference) -> Result<Vec<u8>, String> {
    let registry = open(session, &reference.registry)?;
    let url = manifest_url(session, reference);
    let pulled = registry.pull(reference).await.map_err(|fault| match fault {
        OciFault::Missing(_) => format!("failed to perform \"FetchReference\" on source: {reference}: not found"),
        OciFault::Invalid(why) => why,
        OciFault::Denied(answer) if answer.starts_with("401") && session.access.basic(&reference.registry).is_none() => {
            format!("failed to perform \"FetchReference\" on source: GET {}: basic credential not found", quote(&url))
        }
        fault => format!("failed to perform \"FetchReference\" on source: {}", words(fault, &url)),
    })?;
    report(session.printer, "Pulled", reference, &pulled.manifest);
    Ok(pulled.archive)
}

/// `Client.Push`: what was pushed is printed.
pub async fn push(session: &Session, reference: &OciReference, upload: &Upload, provenance: Option<&[u8]>) -> Result<(), String> {
    let registry = open(session, &reference.registry)?;
    let url = manifest_url(session, reference);
    let digest = registry.push(reference, upload, provenance).await;
    let digest = digest.map_err(|fault| format!("failed to perform \"Exists\" on destination: {}", words_of("HEAD", fault, &url)))?;
    report(session.printer, "Pushed", reference, &digest);
    Ok(())
}

fn report(printer: Printer, done: &str, reference: &OciReference, digest: &str) {
    printer.line(&format!("{done}: {reference}"));
    printer.line(&format!("Digest: {digest}"));
    if reference.to_string().contains('_') {
        printer.line(&format!("{reference} contains an underscore.\n{UNDERSCORE}"));
    }
}

fn scheme(session: &Session) -> &'static str {
    if session.access.plain_http { "http" } else { "https" }
}

fn manifest_url(session: &Session, reference: &OciReference) -> String {
    let name = if reference.tag.is_empty() { &reference.digest } else { &reference.tag };
    format!("{}://{}/v2/{}/manifests/{name}", scheme(session), reference.registry, reference.repository)
}

fn words(fault: OciFault, url: &str) -> String {
    words_of("GET", fault, url)
}

/// A fault in oras' words; `method` and `url` are those of the request that oras makes.
fn words_of(method: &str, fault: OciFault, url: &str) -> String {
    let title = format!("{}{}", &method[..1], method[1..].to_lowercase());
    match fault {
        OciFault::Missing(words) => words,
        OciFault::Denied(answer) if answer.starts_with("401") => format!("{method} {}: response status code 401: Unauthorized", quote(url)),
        OciFault::Denied(answer) => format!("{method} {}: response status code 401: unauthorized: {answer}", quote(url)),
        // The crate asks for /v2/ first; oras would have failed at its own request.
        OciFault::Transport(Fault::Transport { go, .. }) => match go.split_once("\": ") {
            Some((_, why)) => format!("{title} {}: {why}", quote(url)),
            None => go,
        },
        OciFault::Transport(fault) => fault.helm(url),
        OciFault::Server(answer) | OciFault::Invalid(answer) => format!("{method} {}: response status code {answer}", quote(url)),
    }
}
