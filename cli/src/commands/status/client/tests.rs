use expect_test::{Expect, expect};
use shared::filter::FilterDigest;
use shared::ids::{Group, Key};
use shared::ledger::{ClientId, Hold, OpenBreaker, RefusedEvent, TargetState};

use super::*;
use crate::targets::TargetStatus;

/// 2026-01-05T09:00:00Z
const NOW: u64 = 1_767_603_600_000;

fn minutes_ago(minutes: u64) -> Timestamp {
    Timestamp::from_millis(NOW - minutes * 60_000)
}

fn group(name: &str) -> Group {
    Group::of(&Key::S(name.to_owned()))
}

/// A group of which the client has so much, for so many minutes.
fn behind(name: &str, has: i64, version: i64, minutes: u64) -> GroupBehind {
    GroupBehind {
        key: TypedKey::S(name.to_owned()),
        group: group(name),
        has,
        version,
        since: minutes_ago(minutes),
        is_erased: false,
        hold: None,
        settles_at: None,
    }
}

fn held(name: &str, minutes: u64) -> GroupBehind {
    let (reason, by) = ("400 of the webhook".to_owned(), "arn:aws:iam::111122223333:user/op".to_owned());
    let hold = Hold { reason, by, since: minutes_ago(minutes), skipped: Vec::new() };
    GroupBehind { hold: Some(hold), ..behind(name, 1, 1, minutes) }
}

fn registration() -> Registration {
    Registration {
        id: ClientId(2),
        state: State::Live,
        pause: None,
        history: false,
        filter: FilterDigest::of(None),
        erasures: false,
        since: 1,
        absent_at: None,
        retired_at: None,
        unknown: [].into(),
    }
}

fn paused_by(by: &str, reason: Option<&str>) -> Registration {
    let (by, reason) = (by.to_owned(), reason.map(str::to_owned));
    let pause = Some(Pause { since: minutes_ago(5), by, reason });
    Registration { state: State::Paused, pause, ..registration() }
}

fn report(registration: &Registration, lease: &Lease, groups: Vec<GroupBehind>) -> Report {
    let behind = GroupsBehind { groups, is_more: false };
    Report::new("test", "Billing", "queue repair", registration, lease, behind, Timestamp::from_millis(NOW))
}

fn check(registration: &Registration, lease: &Lease, groups: Vec<GroupBehind>, expected: &Expect) {
    expected.assert_eq(&text(&report(registration, lease, groups), Style::Plain));
}

fn refusing(names: &[&str]) -> Lease {
    let reason = "InvalidParameterValue: longer than 1024 bytes".to_owned();
    let refused = names.iter().map(|name| RefusedEvent { group: group(name), reason: reason.clone() });
    Lease { refused: refused.collect(), ..Lease::unheld() }
}

#[test]
fn a_client_that_lacks_nothing() {
    check(
        &registration(),
        &refusing(&["A"]),
        Vec::new(),
        &expect![[r#"
        client Billing is up to date, stack `test`
    "#]],
    );
    let paused = Registration { state: State::Paused, ..registration() };
    check(
        &paused,
        &Lease::unheld(),
        Vec::new(),
        &expect![[r#"
        client Billing is paused, stack `test`
    "#]],
    );
    check(
        &paused_by("op", Some("its queue moves")),
        &Lease::unheld(),
        Vec::new(),
        &expect![[r#"
        paused: its queue moves (op, 2026-01-05T08:55:00Z)
          → fanoutctl resume Billing --stack test
        client Billing is paused, stack `test`
    "#]],
    );
    check(
        &paused_by("op", None),
        &Lease::unheld(),
        vec![behind("A", 1, 2, 3)],
        &expect![[r#"
        group  has  of  for    why
        A        1   2  3 min  paused

        paused: no reason was given (op, 2026-01-05T08:55:00Z)
          → fanoutctl resume Billing --stack test
        client Billing is paused, stack `test`
    "#]],
    );
}

#[test]
fn each_group_has_its_reason_and_what_needs_an_operator_comes_first() {
    let erased = GroupBehind { is_erased: true, ..behind("D", 3, 3, 1) };
    let in_minutes = |minutes: u64| Some(Timestamp::from_millis(NOW + minutes * 60_000));
    let settling = GroupBehind { settles_at: in_minutes(4), ..behind("E", 7, 7, 600) };
    // Something is still to be sent.
    let replayed = GroupBehind { settles_at: in_minutes(5), ..behind("F", 6, 7, 1) };
    let groups = vec![
        settling,
        replayed,
        behind("AFC F5", 5, 9, 2),
        behind("B", 0, 4, 1),
        held("it's", 90),
        held("H", 5),
        erased,
        behind("C", 2, 3, 20),
    ];
    check(
        &registration(),
        &refusing(&["B"]),
        groups,
        &expect![[r#"
            group   has  of  for     why
            B         0   4    60 s  ! refused for good
            it's      1   1  90 min  ! held
            C         2   3  20 min  ! under way
            H         1   1   5 min  held
            AFC F5    5   9   2 min  under way
            F         6   7    60 s  under way
            D         3   3    60 s  under way
            E         7   7    10 h  settles

            refused for good: version 1, or the next that it wants: InvalidParameterValue: longer than 1024 bytes; mend the queue, as a rule its `MaximumMessageSize`
              → fanoutctl queue repair Billing --stack test
            held: 400 of the webhook (arn:aws:iam::111122223333:user/op)
              → fanoutctl release Billing --group 'it'\''s' --stack test
            under way: it does not get through: the log of `CatchUp` names the group, and why
            held: 400 of the webhook (arn:aws:iam::111122223333:user/op)
              → fanoutctl release Billing --group H --stack test
            under way: the aggregate was erased: a notice is due
            settles: everything was sent; until 2026-01-05T09:04:00Z, what an earlier sender may bring is repeated
            client Billing is behind, stack `test`
        "#]],
    );
}

#[test]
fn one_reason_of_many_groups_is_said_once() {
    let mut lease = Lease::unheld();
    lease.fail("SendMessageBatch of Billing.fifo: KMS.DisabledException", minutes_ago(1));
    lease.fail("SendMessageBatch of Billing.fifo: KMS.DisabledException", minutes_ago(0));
    let groups = vec![behind("A", 1, 2, 3), behind("B", 1, 2, 16)];
    check(
        &registration(),
        &lease,
        groups,
        &expect![[r#"
            group  has  of  for     why
            B        1   2  16 min  ! its queue fails
            A        1   2   3 min  ! its queue fails

            its queue fails: SendMessageBatch of Billing.fifo: KMS.DisabledException
              → fanoutctl queue repair Billing --stack test
            its queue has failed 2 times, one after the other
            client Billing is behind, stack `test`
        "#]],
    );
    let paused = Registration { state: State::Paused, ..registration() };
    check(
        &paused,
        &lease,
        vec![behind("A", 1, 2, 3_000), held("B", 90)],
        &expect![[r#"
        group  has  of  for     why
        B        1   1  90 min  held
        A        1   2     2 d  paused

        held: 400 of the webhook (arn:aws:iam::111122223333:user/op)
          → fanoutctl release Billing --group B --stack test
        paused
          → fanoutctl resume Billing --stack test
        its queue has failed 2 times, one after the other
        client Billing is paused, stack `test`
    "#]],
    );
    let leaving = Registration { absent_at: Some(minutes_ago(5)), ..registration() };
    check(
        &leaving,
        &Lease::unheld(),
        vec![behind("A", 1, 2, 5)],
        &expect![[r#"
        group  has  of  for    why
        A        1   2  5 min  ! leaving

        leaving: client-queues.toml as it was deployed last does not name it
          → fanoutctl deploy --stack test
        client Billing is leaving, stack `test`
    "#]],
    );
}

#[test]
fn a_program_gets_all_of_it() {
    let report = report(&registration(), &refusing(&["AFC F5"]), vec![behind("AFC F5", 5, 9, 2)]);
    expect![[r#"
        {
          "stack": "test",
          "client": "Billing",
          "state": "behind",
          "pause": null,
          "failure": null,
          "failures": 0,
          "groups": [
            {
              "group": "AFC%20F5",
              "key": {
                "S": "AFC F5"
              },
              "has": 5,
              "version": 9,
              "since": "2026-01-05T08:58:00Z",
              "seconds": 120,
              "why": "refused",
              "reason": "version 6, or the next that it wants: InvalidParameterValue: longer than 1024 bytes; mend the queue, as a rule its `MaximumMessageSize`",
              "command": "fanoutctl queue repair Billing --stack test",
              "needs_attention": true
            }
          ],
          "is_more": false,
          "target": null
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn a_group_needs_attention_when_nothing_but_an_operator_helps_or_it_takes_long() {
    let needs = |registration: &Registration, lease: &Lease, group: GroupBehind| {
        report(registration, lease, vec![group]).groups[0].needs_attention
    };
    for (minutes, expected) in [(14, false), (15, true)] {
        assert_eq!(needs(&registration(), &Lease::unheld(), behind("A", 1, 2, minutes)), expected);
    }
    for (minutes, expected) in [(59, false), (60, true)] {
        assert_eq!(needs(&registration(), &Lease::unheld(), held("A", minutes)), expected);
        let paused = Registration { state: State::Paused, ..registration() };
        assert!(!needs(&paused, &Lease::unheld(), held("A", minutes)));
    }
    assert!(needs(&registration(), &refusing(&["A"]), behind("A", 1, 2, 0)));
}

#[test]
fn a_push_clients_target_is_said_last_and_counts() {
    let reason = "403 Forbidden".to_owned();
    let (since, probe_at) = (minutes_ago(20), minutes_ago(0));
    let breaker = OpenBreaker { since, probe_at, probes: 3, reason, alike: None };
    let state = Some(TargetState { breaker: Some(breaker), ..TargetState::default() });
    let status = TargetStatus { client: "Billing".to_owned(), kind: Some("webhook"), state };
    let target = Some(TargetRow::new(&status, None, Timestamp::from_millis(NOW)));
    let of = |groups| Report { target: target.clone(), ..report(&registration(), &Lease::unheld(), groups) };
    for (groups, expected) in [
        (
            Vec::new(),
            expect![[r#"
                client Billing, target webhook: refuses every event, for 20 min: 403 Forbidden; delivered in the last 60 min: -
                  it is tried by itself, every five minutes at the latest; at once with
                  fanoutctl resume Billing --stack test
                client Billing is up to date, stack `test`
            "#]],
        ),
        (
            vec![held("A", 5)],
            expect![[r#"
                group  has  of  for    why
                A        1   1  5 min  held

                held: 400 of the webhook (arn:aws:iam::111122223333:user/op)
                  → fanoutctl release Billing --group A --stack test
                client Billing, target webhook: refuses every event, for 20 min: 403 Forbidden; delivered in the last 60 min: -
                  it is tried by itself, every five minutes at the latest; at once with
                  fanoutctl resume Billing --stack test
                client Billing is behind, stack `test`
            "#]],
        ),
    ] {
        let report = of(groups);
        assert_eq!(report.exit(), Exit::Findings);
        expected.assert_eq(&text(&report, Style::Plain));
    }
    assert_eq!(report(&registration(), &Lease::unheld(), Vec::new()).exit(), Exit::Done);
}
