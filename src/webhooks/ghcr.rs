//! GitHub's container registry: packages told by the same webhooks as pushes.

use super::{Driver, Event, Image, MAX_BODY, Refused, Request, Settings, Told, github, text};
use serde_json::Value;

pub(super) const DRIVER: Driver = Driver {
    name: "ghcr",
    title: "GitHub Container Registry",
    proof: "`X-Hub-Signature-256`, the HMAC-SHA256 of the body",
    replay: "`X-GitHub-Delivery`",
    tells: "images (events `registry_package` and `package`)",
    setup: "Settings → Webhooks of the repository or organisation: the address, the token as secret, the events Registry packages",
    source: "https://docs.github.com/en/webhooks/webhook-events-and-payloads#registry_package",
    max_body: MAX_BODY,
    prove: github::signature,
    read,
};

fn read(request: &Request<'_>, _: &Settings) -> Result<Told, Refused> {
    let told = match request.header("x-github-event").unwrap_or_default() {
        "registry_package" => package(&request.json()?["registry_package"])?,
        "package" => package(&request.json()?["package"])?,
        "ping" => Told::nothing("pong"),
        "" => return Err(Refused::Malformed("the header X-GitHub-Event is missing".into())),
        _ => Told::nothing("not a package"),
    };
    Ok(Told { delivery: github::delivery(request), ..told })
}

fn package(package: &Value) -> Result<Told, Refused> {
    if !text(package, "/package_type").eq_ignore_ascii_case("container") && !text(package, "/ecosystem").eq_ignore_ascii_case("container") {
        return Ok(Told::nothing("not a container"));
    }
    let version = &package["package_version"];
    let tag = text(version, "/container_metadata/tag/name");
    let digest = [text(version, "/container_metadata/tag/digest"), text(version, "/version")];
    let digest = digest.into_iter().find(|digest| digest.starts_with("sha256:"));
    // `ghcr.io/owner/name:tag`; a push without a tag ends in a colon.
    let named = Image::parse(text(version, "/package_url").trim_end_matches(':'));
    let named = named.or_else(|| {
        let owner = [text(package, "/namespace"), text(package, "/owner/login")].into_iter().find(|owner| !owner.is_empty())?;
        Image::parse(&format!("ghcr.io/{owner}/{}", text(package, "/name")))
    });
    let Some(named) = named.filter(|_| !text(package, "/name").is_empty()) else {
        return Err(Refused::Malformed("a package without a name".into()));
    };
    // GitHub keeps names in lower case and shows owners as they were written.
    let image = Image {
        repository: named.repository.to_lowercase(),
        tag: Some(tag).filter(|tag| !tag.is_empty()).map(str::to_owned).or(named.tag),
        digest: digest.map(str::to_owned),
        host: named.host,
    };
    Ok(Told { events: vec![Event::Image(image)], ..Told::default() })
}
