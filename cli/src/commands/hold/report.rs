//! The report of `hold`, `release` and `skip`.

use serde::Serialize;
use shared::control::HoldOutcome;
use shared::ledger::HELD_LIMIT;
use shared::text::{counted, printable, shell_quoted};

use super::Change;
use super::request::{HoldTally, KeyHold};
use crate::commands::pause::last_send;
use crate::exit::Exit;
use crate::output::{Style, Tone, figure, row, table};

/// What became of groups that were to be held or released.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) client: String,
    pub(super) change: Change,
    #[serde(flatten)]
    pub(super) tally: HoldTally,
    /// How many groups were not requested, or have an unknown result.
    pub(super) left: usize,
    /// Whether nothing at all is sent to the client until it is resumed.
    pub(super) is_paused: bool,
}

impl Report {
    /// A group that is not as it was asked for is a finding, but for one that was not held when it was released.
    pub(super) fn exit(&self) -> Exit {
        let is_good = |outcome| match outcome {
            HoldOutcome::Held | HoldOutcome::Released | HoldOutcome::Skipped => true,
            HoldOutcome::Nothing => self.change == Change::Release,
            HoldOutcome::Failed => false,
        };
        let are_good = self.tally.results.iter().all(|group| is_good(group.result.outcome));
        if are_good && self.left == 0 && !self.tally.paused { Exit::Done } else { Exit::Findings }
    }

    fn those(&self, outcome: HoldOutcome) -> Vec<&KeyHold> {
        self.tally.results.iter().filter(|group| group.result.outcome == outcome).collect()
    }
}

/// The text for people. `stack` is the option that names the stack in a command line.
pub(super) fn text(report: &Report, stack: &str, style: Style) -> String {
    let Report { client, tally, left, .. } = report;
    let (client, stack) = (printable(client), printable(stack));
    if tally.results.is_empty() {
        return format!("No group is held for client {client}.\n");
    }
    let mut text = groups(&tally.results, style);
    text += "\n\n";
    if tally.paused {
        text += &format!(
            "Client {client} would have more than {HELD_LIMIT} held groups. It is paused instead, and gets nothing at all. \
             When the cause is mended:\n  fanoutctl release {client} --all{stack}\n  fanoutctl resume {client}{stack}\n"
        );
    } else {
        text += &match report.change {
            Change::Hold => held(report, &client, &stack),
            Change::Release => released(report, &client, &stack),
            Change::Skip => skipped(report, &client, &stack),
        };
    }
    if *left > 0 && !tally.paused {
        let left = counted(*left, "group");
        text += &format!("{left} more may have no result; the same command again does no harm.\n");
    }
    text
}

fn groups(results: &[KeyHold], style: Style) -> String {
    let rows = results.iter().map(|KeyHold { key, result }| {
        let (outcome, tone) = match result.outcome {
            HoldOutcome::Held => ("held", Tone::Neutral),
            HoldOutcome::Released => ("released", Tone::Neutral),
            HoldOutcome::Skipped => ("skipped", Tone::Neutral),
            HoldOutcome::Nothing => ("nothing", Tone::Bad),
            HoldOutcome::Failed => ("failed", Tone::Bad),
        };
        let reason = result.reason.clone().unwrap_or_default();
        row([key.to_string(), outcome.to_owned(), figure(result.next), reason], tone)
    });
    table(["group", "outcome", "next version", "reason"], rows, style)
}

fn held(report: &Report, client: &str, stack: &str) -> String {
    let held = report.those(HoldOutcome::Held);
    if held.is_empty() {
        return "Nothing is held.\n".to_owned();
    }
    let (count, them) = (counted(held.len(), "group"), if held.len() == 1 { "it is" } else { "they are" });
    format!(
        "Client {client} gets nothing of {count} until {them} released; what was begun may reach it for {} s. When the cause \
         is mended:\n  fanoutctl release {client}{}{stack}\n",
        last_send().as_secs(),
        named(&held)
    )
}

fn released(report: &Report, client: &str, stack: &str) -> String {
    let released = report.those(HoldOutcome::Released);
    let mut text = String::new();
    if !released.is_empty() {
        text += &format!(
            "Client {client} gets what it lacks of {}, in order.\n",
            counted(released.len(), "group")
        );
        text += &if report.is_paused {
            format!("It is paused; that goes out after\n  fanoutctl resume {client}{stack}\n")
        } else {
            format!(
                "It goes out within minutes; to begin now and see how far it is:\n  fanoutctl catch-up {client}{stack}\n"
            )
        };
    }
    let failed = report.those(HoldOutcome::Failed);
    if !failed.is_empty() {
        let (count, named) = (counted(failed.len(), "group"), named(&failed));
        text += &format!(
            "{count} could not be released; again with\n  fanoutctl release {client}{named}{stack}\n"
        );
    }
    if text.is_empty() { "Nothing was held.\n".to_owned() } else { text }
}

fn skipped(report: &Report, client: &str, stack: &str) -> String {
    let skipped = report.those(HoldOutcome::Skipped);
    if skipped.is_empty() {
        return format!("Nothing is left out. What is next:\n  fanoutctl held {client}{stack}\n");
    }
    format!(
        "Client {client} does not get this event. The group is held still; when the next may go out:\n  \
         fanoutctl release {client}{}{stack}\n",
        named(&skipped)
    )
}

/// The options that name groups in a command line: all of them, since `--all` may be more.
fn named(groups: &[&KeyHold]) -> String {
    let options = groups.iter().map(|group| format!(" --group {}", shell_quoted(group.key.as_text())));
    printable(&options.collect::<String>())
}
