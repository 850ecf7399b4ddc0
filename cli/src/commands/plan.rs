//! `fanoutctl plan`: shows what a deploy would change for clients.

use super::prepare::prepare;
use crate::args::StackArguments;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::plan::{Plan, PlanResult};

/// Prints the plan.
///
/// # Errors
///
/// [`Exit::Config`]: the config is wrong, and AWS was not asked. Else a call to AWS failed.
pub async fn execute(context: &Context, arguments: &StackArguments) -> Result<Exit, Failure> {
    let plan = prepare(context, &arguments.settings()).await?.plan;
    context.output.print(&plan, Plan::to_text)?;
    Ok(if plan.result == PlanResult::Refused { Exit::Findings } else { Exit::Done })
}
