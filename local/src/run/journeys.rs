//! How far each event of a run is: written, on its way, with all of its clients; and how many may be on their way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::Load;
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
    /// How many clients are to get it: known when it is written.
    wanted: usize,
    /// How many have it.
    received: usize,
    /// When the last of its clients received it.
    arrived_at: Option<Instant>,
}

impl Journeys {
    /// The journeys of so many events.
    pub(super) fn new(events: usize, load: Load) -> Self {
        let events = vec![Journey { written_at: None, wanted: 0, received: 0, arrived_at: None }; events];
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

    /// An event is written, and `wanted` clients are to get it.
    pub(super) fn written(&self, index: usize, wanted: usize) {
        self.change(index, |journey| {
            journey.written_at = Some(Instant::now());
            journey.wanted = wanted;
        });
    }

    pub(super) fn received(&self, index: usize) {
        self.receipts.fetch_add(1, Ordering::Relaxed);
        self.change(index, |journey| {
            journey.received += 1;
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
        let is_lacking = |event: &Journey| event.written_at.is_some() && !event.has_ended();
        let mut lacking = events.iter().enumerate().filter(|(_, event)| is_lacking(event));
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
        self.written_at.is_some() && self.received >= self.wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_event_is_on_its_way_until_its_last_client_has_it() {
        let journeys = Journeys::new(IN_FLIGHT + 1, Load::Paced);
        for index in 0..IN_FLIGHT {
            journeys.admit().await;
            journeys.written(index, 2);
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
        journeys.written(IN_FLIGHT, 2);
        assert_eq!(free(), 1);
    }

    #[tokio::test]
    async fn a_burst_waits_for_nothing() {
        let journeys = Journeys::new(IN_FLIGHT + 1, Load::Burst);
        for index in 0..=IN_FLIGHT {
            journeys.admit().await;
            journeys.written(index, 1);
        }
        assert_eq!(journeys.lacking(), Some((IN_FLIGHT + 1, 0)));
    }
}
