//! Tables as people have them, through converter, fan-out and catch-up: single-table designs, versions as text, times
//! of many libraries, ids as bytes, writers that break a condition.
//!
//! An item is short for DynamoDB's JSON: text is a string, a whole number a number, a list of base64 text bytes.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test reports by panicking"
)]

#[path = "../../../../fanout/tests/handler/world/mod.rs"]
#[allow(dead_code, reason = "the fan-out's own world; only its wire and its payloads are used here")]
mod deliveries;
mod parcels;
mod world;

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use self::world::World;

/// The instant `seconds` after the world's begin, less than a minute before it, as RFC 3339 writes it.
fn at(seconds: i64) -> String {
    if seconds == 0 {
        "2027-01-15T08:00:00Z".to_owned()
    } else {
        format!("2027-01-15T07:59:{:02}Z", 60 + seconds)
    }
}

/// Inserts the items, in this order, and shows what the client A gets, by group, and what was counted.
fn check(source: &str, items: &[Value], expected: Expect) {
    let world = World::new(source);
    world.insert(items);
    world.drain();
    expected.assert_eq(&world.outcome());
}

fn order(sort: &str, version: Value, time: &str) -> Value {
    json!({ "pk": "order-1", "sk": sort, "version": version, "at": time })
}

const PLAIN: &str = "partition_key = 'pk'\nsort_key = 'sk'\ntime = 'at'\nversion = 'version'\n";

#[test]
fn of_a_single_table_only_what_the_filter_admits_is_sent() {
    let source = "partition_key = 'pk'\nsort_key = 'sk'\nname = 'eventType'\ntime = 'occurredAt'\nversion = 'seqNum'\n\
                  [source.filter]\nsk = [{ prefix = 'EVENT#' }]\n";
    let world = World::new(source);
    let event = |sort: &str, version: u64, name: &str| json!({ "pk": "ORDER#1", "sk": sort, "seqNum": version, "occurredAt": at(-9), "eventType": name });
    let meta = |version: u64| json!({ "pk": "ORDER#1", "sk": "META", "currentSeq": version, "entity": "AggregateMeta" });
    world.insert(&[event("EVENT#0000000001", 1, "Placed"), meta(1), event("EVENT#0000000002", 2, "Paid")]);
    world.modify(&[meta(2)]);
    world.insert(&[
        json!({ "pk": "ORDER#1", "sk": "SNAPSHOT#0000000002", "atSeq": 2, "entity": "Snapshot" }),
        json!({ "pk": "CUSTOMER#9", "sk": "PROFILE", "entity": "Customer" }),
    ]);
    world.drain();
    expect![[r#"
        ORDER#1: 1 2
        Skipped 4"#]]
    .assert_eq(&world.outcome());
    expect![""].assert_eq(&world.logged());
}

#[test]
fn an_items_head_with_the_same_number_is_left_out_by_a_filter_and_seen_without_one() {
    let source = "partition_key = '_pk'\nsort_key = '_sk'\nname = '_typ'\ntime = '_date'\nversion = '_seq'\n";
    let state = |version: u64| json!({ "_pk": "Average/1", "_sk": "STATE", "_seq": version, "_typ": "State", "_date": at(-9) });
    let add = |version: u64, seconds: i64| {
        json!({ "_pk": "Average/1", "_sk": format!("INBOUND/Add/{version}"), "_seq": version, "_typ": "Add",
                "_date": at(seconds) })
    };
    let run = |source: &str, expected: Expect| {
        let world = World::new(source);
        world.insert(&[state(1), add(1, -9)]);
        world.modify(&[state(2)]);
        world.insert(&[add(2, -8)]);
        world.drain();
        world.reconcile();
        expected.assert_eq(&world.outcome());
    };
    run(
        &format!("{source}[source.filter]\n_sk = [{{ prefix = 'INBOUND/' }}]\n"),
        expect![[r#"
        Average/1: 1 2
        Skipped 2"#]],
    );
    run(
        &format!("{source}[source.filter]\n_typ = [{{ anything-but = ['State'] }}]\n"),
        expect![[r#"
        Average/1: 1 2
        Skipped 2"#]],
    );
    run(
        source,
        expect![[r#"
        Average/1: 1 2
        reported: pairs [{"group":"Average/1","key":{"S":"Average/1"},"sort_keys":[{"S":"STATE"},{"S":"INBOUND/Add/2"}],"version":2}]
        Skipped 1, VersionsUsedTwice 1"#]],
    );
}

#[test]
fn versions_are_read_from_text_and_behind_a_prefix() {
    let source =
        |version: &str| format!("partition_key = 'pk'\nsort_key = 'sk'\ntime = 'at'\nversion = {version}\n");
    let item = |sort: &str| json!({ "pk": "order-1", "sk": sort, "at": at(-9) });
    check(
        &source("'sk'"),
        &[item("0000000001"), item("0000000002")],
        expect![[r#"
        order-1: 1 2
    "#]],
    );
    check(
        &source("{ path = 'sk', after = 'EVENT#' }"),
        &[item("EVENT#0001"), item("EVENT#0002"), item("EVENT#1.0"), item("0000000003")],
        expect![[r#"
            order-1: 1 2
            rejected: `sk`, the event's version, is not a whole number from 1 to 999999999999999999 behind `EVENT#`
            rejected: `sk`, the event's version, is not a whole number from 1 to 999999999999999999 behind `EVENT#`
            Rejected 2"#]],
    );
}

#[test]
fn versions_count_from_0_where_the_source_says_so() {
    let event = |version: u64| order(&format!("e{version}"), json!(version), &at(-9));
    let from_0 = format!("{PLAIN}first_version = 0\n");
    check(
        &from_0,
        &[event(0), event(1), event(2)],
        expect![[r#"
        order-1: 0 1 2
    "#]],
    );
    // The stream shows the first one last; and never.
    check(
        &from_0,
        &[event(1), event(2), event(0)],
        expect![[r#"
        order-1: 0 1 2
    "#]],
    );
    let lost = |first: u64| {
        let world = World::new(&from_0);
        (0..first).for_each(|version| world.put(&event(version)));
        world.insert(&[event(first), event(first + 1)]);
        world.drain();
        world.outcome()
    };
    expect![[r#"
        order-1: 0 1 2
    "#]]
    .assert_eq(&lost(1));
    expect![[r#"
        order-1: 0 1 2 3
    "#]]
    .assert_eq(&lost(2));
    check(
        PLAIN,
        &[event(0), event(1), event(2)],
        expect![[r#"
        order-1: 1 2
        rejected: `version`, the event's version, is not a whole number from 1 to 999999999999999999
        Rejected 1"#]],
    );
}

/// A time in some format, of an instant in RFC 3339 and in seconds since 1970.
type Format = fn(&str, u64) -> Value;

/// A table of five old events per aggregate, before the pipeline; then a sixth.
#[test]
fn times_in_all_formats_that_leave_no_doubt_are_read_and_the_rest_floods_no_client() {
    let formats: [(&str, Format); 14] = [
        ("z", |text, _| json!(text)),
        ("fraction", |text, _| json!(text.replace('Z', ".123456Z"))),
        ("offset", |text, _| json!(text.replace('Z', "+00:00"))),
        ("python", |text, _| json!(text.replace('Z', ".123456"))),
        ("java-local", |text, _| json!(text.replace('Z', ""))),
        ("space", |text, _| json!(text.replace('Z', "").replace('T', " "))),
        ("pynamodb", |text, _| json!(text.replace('Z', ".123456+0000"))),
        ("no-seconds", |text, _| json!(format!("{}Z", &text[..16]))),
        ("zoned", |text, _| json!(text.replace('Z', "+00:00[UTC]"))),
        ("basic", |text, _| json!(text.replace(['-', ':'], ""))),
        ("millis", |_, seconds| json!(seconds * 1_000)),
        ("date", |text, _| json!(text[..10])),
        ("prefixed", |text, _| json!(format!("EVENT#{text}"))),
        ("none", |_, _| json!([""])),
    ];
    let world = World::new(PLAIN);
    let item = |pk: &str, version: u64, time: Value| json!({ "pk": pk, "sk": format!("e{version}"), "version": version, "at": time });
    for (name, time) in formats {
        for version in 1..=5 {
            let old = format!("2025-12-11T08:00:0{version}Z");
            world.put(&item(name, version, time(&old, 1_765_440_000 + version)));
        }
    }
    let sixth = formats.map(|(name, time)| item(name, 6, time(&at(0), 1_800_000_000)));
    world.insert(&sixth);
    world.drain();
    expect![[r#"
        basic: 6
        date: 1 2 3 4 5 6
        fraction: 6
        java-local: 6
        millis: 6
        no-seconds: 6
        none: 1 2 3 4 5 6
        offset: 6
        prefixed: 1 2 3 4 5 6
        pynamodb: 6
        python: 6
        space: 6
        z: 6
        zoned: 6
        TimesUnread 3"#]]
    .assert_eq(&world.outcome());
    expect![[r#"
        WARN times of events are missing or can't be read; docs/ordering.md says what is not known then, and docs/configuration.md which times can be read
    "#]].assert_eq(&world.logged());
}

#[test]
fn of_an_existing_table_with_times_of_another_library_only_what_is_new_is_sent() {
    let existing = |world: &World, time: fn(u64) -> String| {
        for version in 1..=300_u64 {
            let sort = format!("e{version:05}");
            world.put(&json!({ "pk": "order-1", "sk": sort, "version": version, "at": time(version) }));
        }
    };
    let newest = |time: String| json!({ "pk": "order-1", "sk": "e00301", "version": 301, "at": time });
    let world = World::new(PLAIN);
    existing(&world, |version| format!("2025-06-01T10:00:00.{version:06}"));
    world.insert(&[newest(at(0).replace('Z', ".000001"))]);
    world.drain();
    expect![[r#"
        order-1: 301
    "#]]
    .assert_eq(&world.outcome());

    // If none of them could be read, it would be ten more.
    let world = World::new(PLAIN);
    existing(&world, |version| format!("the {version}th"));
    world.insert(&[newest("now".to_owned())]);
    world.drain();
    expect![[r#"
        order-1: 291 292 293 294 295 296 297 298 299 300 301
        TimesUnread 1"#]]
    .assert_eq(&world.outcome());
}

#[test]
fn two_events_with_one_version_are_counted_once_and_reported() {
    let world = World::new(PLAIN);
    let first = "2027-01-15T07:59:50.001Z";
    let second = "2027-01-15T07:59:50.002Z";
    world.insert(&[order("e1", json!(1), &at(-59))]);
    world.insert(&[order(first, json!(2), first), order(second, json!(2), second)]);
    world.insert(&[order("e3", json!(3), &at(-5))]);
    world.drain();
    world.reconcile();
    world.reconcile();
    expect![[r#"
        order-1: 1 2 3
        reported: pairs [{"group":"order-1","key":{"S":"order-1"},"sort_keys":[{"S":"2027-01-15T07:59:50.002Z"},{"S":"2027-01-15T07:59:50.001Z"}],"version":2}]
        reported: pairs [{"group":"order-1","key":{"S":"order-1"},"sort_keys":[{"S":"2027-01-15T07:59:50.002Z"},{"S":"2027-01-15T07:59:50.001Z"}],"version":2}]
        VersionsUsedTwice 1"#]].assert_eq(&world.outcome());
    expect![[r#"
        WARN events of the table are not sent, because others of the same version were; in an aggregate a source uses each version and each sort key once; `fanoutctl reconcile` shows the keys of a version used twice
    "#]].assert_eq(&world.logged());
}

#[test]
fn entities_with_a_version_of_their_own_are_left_out_by_a_filter() {
    let world = World::new(&format!("{PLAIN}[source.filter]\nsk = [{{ prefix = 'e' }}]\n"));
    let profile =
        |version: u64| json!({ "pk": "CUSTOMER#9", "sk": "PROFILE", "version": version, "name": "x" });
    world.insert(&[order("e1", json!(1), &at(-59)), profile(1)]);
    world.modify(&[profile(2)]);
    world.drain();
    world.reconcile();
    expect![[r#"
        order-1: 1
        Skipped 2"#]]
    .assert_eq(&world.outcome());
    expect![""].assert_eq(&world.logged());
}

#[test]
fn ids_and_keys_may_be_bytes() {
    let item = json!({ "pk": ["VQ6EAOKbQdSnFkRmVUQAAA=="], "sk": 1, "version": 1, "at": at(-5),
                       "eventId": ["VQ6EAOKbQdSnFkRmVUQAAQ=="] });
    check(
        &format!("{PLAIN}id = 'eventId'\n"),
        &[item],
        expect![[r#"
        ~bVQ6EAOKbQdSnFkRmVUQAAA: 1=VQ6EAOKbQdSnFkRmVUQAAQ==
    "#]],
    );
}

#[test]
fn a_version_that_is_a_timestamp_harms_no_other_event() {
    let world = World::new(PLAIN);
    world.insert(&[order("e1", json!(1), &at(-59)), order("e2", json!(2), &at(-58))]);
    world.drain();
    world.insert(&[order("e3", json!(1_767_600_000_000_u64), &at(-57))]);
    world.insert(&[order("e4", json!(3), &at(-56)), order("e5", json!(4), &at(-55))]);
    world.drain();
    world.reconcile();
    expect![[r#"
        order-1: 1 2 3 4
        rejected: version 1767600000000 comes after 2: more than 1000 versions in between are missing, which is taken for a fault of the event's writer; give the item its right number, and send the event again with `fanoutctl rejected resend`; sent as it is, the aggregate goes on above it
        reported: implausible [{"group":"order-1","key":{"S":"order-1"},"version":1767600000000}]
        Rejected 1"#]].assert_eq(&world.outcome());
}

#[test]
fn an_aggregate_whose_sort_key_is_its_version_may_be_erased_and_begin_anew_if_events_have_ids() {
    let item = |version: u64, id: &str, seconds: i64| json!({ "pk": "order-1", "sk": version, "version": version, "id": id, "at": at(seconds) });
    let world = World::new(&format!("{PLAIN}id = 'id'\n"));
    world.insert(&[item(1, "a", -59), item(2, "b", -58), item(3, "c", -57)]);
    world.drain();
    world.erase("order-1", &[1, 2, 3]);
    world.insert(&[item(1, "d", -9), item(2, "e", -8)]);
    world.drain();
    expect![[r#"
        order-1: 1=a 2=b 3=c 1=d 2=e
    "#]]
    .assert_eq(&world.outcome());
}

#[test]
fn a_sort_key_that_is_used_again_without_an_id_hides_the_second_event() {
    let item = |version: u64, seconds: i64| json!({ "pk": "order-1", "sk": version, "version": version, "at": at(seconds) });
    let world = World::new(PLAIN);
    world.insert(&[item(1, -59), item(2, -58), item(3, -57)]);
    world.drain();
    world.erase("order-1", &[1, 2, 3]);
    world.insert(&[item(1, -9), item(2, -8)]);
    world.drain();
    expect![[r#"
        order-1: 1 2 3
    "#]]
    .assert_eq(&world.outcome());
    expect![""].assert_eq(&world.logged());
}

#[test]
fn an_event_that_is_written_over_reaches_no_client_that_had_it() {
    let world = World::new(PLAIN);
    world.insert(&[order("e1", json!(1), &at(-59)), order("e2", json!(2), &at(-58))]);
    world.drain();
    let mut other = order("e2", json!(2), &at(-58));
    other["corrected"] = json!("yes");
    world.modify(&[other]);
    world.drain();
    expect![[r#"
        order-1: 1 2
        Skipped 1"#]]
    .assert_eq(&world.outcome());
    expect![[r#"
        WARN events of the table were written over; clients keep the first form
    "#]]
    .assert_eq(&world.logged());
}

#[test]
fn an_aggregate_in_two_partitions_is_two_groups_with_holes() {
    let item = |part: &str, version: u64| json!({ "pk": part, "sk": format!("e{version}"), "version": version, "at": at(-9) });
    check(
        PLAIN,
        &[item("order-1a", 1), item("order-1b", 2), item("order-1a", 3)],
        expect![[r#"
        order-1a: 1 3
        order-1b: 2
        Holes 1"#]],
    );
}
