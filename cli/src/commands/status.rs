//! `fanoutctl status`: what is in every queue, which client is behind, and how far behind the stream the stack is. Changes
//! nothing.

mod clients;
mod collect;
mod facts;
mod figures;
mod queues;
mod report;
#[cfg(test)]
mod tests;

use self::report::{Report, text};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::progress::unless_quick;
use deploy::stack;

/// Shows the deployed stack's queues and clients.
///
/// # Errors
///
/// [`Failure`]: the stack can't be looked at. What else is not known is shown as that.
pub async fn execute(context: &Context) -> Result<Exit, Failure> {
    let target = context.target().await?;
    let stack = context.deployed(&target).await?;
    let naming = stack::naming(&target, stack::deployed_prefix(&stack)).await?;
    let work = collect::facts(&target, &stack, &naming);
    let report = Report::new(&unless_quick("looking at queues, metrics and the ledger", work).await);
    context.output.print(&report, text)?;
    Ok(report.exit())
}
