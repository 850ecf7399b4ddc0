//! `fanoutctl rejected resend`: sends rejected events again, and deletes the rejections of those that were sent.

mod plan;
mod report;

use std::collections::BTreeSet;
use std::time::Duration;

use aws::operator::lambda::{Answer, invoke};
use aws::operator::{CallFault, Target};
use shared::config::Source;
use shared::text::printable;

use self::plan::{PlannedResend, announcement, attempt, question};
use self::report::{Outcome, Report};
use super::arguments::ResendArguments;
use super::queue::{Queue, Sight};
use super::{LOOKING_MESSAGE, source};
use crate::args::stack_option;
use crate::commands::ask::agree;
use crate::context::{Context, output};
use crate::exit::{Exit, Failure};
use crate::progress::{Progress, unless_quick};
use crate::rejections::{choose, sent};

/// How long rejections are hidden at first, while the operator reads and decides.
const DECIDING: Duration = Duration::from_secs(15 * 60);

/// How long a rejection is hidden once its event is sent: three attempts of a function that takes its longest, and the
/// deletion.
const SENDING: Duration = Duration::from_secs(5 * 60);

/// How many rejections are read at once: with the largest events, some hundred megabytes.
const ROUND: usize = 100;

/// A resend under way.
struct Resend<'a> {
    arguments: &'a ResendArguments,
    /// The option that names the stack in a command.
    stack: String,
    /// The name of the converter function.
    converter: String,
    /// The ARN of the event table's stream.
    stream: String,
    source: Option<Source>,
    queue: Queue,
    target: Target,
    report: Report,
}

/// Sends rejected events again. A rejection is deleted only if the converter answers that it sent the event.
///
/// # Errors
///
/// [`Failure`]: a part could not be looked at, or there is no terminal to ask on. What was sent before is printed.
pub(super) async fn execute(context: &Context, arguments: &ResendArguments) -> Result<Exit, Failure> {
    let (target, stack) = context.deployed().await?;
    let mut resend = Resend {
        arguments,
        stack: stack_option(&stack.name),
        source: source(context),
        queue: Queue::of_stack(&target, &stack)?,
        converter: output(&stack, "ConverterName")?.to_owned(),
        stream: output(&stack, "EventStreamARN")?.to_owned(),
        target,
        report: Report::default(),
    };
    let ended = resend.rounds().await;
    // Also after a failure: earlier rounds have sent events.
    if ended.is_ok() || !resend.report.rejections.is_empty() {
        context.output.print(&resend.report, |report, _| report.to_text(&resend.stack))?;
    }
    ended.map(|()| resend.report.exit())
}

impl Resend<'_> {
    /// Plans, announces, asks and sends, until no rejection is left to try.
    ///
    /// A group's later rejections can be seen only when its earlier ones are gone, so that there may be several rounds.
    async fn rounds(&mut self) -> Result<(), Failure> {
        let ResendArguments { all, dry_run, yes, .. } = *self.arguments;
        let mut agreed = yes || dry_run;
        loop {
            let sight = unless_quick(LOOKING_MESSAGE, self.look()).await?;
            self.report.unseen = if all { sight.unseen() } else { 0 };
            if sight.rejections.is_empty() {
                return Ok(());
            }
            let mut round = Vec::with_capacity(sight.rejections.len());
            for rejection in sight.rejections {
                let source = self.source.as_ref();
                let attempt = attempt(&self.target, &self.stream, source, &rejection, all).await?;
                let planned = PlannedResend { rejection, attempt };
                eprintln!("{}", printable(&announcement(&planned, source)));
                round.push(planned);
            }
            let sendable = round.iter().filter(|planned| planned.attempt.is_ok()).count();
            if sendable > 0 && !agreed {
                agree(&question(sendable, self.report.unseen), false, "nothing was sent").await?;
                agreed = true;
            }
            self.send_all(round).await;
            self.queue.release().await;
            if !all {
                return Ok(());
            }
        }
    }

    /// The rejections of the next round: those that the command line names, or with `--all` those that were not tried
    /// yet.
    async fn look(&self) -> Result<Sight, Failure> {
        if self.arguments.all {
            let tried: BTreeSet<&str> =
                self.report.rejections.iter().map(|entry| entry.id.as_str()).collect();
            let limit = ROUND + tried.len();
            return Ok(self.queue.look(limit, DECIDING, |id| !tried.contains(id)).await?);
        }
        let typed = &self.arguments.ids;
        let is_named = |id: &str| typed.iter().any(|typed| id.starts_with(typed.as_str()));
        let mut sight = self.queue.look(usize::MAX, DECIDING, is_named).await?;
        let ids: Vec<&str> = sight.rejections.iter().map(|rejection| rejection.message.id.as_str()).collect();
        let chosen = typed.iter().map(|typed| choose(typed, &ids, &self.stack).map(str::to_owned));
        let chosen = chosen.collect::<Result<BTreeSet<String>, _>>()?;
        sight.rejections.retain(|rejection| chosen.contains(&rejection.message.id));
        Ok(sight)
    }

    async fn send_all(&mut self, round: Vec<PlannedResend>) {
        let progress = Progress::spinner();
        for planned in round {
            let outcome = match &planned.attempt {
                Err(why) => Outcome::Stays { reason: why.clone(), exit: Exit::Findings },
                Ok(_) if self.arguments.dry_run => Outcome::WouldBeSent,
                Ok(attempt) => {
                    progress.say(&format!("sending {} again", planned.rejection.message.id));
                    self.send(&planned, &attempt.payload).await
                }
            };
            self.report.add(planned, outcome);
        }
        progress.finish();
    }

    async fn send(&self, planned: &PlannedResend, payload: &str) -> Outcome {
        let (message, function) = (&planned.rejection.message, &self.converter);
        if let Err(error) = self.queue.hide(message, SENDING).await {
            let reason = format!(
                "it could not be held, and another command may have it now; run this again ({error})"
            );
            return Outcome::Stays { reason, exit: exit(error.fault) };
        }
        let sent = match invoke(&self.target, function, payload).await {
            Err(error) => return Outcome::Stays { reason: error.to_string(), exit: exit(error.fault) },
            Ok(Answer::Failed(message)) => Err(format!("function `{function}` failed: {message}")),
            Ok(Answer::Said(answer)) => sent(&answer),
        };
        if let Err(reason) = sent {
            return Outcome::Stays { reason, exit: Exit::Findings };
        }
        match self.queue.delete(message).await {
            Ok(()) => Outcome::Sent,
            Err(error) => Outcome::SentButStays {
                reason: format!(
                    "it could not be deleted; resent after five minutes, its event is repeated ({error})"
                ),
            },
        }
    }
}

/// The exit status if a rejection stays because a call failed.
fn exit(fault: CallFault) -> Exit {
    if fault == CallFault::Refused { Exit::Findings } else { fault.into() }
}

#[cfg(test)]
mod tests;
