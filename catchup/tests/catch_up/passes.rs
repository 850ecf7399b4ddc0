//! What a pass sends to a client that is behind.

use expect_test::expect;
use serde_json::json;
use shared::ids::{DeduplicationId, Key};
use shared::message::{Attribute, SQS_LIMIT};

use crate::world::World;

/// A is behind in the group `a`, which has `events` and `version`, as `standing` says. Checks what A gets, and how the
/// group stands `then`.
fn check(events: &str, version: i64, standing: &str, got: &str, then: &str) {
    let world = World::new();
    world.put(events);
    world.group("a", version, standing);
    world.maintenance();
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), (got, then), "{events} {standing}");
    assert_eq!(world.got("B"), "");
}

#[test]
fn what_the_client_lacks_is_sent_in_order_and_it_is_up_to_date() {
    check("a1 a2 a3 a4 a5", 5, "A:2", "a: 3 4 5", "5");
    check("a1 a2 a3 a4 a5", 5, "A:0", "a: 1 2 3 4 5", "5");
    check("a1 a2 a3 a4 a5", 5, "A:5", "", "5");
    check("a1 a2 a3 a4 a5 a6 a7 a8 a9", 9, "A:8", "a: 9", "9");
}

#[test]
fn nothing_beyond_the_groups_version_is_sent() {
    check("a1 a2 a3 a4 a5", 3, "A:1", "a: 2 3", "3");
}

#[test]
fn versions_that_the_table_lacks_are_not_waited_for() {
    check("a1 a3 a6", 7, "A:1", "a: 3 6", "7");
    check("a1", 3, "A:1", "", "3");
}

#[test]
fn other_clients_stay_as_they_are() {
    let world = World::new();
    world.put("a1 a2");
    world.group("a", 2, "A:0 B:1");
    world.queues.change(&world.queue("B"), |settings| settings.denied = true);
    world.maintenance();
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("a: 1 2", "2 B:1"));
}

#[test]
fn a_replay_is_marked_and_has_ids_of_its_own() {
    check("a1 a2 a3 a4", 4, "A:1..3", "a: 2r 3r 4", "4");
    let world = World::new();
    world.put("a1 a2");
    world.group("a", 2, "A:0..1");
    world.maintenance();
    let got = world.queues.accepted(&world.queue("A"));
    let id = |message: usize| {
        let key = Key::S("a".to_owned());
        let identity = world.table.rows(&key)[1 - message].head.identity.clone();
        let token = world.item("a").unwrap().token;
        DeduplicationId::of_event(&key, &identity).in_incarnation(&token)
    };
    let replay = shared::ids::ReplayId::try_new("r-1").unwrap();
    assert_eq!(got[0].deduplication_id, id(0).replayed(&replay));
    assert!(got[0].attributes.contains(&Attribute::replay(&replay)));
    assert_eq!(got[1].deduplication_id, id(1));
}

#[test]
fn of_an_older_incarnation_the_client_has_nothing() {
    let world = World::new();
    world.put("a1 a2");
    world.group_with("a", 2, "A:9..7/1", |item| item.incarnation_number = 2);
    world.maintenance();
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("a: 1 2", "2"));
}

#[test]
fn requests_are_full_and_calls_few() {
    let world = World::new();
    let groups = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
    for group in groups {
        world.put(&format!("{group}1 {group}2 {group}3"));
        world.group(group, 3, "A:0");
    }
    world.ledger.set_cursors_in_page(1_000);
    world.maintenance();
    for group in groups {
        assert_eq!(world.standing(group), "3");
    }
    assert_eq!(world.got("A").matches("1 2 3").count(), groups.len());
    // A request for ten groups, then for one.
    expect![[r#"

        Sent 33, GroupsBehind 0, BehindAge 0, GroupsHeld 0, HeldAge 0, SqsRequests 6, EntriesPerRequest 1×3 10×3, LedgerCalls 45"#]]
    .assert_eq(&format!("\n{}", world.tally.borrow()));
    // The registry; the scan; the cursors of A twice, of B once; the lease; the items of a pass, twice.
    let calls = world.ledger.calls();
    assert_eq!((calls.reads, calls.queries), (6, 3));
    // The lease twice, and given back; a transaction for each group.
    assert_eq!(calls.writes, 3 + 11);
    assert_eq!((world.table.calls().pages, world.table.calls().gets), (11, 11));
}

#[test]
fn a_long_run_is_sent_in_several_passes() {
    let world = World::new();
    let events: Vec<String> = (1..=2_300).map(|version| format!("a{version}")).collect();
    world.put(&events.join(" "));
    world.put("b1 b2");
    world.group("a", 2_300, "A:100");
    world.group("b", 2, "A:0");
    world.table.set_items_in_page(500);
    world.maintenance();
    let versions: Vec<String> = (101..=2_300).map(|version| version.to_string()).collect();
    assert_eq!(world.got("A"), format!("a: {} | b: 1 2", versions.join(" ")));
    assert_eq!((world.standing("a").as_str(), world.standing("b").as_str()), ("2300", "2"));
}

#[test]
fn an_event_that_cannot_be_sent_is_rejected_and_passed_over() {
    let world = World::new();
    world.put("a1 a2! a3! a4 a5! a6");
    world.group("a", 6, "A:0");
    world.maintenance();
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("a: 1 4 6", "6"));
    let rejections = world.queues.accepted(&world.rejected);
    let keys: Vec<_> = rejections
        .iter()
        .map(|rejection| {
            let rejection: serde_json::Value = serde_json::from_str(&rejection.body).unwrap();
            assert!(rejection["reason"].as_str().unwrap().contains("`id`"), "{rejection}");
            rejection["keys"].clone()
        })
        .collect();
    let rows = world.table.rows(&Key::S("a".to_owned()));
    let expected = [4, 3, 1].map(|row: usize| {
        let Key::N(at) = &rows[row].head.identity.sort else { panic!() };
        json!({"mark": {"S": "a"}, "at": {"N": at}})
    });
    assert_eq!(keys, expected);
    assert_eq!(rejections[0].group.as_str(), "a");
    let count = shared::metrics::REJECTED.name;
    assert!(world.tally.borrow().to_string().contains(&format!("{count} 3")));
}

#[test]
fn without_its_rejection_an_event_is_not_passed_over() {
    let world = World::new();
    world.put("a1 a2! a3! a4");
    world.group("a", 4, "A:1");
    world.queues.change(&world.rejected, |settings| settings.denied = true);
    world.maintenance();
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("", "4 A:1"));
    // A pass without effect is not repeated at once.
    assert_eq!(world.queues.requests(&world.rejected).len(), 1);
    world.queues.change(&world.rejected, |settings| settings.denied = false);
    world.wait(60);
    world.maintenance();
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("a: 4", "4"));
}

#[test]
fn an_erased_aggregate_has_nothing_to_send() {
    // Or nothing of its next incarnation can be sent, or only what is above all that was: the fan-out's business.
    for next_incarnation in ["", "a1!@-50 a2!@-40", "a1!@-50 a4@-40", "a2000000@-40"] {
        let world = World::new();
        world.put("a1 a2 a3");
        world.group("a", 3, "A:1 B:2");
        world.table.erase(&Key::S("a".to_owned()));
        world.put(next_incarnation);
        world.maintenance();
        assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("", "3"));
        assert_eq!(world.queues.accepted(&world.fan_out).len(), 0);
    }
}

#[test]
fn when_the_first_event_is_gone_a_repair_causes_the_fan_out_to_look() {
    let world = World::new();
    world.put("a1 a2 a3");
    world.group("a", 3, "A:1 B:2");
    let key = Key::S("a".to_owned());
    let first = world.table.rows(&key)[2].head.identity.sort.clone();
    assert!(world.table.delete(&key, &first));
    let lowest = world.table.rows(&key)[1].clone().event.unwrap();
    world.maintenance_runs(10);
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("", "3 A:1 B:2"));
    // One repair in five minutes, however often catch-up sees it.
    let put = world.queues.accepted(&world.fan_out);
    assert_eq!(put.len(), 2);
    assert_eq!(put[0].body, lowest.body());
    assert!(put[0].attributes.contains(&Attribute::repair(lowest.deduplication_id())));
    assert!(put[0].attributes.contains(&Attribute::number("version", "2")));
    assert_ne!(put[0].deduplication_id, *lowest.deduplication_id());
    assert_ne!(put[0].deduplication_id, put[1].deduplication_id);
}

#[test]
fn a_message_that_the_queue_refuses_for_good_stops_its_group_alone() {
    let world = World::new();
    world.put("a1 a2 a3 b1 b2");
    world.table.put(
        &json!({
            "mark": {"S": "a"}, "at": {"N": "1799913840000"}, "version": {"N": "4"}, "id": {"S": "a4"},
            "text": {"S": "x".repeat(2_000)},
        })
        .to_string(),
    );
    world.group("a", 4, "A:2");
    world.group("b", 2, "A:0");
    world.queues.change(&world.queue("A"), |settings| settings.maximum_message_size = 1_024);
    world.maintenance_runs(3);
    assert_eq!(world.got("A"), "a: 3 | b: 1 2");
    assert_eq!((world.standing("a").as_str(), world.standing("b").as_str()), ("4 A:3", "2"));
    assert_eq!(world.lease("A").unwrap().failures, 0);
    let answer = world.request(json!({"request": "catchUp", "client": "A"})).unwrap();
    assert_eq!(answer["refused"][0]["group"], "a", "{answer}");
    assert!(answer["refused"][0]["reason"].as_str().unwrap().contains("1024"), "{answer}");
    assert_eq!(world.lease("A").unwrap().refused[0].group.as_str(), "a");
    world.queues.change(&world.queue("A"), |settings| settings.maximum_message_size = SQS_LIMIT);
    world.maintenance_runs(1);
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("a: 3 4 | b: 1 2", "4"));
}
