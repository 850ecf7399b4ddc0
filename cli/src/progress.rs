//! Progress on standard error: a spinner or a bar in a terminal, lines elsewhere.

use std::io::IsTerminal as _;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use deploy::stack::Progress as StackEvent;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use shared::text::printable;

/// How long an operator waits without a word on what is going on.
const MOMENT: Duration = Duration::from_secs(1);

/// The least time between two lines about how much is done, where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Shows what is being done, or how much of it.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    /// When it was last shown how much is done.
    shown_at: Mutex<Option<Instant>>,
}

impl Progress {
    /// Progress without a measure.
    pub fn spinner() -> Self {
        Self::drawn(None, "{spinner} {wide_msg}")
    }

    /// Progress of `total`, of which nothing is done.
    pub fn of(total: u64) -> Self {
        Self::drawn(Some(total), "{bar:30} {percent:>3}%  {wide_msg}")
    }

    fn drawn(total: Option<u64>, template: &str) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        if is_terminal {
            let style = ProgressStyle::with_template(template);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        // An interrupted command drops the bar, which must clear it.
        Self { bar: bar.with_finish(ProgressFinish::AndClear), is_terminal, shown_at: Mutex::default() }
    }

    /// Shows what is being done now. In a terminal the next message replaces it.
    pub fn say(&self, line: &str) {
        let line = printable(line);
        if self.is_terminal { self.bar.set_message(line) } else { eprintln!("{line}") }
    }

    /// As [`Self::say`], but in a terminal only: for a message that changes all the time.
    pub fn spin(&self, line: &str) {
        if self.is_terminal {
            self.bar.set_message(printable(line));
        }
    }

    /// Prints a line that stays.
    pub fn note(&self, line: &str) {
        let line = printable(line);
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// Shows what CloudFormation does. A step, and a resource that failed, stay in view.
    pub fn follow(&self, event: StackEvent) {
        match event {
            StackEvent::Step { number, of, purpose } => {
                self.note(&format!("step {number} of {of}: {purpose}"));
            }
            StackEvent::Uploaded { key, bytes: 0 } => self.say(&format!("{key} is there already")),
            StackEvent::Uploaded { key, bytes } => self.say(&format!("{key} uploaded, {} KiB", bytes / 1024)),
            StackEvent::OutOfSight { reason } => {
                self.say(&format!("CloudFormation does not answer, and goes on: {reason}"));
            }
            StackEvent::Resource { logical_id, status, reason, .. } => {
                let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                let line = format!("{status} {logical_id}{reason}");
                if status.ends_with("_FAILED") { self.note(&line) } else { self.say(&line) }
            }
        }
    }

    /// Shows that `done` of `total` is done, which `line` puts into words.
    pub fn is_at(&self, done: u64, total: u64, line: &str) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        let mut shown_at = self.shown_at.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_terminal || shown_at.is_none_or(|shown_at| shown_at.elapsed() >= LINE_INTERVAL) {
            *shown_at = Some(Instant::now());
            self.say(line);
        }
    }

    /// Ends the progress. Where a line said that less was done, `line` says that all is.
    pub fn ends(&self, line: &str) {
        let was_shown = self.shown_at.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if was_shown && !self.is_terminal {
            eprintln!("{}", printable(line));
        }
        self.finish();
    }

    /// Ends the progress, and clears it.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Waits for `work`, and shows `line` if that takes longer than a moment.
pub async fn unless_quick<T>(line: &str, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if let Ok(done) = tokio::time::timeout(MOMENT, &mut work).await {
        return done;
    }
    let progress = Progress::spinner();
    progress.say(line);
    let done = work.await;
    progress.finish();
    done
}
