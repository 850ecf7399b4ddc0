//! Asking before something is changed.

use std::io::{self, IsTerminal as _, Write as _};

use tokio::task::spawn_blocking;

use crate::exit::{Exit, Failure};

/// Whether the person at the terminal agrees to `question`; `yes` answers for them.
///
/// # Errors
///
/// [`Exit::Usage`]: nobody can be asked.
pub(super) async fn agrees(question: &str, yes: bool) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::new(Exit::Usage, "nobody is there to ask; add `--yes` to go ahead"));
    }
    let question = question.to_owned();
    // Not on this thread: the command must be interruptible meanwhile.
    let answer = spawn_blocking(move || ask(&question)).await;
    let answer = answer.map_err(|error| Failure::new(Exit::Fault, error))?;
    answer.map_err(|error| Failure::new(Exit::Fault, format!("the terminal: {error}")))
}

fn ask(question: &str) -> io::Result<bool> {
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"))
}
