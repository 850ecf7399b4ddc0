//! Times, ids, names, keys, filters and expiry.

use expect_test::expect;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{SOURCE, check, check_page, config, page};
use crate::event::{Along, Reader};
use crate::image::samples;
use crate::sample::{Sample, SampledPage};

#[test]
fn a_time_that_cannot_be_read_is_named_with_one_that_can() {
    check(
        SOURCE,
        r#"
{"pk": "a", "sk": "x", "version": 1, "at": "01/11/2026 10:00", "createdAt": "2026-11-01T10:00:00Z", "amount": 1800000000}
{"pk": "a", "sk": "y", "version": 2, "at": "01/11/2026 10:01", "createdAt": "2026-11-01T10:01:00Z", "amount": 1800000000}
"#,
        &expect![[r#"
            2 items: 2 events, 0 skipped, 0 rejected
              x: 1 0 0
              y: 1 0 0
            - warning: the time of 2 of 2 events (`at`) can't be read, as `01/11/2026 10:00`; write `time = "createdAt"` in `[source]`
        "#]],
    );
    check(
        SOURCE,
        r#"
{"pk": "date", "sk": "e1", "version": 1, "at": "2026-11-01"}
{"pk": "prefixed", "sk": "e1", "version": 1, "at": "EVENT#2026-11-01T10:00:00Z"}
{"pk": "suffixed", "sk": "e1", "version": 1, "at": "2026-11-01T10:00:00Z#01HF7YAT00"}
"#,
        &expect![[r#"
            3 items: 3 events, 0 skipped, 0 rejected
              e…: 3 0 0
            - warning: the time of 3 of 3 events (`at`) can't be read, as `2026-11-01`; leave `time` out: such an event's age isn't known (docs/ordering.md, "Events without times")
        "#]],
    );
    check(
        SOURCE,
        r#"
{"pk": "java-zoned", "sk": "e1", "version": 1, "at": "2026-11-01T10:00:00+00:00[UTC]"}
{"pk": "seconds", "sk": "e1", "version": 1, "at": 1793527200}
{"pk": "none", "sk": "e1", "version": 1}
"#,
        &expect![[r#"
            3 items: 3 events, 0 skipped, 0 rejected
              e…: 3 0 0
            - warning: the time of 1 of 3 events (`at`) is missing; such an event's age isn't known (docs/ordering.md, "Events without times"): let it be so, or write times as docs/configuration.md says under `time`
        "#]],
    );
}

#[test]
fn an_id_that_is_missing_is_named_or_left_out() {
    let source = format!("id = \"id\"\n{SOURCE}");
    check(
        &source,
        r#"
{"pk": "a", "sk": "x", "version": 1, "at": "2026-11-01T10:00:00Z", "eventId": "e-1", "tenantId": "t"}
{"pk": "a", "sk": "y", "version": 2, "at": "2026-11-01T10:00:00Z", "eventId": "e-2", "tenantId": "t"}
"#,
        &expect![[r#"
            2 items: 0 events, 0 skipped, 2 rejected
              x: 0 0 1
              y: 0 0 1
            2 rejected: the event lacks `id`, its id; `[source]` in `client-queues.toml` says where it is
            - 2 of 2 events have no id that can be sent (`id`), and would be rejected; write `id = "eventId"` in `[source]`
        "#]],
    );
    check(
        &source,
        r#"{"pk": "a", "sk": "x", "version": 1, "at": "2026-11-01T10:00:00Z"}"#,
        &expect![[r#"
            1 items: 0 events, 0 skipped, 1 rejected
              x: 0 0 1
            1 rejected: the event lacks `id`, its id; `[source]` in `client-queues.toml` says where it is
            - 1 of 1 event has no id that can be sent (`id`), and would be rejected; leave `id` out: the message's deduplication id is used. Then a sort key must be used once in an aggregate, also after it was erased
        "#]],
    );
}

#[test]
fn names_that_are_misspelt_are_corrected() {
    let line = r#"{"pk": "a", "sk": "x", "version": 1, "at": "2026-11-01T10:00:00Z", "eventName": "Placed"}"#;
    check(
        &format!("name = \"evntName\"\n{SOURCE}"),
        line,
        &expect![[r#"
            1 items: 1 events, 0 skipped, 0 rejected
              x: 1 0 0
            - warning: no event has a name (`evntName`); write `name = "eventName"` in `[source]`
        "#]],
    );
    check(
        &SOURCE.replace("\"version\"", "\"verison\""),
        line,
        &expect![[r#"
            1 items: 0 events, 0 skipped, 1 rejected
              x: 0 0 1
            1 rejected: the event lacks `verison`, its version; `[source]` in `client-queues.toml` says where it is
            - the only item has no version at `verison`; write `version = "version"` in `[source]`
        "#]],
    );
    check(
        "partition_key = \"pkey\"\nsort_key = \"sk\"\nversion = \"version\"",
        r#"{"p_key": "a", "sk": "x", "version": 1}"#,
        &expect![[r#"
            1 items: 0 events, 0 skipped, 1 rejected
              (none): 0 0 1
            1 rejected: the event lacks `pkey`, its partition key; `[source]` in `client-queues.toml` says where it is
            - no item has `pkey`, the partition key; write `partition_key = "p_key"` in `[source]`
        "#]],
    );
    check(
        "partition_key = \"mark\"\nsort_key = \"sk\"\nversion = \"version\"",
        line,
        &expect![[r#"
        1 items: 0 events, 0 skipped, 1 rejected
          (none): 0 0 1
        1 rejected: the event lacks `mark`, its partition key; `[source]` in `client-queues.toml` says where it is
        - no item has `mark`, the partition key; name the table's partition key as `partition_key`
    "#]],
    );
}

#[test]
fn keys_of_the_filter_that_no_item_has_are_named() {
    let lines = r#"
{"pk": "a", "sk": "x", "version": 1, "at": "2026-11-01T10:00:00Z", "order": {"status": "PAID", "lines": [{"sku": "1"}]}}
{"pk": "a", "sk": "y", "version": 2, "at": "2026-11-01T10:00:00Z", "order": {"status": "VOID"}}
"#;
    let filter = |filter: &str| format!("{SOURCE}[source.filter]\n{filter}\n");
    check(
        &filter("order.statsu = [\"PAID\"]\norder.lockTime = [{ exists = false }]"),
        lines,
        &expect![[r#"
        2 items: 0 events, 2 skipped, 0 rejected
          x: 0 1 0
          y: 0 1 0
        2 skipped: `order.statsu` is not there
        - `order.statsu` of `[source.filter]` has a value in none of 2 items; write `order.status` in its place
    "#]],
    );
    check(
        &filter("order.status = [\"OPEN\"]"),
        lines,
        &expect![[r#"
            2 items: 0 events, 2 skipped, 0 rejected
              x: 0 1 0
              y: 0 1 0
            2 skipped: `order.status` has another value
            - warning: `OPEN` in `order.status` of `[source.filter]` is the value of none of 2 items; see whether it is written as in the table, unless it is rare
        "#]],
    );
    check(
        &filter("order.lines.sku = [\"1\"]"),
        lines,
        &expect![[r#"
        2 items: 1 events, 1 skipped, 0 rejected
          x: 1 0 0
          y: 0 1 0
        1 skipped: `order.lines.sku` is not there
    "#]],
    );
}

/// `"data.amount"` is one name, and `data.amount` a path.
#[test]
fn a_name_with_a_dot_in_the_filter_is_told_from_a_path() {
    let path = r#"{"pk": "a", "sk": "x", "version": 1, "at": "2026-11-01T10:00:00Z", "data": {"amount": 5}}"#;
    let name = r#"{"pk": "a", "sk": "x", "version": 1, "at": "2026-11-01T10:00:00Z", "data.amount": 5}"#;
    let filter = |filter: &str| format!("{SOURCE}[source.filter]\n{filter}\n");
    check(
        &filter("\"data.amount\" = [5]"),
        path,
        &expect![[r#"
        1 items: 0 events, 1 skipped, 0 rejected
          x: 0 1 0
        1 skipped: `"data.amount"` is not there
        - `"data.amount"` of `[source.filter]` has a value in none of 1 item; write `data.amount` in its place: without quotes it is a path
    "#]],
    );
    check(
        &filter("data.amount = [5]"),
        name,
        &expect![[r#"
        1 items: 0 events, 1 skipped, 0 rejected
          x: 0 1 0
        1 skipped: `data.amount` is not there
        - `data.amount` of `[source.filter]` has a value in none of 1 item; write `"data.amount"` in its place: in quotes it is one name with a dot
    "#]],
    );
    check(
        &filter("\"data.amuont\" = [5]"),
        path,
        &expect![[r#"
        1 items: 0 events, 1 skipped, 0 rejected
          x: 0 1 0
        1 skipped: `"data.amuont"` is not there
        - `"data.amuont"` of `[source.filter]` has a value in none of 1 item; write `data.amount` in its place
    "#]],
    );
    check(
        &filter("\"data.amount\" = [5]"),
        name,
        &expect![[r#"
        1 items: 1 events, 0 skipped, 0 rejected
          x: 1 0 0
    "#]],
    );
}

#[test]
fn events_that_expire_are_a_finding_and_other_items_are_none() {
    let lines = r#"
{"pk": "a", "sk": "x", "version": 1, "at": "2026-11-01T10:00:00Z", "ttl": 1800000000}
{"pk": "a", "sk": "y", "version": 2, "at": "2026-11-01T10:00:00Z"}
"#;
    let expiring =
        |attribute: &str, page: SampledPage| SampledPage { expiry: Some(attribute.to_owned()), ..page };
    check_page(
        SOURCE,
        &expiring("ttl", page(lines)),
        &expect![[r#"
            2 items: 2 events, 0 skipped, 0 rejected
              x: 1 0 0
              y: 1 0 0
            - items expire by the attribute `ttl` (TTL), and 1 of 2 events has it: an event that is removed by itself is missing for clients that are behind; switch TTL off, or give that attribute only to items that are no events
        "#]],
    );
    check_page(
        SOURCE,
        &expiring("expiresAt", page(lines)),
        &expect![[r#"
        2 items: 2 events, 0 skipped, 0 rejected
          x: 1 0 0
          y: 1 0 0
    "#]],
    );
    check_page(
        SOURCE,
        &expiring("ttl", page("")),
        &expect![[r#"
        0 items: 0 events, 0 skipped, 0 rejected
        - items expire by the attribute `ttl` (TTL), and whether events have it isn't known: an event that is removed by itself is missing for clients that are behind; switch TTL off, or give that attribute only to items that are no events
    "#]],
    );
}

#[test]
fn an_item_that_is_no_item_or_too_large_is_rejected() {
    let large = format!(
        r#"{{"pk": "a", "sk": "x", "version": 1, "at": "2026-11-01T10:00:00Z", "text": "{}"}}"#,
        "x".repeat(1_100_000)
    );
    check(
        SOURCE,
        &large,
        &expect![[r#"
        1 items: 0 events, 0 skipped, 1 rejected
          x: 0 0 1
        1 rejected: the event has 1100195 bytes with its attributes; at most 1047552 fit a message
        - 1 item would be rejected: the event has 1100195 bytes with its attributes; at most 1047552 fit a message; an event that is rejected is missing for all clients: write it in another form, or leave it out with `[source.filter]`
    "#]],
    );
    let page = SampledPage { items: vec!["{".to_owned()], is_whole: true, expiry: None };
    check_page(
        SOURCE,
        &page,
        &expect![[r#"
        1 items: 0 events, 0 skipped, 1 rejected
          (none): 0 0 1
        1 rejected: the image: not a typed value as DynamoDB writes it
        - no item has `pk`, the partition key; name the table's partition key as `partition_key`
        - 1 item would be rejected: the image: not a typed value as DynamoDB writes it; an event that is rejected is missing for all clients: write it in another form, or leave it out with `[source.filter]`
    "#]],
    );
}

/// An item in one of two partitions, whose version may be missing or no version.
fn item() -> impl Strategy<Value = String> {
    let version = prop_oneof![
        (0..5_u32).prop_map(|number| Some(json!({ "N": number.to_string() }))),
        "(EVENT#)?0*[0-9]".prop_map(|text| Some(json!({ "S": text }))),
        Just(Some(json!({ "BOOL": true }))),
        Just(None),
    ];
    ("[ab]", samples::string(), version, samples::item()).prop_map(|(key, sort, version, entries)| {
        let mut item: Map<String, Value> = serde_json::from_str(&samples::raw(&entries)).unwrap();
        item.insert("pk".to_owned(), json!({ "S": key }));
        item.insert("sk".to_owned(), json!({ "S": sort }));
        item.extend(version.map(|version| ("version".to_owned(), version)));
        Value::Object(item).to_string()
    })
}

proptest! {
    /// Whatever items are, each is counted once, and an event is what the converter makes of it.
    #[test]
    fn each_item_is_counted_once(items in vec(item(), 0..12), is_whole: bool) {
        let config = config(SOURCE);
        let events = items.iter().filter(|item| Reader::new(&config.source).read(item).is_ok()).count();
        let sample = Sample::new(&config, &SampledPage { items: items.clone(), is_whole, expiry: None });
        prop_assert_eq!((sample.items, sample.events), (items.len(), events));
        prop_assert_eq!(sample.skipped + sample.rejected + events, items.len());
    }
}

/// The example is the message that the converter sends.
#[test]
fn the_example_is_the_message_of_an_event() {
    let sample = Sample::new(
        &config(SOURCE),
        &page(r#"{"pk": "a", "sk": "x", "version": 1, "at": "2026-11-01T10:00:00Z", "price": 1.5}"#),
    );
    let message = sample.example.unwrap().message(Along::default());
    expect![[r#"Group("a") Some("2026-11-01T10:00:00Z") Text("{\"at\":\"2026-11-01T10:00:00Z\",\"pk\":\"a\",\"price\":1.5,\"sk\":\"x\",\"version\":1}")"#]].assert_eq(&format!("{:?} {:?} {:?}", message.group(), message.attribute("eventTime"), message.body()));
}
