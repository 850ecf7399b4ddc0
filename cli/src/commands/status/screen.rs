//! The screen of `status --watch`: its state, its keys, and how it is drawn.

use std::cmp::Reverse;

use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState, Wrap};
use shared::text::printable;
use shared::time::Timestamp;

use super::clients::ClientRow;
use super::queues::QueueRow;
use super::{Report, headline, notes};
use crate::output::{self, shortened, time};

/// What is shown.
pub(super) struct Screen {
    report: Report,
    refreshed_at: Timestamp,
    /// Why the last refresh failed, if it did.
    error: Option<String>,
    selected: usize,
    /// The column by which clients are sorted; none: in the order of the config.
    sort: Option<usize>,
    /// The client that is looked into, and the text about it once it is there.
    client: Option<(String, Option<String>)>,
    /// The first line of that text that is shown.
    scroll: u16,
}

/// What a key asks for, beyond another state of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    /// To look into this client.
    Look(String),
    Quit,
    Interrupt,
}

/// A client, with its queue.
#[derive(Clone, Copy)]
struct Entry<'r> {
    ledger: Option<&'r ClientRow>,
    queue: Option<&'r QueueRow>,
}

/// A column of the clients' table.
struct Column {
    name: &'static str,
    /// The width of the screen from which on it is shown.
    from: u16,
    /// The figure by which it is sorted, the largest first; none if it is sorted by its text.
    figure: Option<fn(Entry<'_>) -> Option<u64>>,
}

/// In the order of [`Entry::cells`].
const COLUMNS: [Column; 9] = [
    Column { name: "client", from: 0, figure: None },
    Column { name: "state", from: 0, figure: None },
    Column { name: "groups", from: 0, figure: Some(|entry| entry.ledger?.groups_behind) },
    Column { name: "events", from: 110, figure: Some(|entry| entry.ledger?.events_to_go) },
    Column { name: "behind", from: 0, figure: Some(|entry| entry.ledger?.behind_seconds) },
    Column { name: "messages", from: 75, figure: Some(|entry| entry.queue?.messages) },
    Column { name: "in flight", from: 100, figure: Some(|entry| entry.queue?.in_flight) },
    Column { name: "oldest", from: 100, figure: Some(|entry| entry.queue?.oldest_message_seconds) },
    Column { name: "attention", from: 0, figure: None },
];

impl Screen {
    pub(super) fn new(report: Report, now: Timestamp) -> Self {
        Self { report, refreshed_at: now, error: None, selected: 0, sort: None, client: None, scroll: 0 }
    }

    /// Takes the result of a refresh. After an error the last figures stay.
    pub(super) fn refresh(&mut self, result: Result<Report, String>, now: Timestamp) {
        match result {
            Ok(report) => (self.report, self.refreshed_at, self.error) = (report, now, None),
            Err(why) => self.error = Some(why),
        }
        self.selected = self.selected.min(self.entries().len().saturating_sub(1));
    }

    /// Takes the text about the client that is looked into.
    pub(super) fn tell(&mut self, client: &str, text: String) {
        if let Some((name, told)) = &mut self.client
            && name == client
        {
            *told = Some(text);
        }
    }

    /// The client that is looked into.
    pub(super) fn client(&self) -> Option<String> {
        self.client.as_ref().map(|(name, _)| name.clone())
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Wish {
        let (last, columns) = (self.entries().len().saturating_sub(1), COLUMNS.len());
        match (key.code, &self.client) {
            (KeyCode::Char('c'), _) if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Wish::Interrupt;
            }
            (KeyCode::Char('q'), _) => return Wish::Quit,
            (KeyCode::Esc, _) => self.client = None,
            (KeyCode::Up, Some(_)) => self.scroll = self.scroll.saturating_sub(1),
            (KeyCode::Down, Some(_)) => self.scroll = self.scroll.saturating_add(1),
            (KeyCode::Up, None) => self.selected = self.selected.saturating_sub(1),
            (KeyCode::Down, None) => self.selected = (self.selected + 1).min(last),
            // Beyond the last column, and before the first, is the order of the config.
            (KeyCode::Right, None) => {
                self.sort = Some(self.sort.map_or(0, |sort| sort + 1)).filter(|sort| *sort < columns);
            }
            (KeyCode::Left, None) => self.sort = self.sort.unwrap_or(columns).checked_sub(1),
            (KeyCode::Enter, None) => {
                let name = self.entries().get(self.selected).map(|entry| entry.name());
                (self.client, self.scroll) = (name.clone().map(|name| (name, None)), 0);
                return name.map_or(Wish::Nothing, Wish::Look);
            }
            _ => {}
        }
        Wish::Nothing
    }

    /// The clients, sorted.
    fn entries(&self) -> Vec<Entry<'_>> {
        let Report { queues, clients, .. } = &self.report;
        let of_queue = |queue: &QueueRow, client: &ClientRow| queue.client.as_ref() == Some(&client.client);
        let queues_of_clients = queues.iter().filter(|queue| queue.client.is_some()).map(|queue| Entry {
            ledger: clients.iter().flatten().find(|client| of_queue(queue, client)),
            queue: Some(queue),
        });
        let without =
            clients.iter().flatten().filter(|client| !queues.iter().any(|queue| of_queue(queue, client)));
        let mut entries: Vec<Entry<'_>> = queues_of_clients
            .chain(without.map(|client| Entry { ledger: Some(client), queue: None }))
            .collect();
        if let Some((place, column)) = self.sort.and_then(|sort| Some((sort, COLUMNS.get(sort)?))) {
            entries.sort_by_cached_key(|entry| {
                let text = entry.cells().into_iter().nth(place).filter(|_| column.figure.is_none());
                // What needs attention comes first, too.
                (Reverse(column.figure.and_then(|figure| figure(*entry))), text.as_deref() == Some(""), text)
            });
        }
        entries
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>, now: Timestamp) {
        let line = |text: &str| Line::raw(shortened(&printable(text), usize::from(frame.area().width)));
        let headline = line(&headline(&self.report)).style(Style::new().add_modifier(Modifier::BOLD));
        let freshness = self.freshness(now);
        let own: Vec<Line<'_>> =
            self.report.queues.iter().filter_map(own_queue).map(|own| line(&own)).collect();
        let notes: Vec<Line<'_>> = notes(&self.report).lines().map(line).collect();
        let height = |lines: &[Line<'_>]| Constraint::Length(u16::try_from(lines.len()).unwrap_or(6).min(6));
        let parts = [
            Constraint::Length(1),
            Constraint::Length(1),
            height(&own),
            Constraint::Length(1),
            Constraint::Min(3),
            height(&notes),
            Constraint::Length(1),
        ];
        let [title, age, queues, _, body, below, keys] = Layout::vertical(parts).areas(frame.area());
        frame.render_widget(headline, title);
        frame.render_widget(freshness, age);
        frame.render_widget(Paragraph::new(own), queues);
        let help = if let Some((name, text)) = &self.client {
            let text = text.clone().unwrap_or_else(|| format!("looking into client {name} …"));
            frame.render_widget(
                Paragraph::new(text).wrap(Wrap { trim: false }).scroll((self.scroll, 0)),
                body,
            );
            "↑↓ scroll  Esc back  q quit"
        } else {
            self.draw_clients(frame, body);
            "↑↓ select  ←→ sort  Enter look into  q quit"
        };
        frame.render_widget(Paragraph::new(notes), below);
        frame.render_widget(Line::styled(help, Style::new().add_modifier(Modifier::DIM)), keys);
    }

    /// How old the figures are, and why they are not younger.
    fn freshness(&self, now: Timestamp) -> Line<'static> {
        let age = time(now.since(self.refreshed_at).as_secs());
        match self.error.as_ref().map(|why| printable(why.lines().next().unwrap_or_default())) {
            None => Line::raw(format!("{age} old")),
            Some(why) => {
                Line::styled(format!("! {age} old, not refreshed: {why}"), Style::new().fg(Color::Red))
            }
        }
    }

    fn draw_clients(&self, frame: &mut Frame<'_>, area: Rect) {
        let shown = || COLUMNS.iter().enumerate().filter(|(_, column)| area.width >= column.from);
        let cell = |column: &Column, text: String| {
            let line = Line::raw(text);
            Cell::from(if column.figure.is_some() { line.right_aligned() } else { line })
        };
        let rows: Vec<(Entry<'_>, [String; 9])> =
            self.entries().into_iter().map(|entry| (entry, entry.cells())).collect();
        let header = |(place, column): (usize, &Column)| {
            if self.sort == Some(place) { format!("{} ▾", column.name) } else { column.name.to_owned() }
        };
        let widths = shown().map(|(place, column)| {
            let cells = rows.iter().filter_map(|(_, cells)| Some(cells.get(place)?.chars().count()));
            let width = cells.chain([header((place, column)).chars().count()]).max().unwrap_or_default();
            // The last takes the rest.
            let is_last = place + 1 == COLUMNS.len();
            if is_last {
                Constraint::Fill(1)
            } else {
                Constraint::Length(u16::try_from(width).unwrap_or(40).min(40))
            }
        });
        let lines = rows.iter().map(|(entry, cells)| {
            let cells = shown().filter_map(|(place, column)| Some(cell(column, cells.get(place)?.clone())));
            let colour = entry.attention().map(|_| Style::new().fg(Color::Red));
            Row::new(cells.collect::<Vec<_>>()).style(colour.unwrap_or_default())
        });
        let names = shown().map(|(place, column)| cell(column, header((place, column))));
        let table = Table::new(lines.collect::<Vec<_>>(), widths.collect::<Vec<_>>())
            .header(Row::new(names.collect::<Vec<_>>()).style(Style::new().add_modifier(Modifier::BOLD)))
            .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
            .highlight_symbol("> ");
        frame.render_stateful_widget(table, area, &mut TableState::new().with_selected(Some(self.selected)));
    }
}

impl Entry<'_> {
    fn name(self) -> String {
        let of_ledger = self.ledger.map(|client| client.client.clone());
        of_ledger.or_else(|| self.queue?.client.clone()).unwrap_or_default()
    }

    fn attention(&self) -> Option<&str> {
        let of_ledger = self.ledger.and_then(|client| client.attention.as_deref());
        of_ledger.or_else(|| self.queue?.attention.as_deref())
    }

    fn cells(self) -> [String; 9] {
        let ledger = self.ledger.map(|client| client.cells().map(|(text, _)| text));
        let [_, state, groups, events, behind, _] = ledger.unwrap_or_else(|| ["-"; 6].map(str::to_owned));
        let queue = self.queue.map(|queue| queue.cells().map(|(text, _)| text));
        let [_, _, messages, in_flight, _, oldest, _] = queue.unwrap_or_else(|| ["-"; 7].map(str::to_owned));
        let (attention, _) = output::attention(self.attention());
        [self.name(), state, groups, events, behind, messages, in_flight, oldest, attention]
            .map(|cell| printable(&cell))
    }
}

/// The line about one of the stack's own queues.
fn own_queue(queue: &QueueRow) -> Option<String> {
    let [(name, _), _, (messages, _), (in_flight, _), _, (oldest, _), (attention, _)] = queue.cells();
    let line = format!("{name}: messages {messages}, in flight {in_flight}, oldest {oldest} {attention}");
    queue.client.is_none().then(|| line.trim_end().to_owned())
}
