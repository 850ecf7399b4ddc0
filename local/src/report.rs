//! The result of a run, as a table for people or as JSON for programs.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, Color, Table, presets};
use serde::Serialize;
use shared::text::printable;

use crate::event::BadLine;
use crate::run::{ClientOutcome, Left};

/// The result of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether every client has every event that it wants, in order, once and unchanged.
    pub ok: bool,
    /// The address of every service; it answers for as long as the stack is kept.
    pub endpoint: String,
    /// Each client's name and queue.
    pub queues: Vec<Queue>,
    /// What each client received.
    pub clients: Vec<ClientOutcome>,
    /// The lines of the input that were left out.
    pub bad_lines: Vec<BadLine>,
    /// What is left in queues where nothing should be.
    pub left: Left,
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
    /// The report for people: a table, and what is wrong.
    pub fn text(&self, style: Style) -> String {
        let mut text = table(&self.clients, style);
        text.push('\n');
        for client in &self.clients {
            for finding in &client.verdict.findings {
                // Writing to a string does not fail.
                let _ = writeln!(text, "{}: {}", client.name, printable(finding));
            }
        }
        for (count, queue, meaning) in [
            (self.left.fan_out, "fan-out", "not fanned out"),
            (self.left.rejected, "rejected", "what can never be converted or sent"),
        ] {
            if count > 0 {
                let _ = writeln!(text, "left in the {queue} queue: {count} ({meaning})");
            }
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
    table.load_style(if style == Style::Terminal { presets::UTF8_FULL_CONDENSED } else { presets::NOTHING });
    table.set_header([
        "client",
        "events",
        "expected",
        "groups",
        "order",
        "duplicates",
        "events/s",
        "median delay",
    ]);
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
            good(verdict.missing == 0, number(verdict.events)),
            number(verdict.expected),
            number(verdict.groups),
            good(is_ordered, Cell::new(order)),
            good(verdict.duplicates == 0, number(verdict.duplicates)),
            number(format!("{:.0}", client.events_per_second)),
            number(format!("{} ms", client.median_delay_ms)),
        ]);
    }
    let lines = table.lines().map(|line| line.trim().to_owned());
    lines.collect::<Vec<_>>().join("\n")
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
        let outcome = |name: &str, verdict, events_per_second| ClientOutcome {
            name: name.to_owned(),
            verdict,
            events_per_second,
            median_delay_ms: 120,
        };
        Report {
            ok: false,
            endpoint: "http://127.0.0.1:1".to_owned(),
            queues: vec![Queue {
                client: "Billing".to_owned(),
                url: "http://127.0.0.1:1/0/Billing.fifo".to_owned(),
            }],
            clients: vec![outcome("Billing", good(), 401.6), outcome("Enforcement", bad, 0.0)],
            bad_lines: vec![BadLine { line: 3, reason: "has no `mark`".to_owned() }],
            left: Left { rejected: 2, ..Left::default() },
        }
    }

    #[test]
    fn a_pipe_gets_columns_and_the_findings_without_control_characters() {
        expect![[r#"
            client       events  expected  groups  order   duplicates  events/s  median delay
            Billing        1000      1000      50  ok               0       402        120 ms
            Enforcement     998      1000      50  1 late           3         0        120 ms
            Enforcement: missing of `AFC\u{1b}[2J F5`: version 7, 8
            left in the rejected queue: 2 (what can never be converted or sent)
        "#]]
        .assert_eq(&report().text(Style::Plain));
    }

    #[test]
    fn a_terminal_gets_a_table() {
        expect![[r#"
            ┌─────────────┬────────┬──────────┬────────┬────────┬────────────┬──────────┬──────────────┐
            │ client      ┆ events ┆ expected ┆ groups ┆ order  ┆ duplicates ┆ events/s ┆ median delay │
            ╞═════════════╪════════╪══════════╪════════╪════════╪════════════╪══════════╪══════════════╡
            │ Billing     ┆   1000 ┆     1000 ┆     50 ┆ ok     ┆          0 ┆      402 ┆       120 ms │
            │ Enforcement ┆    998 ┆     1000 ┆     50 ┆ 1 late ┆          3 ┆        0 ┆       120 ms │
            └─────────────┴────────┴──────────┴────────┴────────┴────────────┴──────────┴──────────────┘
            Enforcement: missing of `AFC\u{1b}[2J F5`: version 7, 8
            left in the rejected queue: 2 (what can never be converted or sent)
        "#]]
        .assert_eq(&report().text(Style::Terminal));
    }

    #[test]
    fn a_program_gets_everything() {
        expect![[r#"{"ok":false,"endpoint":"http://127.0.0.1:1","queues":[{"client":"Billing","url":"http://127.0.0.1:1/0/Billing.fifo"}],"clients":[{"name":"Billing","events":1000,"expected":1000,"groups":50,"missing":0,"out_of_order":0,"duplicates":0,"differing":0,"findings":[],"events_per_second":401.6,"median_delay_ms":120},{"name":"Enforcement","events":998,"expected":1000,"groups":50,"missing":2,"out_of_order":1,"duplicates":3,"differing":0,"findings":["missing of `AFC\u001b[2J F5`: version 7, 8"],"events_per_second":0.0,"median_delay_ms":120}],"bad_lines":[{"line":3,"reason":"has no `mark`"}],"left":{"fan_out":0,"rejected":2}}"#]].assert_eq(&report().json());
    }

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        assert_eq!(printable("a\u{1b}[31m\nü\u{9b}\u{202e}"), "a\\u{1b}[31m\\nü\\u{9b}\\u{202e}");
    }
}
