use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;
use shared::ids::{DeduplicationId, Group, Key};
use shared::message::ATTRIBUTE_LIMIT;
use testkit::samples::image::string;

use super::*;

/// A `SendMessageBatchRequestEntry`, as SQS reads it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Entry {
    message_body: String,
    message_group_id: String,
    message_deduplication_id: String,
    #[serde(default)]
    message_attributes: BTreeMap<String, EntryAttribute>,
    #[serde(default)]
    message_system_attributes: BTreeMap<String, EntryAttribute>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EntryAttribute {
    data_type: String,
    string_value: Option<String>,
    binary_value: Option<String>,
}

impl EntryAttribute {
    fn of(attribute: &Attribute) -> Self {
        let (string_value, binary_value) = match attribute.value.clone() {
            AttributeValue::Text(text) => (Some(text), None),
            AttributeValue::Base64(text) => (None, Some(text)),
        };
        Self { data_type: attribute.data_type.clone(), string_value, binary_value }
    }

    /// The size as SQS documents it: the type, and the value's bytes.
    fn size(&self) -> usize {
        let text = self.string_value.as_ref().map_or(0, String::len);
        let bytes = self.binary_value.as_ref().map_or(0, |text| STANDARD.decode(text).unwrap().len());
        self.data_type.len() + text + bytes
    }
}

fn text(message: &Message) -> String {
    String::from_utf8(entry(message)).unwrap()
}

fn read(message: &Message) -> Entry {
    serde_json::from_str(&format!("{{{}}}", text(message))).unwrap()
}

fn message(body: Body<'_>, attributes: &[Attribute], trace_header: Option<&str>) -> Message {
    let group = Group::of(&Key::S("AFC F5 \"\\".to_owned()));
    Message::new(group, DeduplicationId::of_stream_record("a\"\\1"), body, attributes, trace_header)
}

fn literal(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

#[test]
fn literals_pass_through_as_they_are() {
    for text in [
        r#""""#,
        r#""plain""#,
        r#""\"\\\/\b\f\n\r\t""#,
        r#""\u0041\u007f\u0080\u00e9\u07ff\u0800\u20AC\uffff\uD7FF\uE000""#,
        r#""\ud83d\ude00\uD83D\uDE00x\ud800\udc00\udbff\udfff""#,
        r#""Zoë – 😀 \u00eb""#,
        r#""\\u0041 \\\u0041 \\\\""#,
    ] {
        let literal = literal(text);
        let decoded = serde_json::from_str::<String>(text).unwrap();
        let message = message(Body::Literal(&literal), &[], None);
        assert_eq!(message.size(), decoded.len(), "{text}");
        assert_eq!(read(&message).message_body, decoded);
        assert!(self::text(&message).contains(text));
    }
}

#[test]
fn empty_members_are_left_out() {
    let plain = message(Body::Text("x"), &[], None);
    let plain = text(&plain);
    assert!(!plain.contains("Attributes"), "{plain}");
    assert!(!plain.contains("\"Id\""), "{plain}");
}

fn attribute() -> impl Strategy<Value = Attribute> {
    let suffix = prop_oneof![Just(""), Just(".int"), Just(".my type")];
    let value = prop_oneof![
        string().prop_map(|text| ("String", AttributeValue::Text(text))),
        any::<i64>().prop_map(|number| ("Number", AttributeValue::Text(number.to_string()))),
        vec(any::<u8>(), 0..20).prop_map(|bytes| ("Binary", AttributeValue::Base64(STANDARD.encode(bytes)))),
    ];
    ("[A-Za-z0-9_.-]{1,20}", value, suffix).prop_map(|(name, (kind, value), suffix)| Attribute {
        name,
        data_type: format!("{kind}{suffix}"),
        value,
    })
}

proptest! {
    #[test]
    fn an_entry_gives_back_what_went_in(
        body in string(),
        as_literal: bool,
        attributes in vec(attribute(), 0..=ATTRIBUTE_LIMIT),
        trace_header in proptest::option::of(string()),
    ) {
        let by_name = attributes.iter().map(|one| (one.name.clone(), one.clone())).collect::<BTreeMap<_, _>>();
        let attributes = by_name.values().cloned().collect::<Vec<_>>();
        let written = literal(&serde_json::to_string(&body).unwrap());
        let body_of_message = if as_literal { Body::Literal(&written) } else { Body::Text(&body) };
        let message = message(body_of_message, &attributes, trace_header.as_deref());
        let entry = read(&message);

        prop_assert_eq!(&entry.message_body, &body);
        prop_assert_eq!(&entry.message_group_id, message.group().as_str());
        prop_assert_eq!(&entry.message_deduplication_id, message.deduplication_id().as_str());
        let expected = by_name.iter().map(|(name, one)| (name.clone(), EntryAttribute::of(one)));
        prop_assert_eq!(&entry.message_attributes, &expected.collect::<BTreeMap<_, _>>());
        // SQS refuses empty values, so an empty header counts as none.
        let trace_header = trace_header.filter(|header| !header.is_empty());
        let trace = entry.message_system_attributes.get("AWSTraceHeader");
        prop_assert_eq!(trace.and_then(|one| one.string_value.as_ref()), trace_header.as_ref());
        prop_assert!(trace.is_none_or(|one| one.data_type == "String"));
        prop_assert_eq!(entry.message_system_attributes.len(), usize::from(trace_header.is_some()));

        let counted = entry.message_attributes.iter().map(|(name, one)| name.len() + one.size()).sum::<usize>();
        prop_assert_eq!(message.size(), body.len() + counted);
    }
}
