//! Tests: after a release and again by a schedule; their results told, their logs kept beside the release.

use super::{Driver, drive::now, hooks};
use crate::{
    app::{EnvironmentStatus, TestStatus, TestsStatus},
    decide::{Class, Failure, Mark, Millis},
    metrics::TestResult,
    object::{Gvk, ObjectRef},
    release::Release,
};

impl Driver {
    /// The tests of a release that is being made.
    pub(super) async fn tests(&mut self, release: &Release, mark: &Mark) -> Result<(), Failure> {
        let run = self.run_of(release, mark);
        self.judge(release, run).await
    }

    async fn judge(&mut self, release: &Release, mut run: hooks::Run) -> Result<(), Failure> {
        let results = self.run_tests(release, &mut run).await;
        self.note(release, &mut run);
        self.doubt(&run).await;
        let results = results?;
        self.facts.tested = now();
        self.facts.failing = results.iter().any(|test| test.phase != "Succeeded");
        let failed: Vec<&str> = results.iter().filter(|test| test.phase != "Succeeded").map(|test| test.message.as_str()).collect();
        if failed.is_empty() {
            if !results.is_empty() {
                self.events.normal("TestsPassed", &format!("release {}: {} tests passed", release.version, results.len())).await;
            }
            return Ok(());
        }
        Err(Failure::new(Class::Unhealthy, "TestsFailed", failed.join("; ")))
    }

    /// The tests of the deployed release once more: they only report.
    pub(super) async fn test_again(&mut self, number: u64) {
        let result = match self.records.get(number).await {
            Ok(Some(held)) => self.judge(&held.release, hooks::Run::default()).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error.failure(&format!("reading release {number}"))),
        };
        self.facts.tested = now();
        if let Err(failure) = result {
            tracing::warn!(environment = self.app.id(), release = number, reason = failure.reason, "{}", failure.message);
            self.events.warn(&failure.reason, &format!("release {number}, tested again: {}", failure.message)).await;
        }
    }

    async fn run_tests(&mut self, release: &Release, run: &mut hooks::Run) -> Result<Vec<TestStatus>, Failure> {
        let mut ran = hooks::test_with_logs(&self.shared, release, self.app.test_timeout, self.app.spec.tests.parallel, run).await?;
        for name in &self.app.spec.tests.jobs {
            ran.push(self.job(release, name).await?);
        }
        if ran.is_empty() {
            self.work.tests = None;
            return Ok(Vec::new());
        }
        for (test, _) in &ran {
            let result = if test.phase == "Succeeded" { TestResult::Passed } else { TestResult::Failed };
            self.shared.metrics.test(&self.app.id(), result);
            tracing::info!(environment = self.app.id(), release = release.version, test = test.name, phase = test.phase, reason = "TestRan", "test ran");
        }
        let redactor = self.redactor(release);
        for (test, log) in &mut ran {
            test.message = redactor.clean(&test.message);
            *log = redactor.clean(log);
        }
        if let Err(error) = self.records.keep_tests(u64::from(release.version), &ran).await {
            tracing::warn!(environment = self.app.id(), reason = error.reason, "the tests' logs were not kept: {error}");
        }
        let results: Vec<TestStatus> = ran.into_iter().map(|(test, _)| test).collect();
        let passed = results.iter().filter(|test| test.phase == "Succeeded").count();
        self.work.tests = Some(TestsStatus {
            summary: format!("{passed}/{}", results.len()),
            release: i64::from(release.version),
            time: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            results: results.clone(),
        });
        Ok(results)
    }

    /// A Job of the release that the spec names as a test: it was applied and waited for with the rest.
    async fn job(&self, release: &Release, name: &str) -> Result<(TestStatus, String), Failure> {
        let reference = ObjectRef { gvk: Gvk::new("batch/v1", "Job"), namespace: Some(release.namespace.clone()), name: name.to_owned() };
        let live = self.shared.cluster.get(&reference).await;
        let live = live.map_err(|error| error.failure(&format!("reading the test {reference} that spec.tests.jobs names")))?;
        let done = crate::health::assess(&live, None).is_ready();
        let log = hooks::tail(&self.shared, &reference).await;
        let message = if done { String::new() } else { format!("{reference}: its log ends: {}", hooks::quote(&log)) };
        Ok((TestStatus { name: name.into(), phase: if done { "Succeeded" } else { "Failed" }.into(), message }, log))
    }
}

/// When tests last ended, and whether one of them failed on the release that runs, as the status tells.
pub(super) fn last(status: &EnvironmentStatus) -> (Millis, bool) {
    let Some(tests) = &status.tests else { return (0, false) };
    let time = tests.time.parse::<jiff::Timestamp>().map_or(0, |time| time.as_millisecond());
    let here = status.release.as_ref().is_some_and(|release| release.number == tests.release);
    (time, here && tests.results.iter().any(|test| test.phase != "Succeeded"))
}
