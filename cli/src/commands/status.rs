//! `fanoutctl status`: what is in every queue, who is level and who is behind, and how far behind the stream the stack is.
//! Changes nothing.

mod clients;
mod collect;
pub mod facts;
mod report;
#[cfg(test)]
mod tests;

use self::report::Report;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::progress;

/// Shows the deployed stack's queues and clients.
///
/// # Errors
///
/// [`Exit::Unreachable`] if AWS or the stack isn't there; [`Exit::NotAllowed`] if the stack may not be looked at. What
/// else is not known is shown as that.
pub async fn execute(context: &Context) -> Result<Exit, Failure> {
    let target = context.target().await?;
    let stack = context.deployed(&target).await?;
    let place = target.place(stack.prefix()).await?;
    let work = collect::facts(&target, &stack, &place);
    let facts = progress::unless_quick("looking at queues, metrics and the ledger", work).await;

    let report = Report::new(&facts);
    context.output.print(&report, report::text)?;
    Ok(report.exit())
}
