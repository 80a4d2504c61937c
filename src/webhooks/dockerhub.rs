//! Docker Hub's pushes of images.

use super::{Driver, Event, Image, MAX_BODY, Refused, Request, Settings, Told, by_address, text};

pub(super) const DRIVER: Driver = Driver {
    name: "dockerhub",
    title: "Docker Hub",
    proof: "the token in the address (Docker Hub signs nothing); the image is looked up at the registry before anything is written",
    replay: "none: Docker Hub names no deliveries",
    tells: "images",
    setup: "the repository → Webhooks: the address as webhook URL",
    source: "https://docs.docker.com/docker-hub/repos/manage/webhooks/#example-webhook-payload",
    max_body: MAX_BODY,
    prove: by_address,
    read,
};

fn read(request: &Request<'_>, _: &Settings) -> Result<Told, Refused> {
    let body = request.json()?;
    let (name, tag) = (text(&body, "/repository/repo_name"), text(&body, "/push_data/tag"));
    let Some(image) = Image::parse(name).filter(|_| !name.is_empty()) else {
        return Err(Refused::Malformed("no repository.repo_name in it".into()));
    };
    let tag = Some(tag).filter(|tag| !tag.is_empty()).map(str::to_owned);
    Ok(Told { events: vec![Event::Image(Image { tag, ..image })], ..Told::default() })
}
