//! Tests: in parallel, again by a schedule, with logs that are kept; failures that only report.

use crate::fixture::{Fixture, Repository, condition, environment, ready};
use crate::SOON;


#[test]
fn the_deployed_release_is_tested_again_by_the_schedule() {
    let f = Fixture::get("again");
    let repo = Repository::new("again");
    // What the test's pod does is up to a ConfigMap that somebody changes: no new release comes of it.
    f.create(&environment("again", &repo, "tests: {every: 2s}"));
    let env = f.wait("again", SOON, |env| ready(env, "True", "InSync") && !env["status"]["tests"]["time"].is_null());
    let first = env["status"]["tests"]["time"].clone();
    let env = f.wait("again", SOON, |env| ready(env, "True", "InSync") && env["status"]["tests"]["time"] != first);
    assert_eq!(env["status"]["release"]["number"], 1, "testing again is no release");
    assert_eq!(env["status"]["tests"]["release"], 1);
    let said = f.windlass(&["test", "again", "--last", "--logs"]);
    assert!(said.contains("again-answer: Succeeded"), "{said}");
}

#[test]
fn a_failed_test_only_reports_where_that_is_asked_for() {
    let f = Fixture::get("report");
    let repo = Repository::new("report");
    repo.push("values.yaml", |text| text.replace("test: complete", "test: fail"));
    f.create(&environment("report", &repo, "tests: {onFailure: Report, parallel: true}"));
    let env = f.wait("report", SOON, |env| ready(env, "False", "TestsFailed"));
    assert_eq!(env["status"]["release"]["status"], "deployed");
    assert_eq!(condition(&env, "TestsPassed")["status"], "False");
    let (done, said) = f.windlass_by_admin(&["test", "report", "--last"]);
    assert!(!done && said.contains("report-answer: Failed"), "{said}");
    repo.push("values.yaml", |text| text.replace("test: fail", "test: complete"));
    f.wait("report", SOON, |env| ready(env, "True", "InSync"));
}
