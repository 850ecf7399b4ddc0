//! Tables that hold heads, snapshots and profiles beside events, and no filter yet.

use expect_test::expect;

use super::{SOURCE, check, config, page, shown, with_line};
use crate::sample::{Sample, SampleFinding};

/// Events that count from 0; heads and snapshots have the number of an event.
const FROM_0: &str = r#"
{"pk": "ORDER#1", "sk": "EV#0000000000", "version": 0, "id": "a", "at": "2026-11-01T10:00:00Z"}
{"pk": "ORDER#1", "sk": "EV#0000000001", "version": 1, "id": "b", "at": "2026-11-01T10:00:01Z"}
{"pk": "ORDER#1", "sk": "EV#0000000002", "version": 2, "id": "c", "at": "2026-11-01T10:00:02Z"}
{"pk": "ORDER#1", "sk": "META", "version": 2, "at": "2026-11-01T10:00:02Z"}
{"pk": "ORDER#1", "sk": "SNAP#0000000002", "version": 2, "at": "2026-11-01T10:00:02Z"}
{"pk": "ORDER#2", "sk": "EV#0000000000", "version": 0, "id": "d", "at": "2026-11-01T10:00:00Z"}
{"pk": "ORDER#2", "sk": "META", "version": 0, "at": "2026-11-01T10:00:00Z"}
{"pk": "CUSTOMER#9", "sk": "PROFILE"}
"#;

/// Only heads and snapshots have the attribute `version`.
const IN_THE_SORT_KEY: &str = r#"
{"pk": "ORDER#1", "sk": "EV#0000000001", "id": "a", "at": "2026-11-01T10:00:00Z"}
{"pk": "ORDER#1", "sk": "EV#0000000002", "id": "b", "at": "2026-11-01T10:00:01Z"}
{"pk": "ORDER#1", "sk": "EV#0000000003", "id": "c", "at": "2026-11-01T10:00:02Z"}
{"pk": "ORDER#1", "sk": "META", "version": 3, "at": "2026-11-01T10:00:02Z"}
{"pk": "ORDER#1", "sk": "SNAP#0000000002", "version": 2, "at": "2026-11-01T10:00:02Z"}
"#;

#[test]
fn first_events_with_version_0_are_kept_beside_heads() {
    check(
        SOURCE,
        FROM_0,
        &expect![[r#"
        8 items: 4 events, 0 skipped, 4 rejected
          EV#…: 2 0 2
          META: 1 0 1
          SNAP#…: 1 0 0
          PROFILE: 0 0 1
        3 rejected: `version`, the event's version, is not a whole number from 1 to 999999999999999999
        1 rejected: the event lacks `version`, its version; `[source]` in `client-queues.toml` says where it is
        - 3 of 8 items have version 0 (`version`), and versions count from 1: an item with version 0 is rejected; write `first_version = 0` in `[source]`
        - 1 of 8 items has no version at `version`, and would be rejected: `PROFILE` 1; if they are no events, write `sk = [{ anything-but = ["PROFILE"] }]` in `[source.filter]`
        - 2 versions are used by two items of one aggregate, of which clients get one: version 2 of `ORDER#1` by `EV#0000000002` and `META`; if these are no events (`META` 1, `SNAP#…` 1), write `sk = [{ prefix = "EV#" }]` in `[source.filter]`
    "#]],
    );
    // Only the head has version 0.
    check(
        SOURCE,
        r#"
{"pk": "ORDER#1", "sk": "EV#0000000001", "version": 1, "at": "2026-11-01T10:00:00Z"}
{"pk": "ORDER#1", "sk": "EV#0000000002", "version": 2, "at": "2026-11-01T10:00:01Z"}
{"pk": "ORDER#1", "sk": "META", "version": 2, "at": "2026-11-01T10:00:01Z"}
{"pk": "ORDER#2", "sk": "META", "version": 0, "at": "2026-11-01T10:00:01Z"}
"#,
        &expect![[r#"
            4 items: 3 events, 0 skipped, 1 rejected
              EV#…: 2 0 0
              META: 1 0 1
            1 rejected: `version`, the event's version, is not a whole number from 1 to 999999999999999999
            - 1 of 4 items has version 0 (`version`), and versions count from 1: an item with version 0 is rejected; let the writer count from 1
            - a version is used by two items of one aggregate, of which clients get one: version 2 of `ORDER#1` by `EV#0000000002` and `META`; if these are no events (`META` 1), write `sk = [{ prefix = "EV#" }]` in `[source.filter]`
        "#]],
    );
    // The first events are of a kind of their own: a line that leaves out the snapshots has to keep them.
    check(
        SOURCE,
        r#"
{"pk": "ORDER#1", "sk": "CREATED#0", "version": 0, "at": "2026-11-01T10:00:00Z"}
{"pk": "ORDER#1", "sk": "EV#1", "version": 1, "at": "2026-11-01T10:00:00Z"}
{"pk": "ORDER#1", "sk": "EV#2", "version": 2, "at": "2026-11-01T10:00:01Z"}
{"pk": "ORDER#1", "sk": "SNAP", "version": 2, "at": "2026-11-01T10:00:01Z"}
"#,
        &expect![[r#"
            4 items: 3 events, 0 skipped, 1 rejected
              EV#…: 2 0 0
              CREATED#…: 0 0 1
              SNAP: 1 0 0
            1 rejected: `version`, the event's version, is not a whole number from 1 to 999999999999999999
            - 1 of 4 items has version 0 (`version`), and versions count from 1: an item with version 0 is rejected; let the writer count from 1
            - a version is used by two items of one aggregate, of which clients get one: version 2 of `ORDER#1` by `EV#2` and `SNAP`; if these are no events (`SNAP` 1), write `sk = [{ anything-but = ["SNAP"] }]` in `[source.filter]`
        "#]],
    );
}

#[test]
fn items_of_other_kinds_without_an_id_are_left_out_by_the_filter() {
    let with_id = format!("id = \"id\"\n{SOURCE}");
    check(
        &with_id,
        FROM_0,
        &expect![[r#"
        8 items: 2 events, 0 skipped, 6 rejected
          EV#…: 2 0 2
          META: 0 0 2
          SNAP#…: 0 0 1
          PROFILE: 0 0 1
        3 rejected: `version`, the event's version, is not a whole number from 1 to 999999999999999999
        2 rejected: the event lacks `id`, its id; `[source]` in `client-queues.toml` says where it is
        1 rejected: the event lacks `version`, its version; `[source]` in `client-queues.toml` says where it is
        - 3 of 8 items have version 0 (`version`), and versions count from 1: an item with version 0 is rejected; write `first_version = 0` in `[source]`
        - 1 of 8 items has no version at `version`, and would be rejected: `PROFILE` 1; if they are no events, write `sk = [{ anything-but = ["PROFILE"] }]` in `[source.filter]`
        - 2 of 4 events have no id that can be sent (`id`), and would be rejected: `META` 1, `SNAP#…` 1; if they are no events, write `sk = [{ prefix = "EV#" }]` in `[source.filter]`
    "#]],
    );
    // An event without an id, too.
    check(
        &with_id,
        r#"
{"pk": "a", "sk": "EV#1", "version": 1, "id": "a", "at": "2026-11-01T10:00:00Z"}
{"pk": "a", "sk": "EV#2", "version": 2, "at": "2026-11-01T10:00:00Z"}
{"pk": "a", "sk": "META", "version": 3, "at": "2026-11-01T10:00:00Z"}
"#,
        &expect![[r#"
            3 items: 1 events, 0 skipped, 2 rejected
              EV#…: 1 0 1
              META: 0 0 1
            2 rejected: the event lacks `id`, its id; `[source]` in `client-queues.toml` says where it is
            - 2 of 3 events have no id that can be sent (`id`), and would be rejected: `EV#…` 1, `META` 1; if these are no events (`META` 1), write `sk = [{ prefix = "EV#" }]` in `[source.filter]`
        "#]],
    );
    check(
        &with_id,
        r#"
{"pk": "a", "sk": "EV#1", "version": 1, "id": "a", "at": "2026-11-01T10:00:00Z"}
{"pk": "a", "sk": "EV#2", "version": 2, "at": "2026-11-01T10:00:00Z"}
"#,
        &expect![[r#"
            2 items: 1 events, 0 skipped, 1 rejected
              EV#…: 1 0 1
            1 rejected: the event lacks `id`, its id; `[source]` in `client-queues.toml` says where it is
            - 1 of 2 events has no id that can be sent (`id`), and would be rejected: `EV#…` 1; let the writer give each event an id
        "#]],
    );
    // No item has an id at the place; events have one elsewhere.
    check(
        &with_id,
        r#"
{"pk": "a", "sk": "EV#1", "version": 1, "eventId": "a", "at": "2026-11-01T10:00:00Z"}
{"pk": "a", "sk": "EV#2", "version": 2, "eventId": "b", "at": "2026-11-01T10:00:00Z"}
{"pk": "a", "sk": "META", "version": 2, "at": "2026-11-01T10:00:00Z"}
"#,
        &expect![[r#"
            3 items: 0 events, 0 skipped, 3 rejected
              EV#…: 0 0 2
              META: 0 0 1
            3 rejected: the event lacks `id`, its id; `[source]` in `client-queues.toml` says where it is
            - 3 of 3 events have no id that can be sent (`id`), and would be rejected; write `id = "eventId"` in `[source]`
        "#]],
    );
}

#[test]
fn a_place_that_counts_for_more_items_comes_before_a_filter() {
    check(
        SOURCE,
        IN_THE_SORT_KEY,
        &expect![[r#"
            5 items: 2 events, 0 skipped, 3 rejected
              EV#…: 0 0 3
              META: 1 0 0
              SNAP#…: 1 0 0
            3 rejected: the event lacks `version`, its version; `[source]` in `client-queues.toml` says where it is
            - 3 of 5 items have no version at `version`; at `sk after EV#`, 3 of them count 1, 2, 3 …; if these are the events, write `version = { path = "sk", after = "EV#" }` in `[source]`
        "#]],
    );
    // The place is right, though most items are of another kind, which counts too.
    check(
        SOURCE,
        r#"
{"pk": "a", "sk": "EV#1", "version": 1, "at": "2026-11-01T10:00:00Z"}
{"pk": "a", "sk": "EV#2", "version": 2, "at": "2026-11-01T10:00:00Z"}
{"pk": "a", "sk": "LINE#1"}
{"pk": "a", "sk": "LINE#2"}
{"pk": "a", "sk": "LINE#3"}
"#,
        &expect![[r#"
            5 items: 2 events, 0 skipped, 3 rejected
              LINE#…: 0 0 3
              EV#…: 2 0 0
            3 rejected: the event lacks `version`, its version; `[source]` in `client-queues.toml` says where it is
            - 3 of 5 items have no version at `version`, and would be rejected: `LINE#…` 3; if they are no events, write `sk = [{ prefix = "EV#" }]` in `[source.filter]`
        "#]],
    );
}

#[test]
fn text_behind_the_digits_of_a_version_is_named() {
    let events = r#"
{"pk": "a", "sk": "EV#0001#6f1c", "at": "2026-11-01T10:00:00Z"}
{"pk": "a", "sk": "EV#0002#07d2", "at": "2026-11-01T10:00:00Z"}
"#;
    let head = r#"{"pk": "a", "sk": "META", "version": 2, "at": "2026-11-01T10:00:00Z"}"#;
    check(
        &SOURCE.replace("\"version\"", "\"sk\""),
        events,
        &expect![[r#"
        2 items: 0 events, 0 skipped, 2 rejected
          EV#…: 0 0 2
        2 rejected: `sk`, the event's version, is not a whole number from 1 to 999999999999999999
        - none of 2 items has a version at `sk`; text follows the digits of the version (`EV#0001#…`): the digits must end the value; write the version to an attribute of its own
    "#]],
    );
    check(
        &SOURCE.replace("\"version\"", "{ path = \"sk\", after = \"EV#\" }"),
        events,
        &expect![[r#"
        2 items: 0 events, 0 skipped, 2 rejected
          EV#…: 0 0 2
        2 rejected: `sk`, the event's version, is not a whole number from 1 to 999999999999999999 behind `EV#`
        - none of 2 items has a version at `sk after EV#`; text follows the digits of the version (`EV#0001#…`): the digits must end the value; write the version to an attribute of its own
    "#]],
    );
    check(
        SOURCE,
        &format!("{events}{head}"),
        &expect![[r#"
            3 items: 1 events, 0 skipped, 2 rejected
              EV#…: 0 0 2
              META: 1 0 0
            2 rejected: the event lacks `version`, its version; `[source]` in `client-queues.toml` says where it is
            - 2 of 3 items have no version at `version`, and would be rejected: `EV#…` 2; text follows the digits of the version (`EV#0001#…`): the digits must end the value; write the version to an attribute of its own
        "#]],
    );
    // A time is no version.
    check(
        &SOURCE.replace("\"version\"", "\"sk\""),
        r#"
{"pk": "a", "sk": "EV#2026-11-01T10:00:00Z", "at": "2026-11-01T10:00:00Z"}
{"pk": "a", "sk": "EV#2026-11-01T10:00:01Z", "at": "2026-11-01T10:00:01Z"}
"#,
        &expect![[r#"
            2 items: 0 events, 0 skipped, 2 rejected
              EV#…: 0 0 2
            2 rejected: `sk`, the event's version, is not a whole number from 1 to 999999999999999999
            - none of 2 items has a version at `sk`; name the attribute that counts each aggregate's events; if there is none: docs/ordering.md, "My events have no version"
        "#]],
    );
}

/// The config at the end, where the operator writes each time the line of the finding that `pick` takes.
fn followed(
    text: &str,
    lines: &str,
    pick: fn(&[SampleFinding]) -> Option<&SampleFinding>,
) -> (String, Sample) {
    let mut text = text.to_owned();
    for _ in 0..9 {
        let sample = Sample::new(&config(&text), &page(lines));
        let Some(finding) = pick(&sample.findings) else { return (text, sample) };
        let line = finding.line.as_ref().unwrap_or_else(|| panic!("{text}\n{}", shown(&sample)));
        text = with_line(&text, line);
    }
    panic!("no end:\n{text}");
}

/// Whoever follows all findings in turn has all events, and nothing else.
#[test]
fn remedies_in_turn_lead_to_all_events_and_to_no_other_item() {
    let without_version =
        |lines: String, n: u8| lines.replace(&format!("\"version\": {n}, \"id\""), "\"id\"");
    let none_at_the_place = (0..3).fold(FROM_0.to_owned(), without_version);
    let with_status =
        FROM_0.replace("\"PROFILE\"", "\"PROFILE\", \"version\": 1, \"at\": \"2026-11-01T10:00:02Z\"");
    let with_id = format!("id = \"id\"\n{SOURCE}");
    let filtered = format!("{SOURCE}[source.filter]\nsk = [{{ anything-but = [\"PROFILE\"] }}]\n");
    for text in [SOURCE, with_id.as_str(), filtered.as_str()] {
        for lines in [FROM_0, IN_THE_SORT_KEY, none_at_the_place.as_str(), with_status.as_str()] {
            for pick in [<[_]>::first, <[_]>::last] {
                let (text, sample) = followed(text, lines, pick);
                for kind in &sample.kinds {
                    let is_event = kind.sort_key == "EV#…";
                    let others =
                        if is_event { kind.skipped + kind.rejected } else { kind.events + kind.rejected };
                    assert_eq!(others, 0, "{text}\n{}", shown(&sample));
                }
            }
        }
    }
}
