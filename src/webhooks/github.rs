//! GitHub's pushes.

use super::{Driver, Keys, MAX_BODY, Refused, Request, Settings, Told};

pub(super) const DRIVER: Driver = Driver {
    name: "github",
    title: "GitHub",
    proof: "`X-Hub-Signature-256`, the HMAC-SHA256 of the body",
    replay: "`X-GitHub-Delivery`",
    tells: "pushes (event `push`)",
    setup: "Settings → Webhooks: the address as payload URL, the token as secret, either content type, just the push event",
    source: "https://docs.github.com/en/webhooks/webhook-events-and-payloads#push",
    max_body: 25 << 20,
    prove: signature,
    read,
};

const _: () = assert!(DRIVER.max_body >= MAX_BODY, "GitHub sends up to 25 MB");

/// As GitHub signs everything that it sends.
pub(super) fn signature(request: &Request<'_>, keys: &Keys, _: &Settings) -> Result<(), Refused> {
    keys.hmac(request, "x-hub-signature-256", "the header X-Hub-Signature-256")
}

/// The delivery's own name.
pub(super) fn delivery(request: &Request<'_>) -> Option<String> {
    request.header("x-github-delivery").map(str::to_owned)
}

fn read(request: &Request<'_>, _: &Settings) -> Result<Told, Refused> {
    let told = match request.header("x-github-event").unwrap_or_default() {
        "push" => {
            let pointers = ["/repository/clone_url", "/repository/ssh_url", "/repository/html_url", "/repository/git_url"];
            super::push(&request.json()?, &pointers)?
        }
        "ping" => Told::nothing("pong"),
        "" => return Err(Refused::Malformed("the header X-GitHub-Event is missing".into())),
        _ => Told::nothing("not a push"),
    };
    Ok(Told { delivery: delivery(request), ..told })
}
