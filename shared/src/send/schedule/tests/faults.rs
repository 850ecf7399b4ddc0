use expect_test::expect;

use super::super::{BACK_OFF_LIMIT, back_off};
use super::play::{check, check_limited};

#[test]
fn passing_faults_send_the_same_entry_again_ever_later_and_others_go_on() {
    check(
        "a1 | b1 b2 b3",
        "5 #1 ok failed
         10 #2 ok
         30
         35 #3 unknown
         40 #4 throttled
         85
         90 #5 ok
         90 #6 ok",
        expect![[r#"
            send #1 b1 a1
            > 5 #1 ok failed
            send #2 b2
            wait until 30
            > 10 #2 ok
            send #3 b3
            wait until 30
            > 30
            send #4 a1
            > 35 #3 unknown
            wait until 60
            > 40 #4 throttled
            wait until 60
            > 85
            send #5 b3
            wait until 90
            > 90 #5 ok
            send #6 a1
            > 90 #6 ok
            accepted 1 3
        "#]],
    );
}

#[test]
fn success_makes_the_back_off_short_again() {
    check(
        "a1 a2",
        "5 #1 failed
         30
         35 #2 failed
         85
         90 #3 ok
         95 #4 failed
         120
         125 #5 ok",
        expect![[r#"
            send #1 a1
            > 5 #1 failed
            wait until 30
            > 30
            send #2 a1
            > 35 #2 failed
            wait until 85
            > 85
            send #3 a1
            > 90 #3 ok
            send #4 a2
            > 95 #4 failed
            wait until 120
            > 120
            send #5 a2
            > 125 #5 ok
            accepted 2
        "#]],
    );
}

#[test]
fn a_back_off_beyond_the_deadline_stops_the_group_at_once() {
    check(
        "a1 a2 | b1",
        "976 #1 unknown failed",
        expect![[r#"
            send #1 a1 b1
            > 976 #1 unknown failed
            accepted 0 0
            run 0: OutOfTime: result unknown: reset; no time was left to try again
            run 1: OutOfTime: failed for now: internal; no time was left to try again
        "#]],
    );
    check(
        "a1 a2",
        "975 #1 unknown
         1000
         1001 #2 unknown",
        expect![[r#"
            send #1 a1
            > 975 #1 unknown
            wait until 1000
            > 1000
            send #2 a1
            > 1001 #2 unknown
            accepted 0
            run 0: OutOfTime: result unknown: reset; no time was left to try again
        "#]],
    );
}

#[test]
fn a_throttled_call_makes_the_whole_queue_pause() {
    check(
        "a1 a2 | b1 b2 | c1 | d1 | e1 | f1 | g1 | h1 | i1 | j1 | k1 k2 | l1 | m1",
        "5 #1 call throttled
         6 #2 call throttled
         30
         35 #3 ok ok ok ok ok ok ok ok ok ok
         36 #4 call throttled
         61
         62 #6 call throttled",
        expect![[r#"
            send #1 a1 b1 k1 c1 d1 e1 f1 g1 h1 i1
            send #2 j1 l1 m1
            > 5 #1 call throttled
            wait until 30
            > 6 #2 call throttled
            wait until 30
            > 30
            send #3 a1 b1 k1 c1 d1 e1 f1 g1 h1 i1
            send #4 j1 l1 m1
            > 35 #3 ok ok ok ok ok ok ok ok ok ok
            send #5 a2 b2 k2
            > 36 #4 call throttled
            wait until 61
            > 61
            send #6 j1 l1 m1
            > 62 #6 call throttled
            wait until 112
        "#]],
    );
}

#[test]
fn a_pause_beyond_the_deadline_stops_all_that_would_wait_for_it() {
    check_limited(
        1,
        "a1 a2 | b1 | c1 | d1 | e1 | f1 | g1 | h1 | i1 | j1 | k1",
        "990 #1 call throttled",
        expect![[r#"
            send #1 a1 b1 c1 d1 e1 f1 g1 h1 i1 j1
            > 990 #1 call throttled
            accepted 0 0 0 0 0 0 0 0 0 0 0
            run 0: OutOfTime: throttled: slow down; no time was left to try again
            run 1: OutOfTime: throttled: slow down; no time was left to try again
            run 2: OutOfTime: throttled: slow down; no time was left to try again
            run 3: OutOfTime: throttled: slow down; no time was left to try again
            run 4: OutOfTime: throttled: slow down; no time was left to try again
            run 5: OutOfTime: throttled: slow down; no time was left to try again
            run 6: OutOfTime: throttled: slow down; no time was left to try again
            run 7: OutOfTime: throttled: slow down; no time was left to try again
            run 8: OutOfTime: throttled: slow down; no time was left to try again
            run 9: OutOfTime: throttled: slow down; no time was left to try again
            run 10: OutOfTime: throttled: slow down; no time was left to try again
        "#]],
    );
}

#[test]
fn an_unusable_queue_stops_everything_and_what_was_accepted_counts() {
    check(
        "a1 a2 | b1 b2 | c1 | d1 | e1 | f1 | g1 | h1 | i1 | j1 | k1 k2 | l1 | m1 | n1",
        "5 #1 queue ok failed ok ok ok ok ok ok ok
         6 #2 ok refused unknown ok",
        expect![[r#"
            send #1 a1 b1 k1 c1 d1 e1 f1 g1 h1 i1
            send #2 j1 l1 m1 n1
            > 5 #1 queue ok failed ok ok ok ok ok ok ok
            > 6 #2 ok refused unknown ok
            accepted 0 1 1 1 1 1 1 1 1 1 0 0 0 1
            run 0: Queue: queue unusable: denied; allow it
            run 1: Queue: queue unusable: denied; allow it
            run 10: Queue: queue unusable: denied; allow it
            run 11: Message: message refused: bad; …
            run 12: Queue: queue unusable: denied; allow it
        "#]],
    );
    check(
        "a1 | b1",
        "5 #1 call queue",
        expect![[r#"
            send #1 a1 b1
            > 5 #1 call queue
            accepted 0 0
            run 0: Queue: queue unusable: denied; allow it
            run 1: Queue: queue unusable: denied; allow it
        "#]],
    );
}

#[test]
fn failed_group_stops_but_others_continue() {
    check(
        "a1 a2 a3 | b1 b2",
        "5 #1 ok ok
         10 #2 refused ok",
        expect![[r#"
            send #1 a1 b1
            > 5 #1 ok ok
            send #2 a2 b2
            > 10 #2 refused ok
            accepted 1 2
            run 0: Message: message refused: bad; …
        "#]],
    );
}

#[test]
fn entries_of_a_refused_batch_go_alone_and_the_one_that_is_refused_alone_is_at_fault() {
    check(
        "a1 a2 | b1 b2 | c1",
        "5 #1 call refused
         10 #2 ok
         11 #3 call refused
         15 #4 ok
         16 #5 ok",
        expect![[r#"
            send #1 a1 b1 c1
            > 5 #1 call refused
            send #2 a1
            send #3 b1
            > 10 #2 ok
            send #4 a2
            > 11 #3 call refused
            send #5 c1
            > 15 #4 ok
            > 16 #5 ok
            accepted 2 0 1
            run 1: Message: message refused: bad; …
        "#]],
    );
    check(
        "a1 a2",
        "5 #1 call refused",
        expect![[r#"
            send #1 a1
            > 5 #1 call refused
            accepted 0
            run 0: Message: message refused: bad; …
        "#]],
    );
}

#[test]
fn an_answer_with_a_wrong_number_of_results_is_unknown() {
    check(
        "a1 | b1",
        "5 #1 ok
         30
         35 #2 ok ok ok
         85
         90 #3 ok ok",
        expect![[r#"
            send #1 a1 b1
            > 5 #1 ok
            wait until 30
            > 30
            send #2 a1 b1
            > 35 #2 ok ok ok
            wait until 85
            > 85
            send #3 a1 b1
            > 90 #3 ok ok
            accepted 1 1
        "#]],
    );
}

#[test]
fn back_off_doubles_up_to_a_second() {
    let millis = (0..8).map(|failures| back_off(failures).as_millis()).collect::<Vec<_>>();
    assert_eq!(millis, [25, 50, 100, 200, 400, 800, 1_000, 1_000]);
    assert_eq!(back_off(u32::MAX), BACK_OFF_LIMIT);
}
