//! The answer of `trace`: a sentence, and the facts that it follows from.

use std::collections::BTreeMap;

use aws::operator::sqs::Depth;
use serde::Serialize;
use shared::control::TypedKey;
use shared::ledger::EventTime;
use shared::ledger::plausible::reach;
use shared::ledger::times::YOUNG;
use shared::text::{counted, printable};
use shared::time::Timestamp;

use super::client::{ClientRow, EventState};
use super::{AROUND, EventRow, Facts};
use crate::args::stack_option;
use crate::client_status::LONG;
use crate::exit::Exit;
use crate::output::{figure, instant, time};

/// The most clients that the first sentence names.
const NAMED: usize = 3;

/// Where an event is. What isn't known is null, and `unknown` says why.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) stack: String,
    pub(super) key: TypedKey,
    /// The `MessageGroupId`.
    pub(super) group: String,
    /// The version that was asked for, or the newest.
    pub(super) version: Option<i64>,
    /// The newest version of the aggregate that is known.
    pub(super) newest: Option<i64>,
    pub(super) place: Place,
    /// The answer, for people.
    pub(super) answer: String,
    /// Whether nothing needs attention.
    pub(super) ok: bool,
    /// The item of the event table.
    pub(super) event: Option<EventRow>,
    /// The items around it, newest first.
    pub(super) around: Option<Vec<EventRow>>,
    pub(super) ledger: Option<LedgerGroup>,
    pub(super) fan_out_queue: Option<Depth>,
    /// All of the rejected queue: whose messages they are is not asked, because that receives them.
    pub(super) rejected_queue: Option<Depth>,
    pub(super) clients: Vec<ClientRow>,
    pub(super) unknown: BTreeMap<&'static str, String>,
}

/// How far an event got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    /// Neither event table nor ledger have it.
    Nowhere,
    /// The event table has it, and the fan-out did not come to it.
    OnItsWay,
    /// It can't be sent to any client.
    Rejected,
    /// It was given up as missing.
    GivenUp,
    /// The fan-out has dealt with it.
    FannedOut,
}

/// What the ledger has of the aggregate.
#[derive(Debug, Serialize)]
pub(super) struct LedgerGroup {
    /// The clients that are not behind have everything up to it.
    pub(super) version: i64,
    /// The lowest version of the incarnation.
    pub(super) first_version: i64,
    pub(super) incarnation: String,
    pub(super) incarnation_number: u64,
    /// Up to the ledger's version, the last that were given up as missing.
    pub(super) given_up: Vec<i64>,
    /// Those that two events have.
    pub(super) used_twice: Vec<i64>,
    /// When it was seen that the aggregate was erased.
    pub(super) erased_at: Option<String>,
}

impl Report {
    pub(super) fn new(mut facts: Facts) -> Self {
        facts.reject_implausible();
        let in_ledger = facts.item.as_ref().map(|item| item.version);
        let in_table = facts.rows.iter().flatten().filter_map(|row| row.version).max();
        let newest = in_ledger.max(in_table);
        let version = facts.version.or(newest);
        let of_version = |row: &&EventRow| version.is_some() && row.version == version;
        let event = facts.rows.iter().flatten().find(of_version).cloned();
        let place = place(&facts, version, event.as_ref());
        let clients = facts.clients.iter();
        let clients = version.map(|version| {
            let mut clients: Vec<_> =
                clients.map(|client| ClientRow::new(&facts, client, version, event.as_ref())).collect();
            clients.sort_by_key(|row| (!row.needs_attention, !row.state.is_addressee()));
            clients
        });
        let mut unknown = BTreeMap::new();
        let mut known = |name, figure: &Result<Depth, String>| match figure {
            Ok(depth) => Some(*depth),
            Err(why) => {
                unknown.insert(name, why.clone());
                None
            }
        };
        let fan_out_queue = known("fan_out_queue", &facts.fan_out_queue);
        let rejected_queue = known("rejected_queue", &facts.rejected_queue);
        if let Err(why) = &facts.rows {
            unknown.insert("event_table", why.clone());
        }
        let mut report = Self {
            stack: facts.stack.clone(),
            key: facts.key.clone(),
            group: facts.group.as_str().to_owned(),
            version,
            newest,
            place,
            answer: String::new(),
            ok: true,
            around: facts.rows.as_ref().ok().map(|rows| around(rows, version)),
            event,
            ledger: facts.item.as_ref().map(|item| LedgerGroup {
                version: item.version,
                first_version: item.first.version,
                incarnation: item.token.as_str().to_owned(),
                incarnation_number: item.incarnation_number,
                given_up: item.holes.clone(),
                used_twice: item.pairs.clone(),
                erased_at: item.closed.map(instant),
            }),
            fan_out_queue,
            rejected_queue,
            clients: clients.unwrap_or_default(),
            unknown,
        };
        let is_late = place == Place::OnItsWay && report.is_late(facts.now);
        report.ok =
            place != Place::Rejected && !is_late && !report.clients.iter().any(|row| row.needs_attention);
        report.answer = report.answer(&facts, is_late);
        report
    }

    /// 6 if something needs attention.
    pub(super) fn exit(&self) -> Exit {
        if self.ok { Exit::Done } else { Exit::Findings }
    }

    /// Whether the event names a time that is long ago.
    fn is_late(&self, now: Timestamp) -> bool {
        let time = self.event.as_ref().and_then(|event| EventTime::try_from_text(event.time.as_deref()?));
        let since = Timestamp::from_millis(now.as_millis().saturating_sub(millis(LONG)));
        time.is_some_and(|time| time < EventTime::from(since))
    }

    /// The answer in one sentence.
    fn answer(&self, facts: &Facts, is_late: bool) -> String {
        let key = printable(self.key.as_text());
        let erased = self.ledger.as_ref().and_then(|ledger| ledger.erased_at.as_ref());
        let Some(version) = self.version else {
            return format!(
                "no item of `{key}` in the event table has a version: it is none that can be sent"
            );
        };
        let is_newest =
            if facts.version.is_none() || self.version == self.newest { ", the newest," } else { "" };
        let of = format!("version {version} of `{key}`{is_newest}");
        let stack = stack_option(&self.stack);
        if let Some(erased) = erased.filter(|_| self.event.is_none()) {
            return format!(
                "`{key}` was erased, as was seen at {erased}, after version {}: `fanoutctl erasures{stack}` says who was told",
                facts.item.as_ref().map_or(0, |item| item.version)
            );
        }
        match self.place {
            Place::Nowhere => {
                let newest = figure(self.newest);
                let nowhere = if facts.rows.is_ok() {
                    "is not there: neither the event table nor the ledger has it"
                } else {
                    "is not known to the ledger, and the event table can't be read"
                };
                format!("version {version} of `{key}` {nowhere}; the newest is version {newest}")
            }
            Place::Rejected => {
                let why = self.event.as_ref().and_then(|event| event.not_sendable.as_deref());
                let why = printable(why.unwrap_or_default());
                format!("{of} can't be sent to any client: {why}; the rest: `fanoutctl rejected list{stack}`")
            }
            Place::GivenUp if self.event.is_some() => {
                format!("{of} was given up as missing, and the event table has it now: no client was sent it")
            }
            Place::GivenUp => {
                format!(
                    "{of} was given up: neither the stream nor the event table had it, and no client was sent it"
                )
            }
            Place::OnItsWay => {
                let missing = facts.missing(version);
                let waits = match missing.first() {
                    Some(first) => {
                        format!(
                            ": the fan-out waits {} for version {first}, which the table does not have, and then gives it up",
                            time(YOUNG.as_secs())
                        )
                    }
                    None if is_late => format!(
                        ", though its time is long ago: `fanoutctl check{stack}` says whether the stream is read, and \
                         `fanoutctl status{stack}` whether the fan-out is late; `fanoutctl reconcile{stack}` sends what the \
                         stream did not show{}",
                        self.unless_rejected()
                    ),
                    None => String::new(),
                };
                format!("{of} is in the event table, and not fanned out yet{waits}")
            }
            Place::FannedOut => format!("{}{}", self.fanned_out(&of), self.unless_rejected()),
        }
    }

    /// The ledger does not say which versions a client was sent that it is past. A rejected one is none of them.
    fn unless_rejected(&self) -> String {
        match self.rejected_queue.map(Depth::total) {
            None | Some(0) => String::new(),
            Some(count) => format!(
                "; {} on the rejected queue: if one is about this version, no client has it (`fanoutctl rejected list{}`)",
                counted(count, "rejection"),
                stack_option(&self.stack)
            ),
        }
    }

    /// Who has the event, and who doesn't.
    fn fanned_out(&self, of: &str) -> String {
        let addressees: Vec<&ClientRow> =
            self.clients.iter().filter(|row| row.state.is_addressee()).collect();
        let having = addressees.iter().filter(|row| row.state == EventState::Sent).count();
        // Who wants the event is known by its item only.
        let is_known = addressees.iter().all(|row| row.state != EventState::Passed);
        let whom = match (having, addressees.len()) {
            (0, _) if !is_known => "fanned out".to_owned(),
            (having, all) if !is_known => format!("with {having} of {all} clients"),
            (_, 0) => "for none of the clients".to_owned(),
            (0, 1) => "not with the one client that wants it".to_owned(),
            (_, 1) => "with the one client that wants it".to_owned(),
            (having, all) if having == all => format!("with all {all} clients that want it"),
            (having, all) => format!("with {having} of the {all} clients that want it"),
        };
        let others: Vec<&ClientRow> =
            self.clients.iter().filter(|row| row.state != EventState::Sent).collect();
        let mut text = format!("{of} is {whom}");
        for row in others.iter().take(NAMED) {
            text += &format!("; {}", row.in_words());
        }
        if others.len() > NAMED {
            text += &format!("; and {} below", counted(others.len() - NAMED, "other"));
        }
        text
    }
}

impl Facts {
    /// Versions that are not believed are sent to nobody ([`reach`]).
    fn reject_implausible(&mut self) {
        let (Ok(rows), Some(item)) = (&mut self.rows, &self.item) else { return };
        let top = reach(item.version, rows.iter().filter_map(|row| row.version), &[]);
        for row in rows.iter_mut().filter(|row| row.version.is_some_and(|version| version > top)) {
            let why =
                "more than 1000 versions before it are missing, which is taken for a fault of its writer";
            row.not_sendable.get_or_insert_with(|| why.to_owned());
        }
    }

    /// The versions below `version` that the fan-out was to send first, and that the event table does not have.
    fn missing(&self, version: i64) -> Vec<i64> {
        let (Ok(rows), Some(item)) = (&self.rows, &self.item) else { return Vec::new() };
        let has = |version| rows.iter().any(|row| row.version == Some(version));
        (item.version.saturating_add(1)..version).filter(|version| !has(*version)).take(NAMED).collect()
    }
}

impl ClientRow {
    /// `Billing is behind since …: its queue fails: …`
    fn in_words(&self) -> String {
        let client = printable(&self.client);
        let reason =
            self.reason.as_deref().map(|reason| format!(": {}", printable(reason))).unwrap_or_default();
        let since = self.behind_since.as_deref().map(|since| format!(" since {since}")).unwrap_or_default();
        let behind = self.why.map(|why| format!("is behind{since}: {}{reason}", why.to_text()));
        match (self.state, &self.unwanted, behind) {
            (EventState::Behind, _, Some(behind)) => format!("{client} {behind}"),
            (EventState::Unwanted, Some(field), None) => {
                format!("{client} does not want it: {}", printable(field))
            }
            (EventState::Unwanted, Some(field), Some(behind)) => {
                format!("{client} does not want it: {}, and {behind}", printable(field))
            }
            (EventState::Passed, ..) => {
                format!("of {client} it is known only that it is past it")
            }
            (EventState::NotSent, ..) => format!("{client} was not sent it{reason}"),
            (EventState::Skipped, ..) => format!("for {client} it was left out{reason}"),
            (state, _, _) => format!("{client}: {}{reason}", state.to_text()),
        }
    }
}

fn place(facts: &Facts, version: Option<i64>, event: Option<&EventRow>) -> Place {
    let Some(version) = version else { return Place::Rejected };
    if event.is_some_and(|event| event.not_sendable.is_some()) {
        return Place::Rejected;
    }
    match &facts.item {
        Some(item) if item.holes.contains(&version) => Place::GivenUp,
        Some(item) if version <= item.version => Place::FannedOut,
        _ if event.is_some() => Place::OnItsWay,
        _ => Place::Nowhere,
    }
}

/// The items around `version`, and those of `rows` that have no version that can be read.
fn around(rows: &[EventRow], version: Option<i64>) -> Vec<EventRow> {
    let version = version.unwrap_or_default();
    let is_near = |row: &&EventRow| row.version.is_none_or(|of| (of - version).abs() <= AROUND);
    rows.iter().filter(is_near).take(10).cloned().collect()
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
