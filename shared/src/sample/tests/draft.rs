//! First configs for people's tables.

use expect_test::expect;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::config::ClientName;
use crate::sample::{DraftConfig, DraftTable};

/// The draft for the table of `page`.
pub(super) fn drafted(partition_key: &str, sort_key: &str, page: &SampledPage) -> DraftConfig {
    let table = DraftTable { name: "Events", partition_key, sort_key };
    DraftConfig::try_new(table, &ClientName::try_new("Example").unwrap(), page).unwrap()
}

/// Checks what holds for any draft: it reads the sample's events, or says that it doesn't know how; what is wrong
/// nevertheless stands in the text.
pub(super) fn check(draft: &DraftConfig, page: &SampledPage) {
    let DraftConfig { text, config, sample, unknown } = draft;
    assert_eq!(Config::try_from_toml("f.toml", text, None).as_ref(), Ok(config), "{text}");
    assert_eq!(*sample, Sample::new(config, page));
    let words =
        |text: &str| text.split_whitespace().filter(|word| *word != "#").collect::<Vec<_>>().join(" ");
    let is_explained =
        unknown.iter().any(|why| why.contains("an event's number")) || !sample.findings.is_empty();
    assert!(is_explained || sample.events > 0, "{text}{}", shown(sample));
    for finding in &sample.findings {
        assert!(words(text).contains(&words(&finding.problem)), "{text}\n{finding:?}");
    }
}

/// The lines of the draft, without comments and what each has; what it doesn't know; what is wrong.
fn check_settings(keys: [&str; 2], lines: &str, expected: &Expect) {
    let page = page(lines);
    let draft = drafted(keys[0], keys[1], &page);
    check(&draft, &page);
    let is_of_each = |line: &&str| {
        ["#", "partition_key", "sort_key", "allowed_accounts", "[source]", "[[client]]", "name = \"Example\""]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let settings = draft.text.lines().filter(|line| !line.is_empty() && !is_of_each(line));
    let mut text = settings.map(|line| format!("{line}\n")).collect::<String>();
    for why in &draft.unknown {
        writeln!(text, "? {}", why.split([';', '.', '(']).next().unwrap().trim_end()).unwrap();
    }
    for finding in &draft.sample.findings {
        writeln!(text, "! {}", finding.problem).unwrap();
    }
    expected.assert_eq(&text);
}

const KEYS: [&str; 2] = ["pk", "sk"];

#[test]
fn the_text_of_a_draft_teaches() {
    let page = page(
        r#"
{"pk": "ORDER#1", "sk": "EVENT#0000000001", "seqNum": 1, "occurredAt": "2026-11-01T10:00:00Z", "eventType": "Placed"}
{"pk": "ORDER#1", "sk": "EVENT#0000000002", "seqNum": 2, "occurredAt": "2026-11-01T10:00:01Z", "eventType": "Paid"}
{"pk": "ORDER#1", "sk": "META", "currentSeq": 2, "entity": "AggregateMeta"}
{"pk": "ORDER#1", "sk": "SNAPSHOT#0000000002", "atSeq": 2, "entity": "Snapshot"}
{"pk": "CUSTOMER#9", "sk": "PROFILE", "entity": "Customer"}
"#,
    );
    expect![[r##"
        # Where the events of the table `Events` come from, and who receives them. Written by `fanoutctl init` from 5 items of
        # the table: look at each line. docs/configuration.md explains every key, and `fanoutctl validate --sample FILE` shows
        # how items are read.

        [source]
        # The table's keys. Events with the same value of the partition key stay in order.
        partition_key = "pk"
        sort_key = "sk"
        # NOT KNOWN: which attribute is the event's own id (`id = "…"`). Without it a sort key must be used once in an
        # aggregate, also after that was erased
        # The event's name.
        name = "eventType"
        # The event's time, as in "2026-11-01T10:00:00Z", with an offset.
        time = "occurredAt"
        # The event's number inside its aggregate. In the sample it counts 1, 2, 3 ….
        version = "seqNum"
        # The accounts of existing queues (`queue_arn`) that may receive events; queues of the stack need no entry.
        allowed_accounts = []

        # Which items are events. Left out, by the beginning of the sort key: `META` (1), `SNAPSHOT#…` (1), `PROFILE` (1).
        # If one of them is an event, change this.
        [source.filter]
        sk = [{ prefix = "EVENT#" }]

        # A client: a team that receives events. The stack makes a queue for it, or it brings one along. `fanoutctl client add
        # NAME` writes another, with `--history` for all that the table has, or `--filter` for some of it.

        [[client]]
        name = "Example"
    "##]].assert_eq(&drafted("pk", "sk", &page).text);
    let empty = SampledPage { is_whole: true, ..SampledPage::default() };
    expect![[r##"
        # Where the events of the table `Events` come from, and who receives them. Written by `fanoutctl init` from 0 items of
        # the table: look at each line. docs/configuration.md explains every key, and `fanoutctl validate --sample FILE` shows
        # how items are read.

        [source]
        # The table's keys. Events with the same value of the partition key stay in order.
        partition_key = "pk"
        sort_key = "sk"
        # NOT KNOWN: which attribute is the event's own id (`id = "…"`). Without it a sort key must be used once in an
        # aggregate, also after that was erased
        # NOT KNOWN: which attribute is the event's name (`name = "…"`). Without it messages carry none
        # NOT KNOWN: which attribute is the event's time (`time = "…"`). Without it an event's age isn't known
        # (docs/ordering.md, "Events without times")
        # NOT KNOWN: where an event's number is: the table has no items yet; `version` is a guess
        version = "version"
        # The accounts of existing queues (`queue_arn`) that may receive events; queues of the stack need no entry.
        allowed_accounts = []

        # A client: a team that receives events. The stack makes a queue for it, or it brings one along. `fanoutctl client add
        # NAME` writes another, with `--history` for all that the table has, or `--filter` for some of it.

        [[client]]
        name = "Example"
    "##]].assert_eq(&drafted("pk", "sk", &empty).text);
}

#[test]
fn heads_and_entities_are_left_out() {
    check_settings(
        ["_pk", "_sk"],
        r#"
{"_pk": "Average/1", "_sk": "INBOUND/Add/1", "_seq": 1, "_typ": "Add", "_date": "2026-11-30T07:59:51Z"}
{"_pk": "Average/1", "_sk": "INBOUND/Sub/2", "_seq": 2, "_typ": "Sub", "_date": "2026-11-30T07:59:51Z"}
{"_pk": "Average/1", "_sk": "STATE", "_seq": 2, "_typ": "State", "_date": "2026-11-30T07:59:51Z"}
"#,
        &expect![[r#"
            name = "_typ"
            time = "_date"
            version = "_seq"
            [source.filter]
            _sk = [{ prefix = "INBOUND/" }]
            ? which attribute is the event's own id
        "#]],
    );
    // An entity with a version against lost updates.
    check_settings(
        KEYS,
        r#"
{"pk": "CUST#1", "sk": "PROFILE", "version": 4, "at": "2026-11-30T07:59:01Z"}
{"pk": "CUST#1", "sk": "ADDRESS#1", "version": 7, "at": "2026-11-30T07:59:01Z"}
{"pk": "order-1", "sk": "e1", "version": 1, "at": "2026-11-30T07:59:01Z"}
{"pk": "order-1", "sk": "e2", "version": 2, "at": "2026-11-30T07:59:01Z"}
"#,
        &expect![[r#"
            time = "at"
            version = "version"
            [source.filter]
            sk = [{ prefix = "e" }]
            ? which attribute is the event's own id
            ? which attribute is the event's name
        "#]],
    );
}

/// A kind that is left out by mistake is missing for every client.
#[test]
fn what_may_be_events_is_not_left_out() {
    // With so few events nothing shows what counts.
    check_settings(
        KEYS,
        r#"
{"pk": "CUST#1", "sk": "PROFILE", "version": 1, "at": "2026-11-30T07:59:01Z"}
{"pk": "CUST#1", "sk": "ADDRESS#1", "version": 1, "at": "2026-11-30T07:59:01Z"}
{"pk": "order-1", "sk": "e1", "version": 1, "at": "2026-11-30T07:59:01Z"}
"#,
        &expect![[r#"
            time = "at"
            version = "version"
            ? whether `version` counts 1, 2, 3 …: no aggregate of the sample shows it
            ? which attribute is the event's own id
            ? which attribute is the event's name
            ! a version is used by two items of one aggregate, of which clients get one: version 1 of `CUST#1` by `PROFILE` and `ADDRESS#1`
        "#]],
    );
    // Which of two has the version is for a person to say.
    check_settings(
        KEYS,
        r#"
{"pk": "a", "sk": "Created#1", "version": 1}
{"pk": "a", "sk": "Paid#2", "version": 2}
{"pk": "a", "sk": "Sent#2", "version": 2}
{"pk": "a", "sk": "Closed#4", "version": 4}
"#,
        &expect![[r#"
            version = "version"
            ? whether `version` counts 1, 2, 3 …: no aggregate of the sample shows it
            ? which attribute is the event's own id
            ? which attribute is the event's name
            ? which attribute is the event's time
            ! a version is used by two items of one aggregate, of which clients get one: version 2 of `a` by `Paid#2` and `Sent#2`
            ! the versions of 1 of 1 aggregate don't count 1, 2, 3 …: `a` goes from version 2 to 4
        "#]],
    );
    // One version was removed.
    check_settings(
        KEYS,
        r#"
{"pk": "a", "sk": "Created#1", "version": 1}
{"pk": "a", "sk": "Changed#3", "version": 3}
{"pk": "b", "sk": "Created#1", "version": 1}
{"pk": "b", "sk": "Changed#2", "version": 2}
"#,
        &expect![[r#"
            version = "version"
            ? which attribute is the event's own id
            ? which attribute is the event's name
            ? which attribute is the event's time
            ! the versions of 1 of 2 aggregates don't count 1, 2, 3 …: `a` goes from version 1 to 3
        "#]],
    );
    // Some have an id.
    check_settings(
        KEYS,
        r#"
{"pk": "a", "sk": "Created#1", "version": 1, "id": "x"}
{"pk": "a", "sk": "Changed#2", "version": 2, "id": "y"}
{"pk": "a", "sk": "Closed#3", "version": 3}
"#,
        &expect![[r#"
            version = "version"
            ? which attribute is the event's own id
            ? which attribute is the event's name
            ? which attribute is the event's time
        "#]],
    );
}

#[test]
fn versions_are_found_however_they_are_written() {
    // They count from 0.
    check_settings(
        KEYS,
        r#"
{"pk": "order-1", "sk": "e0", "version": 0, "at": "2026-11-30T07:59:00Z"}
{"pk": "order-1", "sk": "e1", "version": 1, "at": "2026-11-30T07:59:01Z"}
{"pk": "order-1", "sk": "e2", "version": 2, "at": "2026-11-30T07:59:02Z"}
"#,
        &expect![[r#"
            time = "at"
            version = "version"
            first_version = 0
            ? which attribute is the event's own id
            ? which attribute is the event's name
        "#]],
    );
    // As text in the sort key, behind what all events have.
    check_settings(
        KEYS,
        r#"
{"pk": "order-1", "sk": "EVENT#0000000001", "eventId": "a", "at": 1764489600}
{"pk": "order-1", "sk": "EVENT#0000000002", "eventId": "b", "at": 1764489601}
{"pk": "order-2", "sk": "EVENT#0000000001", "eventId": "c", "at": 1764489602}
"#,
        &expect![[r#"
            id = "eventId"
            time = "at"
            version = { path = "sk", after = "EVENT#" }
            ? which attribute is the event's name
        "#]],
    );
    // In aggregates of one event each.
    check_settings(
        KEYS,
        "{\"pk\": \"order-1\", \"sk\": \"0000000001\"}\n{\"pk\": \"order-2\", \"sk\": \"0000000001\"}\n",
        &expect![[r#"
            version = "sk"
            ? whether `sk` counts 1, 2, 3 …: no aggregate of the sample shows it
            ? which attribute is the event's own id
            ? which attribute is the event's name
            ? which attribute is the event's time
        "#]],
    );
    // Inside of a map, beside a number that counts by chance, and a version of the event's form.
    check_settings(
        KEYS,
        r#"
{"pk": "a", "sk": "x", "meta": {"sequence": 1}, "quantity": 1, "schemaVersion": 1}
{"pk": "a", "sk": "y", "meta": {"sequence": 2}, "quantity": 2, "schemaVersion": 1}
{"pk": "a", "sk": "z", "meta": {"sequence": 3}, "quantity": 2, "schemaVersion": 1}
"#,
        &expect![[r#"
            version = "meta.sequence"
            ? which attribute is the event's own id
            ? which attribute is the event's name
            ? which attribute is the event's time
        "#]],
    );
    // Nowhere.
    check_settings(
        KEYS,
        r#"
{"pk": "a", "sk": "2026-11-30T07:59:01Z", "price": 17}
{"pk": "a", "sk": "2026-11-30T07:59:02Z", "price": 4}
"#,
        &expect![[r#"
            version = "version"
            ? where an event's number is: `version` is a guess
            ? which attribute is the event's own id
            ? which attribute is the event's name
            ? which attribute is the event's time
            ! none of 2 items has a version at `version`
        "#]],
    );
}

#[test]
fn what_is_wrong_with_the_events_is_said() {
    // Two writers.
    check_settings(
        KEYS,
        r#"
{"pk": "order-1", "sk": "e1", "version": 1, "at": "2026-11-30T07:59:00Z"}
{"pk": "order-1", "sk": "e2a", "version": 2, "at": "2026-11-30T07:59:01Z"}
{"pk": "order-1", "sk": "e2b", "version": 2, "at": "2026-11-30T07:59:01Z"}
{"pk": "order-1", "sk": "e3", "version": 3, "at": "2026-11-30T07:59:02Z"}
"#,
        &expect![[r#"
            time = "at"
            version = "version"
            ? which attribute is the event's own id
            ? which attribute is the event's name
            ! a version is used by two items of one aggregate, of which clients get one: version 2 of `order-1` by `e2a` and `e2b`
        "#]],
    );
    // Times of several writers, of which one writes days.
    check_settings(
        KEYS,
        r#"
{"pk": "order-1", "sk": "e1", "version": 1, "at": "2026-11-30T07:59:00"}
{"pk": "order-1", "sk": "e2", "version": 2, "at": "1764489600000"}
{"pk": "order-1", "sk": "e3", "version": 3, "at": "2026-11-30"}
"#,
        &expect![[r#"
            time = "at"
            version = "version"
            ? which attribute is the event's own id
            ? which attribute is the event's name
            ! the time of 1 of 3 events (`at`) can't be read, as `2026-11-30`
        "#]],
    );
}

#[test]
fn an_id_differs_and_is_called_so() {
    // As bytes; an id of something else differs, too.
    check_settings(
        KEYS,
        r#"
{"pk": {"B": "VQ6EAOKbQdSnFkRmVUQAAA=="}, "sk": {"N": "1"}, "eventId": {"B": "VQ6EAOKbQdSnFkRmVUQAAA=="}, "version": {"N": "1"}}
{"pk": {"B": "VQ6EAOKbQdSnFkRmVUQAAA=="}, "sk": {"N": "2"}, "eventId": {"B": "VQ6EAOKbQdSnFkRmVUQAAQ=="}, "version": {"N": "2"}}
"#,
        &expect![[r#"
            id = "eventId"
            version = "version"
            ? which attribute is the event's name
            ? which attribute is the event's time
        "#]],
    );
    check_settings(
        KEYS,
        r#"
{"pk": "a", "sk": "x", "version": 1, "correlationId": "p", "customerId": "u", "id": 1}
{"pk": "a", "sk": "y", "version": 2, "correlationId": "q", "customerId": "v", "id": 1}
"#,
        &expect![[r#"
            version = "version"
            ? which attribute is the event's own id
            ? which attribute is the event's name
            ? which attribute is the event's time
        "#]],
    );
}

/// The events of EventBridge's pages, as items that are numbered.
#[test]
fn events_of_any_form_are_read() {
    let rows = include_str!("../../../tests/data/event_patterns.jsonl").lines();
    let mut items = Vec::new();
    for (index, row) in (0..).zip(rows) {
        let row: Value = serde_json::from_str(row).unwrap();
        let mut item = row["event"].as_object().unwrap().clone();
        // An item's attributes have no empty name.
        item.retain(|name, _| !name.is_empty());
        item.extend([
            ("aggregate".to_owned(), json!(format!("a{}", index / 5))),
            ("moment".to_owned(), json!(format!("m{}-{index}", index % 3))),
            ("eventSequence".to_owned(), json!(index % 5 + 1)),
        ]);
        items.push(Value::Object(item).to_string());
    }
    let page = page(&items.join("\n"));
    let draft = drafted("aggregate", "moment", &page);
    check(&draft, &page);
    assert_eq!(draft.sample.events, items.len(), "{}{}", draft.text, shown(&draft.sample));
    assert_eq!(draft.config.source.version.path.to_string(), "eventSequence");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a table holds, there is a draft that is valid.
    #[test]
    fn any_items_have_a_draft(
        items in prop::collection::vec(
            (
                "[ab#0-9]{1,3}",
                prop::sample::select(vec!["EVENT#", "META", "e", "", "\"\n", "S/"]),
                0..4_u32,
                prop::collection::btree_map("[a-z.\" \\PC]{1,6}|version|seq|id|type|at", "[0-9]{1,12}|\\PC{0,8}", 0..5),
            ),
            0..12,
        ),
    ) {
        let items = items.into_iter().map(|(pk, kind, number, others)| {
            let mut item: serde_json::Map<String, Value> =
                others.into_iter().map(|(name, value)| (name, json!({ "S": value }))).collect();
            item.insert("pk".to_owned(), json!({ "S": pk }));
            item.insert("sk".to_owned(), json!({ "S": format!("{kind}{number}") }));
            item.insert("n".to_owned(), json!({ "N": number.to_string() }));
            Value::Object(item).to_string()
        });
        let page = SampledPage { items: items.collect(), is_whole: false, expiry: None };
        let draft = drafted("pk", "sk", &page);
        prop_assert_eq!(Config::try_from_toml("f.toml", &draft.text, None), Ok(draft.config));
    }
}
