//! Notifications of the distribution registry (`registry:3`).

use super::{Driver, Event, Image, MAX_BODY, Refused, Request, Settings, Told, by_address, list, text};
use serde_json::Value;

pub(super) const DRIVER: Driver = Driver {
    name: "distribution",
    title: "distribution registry",
    proof: "the token in the address (the registry signs nothing); the image is looked up at the registry before anything is written",
    replay: "the events' `id`",
    tells: "images and charts",
    setup: "`notifications.endpoints` in the registry's configuration: the address as `url`",
    source: "https://distribution.github.io/distribution/about/notifications/",
    max_body: MAX_BODY,
    prove: by_address,
    read,
};

fn read(request: &Request<'_>, _: &Settings) -> Result<Told, Refused> {
    let body = request.json()?;
    let Some(events) = body["events"].as_array() else {
        return Err(Refused::Malformed("no list \"events\" in it".into()));
    };
    let pushed: Vec<Event> = events.iter().filter_map(image).collect();
    let ids: Vec<&str> = list(&body, "/events").iter().map(|event| text(event, "/id")).filter(|id| !id.is_empty()).collect();
    let delivery = (!ids.is_empty()).then(|| ids.join(" "));
    let note = if pushed.is_empty() { "no manifest was pushed" } else { "" };
    Ok(Told { events: pushed, delivery, note, confirm: None })
}

/// Manifests only: layers are pushed too, and are nobody's business.
fn image(event: &Value) -> Option<Event> {
    let target = &event["target"];
    let kind = text(target, "/mediaType");
    if event["action"] != "push" || !["manifest", "image.index"].iter().any(|word| kind.contains(word)) {
        return None;
    }
    let repository = text(target, "/repository");
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    // The host that the registry saw is the one that the pusher used: it may have others.
    let image = Image { host: None, repository: some(repository)?, tag: some(text(target, "/tag")), digest: some(text(target, "/digest")) };
    Some(Event::Image(image))
}
