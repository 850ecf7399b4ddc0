//! The forms of results: tables and colours in a terminal, columns in a pipe, one JSON object for programs.

use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use serde::Serialize;
use shared::text::{counted, printable};
use shared::time::Timestamp;
use time::OffsetDateTime;

use crate::exit::{Exit, Failure};

/// Where results go, and in which form.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Whether they are for programs.
    pub is_json: bool,
    style: Style,
}

/// The form of text for people. What draws in a terminal leaves colours out if `NO_COLOR` says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Lines and colours, for a terminal.
    Terminal,
    /// Text in columns, for a pipe or a file.
    Plain,
}

impl Style {
    /// The style of text that goes to standard error.
    pub fn of_stderr() -> Self {
        if io::stderr().is_terminal() { Self::Terminal } else { Self::Plain }
    }
}

/// The colour of a table's cell, by what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Neither good nor bad: no colour.
    Neutral,
    /// As it should be: green.
    Good,
    /// Needs attention: red.
    Bad,
}

/// The cells of a table's row.
pub type Row<const N: usize> = [(String, Tone); N];

impl Output {
    /// Standard output: as JSON, or in the style that fits it.
    pub fn new(is_json: bool) -> Self {
        let style = if io::stdout().is_terminal() { Style::Terminal } else { Style::Plain };
        Self { is_json, style }
    }

    /// Prints `value` as one JSON object, or else the `text` of it for people.
    ///
    /// # Errors
    ///
    /// As [`write`].
    pub fn print<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce(&T, Style) -> String,
    ) -> Result<(), Failure> {
        let text = if self.is_json {
            serde_json::to_string(value).map_err(|error| Exit::Fault.because(error))? + "\n"
        } else {
            text(value, self.style)
        };
        write(&text)
    }

    /// Prints each of `values` as a line of JSON.
    ///
    /// # Errors
    ///
    /// As [`write`].
    pub fn print_lines<T: Serialize>(&self, values: &[T]) -> Result<(), Failure> {
        let mut text = String::new();
        for value in values {
            text += &serde_json::to_string(value).map_err(|error| Exit::Fault.because(error))?;
            text.push('\n');
        }
        write(&text)
    }
}

/// Writes `text` to standard output.
///
/// # Errors
///
/// [`Exit::Closed`]: nobody reads standard output any more. [`Exit::Fault`]: it takes nothing for another reason.
pub fn write(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    written.map_err(|error| {
        let exit = if error.kind() == io::ErrorKind::BrokenPipe { Exit::Closed } else { Exit::Fault };
        exit.because(format!("standard output: {error}"))
    })
}

/// A table of `header` and `rows`, without a line feed at its end. A column is aligned to the right if each cell is a
/// number, perhaps after a `>`, `<` or `$`, or the `-` of a figure that isn't known.
pub fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = Row<N>>,
    style: Style,
) -> String {
    table_of_width(header, rows, style, None)
}

/// The table, in a terminal of this width, if it is not to be asked.
fn table_of_width<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = Row<N>>,
    style: Style,
    width: Option<u16>,
) -> String {
    let rows: Vec<Row<N>> = rows.into_iter().collect();
    let mut table = Table::new();
    table.load_style(if style == Style::Terminal { presets::UTF8_FULL_CONDENSED } else { presets::NOTHING });
    if style == Style::Terminal
        // Some programs that run others give them a terminal of no width.
        && let Some(width) = width.or_else(|| table.width()).filter(|width| *width > 0)
    {
        // Long cells have several lines, so that no line is cut.
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table.set_header(header);
    for row in &rows {
        let cells = row.iter().enumerate().map(|(column, (text, tone))| {
            let mut cell = Cell::new(printable(text));
            if is_numeric(&rows, column) {
                cell = cell.set_alignment(CellAlignment::Right);
            }
            match (style, tone) {
                (Style::Plain, _) | (_, Tone::Neutral) => cell,
                (Style::Terminal, Tone::Good) => cell.fg(Color::Green),
                (Style::Terminal, Tone::Bad) => cell.fg(Color::Red),
            }
        });
        table.add_row(cells.collect::<Vec<_>>());
    }
    // In a pipe, each cell has a blank before it.
    let lines = table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// A row of cells of one tone.
pub fn row<const N: usize>(texts: [impl Into<String>; N], tone: Tone) -> Row<N> {
    texts.map(|text| (text.into(), tone))
}

/// The cell of a figure; `-` if it isn't known.
pub fn figure(figure: Option<impl ToString>) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| figure.to_string())
}

/// The beginning of `text`, at most `most` characters. The table escapes control characters.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// The cell of what needs attention, empty if nothing does, and the tone of its row.
pub fn attention(attention: Option<&str>) -> (String, Tone) {
    match attention {
        Some(attention) => (format!("! {attention}"), Tone::Bad),
        None => (String::new(), Tone::Neutral),
    }
}

/// `5 events of 1 group`; `more than` of each if there are more than were counted.
pub fn events_of_groups(events: u64, groups: u64, is_more: bool) -> String {
    let more = more_than(is_more);
    format!("{more}{} of {more}{}", counted(events, "event"), counted(groups, "group"))
}

/// The words before a number if there are more than were counted.
pub fn more_than(is_more: bool) -> &'static str {
    if is_more { "more than " } else { "" }
}

/// An instant as people read it, in UTC, to the second.
pub fn instant(timestamp: Timestamp) -> String {
    let seconds = i64::try_from(timestamp.as_millis() / 1_000).unwrap_or(i64::MAX);
    // It fails only for years of more than four digits.
    let Ok(utc) = OffsetDateTime::from_unix_timestamp(seconds) else { return String::new() };
    let ((hour, minute, second), month) = (utc.to_hms(), u8::from(utc.month()));
    format!("{:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", utc.year(), utc.day())
}

/// A time in the largest unit of which there are at least two: `119 s`, `2 min`.
pub fn time(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn is_numeric<const N: usize>(rows: &[Row<N>], column: usize) -> bool {
    let is_number = |text: &str| {
        let number = text.trim_start_matches(['>', '<', '$']);
        text == "-" || number.starts_with(|first: char| first.is_ascii_digit())
    };
    rows.iter().all(|row| row.get(column).is_none_or(|(text, _)| is_number(text)))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_pipe_gets_columns_without_colours_and_escapes() {
        let row =
            |name: &str, count: &str, tone| [(name.to_owned(), Tone::Neutral), (count.to_owned(), tone)];
        let rows = [row("Billing", "1200", Tone::Good), row("In\u{1b}[31m", "-", Tone::Bad)];
        expect![[r#"
            client        messages
            Billing           1200
            In\u{1b}[31m         -"#]]
        .assert_eq(&table(["client", "messages"], rows, Style::Plain));
    }

    #[test]
    fn a_long_key_does_not_make_a_table_wider_than_its_terminal() {
        let key = "0123456789".repeat(15);
        let table = |width| {
            let cells =
                [key.as_str(), "1200", "1201", "90 min", "! its queue refuses the next event for good"];
            let header = ["group", "has", "of", "for", "why"];
            table_of_width(header, [row(cells, Tone::Neutral)], Style::Terminal, Some(width))
        };
        for width in [60, 80, 120, 200] {
            let table = table(width);
            assert!(
                table.lines().all(|line| line.chars().count() <= usize::from(width)),
                "{width}:\n{table}"
            );
        }
        expect![[r#"
            ┌───────────────────────────┬──────┬──────┬────────┬───────────────────────────┐
            │ group                     ┆ has  ┆ of   ┆ for    ┆ why                       │
            ╞═══════════════════════════╪══════╪══════╪════════╪═══════════════════════════╡
            │ 0123456789012345678901234 ┆ 1200 ┆ 1201 ┆ 90 min ┆ ! its queue refuses the   │
            │ 5678901234567890123456789 ┆      ┆      ┆        ┆ next event for good       │
            │ 0123456789012345678901234 ┆      ┆      ┆        ┆                           │
            │ 5678901234567890123456789 ┆      ┆      ┆        ┆                           │
            │ 0123456789012345678901234 ┆      ┆      ┆        ┆                           │
            │ 5678901234567890123456789 ┆      ┆      ┆        ┆                           │
            └───────────────────────────┴──────┴──────┴────────┴───────────────────────────┘"#]]
        .assert_eq(&table(80));
    }

    #[test]
    fn instants_are_whole_seconds() {
        assert_eq!(instant(Timestamp::from_millis(1_767_603_600_999)), "2026-01-05T09:00:00Z");
        assert_eq!(instant(Timestamp::from_millis(u64::MAX)), "");
    }
}
