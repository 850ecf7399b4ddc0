//! What the push functions do with a client's queue, as stories: a target that fails in each way, catch-up beside it, and
//! what the target has in the end.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use crate::world::World;

/// Plays a story, a step a line, and compares what happened.
fn check(story: &str, expected: Expect) {
    let mut world = World::new();
    for step in story.lines().map(str::trim).filter(|step| !step.is_empty()) {
        world.step(step);
    }
    expected.assert_eq(&world.finish());
}

#[test]
fn events_arrive_in_order_and_groups_do_not_wait_for_each_other() {
    check(
        "send a1 b1 a2 a3 b2
         run 1",
        expect![[r#"
            1 s: a1, a2, a3, b1, b2,
            in the queue: 0
        "#]],
    );
}

/// The consumer's rule alone would take the first event of the old incarnation for a new beginning (seeds 186,673,338,637,484
/// and 92,939,983,954,948).
#[test]
fn a_batch_that_comes_again_late_brings_nothing_of_an_old_incarnation() {
    check(
        "send a1 a2
         run 1
         erase a
         run 1
         again 0
         send a1' a2'
         run 1
         again 0
         again 1
         send a3'
         run 1",
        expect![[r#"
            1 s: a1, a2,
            2 s: a erased,
            2 s:
            3 s: a1, a2,
            3 s:
            3 s:
            4 s: a3,
            in the queue: 0
        "#]],
    );
}

/// What a held group's head brings, the release brings again. Taken before that, an event of an old incarnation would come after
/// one of the new one whose delivery was not recorded (seed 64,696,035,632,951).
#[test]
fn a_batch_that_comes_again_late_brings_no_head_that_was_acknowledged_for_a_hold() {
    check(
        "send a1 a2
         refuse a1
         run 120
         catch-up
         run 60
         well
         again 0
         again 1
         release a
         run 60",
        expect![[r#"
            120 s: a1 refused 2 times, [asks: hold (400) of a from 1]
            180 s:
            180 s:
            180 s:
            240 s: a1, a2,
            in the queue: 0
        "#]],
    );
}

#[test]
fn what_fails_in_passing_is_tried_again_by_its_own_receive_count() {
    check(
        "send a1 a2 b1
         fail a
         run 20
         well
         run 20",
        expect![[r#"
            20 s: a1 refused, b1, a1 refused 4 times,
            40 s: a1, a2,
            in the queue: 0
        "#]],
    );
}

#[test]
fn an_event_that_is_refused_twice_a_minute_apart_holds_its_group_alone() {
    check(
        "send a1 a2 a3 b1
         refuse a2
         run 50
         run 60
         send a4
         catch-up
         run 60
         well
         release a
         run 60",
        expect![[r#"
            50 s: a1, a2 refused, b1,
            110 s: a2 refused, [asks: hold (400) of a from 2]
            170 s:
            230 s: a2, a3, a4,
            in the queue: 0
        "#]],
    );
}

#[test]
fn a_head_is_not_acknowledged_before_catch_up_has_done_it() {
    check(
        "send a1 a2
         refuse a1
         run 300
         well
         run 300
         catch-up
         run 60
         release a
         run 10",
        expect![[r#"
            300 s: a1 refused 2 times, [asks: hold (400) of a from 1]
            600 s: [asks: hold (400) of a from 1]
            660 s:
            670 s: a1, a2,
            in the queue: 0
        "#]],
    );
}

#[test]
fn a_group_is_held_again_if_its_event_is_refused_after_the_release() {
    check(
        "send a1 a2
         refuse a1
         run 100
         catch-up
         run 60
         release a
         run 100
         catch-up
         run 60
         well
         release a
         run 10",
        expect![[r#"
            100 s: a1 refused 2 times, [asks: hold (400) of a from 1]
            160 s:
            260 s: a1 refused 2 times, [asks: hold (400) of a from 1]
            320 s:
            330 s: a1, a2,
            in the queue: 0
        "#]],
    );
}

#[test]
fn an_event_that_is_skipped_is_a_rejection_and_the_next_goes_on() {
    check(
        "skips
         send a1 a2 a3
         refuse a2
         run 100",
        expect![[r#"
            100 s: a1, a2 refused 2 times, a3,
            in the queue: 0
            rejection: client `Billing`, version 2: its target refused it, and it was left out: 400; the target has what comes after it, so a replay does not bring it: give the target this event in another way
        "#]],
    );
}

#[test]
fn a_gap_asks_for_a_replay_once_and_what_comes_meanwhile_waits() {
    check(
        "send a1
         run 1
         lose a2
         send a3 a4
         run 100
         catch-up
         run 60
         run 60",
        expect![[r#"
            1 s: a1,
            101 s: [asks: replay of a from 2]
            161 s: a2, a3, a4,
            221 s:
            in the queue: 0
        "#]],
    );
}

#[test]
fn a_target_that_refuses_all_opens_the_breaker_and_holds_nothing() {
    check(
        "send a1 b1 c1
         forbid
         run 29
         send d1
         run 200
         well
         run 400",
        expect![[r#"
            29 s: a1 refused, [breaker open: 403]
            229 s: d1 refused 3 times, [breaker open: 403]
            629 s: d1, a1, b1, c1,
            in the queue: 0
        "#]],
    );
}

#[test]
fn ten_groups_refused_alike_are_the_targets_fault() {
    check(
        "refuse-all
         send a1 b1 c1 d1 e1 f1 g1 h1 i1 j1 k1 l1
         run 120
         well
         run 700",
        expect![[r#"
            120 s: a1 refused, b1 refused, c1 refused, d1 refused, e1 refused, f1 refused, g1 refused, h1 refused, i1 refused, j1 refused 2 times, a1 refused, [breaker open: 400; 10 aggregates were refused so within a minute]
            820 s: a1, b1, c1, d1, e1, f1, g1, h1, i1, j1, k1, l1,
            in the queue: 0
        "#]],
    );
}

#[test]
fn nine_groups_refused_alike_are_nine_events_faults() {
    check(
        "refuse-all
         send a1 b1 c1 d1 e1 f1 g1 h1 i1
         run 120
         catch-up
         run 60",
        expect![[r#"
            120 s: a1 refused, b1 refused, c1 refused, d1 refused, e1 refused, f1 refused, g1 refused, h1 refused, i1 refused, a1 refused, b1 refused, c1 refused, d1 refused, e1 refused, f1 refused, g1 refused, h1 refused, i1 refused, [asks: hold (400) of a from 1] [asks: hold (400) of b from 1] [asks: hold (400) of c from 1] [asks: hold (400) of d from 1] [asks: hold (400) of e from 1] [asks: hold (400) of f from 1] [asks: hold (400) of g from 1] [asks: hold (400) of h from 1] [asks: hold (400) of i from 1]
            180 s:
            in the queue: 0
        "#]],
    );
}

#[test]
fn a_target_that_is_gone_waits_for_a_resume() {
    check(
        "send a1 a2
         gone
         run 600
         well
         run 600
         catch-up
         run 600
         resume
         run 700",
        expect![[r#"
            600 s: a1 refused, [gone: 410]
            1200 s: [gone: 410]
            1800 s: [gone: 410]
            2500 s: a1, a2,
            in the queue: 0
        "#]],
    );
}

#[test]
fn nothing_ages_out_of_the_queue_while_the_target_is_away() {
    check(
        "send a1 a2 b1
         fail a
         run 259000
         catch-up
         run 2000
         catch-up
         run 2000
         well
         release a
         run 2000",
        expect![[r#"
            259000 s: a1 refused, b1, a1 refused 277 times,
            261000 s: a1 refused, [asks: hold (unreachable: 503) of a from 1]
            263000 s:
            265000 s: a1, a2,
            in the queue: 0
        "#]],
    );
}

#[test]
fn nor_while_the_client_is_paused() {
    check(
        "send a1 a2
         pause
         run 259000
         run 600
         catch-up
         run 600
         resume
         release a
         run 600",
        expect![[r#"
            259000 s:
            259600 s: [asks: hold (unreachable: the client is paused) of a from 1]
            260200 s:
            260800 s: a1, a2,
            in the queue: 0
        "#]],
    );
}

#[test]
fn fifty_thousand_versions_behind_a_head_are_too_many() {
    check(
        "version a 50001
         send a1
         fail a
         run 30
         catch-up
         run 60",
        expect![[r#"
            30 s: a1 refused 3 times, [asks: hold (unreachable: 503) of a from 1]
            90 s:
            in the queue: 0
        "#]],
    );
}

#[test]
fn an_event_given_up_counts_as_refused() {
    check(
        "gives-up-after 600
         send a1
         fail a
         run 500
         run 600
         catch-up
         run 60",
        expect![[r#"
            500 s: a1 refused 9 times,
            1100 s: a1 refused 2 times, [asks: hold (given up after 1026 s: 503) of a from 1]
            1160 s:
            in the queue: 0
        "#]],
    );
}

#[test]
fn one_that_is_given_up_later_than_others_are_held_waits_until_then() {
    check(
        "gives-up-after 400000
         skips
         send a1 a2
         fail a
         run 399000
         run 2000
         well
         run 10",
        expect![[r#"
            399000 s: a1 refused 411 times,
            401000 s: a1 refused 2 times, a2 refused,
            401010 s:
            in the queue: 0
            rejection: client `Billing`, version 1: its target refused it, and it was left out: given up after 400634 s: 503; the target has what comes after it, so a replay does not bring it: give the target this event in another way
            rejection: client `Billing`, version 2: its target refused it, and it was left out: given up after 400634 s: 503; the target has what comes after it, so a replay does not bring it: give the target this event in another way
        "#]],
    );
}

#[test]
fn an_event_that_was_delivered_but_not_recorded_comes_again_with_its_id() {
    check(
        "send a1 a2
         dies
         run 300",
        expect![[r#"
            300 s: a1 2 times, a2,
            in the queue: 0
        "#]],
    );
}

#[test]
fn a_notice_of_an_erasure_is_delivered_and_removes_what_is_kept() {
    check(
        "send a1 a2
         run 1
         erase a
         run 1
         send a1'
         run 1",
        expect![[r#"
            1 s: a1, a2,
            2 s: a erased,
            3 s: a1,
            in the queue: 0
        "#]],
    );
}

#[test]
fn duplicates_and_replays_of_what_the_target_has_are_acknowledged() {
    check(
        "send a1 a2 a3
         run 1
         replay a 1
         send a4
         run 1",
        expect![[r#"
            1 s: a1, a2, a3,
            2 s: a4,
            in the queue: 0
        "#]],
    );
}

#[test]
fn what_is_no_message_of_the_pipeline_is_returned_with_its_group_and_rejected_after_an_hour() {
    check(
        "foreign a
         send a1 b1
         run 10
         run 4000",
        expect![[r#"
            10 s: b1,
            4010 s: a1,
            in the queue: 0
            rejection: client `Billing`: message m-1 of its queue can't be read, and was left out: the attribute `version` is missing: no message of the pipeline
        "#]],
    );
}

#[test]
fn an_event_that_contradicts_itself_stops_its_group_alone() {
    check(
        "send a0 a1 b1
         run 10
         run 260000",
        expect![[r#"
            10 s: b1,
            260010 s:
            in the queue: 2
        "#]],
    );
}

#[test]
fn a_version_that_the_ledger_can_not_keep_is_no_message_of_the_pipeline() {
    check(
        "send a-60000 a1
         run 10
         run 4000",
        expect![[r#"
            10 s:
            4010 s: a1,
            in the queue: 0
            rejection: client `Billing`: message m-1 of its queue can't be read, and was left out: the attribute `version` is out of range: no message of the pipeline
        "#]],
    );
}

#[test]
fn catch_up_that_does_nothing_is_looked_for_less_often() {
    check(
        "send a1
         lose a2
         send a3
         run 600
         catch-up
         run 20
         send a4
         run 300",
        expect![[r#"
            600 s: a1, [asks: replay of a from 2]
            620 s: [asks: replay of a from 2, done]
            920 s: a2, a3, a4,
            in the queue: 0
        "#]],
    );
}

#[test]
fn a_replay_that_is_lost_is_asked_for_again() {
    check(
        "send a1
         run 1
         lose a2
         send a3
         run 30
         catch-up
         purge
         run 600
         send a4
         run 60
         run 900
         send a5
         run 60
         catch-up
         run 60",
        expect![[r#"
            1 s: a1,
            31 s: [asks: replay of a from 2]
            631 s: [asks: replay of a from 2, done]
            691 s:
            1591 s:
            1651 s: [asks: replay of a from 2]
            1711 s: a2, a3, a4, a5,
            in the queue: 0
        "#]],
    );
}

#[test]
fn what_an_invocation_counts() {
    let counted = |story: &[&str]| {
        let mut world = World::new();
        story.iter().for_each(|step| world.step(step));
        world.tally().to_owned()
    };
    expect![[r#"
        RecordsIn 3, Rejected 0, DeliveryLatency 0×2, Returned 1, LedgerCalls 5
        Billing: Delivered 2, DeliveriesFailed 1, DeliveryRequests 0"#]]
    .assert_eq(&counted(&["send a1 a2 b1", "fail b", "run 0"]));
    expect![[r#"
        RecordsIn 1, Rejected 0, Returned 1, LedgerCalls 2
        Billing: Delivered 0, DeliveriesFailed 0, DeliveryRequests 0, TargetFailingAge 300150"#]]
    .assert_eq(&counted(&["send a1", "gone", "run 0", "run 400"]));
    expect![[r#"
        RecordsIn 1, Rejected 0, Returned 1, LedgerCalls 4
        Billing: Delivered 0, DeliveriesFailed 0, DeliveryRequests 1"#]]
    .assert_eq(&counted(&["send a1", "run 0", "lose a2", "send a3", "run 0"]));
}

/// A step, in which `N` stands for the next version of a group.
fn any_step() -> impl Strategy<Value = String> {
    let group = || prop::sample::select(vec!["a", "b", "c"]);
    prop_oneof![
        6 => group().prop_map(|group| format!("send {group}N")),
        1 => group().prop_map(|group| format!("lose {group}N")),
        4 => (1..200_u32).prop_map(|seconds| format!("run {seconds}")),
        1 => (1..5_u32).prop_map(|days| format!("run {}", days * 86_400)),
        2 => Just("well".to_owned()),
        1 => group().prop_map(|group| format!("fail {group}")),
        2 => (group(), 1..6_u32).prop_map(|(group, version)| format!("refuse {group}{version}")),
        1 => Just("forbid".to_owned()),
        1 => Just("gone".to_owned()),
        1 => Just("pause".to_owned()),
        1 => Just("resume".to_owned()),
        3 => Just("catch-up".to_owned()),
        1 => group().prop_map(|group| format!("release {group}")),
        1 => (group(), 1..4_u32).prop_map(|(group, from)| format!("replay {group} {from}")),
        2 => Just("dies".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever fails, and whenever the worker dies: once all is mended the target has every event, in order, and twice at once
    /// only where the worker died.
    #[test]
    fn every_event_arrives_in_order(steps in prop::collection::vec(any_step(), 1..40)) {
        let mut world = World::new();
        let mut versions: BTreeMap<char, i64> = BTreeMap::new();
        for step in steps {
            let words: Vec<&str> = step.split(' ').collect();
            let group = words.get(1).and_then(|word| word.chars().next()).unwrap_or('a');
            if step.starts_with("replay") && !versions.contains_key(&group) {
                continue;
            }
            let step = if step.ends_with('N') {
                let version = versions.entry(group).or_default();
                *version += 1;
                step.replace('N', &version.to_string())
            } else {
                step
            };
            world.step(&step);
        }
        // What was lost shows at the next event.
        for (group, version) in &versions {
            world.step("well");
            world.step("resume");
            world.step(&format!("send {group}{}", version + 1));
        }
        for (group, took, sent) in world.mend() {
            let first = took.first().copied().unwrap_or_default();
            let expected: Vec<i64> = (first..=i64::try_from(sent).unwrap()).collect();
            prop_assert_eq!(&took, &expected, "{}: {}", group, world.log());
        }
    }
}
