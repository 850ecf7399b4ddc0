//! How far each event of a run is: written, on its way, with all of its clients; and how many may be on their way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::Load;
use crate::check::ExpectedEvents;
use crate::stack::ClientAddress;

/// How many events are on their way at the same time, if the load is paced: about what the local stack can hold, so
/// that an event's delay is its own, and not that of a backlog.
pub const IN_FLIGHT: usize = 32;

/// How far each event is, by its number.
pub(super) struct Journeys {
    events: Mutex<Vec<Journey>>,
    /// How many events were received, counted once for each client.
    receipts: AtomicUsize,
    /// A permit for each event that may be sent on its way. Closed, also when nothing moves: any number may.
    window: Semaphore,
}

/// How far an event is.
#[derive(Clone, Copy)]
struct Journey {
    written_at: Option<Instant>,
    /// The number of clients that lack it.
    lacking: usize,
    /// When the last of its clients received it.
    arrived_at: Option<Instant>,
}

impl Journeys {
    pub(super) fn new(expected: &ExpectedEvents, clients: &[ClientAddress], load: Load) -> Self {
        let count = |index| clients.iter().filter(|client| expected.is_wanted(&client.name, index)).count();
        let journey = |index| Journey { written_at: None, lacking: count(index), arrived_at: None };
        let events = (0..expected.events().len()).map(journey).collect();
        let window = Semaphore::new(IN_FLIGHT);
        if load == Load::Burst {
            window.close();
        }
        Self { events: Mutex::new(events), receipts: AtomicUsize::new(0), window }
    }

    /// Waits until another event may be sent on its way.
    pub(super) async fn admit(&self) {
        if let Ok(permit) = self.window.acquire().await {
            permit.forget();
        }
    }

    /// Lets any number of events go: nothing moves, because a client lacks one for good.
    pub(super) fn let_all_go(&self) {
        self.window.close();
    }

    /// How many events were received, counted once for each client.
    pub(super) fn receipts(&self) -> usize {
        self.receipts.load(Ordering::Relaxed)
    }

    /// An event that was admitted is not written: another may go.
    pub(super) fn refused(&self) {
        self.window.add_permits(1);
    }

    pub(super) fn written(&self, index: usize) {
        self.change(index, |journey| journey.written_at = Some(Instant::now()));
    }

    pub(super) fn received(&self, index: usize) {
        self.receipts.fetch_add(1, Ordering::Relaxed);
        self.change(index, |journey| {
            journey.lacking = journey.lacking.saturating_sub(1);
            journey.arrived_at = Some(Instant::now());
        });
    }

    /// Changes a journey. One that has ended lets another event go.
    fn change(&self, index: usize, change: impl FnOnce(&mut Journey)) {
        let mut events = self.lock();
        let Some(journey) = events.get_mut(index) else { return };
        let had_ended = journey.has_ended();
        change(journey);
        if journey.has_ended() && !had_ended {
            self.window.add_permits(1);
        }
    }

    pub(super) fn written_at(&self, index: usize) -> Option<Instant> {
        self.lock().get(index)?.written_at
    }

    /// How many written events a client lacks, and the number of the first.
    pub(super) fn lacking(&self) -> Option<(usize, usize)> {
        let events = self.lock();
        let mut lacking =
            events.iter().enumerate().filter(|(_, event)| event.written_at.is_some() && event.lacking > 0);
        let (first, _) = lacking.next()?;
        Some((1 + lacking.count(), first))
    }

    /// How many events a second reached all of their clients, from `start` to the last receipt.
    pub(super) fn rate(&self, start: Instant) -> u64 {
        let events = self.lock();
        let arrivals: Vec<Instant> =
            events.iter().filter(|event| event.has_ended()).filter_map(|event| event.arrived_at).collect();
        let last = arrivals.iter().max().map_or(Duration::ZERO, |last| last.duration_since(start));
        let milliseconds = last.as_millis().max(1);
        u64::try_from(arrivals.len() as u128 * 1000 / milliseconds).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Journey>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journey {
    fn has_ended(&self) -> bool {
        self.written_at.is_some() && self.lacking == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks;

    fn client(name: &str) -> ClientAddress {
        let name = name.to_owned();
        ClientAddress { name, account: String::new(), queue_name: String::new(), queue_url: String::new() }
    }

    #[tokio::test]
    async fn an_event_is_on_its_way_until_its_last_client_has_it() {
        let expected = ExpectedEvents::new(marks::histories(1, IN_FLIGHT + 1, 0));
        let journeys = Journeys::new(&expected, &[client("A"), client("B")], Load::Paced);
        for index in 0..IN_FLIGHT {
            journeys.admit().await;
            journeys.written(index);
        }
        let free = || journeys.window.available_permits();
        assert_eq!((free(), journeys.lacking()), (0, Some((IN_FLIGHT, 0))));
        journeys.received(0);
        assert_eq!(free(), 0);
        journeys.received(0);
        assert_eq!((free(), journeys.lacking()), (1, Some((IN_FLIGHT - 1, 1))));
        journeys.admit().await;
        // A message can overtake the answer to the write that caused it.
        journeys.received(IN_FLIGHT);
        journeys.received(IN_FLIGHT);
        assert_eq!(free(), 0);
        journeys.written(IN_FLIGHT);
        assert_eq!(free(), 1);
    }

    #[tokio::test]
    async fn a_burst_waits_for_nothing() {
        let expected = ExpectedEvents::new(marks::histories(1, IN_FLIGHT + 1, 0));
        let journeys = Journeys::new(&expected, &[client("A")], Load::Burst);
        for index in 0..=IN_FLIGHT {
            journeys.admit().await;
            journeys.written(index);
        }
        assert_eq!(journeys.lacking(), Some((IN_FLIGHT + 1, 0)));
    }
}
