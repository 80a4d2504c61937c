//! Whether the status that the API server shows is the one that this agent wrote last.
//!
//! People read it, and take the digest of a plan from it: who may write the status of an Environment could else show another one
//! for as long as nothing changes. The agent watches its Environments anyway, so that this costs no request; each write of its own
//! comes back on the watch, too, and is known by its resource version. Somebody who writes it again and again is answered with
//! pauses that double, so that no fight comes of it.

use super::drive::Shown;
use crate::{
    app::EnvironmentStatus,
    cluster::is_older,
    decide::{Millis, backoff},
};

/// The first pause before the status is put right once more.
const PAUSE: Millis = 1_000;
/// After so much quiet the pauses begin anew.
const QUIET: Millis = 10 * 60_000;

/// What is known of the shown status.
#[derive(Debug, Default)]
pub(super) struct Showing {
    /// The Environment's resource version after this agent's last write of it.
    written: String,
    /// The newest resource version that is known of it.
    newest: String,
    /// Somebody else's status is shown.
    foreign: bool,
    /// How often it was put right in a row, and when last.
    repairs: u32,
    repaired: Millis,
}

impl Showing {
    /// The Environment has this version.
    pub(super) fn met(&mut self, version: String) {
        if !version.is_empty() && !is_older(&version, &self.newest) {
            self.newest = version;
        }
    }

    /// The newest resource version that is known of the Environment; empty where none is.
    pub(super) fn version(&self) -> &str {
        &self.newest
    }

    /// This agent wrote it.
    pub(super) fn wrote(&mut self, version: String) {
        self.newest.clone_from(&version);
        self.written = version;
        self.foreign = false;
    }

    /// The server shows this, and `published` was written last. Whether that is somebody else's doing, and news.
    pub(super) fn is_foreign(&mut self, shown: &Shown, published: &EnvironmentStatus, now: Millis) -> bool {
        self.met(shown.version.clone());
        if self.written == shown.version || is_older(&shown.version, &self.written) {
            return false;
        }
        let (before, same) = (self.foreign, same(&shown.status, published));
        self.foreign = !same;
        if now - self.repaired > QUIET {
            self.repairs = 0;
        }
        self.foreign && !before
    }

    /// When the status is to be put right.
    pub(super) fn due(&self) -> Option<Millis> {
        let pause = if self.repairs == 0 { 0 } else { backoff(PAUSE, self.repairs - 1) };
        self.foreign.then_some(self.repaired + pause)
    }

    /// Whether it is to be put right now; counts it.
    pub(super) fn put_right(&mut self, now: Millis) -> bool {
        let due = self.due().is_some_and(|due| due <= now);
        if due {
            (self.repairs, self.repaired) = (self.repairs + 1, now);
        }
        due
    }
}

/// Whether they say the same, as JSON has it.
fn same(shown: &EnvironmentStatus, published: &EnvironmentStatus) -> bool {
    let json = |status| serde_json::to_value(status).expect("a status serialises");
    shown == published || json(shown) == json(published)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(revision: &str) -> EnvironmentStatus {
        EnvironmentStatus { revision: Some(revision.into()), ..EnvironmentStatus::default() }
    }

    fn shown(version: u32, revision: &str) -> Shown {
        Shown { version: version.to_string(), status: status(revision), others: Vec::new() }
    }

    #[test]
    fn own_writes_that_come_back_are_nobody_elses() {
        let mut showing = Showing::default();
        showing.wrote("9".into());
        assert!(!showing.is_foreign(&shown(7, "before"), &status("mine"), 0));
        assert!(!showing.is_foreign(&shown(9, "mine"), &status("mine"), 0));
        assert_eq!(showing.due(), None);
        assert!(!showing.is_foreign(&shown(10, "mine"), &status("mine"), 0), "somebody changed something else");
        assert!(showing.is_foreign(&shown(11, "theirs"), &status("mine"), 0));
    }

    #[test]
    fn who_writes_again_and_again_is_answered_ever_less_often() {
        let (mut showing, mut now, mut version) = (Showing::default(), 1_000_000, 1);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            version += 2;
            assert!(showing.is_foreign(&shown(version - 1, "theirs"), &status("mine"), now));
            let due = showing.due().unwrap().max(now);
            assert!(due == now || !showing.put_right(now), "not before its time");
            pauses.push(due - now);
            now = due;
            assert!(showing.put_right(now));
            showing.wrote(version.to_string());
        }
        assert_eq!(pauses[..4], [0, 1_000, 2_000, 4_000]);
        assert_eq!(pauses.last(), Some(&300_000), "and five minutes at the most");
        now += QUIET + 1;
        assert!(showing.is_foreign(&shown(version + 1, "theirs"), &status("mine"), now));
        assert!(showing.put_right(now), "after some quiet at once again");
    }
}
