//! What `[source]` and `[sending]` may say.

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
            ("group = 'mark'\n", ""),
            ("sort_key = 'createTime'", "sort_key = 'mark'"),
            ("RegistrationNumber.version", ""),
            ("RegistrationNumber.version", "a..b"),
            ("RegistrationNumber.version", ".a"),
            ("RegistrationNumber.version", "a."),
        ],
        expect![[r#"
    f.toml:2: source.partition_key: is empty; name an attribute of the event table
    f.toml:3: source.sort_key: is empty; name an attribute of the event table
    f.toml:5: source.id: is empty; name an attribute of the event table
    f.toml:6: source.name: is empty; name an attribute of the event table
    f.toml:7: source.time: is empty; name an attribute of the event table
    f.toml:1: source.partition_key: missing; name an attribute of the event table
    f.toml:1: source.group: missing; name an attribute of the event table
    f.toml:3: source.sort_key: is the partition key too; name the other key of the table
    f.toml:8: source.version: `` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
    f.toml:8: source.version: `a..b` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
    f.toml:8: source.version: `.a` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
    f.toml:8: source.version: `a.` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
"#]],
    );
}

#[test]
fn version_needs_what_the_ledger_stands_on() {
    check(
        &[
            ("\ntime = 'createTime'", ""),
            ("sort_key = 'createTime'\n", ""),
            ("['INSERT']", "['MODIFY']"),
            ("['INSERT']", "['INSERT', 'MODIFY']"),
            ("group = 'mark'", "group = 'owner'"),
        ],
        expect![[r#"
    f.toml:7: source.version: needs `time`, which tells an aggregate's lives apart; name the attribute of the event's time
    f.toml:7: source.version: needs `sort_key`, which tells an aggregate's events apart; name the table's sort key
    f.toml:9: source.changes: with `version` only new items are events; write `["INSERT"]`, or leave `version` out
    f.toml:9: source.changes: with `version` only new items are events; write `["INSERT"]`, or leave `version` out
    f.toml:4: source.group: with `version` the events of a group are read from its partition; write `mark`, or leave `version` out
"#]],
    );
}

#[test]
fn changes_are_named_once() {
    check(
        &[
            ("['INSERT']", "[]"),
            ("['INSERT']", "['insert']"),
            ("['INSERT']", "['INSERT', 'TTL']"),
            ("['INSERT']", "[\n  'INSERT',\n  'REMOVE',\n]"),
            ("['INSERT']", "[\n  'INSERT',\n  'INSERT',\n]"),
        ],
        expect![[r#"
    f.toml:9: source.changes: is empty, so nothing would be an event; write `["INSERT"]`
    f.toml:9: source.changes: `insert` is not a change; did you mean `INSERT`?
    f.toml:9: source.changes: `TTL` is not a change; known are `INSERT` and `MODIFY`
    f.toml:11: source.changes: `REMOVE` cannot be an event, for the stream shows no new image of a removed item; leave it out, and append an event that tells of the removal
    f.toml:11: source.changes: `INSERT` is repeated; name it once
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
            "f.toml:13: sending.requests_in_flight: is not among 1 to 50; leave it out for 6, \
             enough for a queue without high throughput"
        );
    }
}
