//! Gitea and Forgejo: pushes, and images of their own registries.

use super::{Driver, Event, Image, Keys, MAX_BODY, Refused, Request, Settings, Told, text};
use serde_json::Value;

pub(super) const DRIVER: Driver = Driver {
    name: "gitea",
    title: "Gitea and Forgejo",
    proof: "`X-Gitea-Signature` or `X-Forgejo-Signature`, the HMAC-SHA256 of the body",
    replay: "`X-Gitea-Delivery` or `X-Forgejo-Delivery`",
    tells: "pushes (event `push`) and images (event `package`)",
    setup: "Settings → Webhooks → Add: the address as target URL, POST, application/json, the token as secret, push events and packages",
    source: "https://docs.gitea.com/usage/webhooks",
    max_body: MAX_BODY,
    prove,
    read,
};

/// The same header under the names that the two give it.
fn header<'a>(request: &Request<'a>, what: &str) -> Option<&'a str> {
    let found = ["forgejo", "gitea", "gogs"].into_iter().find_map(|name| request.header(&format!("x-{name}-{what}")));
    found.filter(|value| !value.is_empty())
}

fn prove(request: &Request<'_>, keys: &Keys, _: &Settings) -> Result<(), Refused> {
    let name = ["x-forgejo-signature", "x-gitea-signature", "x-hub-signature-256"];
    let name = name.into_iter().find(|name| request.header(name).is_some_and(|value| !value.is_empty()));
    keys.hmac(request, name.unwrap_or_default(), "the header X-Gitea-Signature")
}

fn read(request: &Request<'_>, _: &Settings) -> Result<Told, Refused> {
    let told = match header(request, "event") {
        Some("push") => {
            let pointers = ["/repository/clone_url", "/repository/ssh_url", "/repository/html_url"];
            super::push(&request.json()?, &pointers)?
        }
        Some("package") => package(&request.json()?)?,
        Some(_) => Told::nothing("not a push"),
        None => return Err(Refused::Malformed("the header X-Gitea-Event is missing".into())),
    };
    Ok(Told { delivery: header(request, "delivery").map(str::to_owned), ..told })
}

fn package(body: &Value) -> Result<Told, Refused> {
    if text(body, "/package/type") != "container" || text(body, "/action") == "deleted" {
        return Ok(Told::nothing("not a container that was pushed"));
    }
    let owner = [text(body, "/package/owner/username"), text(body, "/package/owner/login")].into_iter().find(|owner| !owner.is_empty());
    let (Some(owner), name) = (owner, text(body, "/package/name")) else {
        return Err(Refused::Malformed("a package without an owner".into()));
    };
    if name.is_empty() {
        return Err(Refused::Malformed("a package without a name".into()));
    }
    let version = text(body, "/package/version");
    let (tag, digest) = if version.starts_with("sha256:") { (None, Some(version)) } else { (Some(version), None) };
    let image = Image {
        host: None,
        repository: format!("{owner}/{name}").to_lowercase(),
        tag: tag.filter(|tag| !tag.is_empty()).map(str::to_owned),
        digest: digest.map(str::to_owned),
    };
    Ok(Told { events: vec![Event::Image(image)], ..Told::default() })
}
