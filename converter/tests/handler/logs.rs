//! What the log says, and how often; it never holds a value.

use serde_json::json;
use testkit::logs::{count_lines, logged};
use testkit::memory::{CallFault, Fault, Faults};

use crate::world::{World, insert, record, sequence_number};

#[test]
fn events_that_were_written_over_are_counted_apart_with_a_warning() {
    let logged = logged(|| {
        let removed = record("REMOVE", "X1", 1, 4);
        let records =
            [insert("X1", 1, 1), record("MODIFY", "X1", 1, 2), record("MODIFY", "X1", 1, 3), removed];
        World::new().deliver(&records).unwrap();
    });
    assert!(logged.contains(r#""overwritten":2"#), "{logged}");
    assert_eq!(count_lines(&logged, r#""level":"WARN""#), 1, "{logged}");
}

#[test]
fn a_rejection_is_an_error_with_ids_and_reason_and_no_value() {
    let logged = logged(|| {
        let mut bad = insert("AFC F5", 2, 7);
        bad["dynamodb"]["NewImage"]["price"] = json!({ "N": "a secret" });
        World::new().deliver(&[bad]).unwrap();
    });
    assert_eq!(count_lines(&logged, r#""level":"ERROR""#), 1, "{logged}");
    assert!(logged.contains("record rejected") && logged.contains(r#""event_id":"record7""#), "{logged}");
    assert!(logged.contains("`price`") && !logged.contains("secret"), "{logged}");
}

/// Delivers two records of two groups while the fan-out queue is as `break_it` makes it.
fn check_unsent(break_it: impl FnOnce(&World), level: &str, why: &str) {
    let logged = logged(|| {
        let world = World::new();
        break_it(&world);
        world.deliver(&[insert("X1", 1, 1), insert("X2", 1, 2)]).unwrap();
    });
    assert_eq!(logged.lines().count(), 1, "{logged}");
    for part in ["records not sent", level, why, r#""unsent":2"#, &sequence_number(1)] {
        assert!(logged.contains(part), "{part}: {logged}");
    }
}

#[test]
fn unsent_records_are_one_line_that_says_why_and_an_error_if_an_operator_must_act() {
    let always = || (0..100_000).map(|request| (request, Fault::Call(CallFault::ServerError)));
    check_unsent(
        |world| world.queues.set_faults(&world.fan_out, Faults::script(always())),
        r#""level":"WARN""#,
        "result unknown",
    );
    check_unsent(
        |world| world.queues.change(&world.fan_out, |settings| settings.denied = true),
        r#""level":"ERROR""#,
        "AccessDenied",
    );
}
