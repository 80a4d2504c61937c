//! Bitbucket's pushes: Cloud (`repo:push`) and Data Center (`repo:refs_changed`).

use super::{Address, Driver, Event, Keys, MAX_BODY, Refused, Request, Settings, Told, list, text};
use serde_json::Value;

pub(super) const DRIVER: Driver = Driver {
    name: "bitbucket",
    title: "Bitbucket Cloud and Data Center",
    proof: "`X-Hub-Signature`, the HMAC-SHA256 of the body",
    replay: "`X-Request-UUID` or `X-Request-Id`",
    tells: "pushes (`repo:push`, `repo:refs_changed`)",
    setup: "Repository settings → Webhooks: the address as URL, the token as secret, the trigger Repository push",
    source: "https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/ and https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html",
    max_body: MAX_BODY,
    prove,
    read,
};

fn prove(request: &Request<'_>, keys: &Keys, _: &Settings) -> Result<(), Refused> {
    keys.hmac(request, "x-hub-signature", "the header X-Hub-Signature")
}

fn read(request: &Request<'_>, _: &Settings) -> Result<Told, Refused> {
    let told = match request.header("x-event-key").unwrap_or_default() {
        "repo:push" => cloud(&request.json()?),
        "repo:refs_changed" => data_center(&request.json()?),
        "diagnostics:ping" => Told::nothing("pong"),
        "" => return Err(Refused::Malformed("the header X-Event-Key is missing".into())),
        _ => Told::nothing("not a push"),
    };
    if told.events.iter().any(|event| matches!(event, Event::Push { repository, .. } if repository.is_empty())) {
        return Err(Refused::Malformed("a push that names no repository".into()));
    }
    let delivery = request.header("x-request-uuid").or(request.header("x-request-id")).map(str::to_owned);
    Ok(Told { delivery, ..told })
}

fn told(repository: &[Address], branches: Vec<&str>) -> Told {
    if branches.is_empty() {
        return Told::nothing("no branch was moved");
    }
    let event = |branch: &&str| Event::Push { repository: repository.to_vec(), branch: (*branch).to_owned() };
    Told { events: branches.iter().map(event).collect(), ..Told::default() }
}

fn cloud(body: &Value) -> Told {
    let moved = list(body, "/push/changes").iter().map(|change| &change["new"]);
    let branches = moved.filter(|new| new["type"] == "branch").map(|new| text(new, "/name")).collect();
    told(&Address::all([text(body, "/repository/links/html/href")].into_iter()), branches)
}

fn data_center(body: &Value) -> Told {
    let moved = list(body, "/changes").iter().filter(|change| change["ref"]["type"] == "BRANCH" && change["type"] != "DELETE");
    let branches = moved.map(|change| text(change, "/ref/displayId")).collect();
    let repository = &body["repository"];
    let links = list(repository, "/links/clone").iter().map(|link| text(link, "/href"));
    let (project, slug) = (text(repository, "/project/key"), text(repository, "/slug"));
    // Older versions name the project and the repository, and not the server.
    let plain = if project.is_empty() || slug.is_empty() { String::new() } else { format!("{project}/{slug}") };
    let mut addresses = Address::all(links);
    if addresses.is_empty() {
        addresses = Address::all([plain.as_str()].into_iter());
    }
    told(&addresses, branches)
}
