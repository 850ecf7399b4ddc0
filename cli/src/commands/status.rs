//! `fanoutctl status`: shows what is in each queue, which clients are behind, and how far the stack is behind the
//! stream. Changes nothing.

mod clients;
mod collect;
mod facts;
mod queues;
mod report;
#[cfg(test)]
mod tests;

use self::report::{Report, text};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::progress::unless_quick;
use deploy::stack;

/// Prints the state of the deployed stack's queues and clients.
///
/// # Errors
///
/// [`Failure`]: the stack can't be looked at. Any other figure that isn't known is shown as unknown.
pub async fn execute(context: &Context) -> Result<Exit, Failure> {
    let (target, stack) = context.deployed().await?;
    let naming = stack::naming(&target, stack::deployed_prefix(&stack)).await?;
    let work = collect::facts(&target, &stack, &naming);
    let report = Report::new(&unless_quick("looking at queues, metrics and the ledger", work).await);
    context.output.print(&report, text)?;
    Ok(report.exit())
}
