//! The text of `trace`, for people.

use shared::text::printable;

use super::client::{ClientRow, EventState};
use super::report::{LedgerGroup, Place, Report};
use crate::args::stack_option;
use crate::output::{Style, Tone, figure, row, shortened, table, time};

/// The text for people: the answer, the event's place in table, ledger and queues, and a line for each client.
pub(super) fn text(report: &Report, style: Style) -> String {
    let mut text = format!("{}\n\n", report.answer);
    if let Some(rows) = report.around.as_ref().filter(|rows| !rows.is_empty()) {
        let header = ["version", "sort key", "event id", "time", "name"];
        let cells = rows.iter().map(|event| {
            let optional = |text: &Option<String>| shortened(text.as_deref().unwrap_or("-"), 40);
            let (name, tone) = match &event.not_sendable {
                Some(why) => (format!("! {}", shortened(why, 60)), Tone::Bad),
                None => (optional(&event.name), Tone::Neutral),
            };
            let mark = if event.version == report.version { " ←" } else { "" };
            let (sort_key, event_id) = (shortened(&event.sort_key, 40), optional(&event.event_id));
            row([figure(event.version), sort_key, event_id, optional(&event.time), name + mark], tone)
        });
        text += &format!("{}\n\n", table(header, cells, style));
    }
    if let Some(ledger) = &report.ledger {
        text += &ledger.to_text();
    } else {
        text += "ledger: nothing of this aggregate yet\n";
    }
    let stack = stack_option(&report.stack);
    if let Some(depth) = report.fan_out_queue {
        text += &format!("fan-out queue, of all aggregates: {depth}\n");
    }
    if let Some(depth) = report.rejected_queue.filter(|depth| !depth.is_empty()) {
        text += &format!(
            "rejected queue, of all aggregates: {depth}; which ones:\n  → fanoutctl rejected list{}\n",
            printable(&stack)
        );
    }
    for (what, why) in &report.unknown {
        text += &format!(
            "not known: {}: {}\n",
            what.replace("fan_out", "fan-out").replace('_', " "),
            printable(why)
        );
    }
    if !report.clients.is_empty() && report.place != Place::Nowhere {
        let header = ["client", "state", "sent last", "up to", "behind for"];
        let cells = report.clients.iter().map(|client| {
            let tone = match client.state {
                _ if client.needs_attention => Tone::Bad,
                EventState::Sent => Tone::Good,
                _ => Tone::Neutral,
            };
            let behind = client.behind_seconds.map_or("-".to_owned(), time);
            row(
                [
                    client.client.clone(),
                    client.state(),
                    figure(client.sent_last),
                    figure(client.position),
                    behind,
                ],
                tone,
            )
        });
        text += &format!("\n{}\n", table(header, cells, style));
    }
    let remedies: String = report.clients.iter().filter_map(ClientRow::remedy).collect();
    if remedies.is_empty() { text } else { format!("{text}\n{remedies}") }
}

impl LedgerGroup {
    fn to_text(&self) -> String {
        let Self { version, first_version, incarnation, incarnation_number, given_up, used_twice, erased_at } =
            self;
        let versions = |what: &str, versions: &[i64]| match versions {
            [] => String::new(),
            versions => {
                let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
                format!("; {what}: {}", versions.join(", "))
            }
        };
        let erased =
            erased_at.as_ref().map(|at| format!("; erased, as was seen at {at}")).unwrap_or_default();
        format!(
            "ledger: versions {first_version} to {version} of incarnation {incarnation_number} ({incarnation}){}{}{erased}\n",
            versions("given up as missing", given_up),
            versions("used by two events", used_twice)
        )
    }
}

impl ClientRow {
    /// The cell of the table: `has it, then held`.
    fn state(&self) -> String {
        let mark = if self.needs_attention { "! " } else { "" };
        match (self.state, self.why) {
            (EventState::Behind, Some(why)) => format!("{mark}{}", why.to_text()),
            (state, Some(why)) => format!("{mark}{}, then {}", state.to_text(), why.to_text()),
            (state, None) => format!("{mark}{}", state.to_text()),
        }
    }

    /// The lines below the table; none if there is no more to say.
    fn remedy(&self) -> Option<String> {
        let why = self.why.map(|why| why.to_text().to_owned());
        let mut reasons = self.unwanted.iter().cloned().chain(why).chain(self.reason.clone()).peekable();
        if reasons.peek().is_none() && self.command.is_none() {
            return None;
        }
        let reasons: Vec<String> = reasons.map(|reason| printable(&reason)).collect();
        let command = self.command.iter().map(|command| format!("  → {}\n", printable(command)));
        Some(format!("{}: {}\n{}", printable(&self.client), reasons.join(": "), command.collect::<String>()))
    }
}
