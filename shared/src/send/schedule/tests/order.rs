use expect_test::expect;

use super::play::{check, check_limited};

#[test]
fn a_group_waits_for_its_own_answer_only() {
    check(
        "a1 a2 | b1",
        "5 #1 ok ok
         9 #2 ok",
        expect![[r#"
            send #1 a1 b1
            > 5 #1 ok ok
            send #2 a2
            > 9 #2 ok
            accepted 2 1
        "#]],
    );
    check_limited(
        2,
        "a1 a2 a3 | b1 b2 | c1 | d1 | e1 | f1 | g1 | h1 | i1 | j1 | k1 | l1",
        "5 #2 ok ok
         9 #1 ok ok ok ok ok ok ok ok ok ok
         14 #3 ok ok
         19 #4 ok",
        expect![[r#"
            send #1 a1 b1 c1 d1 e1 f1 g1 h1 i1 j1
            send #2 k1 l1
            > 5 #2 ok ok
            > 9 #1 ok ok ok ok ok ok ok ok ok ok
            send #3 a2 b2
            > 14 #3 ok ok
            send #4 a3
            > 19 #4 ok
            accepted 3 2 1 1 1 1 1 1 1 1 1 1
        "#]],
    );
}

#[test]
fn the_longest_group_goes_first_and_the_first_of_equals() {
    check_limited(
        0,
        "a1 | b1 b2 | c1 | d1 | e1 | f1 | g1 | h1 | i1 | j1 | k1 k2 k3",
        "5 #1 ok ok ok ok ok ok ok ok ok ok
         10 #2 ok ok ok
         15 #3 ok",
        expect![[r#"
            send #1 k1 b1 a1 c1 d1 e1 f1 g1 h1 i1
            > 5 #1 ok ok ok ok ok ok ok ok ok ok
            send #2 k2 b2 j1
            > 10 #2 ok ok ok
            send #3 k3
            > 15 #3 ok
            accepted 1 2 1 1 1 1 1 1 1 1 3
        "#]],
    );
}

#[test]
fn a_request_stays_within_the_limit_and_what_fits_beside_a_large_message_goes_along() {
    check(
        "a1*600000 | b1*600000 | c1*448576 | d1*1",
        "5 #1 ok ok
         6 #2 ok ok",
        expect![[r#"
            send #1 a1 c1
            send #2 b1 d1
            > 5 #1 ok ok
            > 6 #2 ok ok
            accepted 1 1 1 1
        "#]],
    );
}

#[test]
fn runs_of_the_same_group_follow_each_other() {
    check(
        "a1 a2 | b1 | a3",
        "5 #1 ok ok
         10 #2 ok
         15 #3 ok",
        expect![[r#"
            send #1 a1 b1
            > 5 #1 ok ok
            send #2 a2
            > 10 #2 ok
            send #3 a3
            > 15 #3 ok
            accepted 2 1 1
        "#]],
    );
    check(
        "a1 | a2 a3 | b1",
        "5 #1 refused ok",
        expect![[r#"
            send #1 a1 b1
            > 5 #1 refused ok
            accepted 0 0 1
            run 0: Message: message refused: bad; …
            run 1: OutOfTime: an earlier message of the group was not accepted: message refused: bad; …
        "#]],
    );
}

#[test]
fn nothing_to_send_is_all_sent() {
    check(
        "",
        "",
        expect![[r#"
              accepted 0
        "#]],
    );
    check(
        " | a1 | ",
        "5 #1 ok",
        expect![[r#"
            send #1 a1
            > 5 #1 ok
            accepted 0 1 0
        "#]],
    );
}

#[test]
fn nothing_starts_after_the_deadline_and_what_is_in_flight_is_awaited() {
    check(
        "a1 a2 a3 | b1",
        "1000 #1 ok ok
         1001 #2 ok",
        expect![[r#"
            send #1 a1 b1
            > 1000 #1 ok ok
            send #2 a2
            > 1001 #2 ok
            accepted 2 1
            run 0: Untried: no time was left to try
        "#]],
    );
    check_limited(
        1,
        "a1 | b1 b2 | c1 | d1 | e1 | f1 | g1 | h1 | i1 | j1 | k1",
        "1001 #1 ok ok ok ok ok ok ok ok ok ok",
        expect![[r#"
            send #1 b1 a1 c1 d1 e1 f1 g1 h1 i1 j1
            > 1001 #1 ok ok ok ok ok ok ok ok ok ok
            accepted 1 1 1 1 1 1 1 1 1 1 0
            run 1: Untried: no time was left to try
            run 10: Untried: no time was left to try
        "#]],
    );
    check(
        "a1",
        "900 #1 late
         1001 #2 late",
        expect![[r#"
            send #1 a1
            > 900 #1 late
            send #2 a1
            > 1001 #2 late
            accepted 0
            run 0: Untried: no time was left to try
        "#]],
    );
}

#[test]
fn a_message_that_can_never_fit_is_not_tried() {
    check(
        "a1 a2*1048577 a3 | b1*1048576",
        "5 #1 ok
         6 #2 ok",
        expect![[r#"
            send #1 a1
            send #2 b1
            > 5 #1 ok
            > 6 #2 ok
            accepted 1 1
            run 0: Message: message refused: it has 1048577 bytes, SQS takes at most 1048576; not tried
        "#]],
    );
}
