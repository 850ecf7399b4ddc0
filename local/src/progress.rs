//! Progress on standard error: a bar in a terminal, now and then a line elsewhere.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use shared::text::printable;

use crate::run::Step;

/// Shows what is being done and how far it is.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    total: AtomicUsize,
    received: AtomicUsize,
}

impl Progress {
    /// Progress on standard error.
    pub fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if is_terminal {
            bar.set_style(style("{spinner} {wide_msg}"));
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Self { bar, is_terminal, total: AtomicUsize::new(0), received: AtomicUsize::new(0) }
    }

    /// Says what is done now; in a terminal the next message takes its place.
    pub fn say(&self, line: &str) {
        let line = printable(line);
        if self.is_terminal { self.bar.set_message(line) } else { eprintln!("{line}") }
    }

    /// Prints a line that stays.
    pub fn note(&self, line: &str) {
        let line = printable(line);
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// `total` events are on their way to clients, counted once for each client.
    pub fn expect(&self, total: usize) {
        self.total.store(total, Ordering::Relaxed);
        self.say(&format!("{total} events on their way, counted once for each client"));
        if self.is_terminal {
            self.bar.set_length(u64::try_from(total).unwrap_or(u64::MAX));
            self.bar.set_style(style("{wide_bar} {pos} of {len} received"));
        }
    }

    /// One of them was received.
    fn received(&self) {
        let received = self.received.fetch_add(1, Ordering::Relaxed) + 1;
        if self.is_terminal {
            self.bar.inc(1);
            return;
        }
        let total = self.total.load(Ordering::Relaxed);
        if received.is_multiple_of(total.div_ceil(10).max(1)) {
            eprintln!("{received} of {total} received");
        }
    }

    /// A step of a run.
    pub fn step(&self, step: Step<'_>) {
        match step {
            Step::Received => self.received(),
            Step::Waiting(what) => self.note(what),
        }
    }

    /// Nothing more will come; the bar goes away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates above are correct; the tests of the command line show it.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
