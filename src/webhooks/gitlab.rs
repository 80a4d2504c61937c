//! GitLab's pushes, of a project, a group or the whole system.

use super::{Driver, Keys, MAX_BODY, Refused, Request, Settings, Told, text};

pub(super) const DRIVER: Driver = Driver {
    name: "gitlab",
    title: "GitLab",
    proof: "`X-Gitlab-Token`, the token itself; or, with a signing token, `webhook-signature` (Standard Webhooks)",
    replay: "`Idempotency-Key`, else `X-Gitlab-Event-UUID`; a signed one is refused after five minutes",
    tells: "pushes (`Push Hook`, and `System Hook` of a push)",
    setup: "Settings → Webhooks: the address as URL, the token as secret token or as signing token, the trigger Push events",
    source: "https://docs.gitlab.com/user/project/integrations/webhook_events/#push-events",
    max_body: MAX_BODY,
    prove,
    read,
};

fn prove(request: &Request<'_>, keys: &Keys, _: &Settings) -> Result<(), Refused> {
    if request.header("webhook-signature").is_some() {
        return keys.standard(request);
    }
    keys.token(request, "x-gitlab-token", "the header X-Gitlab-Token")
}

fn read(request: &Request<'_>, _: &Settings) -> Result<Told, Refused> {
    let delivery = request.header("idempotency-key").or(request.header("x-gitlab-event-uuid")).map(str::to_owned);
    let body = request.json()?;
    let kind = [text(&body, "/object_kind"), text(&body, "/event_name")];
    let told = if kind.contains(&"push") {
        let pointers = ["/project/git_http_url", "/project/git_ssh_url", "/project/web_url", "/repository/git_http_url", "/repository/git_ssh_url"];
        super::push(&body, &pointers)?
    } else {
        Told::nothing("not a push")
    };
    Ok(Told { delivery, ..told })
}
