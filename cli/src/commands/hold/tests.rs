use std::cell::RefCell;
use std::collections::VecDeque;

use aws::operator::lambda::Answer;
use aws::operator::{CallError, CallFault};
use expect_test::{Expect, expect};
use shared::control::{GroupHold, HoldOutcome, HoldReport};
use shared::ids::{Group, Key};
use shared::ledger::Hold;
use shared::time::Timestamp;

use super::*;
use crate::commands::hold::request::KeyHold;
use crate::commands::operator::CatchUpFunction;
use crate::output::Style;

/// A function with scripted answers, which records its requests.
struct Script {
    answers: RefCell<VecDeque<Result<Answer, CallError>>>,
    asked: RefCell<String>,
}

impl CatchUpFunction for Script {
    async fn request_once(&self, request: &ControlRequest) -> Result<Answer, CallError> {
        let ControlRequest::Hold { client, keys, replay, .. } = request else { panic!("{request:?}") };
        let keys: Vec<&str> = keys.iter().map(TypedKey::as_text).collect();
        let keys = match keys.as_slice() {
            [first, .., last] if keys.len() > 9 => format!("{first}…{last}, {}", keys.len()),
            keys => keys.join(" "),
        };
        *self.asked.borrow_mut() += &format!("{client}: {keys} as {replay}\n");
        self.answers.borrow_mut().pop_front().expect("one call too many")
    }
}

fn key(text: &str) -> TypedKey {
    TypedKey::S(text.to_owned())
}

/// The result of a group: `A held 3`, `B nothing`, `C failed`.
fn result(text: &str) -> KeyHold {
    let mut words = text.split(' ');
    let name = words.next().unwrap();
    let (outcome, reason) = match words.next().unwrap() {
        "held" => (HoldOutcome::Held, None),
        "released" => (HoldOutcome::Released, None),
        "skipped" => (HoldOutcome::Skipped, None),
        "nothing" => (HoldOutcome::Nothing, Some("it is not held")),
        _ => (HoldOutcome::Failed, Some("the ledger is throttled")),
    };
    let next = words.next().map(|next| next.parse().unwrap());
    let reason = reason.map(str::to_owned);
    let key = key(&name.replace('_', " "));
    KeyHold { result: GroupHold { group: key.group().unwrap().to_string(), outcome, next, reason }, key }
}

fn said(results: &[&str], paused: bool) -> Result<Answer, CallError> {
    let results = results.iter().map(|text| result(text).result).collect();
    let report = HoldReport { client: "Billing".to_owned(), results, paused };
    Ok(Answer::Said(serde_json::to_string(&report).unwrap()))
}

fn unreachable() -> Result<Answer, CallError> {
    let (subject, reason) = ("CatchUp".to_owned(), "why".to_owned());
    Err(CallError { call: "Invoke", subject, fault: CallFault::Unreachable, reason })
}

fn a_hold(keys: Vec<TypedKey>, replay: String) -> ControlRequest {
    let (client, reason) = ("Billing".to_owned(), "fails".to_owned());
    ControlRequest::Hold { client, keys, from: None, reason, replay, caller: None }
}

async fn check_requests(keys: &[TypedKey], answers: Vec<Result<Answer, CallError>>, expected: &Expect) {
    let script = Script { answers: RefCell::new(answers.into()), asked: RefCell::default() };
    let mut ids = 1..;
    let make = |keys| a_hold(keys, format!("id-{}", ids.next().unwrap_or_default()));
    let mut tally = HoldTally::default();
    let mut shown = Vec::new();
    let ended = request(&script, keys, make, &mut tally, |done| shown.push(done)).await;
    assert_eq!(shown.last().copied().unwrap_or_default(), tally.results.len());
    assert!(script.answers.borrow().is_empty(), "answers are left");
    let results = tally.results.iter().map(|KeyHold { key, result }| {
        let reason = result.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        format!("{key} {:?}{reason}", result.outcome)
    });
    let results: Vec<String> = results.collect();
    let ended = ended.map_err(|failure| format!("{:?}: {failure}", failure.exit()));
    expected.assert_eq(&format!("{}{}\n{ended:?}\n", script.asked.borrow(), results.join(", ")));
}

#[tokio::test(start_paused = true)]
async fn a_request_with_an_unknown_result_is_made_again_under_another_id() {
    let keys = ["A", "B"].map(key);
    check_requests(
        &keys,
        vec![unreachable(), said(&["B nothing", "A held 3"], false)],
        &expect![[r#"
        Billing: A B as id-1
        Billing: A B as id-2
        A Held, B Nothing (it is not held)
        Ok(())
    "#]],
    )
    .await;
    check_requests(
        &keys,
        vec![unreachable(), unreachable(), unreachable()],
        &expect![[r#"
        Billing: A B as id-1
        Billing: A B as id-2
        Billing: A B as id-3

        Err("Unreachable: `Invoke` of `CatchUp`: why")
    "#]],
    )
    .await;
    // What failed in a group may not help the second time: the operator decides.
    check_requests(
        &keys,
        vec![said(&["A failed"], false)],
        &expect![[r#"
        Billing: A B as id-1
        A Failed (the ledger is throttled), B Failed (the function does not say what became of it)
        Ok(())
    "#]],
    )
    .await;
    check_requests(
        &keys,
        vec![Ok(Answer::Failed("no client `Billing`".to_owned()))],
        &expect![[r#"
        Billing: A B as id-1

        Err("Findings: the catch-up function failed: no client `Billing`")
    "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn many_groups_are_several_requests_until_the_client_is_paused() {
    let names: Vec<String> = (0..250).map(|number| format!("K{number}")).collect();
    let keys: Vec<TypedKey> = names.iter().map(|name| key(name)).collect();
    let said = |numbers: std::ops::Range<usize>, paused| {
        let results: Vec<String> = numbers.map(|number| format!("K{number} held 1")).collect();
        said(&results.iter().map(String::as_str).collect::<Vec<_>>(), paused)
    };
    let script = Script {
        answers: RefCell::new(vec![said(0..100, false), said(100..200, true)].into()),
        asked: RefCell::default(),
    };
    let mut tally = HoldTally::default();
    request(&script, &keys, |keys| a_hold(keys, "id".to_owned()), &mut tally, |_| {}).await.unwrap();
    assert_eq!((tally.results.len(), tally.paused), (200, true));
    expect![[r#"
        Billing: K0…K99, 100 as id
        Billing: K100…K199, 100 as id
    "#]]
    .assert_eq(&script.asked.borrow());
}

#[test]
fn keys_are_of_the_tables_type_and_a_group_may_be_meant_as_its_key() {
    let named = |groups: &[&str], of| {
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        NamedKeys::try_new(&groups, of)
    };
    let one = named(&["7", "8", "7"], KeyType::N).ok().unwrap();
    assert_eq!(one.keys, ["7", "8"].map(|number| TypedKey::N(number.to_owned())));
    let encoded = Group::of(&Key::N("-7.5".to_owned()));
    for (text, of, why) in [
        ("07", KeyType::N, "`07` is not a number as DynamoDB writes it"),
        (encoded.as_str(), KeyType::N, "did you mean `-7.5`?"),
        ("", KeyType::S, "is not empty"),
    ] {
        let failure = named(&[text], of).err().unwrap();
        assert!(failure.exit() == Exit::Usage && failure.to_string().contains(why), "{failure}");
    }
    // As text, the encoded key is a key, too.
    let named = named(&["AFC%20F5"], KeyType::S).ok().unwrap();
    assert_eq!(named.keys, [key("AFC%20F5")]);
    let mut tally =
        HoldTally { results: vec![KeyHold { key: key("AFC%20F5"), ..result("A nothing") }], paused: false };
    tally.explain(&named.meant);
    expect!["it is not held; did you mean `AFC F5`? (a `MessageGroupId` is the key encoded)"]
        .assert_eq(tally.results[0].result.reason.as_ref().unwrap());
}

fn report(change: Change, results: &[&str]) -> Report {
    let tally = HoldTally { results: results.iter().map(|text| result(text)).collect(), paused: false };
    Report { client: "Billing".to_owned(), change, tally, left: 0, is_paused: false }
}

fn check(report: &Report, exit: Exit, expected: &Expect) {
    assert_eq!(report.exit(), exit);
    expected.assert_eq(&text(report, " --stack test", Style::Plain));
}

#[test]
fn a_hold_is_reported_with_the_command_that_ends_it() {
    check(
        &report(Change::Hold, &["AFC_F5 held 3", "B held 1"]),
        Exit::Done,
        &expect![[r#"
        group   outcome  next version  reason
        AFC F5  held                3
        B       held                1

        Client Billing gets nothing of 2 groups until they are released; what was begun may reach it for 65 s. When the cause is mended:
          fanoutctl release Billing --group 'AFC F5' --group B --stack test
    "#]],
    );
    check(
        &report(Change::Hold, &["AFC_F5 held 3", "B failed"]),
        Exit::Findings,
        &expect![[r#"
        group   outcome  next version  reason
        AFC F5  held                3
        B       failed              -  the ledger is throttled

        Client Billing gets nothing of 1 group until it is released; what was begun may reach it for 65 s. When the cause is mended:
          fanoutctl release Billing --group 'AFC F5' --stack test
    "#]],
    );
    check(
        &report(Change::Hold, &["B nothing"]),
        Exit::Findings,
        &expect![[r#"
        group  outcome  next version  reason
        B      nothing             -  it is not held

        Nothing is held.
    "#]],
    );
    let mut paused = report(Change::Hold, &["A held 3", "B failed"]);
    (paused.tally.paused, paused.left) = (true, 100);
    check(
        &paused,
        Exit::Findings,
        &expect![[r#"
            group  outcome  next version  reason
            A      held                3
            B      failed              -  the ledger is throttled

            Client Billing would have more than 1000 held groups. It is paused instead, and gets nothing at all. When the cause is mended:
              fanoutctl release Billing --all --stack test
              fanoutctl resume Billing --stack test
        "#]],
    );
}

#[test]
fn a_release_is_reported_with_the_command_that_goes_on() {
    check(
        &report(Change::Release, &["AFC_F5 released 3", "B nothing"]),
        Exit::Done,
        &expect![[r#"
        group   outcome   next version  reason
        AFC F5  released             3
        B       nothing              -  it is not held

        Client Billing gets what it lacks of 1 group, in order.
        It goes out within minutes; to begin now and see how far it is:
          fanoutctl catch-up Billing --stack test
    "#]],
    );
    check(
        &report(Change::Release, &["B nothing"]),
        Exit::Done,
        &expect![[r#"
        group  outcome  next version  reason
        B      nothing             -  it is not held

        Nothing was held.
    "#]],
    );
    check(
        &report(Change::Release, &[]),
        Exit::Done,
        &expect![[r#"
        No group is held for client Billing.
    "#]],
    );
    let paused = Report { is_paused: true, ..report(Change::Release, &["A released 3"]) };
    check(
        &paused,
        Exit::Done,
        &expect![[r#"
        group  outcome   next version  reason
        A      released             3

        Client Billing gets what it lacks of 1 group, in order.
        It is paused; that goes out after
          fanoutctl resume Billing --stack test
    "#]],
    );
    let unknown = Report { left: 2, ..report(Change::Release, &["A released 3", "B_C failed"]) };
    check(
        &unknown,
        Exit::Findings,
        &expect![[r#"
        group  outcome   next version  reason
        A      released             3
        B C    failed               -  the ledger is throttled

        Client Billing gets what it lacks of 1 group, in order.
        It goes out within minutes; to begin now and see how far it is:
          fanoutctl catch-up Billing --stack test
        1 group could not be released; again with
          fanoutctl release Billing --group 'B C' --stack test
        2 groups more may have no result; the same command again does no harm.
    "#]],
    );
}

#[test]
fn a_skip_is_reported_with_the_command_that_sends_the_rest() {
    check(
        &report(Change::Skip, &["AFC_F5 skipped 8"]),
        Exit::Done,
        &expect![[r#"
        group   outcome  next version  reason
        AFC F5  skipped             8

        Client Billing does not get this event. The group is held still; when the next may go out:
          fanoutctl release Billing --group 'AFC F5' --stack test
    "#]],
    );
    check(
        &report(Change::Skip, &["AFC_F5 failed"]),
        Exit::Findings,
        &expect![[r#"
        group   outcome  next version  reason
        AFC F5  failed              -  the ledger is throttled

        Nothing is left out. What is next:
          fanoutctl held Billing --stack test
    "#]],
    );
}

#[test]
fn programs_get_each_groups_result() {
    let report = report(Change::Release, &["AFC_F5 released 3", "B nothing"]);
    expect![[r#"
        {
          "client": "Billing",
          "change": "release",
          "results": [
            {
              "key": {
                "S": "AFC F5"
              },
              "group": "AFC%20F5",
              "outcome": "released",
              "next": 3,
              "reason": null
            },
            {
              "key": {
                "S": "B"
              },
              "group": "B",
              "outcome": "nothing",
              "next": null,
              "reason": "it is not held"
            }
          ],
          "paused": false,
          "left": 0,
          "is_paused": false
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn all_that_are_held_for_a_reason_are_named_by_a_part_of_it() {
    let held = |name: &str, reason: &str| {
        let key = Key::S(name.to_owned());
        let (reason, by, since) = (reason.to_owned(), "push".to_owned(), Timestamp::from_millis(0));
        GroupBehind {
            group: Group::of(&key),
            key: TypedKey::from(&key),
            has: 1,
            version: 2,
            since,
            is_erased: false,
            settles_at: None,
            hold: Some(Hold { reason, by, since, skipped: Vec::new() }),
        }
    };
    let all = || vec![held("A", "400: no mark"), held("B", "unreachable: 503"), held("C", "400: no key")];
    for (text, expected) in [
        (None, vec!["A", "B", "C"]),
        (Some("400"), vec!["A", "C"]),
        (Some("no mark"), vec!["A"]),
        (Some("unreachable: "), vec!["B"]),
        (Some("413"), vec![]),
    ] {
        assert_eq!(held_for(all(), text), expected.into_iter().map(key).collect::<Vec<_>>(), "{text:?}");
    }
}
