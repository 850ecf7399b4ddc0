//! Findings about the ledger and its clients.

use expect_test::{Expect, expect};
use shared::time::Timestamp;

use super::*;
use crate::client_status::{ClientStatus, HeldLag, Lag};

fn check_ledger(change: impl FnOnce(&mut Ledger), expected: &Expect) {
    check(|facts| change(facts.ledger.as_mut().unwrap()), expected);
}

fn check_content(change: impl FnOnce(&mut Content), expected: &Expect) {
    check_ledger(|ledger| change(ledger.content.as_mut().unwrap()), expected);
}

#[test]
fn a_stack_without_a_ledger() {
    check(
        |facts| facts.ledger = Err(error(CallFault::Missing)),
        &expect![[r#"
            stack `mark-event-queue`: can't be checked: `Look` of `it`: nothing there (`QueueDoesNotExist`); deploy the stack again
        "#]],
    );
}

#[test]
fn settings_that_go_with_the_ledger() {
    check(
        |facts| {
            let attributes = facts.queues[FAN_OUT].attributes.as_mut().unwrap();
            attributes.insert("RedrivePolicy".into(), "{}".into());
        },
        &expect![[r#"
            fan-out queue: loses the last events of groups when the ledger can't be reached: its `RedrivePolicy` takes their messages out; take the `RedrivePolicy` away, as `template.yml` does
        "#]],
    );
    check(|facts| facts.converter.as_mut().unwrap()[0].parallelization_factor = Some(4), &expect![[""]]);
    check(
        |facts| facts.queues[BILLING].attributes = Err(error(CallFault::Missing)),
        &expect![[r#"
            queue of client `Billing`: doesn't exist any more (`MarkFanOutClientBilling.fifo`), so it falls behind; what it held comes back only by `fanoutctl replay`; run `fanoutctl queue repair Billing`
        "#]],
    );
}

#[test]
fn the_ledgers_table() {
    check_ledger(
        |ledger| ledger.status = Ok("ARCHIVED".into()),
        &expect![[r#"
        ledger `Ledger`: its table is not at work (`ARCHIVED`); see the table in DynamoDB's console
    "#]],
    );
    check_ledger(
        |ledger| ledger.has_recovery = Ok(false),
        &expect![[r#"
        ledger `Ledger`: nothing brings it back if it is lost or damaged; switch point-in-time recovery on, as `template.yml` does
    "#]],
    );
    check_ledger(
        |ledger| ledger.has_recovery = Err(error(CallFault::NotAllowed)),
        &expect![[r#"
        ledger `Ledger`: can't be checked: `Look` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/Watch` to your user or role
    "#]],
    );
    check_ledger(
        |ledger| {
            ledger.status = Err(error(CallFault::Missing));
            ledger.has_recovery = Err(error(CallFault::Missing));
            ledger.content = Err(error(CallFault::Missing));
        },
        &expect![[r#"
            ledger `Ledger`: its table doesn't exist; restore it under this name from a backup, before anything else: nothing is fanned out meanwhile
        "#]],
    );
    check_ledger(
        |ledger| {
            ledger.status = Err(error(CallFault::NotAllowed));
            ledger.content = Err(error(CallFault::NotAllowed));
        },
        &expect![[r#"
            ledger `Ledger`: can't be checked: `Look` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/Watch` to your user or role
            ledger `Ledger`: can't be checked: `Look` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/Watch` to your user or role
        "#]],
    );
}

#[test]
fn the_catch_up_function() {
    for state in ["Pending", "Inactive"] {
        check_ledger(|ledger| ledger.catch_up.as_mut().unwrap().state = state.into(), &expect![[""]]);
    }
    check_ledger(
        |ledger| {
            let reason = Some("its key is disabled".into());
            ledger.catch_up = Ok(Function { state: "Failed".into(), reason, timeout: None });
        },
        &expect![[r#"
            catch-up function: it can't run (`Failed`: its key is disabled); fix what the reason names, or deploy again
        "#]],
    );
    check_ledger(
        |ledger| ledger.catch_up = Err(error(CallFault::Missing)),
        &expect![[r#"
        catch-up function: it doesn't exist: no client is caught up; deploy the stack again
    "#]],
    );
    check_ledger(
        |ledger| ledger.catch_up = Err(error(CallFault::NotAllowed)),
        &expect![[r#"
        catch-up function: can't be checked: `Look` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/Watch` to your user or role
    "#]],
    );
}

#[test]
fn work_that_the_catch_up_function_has_not_done() {
    check_content(
        |content| content.registry = None,
        &expect![[r#"
        ledger `Ledger`: it is empty, so that nothing is fanned out: the catch-up function has never run; see the catch-up function's log, and whether its schedule (EventBridge, Rules) is enabled
    "#]],
    );
    let compared = |hours: u64| {
        move |content: &mut Content| {
            content.compared_at = Some(Timestamp::from_millis(NOW - hours * 3_600_000 - 1));
        }
    };
    check_content(compared(29), &expect![[""]]);
    check_content(
        compared(30),
        &expect![[r#"
        ledger `Ledger`: it has not been compared with the event table since 2026-01-04T02:59:59Z; see the catch-up function's log, and whether its schedule (EventBridge, Rules) is enabled
    "#]],
    );
    // The first comparison comes a day after the first maintenance.
    check_content(|content| content.compared_at = None, &expect![[""]]);
    let billing = || ClientName::try_new("Billing").unwrap();
    check_content(
        |content| content.registry.as_mut().unwrap().clients.clear(),
        &expect![[r#"
            client `Billing`: the ledger does not know it: it gets nothing; see the catch-up function's log, and whether its schedule (EventBridge, Rules) is enabled
            client `Reporting`: the ledger does not know it: it gets nothing; see the catch-up function's log, and whether its schedule (EventBridge, Rules) is enabled
        "#]],
    );
    check_content(
        |content| {
            content.registry.as_mut().unwrap().clients.get_mut(&billing()).unwrap().state = State::Retired;
        },
        &expect![[r#"
            client `Billing`: the ledger does not know it: it gets nothing; see the catch-up function's log, and whether its schedule (EventBridge, Rules) is enabled
        "#]],
    );
}

#[test]
fn a_client_that_leaves_and_lacks_something() {
    let check_leaving = |groups, is_more, expected: &Expect| {
        let at = |seconds: i64| Timestamp::from_millis(NOW.saturating_add_signed(seconds * 1_000));
        let absent_at = Some(at(-600));
        let lag = Lag { groups, events: 7, since: Some(at(-86_400)), is_more, ..Lag::default() };
        let client = ClientStatus { absent_at, ..status("Insurance", true, lag) };
        check_content(|content| content.clients.push(client), expected);
    };
    check_leaving(0, false, &expect![[""]]);
    check_leaving(
        1,
        false,
        &expect![[r#"
            client `Insurance`: warning: has been in no deployed config since 2026-01-05T08:50:00Z, and is behind in 1 group: what it lacks is forgotten at 2026-01-05T09:50:00Z; add it to client-queues.toml again, and deploy, unless it may lack that
        "#]],
    );
    check_leaving(
        1_000,
        true,
        &expect![[r#"
            client `Insurance`: warning: has been in no deployed config since 2026-01-05T08:50:00Z, and is behind in more than 1000 groups: what it lacks is forgotten at 2026-01-05T09:50:00Z; add it to client-queues.toml again, and deploy, unless it may lack that
        "#]],
    );
}

#[test]
fn clients_that_stay_behind() {
    let check_client = |is_paused, groups, seconds: u64, is_more, expected: &Expect| {
        let since = Some(Timestamp::from_millis(NOW - seconds * 1_000));
        let lag = Lag { groups, events: 7, since, is_more, ..Lag::default() };
        check_content(|content| content.clients[0] = status("Billing", is_paused, lag), expected);
    };
    check_client(false, 12, 899, false, &expect![[""]]);
    check_client(
        false,
        12,
        900,
        false,
        &expect![[r#"
        client `Billing`: has been behind in 12 groups since 2026-01-05T08:45:00Z, longer than 15 minutes; repair its queue, if a finding names it, then `fanoutctl catch-up Billing`
    "#]],
    );
    check_client(
        false,
        1_000,
        90_000,
        true,
        &expect![[r#"
        client `Billing`: has been behind in more than 1000 groups since 2026-01-04T08:00:00Z, longer than 15 minutes; repair its queue, if a finding names it, then `fanoutctl catch-up Billing`
    "#]],
    );
    check_client(true, 3, 899, false, &expect![[""]]);
    check_client(
        true,
        3,
        90_000,
        false,
        &expect![[r#"
        client `Billing`: is paused, and has been behind in 3 groups since 2026-01-04T08:00:00Z; `fanoutctl resume Billing` when it may be sent events again
    "#]],
    );
    check_content(
        |content| content.clients[0].lag = Err(error(CallFault::NotAllowed)),
        &expect![[r#"
        client `Billing`: can't be checked: `Look` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/Watch` to your user or role
    "#]],
    );
}

#[test]
fn groups_that_stay_held() {
    let check_held = |seconds: u64, absent_at, expected: &Expect| {
        let since = Some(Timestamp::from_millis(NOW - seconds * 1_000));
        let lag = Lag { held: HeldLag { groups: 2, events: 7, since }, ..Lag::default() };
        let client = ClientStatus { absent_at, ..status("Billing", false, lag) };
        check_content(|content| content.clients[0] = client, expected);
    };
    check_held(3_599, None, &expect![[""]]);
    check_held(
        3_600,
        None,
        &expect![[r#"
        client `Billing`: gets nothing of 2 groups: held, the first since 2026-01-05T08:00:00Z, longer than 60 minutes; `fanoutctl held Billing` says why; mend that, then `fanoutctl release` or `skip`
    "#]],
    );
    check_held(
        60,
        Some(Timestamp::from_millis(NOW)),
        &expect![[r#"
            client `Billing`: warning: has been in no deployed config since 2026-01-05T09:00:00Z, and is behind in 2 groups: what it lacks is forgotten at 2026-01-05T10:00:00Z; add it to client-queues.toml again, and deploy, unless it may lack that
        "#]],
    );
}
