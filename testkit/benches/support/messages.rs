//! What a FIFO mapping delivers to the fan-out.

use std::time::Duration;

use serde_json::{Value, json};
use shared::ids::{DeduplicationId, EventIdentity, Group, Key};

use crate::support::{event, event_id, mark, time};

/// How long a queue takes to answer.
pub(crate) const LATENCY: Duration = Duration::from_millis(5);

/// The messages of a fan-out's batch.
const MESSAGES: usize = 10;

/// The groups that they are of.
pub(crate) const GROUPS: usize = 10;

/// How many batches there are.
const BATCHES: usize = 40;

/// The version of the first event that a batch brings of a group.
pub(crate) const VERSION: usize = 3;

/// Batches of ten messages, each of which draws its group from ten. So some groups have
/// several messages in a batch, which are sent one after the other.
pub(crate) fn batches() -> Vec<String> {
    // Numerical Recipes' generator, whose upper bits are good enough to draw from ten.
    let mut state = 20_250_301_u32;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize % GROUPS
    };
    let batches = (0..BATCHES).map(|_| {
        let mut versions = [VERSION; GROUPS];
        let records = (0..MESSAGES).map(|number| {
            let group = draw();
            let version = versions.get_mut(group).map(|next| std::mem::replace(next, *next + 1));
            message(number, group, version.unwrap_or(VERSION))
        });
        json!({ "Records": records.collect::<Vec<_>>() }).to_string()
    });
    batches.collect()
}

fn message(number: usize, mark: usize, version: usize) -> Value {
    let attribute = |data_type: &str, value: &str| json!({ "stringValue": value, "stringListValues": [], "binaryListValues": [], "dataType": data_type });
    json!({
        "messageId": format!("11d6ee51-4cc7-4302-9e22-{number:012}"),
        "receiptHandle": "AQEBBX8nesZEXmkhsmZeyIE8iQAMig7qw".repeat(8),
        "body": event(mark, version).to_string(),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1740821400123",
            "SequenceNumber": "18849496460467696128",
            "MessageGroupId": group(mark).as_str(),
            "SenderId": "AROAEXAMPLE:converter",
            "MessageDeduplicationId": deduplication_id(mark, version).as_str(),
            "ApproximateFirstReceiveTimestamp": "1740821400223",
        },
        "messageAttributes": {
            "eventId": attribute("String", &event_id(mark, version)),
            "eventName": attribute("String", "AddressUpdated"),
            "eventTime": attribute("String", &time(version)),
            "version": attribute("Number", &version.to_string()),
            "streamedAt": attribute("Number", "1740821400000"),
        },
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-2:123456789012:MarkFanOutQueue.fifo",
        "awsRegion": "eu-west-2",
    })
}

pub(crate) fn group(number: usize) -> Group {
    Group::of(&Key::S(mark(number)))
}

fn deduplication_id(number: usize, version: usize) -> DeduplicationId {
    let identity = EventIdentity { sort: Key::S(time(version)), id: Some(event_id(number, version)) };
    DeduplicationId::of_event(&Key::S(mark(number)), &identity)
}
