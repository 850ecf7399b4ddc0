//! An event as it is written to the event table, and events read from a file.

use std::collections::HashSet;

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
}
