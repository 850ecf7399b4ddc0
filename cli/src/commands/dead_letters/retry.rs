//! `fanoutctl dead-letters retry`.

use std::collections::BTreeSet;
use std::time::Duration;

use shared::text::printable;

use super::held::Held;
use super::look::{Glance, LOOKING_SAID, Sight, look};
use super::places::Places;
use super::plan::{Planner, question, told};
use super::report::{Report, exit, text};
use super::send::Sender;
use super::source;
use crate::args::RetryArguments;
use crate::commands::ask::agrees;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::letters::{choose, overtakes_none};
use crate::progress::unless_quick;

/// For how long letters are hidden at first: the operator reads and decides meanwhile.
const DECIDING: Duration = Duration::from_secs(15 * 60);

/// How many letters of each queue are read at once: with the largest events, some hundred megabytes.
const ROUND: usize = 100;

/// Sends the events of letters again. Only what a function says that it was accepted is deleted.
///
/// # Errors
///
/// [`Failure`]: something could not be looked at, or nobody is there to ask. Nothing was sent then, or it is told.
pub(super) async fn execute(context: &Context, arguments: &RetryArguments) -> Result<Exit, Failure> {
    let target = context.target().await?;
    let places = Places::of_stack(context, &target).await?;
    let source = source(context);
    let planner = Planner {
        dynamodb: aws_sdk_dynamodb::Client::new(target.sdk_config()),
        places: &places,
        source: source.as_ref(),
        from_letter: arguments.from_letter,
    };
    let sender = Sender {
        lambda: target.lambda(),
        places: &places,
        held: Held::new(aws_sdk_sqs::Client::new(target.sdk_config())),
    };
    let mut report = Report::default();
    let ended = rounds(&planner, &sender, arguments, &mut report).await;
    // Whatever a later round ended with, what was sent is told.
    if ended.is_ok() || !report.letters.is_empty() {
        context.output.print(&report, text)?;
    }
    ended.map(|()| exit(&report))
}

/// Plans, tells, asks and sends, until nothing is left to try.
///
/// A group's later letters show only when its earlier ones are gone, so that there may be several rounds.
async fn rounds(
    planner: &Planner<'_>,
    sender: &Sender<'_>,
    arguments: &RetryArguments,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut agreed = arguments.yes;
    let mut blocked = BTreeSet::new();
    loop {
        let sight = unless_quick(LOOKING_SAID, letters(planner, sender, arguments, report)).await?;
        let unseen =
            sight.queues.iter().map(|looked| looked.messages.saturating_sub(looked.shown as u64)).sum();
        report.unseen = if arguments.all { unseen } else { 0 };
        if sight.letters.is_empty() {
            return Ok(());
        }
        let mut round = Vec::with_capacity(sight.letters.len());
        for letter in sight.letters {
            let planned = planner.plan(letter, &sight.seen).await?;
            eprintln!("{}", printable(&told(&planned, planner.places.has_ledger)));
            round.push(planned);
        }
        let sendable = round.iter().filter(|planned| planned.attempt.is_ok()).count();
        if sendable > 0 && !agreed {
            agreed = agrees(&question(sendable, report.unseen), false).await?;
            if !agreed {
                return Err(Failure::new(Exit::Interrupted, "nothing was sent"));
            }
        }
        sender.send_all(round, &mut blocked, report).await;
        sender.held.release().await;
        if !arguments.all {
            return Ok(());
        }
    }
}

/// The letters of the next round: those that the command line names, or of all that can be seen those that were not
/// tried yet.
async fn letters(
    planner: &Planner<'_>,
    sender: &Sender<'_>,
    arguments: &RetryArguments,
    report: &Report,
) -> Result<Sight, Failure> {
    let (held, places, source) = (&sender.held, sender.places, planner.source);
    if arguments.all {
        let tried: BTreeSet<&str> = report.letters.iter().map(|entry| entry.id.as_str()).collect();
        let glance = Glance { limit: ROUND + tried.len(), invisible: DECIDING, source };
        return Ok(look(held, places, glance, |id| !tried.contains(id)).await?);
    }
    let glance = Glance { limit: usize::MAX, invisible: DECIDING, source };
    let is_named = |id: &str| arguments.ids.iter().any(|typed| id.starts_with(typed.as_str()));
    let mut sight = look(held, places, glance, is_named).await?;
    let ids: Vec<String> = sight.letters.iter().map(|letter| letter.message.id.clone()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut chosen = BTreeSet::new();
    for typed in &arguments.ids {
        chosen.insert(choose(typed, &ids)?);
    }
    overtakes_none(&chosen, &sight.seen).map_err(|error| Failure::new(Exit::Findings, error))?;
    sight.letters.retain(|letter| chosen.contains(letter.message.id.as_str()));
    Ok(sight)
}
