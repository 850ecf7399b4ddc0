//! `fanoutctl dead-letters show`: one letter, whole. Only here is a body shown.

use serde::Serialize;
use serde_json::value::RawValue;
use shared::config::Source;
use shared::message::{Attribute, AttributeValue};
use shared::text::printable;

use super::held::Held;
use super::list::LOOKING;
use super::look::{Glance, LOOKING_SAID, look};
use super::places::Places;
use super::source;
use crate::args::LetterArguments;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::letters::{ChoiceError, Content, Letter, LetterQueue, choose, indented, instant};
use crate::output::Style;
use crate::progress::unless_quick;

/// A letter, whole. JSON in it stays as it is written: no number is changed.
#[derive(Debug, Serialize)]
struct Shown<'l> {
    id: &'l str,
    queue: LetterQueue,
    client: Option<&'l str>,
    group: &'l str,
    event_id: Option<&'l str>,
    version: Option<u64>,
    since: Option<String>,
    receives: Option<u64>,
    reason: &'l str,
    deduplication_id: Option<&'l str>,
    trace_header: Option<&'l str>,
    stream: Option<&'l str>,
    sequence_number: Option<&'l str>,
    attributes: Vec<ShownAttribute<'l>>,
    keys: Option<&'l RawValue>,
    image: Option<&'l RawValue>,
    record: Option<&'l RawValue>,
    /// The message's, unless it is a letter of which the above tells all.
    body: Option<&'l str>,
}

#[derive(Debug, Serialize)]
struct ShownAttribute<'l> {
    name: &'l str,
    data_type: &'l str,
    /// Base64 if it is binary.
    value: &'l str,
}

/// Shows the letter that the command line names.
///
/// # Errors
///
/// [`Failure`]: [`Exit::Findings`] if no letter that can be seen has this id, [`Exit::Usage`] if several begin so.
pub(super) async fn execute(context: &Context, arguments: &LetterArguments) -> Result<Exit, Failure> {
    let target = context.target().await?;
    let places = Places::of_stack(context, &target).await?;
    let source = source(context);
    let held = Held::new(aws_sdk_sqs::Client::new(target.sdk_config()));
    let glance = Glance { limit: usize::MAX, invisible: LOOKING, source: source.as_ref() };
    let sight =
        unless_quick(LOOKING_SAID, look(&held, &places, glance, |id| id.starts_with(&arguments.id))).await;
    held.release().await;
    let letters = sight?.letters;
    let ids: Vec<&str> = letters.iter().map(|letter| letter.message.id.as_str()).collect();
    let id = choose(&arguments.id, &ids)?;
    if let Some(letter) = letters.iter().find(|letter| letter.message.id == id) {
        context.output.print(&shown(letter, source.as_ref()), text)?;
    }
    Ok(Exit::Done)
}

impl From<ChoiceError> for Failure {
    fn from(error: ChoiceError) -> Self {
        let exit = match error {
            ChoiceError::Unknown(_) => Exit::Findings,
            ChoiceError::Ambiguous { .. } => Exit::Usage,
        };
        Failure::new(exit, error)
    }
}

fn shown<'l>(letter: &'l Letter, source: Option<&Source>) -> Shown<'l> {
    let message = &letter.message;
    let rejected = match &letter.content {
        Content::Rejected(rejected) => Some(rejected),
        _ => None,
    };
    Shown {
        id: &message.id,
        queue: letter.queue,
        client: letter.client().map(|client| client.as_str()),
        group: letter.group(),
        event_id: letter.event_id(),
        version: letter.version(source),
        since: letter.since().map(instant),
        receives: letter.receives(),
        reason: letter.reason(),
        deduplication_id: message.system("MessageDeduplicationId"),
        trace_header: message.system("AWSTraceHeader"),
        stream: rejected.and_then(|rejected| rejected.stream.as_deref()),
        sequence_number: rejected.and_then(|rejected| rejected.sequence_number.as_deref()),
        attributes: message.attributes.iter().map(attribute).collect(),
        keys: rejected.and_then(|rejected| rejected.keys.as_deref()),
        image: rejected.and_then(|rejected| rejected.image.as_deref()),
        record: rejected.and_then(|rejected| rejected.record.as_deref()),
        body: rejected.is_none().then_some(&message.body),
    }
}

fn attribute(attribute: &Attribute) -> ShownAttribute<'_> {
    let (AttributeValue::Text(value) | AttributeValue::Base64(value)) = &attribute.value;
    ShownAttribute { name: &attribute.name, data_type: &attribute.data_type, value }
}

fn text(letter: &Shown<'_>, _: Style) -> String {
    let (version, receives) = (letter.version.map(|version| version.to_string()), letter.receives);
    let receives = receives.map(|receives| format!("{receives} times"));
    let queue = letter.queue.to_string();
    let fields = [
        ("id", Some(letter.id)),
        ("queue", Some(queue.as_str())),
        ("client", letter.client),
        ("group", Some(letter.group)),
        ("event", letter.event_id),
        ("version", version.as_deref()),
        ("since", letter.since.as_deref()),
        ("received", receives.as_deref()),
        ("reason", Some(letter.reason)),
        ("deduplication id", letter.deduplication_id),
        ("trace", letter.trace_header),
        ("stream", letter.stream),
        ("sequence number", letter.sequence_number),
    ];
    let mut text = String::new();
    for (name, value) in fields {
        if let Some(value) = value {
            text += &format!("{name:<18}{}\n", printable(value));
        }
    }
    if !letter.attributes.is_empty() {
        text += "\nattributes\n";
    }
    for attribute in &letter.attributes {
        let line = format!("{:<18}{} ({})", attribute.name, attribute.value, attribute.data_type);
        text += &format!("{}\n", printable(&line));
    }
    let parts = [("keys", letter.keys), ("image", letter.image), ("record", letter.record)];
    for (name, part) in parts {
        text += &part.map_or_else(String::new, |part| titled(name, part.get()));
    }
    text + &letter.body.map_or_else(String::new, |body| titled("body", body))
}

/// JSON on lines of its own; other text as it is. No line has anything that a terminal would act on.
fn titled(name: &str, body: &str) -> String {
    let lines = indented(body).unwrap_or_else(|| body.to_owned());
    let lines = lines.lines().map(|line| printable(line) + "\n");
    format!("\n{name}\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::letters::samples::{self, source};

    fn check(letter: &Letter, expected_text: &Expect, expected_json: &Expect) {
        let source = source("");
        let shown = shown(letter, Some(&source));
        expected_text.assert_eq(&text(&shown, Style::Plain));
        expected_json.assert_eq(&serde_json::to_string_pretty(&shown).unwrap());
    }

    #[test]
    fn a_rejected_letter_is_shown_with_its_item() {
        check(
            &samples::rejected("e-3"),
            &expect![[r#"
            id                00000003-0000-4000-8000-000000000000
            queue             rejected queue
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
              "queue": "rejected",
              "client": null,
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
            queue             rejected queue
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
              "queue": "rejected",
              "client": null,
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
    fn an_undelivered_message_is_shown_with_its_body() {
        let body = r#"{"mark":"AFC F5","price":299.90,"wide":12345678901234567890123456789012345678}"#;
        check(
            &samples::undelivered("Billing", "AFC%20F5", Some("2"), body),
            &expect![[r#"
            id                00000005-0000-4000-8000-000000000000
            queue             undelivered queue
            client            Billing
            group             AFC%20F5
            event             e-2
            version           2
            since             2026-01-05T09:00:00Z
            received          2 times
            reason            the queue does not exist (`QueueDoesNotExist`)
            deduplication id  d-1

            attributes
            client            Billing (String)
            eventId           e-2 (String)
            reason            the queue does not exist (`QueueDoesNotExist`) (String)
            version           2 (Number)

            body
            {
              "mark": "AFC F5",
              "price": 299.90,
              "wide": 12345678901234567890123456789012345678
            }
        "#]],
            &expect![[r#"
            {
              "id": "00000005-0000-4000-8000-000000000000",
              "queue": "undelivered",
              "client": "Billing",
              "group": "AFC%20F5",
              "event_id": "e-2",
              "version": 2,
              "since": "2026-01-05T09:00:00Z",
              "receives": 2,
              "reason": "the queue does not exist (`QueueDoesNotExist`)",
              "deduplication_id": "d-1",
              "trace_header": null,
              "stream": null,
              "sequence_number": null,
              "attributes": [
                {
                  "name": "client",
                  "data_type": "String",
                  "value": "Billing"
                },
                {
                  "name": "eventId",
                  "data_type": "String",
                  "value": "e-2"
                },
                {
                  "name": "reason",
                  "data_type": "String",
                  "value": "the queue does not exist (`QueueDoesNotExist`)"
                },
                {
                  "name": "version",
                  "data_type": "Number",
                  "value": "2"
                }
              ],
              "keys": null,
              "image": null,
              "record": null,
              "body": "{\"mark\":\"AFC F5\",\"price\":299.90,\"wide\":12345678901234567890123456789012345678}"
            }"#]],
        );
    }

    #[test]
    fn nothing_that_a_terminal_would_act_on_reaches_it() {
        let letter = samples::dead_letter("A", "no JSON \u{1b}[2J\n\u{202e}second line\r");
        expect![[r#"
            id                00000008-0000-4000-8000-000000000000
            queue             dead-letter queue
            group             A
            event             e-9
            version           9
            since             2026-01-05T09:00:00Z
            received          2 times
            reason            the fan-out could not process the message; its log says why
            deduplication id  d-1

            attributes
            eventId           e-9 (String)
            version           9 (Number)

            body
            no JSON \u{1b}[2J
            \u{202e}second line\r
        "#]]
        .assert_eq(&text(&shown(&letter, None), Style::Plain));
    }
}
