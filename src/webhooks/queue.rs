//! What Receivers were told and nobody has acted upon yet: coalesced, so that a thousand pushes of a branch are one look, and
//! bounded, without ever losing one.

use super::Event;
use std::collections::{BTreeMap, BTreeSet};

/// How many different events wait for one Receiver; with more, everything that it minds is looked at instead.
pub const MAX_EVENTS: usize = 1000;

/// What waits for one Receiver.
#[derive(Clone, Debug, PartialEq)]
pub enum Pending {
    /// These.
    Events(BTreeSet<Event>),
    /// Too many to tell apart: everything that the Receiver minds.
    Everything,
}

#[derive(Debug, Default)]
struct Slot {
    pending: Option<Pending>,
    /// Not before this time is it handed out again, in milliseconds.
    not_before: i64,
}

/// The waiting events of all Receivers.
#[derive(Debug, Default)]
pub struct Queue {
    slots: BTreeMap<String, Slot>,
}

impl Queue {
    /// Adds what a Receiver was told; whether anything is new.
    pub fn add(&mut self, receiver: &str, events: impl IntoIterator<Item = Event>) -> bool {
        let slot = self.slots.entry(receiver.to_owned()).or_default();
        let mut new = false;
        for event in events {
            match slot.pending.get_or_insert_with(|| Pending::Events(BTreeSet::new())) {
                Pending::Everything => return new,
                Pending::Events(known) if known.len() >= MAX_EVENTS => {
                    slot.pending = Some(Pending::Everything);
                    return true;
                }
                Pending::Events(known) => new |= known.insert(event),
            }
        }
        new
    }

    /// What is to be acted upon now: each Receiver at most once in its pause (milliseconds). The rest waits.
    pub fn take(&mut self, now: i64, pause: impl Fn(&str) -> i64) -> Vec<(String, Pending)> {
        let mut taken = Vec::new();
        for (receiver, slot) in &mut self.slots {
            if slot.not_before <= now
                && let Some(pending) = slot.pending.take()
            {
                slot.not_before = now + pause(receiver);
                taken.push((receiver.clone(), pending));
            }
        }
        self.slots.retain(|_, slot| slot.pending.is_some() || slot.not_before > now);
        taken
    }

    /// What could not be acted upon comes back.
    pub fn put_back(&mut self, receiver: &str, pending: Pending) {
        match pending {
            Pending::Everything => self.slots.entry(receiver.to_owned()).or_default().pending = Some(Pending::Everything),
            Pending::Events(events) => {
                self.add(receiver, events);
            }
        }
    }

    /// When something is next to be acted upon, in milliseconds; `None` where nothing waits.
    pub fn next(&self) -> Option<i64> {
        self.slots.values().filter(|slot| slot.pending.is_some()).map(|slot| slot.not_before).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhooks::Address;

    fn push(branch: &str) -> Event {
        Event::Push { repository: vec![Address { host: None, path: "a/b".into() }], branch: branch.into() }
    }

    #[test]
    fn a_limit_delays_and_loses_nothing() {
        let mut queue = Queue::default();
        assert!(queue.add("r", [push("main")]));
        assert!(!queue.add("r", [push("main")]), "the same again is one");
        assert_eq!(queue.take(1000, |_| 500).len(), 1);
        queue.add("r", [push("main")]);
        assert_eq!(queue.take(1200, |_| 500), vec![], "within its pause");
        assert_eq!(queue.next(), Some(1500));
        queue.add("r", [push("develop")]);
        let taken = queue.take(1500, |_| 500);
        assert_eq!(taken, vec![("r".to_owned(), Pending::Events([push("main"), push("develop")].into()))]);
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn more_than_can_be_told_apart_is_everything() {
        let mut queue = Queue::default();
        queue.add("r", (0..MAX_EVENTS + 5).map(|n| push(&n.to_string())));
        assert_eq!(queue.take(0, |_| 0), vec![("r".to_owned(), Pending::Everything)]);
        queue.put_back("r", Pending::Everything);
        queue.add("r", [push("main")]);
        assert_eq!(queue.take(0, |_| 0), vec![("r".to_owned(), Pending::Everything)]);
    }
}
