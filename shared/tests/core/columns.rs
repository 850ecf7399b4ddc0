//! A row of the event table agrees with its event's message.

use shared::config::{Path, VERSION_LIMIT};
use shared::event::{Along, Reader, TEXT_LIMIT};
use shared::ids::Key;
use shared::ledger::EventTime;
use shared::ledger::columns::Columns;
use shared::message::EVENT_LIMIT;
use testkit::contract::events::texts;

/// A row has the version and the time that the event's own message has.
#[test]
fn a_row_has_the_version_and_time_of_its_event() {
    let source = texts();
    let columns = Columns::new(&source);
    let check = |version: &str, time: Key| {
        let typed = match &time {
            Key::N(number) => format!(r#"{{"N": "{number}"}}"#),
            Key::S(text) => format!(r#"{{"S": "{text}"}}"#),
            Key::B(_) => r#"{"B": "AAAA"}"#.to_owned(),
        };
        let item = format!(
            r#"{{"mark": {{"S": "a"}}, "createTime": {typed}, "eventId": {{"S": "e"}}, "RegistrationNumber": {{"M": {{"version": {{"N": "{version}"}}}}}}}}"#
        );
        let event = Reader::new(&source).read(&item);
        let known = event
            .as_ref()
            .ok()
            .map(|event| (Some(event.version()), event.time().and_then(EventTime::try_from_text)));
        let at = |path: &Path| match path.0.as_slice() {
            [name] if name == "createTime" => Some(time.clone()),
            [_] => Some(Key::S("a".to_owned())),
            _ => Some(Key::N(version.to_owned())),
        };
        let row = columns.row(event, at).unwrap();
        assert_eq!(row.head.identity.sort, time);
        if let Some(known) = known {
            assert_eq!((row.head.version, row.head.time), known, "{item}");
        }
        (row.head.version, row.head.time.is_some())
    };
    let text = |text: &str| Key::S(text.to_owned());
    assert_eq!(check("7", text("2026-01-05T09:00:00Z")), (Some(7), true));
    assert_eq!(check("999999999999999999", Key::N("1800000000".to_owned())), (Some(VERSION_LIMIT), true));
    assert_eq!(check("0", text("yesterday")), (None, false));
    assert_eq!(check("1", Key::B(vec![0; 3])), (Some(1), false));
    for (digits, is_known) in [(TEXT_LIMIT, true), (TEXT_LIMIT + 1, false)] {
        assert_eq!(check("1", text(&format!("{:0<digits$}", "1800000000."))), (Some(1), is_known));
    }
}

#[test]
fn an_event_that_fits_no_message_is_none() {
    let source = texts();
    let columns = Columns::new(&source);
    let row = |padding: usize| {
        let item = format!(
            r#"{{"mark": {{"S": "a"}}, "createTime": {{"S": "b"}}, "eventId": {{"S": "e"}}, "RegistrationNumber": {{"M": {{"version": {{"N": "1"}}}}}}, "padding": {{"S": "{}"}}}}"#,
            "x".repeat(padding)
        );
        columns.row(Reader::new(&source).read(&item), |_| Some(Key::N("1".to_owned()))).unwrap()
    };
    let small = row(0).event.unwrap();
    assert_eq!(small.size(), small.message(Along::default()).size());
    let room = EVENT_LIMIT - small.size();
    assert_eq!(row(room).event.map(|event| event.size()), Ok(EVENT_LIMIT));
    let large = row(room + 1);
    let reason = "the event has 1047553 bytes with its attributes; at most 1047552 fit a message";
    assert_eq!((large.event, large.head.version), (Err(reason.to_owned()), Some(1)));
}
