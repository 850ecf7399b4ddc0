//! What `[source]` and `[sending]` may hold.

use expect_test::expect;

use super::*;

#[test]
fn attributes_must_be_named() {
    check(
        &[
            ("partition_key = 'mark'", "partition_key = ''"),
            ("sort_key = 'createTime'", "sort_key = ''"),
            ("id = 'eventId'", "id = ''"),
            ("name = 'eventName'", "name = ''"),
            ("\ntime = 'createTime'", "\ntime = ''"),
            ("partition_key = 'mark'\n", ""),
            ("sort_key = 'createTime'\n", ""),
            ("\ntime = 'createTime'", "\ntime = 'a..b'"),
            ("version = 'RegistrationNumber.version'\n", ""),
            ("sort_key = 'createTime'", "sort_key = 'mark'"),
            ("RegistrationNumber.version", ""),
            ("RegistrationNumber.version", "a..b"),
            ("RegistrationNumber.version", ".a"),
            ("RegistrationNumber.version", "a."),
            ("'RegistrationNumber.version'", "7"),
            ("'RegistrationNumber.version'", "{ after = 'EVENT#' }"),
            ("'RegistrationNumber.version'", "{ path = 'a..b', after = 'EVENT#' }"),
            ("'RegistrationNumber.version'", "{ path = 'sk', after = '' }"),
            ("'RegistrationNumber.version'", "{ path = 'sk', before = 'x' }"),
        ],
        expect![[r#"
            f.toml:2: source.partition_key: is empty; name an attribute of the event table
            f.toml:3: source.sort_key: is empty; name an attribute of the event table
            f.toml:4: source.id: `` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
            f.toml:5: source.name: `` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
            f.toml:6: source.time: `` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
            f.toml:1: source.partition_key: missing; name an attribute of the event table
            f.toml:1: source.sort_key: missing; name the table's sort key, by which an aggregate's events differ
            f.toml:6: source.time: `a..b` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
            f.toml:1: source.version: missing; name the attribute that numbers an aggregate's events, or, if yours have no number, count on condition from now on: docs/ordering.md says how under "My events have no version"
            f.toml:3: source.sort_key: is the partition key too; name the other key of the table
            f.toml:7: source.version: `` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
            f.toml:7: source.version: `a..b` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
            f.toml:7: source.version: `.a` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
            f.toml:7: source.version: `a.` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
            f.toml:7: source.version: is a whole number; write text in quotes, or `{ path = "…", after = "…" }`
            f.toml:7: source.version.path: missing; name the attribute that the version is in
            f.toml:7: source.version: `a..b` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
            f.toml:7: source.version.after: is empty; leave it out
            f.toml:7: source.version.before: unknown key; known here are `path`, `after`
        "#]],
    );
}

#[test]
fn keys_that_are_gone_are_refused_with_the_reason() {
    check(
        &[
            ("id = 'eventId'", "group = 'mark'\nid = 'eventId'"),
            ("id = 'eventId'", "group = 'owner'\nid = 'eventId'"),
            ("allowed_accounts", "changes = ['INSERT']\nallowed_accounts"),
            ("allowed_accounts", "changes = 7\nallowed_accounts"),
        ],
        expect![[r#"
            f.toml:4: source.group: is gone: events with the same partition key are a group, because what is missing of a group is read from its partition; delete the line
            f.toml:4: source.group: is gone: events with the same partition key are a group, because what is missing of a group is read from its partition; delete the line
            f.toml:8: source.changes: is gone: a new item (`INSERT`) is an event and nothing else is, because an item that is written over would have the same version twice; delete the line
            f.toml:8: source.changes: is gone: a new item (`INSERT`) is an event and nothing else is, because an item that is written over would have the same version twice; delete the line
        "#]],
    );
}

#[test]
fn requests_in_flight_has_a_range() {
    for (written, requests) in [("1", 1), ("50", 50), ("0x10", 16), ("1_0", 10)] {
        let text = edited("requests_in_flight = 6", &format!("requests_in_flight = {written}"));
        assert_eq!(read(&text, None).unwrap().requests_in_flight, requests);
    }
    for written in ["0", "51", "-1", "9223372036854775807", "99999999999999999999999999999999999999999999"] {
        let text = edited("requests_in_flight = 6", &format!("requests_in_flight = {written}"));
        let findings = read(&text, None).unwrap_err();
        assert_eq!(
            findings,
            "f.toml:11: sending.requests_in_flight: is not among 1 to 50; leave it out for 6, \
             enough for a queue without high throughput"
        );
    }
}

#[test]
fn a_filter_is_a_pattern_whose_findings_name_their_line() {
    let text = |filter: &str| format!("{}\n[source.filter]\n{filter}\n", edited("id", "id"));
    let read_filter =
        |filter: &str| read(&text(filter), None).map(|config| config.source.filter.unwrap().to_string());
    assert_eq!(
        read_filter("sk = [{ prefix = 'EVENT#' }]\nprice = [{ numeric = ['>=', 100.50] }]").unwrap(),
        r#"{"price":[{"numeric":[">=",100.50]}],"sk":[{"prefix":"EVENT#"}]}"#
    );
    let findings = read_filter("sk = [{ prefxi = 'EVENT#' }]\ntype = 'event'").unwrap_err();
    let lines: Vec<&str> = findings.lines().collect();
    assert_eq!(lines.len(), 2, "{findings}");
    assert!(lines[0].contains(": source.filter.sk") && lines[0].contains("prefix"), "{findings}");
    assert!(lines[1].contains(": source.filter.type: "), "{findings}");
    assert_eq!(read(&edited("id", "id"), None).unwrap().source.filter, None);
}

#[test]
fn an_item_has_no_message_to_ask_about() {
    let text = |filter: &str| format!("{}\n[source.filter]\n{filter}\n", edited("id", "id"));
    let first = text("").lines().count();
    for (filter, line) in [
        ("sk = ['A']\n'$message'.eventName = ['B']", first + 1),
        ("'$or' = [{ a = [1] }, { '$message' = { eventName = ['B'] } }]", first - 1),
    ] {
        assert_eq!(
            read(&text(filter), None).unwrap_err(),
            format!(
                "f.toml:{line}: source.filter.$message: is about an event's message, and an item has none before it is \
                 an event; name the item's attribute"
            )
        );
    }
}

#[test]
fn scan_read_units_has_a_range() {
    let text =
        |written: &str| edited("id = 'eventId'", &format!("id = 'eventId'\nscan_read_units = {written}"));
    assert_eq!(read(&edited("id", "id"), None).unwrap().scan_read_units, 25);
    assert_eq!(read(&text("100000"), None).unwrap().scan_read_units, 100_000);
    for written in ["0", "-1", "100001"] {
        assert_eq!(
            read(&text(written), None).unwrap_err(),
            "f.toml:5: source.scan_read_units: is not among 1 to 100000; leave it out for 25, which scans about 17 GB \
             a day"
        );
    }
}

#[test]
fn versions_count_from_0_or_1() {
    let text =
        |written: &str| edited("id = 'eventId'", &format!("id = 'eventId'\nfirst_version = {written}"));
    let first = |text: &str| read(text, None).unwrap().source.version.first;
    assert_eq!((first(&edited("id", "id")), first(&text("1")), first(&text("0"))), (1, 1, 0));
    for (written, problem) in [
        ("-1", "is neither 0 nor 1; leave it out if an aggregate's first event has version 1"),
        ("2", "is neither 0 nor 1; leave it out if an aggregate's first event has version 1"),
        ("'0'", "is text; write a whole number without quotes"),
    ] {
        assert_eq!(
            read(&text(written), None).unwrap_err(),
            format!("f.toml:5: source.first_version: {problem}")
        );
    }
}
