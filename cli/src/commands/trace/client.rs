//! What a client has of an event, and the command that helps.

use serde::Serialize;
use shared::ledger::{Attestation, GroupItem, State, attestation};
use shared::text::shell_quoted;

use super::{ClientFacts, EventRow, Facts};
use crate::args::stack_option;
use crate::commands::status::client::{GroupRow, Why};
use crate::groups_behind::GroupBehind;

/// What a client has of an event.
#[derive(Debug, Serialize)]
pub(super) struct ClientRow {
    pub(super) client: String,
    pub(super) state: EventState,
    /// The version of the aggregate that it was sent last, as far as that was recorded.
    pub(super) sent_last: Option<i64>,
    /// It has everything that it wants of the aggregate up to this version.
    pub(super) position: Option<i64>,
    /// Since when it is behind in the aggregate.
    pub(super) behind_since: Option<String>,
    pub(super) behind_seconds: Option<u64>,
    /// Why it is behind there.
    pub(super) why: Option<Why>,
    /// The field of its filter that says no, if it does not want the event.
    pub(super) unwanted: Option<String>,
    pub(super) reason: Option<String>,
    /// The command that helps, once the reason is mended.
    pub(super) command: Option<String>,
    pub(super) needs_attention: bool,
}

/// Whether a client has an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventState {
    /// Its queue accepted it.
    Sent,
    /// It was sent a later one, and without the event's item it is unknown whether this one was for it.
    Passed,
    /// It is behind, and gets it later.
    Behind,
    /// Its filter leaves the event out.
    Unwanted,
    /// The event is older than the client, or than its filter, and the client has no history.
    NotSent,
    /// An operator had it left out.
    Skipped,
    /// The event was not fanned out yet.
    NotYet,
    /// The event can't be sent to any client.
    Rejected,
    /// The event was given up as missing, and nobody was sent it.
    GivenUp,
    /// The ledger's items do not fit each other.
    Unknown,
}

impl EventState {
    pub(super) fn to_text(self) -> &'static str {
        match self {
            Self::Sent => "has it",
            Self::Passed => "past it",
            Self::Behind => "behind",
            Self::Unwanted => "does not want it",
            Self::NotSent => "not sent",
            Self::Skipped => "left out",
            Self::NotYet => "not yet",
            Self::Rejected => "rejected",
            Self::GivenUp => "given up",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the client is one of those that the event is for.
    pub(super) fn is_addressee(self) -> bool {
        matches!(self, Self::Sent | Self::Passed | Self::Behind | Self::NotYet | Self::Unknown)
    }
}

impl ClientRow {
    /// What `client` has of `version` of the aggregate, of which the event table has `event`.
    pub(super) fn new(facts: &Facts, client: &ClientFacts, version: i64, event: Option<&EventRow>) -> Self {
        let ClientFacts { name, registration, cursor, .. } = client;
        let row = Self {
            client: name.clone(),
            state: EventState::NotYet,
            sent_last: None,
            position: None,
            behind_since: None,
            behind_seconds: None,
            why: None,
            unwanted: None,
            reason: None,
            command: None,
            needs_attention: false,
        };
        let Some(item) = &facts.item else { return row.with_fate(event) };
        let found = attestation(item, registration, cursor.as_ref());
        let row = match found {
            None => {
                let reason = "its items in the ledger do not fit each other: they change, or are damaged";
                let command = Some(format!("fanoutctl attest {name}{}", stack_option(&facts.stack)));
                let (state, reason) = (EventState::Unknown, Some(reason.to_owned()));
                return Self { state, reason, command, needs_attention: true, ..row };
            }
            Some(Attestation::UpToDate { version: sent_last }) => {
                Self { sent_last, position: Some(item.version), ..row }
            }
            Some(Attestation::Behind { version: sent_last, position, .. }) => {
                Self { sent_last, position: Some(position), ..row }.behind(facts, client, item)
            }
        };
        let is_covered = row.position.is_some_and(|position| version <= position);
        let state = match row.sent_last {
            _ if version > item.version => EventState::NotYet,
            _ if !is_covered => EventState::Behind,
            // Without the event, it is known only of the one that was sent last.
            Some(sent_last) if sent_last > version && event.is_none() => EventState::Passed,
            Some(sent_last) if sent_last >= version => EventState::Sent,
            _ => EventState::NotSent,
        };
        let skipped = cursor.iter().filter_map(|cursor| cursor.hold.as_ref()).flat_map(|hold| &hold.skipped);
        let skipped = skipped.into_iter().find(|skipped| skipped.version == version);
        if let Some(skipped) = skipped {
            return Self { state: EventState::Skipped, reason: Some(skipped.reason.clone()), ..row };
        }
        // What it lacks later is not about this event.
        let needs_attention = row.needs_attention && !is_covered;
        let row = Self { state, needs_attention, ..row }.with_fate(event);
        match row.state {
            EventState::NotSent | EventState::Passed | EventState::Sent if item.holes.contains(&version) => {
                row.given_up(facts, version, event)
            }
            EventState::NotSent if event.is_none() => {
                let reason =
                    "its filter left the event out, or an operator, or it joined later, without history";
                Self { reason: Some(reason.to_owned()), ..row }
            }
            EventState::Passed => {
                let reason = "it was sent a later one; this one, too, unless its filter or an operator left it out, or it joined later";
                Self { reason: Some(reason.to_owned()), ..row }
            }
            EventState::NotSent => {
                let reason =
                    "the event is older than the client or its filter, and it joined without history";
                Self { reason: Some(reason.to_owned()), command: Some(replay(facts, name, version)), ..row }
            }
            EventState::Sent | EventState::NotYet
                if registration.state == State::Paused && row.why.is_none() =>
            {
                Self {
                    reason: Some("it is paused, and gets nothing new".to_owned()),
                    command: Some(format!("fanoutctl resume {name}{}", stack_option(&facts.stack))),
                    ..row
                }
            }
            _ => row,
        }
    }

    /// With what `status CLIENT` says of the group.
    fn behind(self, facts: &Facts, client: &ClientFacts, item: &GroupItem) -> Self {
        let ClientFacts { name, registration, cursor, lease, mend } = client;
        // Without a cursor, its first one is still to be written.
        let Some(cursor) = cursor else { return Self { why: Some(Why::UnderWay), ..self } };
        let behind = GroupBehind::new(registration.id, &facts.group, item, cursor);
        let row = GroupRow::new([name, &facts.stack, mend], registration, lease, behind, facts.now);
        Self {
            behind_since: Some(row.since),
            behind_seconds: Some(row.seconds),
            why: Some(row.why),
            reason: row.reason,
            command: row.command,
            needs_attention: row.needs_attention,
            ..self
        }
    }

    /// With what the event itself says: that no client can have it, or that this one does not want it.
    fn with_fate(self, event: Option<&EventRow>) -> Self {
        let Some(event) = event else { return self };
        if event.not_sendable.is_some() {
            return Self { state: EventState::Rejected, ..self };
        }
        match event.unwanted_by.get(&self.client) {
            Some(why) => Self { state: EventState::Unwanted, unwanted: Some(why.clone()), ..self },
            None => self,
        }
    }

    fn given_up(self, facts: &Facts, version: i64, event: Option<&EventRow>) -> Self {
        let (state, command) = (EventState::GivenUp, event.map(|_| replay(facts, &self.client, version)));
        let reason = match event {
            Some(_) => "it was given up as missing, and the event table has it now",
            None => "it was given up: neither the stream nor the event table had it",
        };
        let needs_attention = event.is_some();
        Self { state, reason: Some(reason.to_owned()), command, needs_attention, ..self }
    }
}

fn replay(facts: &Facts, client: &str, version: i64) -> String {
    let (key, stack) = (shell_quoted(facts.key.as_text()), stack_option(&facts.stack));
    format!("fanoutctl replay {client} --group {key} --from {version}{stack}")
}
