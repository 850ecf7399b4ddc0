//! The lines of an attestation, from the ledger's items.

use std::collections::HashMap;

use serde::Serialize;
use shared::control::TypedKey;
use shared::ids::Group;
use shared::ledger::{
    Attestation, ClientId, Cursor, GroupItem, ItemKey, Ledger, READ_LIMIT, Registration, Unread, attestation,
};
use shared::text::{counted, printable};

use crate::exit::Exit;
use crate::groups_behind::read;
use crate::output::{Style, Tone, figure, instant, row, table};

/// What a client was sent last of an aggregate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    /// The `MessageGroupId`.
    group: String,
    /// The aggregate's key.
    key: TypedKey,
    /// The token of the incarnation that `version` is of.
    incarnation: String,
    /// The version that was sent last; null if none was in this incarnation, as far as is known.
    version: Option<i64>,
    state: LineState,
    /// What it has everything of that it wants, if it is behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<i64>,
    /// Since when it is behind, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// Up to which version events come with the attribute `replay`: it may have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeated_until: Option<i64>,
}

/// Whether a client has all that it wants of an aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum LineState {
    UpToDate,
    Behind,
    /// The ledger's items do not fit each other.
    Unknown,
}

/// How many aggregates are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    up_to_date: usize,
    behind: usize,
    unknown: usize,
    /// How many of the ledger's items can't be read.
    pub(super) damaged: usize,
}

/// All of a client's cursors.
///
/// # Errors
///
/// [`Unread`]: they could not be read.
pub(super) async fn cursors<L: Ledger>(
    ledger: &L,
    client: ClientId,
) -> Result<HashMap<Group, Cursor>, Unread> {
    let (mut cursors, mut after) = (HashMap::new(), None);
    loop {
        let page = ledger.cursors(client, after.as_ref()).await?;
        let Some((last, _)) = page.last() else { return Ok(cursors) };
        after = Some(last.clone());
        cursors.extend(page);
    }
}

/// A line for each of `groups`, in their order. The items and the client's `cursors` were read one after the other: where
/// they do not fit, both are read again.
///
/// # Errors
///
/// [`Unread`]: one of them could not be read.
pub(super) async fn lines<L: Ledger>(
    ledger: &L,
    client: &Registration,
    groups: Vec<(Group, GroupItem)>,
    cursors: &HashMap<Group, Cursor>,
) -> Result<Vec<Line>, Unread> {
    let mut lines = Vec::with_capacity(groups.len());
    let mut unfit = Vec::new();
    for (group, item) in &groups {
        let found = attestation(item, client, cursors.get(group));
        if found.is_none() {
            unfit.push((lines.len(), group));
        }
        lines.push(Line::new(group, item, found));
    }
    for unfit in unfit.chunks(READ_LIMIT / 2) {
        let keys = unfit.iter().flat_map(|(_, group)| {
            [ItemKey::Group((*group).clone()), ItemKey::Cursor(client.id, (*group).clone())]
        });
        let found = read(ledger, &keys.collect::<Vec<_>>()).await?;
        for (index, group) in unfit {
            // An item that is gone is as unknown as one that does not fit.
            let Some(item) = found.group(group).present() else { continue };
            let cursor = found.cursor(client.id, group).present();
            if let Some(line) = lines.get_mut(*index) {
                *line = Line::new(group, item, attestation(item, client, cursor));
            }
        }
    }
    Ok(lines)
}

impl Line {
    fn new(group: &Group, item: &GroupItem, found: Option<Attestation>) -> Self {
        let line = Self {
            group: group.as_str().to_owned(),
            key: TypedKey::from(&item.key),
            incarnation: item.token.as_str().to_owned(),
            version: None,
            state: LineState::Unknown,
            position: None,
            since: None,
            repeated_until: None,
        };
        match found {
            None => line,
            Some(Attestation::UpToDate { version }) => Self { version, state: LineState::UpToDate, ..line },
            Some(Attestation::Behind { version, position, since, repeated_until }) => Self {
                version,
                state: LineState::Behind,
                position: Some(position),
                since: since.map(instant),
                repeated_until,
                ..line
            },
        }
    }
}

impl Summary {
    /// Counts `lines`.
    pub(super) fn count(&mut self, lines: &[Line]) {
        for line in lines {
            match line.state {
                LineState::UpToDate => self.up_to_date += 1,
                LineState::Behind => self.behind += 1,
                LineState::Unknown => self.unknown += 1,
            }
        }
    }

    /// How many groups were counted.
    pub(super) fn groups(&self) -> usize {
        self.up_to_date + self.behind + self.unknown
    }

    /// [`Exit::Findings`] if something is not known.
    pub(super) fn exit(&self) -> Exit {
        if self.unknown + self.damaged == 0 { Exit::Done } else { Exit::Findings }
    }
}

/// The lines for people.
pub(super) fn text(client: &str, lines: &[Line], summary: &Summary, style: Style) -> String {
    let rows = lines.iter().map(|line| {
        let (state, tone) = match line.state {
            LineState::UpToDate => ("up to date", Tone::Neutral),
            LineState::Behind => ("behind", Tone::Neutral),
            LineState::Unknown => ("unknown", Tone::Bad),
        };
        let since = line.since.clone().unwrap_or_default();
        let (version, position) = (figure(line.version), figure(line.position));
        row(
            [line.key.to_string(), line.incarnation.clone(), version, state.to_owned(), position, since],
            tone,
        )
    });
    let header = ["aggregate", "incarnation", "last sent", "state", "position", "behind since"];
    let table = if lines.is_empty() { String::new() } else { table(header, rows, style) + "\n\n" };
    let Summary { up_to_date, behind, unknown, damaged } = *summary;
    let mut text = format!(
        "client {}: {} up to date, {behind} behind",
        printable(client),
        counted(up_to_date, "aggregate")
    );
    if unknown > 0 {
        text += &format!(", {unknown} unknown: what the ledger has of them changes, or is damaged");
    }
    if damaged > 0 {
        text += &format!(", {} of the ledger can't be read", counted(damaged, "item"));
    }
    table + &text + "\n"
}

#[cfg(test)]
mod tests;
