//! How an attempt ends in its record, and what is counted then.

use super::{Driver, drive::now, status::short};
use crate::{
    cluster::ApiError,
    decide::{Entry, Failure, Millis, Op, Phase, Stage},
    metrics::{Outcome, SyncResult},
    release::Chart,
};
use std::time::Duration;

impl Driver {
    pub(super) async fn close(&mut self, number: u64) -> Result<(), ApiError> {
        let op = self.held(number).await?.mark.as_ref().map(|mark| mark.op);
        if let Some(Op::Uninstall { .. }) = op {
            return self.close_uninstall().await;
        }
        // As helm does: first the old one is superseded, then the new one is deployed. A crash between the two leaves the
        // attempt open, and it is closed again.
        let old: Vec<u64> = self.record.iter().flat_map(|record| &record.entries)
            .filter(|entry| entry.phase == Phase::Deployed && entry.number != number)
            .map(|entry| entry.number)
            .collect();
        for old in old {
            // If somebody wrote it since it was read, it is read anew: the write is refused, and the attempt is closed again.
            let known = self.work.previous.take().filter(|previous| u64::from(previous.release.version) == old);
            let held = match known {
                Some(held) => Some(held),
                None => self.records.get(old).await?,
            };
            if let Some(mut held) = held {
                held.release.superseded();
                self.records.replace(&mut held).await?;
                let entry = Entry { number: old, phase: Phase::Superseded, mark: held.mark.clone(), modified: now(), uid: held.uid.clone() };
                self.enter(entry);
            }
        }
        let records = self.records.clone();
        let held = self.held(number).await?;
        held.release.deployed();
        // As helm does: its own release in memory knows no labels of the record.
        held.created = None;
        if let Some(mark) = &mut held.mark {
            mark.good = true;
            mark.stage = Stage::Close;
            mark.failure = None;
        }
        records.replace(held).await?;
        let revision = held.mark.as_ref().map(|mark| short(&mark.revision)).unwrap_or_default();
        let opened = held.mark.as_ref().map_or(0, |mark| mark.opened);
        self.work.chart = held.release.chart.as_ref().map(Chart::label).unwrap_or_default();
        self.measure(op, opened, true);
        self.entered(Phase::Deployed);
        self.facts.failing = self.facts.failing && self.work.tests.as_ref().is_some_and(|tests| tests.release == number as i64);
        // An environment that is as it should be needs nothing of what was rendered, nor its record whole: a plan renders anew, and
        // the next release reads what it replaces.
        self.work.content = None;
        self.work.held = None;
        // What somebody changed while the attempt ran is drift now; objects known to be clean cost no request.
        self.facts.drift = None;
        self.facts.plan = None;
        self.trim().await?;
        tracing::info!(environment = self.app.id(), revision, release = number, reason = "Deployed", "release {number} is live, healthy and tested");
        self.events.normal("Deployed", &format!("release {number} ({revision}) is live, healthy and tested")).await;
        Ok(())
    }

    /// An attempt ended: its counters and durations.
    fn measure(&mut self, op: Option<Op>, opened: Millis, good: bool) {
        let (id, metrics) = (self.app.id(), &self.shared.metrics);
        let took = Duration::from_millis((now() - opened).max(0) as u64);
        let outcome = if good { Outcome::Succeeded } else { Outcome::Failed };
        match op {
            Some(Op::Rollback { .. }) => {
                metrics.rollback(&id, outcome);
                metrics.sync(&id, if good { SyncResult::RolledBack } else { SyncResult::Failed }, took);
            }
            Some(Op::Install | Op::Upgrade) => {
                let committed = self.work.source.as_ref().and_then(|source| source.time.parse::<jiff::Timestamp>().ok());
                metrics.deploy(&id, outcome, committed.map(std::time::SystemTime::from));
                metrics.sync(&id, if good { SyncResult::Succeeded } else { SyncResult::Failed }, took);
            }
            _ => {}
        }
        match (good, self.work.failing) {
            (false, None) => self.work.failing = Some(now()),
            (true, Some(since)) if !matches!(op, Some(Op::Uninstall { .. })) => {
                metrics.restored(&id, Duration::from_millis((now() - since).max(0) as u64));
                self.work.failing = None;
            }
            _ => {}
        }
    }

    async fn close_uninstall(&mut self) -> Result<(), ApiError> {
        let numbers: Vec<u64> = self.record.iter().flat_map(|record| &record.entries).map(|entry| entry.number).collect();
        for number in numbers {
            self.records.delete(number).await?;
        }
        if let Some(record) = &mut self.record {
            record.entries.clear();
        }
        self.work.held = None;
        self.work.objects = None;
        self.work.removed = None;
        self.work.clean.clear();
        self.facts.plan = None;
        self.facts.drift = None;
        self.events.normal("Uninstalled", "the release and its records are gone").await;
        Ok(())
    }

    /// Removes the oldest records over the limit, never the deployed one, as helm does.
    async fn trim(&mut self) -> Result<(), ApiError> {
        let limit = self.app.spec.release.history_limit.max(1) as usize;
        let Some(record) = &self.record else { return Ok(()) };
        let deployed = record.deployed().map(|entry| entry.number);
        let good = record.last_good().map(|entry| entry.number);
        let over = record.entries.len().saturating_sub(limit);
        let old: Vec<u64> = record.entries.iter().map(|entry| entry.number)
            .filter(|number| Some(*number) != deployed && Some(*number) != good)
            .take(over)
            .collect();
        for number in old {
            self.records.delete(number).await?;
            if let Some(record) = &mut self.record {
                record.entries.retain(|entry| entry.number != number);
            }
        }
        Ok(())
    }

    pub(super) async fn fail(&mut self, number: u64, failure: Failure) -> Result<(), ApiError> {
        // Objects that live as this attempt applied them are not as the release that runs has them.
        self.work.clean.clear();
        let records = self.records.clone();
        let held = self.held(number).await?;
        // A record that was just small enough must stay so.
        held.created = None;
        held.release.failed(&failure.message.chars().take(MAX_DESCRIPTION).collect::<String>());
        if let Some(mark) = &mut held.mark {
            mark.failure = Some(failure.clone());
        }
        records.replace(held).await?;
        let (op, opened) = (held.mark.as_ref().map(|mark| mark.op), held.mark.as_ref().map_or(0, |mark| mark.opened));
        self.work.previous = None;
        self.measure(op, opened, false);
        self.entered(Phase::Failed);
        self.facts.plan = None;
        self.facts.drift = None;
        // Where nothing is rolled back, failures alone would fill the history.
        self.trim().await?;
        tracing::error!(environment = self.app.id(), release = number, reason = failure.reason, "release {number} failed: {}", failure.message);
        self.events.warn(&failure.reason, &format!("release {number} failed: {}", failure.message)).await;
        Ok(())
    }
}

/// How much of a failure a record's description takes, in characters; the whole of it stands in the condition.
const MAX_DESCRIPTION: usize = 4000;
