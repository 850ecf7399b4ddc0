//! The result of a run, as a table for people or as JSON for programs.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use serde::Serialize;
use shared::text::{counted, printable};

use crate::event::BadLine;
use crate::receiver::Counts;
use crate::run::{ClientOutcome, IN_FLIGHT, Left, RejectedEvent};

/// The columns of a terminal that a table takes at most; a long name is broken into lines.
const WIDTH: u16 = 70;

/// The result of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether events were written, and every client has every event that it wants, in order, once and unchanged.
    pub ok: bool,
    /// The number of events that were written.
    pub written: usize,
    /// Events that reached all of their clients in a second.
    pub events_per_second: u64,
    /// What each client received.
    pub clients: Vec<ClientOutcome>,
    /// The lines of the input that were left out.
    pub bad_lines: Vec<BadLine>,
    /// The first events that were rejected, and why.
    pub rejected: Vec<RejectedEvent>,
    /// What is left in queues where nothing should be.
    pub left: Left,
    /// The receiver of webhooks; none without `--push`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver: Option<ReceiverReport>,
    /// The path of MiniStack's log, and the functions'.
    pub log: String,
    /// Where the stack is; none if it does not stay.
    #[serde(flatten)]
    pub place: Option<Place>,
}

/// What the receiver of webhooks counted.
#[derive(Debug, Serialize)]
pub struct ReceiverReport {
    /// Where it was; a client's name follows.
    pub url: String,
    /// What it counted.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Where a stack is that stays.
#[derive(Debug, Serialize)]
pub struct Place {
    /// The address of every service.
    pub endpoint: String,
    /// Where the companion's paths begin; none if the events were written without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// The name of the event table.
    pub table: String,
    /// Each client's name and queue.
    pub queues: Vec<Queue>,
}

/// A client's queue.
#[derive(Debug, Serialize)]
pub struct Queue {
    /// The client.
    pub client: String,
    /// Its queue's URL.
    pub url: String,
}

/// How a report looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Lines and colours, for a terminal.
    Terminal,
    /// Text in columns, for a pipe or a file.
    Plain,
}

impl Report {
    /// The report for people: a table, what is wrong, and in a sentence what came of it.
    pub fn text(&self, style: Style) -> String {
        let mut text = table(&self.clients, style);
        text.push('\n');
        for client in &self.clients {
            for finding in &client.verdict.findings {
                // Writing to a string does not fail.
                let _ = writeln!(text, "{}: {}", client.name, printable(finding));
            }
        }
        for RejectedEvent { event, reason } in &self.rejected {
            let _ = writeln!(text, "rejected: {}: {}", printable(event), printable(reason));
        }
        for (count, queue, meaning) in [
            (self.left.fan_out, "fan-out", "not fanned out"),
            (self.left.rejected, "rejected", "what can never be converted or sent"),
        ] {
            if count > 0 {
                let _ = writeln!(text, "left in the {queue} queue: {count} ({meaning})");
            }
        }
        text + "\n" + &self.sentence()
    }

    /// What came of it.
    fn sentence(&self) -> String {
        let (written, clients) = (grouped(self.written), counted(self.clients.len(), "client"));
        let events = if self.written == 1 { "event" } else { "events" };
        let mut text = match (self.written, self.ok) {
            (0, _) => "No event was written.\n".to_owned(),
            (_, false) => {
                format!(
                    "{written} {events} were written, and not every client has what it wants: see above.\n"
                )
            }
            (_, true) if self.clients.iter().all(|client| client.verdict.events == self.written) => format!(
                "{written} {events} reached {clients}, complete and in order: {} a second.\n",
                grouped(self.events_per_second)
            ),
            (_, true) => format!(
                "{written} {events} were written, and what each of {clients} wants of them reached it, complete and in order: \
                 {} a second.\n",
                grouped(self.events_per_second)
            ),
        };
        if !self.bad_lines.is_empty() {
            let _ = writeln!(text, "{} of the input left out.", counted(self.bad_lines.len(), "line"));
        }
        if let Some(ReceiverReport { url, counts: Counts { taken, refused, unsigned } }) = &self.receiver {
            let of = |count: &usize, what: &str| match count {
                0 => String::new(),
                count => format!("; {} {what}", counted(*count, "request")),
            };
            let refused = of(refused, "it refused before, which came again");
            let unsigned = of(unsigned, "had no right signature");
            let _ =
                writeln!(text, "{url} took {}, each signed{refused}{unsigned}.", counted(*taken, "request"));
        }
        if self.written > 0 {
            let _ = writeln!(
                text,
                "delay: the median from an event's write to its receipt, with at most {IN_FLIGHT}\n\
                 on their way; these are dev builds, slower than what ships"
            );
        }
        text
    }

    /// The report for programs: one JSON object.
    pub fn json(&self) -> String {
        // A report has no key that is not a string and no number that is not finite.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn table(clients: &[ClientOutcome], style: Style) -> String {
    let mut table = Table::new();
    if style == Style::Terminal {
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    } else {
        table.load_style(presets::NOTHING);
    }
    table.set_header(["client", "events", "groups", "order", "twice", "delay"]);
    for client in clients {
        let verdict = &client.verdict;
        let is_ordered = verdict.out_of_order == 0;
        let order = match verdict.out_of_order {
            0 => "ok".to_owned(),
            count => format!("{count} late"),
        };
        let good = |is_good, cell| coloured(cell, is_good, style);
        table.add_row(vec![
            Cell::new(&client.name),
            good(verdict.missing == 0, number(format!("{} of {}", verdict.events, verdict.expected))),
            number(verdict.groups),
            good(is_ordered, Cell::new(order)),
            good(verdict.duplicates == 0, number(verdict.duplicates)),
            number(time(client.median_delay_ms)),
        ]);
    }
    let lines = table.lines().map(|line| line.trim().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// A time in milliseconds, or in seconds if there are many.
fn time(milliseconds: u64) -> String {
    if milliseconds < 10_000 { format!("{milliseconds} ms") } else { format!("{} s", milliseconds / 1000) }
}

/// A number with a comma before every three digits: `1,000`.
fn grouped(number: impl ToString) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn number(value: impl ToString) -> Cell {
    Cell::new(value).set_alignment(CellAlignment::Right)
}

fn coloured(cell: Cell, is_good: bool, style: Style) -> Cell {
    match style {
        Style::Plain => cell,
        Style::Terminal => cell.fg(if is_good { Color::Green } else { Color::Red }),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::check::Verdict;

    fn report() -> Report {
        let good = || Verdict {
            events: 1000,
            expected: 1000,
            groups: 50,
            missing: 0,
            out_of_order: 0,
            duplicates: 0,
            differing: 0,
            findings: Vec::new(),
        };
        let bad = Verdict {
            events: 998,
            missing: 2,
            out_of_order: 1,
            duplicates: 3,
            findings: vec!["missing of `AFC\u{1b}[2J F5`: version 7, 8".to_owned()],
            ..good()
        };
        let outcome =
            |name: &str, verdict| ClientOutcome { name: name.to_owned(), verdict, median_delay_ms: 120 };
        Report {
            ok: false,
            written: 1000,
            events_per_second: 401,
            clients: vec![outcome("Billing", good()), outcome("Enforcement", bad)],
            bad_lines: vec![BadLine { line: 3, reason: "has no `mark`".to_owned() }],
            rejected: vec![RejectedEvent {
                event: "version 7 of `AFC F5`".to_owned(),
                reason: "it is too large".to_owned(),
            }],
            left: Left { rejected: 2, ..Left::default() },
            receiver: None,
            log: "target/local/stack-1/ministack.log".to_owned(),
            place: None,
        }
    }

    /// A report of a run in which nothing went wrong.
    fn good() -> Report {
        let mut report = report();
        report.clients.truncate(1);
        Report { ok: true, bad_lines: Vec::new(), rejected: Vec::new(), left: Left::default(), ..report }
    }

    #[test]
    fn a_pipe_gets_columns_and_the_findings_without_control_characters() {
        expect![[r#"
            client       events        groups  order   twice  delay
            Billing      1000 of 1000      50  ok          0  120 ms
            Enforcement   998 of 1000      50  1 late      3  120 ms
            Enforcement: missing of `AFC\u{1b}[2J F5`: version 7, 8
            rejected: version 7 of `AFC F5`: it is too large
            left in the rejected queue: 2 (what can never be converted or sent)

            1,000 events were written, and not every client has what it wants: see above.
            1 line of the input left out.
            delay: the median from an event's write to its receipt, with at most 32
            on their way; these are dev builds, slower than what ships
        "#]]
        .assert_eq(&report().text(Style::Plain));
    }

    #[test]
    fn a_terminal_gets_a_table() {
        expect![[r#"
            ┌─────────────┬──────────────┬────────┬────────┬───────┬────────┐
            │ client      ┆ events       ┆ groups ┆ order  ┆ twice ┆ delay  │
            ╞═════════════╪══════════════╪════════╪════════╪═══════╪════════╡
            │ Billing     ┆ 1000 of 1000 ┆     50 ┆ ok     ┆     0 ┆ 120 ms │
            │ Enforcement ┆  998 of 1000 ┆     50 ┆ 1 late ┆     3 ┆ 120 ms │
            └─────────────┴──────────────┴────────┴────────┴───────┴────────┘
            Enforcement: missing of `AFC\u{1b}[2J F5`: version 7, 8
            rejected: version 7 of `AFC F5`: it is too large
            left in the rejected queue: 2 (what can never be converted or sent)

            1,000 events were written, and not every client has what it wants: see above.
            1 line of the input left out.
            delay: the median from an event's write to its receipt, with at most 32
            on their way; these are dev builds, slower than what ships
        "#]]
        .assert_eq(&report().text(Style::Terminal));
    }

    #[test]
    fn a_program_gets_everything() {
        expect![[r#"{"ok":false,"written":1000,"events_per_second":401,"clients":[{"name":"Billing","events":1000,"expected":1000,"groups":50,"missing":0,"out_of_order":0,"duplicates":0,"differing":0,"findings":[],"median_delay_ms":120},{"name":"Enforcement","events":998,"expected":1000,"groups":50,"missing":2,"out_of_order":1,"duplicates":3,"differing":0,"findings":["missing of `AFC\u001b[2J F5`: version 7, 8"],"median_delay_ms":120}],"bad_lines":[{"line":3,"reason":"has no `mark`"}],"rejected":[{"event":"version 7 of `AFC F5`","reason":"it is too large"}],"left":{"fan_out":0,"rejected":2},"log":"target/local/stack-1/ministack.log"}"#]].assert_eq(&report().json());
    }

    #[test]
    fn where_a_stack_is_that_is_gone_is_not_told() {
        assert!(!good().json().contains("http"));
        let queue =
            Queue { client: "Billing".to_owned(), url: "http://127.0.0.1:1/0/Billing.fifo".to_owned() };
        let endpoint = "http://127.0.0.1:1".to_owned();
        let place = Some(Place { endpoint, api: None, table: "Events".to_owned(), queues: vec![queue] });
        expect![[r#"{"ok":true,"written":1000,"events_per_second":401,"clients":[{"name":"Billing","events":1000,"expected":1000,"groups":50,"missing":0,"out_of_order":0,"duplicates":0,"differing":0,"findings":[],"median_delay_ms":120}],"bad_lines":[],"rejected":[],"left":{"fan_out":0,"rejected":0},"log":"target/local/stack-1/ministack.log","endpoint":"http://127.0.0.1:1","table":"Events","queues":[{"client":"Billing","url":"http://127.0.0.1:1/0/Billing.fifo"}]}"#]].assert_eq(&Report { place, ..good() }.json());
    }

    #[test]
    fn a_sentence_says_what_came_of_it() {
        expect![[r#"
            1,000 events reached 1 client, complete and in order: 401 a second.
            delay: the median from an event's write to its receipt, with at most 32
            on their way; these are dev builds, slower than what ships
        "#]]
        .assert_eq(&good().sentence());
        let mut filtered = good();
        filtered.clients[0].verdict =
            Verdict { events: 3, expected: 3, ..filtered.clients[0].verdict.clone() };
        expect![[r#"
            1,000 events were written, and what each of 1 client wants of them reached it, complete and in order: 401 a second.
            delay: the median from an event's write to its receipt, with at most 32
            on their way; these are dev builds, slower than what ships
        "#]].assert_eq(&filtered.sentence());
        let counts = Counts { taken: 1_000, refused: 12, unsigned: 0 };
        let receiver = Some(ReceiverReport { url: "https://localhost:1/".to_owned(), counts });
        expect![[r#"
            1,000 events reached 1 client, complete and in order: 401 a second.
            https://localhost:1/ took 1000 requests, each signed; 12 requests it refused before, which came again.
            delay: the median from an event's write to its receipt, with at most 32
            on their way; these are dev builds, slower than what ships
        "#]].assert_eq(&Report { receiver, ..good() }.sentence());
        let bad_lines = vec![BadLine { line: 3, reason: "has no `mark`".to_owned() }];
        expect![[r#"
            No event was written.
            1 line of the input left out.
        "#]]
        .assert_eq(&Report { ok: false, written: 0, bad_lines, ..good() }.sentence());
    }

    #[test]
    fn a_table_holds_at_70_columns() {
        let mut wide = report();
        for client in &mut wide.clients {
            client.name = "ANameAsLongAsTheConfigAllowsOneToBe12345".to_owned();
            let verdict = client.verdict.clone();
            client.verdict = Verdict { events: 10_000_000, expected: 10_000_000, groups: 100_000, ..verdict };
            client.median_delay_ms = 9_999;
        }
        for report in [wide, report()] {
            for line in table(&report.clients, Style::Terminal).lines() {
                assert!(line.chars().count() <= usize::from(WIDTH), "{line}");
            }
        }
    }

    #[test]
    fn numbers_have_commas() {
        let shown = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        assert_eq!(printable("a\u{1b}[31m\nü\u{9b}\u{202e}"), "a\\u{1b}[31m\\nü\\u{9b}\\u{202e}");
    }
}
