//! Asks before something is changed.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::spawn_blocking;

use crate::exit::{Exit, Failure};

/// Whether what the command changes may have begun.
static HAS_BEGUN: AtomicBool = AtomicBool::new(false);

/// Whether the operator has agreed, or a change has begun that needs no question.
pub fn has_begun() -> bool {
    HAS_BEGUN.load(Ordering::Relaxed)
}

/// Notes that a change begins: from now on, an interrupted command can't say that nothing was changed.
pub(super) fn begin() {
    HAS_BEGUN.store(true, Ordering::Relaxed);
}

/// Asks `question`, unless `yes` answers it already.
///
/// # Errors
///
/// [`Exit::Declined`] with `otherwise`, which says what was not done. [`Exit::Usage`]: there is no terminal to
/// ask on.
pub(super) async fn agree(question: &str, yes: bool, otherwise: &'static str) -> Result<(), Failure> {
    if yes {
        begin();
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Exit::Usage.because("there is no terminal to ask on; add `--yes` to go ahead"));
    }
    if !is_agreed(question).await? {
        return Err(Exit::Declined.because(otherwise));
    }
    begin();
    Ok(())
}

/// Asks `question` on the terminal. Returns whether the answer is yes.
///
/// # Errors
///
/// [`Exit::Fault`]: the terminal failed.
pub(super) async fn is_agreed(question: &str) -> Result<bool, Failure> {
    let question = question.to_owned();
    // On a thread of its own, so that a signal interrupts the command meanwhile.
    let answer = spawn_blocking(move || ask(&question)).await;
    let answer = answer.map_err(|error| Exit::Fault.because(error))?;
    answer.map_err(|error| Exit::Fault.because(format!("the terminal: {error}")))
}

fn ask(question: &str) -> io::Result<bool> {
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"))
}
