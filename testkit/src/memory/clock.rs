//! A wall clock that stands still while a task can run, and jumps to the next timer when none can.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use shared::clock::Clock;
use shared::time::Timestamp;

/// A clock that runs futures in virtual time. Clones share the same time.
///
/// Deterministic: timers fire in the order of their instants, and of the same instant in the order in which they
/// were set.
#[derive(Clone)]
pub struct VirtualClock(Arc<Mutex<State>>);

struct State {
    now: Timestamp,
    timers: BTreeMap<TimerKey, Waker>,
    timers_made: u64,
}

type TimerKey = (Timestamp, u64);

/// The future of [`VirtualClock::sleep`]. Dropping it removes its timer.
struct Sleep {
    clock: VirtualClock,
    key: TimerKey,
}

struct Flag(AtomicBool);

impl VirtualClock {
    /// A clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(State { now, timers: BTreeMap::new(), timers_made: 0 })))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.state().now
    }

    /// Moves the clock by `duration` at once, as when a sandbox is frozen: timers that are due fire late.
    pub fn freeze(&self, duration: Duration) {
        let mut state = self.state();
        state.now = state.now.plus(duration);
    }

    /// Waits for `duration`, rounded up to the millisecond.
    pub fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + use<> {
        self.sleep_until(self.now().plus(duration + Duration::from_nanos(999_999)))
    }

    /// Waits until `instant`.
    pub fn sleep_until(&self, instant: Timestamp) -> impl Future<Output = ()> + Send + use<> {
        let mut state = self.state();
        state.timers_made += 1;
        Sleep { clock: self.clone(), key: (instant, state.timers_made) }
    }

    /// Runs `future` to its end. Whenever it can only wait, the clock jumps to the next timer.
    ///
    /// # Panics
    ///
    /// If `future` waits for something that is not a timer of this clock: it would wait for ever.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let woken = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        loop {
            while woken.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return output;
                }
            }
            assert!(self.fire_next_timers(), "the future waits, but for no timer of this clock");
        }
    }

    /// Jumps to the next timer, if there is one, and wakes all timers of that instant.
    fn fire_next_timers(&self) -> bool {
        let due = {
            let mut state = self.state();
            let Some((&(next, _), _)) = state.timers.first_key_value() else { return false };
            state.now = state.now.max(next);
            let later = state.timers.split_off(&(next, u64::MAX));
            std::mem::replace(&mut state.timers, later)
        };
        due.into_values().for_each(Waker::wake);
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.key.0 <= self.clock.now() {
            return Poll::Ready(());
        }
        let _replaced = self.clock.state().timers.insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        // Bound to a name, so that the waker is dropped after the lock: the waker may own another timer.
        let _waker = self.clock.state().timers.remove(&self.key);
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.now()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> {
        self.sleep(duration)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::{join_all, pending, select};

    use super::*;

    fn clock() -> VirtualClock {
        VirtualClock::at(Timestamp::from_millis(1_000))
    }

    #[test]
    fn timers_fire_in_the_order_of_their_instants_then_of_their_making() {
        let clock = clock();
        let fired = Mutex::new(Vec::new());
        let sleepers = [30, 10, 20, 10, 0].into_iter().enumerate().map(|(number, millis)| {
            let (clock, fired) = (&clock, &fired);
            async move {
                clock.sleep(Duration::from_millis(millis)).await;
                fired.lock().unwrap().push((number, clock.now().as_millis()));
            }
        });
        clock.block_on(join_all(sleepers));
        assert_eq!(*fired.lock().unwrap(), [(4, 1_000), (1, 1_010), (3, 1_010), (2, 1_020), (0, 1_030)]);
    }

    #[test]
    fn sleeping_is_never_shorter_than_asked() {
        let clock = clock();
        clock.block_on(clock.sleep(Duration::from_micros(1)));
        assert_eq!(clock.now().as_millis(), 1_001);
    }

    #[test]
    fn a_dropped_sleep_leaves_no_timer() {
        let clock = clock();
        let long = clock.sleep(Duration::from_secs(3_600));
        let short = clock.sleep(Duration::from_millis(1));
        clock.block_on(async { _ = select(pin!(long), pin!(short)).await });
        assert!(clock.state().timers.is_empty());
        assert_eq!(clock.now().as_millis(), 1_001);
    }

    #[test]
    fn what_is_due_in_a_freeze_fires_after_it() {
        let clock = clock();
        let waiting = clock.sleep(Duration::from_millis(10));
        clock.freeze(Duration::from_secs(60));
        clock.block_on(waiting);
        assert_eq!(clock.now().as_millis(), 61_000);
    }

    #[test]
    #[should_panic(expected = "for no timer of this clock")]
    fn waiting_for_nothing_is_a_panic_and_not_a_hang() {
        clock().block_on(pending::<()>());
    }
}
