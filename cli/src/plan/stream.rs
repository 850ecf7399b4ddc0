//! The event table's stream: whether the stack could read it, and the streams to choose from if not.

use aws::operator::table::{Stream, Table, of_stream};
use aws::operator::{CallError, CallFault};
use serde::Serialize;
use shared::text::printable;

/// The export that a stack imports its stream from, if no setting names one.
pub const STREAM_EXPORT: &str = "DynamoDBStreamArn";

/// The facts about the stream that a deploy would have the stack read.
#[derive(Clone, Debug)]
pub struct StreamFacts {
    /// The stream's ARN, as a setting or the export names it; none if neither does.
    pub arn: Option<String>,
    /// Whether the ARN is that of the export.
    pub is_exported: bool,
    /// The stream's table; none without an ARN.
    pub table: Option<Result<Table, CallError>>,
    /// The tables that have a stream, by name; looked for only if this one can't be read.
    pub streams: Vec<(String, Stream)>,
    /// Whether there are tables that were not looked at.
    pub is_more: bool,
}

/// Why the stack could not read its stream, which makes the deploy impossible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedStream {
    /// Why, and the remedy.
    pub reason: String,
    /// The account's streams that a stack can read.
    pub choices: Vec<StreamChoice>,
    /// Whether there are tables that were not looked at.
    pub is_more: bool,
}

/// A stream that a stack can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StreamChoice {
    /// The name of its table.
    pub table: String,
    /// Its ARN.
    pub arn: String,
}

impl RefusedStream {
    /// Why the stack could not read the stream; none if it can, or if that isn't known.
    pub fn of(facts: &StreamFacts) -> Option<Self> {
        let reason = reason(facts)?;
        let readable = facts.streams.iter().filter(|(_, stream)| stream.has_new_images());
        let choices =
            readable.map(|(table, stream)| StreamChoice { table: table.clone(), arn: stream.arn.clone() });
        Some(Self { reason, choices: choices.collect(), is_more: facts.is_more })
    }

    /// The text for people, without a line feed at its end.
    pub(super) fn to_text(&self) -> String {
        let Self { reason, choices, is_more } = self;
        let mut text = format!("IN THE WAY: {}. ", printable(reason));
        let many = if *is_more { " (not all tables were looked at)" } else { "" };
        if choices.is_empty() {
            text += &format!(
                "No stream of new images was found here{many}. Switch one on, and name it with --stream-arn:\n      \
                 aws dynamodb update-table --table-name … --stream-specification StreamEnabled=true,StreamViewType=NEW_IMAGE"
            );
            return text;
        }
        text += &format!("Name one with --stream-arn; these are here{many}:");
        for StreamChoice { table, arn } in choices {
            text += &format!("\n  {}\n      --stream-arn {}", printable(table), printable(arn));
        }
        text
    }
}

fn reason(facts: &StreamFacts) -> Option<String> {
    let Some(arn) = facts.arn.as_deref() else {
        return Some(format!(
            "a new stack needs the stream of the event table: no option names one, and no stack exports `{STREAM_EXPORT}`"
        ));
    };
    let exported =
        if facts.is_exported { format!(", which is exported as `{STREAM_EXPORT}`,") } else { String::new() };
    let Ok(name) = of_stream(arn) else {
        return Some(format!("`{arn}`{exported} is not the ARN of a table's stream"));
    };
    match facts.table.as_ref()? {
        Err(error) if error.fault == CallFault::Missing => {
            Some(format!("the stream `{arn}`{exported} is of the table `{name}`, which doesn't exist"))
        }
        // Without the right to ask, as if all were well.
        Err(_) => None,
        Ok(Table { stream: None, .. }) => {
            Some(format!("the stream `{arn}`{exported} is closed: the table `{name}` has none any more"))
        }
        Ok(Table { stream: Some(stream), .. }) if stream.arn != arn => {
            Some(format!("the stream `{arn}`{exported} is not the one that the table `{name}` has now"))
        }
        Ok(Table { stream: Some(stream), .. }) if !stream.has_new_images() => Some(format!(
            "the stream `{arn}`{exported} carries `{}`, and no new images; switch it off, and on again with `NEW_IMAGE`",
            stream.view_type
        )),
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const ARN: &str = "arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/1";

    fn stream(arn: &str, view_type: &str) -> Stream {
        Stream { arn: arn.to_owned(), view_type: view_type.to_owned() }
    }

    fn table(stream: Option<Stream>) -> Option<Result<Table, CallError>> {
        Some(Ok(Table {
            status: "ACTIVE".to_owned(),
            partition_key: "pk".to_owned(),
            partition_type: None,
            sort_key: Some("sk".to_owned()),
            sort_type: None,
            stream,
            size: None,
        }))
    }

    fn failed(fault: CallFault) -> Option<Result<Table, CallError>> {
        let (subject, reason) = ("Events".to_owned(), "why".to_owned());
        Some(Err(CallError { call: "DescribeTable", subject, fault, reason }))
    }

    fn facts(arn: Option<&str>, table: Option<Result<Table, CallError>>) -> StreamFacts {
        StreamFacts {
            arn: arn.map(str::to_owned),
            is_exported: false,
            table,
            streams: Vec::new(),
            is_more: false,
        }
    }

    fn check(facts: &StreamFacts, expected: Expect) {
        expected.assert_eq(&RefusedStream::of(facts).map(|refused| refused.to_text()).unwrap_or_default());
    }

    #[test]
    fn a_stream_that_can_be_read_is_not_refused() {
        for view_type in ["NEW_IMAGE", "NEW_AND_OLD_IMAGES"] {
            check(&facts(Some(ARN), table(Some(stream(ARN, view_type)))), expect![""]);
        }
        for fault in [CallFault::NotAllowed, CallFault::Unreachable, CallFault::Refused] {
            check(&facts(Some(ARN), failed(fault)), expect![""]);
        }
    }

    #[test]
    fn a_stream_that_can_t_be_read_is_refused_with_those_that_can() {
        let newer = "arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/2";
        check(
            &facts(None, None),
            expect![[r#"
                IN THE WAY: a new stack needs the stream of the event table: no option names one, and no stack exports `DynamoDBStreamArn`. No stream of new images was found here. Switch one on, and name it with --stream-arn:
                      aws dynamodb update-table --table-name … --stream-specification StreamEnabled=true,StreamViewType=NEW_IMAGE"#]],
        );
        check(
            &facts(Some(ARN), failed(CallFault::Missing)),
            expect![[r#"
                IN THE WAY: the stream `arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/1` is of the table `Events`, which doesn't exist. No stream of new images was found here. Switch one on, and name it with --stream-arn:
                      aws dynamodb update-table --table-name … --stream-specification StreamEnabled=true,StreamViewType=NEW_IMAGE"#]],
        );
        check(
            &facts(Some(ARN), table(None)),
            expect![[r#"
                IN THE WAY: the stream `arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/1` is closed: the table `Events` has none any more. No stream of new images was found here. Switch one on, and name it with --stream-arn:
                      aws dynamodb update-table --table-name … --stream-specification StreamEnabled=true,StreamViewType=NEW_IMAGE"#]],
        );
        check(
            &facts(Some(ARN), table(Some(stream(ARN, "KEYS_ONLY")))),
            expect![[r#"
                IN THE WAY: the stream `arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/1` carries `KEYS_ONLY`, and no new images; switch it off, and on again with `NEW_IMAGE`. No stream of new images was found here. Switch one on, and name it with --stream-arn:
                      aws dynamodb update-table --table-name … --stream-specification StreamEnabled=true,StreamViewType=NEW_IMAGE"#]],
        );
        let streams = vec![
            ("Events".to_owned(), stream(newer, "NEW_IMAGE")),
            ("Keys".to_owned(), stream("arn:keys", "KEYS_ONLY")),
        ];
        let closed = facts(Some(ARN), table(Some(stream(newer, "NEW_IMAGE"))));
        check(
            &StreamFacts { streams: streams.clone(), is_exported: true, ..closed },
            expect![[r#"
            IN THE WAY: the stream `arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/1`, which is exported as `DynamoDBStreamArn`, is not the one that the table `Events` has now. Name one with --stream-arn; these are here:
              Events
                  --stream-arn arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/2"#]],
        );
        check(
            &StreamFacts { streams, is_more: true, ..facts(None, None) },
            expect![[r#"
                IN THE WAY: a new stack needs the stream of the event table: no option names one, and no stack exports `DynamoDBStreamArn`. Name one with --stream-arn; these are here (not all tables were looked at):
                  Events
                      --stream-arn arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/2"#]],
        );
        let strange = StreamFacts { is_exported: true, ..facts(Some("nonsense"), None) };
        check(
            &strange,
            expect![[r#"
                IN THE WAY: `nonsense`, which is exported as `DynamoDBStreamArn`, is not the ARN of a table's stream. No stream of new images was found here. Switch one on, and name it with --stream-arn:
                      aws dynamodb update-table --table-name … --stream-specification StreamEnabled=true,StreamViewType=NEW_IMAGE"#]],
        );
    }
}
