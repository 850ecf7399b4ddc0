//! Faults on the way to a queue: by a script, or drawn from a seed.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::naming::QueueUrl;
use shared::send::SendError;

/// One thing that goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// With one entry, counted from 0, inside a 200. Without effect if the request has no such entry.
    Entry(usize, EntryFault),
    /// With the whole call.
    Call(CallFault),
    /// The call takes this much longer.
    Delay(Duration),
}

/// What goes wrong with one entry of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryFault {
    /// Never acceptable.
    Refused,
    /// Too many requests.
    Throttled,
    /// Not accepted this time.
    Failed,
    /// Accepted, but reported as unknown.
    Unknown,
    /// The queue takes nothing any more; reported with the entry.
    Denied,
}

/// What goes wrong with a whole call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFault {
    /// Too many requests.
    Throttled,
    /// The connection is reset before the request arrives.
    ResetBefore,
    /// The connection is reset after everything was accepted.
    ResetAfter,
    /// A 500, with nothing accepted; the caller cannot know that.
    ServerError,
    /// The whole batch is refused because of what is in it.
    Refused,
    /// A 200 that lacks the result of the last entry; everything was accepted.
    Miscounted,
    /// The queue takes nothing.
    Denied,
}

/// What goes wrong on the way to one queue, request by request.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    script: BTreeMap<usize, Vec<Fault>>,
    seeded: Option<Seeded>,
    requests: usize,
}

/// Random passing faults.
#[derive(Clone, Debug)]
struct Seeded {
    /// The state of SplitMix64, a generator of three lines that gives the same numbers everywhere.
    state: u64,
    per_mille: u64,
    requests_left: usize,
}

impl Faults {
    /// Nothing goes wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// Each of `faults` has the number, counted from 0, of the request that it befalls.
    pub fn script(faults: impl IntoIterator<Item = (usize, Fault)>) -> Self {
        let mut script = BTreeMap::<usize, Vec<Fault>>::new();
        for (request, fault) in faults {
            script.entry(request).or_default().push(fault);
        }
        Self { script, ..Self::default() }
    }

    /// Passing faults drawn from `seed`: each of the next `requests` requests, and each of their entries, has one
    /// with a probability of `per_mille` in a thousand. After that nothing goes wrong.
    pub fn seeded(seed: u64, per_mille: u64, requests: usize) -> Self {
        Self { seeded: Some(Seeded { state: seed, per_mille, requests_left: requests }), ..Self::default() }
    }

    /// The faults of the next request, which has `entries` entries.
    pub(super) fn next(&mut self, entries: usize) -> Vec<Fault> {
        let mut faults = self.script.remove(&self.requests).unwrap_or_default();
        self.requests += 1;
        if let Some(seeded) = self.seeded.as_mut().filter(|seeded| seeded.requests_left > 0) {
            seeded.requests_left -= 1;
            faults.extend(seeded.call());
            faults.extend(
                (0..entries).filter_map(|entry| seeded.entry().map(|fault| Fault::Entry(entry, fault))),
            );
        }
        faults
    }
}

impl Seeded {
    fn call(&mut self) -> Option<Fault> {
        self.strikes().then(|| match self.draw(7) {
            0 => Fault::Call(CallFault::Throttled),
            1 => Fault::Call(CallFault::ResetBefore),
            2 => Fault::Call(CallFault::ResetAfter),
            3 => Fault::Call(CallFault::ServerError),
            4 => Fault::Call(CallFault::Miscounted),
            _ => Fault::Delay(Duration::from_millis(self.draw(400))),
        })
    }

    fn entry(&mut self) -> Option<EntryFault> {
        self.strikes().then(|| match self.draw(3) {
            0 => EntryFault::Throttled,
            1 => EntryFault::Failed,
            _ => EntryFault::Unknown,
        })
    }

    fn strikes(&mut self) -> bool {
        self.draw(1_000) < self.per_mille
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }
}

impl EntryFault {
    /// Whether the entry is accepted despite the fault.
    pub(super) fn accepts(self) -> bool {
        self == Self::Unknown
    }

    /// The error that the sender gets.
    pub(super) fn error(self, queue: &QueueUrl) -> SendError {
        match self {
            Self::Refused => SendError::Message("`InvalidMessageContents`".into()),
            Self::Throttled => SendError::Throttled("`RequestThrottled`".into()),
            Self::Failed => SendError::Transient("`InternalError`".into()),
            Self::Unknown => SendError::Unknown("`InternalError`".into()),
            Self::Denied => CallFault::Denied.error(queue),
        }
    }
}

impl CallFault {
    /// Whether the entries are accepted despite the fault.
    pub(super) fn accepts(self) -> bool {
        matches!(self, Self::ResetAfter | Self::Miscounted)
    }

    /// The error that the sender gets, if the answer is lost.
    pub(super) fn error(self, queue: &QueueUrl) -> SendError {
        match self {
            Self::Throttled => SendError::Throttled("`ThrottlingException`".into()),
            Self::ResetBefore | Self::ResetAfter => SendError::Unknown("connection reset".into()),
            Self::ServerError | Self::Miscounted => SendError::Unknown("status 500".into()),
            Self::Refused => SendError::Message("`BatchRequestTooLong`".into()),
            Self::Denied => SendError::Queue {
                cause: format!("`AccessDenied` for `{queue}`").into(),
                remedy: "allow `sqs:SendMessage` in the queue's policy",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_befalls_the_requests_it_names() {
        let delay = Fault::Delay(Duration::from_secs(1));
        let refused = Fault::Entry(2, EntryFault::Refused);
        let mut faults = Faults::script([(1, refused), (1, delay), (3, delay)]);
        let drawn = (0..5).map(|_| faults.next(10)).collect::<Vec<_>>();
        assert_eq!(drawn, [vec![], vec![refused, delay], vec![], vec![delay], vec![]]);
    }

    #[test]
    fn a_seed_draws_the_same_faults_again_for_as_many_requests_as_it_may() {
        let draw = |seed| {
            let mut faults = Faults::seeded(seed, 300, 20);
            (0..30).map(|_| faults.next(10)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let drawn = draw(1);
        assert!(drawn[20..].iter().all(Vec::is_empty));
        // 20 requests of 11 chances each: 66 expected.
        let count = drawn.concat().len();
        assert!((40..100).contains(&count), "{count} faults");
    }
}
