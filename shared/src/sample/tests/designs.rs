//! Tables that hold more than events, and tables whose events are written in other ways than the config says.

use expect_test::expect;

use super::{SOURCE, check, check_page, page};

const SINGLE_TABLE: &str = r#"
{"pk": "ORDER#1", "sk": "EVENT#0000000001", "seqNum": 1, "occurredAt": "2026-11-01T10:00:00Z", "eventType": "Placed"}
{"pk": "ORDER#1", "sk": "EVENT#0000000002", "seqNum": 2, "occurredAt": "2026-11-01T10:00:01Z", "eventType": "Paid"}
{"pk": "ORDER#1", "sk": "META", "currentSeq": 2, "entity": "AggregateMeta"}
{"pk": "ORDER#1", "sk": "SNAPSHOT#0000000002", "atSeq": 2, "entity": "Snapshot"}
{"pk": "CUSTOMER#9", "sk": "PROFILE", "entity": "Customer"}
"#;

const OF_SINGLE_TABLE: &str =
    "partition_key = \"pk\"\nsort_key = \"sk\"\nname = \"eventType\"\ntime = \"occurredAt\"\n";

#[test]
fn other_items_of_a_single_table_are_left_out_by_a_prefix() {
    let source = format!("{OF_SINGLE_TABLE}version = \"seqNum\"\n");
    check(
        &source,
        SINGLE_TABLE,
        &expect![[r#"
        5 items: 2 events, 0 skipped, 3 rejected
          EVENT#…: 2 0 0
          META: 0 0 1
          SNAPSHOT#…: 0 0 1
          PROFILE: 0 0 1
        3 rejected: the event lacks `seqNum`, its version; `[source]` in `client-queues.toml` says where it is
        - 3 of 5 items have no version at `seqNum`, and would be rejected: `META` 1, `SNAPSHOT#…` 1, `PROFILE` 1; if they are no events, write `sk = [{ prefix = "EVENT#" }]` in `[source.filter]`
    "#]],
    );
    let filtered = format!("{source}[source.filter]\nsk = [{{ prefix = \"EVENT#\" }}]\n");
    check(
        &filtered,
        SINGLE_TABLE,
        &expect![[r#"
        5 items: 2 events, 3 skipped, 0 rejected
          EVENT#…: 2 0 0
          META: 0 1 0
          SNAPSHOT#…: 0 1 0
          PROFILE: 0 1 0
        3 skipped: `sk` has another value
    "#]],
    );
}

#[test]
fn a_version_elsewhere_is_named() {
    check(
        &format!("{OF_SINGLE_TABLE}version = \"version\"\n"),
        SINGLE_TABLE,
        &expect![[r#"
            5 items: 0 events, 0 skipped, 5 rejected
              EVENT#…: 0 0 2
              META: 0 0 1
              SNAPSHOT#…: 0 0 1
              PROFILE: 0 0 1
            5 rejected: the event lacks `version`, its version; `[source]` in `client-queues.toml` says where it is
            - none of 5 items has a version at `version`; at `seqNum`, 2 of them count 1, 2, 3 …; write `version = "seqNum"` in `[source]`
        "#]],
    );
    check(
        &format!("{OF_SINGLE_TABLE}version = \"sk\"\n"),
        SINGLE_TABLE,
        &expect![[r#"
            5 items: 0 events, 0 skipped, 5 rejected
              EVENT#…: 0 0 2
              META: 0 0 1
              SNAPSHOT#…: 0 0 1
              PROFILE: 0 0 1
            5 rejected: `sk`, the event's version, is not a whole number from 1 to 999999999999999999
            - none of 5 items has a version at `sk`; at `sk after EVENT#`, 2 of them count 1, 2, 3 …; write `version = { path = "sk", after = "EVENT#" }` in `[source]`
        "#]],
    );
}

#[test]
fn a_version_inside_of_a_map_is_named() {
    check(
        SOURCE,
        r#"
{"pk": "a", "sk": "x", "at": "2026-11-01T10:00:00Z", "Number": {"version": 1, "price": 100}}
{"pk": "a", "sk": "y", "at": "2026-11-01T10:00:01Z", "Number": {"version": 2, "price": 100}}
"#,
        &expect![[r#"
            2 items: 0 events, 0 skipped, 2 rejected
              x: 0 0 1
              y: 0 0 1
            2 rejected: the event lacks `version`, its version; `[source]` in `client-queues.toml` says where it is
            - none of 2 items has a version at `version`; at `Number.version`, they count 1, 2, 3 …; write `version = "Number.version"` in `[source]`
        "#]],
    );
}

#[test]
fn a_version_as_text_behind_a_prefix_is_read() {
    let source = SOURCE.replace("\"version\"", "\"sk\"");
    check(
        &source,
        r#"
{"pk": "order-1", "sk": "EVENT#0001", "at": "2026-11-01T10:00:00Z"}
{"pk": "order-1", "sk": "EVENT#0002", "at": "2026-11-01T10:00:01Z"}
"#,
        &expect![[r#"
            2 items: 0 events, 0 skipped, 2 rejected
              EVENT#…: 0 0 2
            2 rejected: `sk`, the event's version, is not a whole number from 1 to 999999999999999999
            - none of 2 items has a version at `sk`; at `sk after EVENT#`, they count 1, 2, 3 …; write `version = { path = "sk", after = "EVENT#" }` in `[source]`
        "#]],
    );
    check(
        &source,
        r#"
{"pk": "order-1", "sk": "EVENT#0007", "at": "2026-11-01T10:00:00Z"}
{"pk": "order-2", "sk": "EVENT#0003", "at": "2026-11-01T10:00:01Z"}
"#,
        &expect![[r#"
            2 items: 0 events, 0 skipped, 2 rejected
              EVENT#…: 0 0 2
            2 rejected: `sk`, the event's version, is not a whole number from 1 to 999999999999999999
            - none of 2 items has a version at `sk`; write `version = { path = "sk", after = "EVENT#" }` in `[source]`
        "#]],
    );
    check(
        &source,
        r#"
{"pk": "order-1", "sk": "0000000001", "at": "2026-11-01T10:00:00Z"}
{"pk": "order-1", "sk": "0000000002", "at": "2026-11-01T10:00:01Z"}
"#,
        &expect![[r#"
            2 items: 2 events, 0 skipped, 0 rejected
              (other): 2 0 0
        "#]],
    );
}

#[test]
fn a_head_with_the_number_of_its_last_event_is_left_out() {
    check(
        "partition_key = \"_pk\"\nsort_key = \"_sk\"\nname = \"_typ\"\ntime = \"_date\"\nversion = \"_seq\"\n",
        r#"
{"_pk": "Average/1", "_sk": "INBOUND/Add/1", "_seq": 1, "_typ": "Add", "_date": "2026-11-01T10:00:00Z"}
{"_pk": "Average/1", "_sk": "INBOUND/Add/2", "_seq": 2, "_typ": "Add", "_date": "2026-11-01T10:00:01Z"}
{"_pk": "Average/1", "_sk": "STATE", "_seq": 2, "_typ": "State", "_date": "2026-11-01T10:00:01Z"}
"#,
        &expect![[r#"
            3 items: 3 events, 0 skipped, 0 rejected
              INBOUND/Add/…: 2 0 0
              STATE: 1 0 0
            - a version is used by two items of one aggregate, of which clients get one: version 2 of `Average/1` by `INBOUND/Add/2` and `STATE`; if these are no events (`STATE` 1), write `_sk = [{ prefix = "INBOUND/" }]` in `[source.filter]`
        "#]],
    );
}

#[test]
fn entities_with_a_lock_version_are_shown_and_left_out() {
    check(
        SOURCE,
        r#"
{"pk": "order-1", "sk": "e1", "version": 1, "at": "2026-11-01T10:00:00Z"}
{"pk": "CUSTOMER#9", "sk": "PROFILE", "version": 1, "at": "2026-11-01T10:00:00Z", "email": "someone@example.com"}
{"pk": "CUSTOMER#9", "sk": "ADDRESS#1", "version": 1, "at": "2026-11-01T10:00:00Z"}
"#,
        &expect![[r#"
            3 items: 3 events, 0 skipped, 0 rejected
              e…: 1 0 0
              PROFILE: 1 0 0
              ADDRESS#…: 1 0 0
            - a version is used by two items of one aggregate, of which clients get one: version 1 of `CUSTOMER#9` by `PROFILE` and `ADDRESS#1`; if these are no events (`PROFILE` 1, `ADDRESS#…` 1), write `sk = [{ prefix = "e" }]` in `[source.filter]`
        "#]],
    );
}

#[test]
fn two_writers_events_with_one_version_are_shown() {
    check(
        SOURCE,
        r#"
{"pk": "order-1", "sk": "e1", "version": 1, "at": "2026-11-01T10:00:00Z"}
{"pk": "order-1", "sk": "2026-11-01T10:00:00.001Z", "version": 2, "at": "2026-11-01T10:00:00.001Z", "by": "alice"}
{"pk": "order-1", "sk": "2026-11-01T10:00:00.002Z", "version": 2, "at": "2026-11-01T10:00:00.002Z", "by": "bob"}
{"pk": "order-1", "sk": "e3", "version": 3, "at": "2026-11-01T10:00:02Z"}
"#,
        &expect![[r#"
            4 items: 4 events, 0 skipped, 0 rejected
              e…: 2 0 0
              (other): 2 0 0
            - a version is used by two items of one aggregate, of which clients get one: version 2 of `order-1` by `2026-11-01T10:00:00.001Z` and `2026-11-01T10:00:00.002Z`; append each event on condition that it is the next (docs/ordering.md, "What is guaranteed")
        "#]],
    );
}

#[test]
fn versions_from_0_are_shown() {
    let from_0 = r#"
{"pk": "order-1", "sk": "e0", "version": 0, "at": "2026-11-01T10:00:00Z"}
{"pk": "order-1", "sk": "e1", "version": 1, "at": "2026-11-01T10:00:01Z"}
{"pk": "order-1", "sk": "e2", "version": 2, "at": "2026-11-01T10:00:02Z"}
"#;
    let from_1 = r#"
{"pk": "order-2", "sk": "e1", "version": 1, "at": "2026-11-01T10:00:01Z"}
{"pk": "order-2", "sk": "e2", "version": 2, "at": "2026-11-01T10:00:02Z"}
"#;
    let both = format!("{}{from_1}", from_0.trim_end());
    let named = format!("first_version = 0\n{SOURCE}");
    check(
        SOURCE,
        from_0,
        &expect![[r#"
        3 items: 2 events, 0 skipped, 1 rejected
          e…: 2 0 1
        1 rejected: `version`, the event's version, is not a whole number from 1 to 999999999999999999
        - 1 of 3 items has version 0 (`version`), and versions count from 1: an item with version 0 is rejected; write `first_version = 0` in `[source]`
    "#]],
    );
    check(
        &named,
        from_0,
        &expect![[r#"
        3 items: 3 events, 0 skipped, 0 rejected
          e…: 3 0 0
    "#]],
    );
    check(
        &named,
        from_1,
        &expect![[r#"
        2 items: 2 events, 0 skipped, 0 rejected
          e…: 2 0 0
        - the versions of 1 of 1 aggregate don't count 0, 1, 2 …: `order-2` begins at version 1; write `first_version = 1` in `[source]`
    "#]],
    );
    // Some aggregates count from 0 and some from 1: then version 0 is no event, or the writers differ.
    check(
        SOURCE,
        &both,
        &expect![[r#"
        5 items: 4 events, 0 skipped, 1 rejected
          e…: 4 0 1
        1 rejected: `version`, the event's version, is not a whole number from 1 to 999999999999999999
        - 1 of 5 items has version 0 (`version`), and versions count from 1: an item with version 0 is rejected; let the writer count from 1
    "#]],
    );
    check(
        &named,
        &both,
        &expect![[r#"
        5 items: 5 events, 0 skipped, 0 rejected
          e…: 5 0 0
        - the versions of 1 of 2 aggregates don't count 0, 1, 2 …: `order-2` begins at version 1; a version that is not there is waited for, up to 60 s each time, and an event with more than 1000 versions missing before it is rejected; append each event on condition that it is the next (docs/ordering.md, "What is guaranteed"), or leave out what is no event
    "#]],
    );
}

/// As Python's `isoformat()` writes them.
#[test]
fn python_times_are_read() {
    let lines: String = (1..=300)
        .map(|n| {
            format!(
                r#"{{"pk": "order-1", "sk": "e{n:05}", "version": {n}, "at": "2025-06-01T10:00:00.{n:06}"}}"#
            ) + "\n"
        })
        .collect();
    check(
        SOURCE,
        &lines,
        &expect![[r#"
        300 items: 300 events, 0 skipped, 0 rejected
          e…: 300 0 0
    "#]],
    );
}

#[test]
fn ids_that_are_bytes_are_read() {
    check(
        &format!("id = \"eventId\"\n{SOURCE}"),
        r#"{"pk": {"B": "VQ6EAOKbQdSnFkRmVUQAAA=="}, "sk": {"N": "1"}, "version": {"N": "1"}, "at": {"S": "2026-11-01T00:00:00Z"}, "eventId": {"B": "VQ6EAOKbQdSnFkRmVUQAAQ=="}}"#,
        &expect![[r#"
            1 items: 1 events, 0 skipped, 0 rejected
              (number): 1 0 0
        "#]],
    );
}

/// The last aggregate of a page that is not all of the table may go on behind it.
#[test]
fn what_the_page_cuts_off_is_no_hole() {
    let lines = r#"
{"pk": "a", "sk": "x", "version": 1, "at": "2026-11-01T10:00:00Z"}
{"pk": "a", "sk": "y", "version": 2, "at": "2026-11-01T10:00:00Z"}
{"pk": "b", "sk": "x", "version": 3, "at": "2026-11-01T10:00:00Z"}
{"pk": "b", "sk": "y", "version": 7, "at": "2026-11-01T10:00:00Z"}
"#;
    let mut page = page(lines);
    check_page(
        SOURCE,
        &page,
        &expect![[r#"
        4 items: 4 events, 0 skipped, 0 rejected
          x: 2 0 0
          y: 2 0 0
        - the versions of 1 of 2 aggregates don't count 1, 2, 3 …: `b` begins at version 3; a version that is not there is waited for, up to 60 s each time, and an event with more than 1000 versions missing before it is rejected; append each event on condition that it is the next (docs/ordering.md, "What is guaranteed"), or leave out what is no event
    "#]],
    );
    page.is_whole = false;
    check_page(
        SOURCE,
        &page,
        &expect![[r#"
        4 items: 4 events, 0 skipped, 0 rejected
          x: 2 0 0
          y: 2 0 0
    "#]],
    );
}
