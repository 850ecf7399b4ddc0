//! What a stream mapping delivers to the converter.

use serde_json::{Map, Value, json};

use crate::support::event;

/// The marks that the events are about.
pub(crate) const MARKS: usize = 50;

/// A batch of this many records: the first events of each mark, in turn.
pub(crate) fn records(count: usize) -> String {
    let record = |number: usize| {
        let event = event(number % MARKS, number / MARKS + 1);
        let image = event.as_object().map(attributes).unwrap_or_default();
        json!({
            "eventID": format!("c4ca4238a0b923820dcc509a{number:08}"),
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "eu-west-2",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_740_821_400,
                "Keys": { "mark": image.get("mark"), "createTime": image.get("createTime") },
                "NewImage": image,
                "SequenceNumber": format!("44215845{number:020}"),
                "SizeBytes": 2_000,
                "StreamViewType": "NEW_IMAGE",
            },
            "eventSourceARN":
                "arn:aws:dynamodb:eu-west-2:123456789012:table/MarkEvent/stream/2025-01-01T00:00:00.000",
        })
    };
    json!({ "Records": (0..count).map(record).collect::<Vec<_>>() }).to_string()
}

fn attributes(members: &Map<String, Value>) -> Map<String, Value> {
    members.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// The attribute that holds `value`, in DynamoDB's JSON.
fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(value) => json!({ "BOOL": value }),
        Value::Number(value) => json!({ "N": value.to_string() }),
        Value::String(value) => json!({ "S": value }),
        Value::Array(values) => json!({ "L": values.iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(members) => json!({ "M": attributes(members) }),
    }
}
