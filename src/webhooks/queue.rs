//! What Receivers were told and nobody has acted upon yet: coalesced, so that a thousand pushes of a branch are one look, and
//! bounded, without ever losing one.

use super::Event;
use std::collections::{BTreeMap, BTreeSet};

/// How many different events wait for one Receiver; with more, everything that it minds is looked at instead.
pub const MAX_EVENTS: usize = 1000;

/// When what a registry told of is handed out again, in milliseconds after it was: a registry may tell of a push before the tag can be
/// read (distribution does: it tells when the manifest is there, and names it afterwards).
const AGAIN: [i64; 2] = [1_000, 5_000];

/// How many rounds of a Receiver wait to be handed out again; what comes on top joins the last one.
const MAX_ECHOES: usize = 16;

/// What waits for one Receiver.
#[derive(Clone, Debug, PartialEq)]
pub enum Pending {
    /// These.
    Events(BTreeSet<Event>),
    /// Too many to tell apart: everything that the Receiver minds.
    Everything,
}

impl Pending {
    /// What a registry told of; `None` where there is nothing of it.
    fn images(&self) -> Option<Pending> {
        let Pending::Events(events) = self else { return Some(Pending::Everything) };
        let images: BTreeSet<Event> = events.iter().filter(|event| matches!(event, Event::Image(_))).cloned().collect();
        (!images.is_empty()).then_some(Pending::Events(images))
    }

    /// Takes another's events in; whether anything is new.
    fn join(&mut self, events: impl IntoIterator<Item = Event>) -> bool {
        let mut new = false;
        for event in events {
            match self {
                Pending::Everything => return new,
                Pending::Events(known) if known.len() >= MAX_EVENTS => {
                    *self = Pending::Everything;
                    return true;
                }
                Pending::Events(known) => new |= known.insert(event),
            }
        }
        new
    }
}

/// Both of them.
fn joined(one: Option<Pending>, other: Pending) -> Pending {
    match (one, other) {
        (None, other) => other,
        (Some(_), Pending::Everything) => Pending::Everything,
        (Some(mut one), Pending::Events(events)) => {
            one.join(events);
            one
        }
    }
}

#[derive(Debug, Default)]
struct Slot {
    pending: Option<Pending>,
    /// What is handed out again, and from when on, in milliseconds.
    echoes: Vec<(i64, Pending)>,
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
        let mut events = events.into_iter().peekable();
        events.peek().is_some() && slot.pending.get_or_insert_with(|| Pending::Events(BTreeSet::new())).join(events)
    }

    /// What is to be acted upon now: each Receiver at most once in its pause (milliseconds). The rest waits.
    pub fn take(&mut self, now: i64, pause: impl Fn(&str) -> i64) -> Vec<(String, Pending)> {
        let mut taken = Vec::new();
        for (receiver, slot) in &mut self.slots {
            if slot.not_before > now {
                continue;
            }
            let fresh = slot.pending.take();
            let images = fresh.as_ref().and_then(Pending::images);
            let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut slot.echoes).into_iter().partition(|(due, _)| *due <= now);
            slot.echoes = later;
            if let Some(images) = images {
                AGAIN.iter().for_each(|after| slot.echo(now + after, &images));
            }
            if let Some(pending) = due.into_iter().fold(fresh, |sum, (_, echo)| Some(joined(sum, echo))) {
                slot.not_before = now + pause(receiver);
                taken.push((receiver.clone(), pending));
            }
        }
        self.slots.retain(|_, slot| slot.pending.is_some() || !slot.echoes.is_empty() || slot.not_before > now);
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
        self.slots.values().filter_map(Slot::next).min()
    }
}

impl Slot {
    fn echo(&mut self, due: i64, images: &Pending) {
        let full = self.echoes.len() >= MAX_ECHOES;
        match self.echoes.last_mut() {
            Some((last, pending)) if full => {
                let before = std::mem::replace(pending, Pending::Everything);
                (*last, *pending) = (due.max(*last), joined(Some(before), images.clone()));
            }
            _ => self.echoes.push((due, images.clone())),
        }
    }

    fn next(&self) -> Option<i64> {
        let echoes = self.echoes.iter().map(|(due, _)| *due);
        let due = if self.pending.is_some() { Some(i64::MIN) } else { echoes.min() };
        due.map(|due| due.max(self.not_before))
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

    fn image(tag: &str) -> Event {
        Event::Image(crate::webhooks::Image::parse(&format!("registry.example.com/shop/web:{tag}")).unwrap())
    }

    /// Seen with the distribution registry: it told of a push, the tag could not be read yet, and nobody looked again for an hour.
    #[test]
    fn what_a_registry_told_of_is_handed_out_again() {
        let mut queue = Queue::default();
        queue.add("r", [image("1"), push("main")]);
        assert_eq!(queue.take(0, |_| 500), vec![("r".to_owned(), Pending::Events([image("1"), push("main")].into()))]);
        assert_eq!(queue.next(), Some(1000));
        assert_eq!(queue.take(999, |_| 500), vec![]);
        queue.add("r", [push("develop")]);
        assert_eq!(queue.next(), Some(500), "news does not wait for it");
        assert_eq!(queue.take(1000, |_| 500), vec![("r".to_owned(), Pending::Events([image("1"), push("develop")].into()))]);
        assert_eq!(queue.next(), Some(5000));
        assert_eq!(queue.take(5000, |_| 500), vec![("r".to_owned(), Pending::Events([image("1")].into()))]);
        assert_eq!(queue.next(), None, "twice, and that is all");
        assert!(queue.take(9000, |_| 500).is_empty() && queue.slots.is_empty());
    }

    #[test]
    fn however_much_is_told_what_is_handed_out_again_is_bounded_and_whole() {
        let mut queue = Queue::default();
        for round in 0..100 {
            queue.add("r", [image(&round.to_string())]);
            queue.take(round * 10, |_| 10);
        }
        assert!(queue.slots["r"].echoes.len() <= MAX_ECHOES);
        let mut heard = BTreeSet::new();
        while let Some(next) = queue.next() {
            for (_, pending) in queue.take(next, |_| 10) {
                let Pending::Events(events) = pending else { panic!("a hundred are not too many") };
                heard.extend(events);
            }
        }
        // After the last of them was told: each is looked at once more.
        assert_eq!(heard.len(), 100);
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
