//! Asking before something is changed.

use std::io::{self, IsTerminal as _, Write as _};

use tokio::task::spawn_blocking;

use crate::exit::Failure;

/// Asks `question`; `yes` answers it.
///
/// # Errors
///
/// [`Failure::Declined`] with `otherwise`, which says what was not done. [`Failure::Usage`]: there is no terminal.
pub(super) async fn agree(question: &str, yes: bool, otherwise: &'static str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::Usage("nobody is there to ask; add `--yes` to go ahead".to_owned()));
    }
    let question = question.to_owned();
    // Not on this thread: the command must be interruptible meanwhile.
    let answer = spawn_blocking(move || ask(&question)).await;
    let answer = answer.map_err(|error| Failure::Fault(error.to_string()))?;
    let answer = answer.map_err(|error| Failure::Fault(format!("the terminal: {error}")))?;
    if answer { Ok(()) } else { Err(Failure::Declined(otherwise)) }
}

fn ask(question: &str) -> io::Result<bool> {
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"))
}
