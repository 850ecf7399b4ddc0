//! Commands and events, as a table and as properties.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::event_time::EventTime;

/// 2026-02-28T09:00:00Z.
const START: i128 = 1_772_269_200_000_000_000;
const DAY: i128 = 86_400_000_000_000;

fn mark() -> Mark {
    Mark::try_new("AFC F5").unwrap()
}

fn address(line: &str, second: Option<&str>) -> Address {
    Address {
        address_line1: AddressLine::try_new(line).unwrap(),
        address_line2: second.map(|line| AddressLine::try_new(line).unwrap()),
        post_code: PostCode::try_new("AA9 9AA").unwrap(),
    }
}

fn command(text: &str) -> Command {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let on_mark = || OnMark { mark: mark() };
    match word {
        "create" => Command::CreateEntitlement(Entitle {
            mark: mark(),
            price: Price::try_new("299.90").unwrap(),
            nominee_name: Name::try_new(rest).unwrap(),
            address: address("1 “Old Mill” Lane", Some("Pen Llŷn")),
        }),
        "address" => Command::UpdateAddress(Readdress { mark: mark(), address: address(rest, None) }),
        "nominee" => {
            Command::UpdateNominee(Nominate { mark: mark(), nominee_name: Name::try_new(rest).unwrap() })
        }
        "extend" => {
            Command::Extend(Extend { mark: mark(), years: Years::try_new(rest.parse().unwrap()).unwrap() })
        }
        "certificate" => Command::UpdateCertificate(on_mark()),
        "lock" => Command::Lock(on_mark()),
        "unlock" => Command::Unlock(on_mark()),
        _ => panic!("no command `{word}`"),
    }
}

fn ids(number: usize) -> Ids {
    Ids { event_id: format!("event-{number}"), certificate_no: format!("{number:010}") }
}

/// Carries out commands, one a day, each with a day before it if it stands behind `+days`.
fn check(commands: &[&str], expected: Expect) {
    let (mut state, mut now, mut said) = (None, START, String::new());
    for (number, text) in commands.iter().enumerate() {
        if let Some(days) = text.strip_prefix('+') {
            now += days.parse::<i128>().unwrap() * DAY;
            continue;
        }
        let time = EventTime::try_from_nanos(now).unwrap();
        let decided = decide(state.as_ref(), &command(text), time, ids(number));
        match decided {
            Err(refusal) => {
                writeln!(said, "{text}: {} `{}`: {refusal}", refusal.kind.as_str(), refusal.field).unwrap();
            }
            Ok(event) => {
                let after = evolve(state.take(), &event).unwrap();
                let Entitlement { certificate_no, expiry_date, address_line1, .. } = &after.entitlement;
                let status = if after.lock_time.is_some() { "locked" } else { "open" };
                writeln!(
                    said,
                    "{} {} {status} {certificate_no} {expiry_date} {}",
                    after.version,
                    event.name,
                    serde_json::to_string(address_line1).unwrap()
                )
                .unwrap();
                state = Some(after);
            }
        }
    }
    expected.assert_eq(&said);
}

#[test]
fn a_mark_lives_by_its_commands() {
    check(
        &["create Ada", "address 2 Lane", "nominee Bob", "lock", "unlock", "certificate", "+400", "extend 1"],
        expect![[r#"
            1 EntitlementCreatedEvent open 0000000000 2036-02-28 "1 “Old Mill” Lane"
            2 AddressUpdatedEvent open 0000000000 2036-02-28 "2 Lane"
            3 NomineeUpdatedEvent open 0000000000 2036-02-28 "2 Lane"
            4 LockedEvent locked 0000000000 2036-02-28 "2 Lane"
            5 UnlockedEvent open 0000000000 2036-02-28 "2 Lane"
            6 CertificateUpdatedEvent open 0000000005 2036-02-28 "2 Lane"
            7 EntitlementExtendedEvent open 0000000005 2037-02-28 "2 Lane"
        "#]],
    );
}

#[test]
fn a_state_refuses_what_it_does_not_allow() {
    check(
        &[
            "lock",
            "unlock",
            "certificate",
            "extend 1",
            "address x",
            "nominee x",
            "create Ada",
            "create Ada",
            "unlock",
            "extend 1",
            "lock",
            "lock",
            "certificate",
            "extend 1",
            "address x",
            "nominee x",
            "create Ada",
            "unlock",
        ],
        expect![[r#"
            lock: mark-unknown `mark`: there is no such mark; create its entitlement first
            unlock: mark-unknown `mark`: there is no such mark; create its entitlement first
            certificate: mark-unknown `mark`: there is no such mark; create its entitlement first
            extend 1: mark-unknown `mark`: there is no such mark; create its entitlement first
            address x: mark-unknown `mark`: there is no such mark; create its entitlement first
            nominee x: mark-unknown `mark`: there is no such mark; create its entitlement first
            1 EntitlementCreatedEvent open 0000000006 2036-02-28 "1 “Old Mill” Lane"
            create Ada: mark-exists `mark`: `AFC F5` is there, with version 1; update it, or erase it before it is created anew
            unlock: mark-not-locked `mark`: `AFC F5` is not locked; leave it as it is
            extend 1: term-too-long `years`: an entitlement ends 10 years from today at the latest; extend it by fewer years, or later
            2 LockedEvent locked 0000000006 2036-02-28 "1 “Old Mill” Lane"
            lock: mark-locked `mark`: `AFC F5` is locked; unlock it first
            certificate: mark-locked `mark`: `AFC F5` is locked; unlock it first
            extend 1: mark-locked `mark`: `AFC F5` is locked; unlock it first
            address x: mark-locked `mark`: `AFC F5` is locked; unlock it first
            nominee x: mark-locked `mark`: `AFC F5` is locked; unlock it first
            create Ada: mark-exists `mark`: `AFC F5` is there, with version 2; update it, or erase it before it is created anew
            3 UnlockedEvent open 0000000006 2036-02-28 "1 “Old Mill” Lane"
        "#]],
    );
}

#[test]
fn a_term_ends_on_a_day_that_there_is() {
    check(
        // From 2026-02-28 to 2028-02-29, a day that 2038 does not have; and long after the term is over.
        &["+731", "create Ada", "+1461", "extend 4", "extend 1", "+9000", "extend 3"],
        expect![[r#"
            1 EntitlementCreatedEvent open 0000000001 2038-02-28 "1 “Old Mill” Lane"
            2 EntitlementExtendedEvent open 0000000001 2042-02-28 "1 “Old Mill” Lane"
            extend 1: term-too-long `years`: an entitlement ends 10 years from today at the latest; extend it by fewer years, or later
            3 EntitlementExtendedEvent open 0000000001 2059-10-20 "1 “Old Mill” Lane"
        "#]],
    );
}

#[test]
fn a_row_is_what_the_event_table_has() {
    let time = EventTime::try_from_nanos(START).unwrap();
    let created = decide(None, &command("create Nominee 7 – Größe"), time, ids(1)).unwrap();
    let locked = decide(Some(&created.registration_number), &command("lock"), time, ids(2)).unwrap();
    let json = serde_json::to_string_pretty(&locked.registration_number).unwrap();
    expect![[r#"
        {
          "mark": "AFC F5",
          "status": "LOCKED",
          "eventTime": "2026-02-28T09:00:00.000000000Z",
          "lockTime": "2026-02-28T09:00:00.000000000Z",
          "price": 299.9,
          "version": 2,
          "entitlement": {
            "certificateNo": "0000000001",
            "certificateTime": "2026-02-28T09:00:00.000000000Z",
            "expiryDate": "2036-02-28",
            "nomineeName": "Nominee 7 – Größe",
            "addressLine1": "1 “Old Mill” Lane",
            "addressLine2": "Pen Llŷn",
            "postCode": "AA9 9AA"
          }
        }"#]]
    .assert_eq(&json);
    let read: RegistrationNumber = serde_json::from_str(&json).unwrap();
    assert_eq!(read, locked.registration_number);
}

#[test]
fn damaged_histories_are_refused() {
    let at = |nanos| EventTime::try_from_nanos(START + nanos).unwrap();
    let created = decide(None, &command("create Ada"), at(0), ids(0)).unwrap();
    let state = created.registration_number.clone();
    let second = decide(Some(&state), &command("address 2 Lane"), at(1), ids(1)).unwrap();
    let third = decide(Some(&second.registration_number), &command("lock"), at(2), ids(2)).unwrap();
    let mut more = second.clone();
    more.registration_number.price = Price::try_new("1").unwrap();
    let mut late = created.clone();
    late.registration_number.version = 2;
    let renamed = Event { name: EventName::NomineeUpdated, ..second.clone() };
    let mut dated = created.clone();
    dated.registration_number.event_time = at(5);
    let mut said = String::new();
    for (state, event) in [
        (None, &second),
        (None, &late),
        (None, &dated),
        (Some(&state), &created),
        (Some(&state), &third),
        (Some(&second.registration_number), &second),
        (Some(&state), &more),
        (Some(&state), &renamed),
    ] {
        writeln!(said, "{}", evolve(state.cloned(), event).unwrap_err()).unwrap();
    }
    expect![[r#"
        the mark's first event is `AddressUpdatedEvent`, with version 2
        the mark's first event is `EntitlementCreatedEvent`, with version 2
        version 1 is a `EntitlementCreatedEvent`, and changes something else as well
        version 1 creates a mark that is there
        version 3 comes after version 1
        version 2 comes after version 2
        version 2 is a `AddressUpdatedEvent`, and changes something else as well
        version 2 is a `NomineeUpdatedEvent`, and changes something else as well
    "#]]
    .assert_eq(&said);
}

fn commands() -> impl Strategy<Value = Vec<(String, u16)>> {
    let command = prop_oneof![
        Just("create Ada".to_owned()),
        "[A-Z][a-z]{1,9}".prop_map(|name| format!("nominee {name}")),
        "[1-9] [A-Z][a-z]{1,9}".prop_map(|line| format!("address {line}")),
        (1..=10_u8).prop_map(|years| format!("extend {years}")),
        Just("certificate".to_owned()),
        Just("lock".to_owned()),
        Just("unlock".to_owned()),
    ];
    prop::collection::vec((command, 0..2_000_u16), 0..40)
}

proptest! {
    #[test]
    fn every_history_that_decide_makes_is_accepted_by_evolve(commands in commands()) {
        let (mut state, mut events, mut now) = (None::<RegistrationNumber>, Vec::new(), START);
        for (number, (text, days)) in commands.iter().enumerate() {
            now += 1 + i128::from(*days) * DAY;
            let time = EventTime::try_from_nanos(now).unwrap();
            let decided = decide(state.as_ref(), &command(text), time, ids(number));
            prop_assert_eq!(&decided, &decide(state.as_ref(), &command(text), time, ids(number)));
            let Ok(event) = decided else { continue };
            let after = evolve(state, &event).unwrap();
            prop_assert_eq!(&after, &event.registration_number);
            events.push(event);
            state = Some(after);
        }
        let versions: Vec<u64> = events.iter().map(|event| event.registration_number.version).collect();
        let expected: Vec<u64> = (1..).take(events.len()).collect();
        prop_assert_eq!(versions, expected);
        let folded = events.iter().try_fold(None, |state, event| evolve(state, event).map(Some)).unwrap();
        prop_assert_eq!(folded, state);
    }
}
