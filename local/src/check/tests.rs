use expect_test::{Expect, expect};

use super::*;
use crate::marks::histories;

/// Three events of two marks, `a` and `b`.
fn written() -> ExpectedEvents {
    ExpectedEvents::new(histories(2, 3, 0))
}

/// A message of the event `name` (`a1` is the first mark's first event), unless `change` changes it.
fn message(expected: &ExpectedEvents, name: &str, change: impl Fn(&mut ReceivedEvent)) -> ReceivedEvent {
    let (group, place) = name.split_at(1);
    let mark = usize::from(group == "b");
    let place: usize = place.parse().unwrap();
    let event = expected.event((place - 1) * 2 + mark).unwrap();
    let mut received = ReceivedEvent {
        group: group.to_owned(),
        event_id: Some(event.id.clone()),
        version: Some(event.version.to_string()),
        body: json_text(&event.item),
    };
    change(&mut received);
    received
}

fn json_text(json: &Json) -> String {
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => number.to_string(),
        Json::Text(text) => serde_json::to_string(text).unwrap(),
        Json::List(values) => format!("[{}]", values.iter().map(json_text).collect::<Vec<_>>().join(",")),
        Json::Map(members) => {
            let member =
                |(name, value)| format!("{}:{}", serde_json::to_string(name).unwrap(), json_text(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
        }
    }
}

fn summary(verdict: &Verdict) -> String {
    let Verdict { events, expected, groups, missing, out_of_order, duplicates, differing, findings } =
        verdict;
    let counts = format!(
        "{events} of {expected} in {groups}; missing {missing}, out of order {out_of_order}, \
         duplicates {duplicates}, differing {differing}\n"
    );
    counts + &findings.iter().map(|finding| format!("{finding}\n")).collect::<String>()
}

fn check(received: &str, expected: Expect) {
    let written = written();
    let mut check = Check::new(&written);
    for name in received.split_whitespace() {
        check.take(&message(&written, name, |_| ()));
    }
    let verdict = check.verdict(&HashSet::new());
    assert_eq!(verdict.is_good(), verdict.missing == 0 && verdict.findings.is_empty());
    assert_eq!(check.is_complete(&HashSet::new()), verdict.missing == 0);
    expected.assert_eq(&summary(&verdict));
}

fn check_changed(change: impl Fn(&mut ReceivedEvent), expected: Expect) {
    let written = written();
    let mut check = Check::new(&written);
    for name in ["a1", "b1", "a2", "b2", "a3"] {
        check.take(&message(&written, name, |_| ()));
    }
    check.take(&message(&written, "b3", change));
    let verdict = check.verdict(&HashSet::new());
    assert!(!verdict.is_good());
    expected.assert_eq(&summary(&verdict));
}

#[test]
fn marks_may_be_interleaved_in_any_way() {
    check(
        "a1 a2 a3 b1 b2 b3",
        expect![[r#"
        6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 0
    "#]],
    );
    check(
        "b1 a1 b2 b3 a2 a3",
        expect![[r#"
        6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 0
    "#]],
    );
}

#[test]
fn missing_events_are_listed() {
    check(
        "a1 b1 b2",
        expect![[r#"
        3 of 6 in 2; missing 3, out of order 0, duplicates 0, differing 0
        missing of `AFC F5`: version 2, 3
        missing of `X1 ABC`: version 3
    "#]],
    );
    check(
        "",
        expect![[r#"
        0 of 6 in 0; missing 6, out of order 0, duplicates 0, differing 0
        missing of `AFC F5`: version 1, 2, 3
        missing of `X1 ABC`: version 1, 2, 3
    "#]],
    );
    check(
        "a2 a3 b1 b2 b3",
        expect![[r#"
        5 of 6 in 2; missing 1, out of order 0, duplicates 0, differing 0
        missing of `AFC F5`: version 1
    "#]],
    );
}

#[test]
fn an_event_after_a_later_one_is_out_of_order() {
    check(
        "a2 a1 a3 b1 b2 b3",
        expect![[r#"
        6 of 6 in 2; missing 0, out of order 1, duplicates 0, differing 0
        version 1 of `AFC F5` came after a later one
    "#]],
    );
    check(
        "a3 a1 a2 b3 b2 b1",
        expect![[r#"
        6 of 6 in 2; missing 0, out of order 4, duplicates 0, differing 0
        version 1 of `AFC F5` came after a later one
        version 2 of `AFC F5` came after a later one
        version 2 of `X1 ABC` came after a later one
        version 1 of `X1 ABC` came after a later one
    "#]],
    );
}

#[test]
fn an_event_received_again_is_a_duplicate_and_nothing_else() {
    check(
        "a1 a1 a2 a3 a2 b1 b2 b3",
        expect![[r#"
        6 of 6 in 2; missing 0, out of order 0, duplicates 2, differing 0
        version 1 of `AFC F5` came again
        version 2 of `AFC F5` came again
    "#]],
    );
}

#[test]
fn what_was_not_written_is_not_expected() {
    let written = written();
    let mut check = Check::new(&written);
    for name in ["a1", "b1", "a2", "b2", "a3"] {
        check.take(&message(&written, name, |_| ()));
    }
    assert!(!check.is_complete(&HashSet::new()));
    assert!(check.is_complete(&HashSet::from([5])));
    let verdict = check.verdict(&HashSet::from([5]));
    assert!(verdict.is_good());
    assert_eq!(verdict.expected, 5);
}

#[test]
fn a_changed_message_is_found() {
    check_changed(
        |message| message.body = message.body.replace("399.90", "399.91"),
        expect![[r#"
        6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 1
        version 3 of `X1 ABC`: the body differs from what was written at `RegistrationNumber.price`
    "#]],
    );
    check_changed(
        |message| message.body = "{".to_owned(),
        expect![[r#"
        5 of 6 in 2; missing 1, out of order 0, duplicates 0, differing 1
        a body of group `b` is not JSON: EOF while parsing an object, column 1
        missing of `X1 ABC`: version 3
    "#]],
    );
    check_changed(
        |message| message.body = "{\"eventId\":\"x\"}".to_owned(),
        expect![[r#"
        5 of 6 in 2; missing 1, out of order 0, duplicates 0, differing 1
        the event `x` of group `b` was never written
        missing of `X1 ABC`: version 3
    "#]],
    );
    check_changed(
        |message| message.version = Some("4".to_owned()),
        expect![[r#"
            6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 1
            version 3 of `X1 ABC`: the attribute `version` is `4`
        "#]],
    );
    check_changed(
        |message| message.version = None,
        expect![[r#"
            6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 1
            version 3 of `X1 ABC`: there is no attribute `version`
        "#]],
    );
    check_changed(
        |message| message.event_id = None,
        expect![[r#"
            6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 1
            version 3 of `X1 ABC`: there is no attribute `eventId`
        "#]],
    );
    check_changed(
        |message| message.group = "c".to_owned(),
        expect![[r#"
        6 of 6 in 3; missing 0, out of order 0, duplicates 0, differing 1
        version 3 of `X1 ABC` is in the group `c`, unlike the mark's first event
    "#]],
    );
    check_changed(
        |message| message.group = "a".to_owned(),
        expect![[r#"
        6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 2
        version 3 of `X1 ABC` is in the group `a` of another mark
        version 3 of `X1 ABC` is in the group `a`, unlike the mark's first event
    "#]],
    );
}

/// What the clients of a config get of the events of [`written`].
const CLIENTS: &str = r#"
[source]
partition_key = "mark"
sort_key = "createTime"
id = "eventId"
name = "eventName"
time = "createTime"
version = "RegistrationNumber.version"

[cloudevents]
source = "urn:example:marks"

[[client]]
name = "All"

[[client]]
name = "Filtered"

[client.filter]
RegistrationNumber.price = [{ numeric = ["<=", 299.9] }]

[client.filter."$message"]
version = [{ numeric = [">", 1] }]

[[client]]
name = "Without"
omit = ["eventId", "RegistrationNumber.entitlement"]

[[client]]
name = "Wrapped"
envelope = "cloudevents"
"#;

fn of_config(config: &str) -> ExpectedEvents {
    let config = shared::config::Config::try_from_toml("client-queues.toml", config, None).unwrap();
    ExpectedEvents::of_config(histories(2, 3, 0), &config)
}

/// Checks `received` as that of `client`; `body` is the body of an event with this JSON.
fn check_client(client: &str, received: &str, body: impl Fn(String) -> String, expected: Expect) {
    let written = of_config(CLIENTS);
    let mut check = Check::of_client(&written, client);
    for name in received.split_whitespace() {
        check.take(&message(&written, name, |message| message.body = body(message.body.clone())));
    }
    let verdict = check.verdict(&HashSet::new());
    assert_eq!(check.is_complete(&HashSet::new()), verdict.missing == 0);
    assert_eq!(written.count(client), verdict.expected);
    expected.assert_eq(&summary(&verdict));
}

/// The event without its id and its entitlement.
fn without(body: String) -> String {
    let Ok(Json::Map(mut item)) = Json::parse(&body) else { panic!("{body}") };
    item.remove("eventId");
    let Some(Json::Map(row)) = item.get_mut("RegistrationNumber") else { panic!("{body}") };
    row.remove("entitlement");
    json_text(&Json::Map(item))
}

/// The event in its envelope.
fn wrapped(body: String) -> String {
    let item = Json::parse(&body).unwrap();
    let text = |path: &[&str]| item.at(path).and_then(Json::as_text).unwrap();
    let Some(Json::Number(version)) = item.at(&["RegistrationNumber", "version"]) else { panic!("{body}") };
    let (id, name, mark) = (text(&["eventId"]), text(&["eventName"]), text(&["mark"]));
    let (group, time) = (mark.replace(' ', "%20"), text(&["createTime"]));
    let time = match time.trim_end_matches('Z').split_once('.') {
        Some((second, fraction)) => format!("{second}.{}Z", fraction.trim_end_matches('0')),
        None => time.to_owned(),
    };
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"urn:example:marks","type":"{name}","subject":"{group}","time":"{time}","datacontenttype":"application/json","sequence":"{:020}","data":{body}}}"#,
        version.as_str().parse::<u64>().unwrap()
    )
}

#[test]
fn a_client_without_filter_and_view_gets_everything() {
    check_client(
        "All",
        "a1 a2 b1 a3 b2 b3",
        |body| body,
        expect![[r#"
        6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 0
    "#]],
    );
    check_client(
        "All",
        "a2 b1 b2",
        |body| body,
        expect![[r#"
        3 of 6 in 2; missing 3, out of order 0, duplicates 0, differing 0
        missing of `AFC F5`: version 1, 3
        missing of `X1 ABC`: version 3
    "#]],
    );
}

#[test]
fn a_client_with_a_filter_gets_what_it_wants_and_nothing_else() {
    check_client(
        "Filtered",
        "a2 a3",
        |body| body,
        expect![[r#"
        2 of 2 in 1; missing 0, out of order 0, duplicates 0, differing 0
    "#]],
    );
    check_client(
        "Filtered",
        "a3 a2",
        |body| body,
        expect![[r#"
        2 of 2 in 1; missing 0, out of order 1, duplicates 0, differing 0
        version 2 of `AFC F5` came after a later one
    "#]],
    );
    check_client(
        "Filtered",
        "a2 a1 b2",
        |body| body,
        expect![[r#"
        1 of 2 in 1; missing 1, out of order 0, duplicates 0, differing 2
        version 1 of `AFC F5` came, though the client does not want it
        version 2 of `X1 ABC` came, though the client does not want it
        missing of `AFC F5`: version 3
    "#]],
    );
}

#[test]
fn a_client_with_a_view_gets_that_of_each_event() {
    check_client(
        "Without",
        "a1 a2 a3 b1 b2 b3",
        without,
        expect![[r#"
        6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 0
    "#]],
    );
    check_client(
        "Without",
        "a1",
        |body| body,
        expect![[r#"
            1 of 6 in 1; missing 5, out of order 0, duplicates 0, differing 1
            version 1 of `AFC F5`: the body differs from the client's view at `RegistrationNumber.entitlement`
            missing of `AFC F5`: version 2, 3
            missing of `X1 ABC`: version 1, 2, 3
        "#]],
    );
    check_client(
        "Wrapped",
        "a1 a2 a3 b1 b2 b3",
        wrapped,
        expect![[r#"
        6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 0
    "#]],
    );
    check_client(
        "Wrapped",
        "a1 b1",
        |body| wrapped(body.replace("299.90", "299.91")),
        expect![[r#"
            2 of 6 in 2; missing 4, out of order 0, duplicates 0, differing 1
            version 1 of `AFC F5`: the body differs from the client's view at `data.RegistrationNumber.price`
            missing of `AFC F5`: version 2, 3
            missing of `X1 ABC`: version 2, 3
        "#]],
    );
    check_client(
        "All",
        "a1",
        wrapped,
        expect![[r#"
        0 of 6 in 0; missing 6, out of order 0, duplicates 0, differing 1
        the event `` of group `a` was never written
        missing of `AFC F5`: version 1, 2, 3
        missing of `X1 ABC`: version 1, 2, 3
    "#]],
    );
}

#[test]
fn what_the_source_s_filter_passes_over_is_expected_by_no_client() {
    let filter = "[source.filter]\nRegistrationNumber.version = [{ numeric = [\"<\", 3] }]\n\n[cloudevents]";
    let written = of_config(&CLIENTS.replace("[cloudevents]", filter));
    let counts = ["All", "Filtered", "Without", "Wrapped", "unknown"].map(|client| written.count(client));
    assert_eq!(counts, [4, 1, 4, 4, 6]);
}

#[test]
fn an_event_that_can_not_be_read_is_missed() {
    let mut events = histories(1, 2, 0);
    if let Json::Map(item) = &mut events[1].item {
        item.insert("RegistrationNumber".to_owned(), Json::Null);
    }
    let config = shared::config::Config::try_from_toml("client-queues.toml", CLIENTS, None).unwrap();
    let written = ExpectedEvents::of_config(events, &config);
    assert_eq!(["All", "Without"].map(|client| written.count(client)), [2, 2]);
}
