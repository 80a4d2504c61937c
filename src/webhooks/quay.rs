//! Quay's pushes of images.

use super::{Driver, Event, Image, MAX_BODY, Refused, Request, Settings, Told, by_address, list, text};
use serde_json::Value;

pub(super) const DRIVER: Driver = Driver {
    name: "quay",
    title: "Quay",
    proof: "the token in the address (Quay signs nothing); the image is looked up at the registry before anything is written",
    replay: "none: Quay names no deliveries",
    tells: "images (Repository Push)",
    setup: "the repository → Settings → Create Notification: Push to Repository, Webhook POST, the address",
    source: "https://docs.quay.io/guides/notifications.html",
    max_body: MAX_BODY,
    prove: by_address,
    read,
};

fn read(request: &Request<'_>, _: &Settings) -> Result<Told, Refused> {
    let body = request.json()?;
    let Some(image) = Image::parse(text(&body, "/docker_url")).filter(|_| !text(&body, "/docker_url").is_empty()) else {
        return Err(Refused::Malformed("no \"docker_url\" in it".into()));
    };
    let tags = list(&body, "/updated_tags").iter().filter_map(Value::as_str);
    let events: Vec<Event> = tags.map(|tag| Event::Image(Image { tag: Some(tag.to_owned()), ..image.clone() })).collect();
    if events.is_empty() {
        return Ok(Told::nothing("no tag was moved"));
    }
    Ok(Told { events, ..Told::default() })
}
