//! `fanoutctl replay` and `fanoutctl backfill`: a client gets again the events that it has.

mod cost;
mod estimate;
mod id;
mod ongoing;
mod report;
mod request;
mod scope;

use std::mem;

use shared::ledger::State;
use shared::text::printable;

pub(super) use self::id::fresh as fresh_id;

use self::cost::ReplayCost;
use self::ongoing::OngoingRequest;
use self::report::{Report, text};
use self::scope::{ReplayScope, scope};
use super::ask::agree;
use super::operator::{Operator, served};
use crate::args::ReplayArguments;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Style;
use crate::prices::Prices;

/// Shows what the replay costs, asks, and requests it.
///
/// # Errors
///
/// [`Failure`]: nothing is requested, or not all. Then the command that goes on is printed.
pub async fn execute(context: &Context, mut arguments: ReplayArguments) -> Result<Exit, Failure> {
    let config = context.config(None)?;
    arguments.from = arguments.from.max(config.source.version.first);
    let arguments = &arguments;
    let operator = Operator::of_stack(context).await?;
    let client = served(&operator.registry, &arguments.client)?;
    let scope = before_any_request(scope(&operator, &config, client, arguments)).await?;
    let stack = operator.stack_option();
    let mut report = Report { dry_run: arguments.request.dry_run, ..Report::default() };
    match scope {
        ReplayScope::Nothing(why) => report.nothing_to_do = Some(why),
        ReplayScope::Events(estimate) => {
            let is_paused = client.state == State::Paused;
            let cost =
                ReplayCost::new(&arguments.client, arguments.from, &estimate, is_paused, &Prices::load()?);
            if !report.dry_run {
                // Standard output is for the result alone.
                eprintln!("{}", cost.to_text(&stack, Style::of_stderr()));
                let question = format!("Send client {} these events again?", printable(&arguments.client));
                let asking = agree(&question, arguments.request.yes, "Nothing was requested.");
                before_any_request(asking).await?;
                report.outcome = Some(OngoingRequest::run(&operator, arguments, &estimate).await?);
            }
            report.cost = Some(cost);
        }
    }
    context.output.print(&report, |report, style| text(report, &stack, style))?;
    Ok(report.exit())
}

/// Waits for `work`, which requests nothing. An interruption drops it, and it says so.
async fn before_any_request<T>(work: impl Future<Output = T>) -> T {
    let interruption = Interruption;
    let done = work.await;
    mem::forget(interruption);
    done
}

/// Says that nothing was requested, when it is dropped.
struct Interruption;

impl Drop for Interruption {
    fn drop(&mut self) {
        eprintln!("Nothing was requested.");
    }
}

#[cfg(test)]
mod tests {
    use shared::config::{Config, Source};

    pub(super) fn source() -> Source {
        let config = r#"
            [source]
            partition_key = "mark"
            sort_key = "createTime"
            time = "createTime"
            version = "version"
            [[client]]
            name = "Billing"
        "#;
        Config::try_from_toml("test", config, None).unwrap().source
    }
}
