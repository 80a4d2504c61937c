//! A status is derived, never set by hand: what somebody else writes there does not stay.

use crate::SOON;
use crate::fixture::{Fixture, Repository, environment, ready};
use serde_json::{Value, json};
use std::time::Duration;

fn forge(f: &Fixture, status: &Value) {
    let patch = json!({ "status": status }).to_string();
    f.kubectl(&["patch", "environment", "forged", "--subresource=status", "--type=merge", "--field-manager=forger", "-p", &patch]);
}

#[test]
fn a_digest_that_somebody_else_wrote_into_the_status_is_put_right_at_once() {
    let f = Fixture::get("forged");
    let repo = Repository::new("forged");
    f.create(&environment("forged", &repo, "approval: Required"));
    let env = f.wait("forged", SOON, |env| ready(env, "False", "AwaitingApproval"));
    let (true_status, false_digest) = (env["status"].clone(), "0".repeat(32));
    // A whole digest, a condition, and a field that the agent left empty: whoever has rights on the status can write each.
    for (again, status) in [
        json!({"approval": {"digest": false_digest, "reason": "none", "revision": ""}}),
        json!({"conditions": [{"type": "Ready", "status": "True", "reason": "InSync", "message": "all is well", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}),
        json!({"approval": null, "lint": {"count": 7, "findings": ["nothing is true"]}}),
    ]
    .iter()
    .enumerate()
    {
        forge(&f, status);
        // The second and third time after a pause that doubles.
        f.wait("forged", SOON, |env| env["status"] == true_status);
        println!("forged the {}. time: put right", again + 1);
    }
    // And then there is nothing more to write: nobody answers their own writes.
    let version = f.env("forged")["metadata"]["resourceVersion"].clone();
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(f.env("forged")["metadata"]["resourceVersion"], version);
}
