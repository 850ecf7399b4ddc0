//! What happened, for people: time, actor, action. Kept only on request.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::time::Duration;

use shared::time::Timestamp;

/// When every schedule begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// The lines of one schedule, or nothing.
pub(crate) struct Trace(Option<RefCell<Vec<String>>>);

impl Trace {
    pub(crate) fn new(is_kept: bool) -> Self {
        Self(is_kept.then(RefCell::default))
    }

    /// Notes a line, which is only made if it is kept.
    pub(crate) fn note(&self, at: Timestamp, who: &str, what: impl FnOnce() -> String) {
        if let Some(lines) = &self.0 {
            lines.borrow_mut().push(format!("{:>13} {who:<22} {}", clock(at), what()));
        }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.as_ref().map(|lines| lines.borrow().clone()).unwrap_or_default()
    }
}

/// The time since the schedule began: `+1 h 02:03.456`.
pub(crate) fn clock(at: Timestamp) -> String {
    let sign = if at < START { '-' } else { '+' };
    let since = if at < START { START.since(at) } else { at.since(START) };
    format!("{sign}{}", length(since))
}

pub(crate) fn length(duration: Duration) -> String {
    let mut text = String::new();
    let seconds = duration.as_secs();
    if seconds >= 3_600 {
        let _ = write!(text, "{}h", seconds / 3_600);
    }
    let _ = write!(text, "{:02}:{:02}.{:03}", seconds / 60 % 60, seconds % 60, duration.subsec_millis());
    text
}
