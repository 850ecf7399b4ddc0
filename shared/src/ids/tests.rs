use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn s(text: &str) -> Key {
    Key::S(text.to_owned())
}

fn n(number: &str) -> Key {
    Key::N(number.to_owned())
}

#[test]
fn groups_are_readable_where_possible() {
    let table = [
        (s("ABC123"), "ABC123"),
        (s("AFC F5"), "AFC%20F5"),
        (s("100%~"), "100%25%7E"),
        (s("Zoë"), "Zo%C3%AB"),
        (s("a/b:c\"\\"), "a/b:c\"\\"),
        (s("a\tb\u{7f}"), "a%09b%7F"),
        (s("~n7"), "%7En7"),
        (s("7"), "7"),
        (n("7"), "~n7"),
        (n("-1.5E+100"), "~n-1.5E+100"),
        (Key::B(vec![0, 255, 62]), "~bAP8-"),
        (Key::B(b"7".to_vec()), "~bNw"),
    ];
    for (key, expected) in table {
        assert_eq!(Group::of(&key).as_str(), expected, "{key:?}");
    }
}

#[test]
fn what_is_too_long_is_a_digest_and_its_beginning() {
    let table = [
        (s(&"x".repeat(ID_LIMIT)), true),
        (s(&"x".repeat(ID_LIMIT + 1)), false),
        (s(&" ".repeat(42)), true),
        (s(&" ".repeat(43)), false),
        (s(&"é".repeat(1_024)), false),
        (n(&"1".repeat(ID_LIMIT - 2)), true),
        (n(&"1".repeat(ID_LIMIT - 1)), false),
        (Key::B(vec![7; 94]), true),
        (Key::B(vec![7; 95]), false),
        (Key::B(vec![7; 2_048]), false),
        (s(""), false),
        (n(""), false),
    ];
    for (key, readable) in table {
        let group = Group::of(&key);
        assert!(is_legal(group.as_str()), "{group}");
        assert_eq!(!group.as_str().starts_with("~h"), readable, "{group}");
    }
    expect_test::expect!["~h1fab0b6da52d3f22afa5d5ab3d62108d01c6dd4c50f80d7fe5fa9e45b5d653bc~The%20mark%20AFC%20F5%20The%20mark%20AFC%20F5%20The%20mark%20"].assert_eq(Group::of(&s(&"The mark AFC F5 ".repeat(128))).as_str());
}

#[test]
fn no_aggregate_has_the_group_of_the_unreadable() {
    let unreadable = Group::of_the_unreadable();
    assert!(is_legal(unreadable.as_str()));
    assert_ne!(Group::of(&s(unreadable.as_str())), unreadable);
}

#[test]
fn only_what_sqs_accepts_is_taken_from_sqs() {
    let longest = "x".repeat(ID_LIMIT);
    for text in ["a", "AFC%20F5", "~!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}", &longest] {
        assert_eq!(Group::try_from_sqs(text).unwrap().as_str(), text);
        assert_eq!(DeduplicationId::try_from_sqs(text).unwrap().as_str(), text);
    }
    for (text, length) in [("", 0), ("a b", 3), ("é", 2), ("a\n", 2), (&format!("{longest}x"), 129)] {
        let error = Group::try_from_sqs(text).unwrap_err();
        assert_eq!(error, IllegalId { length });
        assert_eq!(DeduplicationId::try_from_sqs(text).unwrap_err(), error);
    }
}

#[test]
fn an_incarnations_token_comes_out_the_same_again_and_differs_from_the_one_before() {
    let (key, first) = (s("AFC F5"), EventIdentity { sort: n("1"), id: Some("an id".to_owned()) });
    let token = |number: u64, previous: Option<&IncarnationToken>| {
        IncarnationToken::new(&key, &first, number, previous)
    };
    expect_test::expect!["87584ee5f35f8042"].assert_eq(token(1, None).as_str());
    // After the loss of the ledger, an incarnation may have another number.
    assert_eq!(token(1, None), token(3, None));
    let other = IncarnationToken::new(&key, &n("1").into(), 1, None);
    assert_eq!(token(2, Some(&other)), token(1, None));
    // The incarnation before began with what looks like the same event.
    let second = token(2, Some(&token(1, None)));
    expect_test::expect!["3835983ff57d256b"].assert_eq(second.as_str());
    assert_ne!(token(3, Some(&second)), second);
    assert_eq!(IncarnationToken::try_new(second.as_str()), Ok(second));
    for text in ["", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "0123456789abcdeg"] {
        assert_eq!(IncarnationToken::try_new(text), Err(InvalidToken), "{text}");
    }
}

#[test]
fn deduplication_ids() {
    let of_item = |partition: &Key, sort: &Key| {
        DeduplicationId::of_event(partition, &sort.clone().into()).as_str().to_owned()
    };
    expect_test::expect!["419f1a6471cbd7a44b49d9f1e3b707c9f9c46d48c84f4e3ae7a8295d35b943e2"]
        .assert_eq(&of_item(&s("AFC F5"), &s("2025-01-01T00:00:00Z")));
    expect_test::expect!["9a12681f062475598fbd7223f72f409d471fea66ddec006dbe7a2d0dcf14603e"]
        .assert_eq(&of_item(&n("7"), &n("1")));
    let with_id = EventIdentity { sort: n("1"), id: Some("an id".to_owned()) };
    let with_id = DeduplicationId::of_event(&n("7"), &with_id);
    expect_test::expect!["ceaa84458d07cee1a191aa77ef21d1550c74739ff8cd54a8b4cfd84faa681352"]
        .assert_eq(with_id.as_str());
    let token = IncarnationToken::new(&n("7"), &n("1").into(), 1, None);
    expect_test::expect!["83d1a544cb880395b33074298d945aa0c1973f02e08144c1a34b7538740c98d2"]
        .assert_eq(with_id.in_incarnation(&token).as_str());
    assert_eq!(
        DeduplicationId::of_stream_record("c4ca4238a0b923820dcc509a6f75849b").as_str(),
        "c4ca4238a0b923820dcc509a6f75849b"
    );
    for odd in ["", "with space", "é", &"x".repeat(ID_LIMIT + 1)] {
        assert!(is_legal(DeduplicationId::of_stream_record(odd).as_str()), "{odd}");
    }
    let id = DeduplicationId::of_stream_record("1");
    assert_ne!(id.derived("a"), id.derived("b"));
    assert_ne!(id.derived("a"), id);
}

#[test]
fn a_replayed_message_has_an_id_of_its_own_in_each_replay() {
    let replay = |id: &str| ReplayId::try_new(id).unwrap();
    let id = DeduplicationId::of_stream_record("1");
    let replayed = id.replayed(&replay("r-1"));
    assert_eq!(id.replayed(&replay("r-1")), replayed);
    assert!(is_legal(replayed.as_str()));
    for other in [
        id.clone(),
        id.derived("r-1"),
        id.replayed(&replay("r-2")),
        DeduplicationId::of_stream_record("2").replayed(&replay("r-1")),
    ] {
        assert_ne!(other, replayed);
    }
}

#[test]
fn a_replay_s_id_is_short_and_plain() {
    for id in ["r", "0", "-", "f47ac10b-58cc-4372-a567-0e02b2c3d479", &"x".repeat(40)] {
        assert_eq!(ReplayId::try_new(id).unwrap().as_str(), id);
    }
    for id in ["", " ", "r_1", "r.1", "é", "r\n", &"x".repeat(41)] {
        let error = ReplayId::try_new(id).unwrap_err().to_string();
        assert!(error.ends_with("is not a replay's id; use 1 to 40 letters, digits and `-`"), "{error}");
    }
}

/// Keys that an encoding could mix up: short ones of few characters, in every type, and ones about as long as the
/// limit.
fn key() -> impl Strategy<Value = Key> {
    let tricky = vec(
        prop_oneof![
            Just("%"),
            Just("%2"),
            Just("25"),
            Just("~"),
            Just("n"),
            Just("b"),
            Just("h"),
            Just(" "),
            Just("7"),
            Just("é")
        ],
        0..5,
    )
    .prop_map(|parts| parts.concat());
    let long =
        (40_usize..44, 120_usize..132, any::<bool>(), "[ab]").prop_map(|(spaces, letters, spaced, end)| {
            if spaced { " ".repeat(spaces) + &end } else { "x".repeat(letters) + &end }
        });
    let text = prop_oneof![tricky, long, ".{0,60}"];
    prop_oneof![
        3 => text.clone().prop_map(Key::S),
        1 => text.clone().prop_map(Key::N),
        1 => text.prop_map(|text| Key::B(text.into_bytes())),
        1 => vec(any::<u8>(), 90..100).prop_map(Key::B),
    ]
}

proptest! {
    #[test]
    fn different_keys_have_different_groups(keys in vec(key(), 2..12)) {
        for (i, left) in keys.iter().enumerate() {
            for right in &keys[..i] {
                prop_assert_eq!(left == right, Group::of(left) == Group::of(right), "{:?} {:?}", left, right);
            }
        }
    }

    #[test]
    fn every_group_is_legal(key in key()) {
        let group = Group::of(&key);
        prop_assert!(is_legal(group.as_str()), "{}", group);
        prop_assert_eq!(Group::try_from_sqs(group.as_str()).unwrap(), group);
    }

    /// The key of a group that is no digest, and of a string.
    #[test]
    fn readable_groups_can_be_decoded(text in ".{1,60}", key in key()) {
        for key in [Key::S(text), key] {
            let group = Group::of(&key);
            let is_shown = matches!(key, Key::S(_)) && !group.as_str().starts_with('~');
            prop_assert_eq!(group.text_key(), is_shown.then_some(key));
        }
    }

    #[test]
    fn a_group_of_any_text_is_decoded_or_not(text in "[!-~]{1,128}") {
        let group = Group::try_from_sqs(&text).unwrap();
        prop_assert!(group.text_key().is_none_or(|key| Group::of(&key) == group));
    }

    #[test]
    fn different_events_have_different_ids_and_tokens(
        events in vec((key(), (key(), proptest::option::of("[ab]{0,2}"))), 2..8),
    ) {
        let events = events.into_iter().map(|(key, (sort, id))| (key, EventIdentity { sort, id }));
        let events: Vec<_> = events.collect();
        for (i, left) in events.iter().enumerate() {
            for right in &events[..i] {
                let tokens = [left, right].map(|(key, first)| IncarnationToken::new(key, first, 1, None));
                prop_assert_eq!(left == right, tokens[0] == tokens[1], "{:?} {:?}", left, right);
                let [one, other] = [left, right].map(|(key, identity)| DeduplicationId::of_event(key, identity));
                prop_assert!(is_legal(one.as_str()));
                prop_assert_eq!(left == right, one == other, "{:?} {:?}", left, right);
            }
        }
    }
}
