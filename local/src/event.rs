//! An event as it is written to the event table, and events read from a file.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use shared::config::Source;
use shared::event::Reader;
use shared::message::EVENT_LIMIT;

use crate::json::{Json, Map, Number};

/// An event as the event table has it, in DynamoDB's JSON.
pub const EXAMPLE: &str = r#"{"mark":{"S":"NEW 1"},"createTime":{"S":"2026-01-05T09:00:00Z"},"eventId":{"S":"new-1"},"eventName":{"S":"EntitlementCreatedEvent"},"RegistrationNumber":{"M":{"version":{"N":"1"},"status":{"S":"ENTITLED"},"price":{"N":"299.90"}}}}"#;

/// An event: an item of the event table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The mark that it is about.
    pub mark: String,
    /// The table's sort key.
    pub create_time: String,
    /// Its own id.
    pub id: String,
    /// Its number among the mark's events.
    pub version: Number,
    /// All of it, as a JSON object.
    pub item: Json,
    /// The line of the file that it was read from, counted from 1; 0 if it was not.
    pub line: usize,
}

/// A line that is no event.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct BadLine {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl Event {
    /// The event whose attributes are `item`.
    ///
    /// # Errors
    ///
    /// The attribute that is missing, or not of its type.
    pub fn try_from_item(item: Map, line: usize) -> Result<Self, String> {
        let item = Json::Map(item);
        let text = |name: &str| match item.at(&[name]) {
            Some(Json::Text(text)) if !text.is_empty() => Ok(text.clone()),
            Some(_) => Err(format!("`{name}` is not a string with something in it")),
            None => Err(format!("has no `{name}`")),
        };
        let (mark, create_time, id) = (text("mark")?, text("createTime")?, text("eventId")?);
        let Some(Json::Number(version)) = item.at(&["RegistrationNumber", "version"]) else {
            return Err("has no number `RegistrationNumber.version`".to_owned());
        };
        let version = version.clone();
        Ok(Self { mark, create_time, id, version, item, line })
    }

    /// The item as the stream shows it, in DynamoDB's JSON.
    pub fn in_table(&self) -> String {
        Value::Object(self.item.to_attributes()).to_string()
    }
}

/// Reads events from a file's bytes with one JSON object per line; empty lines are passed over.
///
/// A line that repeats the key or the id of an earlier event is bad: the table would refuse the key, and a check could
/// not distinguish the id from a repetition.
pub fn read_lines(bytes: &[u8]) -> (Vec<Event>, Vec<BadLine>) {
    let mut events = Vec::new();
    let mut bad_lines = Vec::new();
    let mut keys = HashSet::new();
    let mut ids = HashSet::new();
    for (line, bytes) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let event = read_line(bytes, line).and_then(|event| {
            if !keys.insert((event.mark.clone(), event.create_time.clone())) {
                Err("repeats `mark` and `createTime` of an earlier line".to_owned())
            } else if !ids.insert(event.id.clone()) {
                Err("repeats the `eventId` of an earlier line".to_owned())
            } else {
                Ok(event)
            }
        });
        match event {
            Ok(event) => events.push(event),
            Err(reason) => bad_lines.push(BadLine { line, reason }),
        }
    }
    (events, bad_lines)
}

/// Separates the `events` that the pipeline carries from those that it would reject, or wait for: a mark's are numbered
/// from the first version on, in the order of their lines. What the source's filter does not admit is none of it.
pub fn carried(events: Vec<Event>, source: &Source) -> (Vec<Event>, Vec<BadLine>) {
    let (reader, place) = (Reader::new(source), &source.version);
    let mut next_versions: HashMap<String, i64> = HashMap::new();
    let (mut carried, mut bad_lines) = (Vec::with_capacity(events.len()), Vec::new());
    for event in events {
        let next = next_versions.entry(event.mark.clone()).or_insert(place.first);
        let reason = match reader.read_admitted(&event.in_table()) {
            Err(why) => Some(why.to_string()),
            Ok(Some(read)) if read.size() > EVENT_LIMIT => Some(format!(
                "the event has {} bytes with its attributes; at most {EVENT_LIMIT} fit a message",
                read.size()
            )),
            Ok(Some(read)) if read.version() != *next => Some(format!(
                "`{place}` is {}, and the next version of `{}` is {next}; number a mark's events from {}, without a gap, one \
                 line after the other",
                event.version, event.mark, place.first
            )),
            Ok(Some(_)) => {
                *next += 1;
                None
            }
            Ok(None) => None,
        };
        match reason {
            None => carried.push(event),
            Some(reason) => bad_lines.push(BadLine { line: event.line, reason }),
        }
    }
    (carried, bad_lines)
}

fn read_line(bytes: &[u8], line: usize) -> Result<Event, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("is not UTF-8: {error}"))?;
    match Json::parse(text)? {
        Json::Map(item) => Event::try_from_item(item, line),
        _ => Err("is not a JSON object".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use shared::config::Config;

    use super::*;

    fn check(bytes: &[u8], expected: Expect) {
        let (events, bad_lines) = read_lines(bytes);
        let mut found = String::new();
        for event in events {
            found += &format!(
                "{}: {} {} {} {}\n",
                event.line, event.mark, event.create_time, event.id, event.version
            );
        }
        for bad in bad_lines {
            found += &format!("{}: bad: {}\n", bad.line, bad.reason);
        }
        expected.assert_eq(&found);
    }

    #[test]
    fn a_bad_line_is_named_and_the_others_go_on() {
        let text = br#"
{"mark":"AFC F5","createTime":"t1","eventId":"a","RegistrationNumber":{"version":1}}
{"mark":"AFC F5","createTime":"t2",
[1]
{"mark":"AFC F5","createTime":"t2","RegistrationNumber":{"version":2}}
{"mark":7,"createTime":"t2","eventId":"b","RegistrationNumber":{"version":2}}
{"mark":"","createTime":"t2","eventId":"b","RegistrationNumber":{"version":2}}
{"mark":"AFC F5","createTime":"t2","eventId":"b","RegistrationNumber":{"version":"2"}}
{"mark":"AFC F5","createTime":"t1","eventId":"b","RegistrationNumber":{"version":2}}
{"mark":"AFC F5","createTime":"t2","eventId":"a","RegistrationNumber":{"version":2}}
{"mark":"AFC F5","createTime":"t3","eventId":"c","RegistrationNumber":{"version":2.0},"more":[{}]}
"#;
        check(
            &[&text[..], b"\xff\r\n\r\n{}"].concat(),
            expect![[r#"
            2: AFC F5 t1 a 1
            11: AFC F5 t3 c 2.0
            3: bad: is not JSON: EOF while parsing an object, column 35
            4: bad: is not a JSON object
            5: bad: has no `eventId`
            6: bad: `mark` is not a string with something in it
            7: bad: `mark` is not a string with something in it
            8: bad: has no number `RegistrationNumber.version`
            9: bad: repeats `mark` and `createTime` of an earlier line
            10: bad: repeats the `eventId` of an earlier line
            12: bad: is not UTF-8: invalid utf-8 sequence of 1 bytes from index 0
            14: bad: has no `mark`
        "#]],
        );
    }

    #[test]
    fn what_would_be_rejected_or_waited_for_is_left_out() {
        let source =
            Config::try_from_toml("client-queues.toml", include_str!("../../client-queues.toml"), None);
        let line = |mark: &str, second: u32, version: &str| {
            format!(
                r#"{{"mark":"{mark}","createTime":"2026-01-05T09:00:0{second}Z","eventId":"{mark}{second}","RegistrationNumber":{{"version":{version}}}}}"#
            )
        };
        let lines = [
            line("zero", 0, "0"),
            line("half", 0, "1.5"),
            line("late", 0, "2"),
            line("late", 1, "3"),
            line("gap", 0, "1"),
            line("gap", 1, "3"),
            line("gap", 2, "2"),
            line("two", 0, "1.0"),
            line("two", 1, "2"),
            line("huge", 0, "1")
                .replace('}', &format!(r#","text":"{}"}}"#, "\\u0001".repeat(EVENT_LIMIT / 6))),
        ];
        let (events, bad_lines) = read_lines(lines.join("\n").as_bytes());
        assert_eq!(bad_lines, []);
        let (carried, bad_lines) = carried(events, &source.unwrap().source);
        let carried: Vec<_> = carried.iter().map(|event| event.line).collect();
        assert_eq!(carried, [5, 7, 8, 9]);
        let said: String = bad_lines.iter().map(|bad| format!("{}: {}\n", bad.line, bad.reason)).collect();
        expect![[r#"
            1: `RegistrationNumber.version`, the event's version, is not a whole number from 1 to 999999999999999999
            2: `RegistrationNumber.version`, the event's version, is not a whole number from 1 to 999999999999999999
            3: `RegistrationNumber.version` is 2, and the next version of `late` is 1; number a mark's events from 1, without a gap, one line after the other
            4: `RegistrationNumber.version` is 3, and the next version of `late` is 1; number a mark's events from 1, without a gap, one line after the other
            6: `RegistrationNumber.version` is 3, and the next version of `gap` is 2; number a mark's events from 1, without a gap, one line after the other
            10: the event has 2095295 bytes with its attributes; at most 1047552 fit a message
        "#]].assert_eq(&said);
    }
}
