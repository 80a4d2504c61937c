//! Jobs and what starts them.

use super::{
    Health,
    read::{Reader, because},
};

/// Jobs: done, failed, or at work. Unlike kstatus a Job at work is waited for, as Argo CD and helm's `--wait-for-jobs` do.
pub(super) fn job(read: &Reader<'_>) -> Health {
    let (succeeded, failed, active) = (read.count("/status/succeeded"), read.count("/status/failed"), read.count("/status/active"));
    let wanted = read.int("/spec/completions").or(read.int("/spec/parallelism")).unwrap_or(1);
    if read.condition_is("Complete", "True").is_some() {
        return Health::healthy(format!("it is done: {succeeded} of {wanted} pods succeeded"));
    }
    if let Some(end) = read.condition_is("Failed", "True") {
        return Health::failed(true, end.reason, format!("it failed after {failed} failed pods{}", because(end.message)));
    }
    // The verdict is in; the controller only waits for the last pods to end.
    if let Some(end) = read.condition_is("FailureTarget", "True") {
        return Health::failed(true, end.reason, format!("it is failing{}", because(end.message)));
    }
    if read.flag("/spec/suspend") || read.condition_is("Suspended", "True").is_some() {
        return Health::suspended("it is suspended");
    }
    if read.text("/status/startTime").is_none() {
        return Health::progressing("JobNotStarted", "it has not started yet");
    }
    Health::progressing("JobRunning", format!("{active} pods at work, {succeeded} of {wanted} succeeded, {failed} failed"))
}

/// CronJobs are healthy as they stand: what they start is not part of a release.
pub(super) fn cron_job(read: &Reader<'_>) -> Health {
    if read.flag("/spec/suspend") { Health::suspended("it is suspended") } else { Health::healthy("it starts Jobs at its times") }
}
