use expect_test::{Expect, expect};
use serde_json::json;
use serde_json::value::RawValue;
use shared::config::Config;
use shared::event::Reader;
use shared::image::Record;

use super::*;
use crate::rejections::samples::{self, STREAM, source};

/// A sample rejection with these members replaced.
fn with(members: &[(&str, Option<&str>)]) -> Rejection {
    let mut message = samples::rejected("e-3").message;
    let mut content: Value = serde_json::from_str(&message.body).unwrap();
    for (name, value) in members {
        let is_json = *name == "keys";
        let json = |text: &str| serde_json::from_str(text).unwrap();
        content[*name] = value.map_or(Value::Null, |text| if is_json { json(text) } else { text.into() });
    }
    message.body = content.to_string();
    Rejection { message }
}

#[test]
fn a_replay_has_its_rejections_id() {
    let uuid = "4f1c09aa-0000-4000-8000-000000000000";
    assert_eq!(replay_id(uuid), uuid);
    for odd in ["", "a b", "ä", &"x".repeat(41)] {
        let id = replay_id(odd);
        assert!(ReplayId::try_new(&id).is_ok(), "{odd}: {id}");
        assert_eq!(id, replay_id(odd));
        assert_ne!(id, replay_id("another one"));
    }
}

#[test]
fn a_rejection_names_its_item_of_the_stacks_table() {
    let check = |keys: Option<&str>, stream: Option<&str>, stack: &str, expected: &Expect| {
        let rejection = with(&[("keys", keys), ("stream", stream)]);
        let found = item(&rejection, stack);
        expected.assert_eq(&found.map_or_else(|why| why, |item| format!("{} {:?}", item.table, item.keys)));
    };
    let keys = Some(r#"{"mark":{"S":"AFC F5"},"n":{"N":"1.50"},"b":{"B":"AQ=="}}"#);
    let found = expect![[r#"RegistrationNumberEvent {"b": B("AQ=="), "mark": S("AFC F5"), "n": N("1.50")}"#]];
    check(keys, Some(STREAM), STREAM, &found);
    check(keys, None, STREAM, &found);
    // The stream was switched off and on again: another label, the same table.
    check(keys, Some(&STREAM.replace("2026-01-05", "2025-12-01")), STREAM, &found);
    check(
        keys,
        Some("arn:aws:dynamodb:eu-west-2:111122223333:table/Secrets/stream/S"),
        STREAM,
        &expect![
            "the rejection is about stream `arn:aws:dynamodb:eu-west-2:111122223333:table/Secrets/stream/S`, which is not of the stack's event table"
        ],
    );
    check(
        keys,
        Some("nonsense"),
        STREAM,
        &expect!["the rejection is about stream `nonsense`, which is not of the stack's event table"],
    );
    check(keys, None, "nonsense", &expect!["the stack's stream `nonsense` is not that of a table"]);
    check(
        None,
        None,
        STREAM,
        &expect!["the rejection names no item: not even the keys of its record could be read"],
    );
    for keys in ["{}", "[]", "7", r#"{"mark":"AFC F5"}"#, r#"{"mark":{"S":7}}"#, r#"{"mark":{"M":{}}}"#] {
        check(Some(keys), None, STREAM, &expect!["the rejection's keys are not those of an item"]);
    }
}

#[test]
fn a_message_that_is_not_a_rejection_names_no_item() {
    let foreign = Rejection { message: samples::foreign(1, "A", "no JSON") };
    assert!(item(&foreign, STREAM).unwrap_err().starts_with("not a rejection of the functions"));
}

#[test]
fn newer_events_have_a_higher_version() {
    let rejection = samples::rejected("e-3");
    let check = |image: &str, source: Option<&Source>, expected: &Expect| {
        let image = serde_json::from_str(image).unwrap();
        let found = newer(&item(&rejection, STREAM).unwrap(), &image, source);
        expected.assert_eq(&found.map_or_else(
            |why| why,
            |Newer { partition: (name, value), place, version }| {
                format!("{name} = {value}, {place} > {version}")
            },
        ));
    };
    let image = r#"{"mark":{"S":"AFC F5"},"RegistrationNumber":{"M":{"version":{"N":"3"}}}}"#;
    check(image, Some(&source()), &expect![[r#"mark = AFC F5, RegistrationNumber.version > 3"#]]);
    for no_version in [
        r#"{"RegistrationNumber":{"M":{"version":{"N":"0"}}}}"#,
        r#"{"RegistrationNumber":{"M":{"version":{"S":"three"}}}}"#,
        r#"{"RegistrationNumber":{"version":{"N":"3"}}}"#,
        "[]",
    ] {
        check(no_version, Some(&source()), &expect!["the event has no version"]);
    }
    let other = Source { partition_key: "plate".to_owned(), ..source() };
    check(image, Some(&other), &expect!["the rejection has no key `plate`"]);
    check(image, None, &expect!["there is no config to say how events are ordered"]);
}

#[test]
fn the_converter_gets_a_stream_record_of_the_item() {
    let rejection = samples::rejected("e-3");
    let image = r#"{"mark":{"S":"AFC F5"},"createTime":{"S":"t"},"eventId":{"S":"e-3"},"price":{"N":"299.90"},"RegistrationNumber":{"M":{"version":{"N":"3"}}}}"#;
    let image = serde_json::from_str(image).unwrap();
    let payload = payload(&rejection, STREAM, &image).unwrap();
    expect![[r#"{"replay":"00000003-0000-4000-8000-000000000000","Records":[{"eventID":"e-3","eventName":"INSERT","eventSource":"aws:dynamodb","eventSourceARN":"arn:aws:dynamodb:eu-west-2:111122223333:table/RegistrationNumberEvent/stream/2026-01-05T09:00:00.000","dynamodb":{"Keys":{"mark":{"S":"AFC F5"},"createTime":{"S":"2026-01-05T09:00:03Z"}},"NewImage":{"RegistrationNumber":{"M":{"version":{"N":"3"}}},"createTime":{"S":"t"},"eventId":{"S":"e-3"},"mark":{"S":"AFC F5"},"price":{"N":"299.90"}},"SequenceNumber":"4421584500000000017450439091","StreamViewType":"NEW_IMAGE"}}]}"#]].assert_eq(&payload);

    // The converter reads it so.
    let payload: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&payload).unwrap();
    let records: Vec<Box<RawValue>> = serde_json::from_str(payload["Records"].get()).unwrap();
    let reader = Reader::new(&source());
    let record = Record::read(records[0].get().as_bytes(), reader.wanted()).unwrap();
    assert_eq!((record.stream.as_deref(), record.view_type.as_deref()), (Some(STREAM), Some("NEW_IMAGE")));
    let event = reader.event(record.image.unwrap().converted.unwrap()).unwrap();
    assert!(event.body().contains(r#""price":299.90"#), "{}", event.body());
    assert_eq!((event.id(), event.version()), ("e-3", 3));
}

#[test]
fn a_record_always_has_an_id() {
    let image = Value::Object(serde_json::Map::new());
    let check = |event_id: Option<&str>, sequence_number: Option<&str>, expected: &str| {
        let mut rejection = with(&[("eventId", event_id), ("sequenceNumber", sequence_number)]);
        rejection.message.id = "m-1".to_owned();
        let payload = payload(&rejection, STREAM, &image).unwrap();
        let payload: Value = serde_json::from_str(&payload).unwrap();
        assert_eq!(payload["Records"][0]["eventID"], expected);
        assert_eq!(payload["Records"][0]["eventName"], "INSERT");
    };
    check(Some("e-1"), Some("42"), "e-1");
    check(None, Some("42"), "42");
    check(Some(""), Some("42"), "42");
    check(None, None, "m-1");
    check(Some(""), None, "m-1");
}

#[test]
fn an_event_counts_as_sent_only_if_the_converter_says_so() {
    let check = |answer: &str, expected: &Expect| {
        expected.assert_eq(&sent(answer).map_or_else(|why| why, |()| "sent".to_owned()));
    };
    let result = |result: &str| format!(r#"{{"batchItemFailures":[],"results":[{result}]}}"#);
    check(&result(r#"{"outcome":"sent","reason":null}"#), &expect!["sent"]);
    check(
        &result(r#"{"outcome":"rejected","reason":"the event lacks `eventId`"}"#),
        &expect!["the converter rejects it again: the event lacks `eventId`"],
    );
    check(
        &result(r#"{"outcome":"skipped","reason":"`INSERT` is not an event here"}"#),
        &expect!["the converter skips it as no event: `INSERT` is not an event here"],
    );
    check(
        &result(r#"{"outcome":"unsent","reason":"throttled"}"#),
        &expect!["the fan-out queue did not take it: throttled"],
    );
    check(
        &result(r#"{"outcome":"unsent","reason":null}"#),
        &expect!["the fan-out queue did not take it: it gives no reason"],
    );
    check(
        &result(r#"{"outcome":"posted","reason":null}"#),
        &expect![
            "the converter's answer is not one to a replay: unknown variant `posted`, expected one of `sent`, `skipped`, `rejected`, `unsent` at line 1 column 54; is it of another version?"
        ],
    );
    check(
        &result(""),
        &expect![
            "the converter's answer is not one to a replay: it does not have exactly one result; is it of another version?"
        ],
    );
    check(
        &result(r#"{"outcome":"sent"},{"outcome":"sent"}"#),
        &expect![
            "the converter's answer is not one to a replay: it does not have exactly one result; is it of another version?"
        ],
    );
    // The answer of a converter that does not know replays.
    check(
        r#"{"batchItemFailures":[]}"#,
        &expect![
            "the converter's answer is not one to a replay: missing field `results` at line 1 column 24; is it of another version?"
        ],
    );
    check(
        r#"{"batchItemFailures":[{"itemIdentifier":"42"}],"results":[{"outcome":"sent"}]}"#,
        &expect![
            "the converter's answer is not one to a replay: it returns the record, as if a queue had delivered it; is it of another version?"
        ],
    );
    check(
        "",
        &expect![
            "the converter's answer is not one to a replay: EOF while parsing a value at line 1 column 0; is it of another version?"
        ],
    );
    check(
        "null",
        &expect![
            "the converter's answer is not one to a replay: invalid type: null, expected struct ResendAnswer at line 1 column 4; is it of another version?"
        ],
    );
}

#[test]
fn what_the_converter_would_not_send_is_known_before() {
    let source = |more: &str| {
        let text = format!(
            "[source]\npartition_key = 'pk'\nsort_key = 'sk'\nversion = 'v'\n{more}\n[[client]]\nname = 'A'\n"
        );
        Config::try_from_toml("client-queues.toml", &text, None).unwrap().source
    };
    let check = |source: &Source, item: Value, expected: Expect| {
        expected.assert_eq(&why_no_event(source, &item).unwrap_or_else(|| "sent".to_owned()));
    };
    let item =
        |sort: &str, version: &str| json!({ "pk": {"S": "a"}, "sk": {"S": sort}, "v": {"N": version} });
    let filtered = source("[source.filter]\nsk = [{ prefix = 'EV#' }]");
    check(&filtered, item("EV#1", "1"), expect!["sent"]);
    check(
        &filtered,
        item("META", "1"),
        expect!["the filter in `[source]` does not admit the item as an event"],
    );
    check(
        &source(""),
        item("EV#1", "0"),
        expect!["`v`, the event's version, is not a whole number from 1 to 999999999999999999"],
    );
}
