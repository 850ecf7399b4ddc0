use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::ids::Key;
use crate::image::samples::string;

fn message(body: Body<'_>, attributes: &[Attribute], trace_header: Option<&str>) -> Message {
    let group = Group::of(&Key::S("AFC F5 \"\\".to_owned()));
    Message::new(group, DeduplicationId::of_stream_record("a\"\\1"), body, attributes, trace_header)
}

fn literal(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

#[test]
fn literals_count_as_the_text_that_they_stand_for() {
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
        assert_eq!(message.body().text().as_deref(), Some(&*decoded));
    }
}

#[test]
fn a_literal_that_stands_for_no_text_has_none() {
    assert_eq!(message(Body::Literal(&literal(r#""\ud800""#)), &[], None).body().text(), None);
}

#[test]
fn size_is_what_sqs_counts() {
    let base64 = |text: &str| AttributeValue::Base64(text.to_owned());
    let attribute = |value| Attribute { name: "b".to_owned(), data_type: "Binary".to_owned(), value };
    let table = [
        (vec![], 2),
        (vec![Attribute::string("name", "é")], 2 + 4 + 6 + 2),
        (vec![Attribute::number("version", "17")], 2 + 7 + 6 + 2),
        (vec![attribute(base64("AA=="))], 2 + 1 + 6 + 1),
        (vec![attribute(base64("AAA="))], 2 + 1 + 6 + 2),
        (vec![attribute(base64("AAAA"))], 2 + 1 + 6 + 3),
        (vec![Attribute::string("a", "\""), Attribute::string("b", "\n")], 2 + 8 + 8),
    ];
    for (attributes, size) in table {
        for trace_header in [None, Some("Root=1")] {
            assert_eq!(message(Body::Text("\"\n"), &attributes, trace_header).size(), size, "{attributes:?}");
        }
    }
}

#[test]
fn with_another_body_all_else_stays() {
    let attributes = [Attribute::string("eventId", "e1"), Attribute::number("version", "17")];
    let literal = literal(r#""{\"text\":\"\\u00e9\"}""#);
    for body in [Body::Text("a long body"), Body::Literal(&literal)] {
        let before = message(body, &attributes, Some("Root=1"));
        assert_eq!(before.with_body("{}".to_owned()), message(Body::Text("{}"), &attributes, Some("Root=1")));
    }
}

#[test]
fn a_message_and_its_clones_have_an_identity_of_their_own() {
    let [first, like] = [(); 2].map(|()| message(Body::Text("x"), &[], None));
    let (identity, clone) = (first.identity(), first.clone());
    assert_eq!(first, like);
    assert!(identity.is_of(&first) && identity.is_of(&clone) && !identity.is_of(&like));
    drop((first, clone));
    assert!(!(0..100).any(|_| identity.is_of(&message(Body::Text("x"), &[], None))));
}

proptest! {
    /// Every way of escaping a character counts as the character.
    #[test]
    fn escapes_do_not_change_a_literals_size(text in string(), escaped in vec(any::<bool>(), 40)) {
        let mut written = String::from("\"");
        for (character, escape) in text.chars().zip(escaped.into_iter().cycle()) {
            if escape || character < ' ' || matches!(character, '"' | '\\') {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    written.push_str(&format!("\\u{unit:04X}"));
                }
            } else {
                written.push(character);
            }
        }
        written.push('"');
        let literal = literal(&written);
        prop_assert_eq!(message(Body::Literal(&literal), &[], None).size(), text.len());
    }
}
