//! `fanoutctl rejected show`: one rejection in full.

use serde::Serialize;
use serde_json::value::RawValue;
use shared::config::Source;
use shared::control::TypedKey;
use shared::message::{Attribute, AttributeValue};
use shared::rejection::Rejection as Content;
use shared::text::printable;

use super::{look, source};
use crate::args::stack_option;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{Style, instant};
use crate::rejections::{Rejection, choose, indented};

/// A rejection in full. JSON in it stays as it is written, so that no number changes.
#[derive(Debug, Serialize)]
struct Shown<'r> {
    id: &'r str,
    /// The aggregate's key; null if neither rejection nor config say it.
    key: Option<TypedKey>,
    group: &'r str,
    event_id: Option<String>,
    version: Option<i64>,
    since: Option<String>,
    receives: Option<u64>,
    reason: String,
    deduplication_id: Option<&'r str>,
    trace_header: Option<&'r str>,
    stream: Option<String>,
    sequence_number: Option<String>,
    attributes: Vec<ShownAttribute<'r>>,
    keys: Option<&'r RawValue>,
    image: Option<&'r RawValue>,
    record: Option<&'r RawValue>,
    /// The message's body, if it is not a rejection of the functions.
    body: Option<&'r str>,
}

#[derive(Debug, Serialize)]
struct ShownAttribute<'r> {
    name: &'r str,
    data_type: &'r str,
    /// Base64 if it is binary.
    value: &'r str,
}

/// Shows the rejection. [`Exit::Findings`] if no rejection that can be seen has this id, [`Exit::Usage`] if several ids
/// begin so.
pub(super) async fn execute(context: &Context, typed: &str) -> Result<Exit, Failure> {
    let rejections = look(context, usize::MAX, |id| id.starts_with(typed)).await?.rejections;
    let ids: Vec<&str> = rejections.iter().map(|rejection| rejection.message.id.as_str()).collect();
    let id = choose(typed, &ids, &stack_option(&context.stack))?;
    if let Some(rejection) = rejections.iter().find(|rejection| rejection.message.id == id) {
        context.output.print(&shown(rejection, source(context).as_ref()), text)?;
    }
    Ok(Exit::Done)
}

fn shown<'r>(rejection: &'r Rejection, source: Option<&Source>) -> Shown<'r> {
    let (message, content) = (&rejection.message, rejection.content());
    let body = content.is_err().then_some(message.body.as_str());
    let content = content.unwrap_or_else(|reason| Content { reason, ..Content::default() });
    let Content { reason, event_id, keys, stream, sequence_number, image, record, version: _ } = content;
    Shown {
        id: &message.id,
        key: rejection.key(source),
        group: rejection.group(),
        event_id,
        version: rejection.version(source),
        since: rejection.since().map(instant),
        receives: rejection.receives(),
        reason,
        deduplication_id: message.system("MessageDeduplicationId"),
        trace_header: message.system("AWSTraceHeader"),
        stream,
        sequence_number,
        attributes: message.attributes.iter().map(attribute).collect(),
        keys,
        image,
        record,
        body,
    }
}

fn attribute(attribute: &Attribute) -> ShownAttribute<'_> {
    let (AttributeValue::Text(value) | AttributeValue::Base64(value)) = &attribute.value;
    ShownAttribute { name: &attribute.name, data_type: &attribute.data_type, value }
}

fn text(shown: &Shown<'_>, _: Style) -> String {
    let version = shown.version.map(|version| version.to_string());
    let key = shown.key.as_ref().map(ToString::to_string);
    let receives = shown.receives.map(|receives| format!("{receives} times"));
    let fields = [
        ("id", Some(shown.id)),
        ("aggregate", key.as_deref()),
        ("group", Some(shown.group)),
        ("event", shown.event_id.as_deref()),
        ("version", version.as_deref()),
        ("since", shown.since.as_deref()),
        ("received", receives.as_deref()),
        ("reason", Some(&shown.reason)),
        ("deduplication id", shown.deduplication_id),
        ("trace", shown.trace_header),
        ("stream", shown.stream.as_deref()),
        ("sequence number", shown.sequence_number.as_deref()),
    ];
    let mut text = String::new();
    for (name, value) in fields {
        text += &value.map_or_else(String::new, |value| format!("{name:<18}{}\n", printable(value)));
    }
    if !shown.attributes.is_empty() {
        text += "\nattributes\n";
    }
    for ShownAttribute { name, data_type, value } in &shown.attributes {
        text += &format!("{}\n", printable(&format!("{name:<18}{value} ({data_type})")));
    }
    let parts = [("keys", shown.keys), ("image", shown.image), ("record", shown.record)];
    for (name, part) in parts {
        text += &part.map_or_else(String::new, |part| titled(name, part.get()));
    }
    text + &shown.body.map_or_else(String::new, |body| titled("body", body))
}

/// A section with `body`: JSON is indented, other text stays as it is. Control characters are escaped.
fn titled(name: &str, body: &str) -> String {
    let lines = indented(body).unwrap_or_else(|| body.to_owned());
    let lines = lines.lines().map(|line| printable(line) + "\n");
    format!("\n{name}\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::rejections::samples::{self, foreign, source};

    fn check(rejection: &Rejection, expected_text: &Expect, expected_json: &Expect) {
        let source = source();
        let shown = shown(rejection, Some(&source));
        expected_text.assert_eq(&text(&shown, Style::Plain));
        expected_json.assert_eq(&serde_json::to_string_pretty(&shown).unwrap());
    }

    #[test]
    fn a_rejection_is_shown_with_its_item() {
        check(
            &samples::rejected("e-3"),
            &expect![[r#"
                id                00000003-0000-4000-8000-000000000000
                aggregate         AFC F5
                group             AFC%20F5
                event             e-3
                version           3
                since             2026-01-05T09:00:00Z
                received          2 times
                reason            the event lacks `eventId`, its id; `[source]` in `client-queues.toml` says where it is
                deduplication id  d-1
                stream            arn:aws:dynamodb:eu-west-2:111122223333:table/RegistrationNumberEvent/stream/2026-01-05T09:00:00.000
                sequence number   4421584500000000017450439091

                attributes
                eventId           e-3 (String)

                keys
                {
                  "mark": {
                    "S": "AFC F5"
                  },
                  "createTime": {
                    "S": "2026-01-05T09:00:03Z"
                  }
                }

                image
                {
                  "mark": {
                    "S": "AFC F5"
                  },
                  "createTime": {
                    "S": "2026-01-05T09:00:03Z"
                  },
                  "price": {
                    "N": "299.90"
                  },
                  "RegistrationNumber": {
                    "M": {
                      "version": {
                        "N": "3"
                      }
                    }
                  }
                }
            "#]],
            &expect![[r#"
                {
                  "id": "00000003-0000-4000-8000-000000000000",
                  "key": {
                    "S": "AFC F5"
                  },
                  "group": "AFC%20F5",
                  "event_id": "e-3",
                  "version": 3,
                  "since": "2026-01-05T09:00:00Z",
                  "receives": 2,
                  "reason": "the event lacks `eventId`, its id; `[source]` in `client-queues.toml` says where it is",
                  "deduplication_id": "d-1",
                  "trace_header": null,
                  "stream": "arn:aws:dynamodb:eu-west-2:111122223333:table/RegistrationNumberEvent/stream/2026-01-05T09:00:00.000",
                  "sequence_number": "4421584500000000017450439091",
                  "attributes": [
                    {
                      "name": "eventId",
                      "data_type": "String",
                      "value": "e-3"
                    }
                  ],
                  "keys": {"mark":{"S":"AFC F5"},"createTime":{"S":"2026-01-05T09:00:03Z"}},
                  "image": {"mark":{"S":"AFC F5"},"createTime":{"S":"2026-01-05T09:00:03Z"},"price":{"N":"299.90"},"RegistrationNumber":{"M":{"version":{"N":"3"}}}},
                  "record": null,
                  "body": null
                }"#]],
        );
        check(
            &samples::unreadable_record(),
            &expect![[r#"
            id                00000004-0000-4000-8000-000000000000
            group             ~rejected
            since             2026-01-05T09:00:00Z
            received          2 times
            reason            not a stream record: it has no `eventName`
            deduplication id  d-1
            sequence number   42

            record
            {
              "dynamodb": {
                "SequenceNumber": "42",
                "Keys": 7
              }
            }
        "#]],
            &expect![[r#"
                {
                  "id": "00000004-0000-4000-8000-000000000000",
                  "key": null,
                  "group": "~rejected",
                  "event_id": null,
                  "version": null,
                  "since": "2026-01-05T09:00:00Z",
                  "receives": 2,
                  "reason": "not a stream record: it has no `eventName`",
                  "deduplication_id": "d-1",
                  "trace_header": null,
                  "stream": null,
                  "sequence_number": "42",
                  "attributes": [],
                  "keys": null,
                  "image": null,
                  "record": {"dynamodb":{"SequenceNumber":"42","Keys":7}},
                  "body": null
                }"#]],
        );
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        let rejection = Rejection { message: foreign(8, "A", "no JSON \u{1b}[2J\n\u{202e}second line\r") };
        expect![[r#"
            id                00000008-0000-4000-8000-000000000000
            group             A
            since             2026-01-05T09:00:00Z
            received          2 times
            reason            not a rejection of the functions: line 1, column 2 of its body is not as expected
            deduplication id  d-1

            body
            no JSON \u{1b}[2J
            \u{202e}second line\r
        "#]]
        .assert_eq(&text(&shown(&rejection, None), Style::Plain));
    }
}
