use expect_test::{Expect, expect};
use shared::config::ClientName;
use shared::filter::FilterDigest;
use shared::ids::{IncarnationToken, Key};
use shared::ledger::{ClientId, First, GroupItem, LastSent, Registration, State, WriteCount};

use super::*;

const CONFIG: &str = r#"
[source]
partition_key = "pk"
sort_key = "sk"
version = "version"
[source.filter]
kind = ["event"]
[[client]]
name = "Billing"
[client.filter]
price = [{ exists = true }]
"#;

#[test]
fn a_test_event_stays_on_this_machine() {
    for url in ["http://127.0.0.1:4566", "http://localhost:4566/", "http://[::1]:4566", "https://127.8.0.1"] {
        assert_eq!(loopback(Some(url)), Ok(url));
    }
    for url in [
        "https://sqs.eu-west-2.amazonaws.com",
        "http://192.168.0.7:4566",
        "http://127.0.0.1.example:4566",
        "http://localhost.example",
        "http://user@example:1",
        "http://127.0.0.1:80@example",
        "http://0.0.0.0:4566",
    ] {
        assert!(loopback(Some(url)).is_err(), "{url}");
    }
    expect!["a test event on AWS would reach the queue of every team, and nobody can take it back; it goes to a stack on this machine only: start one with `cargo local --stay`, and set the `AWS_ENDPOINT_URL` that it prints"].assert_eq(&loopback(None).unwrap_err());
}

#[test]
fn an_event_that_reaches_nobody_is_refused_before_it_is_written() {
    let config = Config::try_from_toml("client-queues.toml", CONFIG, None).unwrap();
    let check = |item: Value, expected: Expect| {
        let found = as_event(&config, item.as_object().unwrap());
        expected.assert_eq(&match found {
            Ok((event, unwanted)) => format!("{} {:?}", event.group(), unwanted),
            Err(why) => why,
        });
    };
    let item = |kind: &str, version: &str| serde_json::json!({ "pk": { "S": "a" }, "sk": { "S": "1" }, "kind": { "S": kind }, "version": { "N": version } });
    check(item("event", "1"), expect![[r#"a [UnwantedBy { place: 0, reason: "`price` is not there" }]"#]]);
    check(
        item("head", "1"),
        expect![
            "`[source.filter]` passes the test event over: `kind` has another value; write an event into the table first, which it then looks like"
        ],
    );
    check(
        item("event", "0"),
        expect![
            "the test event would be rejected: `version`, the event's version, is not a whole number from 1 to 999999999999999999"
        ],
    );
}

fn registration(id: u32, state: State, since: u64) -> Registration {
    Registration {
        id: ClientId(id),
        state,
        pause: None,
        history: false,
        erasures: false,
        filter: FilterDigest::of(None),
        since,
        absent_at: None,
        retired_at: None,
        unknown: [].into(),
    }
}

fn group(version: i64, behind: &[u32]) -> GroupItem {
    GroupItem {
        write_count: WriteCount(1),
        version,
        behind: behind.iter().copied().map(ClientId).collect(),
        sent: LastSent::new(Some(version), []),
        revision: 5,
        incarnation_number: 1,
        token: IncarnationToken::try_new("0123456789abcdef").unwrap(),
        first: First { identity: Key::S("1".to_owned()).into(), version: 1 },
        time: None,
        streamed_at: None,
        closed: None,
        key: Key::S("a".to_owned()),
        holes: Vec::new(),
        pairs: Vec::new(),
        unknown: [].into(),
    }
}

#[test]
fn the_ledger_says_when_a_client_has_the_event() {
    let arrival = |name: &str, registration: Option<Registration>, unwanted: Option<&str>| {
        let name = ClientName::try_new(name).unwrap();
        Arrival::new(&name, registration.as_ref(), unwanted.map(str::to_owned))
    };
    let mut clients = vec![
        arrival("Billing", Some(registration(1, State::Live, 1)), None),
        arrival("Insurance", Some(registration(2, State::Live, 1)), None),
        arrival("Late", Some(registration(3, State::Live, 6)), None),
        arrival("Paused", Some(registration(4, State::Paused, 1)), None),
        arrival("Filtered", Some(registration(5, State::Live, 1)), Some("`price`: no such field")),
        arrival("New", None, None),
    ];
    note(&mut clients, &group(0, &[]), 1, Duration::from_millis(1));
    note(&mut clients, &group(1, &[2]), 1, Duration::from_millis(70));
    note(&mut clients, &group(1, &[]), 1, Duration::from_millis(412));
    let report = Report {
        table: "Events".to_owned(),
        key: TypedKey::S("test-1".to_owned()),
        group: "test-1".to_owned(),
        version: 1,
        clients,
    };
    expect![[r#"
        version 1 of aggregate test-1 is in table Events

        client     its queue has the event
        Billing    after 70 ms
        Insurance  after 412 ms
        Late       not within 30 s; see `fanoutctl check --stack test` and `fanoutctl status Late --stack test`
        Paused     no: it is paused; `fanoutctl resume Paused --stack test` brings it
        Filtered   no: its filter refuses it: `price`: no such field
        New        no: the ledger does not serve it; see `fanoutctl status --stack test`

        These are the delays until the ledger had recorded the sends. The event stays in the table, and in the queues until it is consumed.
    "#]].assert_eq(&text(&report, Style::Plain, " --stack test"));
    expect![[r#"{"table":"Events","key":{"S":"test-1"},"group":"test-1","version":1,"clients":[{"client":"Billing","outcome":"arrived","milliseconds":70},{"client":"Insurance","outcome":"arrived","milliseconds":412},{"client":"Late","outcome":"waiting"},{"client":"Paused","outcome":"paused"},{"client":"Filtered","outcome":"unwanted","reason":"`price`: no such field"},{"client":"New","outcome":"unknown"}]}"#]].assert_eq(&serde_json::to_string(&report).unwrap());
    let good: Vec<bool> = report.clients.iter().map(|client| client.outcome.is_good()).collect();
    assert_eq!(good, [true, true, false, false, true, false]);
}
