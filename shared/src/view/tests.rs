//! What views make of events.

use expect_test::{Expect, expect};

use super::*;
use crate::config::{Client, ClientName, ClientQueue, CloudEventsSource, Path};
use crate::ids::{DeduplicationId, Group, Key};
use crate::message::{Attribute, Body, SQS_LIMIT};

mod properties;

const EVENT: &str = r#"{"RegistrationNumber":{"entitlement":{"name":"Ann","price":1.10},"status":"ASSIGNED"},"eventName":"Assigned","lines":[{"price":1E+5,"sku":"a"},{"price":-0,"sku":"b"},7,[{"price":12345678901234567890123456789012345678}],{}],"mark":"AFC F5"}"#;

const FACTS: EventFacts<'_> = EventFacts {
    id: "e1",
    name: Some("Assigned"),
    time: Some("2026-11-20 10:00:00.500"),
    version: 7,
    group: "AFC%20F5",
};

fn paths(paths: &[&str]) -> Vec<Path> {
    paths.iter().map(|path| Path::try_new(path).unwrap()).collect()
}

fn fields(names: &[&str]) -> ClientView {
    ClientView { members: Members::Fields(paths(names)), envelope: None }
}

fn omit(names: &[&str]) -> ClientView {
    ClientView { members: Members::Omit(paths(names)), envelope: None }
}

fn cloud_events(view: ClientView) -> ClientView {
    let source = CloudEventsSource::try_new("urn:example:marks").unwrap();
    ClientView { envelope: Some(Envelope::CloudEvents(source)), ..view }
}

fn encoded(view: &ClientView, body: &str) -> Result<String, ViewError> {
    View::new(view).encode(&FACTS, body)
}

#[track_caller]
fn check(view: &ClientView, body: &str, expected: &str) {
    assert_eq!(encoded(view, body).as_deref(), Ok(expected), "{view}");
}

#[track_caller]
fn check_both(paths: &[&str], body: &str, of_fields: &str, of_omit: &str) {
    check(&fields(paths), body, of_fields);
    check(&omit(paths), body, of_omit);
}

#[test]
fn a_view_without_settings_is_the_event() {
    check(&ClientView::default(), EVENT, EVENT);
    assert!(View::new(&ClientView::default()).is_whole() && !View::new(&omit(&["a"])).is_whole());
}

#[test]
fn members_are_selected_at_any_level() {
    check(
        &fields(&["mark", "eventName", "RegistrationNumber.status"]),
        EVENT,
        r#"{"RegistrationNumber":{"status":"ASSIGNED"},"eventName":"Assigned","mark":"AFC F5"}"#,
    );
    check(
        &omit(&["RegistrationNumber.entitlement", "lines"]),
        EVENT,
        r#"{"RegistrationNumber":{"status":"ASSIGNED"},"eventName":"Assigned","mark":"AFC F5"}"#,
    );
    check_both(&["a"], r#"{"a":{"b":[1]},"c":2}"#, r#"{"a":{"b":[1]}}"#, r#"{"c":2}"#);
    check_both(&["a.b"], r#"{"a":{"b":1}}"#, r#"{"a":{"b":1}}"#, r#"{"a":{}}"#);
}

#[test]
fn paths_go_through_all_elements_of_arrays() {
    check_both(
        &["lines.price"],
        EVENT,
        r#"{"lines":[{"price":1E+5},{"price":-0},[{"price":12345678901234567890123456789012345678}]]}"#,
        r#"{"RegistrationNumber":{"entitlement":{"name":"Ann","price":1.10},"status":"ASSIGNED"},"eventName":"Assigned","lines":[{"sku":"a"},{"sku":"b"},7,[{}],{}],"mark":"AFC F5"}"#,
    );
    check_both(&["a.b"], r#"{"a":[[[{"b":1}],[]],{}]}"#, r#"{"a":[[[{"b":1}]]]}"#, r#"{"a":[[[{}],[]],{}]}"#);
    check_both(&["a"], r#"{"a":[],"b":[]}"#, r#"{"a":[]}"#, r#"{"b":[]}"#);
}

#[test]
fn a_path_that_leads_nowhere_selects_nothing() {
    for body in [
        r#"{}"#,
        r#"{"b":1}"#,
        r#"{"a":7}"#,
        r#"{"a":null}"#,
        r#"{"a":[]}"#,
        r#"{"a":{"c":{"b":1}}}"#,
        r#"{"a.b":1}"#,
    ] {
        check_both(&["a.b"], body, "{}", body);
    }
}

#[test]
fn names_are_compared_by_what_they_stand_for() {
    check_both(
        &["mark"],
        r#"{"\u006dark":1,"mar\u006B":2,"Mark":3}"#,
        r#"{"\u006dark":1,"mar\u006B":2}"#,
        r#"{"Mark":3}"#,
    );
    check_both(
        &["é😀\""],
        r#"{"\u00e9\ud83d\ude00\"":1,"e":2}"#,
        r#"{"\u00e9\ud83d\ude00\"":1}"#,
        r#"{"e":2}"#,
    );
    // Each of several members with one name: nothing that is omitted gets out by being there twice.
    check_both(
        &["a.b"],
        r#"{"a":{"b":1,"b":2},"a":{"c":3,"b":4}}"#,
        r#"{"a":{"b":1,"b":2},"a":{"b":4}}"#,
        r#"{"a":{},"a":{"c":3}}"#,
    );
}

#[test]
fn white_space_goes_only_around_what_is_selected() {
    check_both(&["a"], " { \"a\" : [ 1 , 2 ] ,\n\"b\" : { } } ", r#"{"a":[ 1 , 2 ]}"#, r#"{"b":{ }}"#);
}

#[test]
fn listed_within_listed_is_all_of_the_outer_one() {
    for order in [["a", "a.b"], ["a.b", "a"]] {
        check_both(&order, r#"{"a":{"b":1,"c":2},"d":3}"#, r#"{"a":{"b":1,"c":2}}"#, r#"{"d":3}"#);
    }
}

fn check_envelope(facts: &EventFacts<'_>, view: ClientView, expected: &Expect) {
    let text = View::new(&cloud_events(view)).encode(facts, r#"{"a":1.10,"mark":"AFC F5"}"#).unwrap();
    expected.assert_eq(&text);
}

#[test]
fn an_envelope_says_what_cloud_events_wants_to_know() {
    check_envelope(
        &FACTS,
        ClientView::default(),
        &expect![[
            r#"{"specversion":"1.0","id":"e1","source":"urn:example:marks","type":"Assigned","subject":"AFC%20F5","time":"2026-11-20T10:00:00.5Z","datacontenttype":"application/json","sequence":"00000000000000000007","data":{"a":1.10,"mark":"AFC F5"}}"#
        ]],
    );
    check_envelope(
        &EventFacts { id: "e\"\\\n", name: None, time: Some("yesterday"), version: i64::MAX, ..FACTS },
        fields(&["b"]),
        &expect![[
            r#"{"specversion":"1.0","id":"e\"\\\n","source":"urn:example:marks","type":"event","subject":"AFC%20F5","datacontenttype":"application/json","sequence":"09223372036854775807","data":{}}"#
        ]],
    );
}

#[test]
fn a_body_that_is_no_event_is_an_error() {
    let deep = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    let too_deep = deep(500_000);
    let table = [
        ("", "the event's body is not a JSON object"),
        ("[]", "the event's body is not a JSON object"),
        ("7", "the event's body is not a JSON object"),
        ("{", "the event's body is not JSON at byte 1"),
        (r#"{"a":1}x"#, "the event's body is not JSON at byte 7"),
        (r#"{"a":{"b":}}"#, "the event's body is not JSON at byte 10"),
        (r#"{"a":{"b":"\ud800"}}"#, "the event's body is not JSON at byte 11"),
        (&too_deep, "the event's body is deeper than 128 levels"),
    ];
    for view in
        [fields(&["a.b"]), omit(&["a.b"]), fields(&["c"]), omit(&["c"]), cloud_events(ClientView::default())]
    {
        for (body, expected) in table {
            assert_eq!(
                encoded(&view, body).map_err(|error| error.to_string()),
                Err(expected.to_owned()),
                "{view}"
            );
        }
        assert!(encoded(&view, &deep(127)).is_ok());
    }
}

fn message(body: Body<'_>) -> Message {
    let group = Group::of(&Key::S("AFC F5".to_owned()));
    let attributes = [
        Attribute::string("eventId", "e1"),
        Attribute::string("eventName", "Assigned"),
        Attribute::string("eventTime", "2026-11-20 10:00:00.500"),
        Attribute::number("version", "7"),
    ];
    Message::new(group, DeduplicationId::of_stream_record("1"), body, &attributes, Some("Root=1"))
}

fn client(name: &str, view: ClientView) -> Client {
    let name = ClientName::try_new(name).unwrap();
    Client {
        name,
        queue: ClientQueue::Own,
        history: false,
        erasures: false,
        filter: None,
        view,
        request_role: None,
        push: None,
    }
}

#[test]
fn clients_with_the_same_view_share_its_text() {
    let names = ["Whole", "Marks", "Enveloped", "MarksToo"];
    let views = ClientViews::new(&[
        client("Whole", ClientView::default()),
        client("Marks", fields(&["mark"])),
        client("Enveloped", cloud_events(fields(&["mark"]))),
        client("MarksToo", fields(&["mark"])),
    ]);
    let view =
        |client: &str| views.view(names.iter().position(|name| *name == client).unwrap_or(names.len()));
    assert_eq!(names.map(|name| view(name).unwrap().is_whole()), [true, false, false, false]);
    let literal = serde_json::value::to_raw_value(EVENT).unwrap();
    for body in [Body::Text(EVENT), Body::Literal(&literal)] {
        let message = message(body);
        assert_eq!(EventFacts::of_message(&message), Ok(FACTS));
        let mut of_clients = MessageViews::new(&message);
        let mut of = |client: &str| view(client).map(|view| of_clients.message(view).unwrap());
        assert!(message.identity().is_of(&of("Whole").unwrap()));
        let marks = of("Marks").unwrap();
        assert_eq!(marks, message.with_body(r#"{"mark":"AFC F5"}"#.to_owned()));
        assert!(marks.identity().is_of(&of("MarksToo").unwrap()));
        let enveloped = of("Enveloped").unwrap().body().text().unwrap().into_owned();
        assert_eq!(Ok(enveloped), encoded(&cloud_events(fields(&["mark"])), EVENT));
        assert_eq!(of("Unknown"), None);
        // The same without the other clients.
        let alone = view("Marks").unwrap().message(&message);
        assert_eq!(alone, Ok(marks));
    }
}

#[test]
fn a_message_that_is_no_events_has_no_view() {
    let literal = serde_json::value::RawValue::from_string(r#""\ud800""#.to_owned()).unwrap();
    let group = Group::of(&Key::S("a".to_owned()));
    let id = DeduplicationId::of_stream_record("1");
    let of = |attributes: &[Attribute]| {
        let message = Message::new(group.clone(), id.clone(), Body::Literal(&literal), attributes, None);
        View::new(&fields(&["a"])).message(&message).map_err(|error| error.to_string())
    };
    let (own, version) = (Attribute::string("eventId", "e1"), Attribute::number("version", "7"));
    for (attributes, expected) in [
        (vec![], "the event lacks the attribute `version`"),
        (vec![version.clone()], "the event lacks the attribute `eventId`"),
        (
            vec![own.clone(), Attribute::number("version", "-1")],
            "the event's attribute `version` is not a whole number",
        ),
        (
            vec![own.clone(), Attribute::number("version", "1.5")],
            "the event's attribute `version` is not a whole number",
        ),
        (vec![own, version], "the event's body is no text"),
    ] {
        assert_eq!(of(&attributes), Err(expected.to_owned()));
    }
}

/// The queue refuses such a message, as any that is too long for it.
#[test]
fn in_an_envelope_an_event_can_outgrow_a_message() {
    let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(SQS_LIMIT - 1_500));
    let message = message(Body::Text(&body));
    assert!(message.size() <= SQS_LIMIT);
    let view = View::new(&cloud_events(ClientView::default())).message(&message).unwrap();
    let added = view.size() - message.size();
    assert!(added <= ENVELOPE_LIMIT, "{added}");
}
