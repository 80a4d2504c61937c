//! Harbor's artifacts, in its own format and as CloudEvents.

use super::{Driver, Event, Image, Keys, MAX_BODY, Refused, Request, Settings, Told, list, text};
use serde_json::Value;

pub(super) const DRIVER: Driver = Driver {
    name: "harbor",
    title: "Harbor",
    proof: "the header `Authorization`, the token itself",
    replay: "the CloudEvents `id`; the default format has none",
    tells: "images and charts (Artifact pushed, Artifact replicated)",
    setup: "the project → Webhooks: notify type http, either payload format, the address as endpoint URL, the token as auth header",
    source: "https://goharbor.io/docs/main/working-with-projects/project-configuration/configure-webhooks/",
    max_body: MAX_BODY,
    prove,
    read,
};

fn prove(request: &Request<'_>, keys: &Keys, _: &Settings) -> Result<(), Refused> {
    keys.token(request, "authorization", "the header Authorization")
}

fn read(request: &Request<'_>, _: &Settings) -> Result<Told, Refused> {
    let body = request.json()?;
    let (kind, data) = match body.get("specversion") {
        Some(_) => (text(&body, "/type"), &body["data"]),
        None => (text(&body, "/type"), &body["event_data"]),
    };
    let delivery = body.get("specversion").map(|_| text(&body, "/id").to_owned());
    if kind.is_empty() {
        return Err(Refused::Malformed("no \"type\" in it".into()));
    }
    if !["PUSH_ARTIFACT", "harbor.artifact.pushed", "REPLICATION", "harbor.replication.status.changed"].contains(&kind) {
        return Ok(Told { delivery, ..Told::nothing("nothing was pushed") });
    }
    let name = text(data, "/repository/repo_full_name");
    let images: Vec<Event> = list(data, "/resources").iter().filter_map(|resource| image(name, resource)).collect();
    if images.is_empty() {
        return Err(Refused::Malformed("no artifact in it".into()));
    }
    Ok(Told { events: images, delivery, ..Told::default() })
}

fn image(name: &str, resource: &Value) -> Option<Event> {
    // `harbor.example.com/project/name:tag` or `…@sha256:…`
    let named = Image::parse(text(resource, "/resource_url"));
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (tag, digest) = (some(text(resource, "/tag")), some(text(resource, "/digest")));
    let tag = tag.filter(|tag| !tag.starts_with("sha256:"));
    let repository = some(name).or_else(|| named.as_ref().map(|named| named.repository.clone()))?;
    Some(Event::Image(Image { host: named.and_then(|named| named.host), repository, tag, digest }))
}
