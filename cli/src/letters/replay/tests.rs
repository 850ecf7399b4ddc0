use expect_test::{Expect, expect};
use shared::event::{Origin, Reader};
use shared::image::Record;

use super::*;
use crate::letters::samples::{self, STREAM, source};
use crate::letters::{Content, Letter};

const FAN_OUT_QUEUE: &str = "arn:aws:sqs:eu-west-2:111122223333:MarkFanOutQueue.fifo";

fn rejected(letter: &Letter) -> &Rejected {
    match &letter.content {
        Content::Rejected(rejected) => rejected,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_replay_has_its_letters_id() {
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
fn a_letter_names_its_item_of_the_stacks_table() {
    let check = |keys: Option<&str>, stream: Option<&str>, stack: &str, expected: &Expect| {
        let letter = samples::rejected("e-3");
        let keys = keys.map(|keys| RawValue::from_string(keys.to_owned()).unwrap());
        let letter = Rejected { keys, stream: stream.map(str::to_owned), ..rejected(&letter).clone() };
        let found = item(&letter, stack);
        expected.assert_eq(&found.map_or_else(|why| why, |item| format!("{} {:?}", item.table, item.keys)));
    };
    let keys = Some(r#"{"mark":{"S":"AFC F5"},"n":{"N":"1.50"},"b":{"B":"AQ=="}}"#);
    let found = expect![[
        r#"RegistrationNumberEvent {"b": Object {"B": String("AQ==")}, "mark": Object {"S": String("AFC F5")}, "n": Object {"N": String("1.50")}}"#
    ]];
    check(keys, Some(STREAM), STREAM, &found);
    check(keys, None, STREAM, &found);
    // The stream was switched off and on again: another label, the same table.
    check(keys, Some(&STREAM.replace("2026-01-05", "2025-12-01")), STREAM, &found);
    check(
        keys,
        Some("arn:aws:dynamodb:eu-west-2:111122223333:table/Secrets/stream/S"),
        STREAM,
        &expect![
            "the letter is about stream `arn:aws:dynamodb:eu-west-2:111122223333:table/Secrets/stream/S`, which is not of the stack's event table"
        ],
    );
    check(
        keys,
        Some("nonsense"),
        STREAM,
        &expect!["the letter is about stream `nonsense`, which is not of the stack's event table"],
    );
    check(keys, None, "nonsense", &expect!["the stack's stream `nonsense` is not that of a table"]);
    check(
        None,
        None,
        STREAM,
        &expect!["the letter names no item: not even the keys of its record could be read"],
    );
    for keys in ["{}", "[]", "7", r#"{"mark":"AFC F5"}"#, r#"{"mark":{"S":7}}"#, r#"{"mark":{"M":{}}}"#] {
        check(Some(keys), None, STREAM, &expect!["the letter's keys are not those of an item"]);
    }
}

#[test]
fn the_converter_gets_a_stream_record_of_the_item() {
    let letter = samples::rejected("e-3");
    let image = r#"{"mark":{"S":"AFC F5"},"createTime":{"S":"t"},"eventId":{"S":"e-3"},"price":{"N":"299.90"},"RegistrationNumber":{"M":{"version":{"N":"3"}}}}"#;
    let image = RawValue::from_string(image.to_owned()).unwrap();
    let record = ToConverter {
        message_id: &letter.message.id,
        letter: rejected(&letter),
        stream: STREAM,
        image: &image,
        change: "INSERT",
    };
    let payload = record.payload();
    expect![[r#"{"replay":"00000003-0000-4000-8000-000000000000","Records":[{"eventID":"e-3","eventName":"INSERT","eventSource":"aws:dynamodb","eventSourceARN":"arn:aws:dynamodb:eu-west-2:111122223333:table/RegistrationNumberEvent/stream/2026-01-05T09:00:00.000","dynamodb":{"Keys":{"mark":{"S":"AFC F5"},"createTime":{"S":"2026-01-05T09:00:03Z"}},"NewImage":{"mark":{"S":"AFC F5"},"createTime":{"S":"t"},"eventId":{"S":"e-3"},"price":{"N":"299.90"},"RegistrationNumber":{"M":{"version":{"N":"3"}}}},"SequenceNumber":"4421584500000000017450439091","StreamViewType":"NEW_IMAGE"}}]}"#]].assert_eq(&payload);

    // As the converter reads it.
    let payload: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&payload).unwrap();
    let records: Vec<Box<RawValue>> = serde_json::from_str(payload["Records"].get()).unwrap();
    let reader = Reader::new(&source(""));
    let record = Record::read(records[0].get().as_bytes(), reader.wanted()).unwrap();
    assert_eq!((record.stream.as_deref(), record.view_type.as_deref()), (Some(STREAM), Some("NEW_IMAGE")));
    let origin = Origin::Stream { event_id: record.event_id.as_deref().unwrap() };
    let event = reader.event(record.image.unwrap().converted.unwrap(), origin).unwrap();
    assert!(event.body().contains(r#""price":299.90"#), "{}", event.body());
    assert_eq!((event.id(), event.version()), ("e-3", Some(3)));
}

#[test]
fn a_record_always_has_an_id() {
    let letter = samples::rejected("");
    let image = RawValue::from_string("{}".to_owned()).unwrap();
    let check = |event_id: Option<&str>, sequence_number: Option<&str>, expected: &str| {
        let [event_id, sequence_number] = [event_id, sequence_number].map(|text| text.map(str::to_owned));
        let rejected = Rejected { event_id, sequence_number, ..rejected(&letter).clone() };
        let record = ToConverter {
            message_id: "m-1",
            letter: &rejected,
            stream: STREAM,
            image: &image,
            change: "MODIFY",
        };
        let payload: Value = serde_json::from_str(&record.payload()).unwrap();
        assert_eq!(payload["Records"][0]["eventID"], expected);
        assert_eq!(payload["Records"][0]["eventName"], "MODIFY");
    };
    check(Some("e-1"), Some("42"), "e-1");
    check(None, Some("42"), "42");
    check(Some(""), Some("42"), "42");
    check(None, None, "m-1");
    check(Some(""), None, "m-1");
}

#[test]
fn the_fan_out_gets_the_message_for_its_client() {
    let body = r#"{"name":"Größe \"17\"","price":299.90}"#;
    let mut letter = samples::undelivered("Billing", "AFC%20F5", Some("2"), body);
    letter.message.attributes.push(shared::message::Attribute {
        name: "more".to_owned(),
        data_type: "Binary.gz".to_owned(),
        value: AttributeValue::Base64("AQI=".to_owned()),
    });
    let payload = |client| ToFanOut { message: &letter.message, client, queue_arn: FAN_OUT_QUEUE }.payload();
    expect![[r#"{"replay":"00000005-0000-4000-8000-000000000000","clients":["Billing"],"Records":[{"messageId":"00000005-0000-4000-8000-000000000000","body":"{\"name\":\"Größe \\\"17\\\"\",\"price\":299.90}","attributes":{"ApproximateReceiveCount":"2","MessageDeduplicationId":"d-1","MessageGroupId":"AFC%20F5","SentTimestamp":"1767603600250","SequenceNumber":"00000018850000000005"},"messageAttributes":{"client":{"dataType":"String","stringValue":"Billing"},"eventId":{"dataType":"String","stringValue":"e-2"},"more":{"dataType":"Binary.gz","binaryValue":"AQI="},"reason":{"dataType":"String","stringValue":"the queue does not exist (`QueueDoesNotExist`)"},"version":{"dataType":"Number","stringValue":"2"}},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-2:111122223333:MarkFanOutQueue.fifo"}]}"#]].assert_eq(&payload(letter.client()));
    let to_all: Value = serde_json::from_str(&payload(None)).unwrap();
    assert_eq!(to_all.get("clients"), None);
    assert_eq!(to_all["Records"][0]["body"], body);
}

fn tell(result: Result<(), NotAccepted>) -> String {
    match result {
        Ok(()) => "accepted".to_owned(),
        Err(NotAccepted { reason, is_passing: true }) => format!("passing: {reason}"),
        Err(NotAccepted { reason, is_passing: false }) => format!("for good: {reason}"),
    }
}

#[test]
fn only_what_the_converter_says_it_sent_was_sent() {
    let check = |answer: &str, expected: &Expect| expected.assert_eq(&tell(converted(answer)));
    let result = |result: &str| format!(r#"{{"batchItemFailures":[],"results":[{result}]}}"#);
    check(&result(r#"{"outcome":"sent","reason":null}"#), &expect!["accepted"]);
    check(
        &result(r#"{"outcome":"rejected","reason":"the event lacks `eventId`"}"#),
        &expect!["for good: the converter rejects it again: the event lacks `eventId`"],
    );
    check(
        &result(r#"{"outcome":"skipped","reason":"`INSERT` is not an event here"}"#),
        &expect!["for good: the converter skips it as no event: `INSERT` is not an event here"],
    );
    check(
        &result(r#"{"outcome":"unsent","reason":"throttled"}"#),
        &expect!["passing: the fan-out queue did not take it: throttled"],
    );
    check(
        &result(r#"{"outcome":"unsent","reason":null}"#),
        &expect!["passing: the fan-out queue did not take it: it gives no reason"],
    );
    check(
        &result(r#"{"outcome":"posted","reason":null}"#),
        &expect![
            "passing: the converter's answer is not that to a replay: unknown variant `posted`, expected one of `sent`, `skipped`, `rejected`, `unsent` at line 1 column 54; is it of another version?"
        ],
    );
    check(
        &result(""),
        &expect![
            "passing: the converter's answer is not that to a replay: it tells of another number of records than the one sent; is it of another version?"
        ],
    );
    check(
        &result(r#"{"outcome":"sent"},{"outcome":"sent"}"#),
        &expect![
            "passing: the converter's answer is not that to a replay: it tells of another number of records than the one sent; is it of another version?"
        ],
    );
    // What a converter answers that knows no replays.
    check(
        r#"{"batchItemFailures":[]}"#,
        &expect![
            "passing: the converter's answer is not that to a replay: missing field `results` at line 1 column 24; is it of another version?"
        ],
    );
    check(
        r#"{"batchItemFailures":[{"itemIdentifier":"42"}],"results":[{"outcome":"sent"}]}"#,
        &expect![
            "passing: the converter's answer is not that to a replay: it returns the record, as if a queue had delivered it; is it of another version?"
        ],
    );
    check(
        "",
        &expect![
            "passing: the converter's answer is not that to a replay: EOF while parsing a value at line 1 column 0; is it of another version?"
        ],
    );
    check(
        "null",
        &expect![
            "passing: the converter's answer is not that to a replay: invalid type: null, expected struct Answer at line 1 column 4; is it of another version?"
        ],
    );
}

#[test]
fn only_what_every_meant_client_took_was_sent() {
    let billing = ClientName::try_new("Billing").unwrap();
    let result = |results: &str| format!(r#"{{"batchItemFailures":[],"results":[{results}]}}"#);
    let check = |client: Option<&ClientName>, answer: &str, expected: &Expect| {
        expected.assert_eq(&tell(fanned_out(answer, client)));
    };
    let taken = r#"{"client":"Billing","accepted":[true],"reason":null}"#;
    let refused = r#"{"client":"Insurance","accepted":[false],"reason":"the queue does not exist"}"#;
    check(Some(&billing), &result(taken), &expect!["accepted"]);
    check(None, &result(taken), &expect!["accepted"]);
    check(
        Some(&billing),
        &result(r#"{"client":"Billing","accepted":[false],"reason":null}"#),
        &expect!["passing: `Billing` did not take it: it gives no reason"],
    );
    check(
        None,
        &result(&format!("{taken},{refused}")),
        &expect![
            "passing: `Insurance` did not take it: the queue does not exist; `Billing` took it, and gets it twice if it is retried later"
        ],
    );
    check(
        Some(&billing),
        &result(&format!("{taken},{refused}")),
        &expect![
            "passing: the fan-out's answer is not that to a replay: it does not tell of the clients that were meant; is it of another version?"
        ],
    );
    check(
        Some(&billing),
        &result(""),
        &expect![
            "passing: the fan-out's answer is not that to a replay: it does not tell of the clients that were meant; is it of another version?"
        ],
    );
    check(
        None,
        &result(""),
        &expect![
            "passing: the fan-out's answer is not that to a replay: it does not tell of the clients that were meant; is it of another version?"
        ],
    );
    check(
        Some(&billing),
        &result(r#"{"client":"Billing","accepted":[],"reason":null}"#),
        &expect![
            "passing: the fan-out's answer is not that to a replay: it tells of another number of messages than the one sent; is it of another version?"
        ],
    );
    check(
        None,
        &result(r#"{"client":"Billing","accepted":[true,true],"reason":null}"#),
        &expect![
            "passing: the fan-out's answer is not that to a replay: it tells of another number of messages than the one sent; is it of another version?"
        ],
    );
    check(
        None,
        r#"{"batchItemFailures":[]}"#,
        &expect![
            "passing: the fan-out's answer is not that to a replay: missing field `results` at line 1 column 24; is it of another version?"
        ],
    );
}
