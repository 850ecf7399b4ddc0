use expect_test::{Expect, expect};
use serde_json::json;
use shared::event::Along;
use shared::message::Attribute;

use super::*;
use crate::letters::samples::{self, STREAM, source};

/// The second event of `AFC F5`, in DynamoDB's JSON.
fn stored() -> Value {
    json!({
        "mark": { "S": "AFC F5" },
        "createTime": { "S": "2026-01-05T09:00:02Z" },
        "eventId": { "S": "e-2" },
        "eventName": { "S": "priced" },
        "price": { "N": "299.90" },
        "RegistrationNumber": { "M": { "version": { "N": "2" } } },
    })
}

/// What the converter makes of `item`, as a letter of the dead-letter queue.
fn message(item: &Value, source: &Source) -> Letter {
    let event = Reader::new(source).read(&item.to_string(), Origin::Stream { event_id: "r-2" }).unwrap();
    let entry: Value =
        serde_json::from_str(&format!("{{{}}}", event.message(Along::default()).entry())).unwrap();
    let mut letter = samples::dead_letter(event.group().as_str(), event.body());
    let attributes = entry["MessageAttributes"].as_object().unwrap().iter();
    letter.message.attributes = attributes
        .map(|(name, value)| Attribute {
            data_type: value["DataType"].as_str().unwrap().to_owned(),
            ..Attribute::string(name, value["StringValue"].as_str().unwrap())
        })
        .collect();
    letter
}

#[test]
fn a_messages_item_is_found_by_the_keys_in_its_body() {
    let check = |group: &str, body: &str, source: &Source, expected: &Expect| {
        let found = item_of_message(&samples::dead_letter(group, body), source, STREAM);
        let found = found.map_or_else(|why| why, |item| format!("{} {}", item.table, json!(item.keys)));
        expected.assert_eq(&found);
    };
    let source = |but| source(but);
    check(
        "AFC%20F5",
        r#"{"mark":"AFC F5","createTime":"t","price":1.0}"#,
        &source(""),
        &expect![[r#"RegistrationNumberEvent {"createTime":{"S":"t"},"mark":{"S":"AFC F5"}}"#]],
    );
    // Numbers keep their digits.
    check(
        "~n1.50",
        r#"{"mark":1.50,"createTime":12345678901234567890123456789012345678}"#,
        &source(""),
        &expect![[
            r#"RegistrationNumberEvent {"createTime":{"N":"12345678901234567890123456789012345678"},"mark":{"N":"1.50"}}"#
        ]],
    );
    // Only the group tells bytes from text.
    check(
        "~bAQI",
        r#"{"mark":"AQI=","createTime":"AQI="}"#,
        &source(""),
        &expect![[r#"RegistrationNumberEvent {"createTime":{"S":"AQI="},"mark":{"B":"AQI="}}"#]],
    );
    // The group is compared later.
    check(
        "OTHER",
        r#"{"mark":"AFC F5","createTime":"t"}"#,
        &source(""),
        &expect![[r#"RegistrationNumberEvent {"createTime":{"S":"t"},"mark":{"S":"AFC F5"}}"#]],
    );
    check(
        "AFC%20F5",
        r#"{"mark":"AFC F5"}"#,
        &source("sort_key version"),
        &expect![[r#"RegistrationNumberEvent {"mark":{"S":"AFC F5"}}"#]],
    );
    check("A", r#"{"mark":"A"}"#, &source(""), &expect!["its body has no `createTime`"]);
    check("A", "{}", &source(""), &expect!["its body has no `mark`"]);
    for value in ["null", "true", "{}", "[\"A\"]"] {
        check(
            "A",
            &format!(r#"{{"mark":{value},"createTime":"t"}}"#),
            &source(""),
            &expect!["`mark` of its body is neither text nor a number"],
        );
    }
    for body in ["", "[]", "no JSON", "7"] {
        check("A", body, &source(""), &expect!["its body is not an event's JSON"]);
    }
}

#[test]
fn a_table_is_named_by_its_stream() {
    assert_eq!(event_table(STREAM), Ok("RegistrationNumberEvent"));
    for other in ["", "nonsense", "/stream/x"] {
        assert!(event_table(other).is_err(), "{other}");
    }
}

#[test]
fn a_message_is_what_its_item_is_made_into() {
    let sources = [
        source(""),
        source("version"),
        source("id"),
        source("id version"),
        source("sort_key version"),
        Source { name: None, time: None, ..source("") },
    ];
    for source in &sources {
        let standing = standing_of_message(&message(&stored(), source), source, &Lookup::Item(stored()));
        assert_eq!(standing, Standing::Confirmed, "{source:?}");
    }
}

fn check(forge: impl Fn(&mut Letter), lookup: &Lookup, expected: &Expect) {
    let mut letter = message(&stored(), &source(""));
    forge(&mut letter);
    let standing = standing_of_message(&letter, &source(""), lookup);
    expected.assert_eq(&format!("{standing:?}"));
}

#[test]
fn whatever_is_forged_in_a_message_contradicts_the_table() {
    let stored = Lookup::Item(stored());
    let set = |name: &'static str, value: Option<&'static str>| {
        move |letter: &mut Letter| {
            letter.message.attributes.retain(|attribute| attribute.name != name);
            letter.message.attributes.extend(value.map(|value| Attribute::string(name, value)));
        }
    };
    check(
        |letter| letter.message.body = letter.message.body.replace("299.90", "299.9"),
        &stored,
        &expect![[
            r#"Contradicted("the event table has its event with another body: the item was changed, or the message is forged")"#
        ]],
    );
    check(
        |letter| {
            letter.message.system.insert("MessageGroupId".to_owned(), "X1%20ABC".to_owned());
        },
        &stored,
        &expect![[
            r#"Contradicted("the event table has its event with another group: the item was changed, or the message is forged")"#
        ]],
    );
    for (name, forged) in [
        ("eventId", Some("e-9")),
        ("eventId", None),
        ("eventName", Some("erased")),
        ("eventName", None),
        ("eventTime", Some("2020-01-05T09:00:02Z")),
        ("version", Some("9")),
        ("version", None),
    ] {
        let mut letter = message(&self::stored(), &source(""));
        set(name, forged)(&mut letter);
        let standing = standing_of_message(&letter, &source(""), &stored);
        assert!(
            matches!(&standing, Standing::Contradicted(why) if why.contains(&format!("another `{name}`:"))),
            "{name} {forged:?}: {standing:?}"
        );
    }
    // An attribute that its events do not have.
    let unnamed = Source { name: None, ..source("") };
    let mut letter = message(&self::stored(), &unnamed);
    set("eventName", Some("erased"))(&mut letter);
    let standing = standing_of_message(&letter, &unnamed, &stored);
    assert!(matches!(&standing, Standing::Contradicted(why) if why.contains("`eventName`")), "{standing:?}");
}

#[test]
fn an_item_that_is_no_event_contradicts() {
    let mut lacking = stored();
    lacking.as_object_mut().unwrap().remove("eventId");
    check(
        |_| (),
        &Lookup::Item(lacking),
        &expect![[
            r#"Contradicted("what the event table has is no event: the event lacks `eventId`, its id; `[source]` in `client-queues.toml` says where it is")"#
        ]],
    );
}

#[test]
fn what_the_table_does_not_have_is_unconfirmed() {
    check(|_| (), &Lookup::Nothing, &expect![[r#"Unconfirmed("the event table has its event no longer")"#]]);
    check(
        |_| (),
        &Lookup::NotItsKeys("Type mismatch".to_owned()),
        &expect![[r#"Unconfirmed("the event table can't be asked for its event: Type mismatch")"#]],
    );
    assert_eq!(Lookup::Item(stored()).standing(), Standing::Confirmed);
}

#[test]
fn only_what_is_unconfirmed_can_be_asked_for() {
    let check = |standing: Standing, expected: [Result<Option<&str>, &str>; 2]| {
        for (from_letter, expected) in [false, true].into_iter().zip(expected) {
            let expected = expected.map(|doubt| doubt.map(str::to_owned)).map_err(str::to_owned);
            assert_eq!(standing.clone().doubt(from_letter), expected, "{standing:?}, {from_letter}");
        }
    };
    check(Standing::Confirmed, [Ok(None), Ok(None)]);
    check(Standing::Contradicted("forged".to_owned()), [Err("forged"), Err("forged")]);
    check(
        Standing::Unconfirmed("gone".to_owned()),
        [Err("gone; `--from-letter` sends it as it is here"), Ok(Some("gone"))],
    );
}
