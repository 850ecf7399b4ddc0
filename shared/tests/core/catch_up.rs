use std::collections::BTreeSet;

use shared::config::{ClientName, Config};
use shared::file_clients::{FileClient, FileClients};
use shared::ids::{Group, IncarnationToken, Key, ReplayId};
use shared::ledger::catch_up::*;
use shared::ledger::cursors::{leave, up_to_date};
use shared::ledger::{
    ClientId, Condition, Cursor, First, GroupItem, Item, ItemKey, LastSent, LedgerRead, Repetition, Row,
    Unread, Write, WriteCount,
};
use shared::message::PREVIOUS_VERSION;
use shared::time::Timestamp;
use testkit::memory::MemoryTable;

const CLIENT: ClientId = ClientId(7);
const OTHER: ClientId = ClientId(3);

fn group() -> Group {
    Group::of(&Key::S("a".to_owned()))
}

fn item(incarnation_number: u64, version: i64) -> GroupItem {
    GroupItem {
        write_count: WriteCount(40),
        version,
        behind: BTreeSet::from([OTHER, CLIENT]),
        revision: 2,
        sent: LastSent::default(),
        incarnation_number,
        token: IncarnationToken::try_new("0123456789abcdef").unwrap(),
        first: First { identity: Key::N("1".to_owned()).into(), version: 1 },
        time: None,
        streamed_at: None,
        key: Key::S("a".to_owned()),
        holes: Vec::new(),
        pairs: Vec::new(),
        closed: None,
        unknown: [].into(),
    }
}

/// A cursor as `incarnation_number:position` or, in a replay, `incarnation_number:position..replay_until`. Everything up
/// to `position` was sent.
fn cursor(text: &str) -> Cursor {
    let (incarnation_number, range) = text.split_once(':').unwrap();
    let (position, until) = range.split_once("..").map_or((range, None), |(from, until)| (from, Some(until)));
    let id = ReplayId::try_new("r-1").unwrap();
    let position: i64 = position.parse().unwrap();
    let until: Option<i64> = until.map(|until| until.parse().unwrap());
    Cursor {
        write_count: WriteCount(900),
        epoch: 5,
        incarnation_number: incarnation_number.parse().unwrap(),
        position,
        last: (position > 0).then_some(position),
        replay: until.map(|until| Repetition { id, until, settles_at: None }),
        at: Timestamp::from_millis(1),
        hold: None,
        unknown: [].into(),
    }
}

fn task(incarnation_number: u64, version: i64, cursor: Cursor) -> Task {
    let item = item(incarnation_number, version);
    Task { group: group(), client: CLIENT, item, cursor, first_version: 1 }
}

/// The clients A, who wants all, and B, who wants even versions.
fn file() -> FileClients {
    let wanted: Vec<i64> = (0..100).step_by(2).collect();
    let text = format!("{SOURCE}[[client]]\nname = 'B'\n[client.filter.'$message']\nversion = {wanted:?}\n");
    FileClients::new(&Config::try_from_toml("f.toml", &text, None).unwrap().clients)
}

fn client<'f>(file: &'f FileClients, name: &str) -> FileClient<'f> {
    file.get(&ClientName::try_new(name).unwrap()).unwrap()
}

const SOURCE: &str = "[source]\npartition_key = 'mark'\nsort_key = 'at'\ntime = 'at'\nversion = 'version'\n\
                      id = 'id'\n[[client]]\nname = 'A'\n";

/// Rows of these versions, newest first; a version with `!` can't be converted, one with `?` can't be read.
fn rows(text: &str) -> Vec<Row> {
    let config = Config::try_from_toml("f.toml", SOURCE, None).unwrap();
    let table = MemoryTable::new(&config.source);
    let row = |word: &str| {
        let version: u64 = word.trim_end_matches(['!', '?']).parse().unwrap();
        let id = if word.ends_with('!') { "" } else { r#","id":{"S":"e"}"# };
        let of_version = if word.ends_with('?') { "" } else { &format!(r#","version":{{"N":"{version}"}}"#) };
        table.put(&format!(r#"{{"mark":{{"S":"a"}},"at":{{"N":"{version}"}}{of_version}{id}}}"#))
    };
    text.split_whitespace().map(row).collect()
}

#[test]
fn one_item_without_the_other_was_read_during_another_write() {
    let keys = [ItemKey::Group(group()), ItemKey::Cursor(CLIENT, group())];
    let of_item = |is_behind: bool| {
        let mut item = item(1, 9);
        if !is_behind {
            item.behind.remove(&CLIENT);
        }
        Ok(Some(Item::Group(Box::new(item))))
    };
    let of_cursor = || Ok(Some(Item::Cursor(cursor("1:4"))));
    let unread = || Err(Unread("throttled".into()));
    let check = |item, cursor, expected: &str| {
        let begin = begin(&LedgerRead::new(&keys, vec![item, cursor]), CLIENT, &group(), 1);
        let shown = match begin {
            Begin::Unread => "unread",
            Begin::UpToDate => "up to date",
            Begin::Behind(_) => "behind",
        };
        assert_eq!(shown, expected);
    };
    check(of_item(true), of_cursor(), "behind");
    check(of_item(false), Ok(None), "up to date");
    check(Ok(None), Ok(None), "up to date");
    check(of_item(true), Ok(None), "unread");
    check(of_item(false), of_cursor(), "unread");
    check(Ok(None), of_cursor(), "unread");
    check(unread(), of_cursor(), "unread");
    check(of_item(true), unread(), "unread");
    // The item was read before an incarnation began, and the cursor after.
    check(of_item(true), Ok(Some(Item::Cursor(cursor("2:0")))), "unread");
    check(of_item(true), Ok(Some(Item::Cursor(cursor("0:4")))), "behind");
}

#[test]
fn before_an_incarnation_is_sent_one_transaction_with_the_item_makes_the_cursor_one_of_it() {
    let fresh = &mut || 901;
    assert_eq!(task(2, 9, cursor("2:4")).begun(fresh), None);
    let before = task(2, 9, cursor("1:4..7"));
    let (begun, writes) = before.begun(fresh).unwrap();
    let conditions: Vec<_> = writes.iter().map(|write| (&write.key, &write.condition)).collect();
    assert_eq!(
        conditions,
        [
            (&ItemKey::Group(group()), &Condition::WriteCount(WriteCount(40))),
            (&ItemKey::Cursor(CLIENT, group()), &Condition::WriteCount(WriteCount(900))),
        ]
    );
    assert_eq!(
        writes.into_iter().map(|write| write.item.unwrap()).collect::<Vec<_>>(),
        [Item::Group(Box::new(begun.item.clone())), Item::Cursor(begun.cursor.clone())]
    );
    assert_eq!(begun.item, GroupItem { write_count: WriteCount(41), ..before.item.clone() });
    // Who ends the incarnation meanwhile takes it for one that the client was sent something of.
    let Cursor { incarnation_number, position, last, ref replay, .. } = begun.cursor;
    assert_eq!((incarnation_number, position, last, replay), (2, 0, Some(0), &None));
    assert_eq!(
        (begun.position(), begun.last().unwrap_or(0)),
        (before.position(), before.last().unwrap_or(0))
    );
}

/// Gathers pages (separated by `|`) until all needed events are there. Returns the plan, and how many pages are unread.
fn gather(task: &Task, bytes_limit: usize, pages: &str) -> String {
    gather_for("A", task, bytes_limit, pages)
}

fn gather_for(name: &str, task: &Task, bytes_limit: usize, pages: &str) -> String {
    let file = file();
    let mut gathered = NeededEvents::new(task, client(&file, name), bytes_limit);
    let mut pages = pages.split('|');
    let mut unread = 0;
    for page in pages.by_ref() {
        gathered.take(rows(page));
        if gathered.is_complete() {
            unread = pages.clone().count();
            break;
        }
    }
    let until = task.replay().map(|repeated| repeated.until);
    let plan = gathered.plan(Timestamp::from_millis(2));
    let mut shown: Vec<String> =
        plan.rejected.iter().map(|rejected| format!("{}!", rejected.version)).collect();
    for PlannedEvent { version, message } in &plan.events {
        let is_repeated = message.attribute("replay") == Some("r-1");
        assert_eq!(is_repeated, until.is_some_and(|until| *version <= until));
        // A predecessor that is not simply the version before is shown.
        let previous = message.attribute(PREVIOUS_VERSION).unwrap();
        let is_plain = previous == (version - 1).to_string();
        shown.push(if is_plain { version.to_string() } else { format!("{version}<{previous}") });
    }
    format!("{} to {}, {unread} unread", shown.join(" "), plan.end)
}

#[test]
fn what_lies_between_position_and_version_is_sent_and_nothing_else() {
    let check = |task: Task, pages: &str, expected: &str| {
        assert_eq!(gather(&task, 1 << 20, pages), expected, "{pages}");
    };
    check(task(1, 5, cursor("1:3")), "7 6|5 4|3 2|1", "4 5 to 5, 1 unread");
    check(task(1, 5, cursor("1:0")), "5 4|3 2|1", "1 2 3 4 5 to 5, 0 unread");
    // In the order of versions, whatever the order of the sort keys.
    check(task(1, 5, cursor("1:3")), "4 5 6|3|2", "4 5 to 5, 1 unread");
    check(task(1, 5, cursor("1:3")), "4 5 6 3|2", "4 5 to 5, 1 unread");
    // A hole that the ledger does not know is looked for to the end, and not waited for.
    check(task(1, 6, cursor("1:3")), "6 4|3 2|1", "4 6<4 to 6, 0 unread");
    let mut known = task(1, 6, cursor("1:3"));
    known.item.holes = vec![2, 5, 9];
    check(known.clone(), "6 4|3 2|1", "4 6<4 to 6, 1 unread");
    // An event that came late is sent, too.
    check(known, "6 5 4|3|2", "4 5 6 to 6, 1 unread");
    check(task(1, 5, cursor("1:3")), "", " to 5, 0 unread");
    check(task(1, 5, cursor("1:3")), "5? 4|3", "4 to 5, 0 unread");
}

#[test]
fn of_another_incarnation_the_client_has_nothing_and_no_replay() {
    let check = |cursor: Cursor, expected: &str| {
        assert_eq!(gather(&task(2, 3, cursor), 1 << 20, "3 2 1"), expected);
    };
    check(cursor("2:2"), "3 to 3, 0 unread");
    check(cursor("1:2"), "1 2 3 to 3, 0 unread");
    check(cursor("1:2..3"), "1 2 3 to 3, 0 unread");
    check(cursor("2:1..2"), "2 3 to 3, 0 unread");
}

#[test]
fn of_too_much_the_lowest_is_sent_and_the_next_pass_goes_on() {
    let check = |bytes_limit: usize, expected: &str| {
        assert_eq!(gather(&task(1, 5, cursor("1:1")), bytes_limit, "5 4|3 2|1"), expected);
    };
    let row = rows("2").remove(0);
    let size = row.event.unwrap().size();
    check(size * 4, "2 3 4 5 to 5, 0 unread");
    check(size * 3, "2 3 4 to 4, 0 unread");
    check(size * 2, "2 3 to 3, 0 unread");
    // At least one event is sent.
    check(size - 1, "2 to 2, 0 unread");

    let all: Vec<String> = (1..=1_200).rev().map(|version: u64| version.to_string()).collect();
    let file = file();
    let mut gathered = NeededEvents::new(&task(1, 1_200, cursor("1:0")), client(&file, "A"), 1 << 30);
    gathered.take(rows(&all.join(" ")));
    let plan = gathered.plan(Timestamp::from_millis(2));
    assert_eq!((plan.events.len(), plan.end), (VERSIONS_LIMIT, 1_000));
}

#[test]
fn a_run_ends_before_what_cannot_be_sent_unless_that_comes_first() {
    let check = |pages: &str, expected: &str| {
        assert_eq!(gather(&task(1, 6, cursor("1:2")), 1 << 20, pages), expected);
    };
    check("6 5 4! 3", "3 to 3, 0 unread");
    check("6 5 4! 3!", "3! 4! 5<2 6 to 6, 0 unread");
    check("6! 5 4!", "4! 5<2 to 5, 0 unread");
    check("6! 2! 1!", "6! to 6, 0 unread");
}

#[test]
fn a_plan_knows_how_far_the_client_got() {
    let plan = || {
        let file = file();
        let mut gathered = NeededEvents::new(&task(1, 9, cursor("1:1")), client(&file, "A"), 1 << 20);
        gathered.take(rows("8 7 5 3! 2!"));
        gathered.plan(Timestamp::from_millis(2))
    };
    // Rejected 2 and 3; holes 4, 6 and 9.
    let reached: Vec<i64> = (0..4).map(|accepted| plan().reached(plan().events.get(accepted))).collect();
    assert_eq!(reached, [4, 6, 7, 9]);
    let cut = |version: i64| {
        let mut plan = plan();
        plan.end_before(version);
        (plan.events.len(), plan.reached(plan.events.first()))
    };
    assert_eq!([cut(2), cut(3)], [(0, 1), (0, 2)]);
}

#[test]
fn the_lowest_event_that_can_be_sent_is_known() {
    let check = |pages: &str, expected: Option<i64>| {
        let file = file();
        let mut gathered = NeededEvents::new(&task(1, 8, cursor("1:1")), client(&file, "A"), 1 << 20);
        pages.split('|').for_each(|page| gathered.take(rows(page)));
        assert_eq!(gathered.into_lowest().map(|event| event.version()), expected, "{pages}");
    };
    check("", None);
    check("7? 6?", None);
    check("9 8|5 7", Some(5));
    check("9 8|5!", Some(8));
    check("5!", None);
    // What is above the group's version is the fan-out's business.
    check("9 10 2000000", None);
    check("9 8 2000000", Some(8));
}

#[test]
fn a_message_names_what_was_sent_before_it_and_not_what_was_passed_over() {
    let check = |position: &str, last: Option<i64>, expected: &str| {
        let mut cursor = cursor(&format!("1:{position}"));
        cursor.last = last;
        assert_eq!(gather(&task(1, 9, cursor), 1 << 20, "9 8 7 6 5 4 2 1"), expected);
    };
    check("2..6", Some(2), "4<2 5 6 7 8 9 to 9, 0 unread");
    check("3..6", Some(3), "4 5 6 7 8 9 to 9, 0 unread");
    check("0..5", None, "1 2 4<2 5 6 7 8 9 to 9, 0 unread");
    check("6..6", Some(4), "7<4 8 9 to 9, 0 unread");
    check("6", Some(5), "7<5 8 9 to 9, 0 unread");
    // It was never sent anything of this incarnation.
    check("4..4", None, "5<0 6 7 8 9 to 9, 0 unread");
}

/// A consumer that begins anew takes what comes next, and one that has something from before can be told of the end.
#[test]
fn after_a_replay_that_brought_nothing_it_is_known_that_there_may_be_something() {
    let last = |text: &str, last: Option<i64>| {
        let mut cursor = cursor(text);
        cursor.last = last;
        task(1, 9, cursor).last()
    };
    assert_eq!(last("1:9..5", None), Some(0));
    assert_eq!(last("1:9..5", Some(4)), Some(4));
    assert_eq!(last("1:9", None), None);
    assert_eq!(last("0:9..5", None), None);
}

#[test]
fn what_the_client_does_not_want_is_passed_over() {
    let check = |cursor: Cursor, pages: &str, expected: &str| {
        assert_eq!(gather_for("B", &task(1, 7, cursor), 1 << 20, pages), expected, "{pages}");
    };
    check(cursor("1:2"), "9 8 7 6 5 4|3 2|1", "4<2 6<4 to 7, 1 unread");
    check(cursor("1:2"), "7 5 3 2 1", " to 7, 0 unread");
    check(cursor("1:0..5"), "7 6 5 4 3 2 1", "2<0 4<2 6<4 to 7, 0 unread");
    // Of what can't be read, it is not known whether it is wanted.
    check(cursor("1:2"), "7 6! 5 4! 3 2", "4! 6! to 7, 0 unread");
    check(cursor("1:2"), "7 6! 5! 4 3 2", "4<2 to 4, 0 unread");
}

/// The write that records that a client got versions (`after`, `up_to`] of incarnation 1 in epoch 5.
fn record(after: i64, up_to: i64, now: Begin) -> String {
    let last = (up_to > after).then_some(up_to);
    let known = SentRange { incarnation_number: 1, epoch: 5, after, up_to, last, due: None };
    let before = now.clone();
    let write = known.write(&now, Timestamp::from_millis(2), &mut || 901);
    let Begin::Behind(task) = before else {
        return match write {
            ProgressWrite::Unread => "unread".to_owned(),
            ProgressWrite::Nothing { is_up_to_date } => format!("nothing, up to date: {is_up_to_date}"),
            other => panic!("{other:?}"),
        };
    };
    match write {
        ProgressWrite::Unread => panic!("it was read"),
        ProgressWrite::Nothing { is_up_to_date } => {
            assert!(!is_up_to_date);
            "nothing".to_owned()
        }
        ProgressWrite::UpToDate(writes) => {
            let mut item = task.item.clone();
            item.write_count = WriteCount(41);
            item.behind.remove(&CLIENT);
            item.sent = LastSent::new(None, [(CLIENT, Some(item.version))]);
            let group = Write {
                key: ItemKey::Group(group()),
                condition: Condition::WriteCount(WriteCount(40)),
                item: Some(Item::Group(Box::new(item))),
            };
            let cursor = Write {
                key: ItemKey::Cursor(CLIENT, task.group.clone()),
                condition: Condition::WriteCount(WriteCount(900)),
                item: None,
            };
            assert_eq!(writes, [group, cursor]);
            "up to date".to_owned()
        }
        ProgressWrite::Behind(writes) => {
            let [Write { key, condition, item: Some(Item::Cursor(cursor)) }] = writes.as_slice() else {
                panic!("{writes:?}")
            };
            assert_eq!(*key, ItemKey::Cursor(CLIENT, task.group.clone()));
            assert_eq!(*condition, Condition::WriteCount(WriteCount(900)));
            assert_eq!(
                (cursor.write_count, cursor.epoch, cursor.at),
                (WriteCount(901), task.cursor.epoch, task.cursor.at)
            );
            let until = cursor.replay.as_ref().map_or(0, |repeated| repeated.until);
            let last = cursor.last.unwrap_or(0);
            format!("{}:{}..{until} last {last}", cursor.incarnation_number, cursor.position)
        }
    }
}

#[test]
fn in_the_same_epoch_the_higher_of_both_positions_counts() {
    let check = |after: i64, up_to: i64, version: i64, now: &str, expected: &str| {
        let now = Begin::Behind(Box::new(task(1, version, cursor(now))));
        assert_eq!(record(after, up_to, now), expected);
    };
    check(3, 6, 9, "1:3", "1:6..0 last 6");
    check(3, 6, 9, "1:5", "1:6..0 last 6");
    check(3, 6, 9, "1:6", "nothing");
    check(3, 6, 9, "1:8", "nothing");
    check(3, 6, 9, "1:3..8", "1:6..8 last 6");
    // The cursor is of an older incarnation, and this client was the first to get something of the new one.
    check(0, 6, 9, "0:8..8", "1:6..0 last 6");
    check(3, 6, 6, "1:3", "up to date");
    check(3, 6, 7, "1:7", "up to date");
    check(6, 6, 6, "1:6", "up to date");
    check(3, 3, 6, "1:3", "nothing");
}

#[test]
fn in_another_epoch_it_counts_as_repetition_of_a_replay_that_reaches_that_far() {
    let check = |after: i64, up_to: i64, now: &str, expected: &str| {
        let mut now = cursor(now);
        now.epoch = 6;
        assert_eq!(record(after, up_to, Begin::Behind(Box::new(task(1, 9, now)))), expected);
    };
    check(3, 6, "1:0..3", "1:0..6 last 0");
    check(3, 6, "1:0..4", "1:0..6 last 0");
    check(3, 6, "1:0..6", "nothing");
    check(3, 6, "1:0..2", "nothing");
    check(3, 6, "1:4", "nothing");
    check(3, 6, "0:0..4", "nothing");
}

#[test]
fn nothing_is_recorded_of_another_incarnation_or_when_another_writer_made_the_client_up_to_date() {
    assert_eq!(record(3, 6, Begin::UpToDate), "nothing, up to date: true");
    assert_eq!(record(3, 6, Begin::Unread), "unread");
    assert_eq!(record(3, 6, Begin::Behind(Box::new(task(2, 6, cursor("1:3"))))), "nothing");
}

#[test]
fn a_retired_client_leaves_with_its_cursor() {
    let (gone, cursor) = (item(1, 9), cursor("1:4"));
    let keys = |writes: Vec<Write>| writes.into_iter().map(|write| write.item.is_some()).collect::<Vec<_>>();
    assert_eq!(
        leave(&group(), Some(&gone), CLIENT, &cursor),
        up_to_date(&group(), &task(1, 9, cursor.clone()).item, CLIENT, &cursor, gone.sent.last())
    );
    assert_eq!(keys(leave(&group(), None, CLIENT, &cursor)), [false]);
}
