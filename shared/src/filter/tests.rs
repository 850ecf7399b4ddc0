use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use serde_json::value::RawValue;

use super::*;
use crate::config::{ClientName, ClientQueue, ClientView, Config};
use crate::event::{Along, Reader};
use crate::ids::{DeduplicationId, Group, IncarnationToken, ReplayId};
use crate::message::{Attribute, Body, ChainLink};

fn pattern(text: &str) -> Pattern {
    Pattern::try_from_json("client.filter", text).unwrap()
}

/// Clients with these filters; an empty text is none.
fn clients(filters: &[&str]) -> Vec<Client> {
    let client = |(place, filter): (usize, &&str)| Client {
        name: ClientName::try_new(&format!("C{place}")).unwrap(),
        queue: ClientQueue::Own,
        history: false,
        erasures: false,
        filter: (!filter.is_empty()).then(|| pattern(filter)),
        view: ClientView::default(),
        request_role: None,
        push: None,
    };
    filters.iter().enumerate().map(client).collect()
}

fn filters(filters: &[&str]) -> ClientFilters {
    ClientFilters::new(&clients(filters))
}

const MESSAGE: MessageFields<'_> = MessageFields {
    group: "g",
    event_id: Some("e1"),
    event_name: Some("Sold"),
    event_time: None,
    version: Some(3),
};

fn subject(body: &str) -> Subject<'_> {
    Subject { body, message: Some(MESSAGE) }
}

fn wanting(filters: &[&str], audience: Audience) -> Vec<usize> {
    (0..filters.len()).filter(|place| audience.includes(*place)).collect()
}

const SOLD: &str = r#"{"$message": {"eventName": ["Sold"]}}"#;
const CHEAP: &str = r#"{"price": [{"numeric": ["<", 100]}]}"#;
const FOURTH: &str = r#"{"$message": {"version": [4]}}"#;

#[test]
fn who_wants_an_event() {
    let check = |all: &[&str], body: &str, expected: &[usize]| {
        assert_eq!(wanting(all, filters(all).of(subject(body))), expected, "{all:?} {body}");
    };
    check(&[], "{}", &[]);
    check(&["", ""], "{}", &[0, 1]);
    check(&["", SOLD, CHEAP, FOURTH, ""], r#"{"price": 99.99}"#, &[0, 1, 2, 4]);
    check(&["", SOLD, CHEAP, FOURTH, ""], r#"{"price": 100}"#, &[0, 1, 4]);
    check(&[FOURTH, CHEAP], "{}", &[]);
    check(&[CHEAP, CHEAP], r#"{"price": 1}"#, &[0, 1]);
}

#[test]
fn a_body_that_cannot_be_read_is_wanted_by_all() {
    let all = ["", FOURTH, CHEAP];
    for body in ["", "{", "[]", "7", r#"{"price": 100"#, "not JSON"] {
        assert_eq!(filters(&all).of(subject(body)), Audience::EVERYONE, "{body}");
        assert_eq!(filters(&all).explain(1, subject(body)), []);
    }
    assert_ne!(filters(&all).of(subject("{}")), Audience::EVERYONE);
    // Half of a surrogate pair.
    let literal: Box<RawValue> = serde_json::from_str(r#""{\"a\": \"\ud800\"}""#).unwrap();
    assert_eq!(filters(&all).of_message(&message(Body::Literal(&literal), &[])), Audience::EVERYONE);
}

fn message(body: Body<'_>, attributes: &[Attribute]) -> Message {
    let group = Group::try_from_sqs("g").unwrap();
    Message::new(group, DeduplicationId::of_stream_record("1"), body, attributes, None)
}

#[test]
fn a_message_is_asked_by_its_attributes_and_its_body() {
    let all = [
        r#"{"$message": {"group": ["g"], "eventId": ["e1"], "eventName": ["Sold"], "eventTime": ["t"], "version": [4]}}"#,
        r#"{"text": ["a\"b\\c"]}"#,
        r#"{"$message": {"eventName": [{"exists": false}]}}"#,
    ];
    let own = [
        Attribute::string("eventId", "e1"),
        Attribute::string("eventName", "Sold"),
        Attribute::string("eventTime", "t"),
        Attribute::number("version", "4"),
    ];
    let body = r#"{"text": "a\"b\\c"}"#;
    let literal: Box<RawValue> = serde_json::value::to_raw_value(body).unwrap();
    for body in [Body::Text(body), Body::Literal(&literal)] {
        assert_eq!(wanting(&all, filters(&all).of_message(&message(body, &own))), [0, 1]);
        assert_eq!(wanting(&all, filters(&all).of_message(&message(body, &[]))), [1, 2]);
    }
    let odd = [Attribute::number("version", "four"), Attribute::string("eventName", "Sold")];
    assert_eq!(
        wanting(&all, filters(&all).of_message(&message(Body::Text("{}"), &odd))),
        Vec::<usize>::new()
    );
}

#[test]
fn every_client_that_a_config_can_have_has_its_bit() {
    let most = OWN_LIMIT + EXISTING_LIMIT;
    for filtered in [0, 1, 63, 64, 127, 128, most - 1] {
        let mut all = vec![""; most];
        all[filtered] = FOURTH;
        let expected: Vec<usize> = (0..most).filter(|place| *place != filtered).collect();
        assert_eq!(wanting(&all, filters(&all).of(subject("{}"))), expected, "{filtered}");
        let all = vec![FOURTH; most];
        assert_eq!(wanting(&all, filters(&all).of(subject("{}"))), Vec::<usize>::new());
    }
    // No client of the config.
    let nobody = filters(&vec![FOURTH; most]).of(subject("{}"));
    assert!(nobody.includes(10_000));
}

#[test]
fn without_filters_nothing_is_looked_at() {
    let none = filters(&["", "", ""]);
    assert!(none.patterns.is_none() && filters(&["", SOLD]).patterns.is_some());
    let event = message(Body::Text("not JSON"), &[]);
    assert_eq!([none.of_message(&event), none.of(subject("{}"))], [Audience::EVERYONE; 2]);
    assert_eq!(none.explain(0, subject("{}")), []);
    assert!(filters(&[]).patterns.is_none());
}

#[test]
fn the_first_field_that_says_no_is_named() {
    let all = ["", r#"{"$message": {"eventName": ["Sold"], "version": [4]}, "price": [1]}"#, CHEAP];
    let filters = filters(&all);
    let shown = |place: usize, body: &str| -> Vec<String> {
        filters.explain(place, subject(body)).iter().map(ToString::to_string).collect()
    };
    assert_eq!(shown(0, "{}"), Vec::<String>::new());
    assert_eq!(shown(1, "{}"), ["`$message.version` has another value"]);
    assert_eq!(shown(2, "{}"), ["`price` is not there"]);
    assert_eq!(shown(2, r#"{"price": 100}"#), ["`price` has another value"]);
    assert_eq!(shown(2, r#"{"price": 1}"#), Vec::<String>::new());
    assert_eq!(shown(9, "{}"), Vec::<String>::new());
}

/// Clients' positions in a ledger hang on these: another digest makes them behind once. A change of the language
/// changes `PATTERN_VERSION`, and with it each of them but the first.
#[test]
fn digests_stay_the_same() {
    let digest = |text: &str| FilterDigest::of(Some(&pattern(text))).to_string();
    assert_eq!(FilterDigest::of(None).as_str(), "74d49aafd0921ae1");
    assert_eq!(digest(SOLD), "ecfb533548ffa58c");
    assert_eq!(digest(CHEAP), "c52b1ee36584bc13");
    assert_eq!(PATTERN_VERSION, 1);
}

#[test]
fn a_digest_is_that_of_the_pattern_however_it_is_written() {
    let of_config = |text: &str| {
        let text = format!(
            "[source]\npartition_key = 'a'\nsort_key = 'b'\nversion = 'c'\n[[client]]\nname = 'A'\n[[client]]\nname = 'B'\n{text}"
        );
        let filters = ClientFilters::new(&Config::try_from_toml("f.toml", &text, None).unwrap().clients);
        assert_eq!(filters.digest(0), Some(&FilterDigest::of(None)));
        assert_eq!(filters.digest(2), None);
        filters.digest(1).cloned().unwrap()
    };
    let one = of_config(
        "[client.filter]\nb = [{ prefix = 'x' }]\na = [1]\n[client.filter.'$message']\nversion = [1]\ngroup = ['g']",
    );
    let same = FilterDigest::of(Some(&pattern(
        r#"{"$message": {"group": ["g"], "version": [1]}, "a": [1], "b": [{"prefix": "x"}]}"#,
    )));
    assert_eq!(one, same);
    assert_eq!(FilterDigest::try_new(one.as_str()), Ok(one.clone()));
    for other in ["", "filter.a = [1]", "filter = { b = [{ prefix = 'x' }], a = [2] }"] {
        assert_ne!(of_config(other), one, "{other}");
    }
}

#[test]
fn a_digest_is_sixteen_digits() {
    for (text, is_digest) in [
        ("0123456789abcdef", true),
        ("0123456789abcde", false),
        ("0123456789abcdef0", false),
        ("0123456789ABCDEF", false),
        ("0123456789abcdeg", false),
        ("", false),
        ("all", false),
    ] {
        assert_eq!(FilterDigest::try_new(text).is_ok(), is_digest, "{text}");
    }
}

const POOL: [&str; 12] = [
    "",
    SOLD,
    CHEAP,
    FOURTH,
    r#"{"a": [1]}"#,
    r#"{"a": [1], "$message": {"eventName": ["Sold"]}}"#,
    r#"{"a": [{"exists": false}]}"#,
    r#"{"$or": [{"a": [2]}, {"$message": {"version": [{"numeric": [">=", 2]}]}}]}"#,
    r#"{"l": {"x": [1], "y": [2]}}"#,
    r#"{"$message": {"eventName": [{"exists": false}, {"anything-but": "Sold"}]}}"#,
    r#"{"$message": {"group": [{"prefix": "g"}], "eventTime": [{"suffix": "Z"}]}}"#,
    r#"{"t": [{"equals-ignore-case": "ZOË"}, {"wildcard": "*\\*"}]}"#,
];

fn item() -> impl Strategy<Value = serde_json::Value> {
    let name = prop::option::of(select(&["Sold", "Made", ""][..]));
    let number = || prop::option::of(0_i64..3);
    let text = prop::option::of(select(&["Zoë", "a*", "\"\\"][..]));
    let pairs = vec((0_i64..3, 0_i64..3), 0..3);
    (name, number(), prop::option::of(select(&["99", "100", "1.5"][..])), text, pairs, 1_i64..5).prop_map(
        |(name, a, price, text, pairs, version)| {
            let mut item = json!({ "pk": {"S": "g 1"}, "sk": {"N": version.to_string()}, "at": {"S": "2026-01-05T09:00:00Z"} });
            let mut put = |key: &str, value: Option<serde_json::Value>| {
                if let Some(value) = value {
                    item[key] = value;
                }
            };
            put("name", name.map(|name| json!({ "S": name })));
            put("a", a.map(|a| json!({ "N": a.to_string() })));
            put("price", price.map(|price| json!({ "N": price })));
            put("t", text.map(|text| json!({ "S": text })));
            let pair = |(x, y): (i64, i64)| json!({"M": {"x": {"N": x.to_string()}, "y": {"N": y.to_string()}}});
            put("l", Some(json!({ "L": pairs.into_iter().map(pair).collect::<Vec<_>>() })));
            item
        },
    )
}

proptest! {
    /// One look for all clients says what each client's pattern says by itself; the event of the table and each of its
    /// messages are the same event.
    #[test]
    fn one_pass_says_what_each_pattern_says(
        chosen in vec(select(&POOL[..]), 0..=OWN_LIMIT + EXISTING_LIMIT),
        item in item(),
    ) {
        let source = Config::try_from_toml(
            "f.toml",
            "[source]\npartition_key = 'pk'\nsort_key = 'sk'\nversion = 'sk'\ntime = 'at'\nname = 'name'\n[[client]]\nname = 'A'",
            None,
        ).unwrap().source;
        let event = Reader::new(&source).read(&item.to_string()).unwrap();
        let clients = clients(&chosen);
        let filters = ClientFilters::new(&clients);
        let audience = filters.of_event(&event);
        for (place, client) in clients.iter().enumerate() {
            let alone = client.filter.as_ref().is_none_or(|filter| filter.matches(Subject::from(&event)).unwrap());
            prop_assert_eq!(audience.includes(place), alone, "{} {}", chosen[place], event.body());
            prop_assert_eq!(filters.explain(place, Subject::from(&event)).is_empty(), alone);
        }
        let token = IncarnationToken::try_new("0123456789abcdef").unwrap();
        let replay = ReplayId::try_new("r1").unwrap();
        let link = ChainLink { incarnation: &token, previous_version: 3 };
        for along in [Along::default(), Along { chain: Some(link), replay: Some(&replay), ..Along::default() }] {
            prop_assert_eq!(filters.of_message(&event.message(along)), audience);
        }
        prop_assert_eq!(filters.of_message(&event.repair(7)), audience);
    }
}
