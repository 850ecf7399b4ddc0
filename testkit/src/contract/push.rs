//! What every kind of push target must do: events reach it in order, a failure stops what follows, its class says whose fault
//! it is, and nothing that it answers does harm.

use std::future::Future;
use std::pin::Pin;

use crate::logs::logged;

/// A value of each event, which nothing may show.
const VALUE: &str = "Zerberus-4711";

/// The most bytes of a reason: two hundred of the target's words, escaped, and ours.
const REASON_LIMIT: usize = 1_500;

/// A kind, and its target, which a test scripts. It is fresh before a check.
pub trait PushedTo {
    /// What the target does with the next events, one after the other; then it takes all.
    fn script(&self, meanings: &[Meaning]);

    /// Brings events of one group.
    fn deliver(&self, events: &[PushedEvent]) -> impl Future<Output = PushReport>;

    /// The ids of the events that were tried, in order.
    fn tried(&self) -> Vec<String>;

    /// The most bytes that an event's body may have for this kind; `None` if every message of a queue fits.
    fn body_limit(&self) -> Option<usize>;

    /// Whether an answer says more than its status: then one that can't be read is no success.
    fn reads_answers(&self) -> bool;

    /// Everything that no error may show: secrets and tokens.
    fn secrets(&self) -> Vec<String>;
}

/// An event that is brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedEvent {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: i64,
    /// Its body, JSON.
    pub body: String,
}

/// What a target does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It takes the event.
    Taken,
    /// It has no time now.
    Busy,
    /// It refuses the sender.
    Denied,
    /// It refuses the event.
    Refused,
    /// There is no such target.
    Gone,
    /// It refuses the event, and repeats all that it was sent.
    Repeating,
    /// It refuses the event in ten megabytes.
    RefusedAtLength,
    /// It takes the event, and its answer never ends.
    TakenEndlessly,
    /// It takes the event, and its answer stops in the middle.
    TakenAndStalled,
    /// It says nothing.
    Silent,
    /// It ends the connection.
    Reset,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Nobody's.
    Transient,
    /// The target's.
    Target,
    /// The event's.
    Event,
    /// There is no target.
    Gone,
}

/// What became of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushReport {
    /// How many the target took, from the first on.
    pub taken: usize,
    /// Why not more, and in which words.
    pub failure: Option<(Blame, String)>,
    /// What `Debug` shows of all that takes part.
    pub shown: String,
}

/// All rules. `kind` makes another one each time; `run` runs a future to its end, on this thread.
pub fn check<K: PushedTo>(
    kind: impl AsyncFn() -> K,
    secrets: &[String],
    run: impl FnOnce(Pin<Box<dyn Future<Output = ()> + '_>>),
) {
    let log = logged(|| run(Box::pin(check_all(&kind))));
    for hidden in secrets.iter().map(String::as_str).chain([VALUE]) {
        assert!(!log.contains(hidden), "the log shows `{hidden}`: {log}");
    }
}

async fn check_all<K: PushedTo>(kind: &impl AsyncFn() -> K) {
    events_come_in_order(&kind().await).await;
    for (meaning, blame) in [
        (Meaning::Busy, Blame::Transient),
        (Meaning::Denied, Blame::Target),
        (Meaning::Refused, Blame::Event),
        (Meaning::Gone, Blame::Gone),
        (Meaning::Repeating, Blame::Event),
        (Meaning::RefusedAtLength, Blame::Event),
        (Meaning::Silent, Blame::Transient),
        (Meaning::Reset, Blame::Transient),
    ] {
        a_failure_stops_what_follows(&kind().await, meaning, blame).await;
    }
    an_answer_without_end_does_no_harm(&kind().await, Meaning::TakenEndlessly).await;
    an_answer_without_end_does_no_harm(&kind().await, Meaning::TakenAndStalled).await;
    what_is_too_large_is_not_sent(&kind().await).await;
}

/// One after the other, each once.
async fn events_come_in_order(kind: &impl PushedTo) {
    let report = kind.deliver(&events(1..=4)).await;
    assert_eq!((report.taken, &report.failure), (4, &None));
    assert_eq!(kind.tried(), ["e-1", "e-2", "e-3", "e-4"]);
}

/// What was taken is said, nothing behind the failure is tried, and the reason is short and says nothing of events and
/// secrets. When the event comes again, it has the same id, and what follows comes behind it.
async fn a_failure_stops_what_follows(kind: &impl PushedTo, meaning: Meaning, blame: Blame) {
    // A run has one time for all of its events: the one before a silent target's has its own.
    let is_apart = meaning == Meaning::Silent;
    kind.script(&[Meaning::Taken, meaning]);
    if is_apart {
        kind.deliver(&events(1..=1)).await;
    }
    let report = kind.deliver(&events(if is_apart { 2..=4 } else { 1..=4 })).await;
    let (found, reason) = report.failure.clone().unwrap_or_else(|| panic!("{meaning:?} is no failure"));
    assert_eq!((report.taken, found), (usize::from(!is_apart), blame), "{meaning:?}: {reason}");
    assert_eq!(kind.tried(), ["e-1", "e-2"], "{meaning:?}");
    let secrets = kind.secrets();
    for hidden in secrets.iter().map(String::as_str).chain([VALUE]) {
        assert!(!reason.contains(hidden), "{meaning:?}: the reason shows `{hidden}`: {reason}");
        assert!(!report.shown.contains(hidden), "{meaning:?}: `Debug` shows `{hidden}`: {}", report.shown);
    }
    assert!(reason.len() < REASON_LIMIT, "{meaning:?}: {reason}");
    assert!(!reason.contains(char::is_control), "{meaning:?}: {reason:?}");

    let report = kind.deliver(&events(2..=4)).await;
    assert_eq!((report.taken, &report.failure), (3, &None), "{meaning:?}");
    assert_eq!(kind.tried(), ["e-1", "e-2", "e-2", "e-3", "e-4"], "{meaning:?}");
}

/// It ends in time. Where the status says all, the event is taken.
async fn an_answer_without_end_does_no_harm(kind: &impl PushedTo, meaning: Meaning) {
    // Connections are made, and secrets read.
    kind.deliver(&events(1..=1)).await;
    kind.script(&[meaning]);
    let report = kind.deliver(&events(2..=2)).await;
    match report.failure {
        None => assert_eq!(report.taken, 1, "{meaning:?}"),
        Some((blame, reason)) => {
            assert!(kind.reads_answers(), "{meaning:?}: {reason}");
            assert_eq!((report.taken, blame), (0, Blame::Transient), "{meaning:?}: {reason}");
        }
    }
}

/// The event is at fault, before anything is asked.
async fn what_is_too_large_is_not_sent(kind: &impl PushedTo) {
    let Some(limit) = kind.body_limit() else { return };
    let large = PushedEvent { body: format!("\"{}\"", "x".repeat(limit)), ..event(1) };
    let report = kind.deliver(&[large]).await;
    assert_eq!((report.taken, report.failure.map(|(blame, _)| blame)), (0, Some(Blame::Event)));
    assert_eq!(kind.tried(), Vec::<String>::new());
}

fn events(versions: std::ops::RangeInclusive<i64>) -> Vec<PushedEvent> {
    versions.map(event).collect()
}

fn event(version: i64) -> PushedEvent {
    let body = format!("{{\"holder\":\"{VALUE}\",\"price\":1.10}}");
    PushedEvent { id: format!("e-{version}"), version, body }
}
