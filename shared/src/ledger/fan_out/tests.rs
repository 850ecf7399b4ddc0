//! In the notation of these tests, `6` is version 6, its event's sort key `a006`, its time six seconds after an
//! instant. `6'` is another event of that version (of another incarnation, say), which sorts behind all without `'`;
//! `6@9` has its time nine seconds after the instant; `6!` was received before, `6~` was sent just now, `6r` is sent
//! again by an operator, `6s8` was recorded by the stream eight seconds after the instant, `6@0` has no time; `6p` was
//! put by reconcile, `6b` was written before the ledger was made, `6x` cannot be converted, `6n` is another event under
//! the sort key of `6`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::config::{Client, ClientName, ClientQueue, ClientView, Config};
use crate::event::{Event, Reader};
use crate::file_clients::FileClients;
use crate::filter::FilterDigest;
use crate::ids::{DeduplicationId, Group, Key};
use crate::ledger::adopt::unseen;
use crate::ledger::{
    Condition, Cursor, EventTime, ItemKey, LastVersion, Page, Registration, Repetition, Row, WriteCount,
};
use crate::message::{Attribute, Body, Message, PREVIOUS_VERSION};
use crate::pattern::Pattern;
use crate::time::Timestamp;

const START: u64 = 1_800_000_000;
const NOW: Timestamp = Timestamp::from_millis((START + 1_000) * 1_000);

/// What is known of a group: the item (`-`: there is none; `?`: not read), the messages and the table.
struct Case {
    item: &'static str,
    arrivals: &'static str,
    table: &'static str,
    registry: Registry,
    unrecorded: UnrecordedSends,
    cursors: BTreeMap<ClientId, Cursor>,
    has_written: bool,
    unreachable: &'static str,
    /// Clients that want odd or even versions or nothing, `A:odd B:even C:none`; the registry has another filter of `D:other`.
    filters: &'static str,
    first_version: i64,
    /// The numbers of the messages that say that an item was deleted.
    hints: &'static [usize],
}

fn case(item: &'static str, arrivals: &'static str, table: &'static str) -> Case {
    Case {
        item,
        arrivals,
        table,
        registry: registry("A B C"),
        unrecorded: UnrecordedSends::default(),
        cursors: BTreeMap::new(),
        has_written: false,
        unreachable: "",
        filters: "",
        first_version: 1,
        hints: &[],
    }
}

/// The first three seconds are old. Clients 1, 2, 3, …, live since revision 1 unless the text says otherwise: `A
/// B:paused C:retired D:history E:since2 F:history1 G:erasures`. The revision is 2.
fn registry(clients: &str) -> Registry {
    let clients = (1..).zip(clients.split_whitespace()).map(|(id, client)| {
        let (name, change) = client.split_once(':').unwrap_or((client, ""));
        let state = match change {
            "paused" => State::Paused,
            "retired" => State::Retired,
            _ => State::Live,
        };
        let registration = Registration {
            id: ClientId(id),
            state,
            pause: None,
            history: change.starts_with("history"),
            filter: FilterDigest::of(None),
            erasures: change == "erasures",
            since: if change == "history" || change == "since2" { 2 } else { 1 },
            absent_at: None,
            retired_at: None,
            unknown: [].into(),
        };
        (ClientName::try_new(name).unwrap(), registration)
    });
    Registry {
        write_count: WriteCount(1),
        revision: 2,
        start: Timestamp::from_millis((START + 3) * 1_000),
        clients: clients.collect(),
        unknown: [].into(),
    }
}

fn key() -> Key {
    Key::S("AFC F5".to_owned())
}

fn sort_key(version: i64, is_other: bool) -> Key {
    Key::S(format!("{}{version:03}", if is_other { 'b' } else { 'a' }))
}

fn identity(text: &str) -> EventIdentity {
    let (version, is_other, _, flags) = event(text);
    let (other, anew) = (if is_other { "'" } else { "" }, if flags.contains('n') { "n" } else { "" });
    let id = (!flags.contains('x')).then(|| format!("{version}{other}{anew}"));
    EventIdentity { sort: sort_key(version, is_other), id }
}

fn time(seconds: u64) -> EventTime {
    Timestamp::from_millis((START + seconds) * 1_000).into()
}

/// So many seconds after the instant.
fn streamed_at(seconds: &str) -> Timestamp {
    Timestamp::from_millis((START + seconds.parse::<u64>().unwrap()) * 1_000)
}

/// The parts of `6'@9!`: version, whether it is another event, time, and the flags.
fn event(text: &str) -> (i64, bool, u64, &str) {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (version, rest) = text.split_at(digits(text));
    let version = version.parse().unwrap();
    let (is_other, rest) = rest.strip_prefix('\'').map_or((false, rest), |rest| (true, rest));
    let own = || u64::try_from(version).unwrap();
    let Some(rest) = rest.strip_prefix('@') else { return (version, is_other, own(), rest) };
    let (seconds, rest) = rest.split_at(digits(rest));
    (version, is_other, seconds.parse().unwrap(), rest)
}

fn arrival(text: &str) -> Arrival {
    let (version, _, seconds, flags) = event(text);
    let ago = Duration::from_secs(if flags.contains('~') { 59 } else { 60 });
    let sent = Timestamp::from_millis(NOW.as_millis() - u64::try_from(ago.as_millis()).unwrap());
    let written = if flags.contains('b') { Timestamp::from_millis(START * 1_000) } else { sent };
    let id = DeduplicationId::of_stream_record(text);
    let attributes = [Attribute::number("version", version.to_string())];
    Arrival {
        number: 0,
        message: Message::new(Group::of(&key()), id, Body::Text("{}"), &attributes[..], None),
        streamed_at: flags.split_once('s').map(|(_, seconds)| streamed_at(seconds)),
        version,
        identity: identity(text),
        time: (seconds > 0).then(|| time(seconds)),
        sent,
        written: (!flags.contains(['p', 'r'])).then_some(written),
        is_again: flags.contains('!'),
        replay: flags.contains('r').then(|| ReplayId::try_new("r-1").unwrap()),
    }
}

/// The rows of the table, newest first.
fn rows(text: &str) -> Vec<Row> {
    let config = Config::try_from_toml(
        "client-queues.toml",
        "[source]\npartition_key = 'mark'\nsort_key = 'at'\nid = 'id'\ntime = 'time'\nversion = 'version'\n\
         first_version = 0\n[[client]]\nname = 'A'\n",
        None,
    );
    let reader = Reader::new(&config.unwrap().source);
    let row = |text: &str| {
        let (version, _, seconds, _) = event(text);
        let identity = identity(text);
        let Key::S(sort) = identity.sort.clone() else { panic!() };
        let id = identity.id.as_ref().map(|id| format!(r#","id":{{"S":"{id}"}}"#)).unwrap_or_default();
        let item = format!(
            r#"{{"mark":{{"S":"AFC F5"}},"at":{{"S":"{sort}"}},"time":{{"N":"{}"}},"version":{{"N":"{version}"}}{id}}}"#,
            START + seconds
        );
        let event = reader.read(&item).map_err(|error| error.to_string());
        let time = (seconds > 0).then(|| time(seconds));
        (sort, Row { head: RowHead { identity, version: Some(version), time }, event })
    };
    let rows: BTreeMap<String, Row> = text.split_whitespace().map(row).collect();
    rows.into_values().rev().collect()
}

/// `v5 incarnation2 first1' t5 s5 revision2 behind:2,3 holes:3,4 last:4 sent:1=3,2=0 closed`, of which everything but `v` may be
/// left out. Everything up to the version was sent, unless the text says otherwise; `0` stands for nothing, and `replayed`
/// for something that is to be sent again.
fn item(text: &str) -> GroupItem {
    let mut item = unseen(&key(), First { identity: identity("1"), version: 1 });
    (item.write_count, item.revision) = (WriteCount(40), 2);
    let numbers = |list: &str| list.split(',').map(|number| number.parse().unwrap()).collect::<Vec<i64>>();
    let sent = |text: &str| match text {
        "0" => None,
        "replayed" => Some(0),
        version => Some(version.parse().unwrap()),
    };
    let (mut last, mut own) = (None, Vec::new());
    for word in text.split_whitespace() {
        if let Some(list) = word.strip_prefix("behind:") {
            item.behind = numbers(list).into_iter().map(|id| ClientId(u32::try_from(id).unwrap())).collect();
        } else if let Some(text) = word.strip_prefix("last:") {
            last = Some(sent(text));
        } else if let Some(list) = word.strip_prefix("sent:") {
            let clients = list.split(',').map(|client| client.split_once('=').unwrap());
            own = clients.map(|(client, text)| (ClientId(client.parse().unwrap()), sent(text))).collect();
        } else if let Some(list) = word.strip_prefix("holes:") {
            item.holes = numbers(list);
        } else if let Some(list) = word.strip_prefix("pairs:") {
            item.pairs = numbers(list);
        } else if let Some(first) = word.strip_prefix("first") {
            item.first = First { identity: identity(first), version: event(first).0 };
        } else if let Some(incarnation_number) = word.strip_prefix("incarnation") {
            item.incarnation_number = incarnation_number.parse().unwrap();
        } else if let Some(revision) = word.strip_prefix("revision") {
            item.revision = revision.parse().unwrap();
        } else if word == "closed" {
            item.closed = Some(NOW);
        } else if let Some(seconds) = word.strip_prefix('s') {
            item.streamed_at = Some(streamed_at(seconds));
        } else if let Some(seconds) = word.strip_prefix('t') {
            item.time = Some(time(seconds.parse().unwrap()));
        } else {
            item.version = word.strip_prefix('v').unwrap().parse().unwrap();
            item.time = u64::try_from(item.version).ok().filter(|version| *version > 0).map(time);
        }
    }
    item.sent = LastSent::new(last.unwrap_or((item.version > 0).then_some(item.version)), own);
    item
}

fn cursor(position: i64, until: i64) -> Cursor {
    let id = ReplayId::try_new("r-1").unwrap();
    let replay = (until > 0).then_some(Repetition { id, until, settles_at: None });
    Cursor {
        write_count: WriteCount(7),
        epoch: 7,
        incarnation_number: 1,
        position,
        last: (position > 0).then_some(position),
        replay,
        at: NOW,
        hold: None,
        unknown: [].into(),
    }
}

/// The clients of the file, with the filters of the case.
fn file(case: &Case) -> FileClients {
    let client = |name: &ClientName| {
        let wanted: Option<Vec<i64>> = filter_of(case, name).map(|filter| match filter {
            "odd" => (1..100).step_by(2).collect(),
            "even" | "other" => (0..100).step_by(2).collect(),
            _ => vec![-1],
        });
        let pattern = |wanted: Vec<i64>| format!(r#"{{"$message": {{"version": {wanted:?}}}}}"#);
        let pattern = wanted.map(|wanted| Pattern::try_from_json("filter", &pattern(wanted)).unwrap());
        let (queue, view) = (ClientQueue::Own, ClientView::default());
        Client {
            name: name.clone(),
            queue,
            history: false,
            erasures: false,
            filter: pattern,
            view,
            request_role: None,
            push: None,
        }
    };
    FileClients::new(&case.registry.clients.keys().map(client).collect::<Vec<_>>())
}

fn filter_of(case: &Case, name: &ClientName) -> Option<&'static str> {
    let mut filters = case.filters.split_whitespace().map(|client| client.split_once(':').unwrap());
    filters.find(|(filtered, _)| *filtered == name.as_str()).map(|(_, filter)| filter)
}

/// The registry of the case, with the filters of the file, but for those that are others.
fn registry_of(case: &Case, file: &FileClients) -> Registry {
    let mut registry = case.registry.clone();
    for (name, client) in &mut registry.clients {
        if filter_of(case, name) != Some("other") {
            client.filter = file.get(name).unwrap().filter().clone();
        }
    }
    registry
}

/// Decides until the decision is no look-up. Returns the look-ups, and the last decision.
fn steps(case: &Case) -> (Vec<String>, Decision) {
    let group = Group::of(&key());
    let arrivals: Vec<Arrival> = case
        .arrivals
        .split_whitespace()
        .enumerate()
        .map(|(number, text)| Arrival { number, ..arrival(text) })
        .collect();
    let item = (!["?", "-"].contains(&case.item)).then(|| item(case.item));
    let file = file(case);
    let registry = registry_of(case, &file);
    let rows = || rows(case.table);
    let mut answers = Answers::default();
    let (mut fresh, mut asked) = (100, Vec::new());
    loop {
        let known = GroupKnowledge {
            hints: case.hints,
            group: &group,
            key: &key(),
            first_version: case.first_version,
            arrivals: &arrivals,
            registry: match case.item {
                "?" => Reading::Unread,
                _ if registry.clients.is_empty() => Reading::Missing,
                _ => Reading::Present(&registry),
            },
            item: match &item {
                Some(item) => Reading::Present(item),
                None if case.item == "?" => Reading::Unread,
                None => Reading::Missing,
            },
            answers: &answers,
            unrecorded: &case.unrecorded,
            has_written: case.has_written,
            file: &file,
            is_reachable: &|name| !case.unreachable.contains(name.as_str()),
            now: NOW,
        };
        let step = decide(&known, &mut || {
            fresh += 1;
            fresh
        });
        match step {
            Decision::LookUp(LookUp::Events(wanted)) => {
                let open = if wanted.is_open { "…" } else { "" };
                asked.push(format!("events {}-{}{open}", wanted.after + 1, wanted.to));
                let mut found = Rows::new(wanted, usize::MAX);
                assert!(!found.add(Page { rows: rows(), next: None }));
                answers.rows = Some(found);
            }
            Decision::LookUp(LookUp::First(first)) => {
                asked.push("first".to_owned());
                answers.first = Some(rows().iter().any(|row| row.head.identity == first));
            }
            Decision::LookUp(LookUp::Newer(events)) => {
                asked.push("newer".to_owned());
                let is_there = |event: &EventIdentity| rows().iter().any(|row| row.head.identity == *event);
                answers.newer = Some(events.into_iter().filter(is_there).collect());
            }
            Decision::LookUp(LookUp::Whole) => {
                asked.push("whole".to_owned());
                answers.whole = Some(rows().into_iter().map(|row| row.head).collect());
            }
            Decision::LookUp(LookUp::Emptiness) => {
                asked.push("empty".to_owned());
                answers.is_empty = Some(rows().is_empty());
            }
            Decision::LookUp(LookUp::Cursors(clients)) => {
                asked.push(format!("cursors {}", list(clients.iter().map(|client| client.0))));
                answers.cursors.extend(clients.into_iter().map(|id| (id, case.cursors.get(&id).cloned())));
            }
            step => return (asked, step),
        }
    }
}

fn check(case: &Case, expected: &Expect) {
    let (asked, step) = steps(case);
    let asked: String = asked.iter().map(|asked| format!("{asked}? ")).collect();
    expected.assert_eq(&format!("{asked}{}", shown(&step)));
}

fn shown(step: &Decision) -> String {
    match step {
        Decision::Return(why) => format!("return: {why}"),
        Decision::ReturnSoon(holes) => format!("return soon: {holes}"),
        Decision::Acknowledge(dropped) => format!("acknowledge{}", not_sent(dropped)),
        Decision::ReadAgain => "read again".to_owned(),
        Decision::LookUp(_) => panic!(),
        Decision::Write(PriorWrite { transactions, settled, dropped, pairs, why }) => {
            let settled = if settled.is_empty() { String::new() } else { format!("; settles {settled:?}") };
            let pairs = if pairs.is_empty() { String::new() } else { format!("; pairs {pairs:?}") };
            format!("{why}: {}{settled}{}{pairs}", written(transactions), not_sent(dropped))
        }
        Decision::Reject(implausible) => {
            format!(
                "reject {}",
                list(implausible.iter().map(|event| format!("#{} after {}", event.number, event.after)))
            )
        }
        Decision::Send(plan) => planned(plan),
    }
}

fn planned(plan: &RunPlan) -> String {
    let RunPlan { run, clients, merges, .. } = plan;
    let event = |event: &RunEvent| match event.arrival {
        Some(number) => format!("{}=#{number}", event.version),
        None => format!("{}=table", event.version),
    };
    let kinds = run.events.chunk_by(|one, next| one.arrival == next.arrival);
    let kinds = kinds.map(|kind| match kind {
        [first, .., last] => format!("{}-{}", first.version, event(last)),
        kind => list(kind.iter().map(event)),
    });
    // A predecessor that is not simply the version before is shown.
    let start = |client: &ClientRun| {
        let previous = client.events.iter().map(|event| event.message.attribute(PREVIOUS_VERSION).unwrap());
        let before = client.events.iter().map(|event| event.version - 1).zip(previous);
        let chain = before.filter(|(before, previous)| before.to_string() != *previous);
        let chain = chain.map(|(before, previous)| format!(" {}<{previous}", before + 1));
        let ClientPosition { name, has, .. } = &client.position;
        format!("{name} from {}{}", has + 1, chain.collect::<String>())
    };
    let (tried, skipped): (Vec<&ClientRun>, Vec<&ClientRun>) =
        clients.iter().partition(|run| !run.events.is_empty() || run.end >= plan.run.end);
    let mut text = format!("send {} to {}", list(kinds), list(tried.into_iter().map(start)));
    let mut add = |what: &str, list: String| {
        if !list.is_empty() {
            text.push_str(&format!("; {what}{list}"));
        }
    };
    add("not to ", list(skipped.into_iter().map(start)));
    add("holes ", run.holes.to_string());
    add("rejected ", list(run.rejected.iter().map(|event| event.version)));
    add("", list(merges.iter().map(|merge| write(&merge.clone().write(&plan.group)))));
    add("up to ", run.end.to_string());
    let unsettled = if run.is_last { String::new() } else { format!("settles only {:?}", run.settled) };
    add("", unsettled);
    add("pairs ", list(run.pairs.iter()));
    text + &not_sent(&run.dropped)
}

fn not_sent(dropped: &DroppedVersions) -> String {
    let mut text = String::new();
    for (what, versions) in [("erased", &dropped.erased), ("unsent", &dropped.unsent)] {
        if !versions.is_empty() {
            text.push_str(&format!("; {what} {}", list(versions.iter())));
        }
    }
    text
}

fn written(transactions: &[Vec<Write>]) -> String {
    let all = |writes: &Vec<Write>| list(writes.iter().map(write));
    transactions.iter().map(all).collect::<Vec<_>>().join(" | ")
}

fn write(write: &Write) -> String {
    let condition = match write.condition {
        Condition::Absent => "new".to_owned(),
        Condition::WriteCount(WriteCount(write_count)) => format!("if {write_count}"),
        Condition::Any => "in any case".to_owned(),
    };
    match (&write.key, &write.item) {
        (ItemKey::Group(_), Some(Item::Group(item))) => {
            let GroupItem {
                write_count,
                version,
                behind,
                revision,
                incarnation_number,
                first,
                time,
                streamed_at,
                holes,
                sent,
                closed,
                ..
            } = &**item;
            let closed = closed.map_or("", |_| " closed");
            let shown = |last: LastVersion| last.unwrap_or(0);
            let mut chain = String::new();
            if shown(sent.last()) != *version {
                chain.push_str(&format!(" last {}", shown(sent.last())));
            }
            for (client, own) in sent.exceptions() {
                chain.push_str(&format!(" {}={}", client.0, shown(own)));
            }
            let Key::S(sort) = &first.identity.sort else { panic!() };
            let seconds = time.map(|time| time.as_nanos() / 1_000_000_000 - i128::from(START));
            let seconds = seconds.map_or("-".to_owned(), |seconds| seconds.to_string());
            let streamed = streamed_at
                .map_or(String::new(), |instant| format!(" s{}", instant.as_millis() / 1_000 - START));
            let holes = if holes.is_empty() { String::new() } else { format!(" holes {holes:?}") };
            let behind = list(behind.iter().map(|client| client.0));
            format!(
                "{{{condition}: write_count{} v{version} incarnation{incarnation_number} first {sort} t{seconds}{streamed} revision{revision} behind [{behind}]{holes}{chain}{closed}}}",
                write_count.0
            )
        }
        (ItemKey::Due(client, place), Some(Item::Receipt(receipt))) => {
            assert_eq!((receipt.settled, receipt.closed_at), (None, NOW));
            format!("due {}: {condition}: incarnation{}", client.0, place.incarnation_number)
        }
        (ItemKey::Cursor(client, _), Some(Item::Cursor(cursor))) => {
            let Cursor { incarnation_number, position, replay, last, .. } = cursor;
            let replay_until = replay.as_ref().map_or(String::new(), |Repetition { id, until, .. }| {
                format!(" replay_until {until} in {id}")
            });
            let last = last.unwrap_or(0);
            let last = if last == *position { String::new() } else { format!(" last {last}") };
            format!(
                "cursor {}: {condition}: incarnation{incarnation_number} position {position}{last}{replay_until}",
                client.0
            )
        }
        (ItemKey::Cursor(client, _), None) => format!("cursor {}: {condition}: gone", client.0),
        other => panic!("{other:?}"),
    }
}

fn list(items: impl Iterator<Item = impl std::fmt::Display>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

#[test]
fn step_1_not_read_is_not_missing() {
    check(&case("?", "1", ""), &expect!["return: the ledger could not be read"]);
    check(
        &Case { registry: registry(""), ..case("v5", "6", "") },
        &expect!["return: the ledger has no registry yet; catch-up makes it"],
    );
}

#[test]
fn step_2_first_sight() {
    check(
        &case("-", "1@9 2@9", ""),
        &expect!["first sight: {new: write_count1 v0 incarnation1 first a001 t- revision2 behind []}"],
    );
    // Above version 1: events older than `start` were sent before there was a ledger.
    check(
        &case("-", "3 4", "1 2 3 4"),
        &expect![
            "whole? first sight: {new: write_count1 v2 incarnation1 first a001 t2 revision2 behind [] last 0}"
        ],
    );
    check(
        &case("-", "4", "1 2 3 4"),
        &expect![
            "whole? first sight: {new: write_count1 v2 incarnation1 first a001 t2 revision2 behind [] last 0}"
        ],
    );
    check(
        &case("-", "3", "1@9 2 3"),
        &expect!["whole? first sight: {new: write_count1 v0 incarnation1 first a001 t- revision2 behind []}"],
    );
    // An aggregate whose oldest events were removed.
    check(
        &case("-", "4", "2 3 4"),
        &expect![
            "whole? first sight: {new: write_count1 v2 incarnation1 first a002 t2 revision2 behind [] last 0}"
        ],
    );
    check(&case("-", "2", ""), &expect!["whole? acknowledge; erased 2"]);
    check(
        &case("-", "4 3'", "1 2 3 4"),
        &expect![
            "whole? first sight: {new: write_count1 v2 incarnation1 first a001 t2 revision2 behind [] last 0}; settles [1]; erased 3"
        ],
    );
    check(&case("-", "2~", "2"), &expect!["whole? return soon: 1"]);
    check(
        &case("-", "4 2~", "1 2 4"),
        &expect!["whole? first sight: {new: write_count1 v0 incarnation1 first a001 t- revision2 behind []}"],
    );
    check(&case("-", "4~ 2", "1 2 4"), &expect!["whole? return soon: 3"]);
    check(
        &Case { registry: registry("A B:history"), ..case("-", "3", "1 2 3") },
        &expect![
            "whole? first sight: {new: write_count1 v2 incarnation1 first a001 t2 revision2 behind [2] last 0}, cursor 2: new: incarnation1 position 0"
        ],
    );
    check(
        &Case { registry: registry("A B:history"), ..case("-", "1@9", "") },
        &expect!["first sight: {new: write_count1 v0 incarnation1 first a001 t- revision2 behind []}"],
    );
}

#[test]
fn step_2_what_the_stream_shows_is_not_old_whatever_its_time() {
    check(
        &case("-", "1 2", ""),
        &expect!["first sight: {new: write_count1 v0 incarnation1 first a001 t- revision2 behind []}"],
    );
    check(
        &case("-", "2", "1 2"),
        &expect!["whole? first sight: {new: write_count1 v0 incarnation1 first a001 t- revision2 behind []}"],
    );
    check(
        &case("-", "2b", "1 2"),
        &expect![
            "whole? first sight: {new: write_count1 v1 incarnation1 first a001 t- revision2 behind [] last 0}"
        ],
    );
    check(
        &case("-", "2b 1b", ""),
        &expect!["first sight: {new: write_count1 v0 incarnation1 first a001 t- revision2 behind []}"],
    );
    check(
        &case("-", "1p", "1 2 3"),
        &expect![
            "whole? first sight: {new: write_count1 v2 incarnation1 first a001 t2 revision2 behind [] last 0}"
        ],
    );
    check(
        &case("-", "2p", "1 2"),
        &expect![
            "whole? first sight: {new: write_count1 v2 incarnation1 first a001 t2 revision2 behind [] last 0}"
        ],
    );
    // Version 3 was not waited for: the event above it is not covered, although it is old by its own time.
    check(
        &case("-", "2p", "1@0 2@1 4@2"),
        &expect![
            "whole? first sight: {new: write_count1 v2 incarnation1 first a001 t1 revision2 behind [] last 0}"
        ],
    );
    check(
        &case("-", "2p", "1@0 2@1 3@1 4@2"),
        &expect![
            "whole? first sight: {new: write_count1 v4 incarnation1 first a001 t2 revision2 behind [] last 0}"
        ],
    );
    check(&case("-", "4@2p~", "1@0 2@1 4@2"), &expect!["whole? return soon: 3"]);
    check(
        &case("-", "2r", "1@0 2@1 4@2"),
        &expect![
            "whole? first sight: {new: write_count1 v4 incarnation1 first a001 t2 revision2 behind [] last 0}"
        ],
    );
    check(
        &case("-", "1r", "1 2"),
        &expect![
            "whole? first sight: {new: write_count1 v2 incarnation1 first a001 t2 revision2 behind [] last 0}"
        ],
    );
    check(
        &case("-", "1@9p", ""),
        &expect!["first sight: {new: write_count1 v0 incarnation1 first a001 t- revision2 behind []}"],
    );
}

#[test]
fn step_3_membership_is_settled_before_anything_is_sent() {
    let clients = "A B:retired C:history D:since2 E:history1";
    let changed = |item| Case { registry: registry(clients), ..case(item, "6", "") };
    check(
        &changed("v5 revision1"),
        &expect![
            "membership changed: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind [3] 4=0}, cursor 3: new: incarnation1 position 0"
        ],
    );
    check(
        &changed("v0 revision1"),
        &expect![
            "membership changed: {if 40: write_count41 v0 incarnation1 first a001 t- revision2 behind []}"
        ],
    );
    check(
        &changed("v5 revision1 behind:3"),
        &expect![
            "membership changed: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind [3] 4=0}"
        ],
    );
    let retired =
        Case { cursors: [(ClientId(2), cursor(3, 0))].into(), ..changed("v5 revision1 behind:1,2") };
    check(
        &retired,
        &expect![
            "cursors 2? membership changed: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind [1, 3] 4=0}, cursor 2: if 7: gone, cursor 3: new: incarnation1 position 0"
        ],
    );
    check(
        &changed("v5 revision1 behind:2"),
        &expect![
            "cursors 2? membership changed: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind [3] 4=0}, cursor 3: new: incarnation1 position 0"
        ],
    );
    check(&changed("v5 revision3"), &expect!["read again"]);
}

#[test]
fn step_4_what_was_received_before_is_not_sent_before_a_write() {
    check(
        &case("v5", "6!", ""),
        &expect!["received again: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind []}"],
    );
    check(
        &Case { has_written: true, ..case("v5", "6!", "1 6") },
        &expect!["events 6-6? first? send 6=#0 to A from 6, B from 6, C from 6; up to 6"],
    );
    check(
        &case("v5", "5!", ""),
        &expect!["received again: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind []}"],
    );
}

#[test]
fn step_5_the_plain_case_asks_for_nothing() {
    check(&case("v5", "6", ""), &expect!["send 6=#0 to A from 6, B from 6, C from 6; up to 6"]);
    check(
        &case("v5", "7 6 8", ""),
        &expect!["send 6=#1, 7=#0, 8=#2 to A from 6, B from 6, C from 6; up to 8"],
    );
    check(&case("v5", "6 6 7", ""), &expect!["send 6=#0, 7=#2 to A from 6, B from 6, C from 6; up to 7"]);
    check(&case("v0", "1 2", ""), &expect!["send 1=#0, 2=#1 to A from 1, B from 1, C from 1; up to 2"]);
    check(&case("v5", "6@5 7@7", ""), &expect!["send 6=#0, 7=#1 to A from 6, B from 6, C from 6; up to 7"]);
}

#[test]
fn step_6_what_is_not_plain_is_looked_up() {
    // A gap, a duplicate with a gap, another first event, times that go back, no time.
    check(
        &case("v5", "7", "1 6 7"),
        &expect!["events 6-7? first? send 6=table, 7=#0 to A from 6, B from 6, C from 6; up to 7"],
    );
    check(
        &case("v5", "5 8", "1 6 7 8"),
        &expect!["events 6-8? first? send 6-7=table, 8=#1 to A from 6, B from 6, C from 6; up to 8"],
    );
    check(&case("v0", "1'", "1"), &expect!["events 1-1? first? acknowledge; erased 1"]);
    check(
        &case("v5", "6@4", "1 6@4"),
        &expect!["events 6-6? first? send 6=#0 to A from 6, B from 6, C from 6; up to 6"],
    );
    check(
        &case("v5", "6@8 7", "1 6@8 7"),
        &expect!["events 6-7? first? send 6=#0, 7=#1 to A from 6, B from 6, C from 6; up to 7"],
    );
    // A message that the stream did not bring.
    check(
        &case("v5", "6p", "1 6"),
        &expect!["events 6-6? first? send 6=#0 to A from 6, B from 6, C from 6; up to 6"],
    );
    check(
        &case("v5", "6'@9p", "1'@9 6'@9"),
        &expect![
            "events 6-6? first? whole? a new incarnation: {if 40: write_count41 v0 incarnation2 first b001 t- revision2 behind []}"
        ],
    );
    // Messages whose event is not in the table are dropped; but in the plain case the table is not read.
    check(&case("v5", "6'", "1"), &expect!["send 6=#0 to A from 6, B from 6, C from 6; up to 6"]);
    check(&case("v5", "6' 7", "1 6 7"), &expect!["send 6=#0, 7=#1 to A from 6, B from 6, C from 6; up to 7"]);
    check(
        &case("v5", "6 7 9'", "1 6 7"),
        &expect!["events 6-9? first? send 6=#0, 7=#1 to A from 6, B from 6, C from 6; up to 7; erased 9"],
    );
    // Everything is covered.
    check(&case("v5", "4 5", "1"), &expect!["first? acknowledge"]);
    check(&case("v5 incarnation2", "5", "1 5"), &expect!["events 6-5…? first? acknowledge"]);
    // A later incarnation is sent as far as the table goes.
    check(
        &case("v5 incarnation2", "6", "1 6 7 8 10"),
        &expect!["events 6-6…? first? send 6=#0, 7-8=table to A from 6, B from 6, C from 6; up to 8"],
    );
    check(
        &case("v5 incarnation2", "5", "1 5 6"),
        &expect!["events 6-5…? first? send 6=table to A from 6, B from 6, C from 6; up to 6"],
    );
}

#[test]
fn step_6_where_a_version_has_several_items_the_message_says_which_is_meant() {
    check(
        &case("v5", "8", "1 6 7 8 8'"),
        &expect!["events 6-8? first? send 6-7=table, 8=#0 to A from 6, B from 6, C from 6; up to 8; pairs 8"],
    );
    check(
        &case("v5", "8'", "1 6 7 8 8'"),
        &expect!["events 6-8? first? send 6-7=table, 8=#0 to A from 6, B from 6, C from 6; up to 8; pairs 8"],
    );
    // Two events of one version: one of them is sent. That is counted once.
    check(
        &case("v5", "6 6' 7", "1 6 6' 7"),
        &expect![
            "events 6-7? first? send 6=#1, 7=#2 to A from 6, B from 6, C from 6; up to 7; pairs 6; unsent 6"
        ],
    );
}

#[test]
fn an_event_is_none_of_another_incarnation_that_had_its_sort_key() {
    // The aggregate was erased, and begins anew under the same sort keys.
    check(
        &case("v5", "1n@9", "1n@9"),
        &expect![
            "first? whole? a new incarnation: {if 40: write_count41 v0 incarnation2 first a001 t- revision2 behind []}"
        ],
    );
    check(
        &case("v5", "2n@9 1n@9", "1n@9 2n@9"),
        &expect![
            "first? whole? a new incarnation: {if 40: write_count41 v0 incarnation2 first a001 t- revision2 behind []}"
        ],
    );
    // A record of the old incarnation comes late: it is neither sent as the new one's event nor counts as that.
    check(
        &case("v2 incarnation2 first1n", "3", "1n@9 2n@9"),
        &expect!["events 3-3…? first? acknowledge; erased 3"],
    );
    check(
        &case("v2 incarnation2 first1n", "3 3n", "1n@9 2n@9 3n@9"),
        &expect!["events 3-3…? first? send 3=#1 to A from 3, B from 3, C from 3; up to 3; erased 3"],
    );
    check(
        &case("v2 first1n", "3", "1n@9 2n@9 3n@9"),
        &expect!["send 3=#0 to A from 3, B from 3, C from 3; up to 3"],
    );
    // Nor is it what a look-up finds.
    check(&case("v5", "6", "1 6n"), &expect!["send 6=#0 to A from 6, B from 6, C from 6; up to 6"]);
    check(&case("v5", "6 7", "1 6n 7"), &expect!["send 6=#0, 7=#1 to A from 6, B from 6, C from 6; up to 7"]);
    check(
        &case("-", "2 3n", "1 2n 3n"),
        &expect![
            "whole? first sight: {new: write_count1 v2 incarnation1 first a001 t2 revision2 behind [] last 0}; settles [0]; erased 2"
        ],
    );
    // The lowest event comes again from the stream, and is another.
    check(
        &case("v0", "1n", "1n"),
        &expect![
            "events 1-1? first? whole? a new incarnation: {if 40: write_count41 v0 incarnation2 first a001 t- revision2 behind []}"
        ],
    );
    check(
        &case("v0", "1 1n", "1"),
        &expect!["events 1-1? first? send 1=#0 to A from 1, B from 1, C from 1; up to 1; erased 1"],
    );
}

#[test]
fn a_version_far_above_all_others_is_not_believed() {
    // Nothing is read for it, and the others go on.
    check(&case("v5", "1767600000000@9", "1 1767600000000@9"), &expect!["first? reject #0 after 5"]);
    check(&case("v5", "999999999999999999@9 6", "1 6"), &expect!["events 6-6? first? reject #0 after 5"]);
    check(
        &case("v5", "1767600000000@9r", "1 1767600000000@9"),
        &expect![
            "events 6-1767600000000? first? send 1767600000000=#0 to A from 6 1767600000000<5, B from 6 1767600000000<5, C from 6 1767600000000<5; holes 6-1767599999999; up to 1767600000000"
        ],
    );
    check(
        &case("v1767600000000 t9", "1767600000001@9", "1"),
        &expect![
            "send 1767600000001=#0 to A from 1767600000001, B from 1767600000001, C from 1767600000001; up to 1767600000001"
        ],
    );
    // What may be missing is looked for first, in the table.
    check(
        &case("v5", "1007@9 6", "1 6 1007@9"),
        &expect![
            "events 6-1007? first? send 6=#1, 1007=#0 to A from 6 1007<6, B from 6 1007<6, C from 6 1007<6; holes 7-1006; up to 1007"
        ],
    );
    check(
        &case("v5", "1008@9 6", "1 6 1008@9"),
        &expect![
            "events 6-1008? first? send 6=#1 to A from 6, B from 6, C from 6; up to 6; settles only [1]"
        ],
    );
    check(&case("v5", "1008@9", "1 6 1008@9"), &expect!["events 6-1008? first? reject #0 after 5"]);
    check(&case("v6", "1008@9", "1 1008@9"), &expect!["events 7-1008? first? reject #0 after 6"]);
    check(
        &case("v6", "1008@9r", "1 1008@9"),
        &expect![
            "events 7-1008? first? send 1008=#0 to A from 7 1008<6, B from 7 1008<6, C from 7 1008<6; holes 7-1007; up to 1008"
        ],
    );
    check(
        &case("v6", "2008@9", "1 1007@9 2008@9"),
        &expect![
            "events 7-2008? first? send 1007=table, 2008=#0 to A from 7 1007<6 2008<1007, B from 7 1007<6 2008<1007, C from 7 1007<6 2008<1007; holes 7-1006 1008-2007; up to 2008"
        ],
    );
    // It is not waited for what is missing before it.
    check(&case("v6", "1008@9~", "1 1008@9"), &expect!["events 7-1008? first? reject #0 after 6"]);
    // At first sight; and of an aggregate whose oldest events were removed.
    check(
        &case("-", "2 1767600000000@9", "1 2 1767600000000@9"),
        &expect!["whole? first sight: {new: write_count1 v0 incarnation1 first a001 t- revision2 behind []}"],
    );
    check(&case("-", "1767600000000@9", "1 2 1767600000000@9"), &expect!["whole? reject #0 after 2"]);
    check(&case("-", "1767600000000@9", "1767600000000@9"), &expect!["whole? reject #0 after 0"]);
    check(
        &case("-", "1767600000000@9r", "1767600000000@9"),
        &expect![
            "whole? first sight: {new: write_count1 v1767599999999 incarnation1 first a1767600000000 t- revision2 behind [] last 0}"
        ],
    );
    check(
        &case("-", "5002@9", "5001@9 5002@9"),
        &expect![
            "whole? first sight: {new: write_count1 v5000 incarnation1 first a5001 t- revision2 behind [] last 0}"
        ],
    );
    check(
        &case("v3 first5001", "5001@9", "5001@9"),
        &expect![
            "events 4-5001? first? send 5001=#0 to A from 4 5001<3, B from 4 5001<3, C from 4 5001<3; holes 4-5000; up to 5001"
        ],
    );
    // When the first event is gone.
    check(&case("v5", "1767600000000@9", "1767600000000@9"), &expect!["first? whole? reject #0 after 5"]);
    check(
        &case("v5", "6", "6 1767600000000@9"),
        &expect!["send 6=#0 to A from 6, B from 6, C from 6; up to 6"],
    );
    check(
        &case("v5", "900000@9", "900000@9"),
        &expect![
            "events 6-900000? first? whole? a new incarnation: {if 40: write_count41 v0 incarnation2 first a900000 t- revision2 behind []}"
        ],
    );
}

#[test]
fn own_times_and_the_streams_are_compared_each_with_its_own_kind() {
    // The events name instants long past, this one names none: that the stream shows it now does not make it new.
    let looked_up = expect!["events 6-6? first? acknowledge; erased 6"];
    check(&case("v5 t1", "6@0s900", "1"), &looked_up);
    check(&case("v5 t1 s901", "6@0s900", "1"), &looked_up);
    check(
        &case("v5 t1 s899", "6@0s900", "1"),
        &expect!["send 6=#0 to A from 6, B from 6, C from 6; up to 6"],
    );
    // Both are known, and one of them goes backwards.
    check(&case("v5 t1 s901", "6@2s900", "1"), &looked_up);
    check(&case("v5 t3 s900", "6@2s901", "1"), &looked_up);
    // Nothing can be compared; but an incarnation's first event needs no time.
    check(&case("v5", "6@0", "1"), &looked_up);
    check(&case("v0", "1@0", "1"), &expect!["send 1=#0 to A from 1, B from 1, C from 1; up to 1"]);
    // Of what is covered, only what the stream shows later than all that was sent is looked for.
    check(
        &case("v5 s5", "4'@0s9", "1 4'"),
        &expect![
            "first? newer? a version was used twice: {if 40: write_count41 v5 incarnation1 first a001 t5 s5 revision2 behind []}; pairs [4]"
        ],
    );
    check(&case("v5 s9", "4'@0s9", "1 4'"), &expect!["first? acknowledge"]);
    check(&case("v5", "4'@0s9", "1 4'"), &expect!["first? acknowledge"]);
    check_record(
        &case("v5 t5 s5", "6@0s9 7@8s7", "1 6@0 7@8"),
        &[7, 7, 7],
        &expect!["{if 40: write_count41 v7 incarnation1 first a001 t8 s9 revision2 behind []} behind: []"],
    );
}

#[test]
fn versions_count_from_0_where_the_source_says_so() {
    let from_0 = |item, arrivals, table| Case { first_version: 0, ..case(item, arrivals, table) };
    check(
        &from_0("-", "0", "0"),
        &expect![
            "first sight: {new: write_count1 v-1 incarnation1 first a000 t- revision2 behind [] last 0}"
        ],
    );
    check(
        &from_0("-", "0 1 2", "0 1 2"),
        &expect![
            "first sight: {new: write_count1 v-1 incarnation1 first a000 t- revision2 behind [] last 0}"
        ],
    );
    check(
        &from_0("v-1 first0", "0 1", "0 1"),
        &expect!["events 0-1? first? send 0=#0, 1=#1 to A from 0, B from 0, C from 0; up to 1"],
    );
    check(&from_0("v-1 first0", "0'", "0"), &expect!["events 0-0? first? acknowledge; erased 0"]);
    check(
        &from_0("v-1 first0", "1", "0 1"),
        &expect!["events 0-1? first? send 0=table, 1=#0 to A from 0, B from 0, C from 0; up to 1"],
    );
    check(
        &from_0("v0 first0", "2", "0 2"),
        &expect![
            "events 1-2? first? send 2=#0 to A from 1 2<-1, B from 1 2<-1, C from 1 2<-1; holes 1; up to 2"
        ],
    );
    check(
        &from_0("v-1 first0", "1", "0 1~"),
        &expect!["events 0-1? first? send 0=table, 1=#0 to A from 0, B from 0, C from 0; up to 1"],
    );
    // Version 0 is missing, and is waited for while it may become readable.
    check(&from_0("-", "1~", "1"), &expect!["whole? return soon: 0"]);
    check(
        &from_0("-", "1", "1"),
        &expect!["whole? first sight: {new: write_count1 v0 incarnation1 first a001 t- revision2 behind []}"],
    );
    check(
        &from_0("-", "4", "0 4"),
        &expect![
            "whole? first sight: {new: write_count1 v-1 incarnation1 first a000 t- revision2 behind [] last 0}"
        ],
    );
    check(
        &from_0("v5 first0", "0'@9", "0'@9 1'@9"),
        &expect![
            "first? whole? a new incarnation: {if 40: write_count41 v-1 incarnation2 first b000 t- revision2 behind [] last 0}"
        ],
    );
    // A client that joins with history has nothing; where nothing was sent yet, it is up to date.
    let joins = |item| Case { registry: registry("A F:history"), ..from_0(item, "6", "0 6") };
    check(
        &joins("v5 first0 revision1"),
        &expect![
            "membership changed: {if 40: write_count41 v5 incarnation1 first a000 t5 revision2 behind [2]}, cursor 2: new: incarnation1 position -1 last 0"
        ],
    );
    check(
        &joins("v-1 first0 revision1"),
        &expect![
            "membership changed: {if 40: write_count41 v-1 incarnation1 first a000 t- revision2 behind [] last 0}"
        ],
    );
    check(
        &joins("v0 first0 revision1"),
        &expect![
            "membership changed: {if 40: write_count41 v0 incarnation1 first a000 t- revision2 behind [2]}, cursor 2: new: incarnation1 position -1 last 0"
        ],
    );
}

#[test]
fn what_was_sent_before_the_stream_showed_it_is_not_newer() {
    // The table brought the last event, and does not say when the stream recorded it.
    let from_table = case("v9 incarnation2 t0", "10@0s10", "1 9 10@0 11@0 12@0");
    check_record(
        &from_table,
        &[12, 12, 12],
        &expect!["{if 40: write_count41 v12 incarnation2 first a001 t0 revision2 behind []} behind: []"],
    );
    check(
        &case("v12 incarnation2 t0", "11@0s11 12@0s12", "1 9 10@0 11@0 12@0"),
        &expect!["events 13-12…? first? acknowledge"],
    );
    let repaired = case("v7 s7", "8@0p", "1 8@0");
    check_record(
        &repaired,
        &[8, 8, 8],
        &expect!["{if 40: write_count41 v8 incarnation1 first a001 t7 revision2 behind []} behind: []"],
    );
    check(&case("v8", "8@0s8", "1 8@0"), &expect!["first? acknowledge"]);
    check(
        &case("v8", "9@0s9", "1 8@0 9@0"),
        &expect!["events 9-9? first? send 9=#0 to A from 9, B from 9, C from 9; up to 9"],
    );
}

#[test]
fn a_time_that_is_unknown_or_lies_ahead_costs_nothing() {
    check(&case("v5 s5", "6@0s5", "1"), &expect!["send 6=#0 to A from 6, B from 6, C from 6; up to 6"]);
    check(
        &case("v5 s5", "6 7@0s9 8", "1"),
        &expect!["send 6=#0, 7=#1, 8=#2 to A from 6, B from 6, C from 6; up to 8"],
    );
    check(
        &case("v5 s5", "6@253402300799s6", "1"),
        &expect!["send 6=#0 to A from 6, B from 6, C from 6; up to 6"],
    );
    check_record(
        &case("v5 s5", "6s6 7@253402300799s7", "1"),
        &[7, 7, 7],
        &expect!["{if 40: write_count41 v7 incarnation1 first a001 t6 s7 revision2 behind []} behind: []"],
    );
    // Of an aggregate that the ledger does not know, it is unknown what is old.
    check(
        &case("-", "40@0", "1@0 20@0 30@0 31@0 39@0 40@0"),
        &expect![
            "whole? first sight: {new: write_count1 v29 incarnation1 first a001 t- revision2 behind [] last 0}"
        ],
    );
    check(
        &case("-", "40@0p", "1@0 30@0 39@0 40@0"),
        &expect![
            "whole? first sight: {new: write_count1 v40 incarnation1 first a001 t- revision2 behind [] last 0}"
        ],
    );
    check(
        &case("-", "1@0p", "1@0 2@0"),
        &expect![
            "whole? first sight: {new: write_count1 v2 incarnation1 first a001 t- revision2 behind [] last 0}"
        ],
    );
    check(
        &case("-", "1@0", "1@0 2@0"),
        &expect!["first sight: {new: write_count1 v0 incarnation1 first a001 t- revision2 behind []}"],
    );
}

#[test]
fn of_two_events_with_one_version_the_lowest_sort_key_is_sent_unless_a_message_brings_one() {
    check(
        &case("v5", "8", "1 5 6 6' 7 8"),
        &expect!["events 6-8? first? send 6-7=table, 8=#0 to A from 6, B from 6, C from 6; up to 8; pairs 6"],
    );
    check(
        &case("v5", "8", "1 5 6x 6' 7 8"),
        &expect!["events 6-8? first? send 6-7=table, 8=#0 to A from 6, B from 6, C from 6; up to 8; pairs 6"],
    );
    check(
        &case("v5", "8 6'", "1 5 6 6' 7 8"),
        &expect![
            "events 6-8? first? send 6=#1, 7=table, 8=#0 to A from 6, B from 6, C from 6; up to 8; pairs 6"
        ],
    );
    check(
        &case("v5 pairs:6", "8", "1 5 6 6' 7 8"),
        &expect!["events 6-8? first? send 6-7=table, 8=#0 to A from 6, B from 6, C from 6; up to 8"],
    );
    check(
        &case("v5", "6 6'", "1 5 6 6'"),
        &expect!["events 6-6? first? send 6=#1 to A from 6, B from 6, C from 6; up to 6; pairs 6; unsent 6"],
    );
    // The other one comes later.
    check(
        &case("v6", "6'@9", "1 6 6'@9"),
        &expect![
            "first? newer? a version was used twice: {if 40: write_count41 v6 incarnation1 first a001 t6 revision2 behind []}; pairs [6]"
        ],
    );
    check(&case("v6 pairs:6", "6'@9", "1 6 6'@9"), &expect!["first? newer? acknowledge; unsent 6"]);
}

#[test]
fn what_is_dropped_is_reported() {
    // Erased.
    check(
        &case("v5", "9 6 7' 7'", "1 6 9"),
        &expect![
            "events 6-9? first? send 6=#1, 9=#0 to A from 6 9<6, B from 6 9<6, C from 6 9<6; holes 7-8; up to 9; erased 7"
        ],
    );
    check(&case("v5", "4 7", "1"), &expect!["events 6-7? first? acknowledge; erased 7"]);
    check(&case("v5", "4 7", ""), &expect!["events 6-7? first? whole? acknowledge; erased 7"]);
    check(&case("-", "5 4", ""), &expect!["whole? acknowledge; erased 4, 5"]);
    // A source without ids uses sort keys again; a hole was filled late.
    check(
        &case("v5", "1@9 2@9 3@3", "1@9 2@9 3@9"),
        &expect![
            "first? newer? a version was used twice: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind []}; pairs [1, 2]"
        ],
    );
    check(
        &case("v5", "1@9 2@9", "1@9"),
        &expect![
            "first? newer? a version was used twice: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind []}; pairs [1]"
        ],
    );
    check(
        &case("v5", "4@9 6", "1 4@9 6"),
        &expect![
            "events 6-6? first? newer? send 6=#1 to A from 6, B from 6, C from 6; up to 6; pairs 4; unsent 4"
        ],
    );
    // An event that the stream shows a second time; one whose time is unknown; one that reconcile sends.
    check(&case("v5", "4 5", "1 4 5"), &expect!["first? acknowledge"]);
    check(&case("v5", "5@0", "1 5@0"), &expect!["first? acknowledge"]);
    check(&case("v5", "5@9p", "1 5@9"), &expect!["first? acknowledge"]);
}

#[test]
fn step_6_the_first_event_is_gone() {
    // Erased; a new incarnation; a new incarnation later on; only the oldest events are gone.
    check(&case("v5", "5", ""), &expect!["first? whole? acknowledge"]);
    check(
        &case("v5 behind:2", "1'@9", "1'@9"),
        &expect![
            "first? whole? a new incarnation: {if 40: write_count41 v0 incarnation2 first b001 t- revision2 behind [2]}"
        ],
    );
    check(
        &case("v5", "2'", "1'@9 2'@9"),
        &expect![
            "first? whole? a new incarnation: {if 40: write_count41 v0 incarnation2 first b001 t- revision2 behind []}"
        ],
    );
    check(
        &case("v5", "3'@9", "3'@9"),
        &expect![
            "first? whole? a new incarnation: {if 40: write_count41 v0 incarnation2 first b003 t- revision2 behind []}"
        ],
    );
    check(
        &case("v5", "5", "3 4 5"),
        &expect![
            "first? whole? the oldest events are gone: {if 40: write_count41 v5 incarnation1 first a003 t5 revision2 behind []}"
        ],
    );
    check(
        &case("v5 first3 holes:4", "5", "4 5"),
        &expect![
            "first? whole? the oldest events are gone: {if 40: write_count41 v5 incarnation1 first a004 t5 revision2 behind [] holes [4]}"
        ],
    );
    // Another first event is another incarnation, whatever its time.
    check(
        &case("v5", "1'", "1'"),
        &expect![
            "first? whole? a new incarnation: {if 40: write_count41 v0 incarnation2 first b001 t- revision2 behind []}"
        ],
    );
    // Below its lowest event something may still become readable. A message of what is gone doesn't tell.
    check(&case("v5", "3~", "3 4"), &expect!["first? whole? return soon: 1-2"]);
    check(&case("v5", "5~", "3 4"), &expect!["first? whole? acknowledge"]);
    check(&case("v5", "5", "3 4"), &expect!["first? whole? acknowledge"]);
    check(&case("v5", "7", "2'@9"), &expect!["events 6-7? first? whole? acknowledge; erased 7"]);
    check(&case("v5", "7", "1'@9"), &expect!["events 6-7? first? whole? acknowledge; erased 7"]);
    // Nor does one that is not believed, or was settled before; it is not above a version that was sent.
    check(
        &case("v5", "1767600000000@9", "2'@9 1767600000000@9"),
        &expect!["first? whole? reject #0 after 5"],
    );
    check(
        &case("v5", "1767600000000@9~", "2'@9 1767600000000@9~"),
        &expect!["first? whole? reject #0 after 5"],
    );
    check(&case("v5", "2000@9~", "2'@9 2000@9~"), &expect!["events 6-2000? first? whole? reject #0 after 5"]);
    check(&case("v5", "1007@9", "2'@9 1007@9"), &expect!["events 6-1007? first? whole? reject #0 after 5"]);
    check(
        &case("v5", "1767600000000@9 2'@9", "2'@9 1767600000000@9"),
        &expect![
            "first? whole? a new incarnation: {if 40: write_count41 v0 incarnation2 first b002 t- revision2 behind []}"
        ],
    );
    check(&case("v5", "", "3 4"), &expect!["first? whole? acknowledge"]);
    check(
        &case("v3000000 first2800000", "3000001@9", "2900000 3000001@9"),
        &expect![
            "events 3000001-3000001? first? whole? the oldest events are gone: {if 40: write_count41 v3000000 incarnation1 first a2900000 t3000000 revision2 behind []}"
        ],
    );
    check(
        &case("v3000000 first2800000", "2900000", "2900000"),
        &expect![
            "first? whole? the oldest events are gone: {if 40: write_count41 v3000000 incarnation1 first a2900000 t3000000 revision2 behind []}"
        ],
    );
    check(&case("v5", "2'@9~", "2'@9"), &expect!["first? whole? return soon: 1"]);
    check(
        &case("v5", "1'@9~", "1'@9"),
        &expect![
            "first? whole? a new incarnation: {if 40: write_count41 v0 incarnation2 first b001 t- revision2 behind []}"
        ],
    );
}

#[test]
fn step_7_holes() {
    check(&case("v5", "7~", "1 7"), &expect!["events 6-7? first? return soon: 6"]);
    check(
        &case("v5", "7", "1 7"),
        &expect![
            "events 6-7? first? send 7=#0 to A from 6 7<5, B from 6 7<5, C from 6 7<5; holes 6; up to 7"
        ],
    );
    check(&case("v5", "7 9~", "1 7 9"), &expect!["events 6-9? first? return soon: 8"]);
    check(&case("v5", "7~ 9", "1 7 9"), &expect!["events 6-9? first? return soon: 6"]);
    // Of the messages above a hole, the lowest one whose event is in the table counts.
    check(
        &case("v5", "7'~ 9", "1 9"),
        &expect![
            "events 6-9? first? send 9=#1 to A from 6 9<5, B from 6 9<5, C from 6 9<5; holes 6-8; up to 9; erased 7"
        ],
    );
    check(
        &case("v5", "6' 9 12", "1 9 12"),
        &expect![
            "events 6-12? first? send 9=#1, 12=#2 to A from 6 9<5 12<9, B from 6 9<5 12<9, C from 6 9<5 12<9; holes 6-8 10-11; up to 12; erased 6"
        ],
    );
    // An event that cannot be converted is no hole, and is not waited for.
    check(
        &case("v5", "7~", "1 6x 7"),
        &expect![
            "events 6-7? first? send 7=#0 to A from 6 7<5, B from 6 7<5, C from 6 7<5; rejected 6; up to 7"
        ],
    );
    check(
        &case("v5", "6 8", "1 6x 7x 8"),
        &expect![
            "events 6-8? first? send 8=#1 to A from 6 8<5, B from 6 8<5, C from 6 8<5; rejected 6, 7; up to 8; erased 6"
        ],
    );
    check(
        &case("v5", "999999999999999999@7r", "1 999999999999999999@7"),
        &expect![
            "events 6-999999999999999999? first? send 999999999999999999=#0 to A from 6 999999999999999999<5, B from 6 999999999999999999<5, C from 6 999999999999999999<5; holes 6-999999999999999998; up to 999999999999999999"
        ],
    );
}

#[test]
fn step_8_which_clients_are_tried() {
    let registry = registry("A B:paused C D:retired E");
    check(
        &Case { registry, unreachable: "E", ..case("v5 behind:3", "6", "") },
        &expect!["send 6=#0 to A from 6; not to B from 6, E from 6; up to 6"],
    );
    check(
        &Case { unreachable: "A B C", ..case("v5", "6", "") },
        &expect!["send 6=#0 to ; not to A from 6, B from 6, C from 6; up to 6"],
    );
}

#[test]
fn what_is_passed_over_behind_the_last_event_is_reached_with_it() {
    let reached = |table, accepted| {
        let (_, Decision::Send(plan)) = steps(&case("v5 incarnation2", "5", table)) else { panic!() };
        let client = &plan.clients[0];
        client.reached(client.events.get(accepted))
    };
    assert_eq!(reached("1 5 6 7x", 1), 7);
    assert_eq!(reached("1 5 6 7x", 0), 5);
    assert_eq!(reached("1 5 6x", 0), 6);
}

/// The version that each client that is tried reached, in order.
fn by_client(plan: &RunPlan, reached: &[i64]) -> Reached {
    let tried = plan.clients.iter().filter(|client| !client.events.is_empty());
    tried.map(|client| client.position.client).zip(reached.iter().copied()).collect()
}

/// Sends what is planned; the clients that are tried reach these versions, in order.
fn check_record(case: &Case, reached: &[i64], expected: &Expect) {
    let (_, Decision::Send(plan)) = steps(case) else { panic!() };
    let mut fresh = 200;
    let record = plan.record(&by_client(&plan, reached), NOW, &mut || {
        fresh += 1;
        fresh
    });
    let behind = list(record.became_behind.iter().map(|start| format!("{} has {}", start.name, start.has)));
    expected.assert_eq(&format!("{} behind: [{behind}]", written(&record.transactions)));
}

#[test]
fn step_9_what_is_written() {
    check_record(
        &case("v5", "6 7", ""),
        &[7, 7, 7],
        &expect!["{if 40: write_count41 v7 incarnation1 first a001 t7 revision2 behind []} behind: []"],
    );
    check_record(
        &case("v5", "6 7", ""),
        &[7, 5, 6],
        &expect![
            "{if 40: write_count41 v7 incarnation1 first a001 t7 revision2 behind [2, 3]}, cursor 2: new: incarnation1 position 5, cursor 3: new: incarnation1 position 6 behind: [B has 5, C has 6]"
        ],
    );
    check_record(
        &case("v5", "6 7", ""),
        &[5, 5, 5],
        &expect![
            "{if 40: write_count41 v7 incarnation1 first a001 t7 revision2 behind [1, 2, 3]}, cursor 1: new: incarnation1 position 5, cursor 2: new: incarnation1 position 5, cursor 3: new: incarnation1 position 5 behind: [A has 5, B has 5, C has 5]"
        ],
    );
    check_record(
        &case("v5 behind:1", "6 7", ""),
        &[6, 7],
        &expect![
            "{if 40: write_count41 v7 incarnation1 first a001 t7 revision2 behind [1, 2]}, cursor 2: new: incarnation1 position 6 behind: [B has 6]"
        ],
    );
    let paused = Case { registry: registry("A B:paused"), ..case("v5", "6", "") };
    check_record(
        &paused,
        &[6],
        &expect![
            "{if 40: write_count41 v6 incarnation1 first a001 t6 revision2 behind [2]}, cursor 2: new: incarnation1 position 5 behind: [B has 5]"
        ],
    );
    check_record(
        &case("v5", "6@9 7", "1 6@9 7"),
        &[7, 7, 7],
        &expect!["{if 40: write_count41 v7 incarnation1 first a001 t9 revision2 behind []} behind: []"],
    );
    check_record(
        &case("v5 holes:2", "9", "1 7 9@20"),
        &[9, 9, 9],
        &expect![
            "{if 40: write_count41 v9 incarnation1 first a001 t20 revision2 behind [] holes [2, 6, 8]} behind: []"
        ],
    );
}

#[test]
fn a_client_gets_what_it_wants_and_has_what_it_does_not_want() {
    let filtered = |item, arrivals| Case { filters: "A:odd B:even C:none", ..case(item, arrivals, "") };
    check(
        &filtered("v5", "6 7 8"),
        &expect!["send 6=#0, 7=#1, 8=#2 to A from 6 7<5, B from 6 8<6, C from 6; up to 8"],
    );
    check(
        &filtered("v5 last:5 sent:1=3,2=4,3=0", "6 7 8"),
        &expect!["send 6=#0, 7=#1, 8=#2 to A from 6 7<3, B from 6 6<4 8<6, C from 6; up to 8"],
    );
    check(&filtered("v5 sent:3=0", "6"), &expect!["send 6=#0 to A from 6, B from 6, C from 6; up to 6"]);
    check_record(
        &filtered("v5 last:5 sent:1=3,2=4,3=0", "6 7 8 9"),
        &[9, 9],
        &expect![
            "{if 40: write_count41 v9 incarnation1 first a001 t9 revision2 behind [] 2=8 3=0} behind: []"
        ],
    );
    // It stopped before 7, which it wants: it has what it doesn't want up to there. Nothing is known of what C got.
    check_record(
        &filtered("v5", "6 7 8 9"),
        &[6, 9],
        &expect![
            "{if 40: write_count41 v9 incarnation1 first a001 t9 revision2 behind [1] 2=8 3=5}, cursor 1: new: incarnation1 position 6 last 5 behind: [A has 6]"
        ],
    );
    check_record(
        &filtered("v5", "6 7 8 9"),
        &[9, 7],
        &expect![
            "{if 40: write_count41 v9 incarnation1 first a001 t9 revision2 behind [2] 3=5}, cursor 2: new: incarnation1 position 7 last 6 behind: [B has 7]"
        ],
    );
    // Who is not tried stays up to date if it wants nothing, unless it is not known what it wants.
    let untried = |filters| Case { unreachable: "A B C", filters, ..case("v5", "6 8", "1 6 8") };
    check(
        &untried("A:odd B:even C:none"),
        &expect![
            "events 6-8? first? send 6=#0, 8=#1 to A from 6, C from 6; not to B from 6; holes 7; up to 8"
        ],
    );
    check(
        &untried("A:other B:even"),
        &expect![
            "events 6-8? first? send 6=#0, 8=#1 to ; not to A from 6, B from 6, C from 6; holes 7; up to 8"
        ],
    );
    check(
        &Case { unreachable: "", ..untried("A:other B:even") },
        &expect![
            "events 6-8? first? send 6=#0, 8=#1 to B from 6 8<6, C from 6 8<6; not to A from 6; holes 7; up to 8"
        ],
    );
    check_record(
        &untried("A:odd B:even C:none"),
        &[],
        &expect![
            "{if 40: write_count41 v8 incarnation1 first a001 t8 revision2 behind [2] holes [7] 1=5 3=5}, cursor 2: new: incarnation1 position 5 behind: [B has 5]"
        ],
    );
}

#[test]
fn step_9_more_than_a_transaction_holds() {
    let clients: Vec<String> = (0..250).map(|number| format!("C{number:03}")).collect();
    let registry = registry(&clients.join(" "));
    let (_, Decision::Send(plan)) = steps(&Case { registry, ..case("v5", "6", "") }) else { panic!() };
    let record = plan.record(&Reached::new(), NOW, &mut || 1);
    let mut write_count = WriteCount(40);
    let mut behind = BTreeSet::new();
    for (number, writes) in record.transactions.iter().enumerate() {
        let Some(Item::Group(item)) = &writes[0].item else { panic!() };
        assert_eq!(writes[0].condition, Condition::WriteCount(write_count));
        behind.extend(writes[1..].iter().map(|write| match &write.key {
            ItemKey::Cursor(client, _) => *client,
            other => panic!("{other:?}"),
        }));
        assert_eq!(item.behind, behind, "the clients with a cursor are behind, and no others");
        assert_eq!(item.version, if number == 2 { 6 } else { 5 }, "the last one raises the version");
        assert!(writes.len() <= WRITE_LIMIT);
        write_count = item.write_count;
    }
    assert_eq!((record.transactions.len(), behind.len()), (3, 250));
}

/// The sends of `first` to clients that reached `reached`, which were not recorded.
fn lost(first: &Case, reached: &[i64]) -> UnrecordedSends {
    let (_, Decision::Send(plan)) = steps(first) else { panic!() };
    let mut unrecorded = UnrecordedSends::default();
    unrecorded.keep(&plan.item, plan.run.end, &plan.clients, &by_client(&plan, reached));
    unrecorded
}

#[test]
fn step_10_what_was_sent_is_not_sent_again() {
    let unrecorded = || lost(&case("v5", "6 7 8", ""), &[8, 6, 5]);
    check(
        &Case { unrecorded: unrecorded(), ..case("v5", "6 7 8", "") },
        &expect!["send 6=#0, 7=#1, 8=#2 to A from 9, B from 7, C from 6; up to 8"],
    );
    check(
        &Case { unrecorded: unrecorded(), ..case("v7", "6 7 8", "1 8") },
        &expect!["events 8-8? first? send 8=#2 to A from 9, B from 8, C from 8; up to 8"],
    );
    check(&Case { unrecorded: unrecorded(), ..case("v9", "6 7 8", "1") }, &expect!["first? acknowledge"]);
    // The sends were of another incarnation.
    check(
        &Case { unrecorded: unrecorded(), ..case("v0 incarnation2 first1'", "1'", "1'") },
        &expect!["events 1-1…? first? send 1=#0 to A from 1, B from 1, C from 1; up to 1"],
    );
    check(
        &Case { unrecorded: unrecorded(), ..case("v6 incarnation2 first1'", "7'", "1' 7'") },
        &expect!["events 7-7…? first? send 7=#0 to A from 7, B from 7, C from 7; up to 7"],
    );
    // The sends begin above the version that the ledger has.
    check(
        &Case { unrecorded: unrecorded(), ..case("v4", "6 7 8", "1 5 6 7 8") },
        &expect![
            "events 5-8? first? send 5=table, 6=#0, 7=#1, 8=#2 to A from 5, B from 5, C from 5; up to 8"
        ],
    );
}

#[test]
fn step_10_what_was_sent_to_a_client_that_is_behind_now_gets_into_its_cursor() {
    let unrecorded = || lost(&case("v5", "6 7 8", ""), &[8, 6, 5]);
    let cursors = |position, until| [(ClientId(1), cursor(position, until))].into();
    let behind = |position, until| Case {
        unrecorded: unrecorded(),
        cursors: cursors(position, until),
        ..case("v5 behind:1", "6 7 8", "")
    };
    check(
        &behind(5, 0),
        &expect![
            "cursors 1? send 6=#0, 7=#1, 8=#2 to B from 7, C from 6; cursor 1: if 7: incarnation1 position 8; up to 8"
        ],
    );
    check(&behind(4, 0), &expect!["cursors 1? send 6=#0, 7=#1, 8=#2 to B from 7, C from 6; up to 8"]);
    check(
        &behind(0, 5),
        &expect![
            "cursors 1? send 6=#0, 7=#1, 8=#2 to B from 7, C from 6; cursor 1: if 7: incarnation1 position 0 replay_until 8 in r-1; up to 8"
        ],
    );
    check(&behind(0, 4), &expect!["cursors 1? send 6=#0, 7=#1, 8=#2 to B from 7, C from 6; up to 8"]);
    check(
        &behind(6, 6),
        &expect![
            "cursors 1? send 6=#0, 7=#1, 8=#2 to B from 7, C from 6; cursor 1: if 7: incarnation1 position 6 replay_until 8 in r-1; up to 8"
        ],
    );
    // Nothing is left to send.
    let covered = |position| Case {
        cursors: cursors(position, 0),
        ..Case { item: "v8 behind:1", table: "1", ..behind(0, 0) }
    };
    check(
        &covered(5),
        &expect!["first? cursors 1? what was sent meanwhile: cursor 1: if 7: incarnation1 position 8"],
    );
    check(&covered(8), &expect!["first? cursors 1? acknowledge"]);
    check(&Case { cursors: BTreeMap::new(), ..covered(5) }, &expect!["first? cursors 1? read again"]);
}

#[test]
fn a_resent_event_is_repeated_to_every_client_if_it_is_covered() {
    let registry = || registry("A B:paused C:retired D");
    let cursors = || [(ClientId(4), cursor(2, 0))].into();
    let resent = |arrivals| Case {
        registry: registry(),
        cursors: cursors(),
        ..case("v5 behind:4", arrivals, "1 4 6")
    };
    check(
        &resent("4r"),
        &expect![
            "first? cursors 4? an operator sent it again: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind [1, 4]}, cursor 1: new: incarnation1 position 3 replay_until 5 in r-1 | {if 41: write_count42 v5 incarnation1 first a001 t5 revision2 behind [1, 2, 4]}, cursor 2: new: incarnation1 position 3 replay_until 5 in r-1; settles [0]"
        ],
    );
    check(&resent("6r"), &expect!["events 6-6? first? send 6=#0 to A from 6; not to B from 6; up to 6"]);
    check(
        &resent("4r 6"),
        &expect!["events 6-6? first? send 6=#1 to A from 6; not to B from 6; up to 6; settles only [1]"],
    );
    check(
        &Case { registry: registry(), cursors: cursors(), ..case("v0 behind:4", "1r", "1") },
        &expect!["events 1-1? first? send 1=#0 to A from 1; not to B from 1; up to 1"],
    );
}

#[test]
fn a_long_gap_is_closed_run_by_run() {
    let table: String = (1..=250).map(|version| format!("{version} ")).collect();
    let table: &'static str = table.leak();
    check(
        &case("v5", "250 7", table),
        &expect![
            "events 6-250? first? send 6=table, 7=#1, 8-105=table to A from 6, B from 6, C from 6; up to 105; settles only [1]"
        ],
    );
}

#[test]
fn of_a_look_up_the_lowest_events_are_kept() {
    let wanted = |after| WantedEvents { brought: vec![(12, identity("12"))], ..wanted(after, 12) };
    let large = |version: i64| {
        let mut row = rows(&version.to_string()).remove(0);
        let event = row.event.unwrap();
        let Key::S(sort) = &row.head.identity.sort else { panic!() };
        row.event = Ok(padded(&event, sort, 1_000_000));
        row
    };
    let mut found = Rows::new(wanted(0), 8 << 20);
    let page = |versions: std::ops::RangeInclusive<i64>| of_more(versions.rev().map(large).collect());
    assert!(found.add(page(4..=12)), "three are missing");
    assert!(!found.add(Page { next: None, ..page(1..=3) }), "all are found");
    let kept: Vec<i64> = (1..=12).filter(|version| found.event(*version).is_some()).collect();
    assert_eq!(kept, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(found.answer(&wanted(0)));
    assert!(found.answer(&wanted(7)));
    assert!(!found.answer(&wanted(8)), "the next one is not kept");
    assert!(found.has(&arrival("12")), "that it is there is known");
}

#[test]
fn a_later_incarnation_is_looked_up_from_its_end_down_to_what_is_covered() {
    let wanted = WantedEvents { is_open: true, ..wanted(5, 6) };
    let mut found = Rows::new(wanted, usize::MAX);
    let page = |text| of_more(rows(text));
    assert!(found.add(page("7 8")));
    assert!(found.add(page("6")), "there may be more above");
    assert!(!found.add(page("5")));
    assert_eq!(found.consecutive_from(5), 8);
}

/// A page that is not the last.
fn of_more(rows: Vec<Row>) -> Page {
    let next = rows.last().map(|row| row.head.identity.sort.clone());
    Page { rows, next }
}

fn wanted(after: i64, to: i64) -> WantedEvents {
    WantedEvents {
        incarnation_number: 1,
        first: identity("1"),
        after,
        to,
        is_open: false,
        brought: Vec::new(),
    }
}

#[test]
fn what_a_message_brings_is_read_for_though_another_item_has_its_version() {
    let brings = |brought: &str| {
        let brought = arrival(brought);
        WantedEvents { brought: vec![(brought.version, brought.identity)], ..wanted(5, 6) }
    };
    // The pages, newest first; how many are read; whether the message's event is there.
    let check = |brought: &str, pages: &[&str], expected: (usize, bool)| {
        let mut found = Rows::new(brings(brought), usize::MAX);
        let needs_more = |page: &&&str| found.add(of_more(rows(page)));
        let needed = pages.iter().take_while(needs_more).count();
        assert_eq!(((needed + 1).min(pages.len()), found.has(&arrival(brought))), expected, "{brought}");
    };
    check("6", &["6 5", "4"], (1, true));
    check("6", &["6", "5", "4"], (2, true));
    check("6", &["6'", "6", "5", "4"], (3, true));
    check("6", &["6' 7", "5", "4"], (2, false));
    check("6'", &["6", "5", "4"], (2, false));
    check("6'", &["6 6'", "5", "4"], (2, true));
}

#[test]
fn a_partition_is_in_the_order_of_its_keys() {
    let check = |key: Key, other: Key| {
        assert!(rows::is_before(&key, &other), "{key:?} {other:?}");
        assert!(!rows::is_before(&other, &key) && !rows::is_before(&key, &key), "{key:?} {other:?}");
    };
    let number = |text: &str| Key::N(text.to_owned());
    check(Key::S("HEAD".to_owned()), Key::S("head".to_owned()));
    check(Key::S("10".to_owned()), Key::S("9".to_owned()));
    check(number("9"), number("10"));
    check(number("-1"), number("0.5"));
    check(Key::B(vec![9]), Key::B(vec![9, 0]));
}

/// An event of this size.
fn padded(event: &Event, sort: &str, size: usize) -> Event {
    let config = Config::try_from_toml(
        "client-queues.toml",
        "[source]\npartition_key = 'mark'\nsort_key = 'at'\ntime = 'time'\nversion = 'version'\n\
         [[client]]\nname = 'A'\n",
        None,
    );
    let reader = Reader::new(&config.unwrap().source);
    let version = event.version();
    let text = "x".repeat(size);
    let item = format!(
        r#"{{"mark":{{"S":"AFC F5"}},"at":{{"S":"{sort}"}},"version":{{"N":"{version}"}},"text":{{"S":"{text}"}}}}"#
    );
    reader.read(&item).unwrap()
}

proptest! {
    /// A client's run holds what it lacks, each event after the one before, and the client reaches what is below the
    /// first that was not accepted.
    #[test]
    fn what_a_client_reached_is_a_prefix(has in 5_i64..9, accepted in 0_usize..5, holes in 0_i64..2) {
        let arrivals = if holes == 0 { "6 7 8" } else { "6 8" };
        let (_, Decision::Send(plan)) = steps(&case("v5", arrivals, "1 6 8")) else { panic!() };
        let position = ClientPosition { has, last: Some(has - 1), ..plan.clients[0].position.clone() };
        let file = file(&case("v5", "", ""));
        let client = file.get(&position.name).unwrap();
        let run = Chain::new(&plan.item.token, 1, &plan.run.events, plan.run.end, &file).sent(position, client);
        let wanted = plan.run.events.iter().map(|event| event.version).filter(|version| *version > has);
        prop_assert!(run.events.iter().map(|event| event.version).eq(wanted));
        let mut before = has - 1;
        for event in &run.events {
            prop_assert_eq!(event.message.attribute(PREVIOUS_VERSION).unwrap(), before.to_string());
            before = event.version;
        }
        let reached = run.reached(run.events.get(accepted));
        prop_assert!(reached >= has);
        let taken = run.events.iter().filter(|event| event.version <= reached).count();
        prop_assert_eq!(taken, accepted.min(run.events.len()));
    }
}

mod erasures;
