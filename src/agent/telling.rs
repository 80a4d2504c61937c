//! What a driver tells of its course: the status, the log's line for what is waited for, the gauges, the event that an attempt has
//! begun; and when it can wait to be told.

use super::{
    drive::{Driver, now, waits},
    status,
};
use crate::{
    app::EnvironmentStatus,
    decide::{self, Decision, Millis, Record, Step},
    metrics::Live,
};
use std::time::{Duration, Instant};

/// How old what the status says of a wait may become while only its words change, and an attempt that began in a crowd untold.
const TELL_WORDS: Duration = Duration::from_secs(10);

/// How an attempt was opened.
pub struct Opening {
    /// Its number.
    pub number: u64,
    /// Other Environments waited then.
    pub crowded: bool,
    /// What its event says, where that is still to be told.
    pub untold: Option<String>,
}

impl Driver {
    /// Whether an attempt's course can wait to be told: in a crowd, what brings releases on goes before what tells of them.
    pub(super) fn tells_later(&self, decision: &Decision, begun: bool) -> bool {
        let course = matches!(decision, Decision::Do(Step::Run { .. } | Step::Advance { .. } | Step::Observe { .. } | Step::Close { .. })) || waits_for_objects(decision);
        begun && course && self.is_young_in_a_crowd()
    }

    /// Whether the open attempt has just begun, and other Environments wait or waited when it began.
    pub(super) fn is_young_in_a_crowd(&self) -> bool {
        let Some(last) = self.record.as_ref().and_then(Record::last) else { return false };
        let opened = last.mark.as_ref().map_or(0, |mark| mark.opened);
        let crowded = self.work.opening.as_ref().is_some_and(|opening| opening.number == last.number && opening.crowded);
        now() - opened < TELL_WORDS.as_millis() as Millis && (crowded || self.is_crowded())
    }

    /// Whether other Environments wait for a place to work, or their requests for their turn.
    pub(super) fn is_crowded(&self) -> bool {
        self.shared.slots.are_taken() || self.shared.cluster.is_busy()
    }

    /// The event that the open attempt has begun, once.
    pub(super) async fn tell_opening(&mut self) {
        if let Some(text) = self.work.opening.as_mut().and_then(|opening| opening.untold.take()) {
            self.events.normal("Releasing", &text).await;
        }
    }

    /// Shows the status, where it is another one than was told.
    pub(super) async fn publish(&mut self, decision: &Decision) {
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let images = self.shared.image_status.get(&self.app.id()).unwrap_or_else(|| self.published.images.clone());
        let seen = status::Seen { images, source: self.work.source.clone(), plan: self.work.plan.clone(), tests: self.work.tests.clone(), lint: self.work.lint.clone(), promotion: decide::promotion(&self.view()), published: self.work.published.clone() };
        let mut new = status::derive(&self.app, self.record.as_ref(), &self.facts, &seen, decision, &time);
        status::keep_times(&mut new, &self.published);
        self.gauge(&new);
        if new == self.published && !self.showing.put_right(now()) {
            self.work.untold = false;
            return;
        }
        let told_just_now = self.published_at.is_some_and(|at| at.elapsed() < TELL_WORDS);
        if waits_for_objects(decision) && told_just_now && status::differ_in_words_only(&new, &self.published) {
            // A roll-out's every Pod changes the sentence. The next look tells the last of them.
            return;
        }
        if let Decision::Wait { .. } = decision
            && let Some(ready) = new.conditions.first()
            && self.work.told != ready.message
        {
            self.work.told.clone_from(&ready.message);
            let revision = new.revision.clone().unwrap_or_default();
            let release = new.release.as_ref().map(|r| r.display.clone()).unwrap_or_default();
            tracing::info!(environment = self.app.id(), revision, release, reason = ready.reason, ready = ready.status, "{}", ready.message);
        }
        match self.keeper.publish(&self.app, &new, self.showing.version()).await {
            Ok(version) => {
                self.published = new;
                self.published_at = Some(Instant::now());
                self.work.untold = false;
                self.showing.wrote(version);
            }
            Err(error) => {
                tracing::warn!(environment = self.app.id(), error, "cannot write the status, trying again soon");
                self.work.untold = true;
            }
        }
    }

    /// What Prometheus sees of the present state.
    fn gauge(&self, status: &EnvironmentStatus) {
        let id = self.app.id();
        let is = |name: &str| status.conditions.iter().any(|c| c.type_ == name && c.status == "True");
        let held = self.record.as_ref().is_some_and(|record| record.memory.hold.is_some());
        self.shared.metrics.conditions(&id, is("Ready"), self.app.suspended() || held, is("Stalled"));
        let drifted = if matches!(self.facts.drift, Some(decide::Drift::Found(_))) { self.work.drifted.len() } else { 0 };
        self.shared.metrics.drift(&id, drifted);
        if let Some(revision) = self.record.as_ref().and_then(|r| r.deployed()).and_then(|e| e.mark.as_ref()).map(|m| m.revision.clone()) {
            let chart = self.work.chart.clone();
            let release = status.release.as_ref().map(|release| release.display.clone()).unwrap_or_default();
            let live = Live { branch: self.app.branch().to_owned(), revision, release, chart };
            self.shared.metrics.live(&id, &live);
        }
    }
}

fn waits_for_objects(decision: &Decision) -> bool {
    matches!(decision, Decision::Wait { why, .. } if waits(why))
}
