//! What each way gets when another one refuses, with ways that refuse what they are told to.

use std::cell::RefCell;
use std::rc::Rc;

use super::super::outgoing::REFUSALS_MAX;
use super::*;
use crate::alert::Severity;
use crate::alert::render::tests;

/// What a way got, and which ids it refuses; all when `is_down`.
#[derive(Debug, Default)]
struct Log {
    got: Vec<Vec<String>>,
    refuses: BTreeSet<String>,
    is_down: bool,
}

#[derive(Clone, Default)]
struct Fake {
    log: Rc<RefCell<Log>>,
    refused: Vec<String>,
}

impl Fake {
    fn refuse(&self, ids: &[&str]) {
        self.log.borrow_mut().refuses = ids.iter().map(|id| (*id).to_owned()).collect();
    }

    fn set_down(&self, is_down: bool) {
        self.log.borrow_mut().is_down = is_down;
    }

    /// What it got since the last call, a list for each message.
    fn got(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.log.borrow_mut().got)
    }

    /// The same without how it came.
    fn ids(&self) -> Vec<String> {
        self.got().concat()
    }

    fn offer(&mut self, alerts: &[Alert], is_one: bool) {
        let mut log = self.log.borrow_mut();
        let is_refused = |alert: &&Alert| log.is_down || log.refuses.contains(&alert.id);
        let (refused, taken): (Vec<&Alert>, Vec<&Alert>) = alerts.iter().partition(is_refused);
        self.refused = refused.iter().map(|alert| alert.id.clone()).collect();
        let taken: Vec<String> = taken.iter().map(|alert| alert.id.clone()).collect();
        match is_one {
            true if self.refused.is_empty() => log.got.push(taken),
            true => {}
            false => log.got.extend(taken.into_iter().map(|id| vec![id])),
        }
    }
}

impl Takes for Fake {
    fn take(&mut self, alerts: &[Alert]) -> Result<(), Error> {
        self.offer(alerts, false);
        Ok(())
    }

    fn take_together(&mut self, alerts: &[Alert]) -> Result<usize, Error> {
        self.offer(alerts, true);
        Ok(alerts.len())
    }

    fn refused(&self) -> &[String] {
        &self.refused
    }

    fn last_fault(&self) -> Option<String> {
        Some("so it is".to_owned())
    }

    fn try_anew(&mut self) {}

    fn never_takes(&self, _: &Alert) -> Option<String> {
        None
    }
}

fn alerts(ids: std::ops::Range<usize>) -> Vec<Alert> {
    ids.map(|id| Alert { id: id.to_string(), severity: Severity::High, ..tests::alert() }).collect()
}

fn ids(ids: std::ops::Range<usize>) -> Vec<String> {
    ids.map(|id| id.to_string()).collect()
}

/// Two ways, and what waits for them.
struct World {
    topic: Fake,
    hub: Fake,
    doors: Doors<Fake>,
    outbox: Vec<Alert>,
    printed: Vec<String>,
}

impl World {
    fn new(window_seconds: i64) -> Self {
        let (topic, hub) = (Fake::default(), Fake::default());
        let ways = vec![topic.clone(), hub.clone()];
        let doors = Doors::new(ways, Digest::new(window_seconds));
        Self { topic, hub, doors, outbox: Vec::new(), printed: Vec::new() }
    }

    /// One round at `now_second`: what came of it.
    fn round(&mut self, now_second: i64) -> Settled {
        self.doors.look(&self.outbox, now_second);
        let printed = &mut self.printed;
        let mut print = |alerts: &[Alert]| {
            printed.extend(alerts.iter().map(|alert| alert.id.clone()));
            Ok(())
        };
        self.doors.offer(&self.outbox, now_second, false, &mut print).unwrap();
        let settled = self.doors.settle(&self.outbox);
        self.outbox.retain(|alert| !settled.holds(alert));
        settled
    }
}

#[test]
fn what_one_refuses_the_other_has_all_the_same() {
    let mut world = World::new(0);
    world.hub.set_down(true);
    world.outbox = alerts(0..25);
    world.round(0);
    assert_eq!(world.topic.ids(), ids(0..25));
    assert_eq!(world.outbox.len(), 25, "all are kept for the other");
    world.outbox.extend(alerts(25..30));
    world.round(30);
    assert_eq!(world.topic.ids(), ids(25..30), "nothing twice, and nothing waits");
    world.hub.set_down(false);
    let settled = world.round(60);
    assert_eq!((world.hub.ids(), world.topic.ids()), (ids(0..30), vec![]));
    assert_eq!((settled.told.len(), settled.missed.len(), world.outbox.len()), (30, 0, 0));
    assert_eq!(world.printed, ids(0..30), "once, when they are due");
}

#[test]
fn what_is_refused_again_and_again_while_others_are_taken_is_given_up() {
    let mut world = World::new(0);
    world.hub.refuse(&["1"]);
    world.outbox = alerts(0..3);
    assert_eq!(world.round(0).told.len(), 2, "the others do not wait for it");
    for round in 1..REFUSALS_MAX {
        world.outbox.extend(alerts(10 + round as usize..11 + round as usize));
        let settled = world.round(i64::from(round));
        let is_last = round + 1 == REFUSALS_MAX;
        assert_eq!(settled.missed.len(), usize::from(is_last), "{round}");
        assert_eq!(settled.told.len(), 1 + usize::from(is_last), "somebody was told of it");
    }
    assert!(world.outbox.is_empty());
}

#[test]
fn a_way_that_takes_nothing_loses_nothing() {
    let mut world = World::new(0);
    world.topic.set_down(true);
    world.hub.set_down(true);
    world.outbox = alerts(0..3);
    for round in 0..3 * i64::from(REFUSALS_MAX) {
        assert_eq!(world.round(round), Settled::default());
    }
    world.topic.set_down(false);
    world.hub.set_down(false);
    assert_eq!(world.round(100).told.len(), 3);
}

#[test]
fn a_full_outbox_lets_go_what_somebody_was_told() {
    let mut world = World::new(0);
    world.hub.set_down(true);
    world.outbox = alerts(0..OUTBOX_ALERTS_MAX);
    let settled = world.round(0);
    assert_eq!((settled.told.len(), settled.missed.len()), (OUTBOX_ALERTS_MAX, OUTBOX_ALERTS_MAX));
    world.topic.set_down(true);
    world.outbox = alerts(0..OUTBOX_ALERTS_MAX);
    assert_eq!(world.round(1), Settled::default(), "what nobody was told of stays");
}

#[test]
fn digests_go_on_beside_a_way_that_refuses() {
    let mut world = World::new(60);
    world.hub.set_down(true);
    world.outbox = alerts(0..2);
    world.round(0);
    assert_eq!(world.topic.got(), [ids(0..2)], "what waited before a start does not wait again");
    world.outbox.extend(alerts(2..4));
    world.round(30);
    assert!(world.topic.got().is_empty(), "they are gathered");
    world.round(90);
    assert_eq!(world.topic.got(), [ids(2..4)]);
    let urgent = Alert { severity: Severity::Critical, ..alerts(4..5).remove(0) };
    world.outbox.push(urgent);
    world.round(91);
    assert_eq!(world.topic.got(), [ids(4..5)], "it waits for nothing");
    world.hub.set_down(false);
    world.round(92);
    assert_eq!(world.hub.got(), [ids(0..4), ids(4..5)], "what it missed, in its order");
}

#[test]
fn a_digest_that_is_refused_goes_one_by_one_in_the_end() {
    let mut world = World::new(60);
    world.topic.refuse(&["1"]);
    world.outbox = alerts(0..3);
    for round in 0..i64::from(REFUSALS_MAX) {
        world.round(round);
        assert!(world.topic.got().is_empty());
    }
    let settled = world.round(100);
    assert_eq!(world.topic.got(), [ids(0..1), ids(2..3)]);
    assert_eq!(settled.missed, [("1".to_owned(), "so it is".to_owned())]);
    assert!(world.outbox.is_empty());
}
