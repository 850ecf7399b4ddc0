//! How each kind of target says what a test wants it to say, and what it was asked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::contract::push::Meaning;
use testkit::wire::scripted::{Arrival, Reaction};

use super::world::AwsKind;

/// Ten megabytes of words.
const LENGTH: usize = 10 << 20;

/// What every kind does alike.
fn without_words(meaning: Meaning) -> Option<Reaction> {
    match meaning {
        Meaning::TakenEndlessly => Some(Reaction::Endless(200)),
        Meaning::TakenAndStalled => Some(Reaction::Stalled(200)),
        Meaning::Silent => Some(Reaction::Silent),
        Meaning::Reset => Some(Reaction::Reset),
        _ => None,
    }
}

pub(crate) fn of_a_webhook(meaning: Meaning, arrival: &Arrival) -> Reaction {
    if let Some(reaction) = without_words(meaning) {
        return reaction;
    }
    match meaning {
        Meaning::Busy => Reaction::answer_with(429, "retry-after", "3", "later"),
        Meaning::Denied => Reaction::answer(403, "no"),
        Meaning::Refused => Reaction::answer(422, "no such field\u{1b}[31m"),
        Meaning::Gone => Reaction::answer(410, "gone"),
        Meaning::Repeating => Reaction::answer(400, format!("{arrival:?}")),
        Meaning::RefusedAtLength => Reaction::answer(400, "x".repeat(LENGTH)),
        _ => Reaction::answer(204, ""),
    }
}

pub(crate) fn reaction(kind: AwsKind, meaning: Meaning, arrival: &Arrival) -> Reaction {
    if let Some(reaction) = without_words(meaning) {
        return reaction;
    }
    let words = match meaning {
        Meaning::Repeating => format!("{} {:?}", arrival.text(), arrival.headers),
        Meaning::RefusedAtLength => "x".repeat(LENGTH),
        _ => "no".to_owned(),
    };
    match kind {
        AwsKind::Lambda => of_a_function(meaning, words),
        AwsKind::Sns => of_a_topic(meaning, &words),
        AwsKind::EventBridge => of_a_bus(meaning, &words),
        AwsKind::Kinesis => of_a_stream(meaning, &words),
        AwsKind::S3 => of_a_bucket(meaning, &words),
    }
}

fn of_a_function(meaning: Meaning, words: String) -> Reaction {
    let error =
        |status, code| Reaction::answer_with(status, "x-amzn-errortype", code, "{\"Message\":\"no\"}");
    match meaning {
        Meaning::Busy => error(429, "TooManyRequestsException"),
        Meaning::Denied => error(403, "AccessDeniedException"),
        Meaning::Gone => error(404, "ResourceNotFoundException"),
        Meaning::Refused | Meaning::Repeating | Meaning::RefusedAtLength => {
            Reaction::answer_with(200, "x-amz-function-error", "Unhandled", words)
        }
        _ => Reaction::answer(200, "null"),
    }
}

fn of_a_topic(meaning: Meaning, words: &str) -> Reaction {
    let escaped = words.replace('&', "&amp;").replace('<', "&lt;");
    let error = |status, code: &str| {
        let error =
            format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{escaped}</Message></Error>");
        Reaction::answer(status, format!("<ErrorResponse>{error}</ErrorResponse>"))
    };
    match meaning {
        Meaning::Busy => error(429, "Throttled"),
        Meaning::Denied => error(403, "AuthorizationError"),
        Meaning::Gone => error(404, "NotFound"),
        Meaning::Refused | Meaning::Repeating | Meaning::RefusedAtLength => error(400, "InvalidParameter"),
        _ => Reaction::answer(200, "<PublishResponse/>"),
    }
}

fn of_a_bus(meaning: Meaning, words: &str) -> Reaction {
    let entry = |code: &str| {
        let entry = json!({ "ErrorCode": code, "ErrorMessage": words });
        Reaction::answer(200, json!({ "FailedEntryCount": 1, "Entries": [entry] }).to_string())
    };
    match meaning {
        Meaning::Busy => entry("ThrottlingException"),
        Meaning::Denied => entry("AccessDeniedException"),
        Meaning::Gone => entry("ResourceNotFoundException"),
        Meaning::Refused => entry("MalformedDetail"),
        Meaning::Repeating | Meaning::RefusedAtLength => {
            let error = json!({ "__type": "ValidationException", "message": words });
            Reaction::answer(400, error.to_string())
        }
        _ => Reaction::answer(200, json!({ "Entries": [{ "EventId": "1" }] }).to_string()),
    }
}

fn of_a_stream(meaning: Meaning, words: &str) -> Reaction {
    let error = |status, code: &str| {
        Reaction::answer(status, json!({ "__type": code, "message": words }).to_string())
    };
    match meaning {
        Meaning::Busy => error(400, "ProvisionedThroughputExceededException"),
        Meaning::Denied => error(400, "AccessDeniedException"),
        Meaning::Gone => error(400, "ResourceNotFoundException"),
        Meaning::Refused | Meaning::Repeating | Meaning::RefusedAtLength => error(400, "ValidationException"),
        _ => Reaction::answer(200, json!({ "ShardId": "0", "SequenceNumber": "49590" }).to_string()),
    }
}

fn of_a_bucket(meaning: Meaning, words: &str) -> Reaction {
    let escaped = words.replace('&', "&amp;").replace('<', "&lt;");
    let error = |status, code: &str| {
        Reaction::answer(status, format!("<Error><Code>{code}</Code><Message>{escaped}</Message></Error>"))
    };
    match meaning {
        Meaning::Busy => error(503, "SlowDown"),
        Meaning::Denied => error(403, "AccessDenied"),
        Meaning::Gone => error(404, "NoSuchBucket"),
        Meaning::Refused | Meaning::Repeating | Meaning::RefusedAtLength => error(400, "MetadataTooLarge"),
        _ => Reaction::answer(200, ""),
    }
}

/// The ids of the events that a request brings.
pub(crate) fn ids(kind: AwsKind, arrival: &Arrival) -> Vec<String> {
    let json = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
    let id = |event: &Value| event["eventId"].as_str().unwrap().to_owned();
    match kind {
        AwsKind::Lambda => {
            let payload = json(&arrival.body);
            match payload["events"].as_array() {
                Some(events) => events.iter().map(id).collect(),
                None => vec![id(&payload)],
            }
        }
        AwsKind::Sns => {
            let text = arrival.text();
            let value = text
                .split('&')
                .find_map(|field| field.strip_prefix("MessageAttributes.entry.1.Value.StringValue="));
            vec![value.unwrap().to_owned()]
        }
        AwsKind::EventBridge => {
            let detail = json(&arrival.body)["Entries"][0]["Detail"].as_str().unwrap().to_owned();
            vec![id(&json(detail.as_bytes()))]
        }
        AwsKind::Kinesis => {
            let data = json(&arrival.body)["Data"].as_str().unwrap().to_owned();
            vec![id(&json(&STANDARD.decode(data).unwrap()))]
        }
        AwsKind::S3 => {
            let name = arrival.path.rsplit('/').next().unwrap();
            let (_, id) = name.split_once('-').unwrap();
            vec![id.trim_end_matches(".json").to_owned()]
        }
    }
}
