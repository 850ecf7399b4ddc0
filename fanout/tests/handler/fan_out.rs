//! The fan-out between queues and tables in memory. The decisions have tests of their own beside them; the simulator
//! tests what happens when several of them meet.

use std::collections::BTreeSet;
use std::time::Duration;

use expect_test::expect;
use fanout::handler::BatchError;
use futures_util::future::join;
use proptest::prelude::*;
use serde_json::Value::Null;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use shared::event::Along;
use shared::ids::{DeduplicationId, ReplayId};
use shared::ledger::{Item, ItemKey, Ports, State};
use shared::message::{Attribute, AttributeValue, Body, ChainLink, Message};
use shared::metrics::Tally;
use shared::naming::OwnQueue;
use shared::time::Timestamp;
use testkit::logs::logged;
use testkit::memory::{CallFault, EntryFault, Fault, Faults, WriteFault};

use crate::ledger_world::{Hanging, LedgerWorld, Panicking};
use crate::world::payload;

const EVENTS: &str = "a1 b1 a2 c1 a3 b2 d1 e1 a4 b3 f1 c2";
const BY_GROUP: &str = "a: a1 a2 a3 a4 | b: b1 b2 b3 | c: c1 c2 | d: d1 | e: e1 | f: f1";

fn fail(world: &LedgerWorld, client: &str) {
    let always = (0..100_000).map(|request| (request, Fault::Call(CallFault::Denied)));
    world.queues.set_faults(world.client(client), Faults::script(always));
}

#[test]
fn a_group_of_another_format_stands_still_and_an_error_names_the_remedy() {
    let world = LedgerWorld::new();
    world.append("a1 b1");
    world.drain();
    world.ledger.set_format(world.item_key("a"), 3);
    world.append("a2 b2");
    let logged = logged(|| drop(world.deliver()));
    world.check_all("a: a1 | b: b1 b2");
    let errors: Vec<&str> = logged.lines().filter(|line| line.contains("ERROR")).collect();
    let [error] = errors.as_slice() else { panic!("{logged}") };
    let error: serde_json::Value = serde_json::from_str(error).unwrap();
    expect![[r#""groups stand still until an operator acts; their messages are returned and tried again": "a" "not read: table `ledger`, item `group#a` / `group`: attribute `format` is 3, and this release reads 2; deploy the release that wrote it, or one that reads its format; if the item was changed by hand, correct it, or restore the table to a point in time""#]].assert_eq(&format!("{}: {} {}", error["message"], error["groups"], error["why"]));
    // The release that wrote it is back.
    world.ledger.set_format(world.item_key("a"), 2);
    world.drain();
    world.check_all("a: a1 a2 | b: b1 b2");
}

#[test]
fn a_panic_at_one_group_returns_that_groups_messages_and_no_others() {
    let world = LedgerWorld::new();
    world.append("a1 b1 c1");
    world.drain();
    // The table is looked at, because a version is missing.
    world.write("b2");
    world.append("a2 b3 c2");
    let logged = logged(|| Panicking { world: &world, aggregate: "b" }.deliver());
    world.check_all("a: a1 a2 | b: b1 | c: c1 c2");
    assert!(logged.contains("the function panicked at this group; its log names the place"), "{logged}");
    world.drain();
    world.check_all("a: a1 a2 | b: b1 b2 b3 | c: c1 c2");
}

#[test]
fn a_group_that_was_received_often_is_handled_after_the_others() {
    let world = LedgerWorld::new();
    world.append("a1 b1 c1");
    world.drain();
    world.write("b2");
    world.append("b3");
    for _ in 0..4 {
        world.table.fail();
        assert_eq!(world.deliver().unwrap().batch_item_failures.len(), 1);
        world.clock.freeze(Duration::from_secs(600));
    }
    // Now the look-up never ends, and only this group waits for it.
    world.append("a2 c2");
    let hanging = Hanging { world: &world, reads: false, writes: false, pages: true, delay: Duration::ZERO };
    assert_eq!(hanging.deliver(), 1);
    world.check_all("a: a1 a2 | b: b1 | c: c1 c2");
    world.clock.freeze(Duration::from_secs(600));
    world.drain();
    world.check_all("a: a1 a2 | b: b1 b2 b3 | c: c1 c2");
}

#[test]
fn events_go_to_every_client_in_order() {
    let world = LedgerWorld::new();
    world.append("a1 b1 a2 a3 b2");
    world.drain();
    world.check_all("a: a1 a2 a3 | b: b1 b2");
    assert_eq!(world.item("a"), "v3");
}

#[test]
fn a_batch_costs_one_read_and_each_group_one_write_however_many_clients() {
    for clients in ["A", "A B C", "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z"] {
        let world = LedgerWorld::with_clients(clients);
        world.append("a1 b1 c1");
        world.drain();
        world.ledger.forget_calls();
        world.table.forget_calls();
        world.append("a2 b2 a3 c2 a4");
        world.deliver();
        world.check_all("a: a1 a2 a3 a4 | b: b1 b2 | c: c1 c2");
        let calls = (world.ledger.calls(), world.table.calls());
        assert_eq!((calls.0.reads, calls.0.writes, calls.0.queries), (1, 3, 0), "{clients}");
        assert_eq!((calls.1.pages, calls.1.gets), (0, 0), "the table is not read");
    }
}

#[test]
fn what_comes_in_the_wrong_order_leaves_in_the_right_one() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    world.write("a2 a3 a4");
    world.put("a4 a3 a2");
    world.drain();
    world.check_all("a: a1 a2 a3 a4");

    world.write("a5 a6");
    world.put("a6");
    world.deliver();
    world.put("a5");
    world.deliver();
    world.check_all("a: a1 a2 a3 a4 a5 a6");
    world.check_tally(&expect!["RecordsIn 1, Returned 0, Duplicates 1, LedgerCalls 2, Sent 0, Repaired 0, Holes 0, VersionsUsedTwice 0, Rejected 0, BecameBehind 0, SqsRequests 0"]);
}

#[test]
fn what_no_message_brings_is_read_from_the_table() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    world.write("a2 a3 a4");
    world.put("a4");
    world.deliver();
    world.check_all("a: a1 a2 a3 a4");
    world.check_tally(&expect!["RecordsIn 1, Returned 0, Duplicates 0, LedgerCalls 4, Sent 9, Repaired 2, Holes 0, VersionsUsedTwice 0, Rejected 0, BecameBehind 0, EndToEndLatency 20×3, SqsRequests 9, EntriesPerRequest 1×9"]);
}

#[test]
fn an_event_from_the_table_is_the_message_that_the_stream_would_have_brought() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    world.write("a2");
    world.put("a2");
    world.write("a3 a4");
    world.put("a4");
    world.drain();
    let accepted = world.queues.accepted(world.client("A"));
    let (brought, repaired) = (&accepted[1], &accepted[2]);
    assert_eq!((&*brought.body, &*repaired.body), (world.event("a2").body(), world.event("a3").body()));
    let names = |attributes: &[Attribute]| -> Vec<String> {
        let names = attributes.iter().map(|attribute| attribute.name.clone());
        names.filter(|name| name != "streamedAt").collect()
    };
    assert_eq!(names(&brought.attributes), names(&repaired.attributes));
    assert_eq!(brought.deduplication_id, world.id("a2"));
    assert_eq!(repaired.deduplication_id, world.id("a3"));
}

#[test]
fn a_gap_of_several_runs_is_read_once_and_closed_in_order() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    let names: Vec<String> = (2..=250).map(|version| format!("a{version}")).collect();
    world.write(&names.join(" "));
    world.put("a250");
    world.table.set_items_in_page(50);
    world.table.forget_calls();
    world.deliver();
    world.check_all(&format!("a: a1 {}", names.join(" ")));
    let calls = world.table.calls();
    assert_eq!((calls.pages, calls.gets), (5, 1));
}

#[test]
fn a_young_hole_is_waited_for() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    world.write("a3");
    world.put("a3");
    let wire = world.wire();
    assert_eq!(world.deliver_over(&wire).unwrap().batch_item_failures.len(), 1);
    assert_eq!(*wire.visibilities.borrow(), [Duration::from_secs(20)]);
    world.check_all("a: a1");
    world.write("a2");
    assert_eq!(world.drain().as_secs(), 20);
    world.check_all("a: a1 a2 a3");
}

#[test]
fn an_old_hole_is_passed_over_and_kept() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    world.write("a4");
    world.put("a4");
    assert_eq!(world.drain().as_secs(), 60);
    world.check_all("a: a1 a4");
    assert_eq!(world.item("a"), "v4 holes 2,3");
    world.check_tally(&expect!["RecordsIn 1, Returned 0, Duplicates 0, LedgerCalls 6, Sent 3, Repaired 0, Holes 2, VersionsUsedTwice 0, Rejected 0, BecameBehind 0, EndToEndLatency 63000×3, SqsRequests 3, EntriesPerRequest 1×3"]);
}

#[test]
fn a_client_that_fails_becomes_behind_and_nothing_is_returned() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    fail(&world, "B");
    world.append("a2 a3 b1");
    assert!(world.deliver().unwrap().batch_item_failures.is_empty());
    world.check("A", "a: a1 a2 a3 | b: b1");
    world.check("B", "a: a1");
    world.check("C", "a: a1 a2 a3 | b: b1");
    assert_eq!(world.item("a"), "v3 behind B has 1");
    assert_eq!(world.item("b"), "v1 behind B has 0");
    world.check_tally(&expect![[r#"
        RecordsIn 3, Returned 0, Duplicates 0, LedgerCalls 5, Sent 6, Repaired 0, Holes 0, VersionsUsedTwice 0, Rejected 0, BecameBehind 2, EndToEndLatency 20×4 25×2, SqsRequests 8, EntriesPerRequest 1×8
        B: BecameBehind 2"#]]);

    world.queues.set_faults(world.client("B"), Faults::none());
    world.append("a4");
    world.drain();
    world.check("B", "a: a1");
    world.check("C", "a: a1 a2 a3 a4 | b: b1");
    assert_eq!(world.item("a"), "v4 behind B has 1", "a client that is behind is left to catch-up");
}

#[test]
fn what_a_queue_refuses_for_good_leaves_its_client_behind_there_and_nowhere_else() {
    let world = LedgerWorld::new();
    world.append("a1 b1");
    world.drain();
    let limit = world.size("a1") + 10;
    world.queues.change(world.client("B"), |settings| settings.maximum_message_size = limit);
    for group in ["c", "d", "e"] {
        world.append_padded(&format!("{group}1"), 100);
        world.drain();
    }
    for version in 2..7 {
        world.append_padded(&format!("a{version}"), 100);
        world.append(&format!("b{version}"));
        world.drain();
    }
    world.check("B", "a: a1 | b: b1 b2 b3 b4 b5 b6");
    assert_eq!(world.item("a"), "v6 behind B has 1");
    assert_eq!(world.item("b"), "v6", "it is no failure of the queue, and opens no circuit breaker");
}

#[test]
fn all_clients_failing_is_no_special_case() {
    let world = LedgerWorld::new();
    for client in ["A", "B", "C"] {
        fail(&world, client);
    }
    world.append("a1");
    world.drain();
    assert_eq!(world.item("a"), "v1 behind A has 0, B has 0, C has 0");
}

#[test]
fn a_client_that_fails_three_runs_opens_its_circuit_breaker() {
    let world = LedgerWorld::new();
    fail(&world, "B");
    let requests = || world.queues.requests(world.client("B")).len();
    for (group, expected) in [("a", 1), ("b", 2), ("c", 3), ("d", 3)] {
        world.append(&format!("{group}1"));
        world.drain();
        assert_eq!(requests(), expected, "{group}");
    }
    world.clock.freeze(Duration::from_secs(30));
    for (group, expected) in [("e", 4), ("f", 4)] {
        world.append(&format!("{group}1"));
        world.drain();
        assert_eq!(requests(), expected, "{group}");
    }
    world.check("A", "a: a1 | b: b1 | c: c1 | d: d1 | e: e1 | f: f1");
    assert_eq!(world.item("d"), "v1 behind B has 0");
}

#[test]
fn a_client_that_does_not_answer_costs_the_others_a_part_of_the_time_only() {
    let world = LedgerWorld::new();
    world.queues.change(world.client("B"), |settings| settings.latency = Duration::from_secs(100));
    world.append("a1");
    let began = world.clock.now();
    world.deliver();
    assert!(world.clock.now().since(began) <= Duration::from_secs(10));
    world.check("C", "a: a1");
    assert_eq!(world.item("a"), "v1 behind B has 0");
}

#[test]
fn a_client_that_is_paused_or_not_in_the_file_becomes_behind() {
    let world = LedgerWorld::new();
    world.change_registry(|registry| {
        for (name, registration) in &mut registry.clients {
            if name.as_str() == "B" {
                registration.state = State::Paused;
            }
        }
        let mut elsewhere = registry.clients.values().next().unwrap().clone();
        elsewhere.id = shared::ledger::ClientId(9);
        registry.clients.insert(shared::config::ClientName::try_new("New").unwrap(), elsewhere);
    });
    world.append("a1");
    world.drain();
    world.check("A", "a: a1");
    world.check("B", "");
    assert_eq!(world.item("a"), "v1 behind B has 0, New has 0");
}

#[test]
fn nothing_is_sent_without_the_ledger() {
    let world = LedgerWorld::new();
    world.append("a1 b1");
    world.drain();
    world.append("a2 b2");
    world.ledger.fail_read(world.item_key("a"));
    let returned = world.deliver().unwrap().batch_item_failures;
    assert_eq!(returned.len(), 1);
    world.check_all("a: a1 | b: b1 b2");
    world.drain();
    world.check_all("a: a1 a2 | b: b1 b2");

    world.append("a3 b3");
    let registry = world.ledger.get(&ItemKey::Registry).unwrap();
    world.ledger.remove(&ItemKey::Registry);
    assert_eq!(world.deliver().unwrap().batch_item_failures.len(), 2);
    world.ledger.put(ItemKey::Registry, registry);
    world.drain();
    world.check_all("a: a1 a2 a3 | b: b1 b2 b3");
}

#[test]
fn what_cannot_be_looked_up_is_returned() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    for failing in 1..=2 {
        world.write(&format!("a{0} a{1}", failing * 2, failing * 2 + 1));
        world.put(&format!("a{}", failing * 2 + 1));
        for _ in 0..failing {
            world.table.fail();
        }
        world.deliver();
        world.drain();
    }
    world.check_all("a: a1 a2 a3 a4 a5");
}

/// Checks that a write of the group that goes wrong costs no client an event, and sends none twice.
fn check_write(fault: impl Fn(&LedgerWorld), failing: &str, expected_item: &str) {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    if !failing.is_empty() {
        fail(&world, failing);
    }
    world.append("a2 a3");
    let before = world.queues.requests(world.client("A")).len();
    fault(&world);
    assert!(world.deliver().unwrap().batch_item_failures.is_empty());
    world.check("A", "a: a1 a2 a3");
    assert_eq!(world.queues.requests(world.client("A")).len() - before, 2, "each event is sent once");
    assert_eq!(world.item("a"), expected_item);
}

#[test]
fn a_write_that_goes_wrong_costs_no_repetition() {
    for fault in [WriteFault::Refused, WriteFault::UnknownDone, WriteFault::UnknownNotDone] {
        check_write(|world| world.ledger.fail_write(fault), "", "v3");
        check_write(|world| world.ledger.fail_write(fault), "B", "v3 behind B has 1");
    }
    // Another writer comes first: with nothing, with a part of it, with all of it.
    for version in 1..=3 {
        let raise = |world: &LedgerWorld| {
            let key = world.item_key("a");
            world.ledger.before_write(move |ledger| {
                let Some(Item::Group(mut item)) = ledger.get(&key) else { panic!() };
                item.version = version;
                item.write_count.0 += 1;
                ledger.put(key, Item::Group(item));
            });
        };
        check_write(raise, "", "v3");
    }
}

#[test]
fn a_client_that_another_writer_made_behind_gets_what_was_sent_into_its_cursor() {
    let behind = |world: &LedgerWorld| {
        let key = world.item_key("a");
        let cursor_key = world.cursor_key("A", "a");
        let cursor = world.new_cursor(1);
        world.ledger.before_write(move |ledger| {
            let Some(Item::Group(mut item)) = ledger.get(&key) else { panic!() };
            item.behind.insert(shared::ledger::ClientId(1));
            item.write_count.0 += 1;
            ledger.put(key, Item::Group(item));
            ledger.put(cursor_key, Item::Cursor(cursor));
        });
    };
    check_write(behind, "", "v3 behind A has 3");
}

#[test]
fn a_ledger_that_takes_no_writes_is_not_tried_for_ever() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    world.append("a2");
    for _ in 0..8 {
        world.ledger.fail_write(WriteFault::Refused);
    }
    assert_eq!(world.deliver().unwrap().batch_item_failures.len(), 1);
    world.drain();
    world.check_all("a: a1 a2");
    assert_eq!(world.item("a"), "v2");
}

#[test]
fn what_was_received_before_is_sent_after_a_write() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    world.append("a2");
    world.receive();
    world.clock.freeze(Duration::from_secs(180));
    for _ in 0..8 {
        world.ledger.fail_write(WriteFault::Refused);
    }
    world.deliver();
    world.check_all("a: a1");
    world.drain();
    world.check_all("a: a1 a2");
}

#[test]
fn a_new_incarnation_is_sent_from_its_beginning() {
    let world = LedgerWorld::new();
    world.append("a1 a2 a3");
    world.drain();
    world.erase("a");
    world.append("a1' a2'");
    world.drain();
    world.check_all("a: a1 a2 a3 a1' a2'");
    world.erase("a");
    world.write("a1'' a2'' a3''");
    world.put("a2''");
    world.drain();
    world.check_all("a: a1 a2 a3 a1' a2' a1'' a2'' a3''");
}

#[test]
fn a_later_incarnation_is_followed_as_far_as_the_table_goes() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    world.erase("a");
    let names: Vec<String> = (1..=250).map(|version| format!("a{version}'")).collect();
    world.write(&names.join(" "));
    world.put("a1'");
    world.table.set_items_in_page(300);
    world.table.forget_calls();
    world.deliver();
    world.check_all(&format!("a: a1 {}", names.join(" ")));
    // One look-up finds that the first event is gone, and three that the new incarnation lasts.
    assert_eq!(world.table.calls().gets, 1 + 3);
}

#[test]
fn what_is_imported_with_old_times_is_sent_though_it_comes_in_the_wrong_order() {
    let world = LedgerWorld::new();
    world.clock.freeze(Duration::from_secs(10 * 24 * 3_600));
    let now = world.clock.now();
    world.change_registry(|registry| registry.start = now);
    world.append("a1 a2");
    world.write("b1 b2 b3");
    world.put("b3 b2 b1");
    world.drain();
    world.check_all("a: a1 a2 | b: b1 b2 b3");
    world.write("c1 c2");
    world.put("c2");
    world.drain();
    world.put("c1");
    world.drain();
    world.check_all("a: a1 a2 | b: b1 b2 b3 | c: c1 c2");
}

#[test]
fn what_was_there_before_the_ledger_is_not_sent() {
    let world = LedgerWorld::new();
    let old = world.event("a2").time().unwrap().parse::<u64>().unwrap();
    world.change_registry(|registry| registry.start = Timestamp::from_millis((old + 1) * 1_000));
    world.append("a3");
    world.write("a1 a2");
    world.drain();
    world.check_all("a: a3");
}

#[test]
fn what_was_erased_is_acknowledged() {
    let world = LedgerWorld::new();
    world.write("a2");
    world.put("a2");
    world.erase("a");
    assert!(world.deliver().unwrap().batch_item_failures.is_empty());
    world.check_all("");
    assert!(world.ledger.get(&world.item_key("a")).is_none());
}

#[test]
fn a_message_that_cannot_be_processed_gets_a_rejection_and_its_group_goes_on() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    let group = world.event("a1").group().clone();
    let id = DeduplicationId::try_from_sqs("odd").unwrap();
    world.put_message(&Message::new(group, id, Body::Text("no event"), &[], None));
    world.append("a2");
    assert!(world.deliver().unwrap().batch_item_failures.is_empty());
    world.check_all("a: a1 a2");
    let rejections = world.rejections();
    assert_eq!(rejections.len(), 1);
    assert_eq!(rejections[0]["reason"], json!("it lacks the attribute `version`"));
    assert_eq!(rejections[0]["record"]["body"], json!("no event"));
    world.check_tally(&expect!["RecordsIn 2, Returned 0, Duplicates 0, LedgerCalls 2, Sent 3, Repaired 0, Holes 0, VersionsUsedTwice 0, Rejected 1, BecameBehind 0, EndToEndLatency 10×3, SqsRequests 4, EntriesPerRequest 1×4"]);
}

#[test]
fn without_a_rejection_a_message_that_cannot_be_processed_is_returned() {
    let world = LedgerWorld::new();
    let rejected = world.own_queue(OwnQueue::Rejected);
    world.queues.change(&rejected, |settings| settings.denied = true);
    let id = DeduplicationId::try_from_sqs("odd").unwrap();
    let group = world.event("a1").group().clone();
    world.put_message(&Message::new(group, id, Body::Text("no event"), &[], None));
    world.append("a1");
    let returned = world.deliver().unwrap().batch_item_failures;
    assert_eq!(returned.iter().map(|failure| failure.item_identifier.as_str()).collect::<Vec<_>>(), ["odd"]);
    world.check_all("a: a1");
}

#[test]
fn an_event_that_cannot_be_converted_gets_a_rejection_and_is_passed_over() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    world.write_unfit("a2");
    world.write("a3");
    world.put("a3");
    let rejected = world.own_queue(OwnQueue::Rejected);
    world.queues.change(&rejected, |settings| settings.denied = true);
    assert_eq!(world.deliver().unwrap().batch_item_failures.len(), 1, "not without a rejection");
    world.queues.change(&rejected, |settings| settings.denied = false);
    world.drain();
    world.check_all("a: a1 a3");
    let rejections = world.rejections();
    assert_eq!(rejections.len(), 1);
    assert_eq!(rejections[0]["keys"], json!({ "mark": { "S": "a" }, "at": { "S": "0002" } }));
    assert_eq!(world.item("a"), "v3");
}

#[test]
fn a_message_under_another_id_goes_on_under_its_events() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    let (repaired, plain) = (world.event("a2"), world.event("a3"));
    world.write("a2 a3");
    world.put_message(&repaired.repair(7));
    // As a converter put it before there was a ledger.
    let attributes = [
        Attribute::string("eventId", plain.id()),
        Attribute::number("version", "3"),
        Attribute::string("eventTime", plain.time().unwrap()),
    ];
    let id = DeduplicationId::of_stream_record("0a1b2c");
    world.put_message(&Message::new(plain.group().clone(), id, Body::Text(plain.body()), &attributes, None));
    world.drain();
    world.check_all("a: a1 a2 a3");
    let accepted = world.queues.accepted(world.client("A"));
    assert_eq!(accepted[1].deduplication_id, world.id("a2"));
    assert!(accepted[1].attributes.iter().all(|attribute| attribute.name != "repair"));
    assert_eq!(accepted[2].deduplication_id, world.id("a3"));
    assert!(world.rejections().is_empty());
}

#[test]
fn a_resent_event_is_repeated_if_it_is_covered() {
    let world = LedgerWorld::new();
    world.append("a1 a2");
    world.drain();
    let replay = ReplayId::try_new("r-1").unwrap();
    let along = Along { replay: Some(&replay), ..Along::default() };
    world.put_message(&world.event("a1").message(along));
    world.write("a3");
    world.put_message(&world.event("a3").message(along));
    world.drain();
    world.check_all("a: a1 a2 a3");
    let accepted = world.queues.accepted(world.client("A"));
    assert_eq!(accepted[2].deduplication_id, world.id("a3"), "it is sent for the first time");
    assert_eq!(
        world.item("a"),
        "v3 behind A has 0 replay_until 3, B has 0 replay_until 3, C has 0 replay_until 3"
    );
}

#[test]
fn a_ledger_or_a_table_that_does_not_answer_is_not_waited_for() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    world.write("a2 a3");
    world.put("a3");
    for (reads, writes, pages) in [(true, false, false), (false, true, false), (false, false, true)] {
        let hanging = Hanging { world: &world, reads, writes, pages, delay: Duration::ZERO };
        let batch = world.receive();
        let began = world.clock.now();
        let mut tally = Tally::default();
        let response = world.handle_over(&hanging, &hanging, &payload(&batch), &mut tally).unwrap();
        assert!(world.clock.now().since(began) < Duration::from_secs(30), "in time");
        assert_eq!(response.batch_item_failures.len(), 1);
        world.acknowledge(&batch, &response);
        world.clock.freeze(Duration::from_secs(300));
    }
    world.drain();
    assert_eq!(world.item("a"), "v3");
    world.check_all("a: a1 a2 a3");
}

#[test]
fn whatever_hangs_the_function_answers_in_its_time() {
    for (reads, writes) in [(false, true), (true, false), (false, false)] {
        let world = LedgerWorld::new();
        world.append("a1 b1");
        world.drain();
        world.queues.change(world.client("B"), |settings| settings.latency = Duration::from_secs(100));
        world.append("a2 a3 b2 c1");
        let hanging = Hanging { world: &world, reads, writes, pages: false, delay: Duration::ZERO };
        let batch = world.receive();
        let began = world.clock.now();
        world.handle_over(&hanging, &hanging, &payload(&batch), &mut Tally::default()).unwrap();
        let took = world.clock.now().since(began);
        assert!(took < Duration::from_secs(29), "{reads} {writes}: {took:?}");
        let last = world.queues.requests(world.client("B")).last().map(|request| request.at);
        assert!(last.is_none_or(|last| last.since(began) <= Duration::from_secs(20)), "no late send");
    }
}

#[test]
fn when_the_time_for_sends_is_over_messages_are_returned_and_no_client_becomes_behind() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    world.write("a2 a3 a4");
    world.put("a4");
    world.table.set_items_in_page(1);
    assert_eq!(Hanging::slow(&world, Duration::from_millis(4_500)).deliver(), 1);
    assert_eq!(world.item("a"), "v1");
}

#[test]
fn a_slow_client_has_a_third_of_the_time() {
    let world = LedgerWorld::new();
    world.queues.change(world.client("B"), |settings| settings.latency = Duration::from_millis(1_900));
    world.append("a1 a2 a3 a4 a5 a6 a7 a8 a9");
    let began = world.clock.now();
    world.deliver();
    assert!(world.clock.now().since(began) < Duration::from_secs(12));
    assert_eq!(world.item("a"), "v9 behind B has 6");
}

#[test]
fn an_event_that_is_resent_before_it_was_ever_sent_is_sent_once() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    let names: Vec<String> = (2..=250).map(|version| format!("a{version}")).collect();
    world.write(&names.join(" "));
    let replay = ReplayId::try_new("r-1").unwrap();
    world.put_message(&world.event("a7").message(Along { replay: Some(&replay), ..Along::default() }));
    world.put("a250");
    world.drain();
    world.check_all(&format!("a: a1 {}", names.join(" ")));
    assert_eq!(world.item("a"), "v250");
}

#[test]
fn a_record_that_is_not_answered_costs_no_repetition() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    world.append("a2 a3");
    let hanging = Hanging { world: &world, reads: false, writes: true, pages: false, delay: Duration::ZERO };
    let batch = world.receive();
    let response = world.handle_over(&hanging, &hanging, &payload(&batch), &mut Tally::default()).unwrap();
    assert_eq!(response.batch_item_failures.len(), 2);
    world.acknowledge(&batch, &response);
    world.check_all("a: a1 a2 a3");
    world.drain();
    world.check_all("a: a1 a2 a3");
    assert_eq!(world.item("a"), "v3");
}

#[test]
fn a_group_that_takes_long_to_look_up_is_returned_alone() {
    let world = LedgerWorld::new();
    world.append("a1 b1");
    world.drain();
    let names: Vec<String> = (2..=250).map(|version| format!("a{version}")).collect();
    world.write(&names.join(" "));
    world.write("b2 b3 b4 c1 c2");
    world.put("a250 b2 b4 c1 c2");
    let slow = Hanging::slow(&world, Duration::from_millis(500));
    let began = world.clock.now();
    assert_eq!(slow.deliver(), 1);
    assert!(world.clock.now().since(began) < Duration::from_secs(15));
    world.check_all("a: a1 | b: b1 b2 b3 b4 | c: c1 c2");
    world.drain();
    world.check_all(&format!("a: a1 {} | b: b1 b2 b3 b4 | c: c1 c2", names.join(" ")));
}

#[test]
fn a_resend_for_many_clients_does_not_keep_the_other_groups_waiting() {
    let world = LedgerWorld::with_clients("A B C D E F G H I J K L M N O P Q R S T U V W X Y Z");
    world.append("a1 b1");
    world.drain();
    let replay = ReplayId::try_new("r-1").unwrap();
    world.put_message(&world.event("a1").message(Along { replay: Some(&replay), ..Along::default() }));
    world.append("b2");
    let slow = Hanging::slow(&world, Duration::from_millis(800));
    let began = world.clock.now();
    assert_eq!(slow.deliver(), 1);
    assert!(world.clock.now().since(began) < Duration::from_secs(15));
    world.check_all("a: a1 | b: b1 b2");
    world.drain();
    assert_eq!(world.item("a").matches("has 0 replay_until 1").count(), 26);
}

#[test]
fn an_item_that_has_the_version_of_an_event_does_not_hide_it() {
    let world = LedgerWorld::new();
    world.append("a1");
    world.drain();
    world.write("a2 a3");
    world.write_guard("a3");
    for items in [1, 4] {
        world.table.set_items_in_page(items);
        world.put("a3");
        world.deliver();
        world.check_all("a: a1 a2 a3");
        assert_eq!(world.item("a"), "v3");
    }
}

#[test]
fn all_look_ups_of_a_batch_have_one_limit_of_memory() {
    let look_ups = |others: &str| {
        let world = LedgerWorld::new();
        world.append("a1");
        world.drain();
        (2..42).for_each(|version| world.write_padded(&format!("a{version}"), 150_000));
        world.table.set_items_in_page(100);
        world.append("a42");
        world.append(others);
        world.put("a2");
        world.table.forget_calls();
        world.deliver();
        assert_eq!(world.item("a"), "v42");
        world.table.calls().pages
    };
    assert_eq!(look_ups(""), 1, "6 MB are kept");
    assert_eq!(look_ups("b1"), 2, "half as much is");
}

/// Breaks something for a while and fans everything out. Checks that each client got every event once and in order, and
/// that the ledger knows it.
fn check_all_up_to_date(name: &str, break_it: impl Fn(&LedgerWorld)) -> Duration {
    let world = LedgerWorld::new();
    world.append(EVENTS);
    break_it(&world);
    let took = world.drain();
    world.check_all(BY_GROUP);
    let items = ["a", "b", "c", "d", "e", "f"].map(|aggregate| world.item(aggregate));
    assert_eq!(items, ["v4", "v3", "v2", "v1", "v1", "v1"], "{name}");
    took
}

#[test]
fn passing_faults_of_one_client_cost_only_time() {
    let faults = |faults: Faults| {
        move |world: &LedgerWorld| world.queues.set_faults(world.client("B"), faults.clone())
    };
    let calls = [
        ("throttled", CallFault::Throttled),
        ("reset before acceptance", CallFault::ResetBefore),
        ("reset after acceptance", CallFault::ResetAfter),
        ("500", CallFault::ServerError),
        ("an entry missing from the answer", CallFault::Miscounted),
    ];
    for (name, fault) in calls {
        let thrice = (0..3).map(|request| (request, Fault::Call(fault)));
        check_all_up_to_date(name, faults(Faults::script(thrice)));
    }
    let entries = [
        ("entry 3 failed", EntryFault::Failed),
        ("entry 3 throttled", EntryFault::Throttled),
        ("entry 3 unknown", EntryFault::Unknown),
    ];
    for (name, fault) in entries {
        check_all_up_to_date(name, faults(Faults::script([(0, Fault::Entry(3, fault))])));
    }
}

#[test]
fn a_slow_client_is_waited_for() {
    let took = check_all_up_to_date("slow by 300 ms", |world| {
        world.queues.change(world.client("B"), |settings| settings.latency += Duration::from_millis(300));
    });
    // Four events of one group, one after the other, in at least one batch; not once per client and event.
    assert!(took < Duration::from_secs(3), "took {took:?}");
}

#[test]
fn a_request_holds_at_most_one_message_of_a_group() {
    let world = LedgerWorld::new();
    world.append("a1 b1 a2 c1 a3 b2 d1 e1 a4 b3");
    world.deliver();
    let sizes: Vec<usize> =
        world.queues.requests(world.client("A")).iter().map(|request| request.ids.len()).collect();
    assert_eq!(sizes, [5, 2, 2, 1], "a b c d e, a b, a b, a");
}

#[test]
fn what_a_client_took_before_it_failed_is_recorded() {
    let world = LedgerWorld::new();
    world.append("a1 b1 a2 b2 a3");
    // For all of its time, client B refuses everything that is sent with or after `a2`.
    let broken = (1..100_000).map(|request| (request, Fault::Entry(0, EntryFault::Failed)));
    world.queues.set_faults(world.client("B"), Faults::script(broken));
    assert!(world.deliver().unwrap().batch_item_failures.is_empty());
    world.check("A", "a: a1 a2 a3 | b: b1 b2");
    world.check("B", "a: a1 | b: b1 b2");
    assert_eq!((world.item("a"), world.item("b")), ("v3 behind B has 1".to_owned(), "v2".to_owned()));
}

#[test]
fn returned_messages_of_a_group_come_back_together() {
    let world = LedgerWorld::new();
    world.append("a1 a2 a3 b1");
    for expected in [1, 2, 4, 8, 16, 32] {
        // Groups that were received often are handled one by one.
        for _ in 0..if expected >= 16 { 2 } else { 1 } {
            world.ledger.fail_read(ItemKey::Registry);
        }
        world.deliver().unwrap();
        let returned_at = world.clock.now();
        let next = world.queues.next_receivable(&world.fan_out).unwrap();
        assert_eq!(next.since(returned_at), Duration::from_secs(expected));
        world.clock.block_on(world.clock.sleep_until(next));
    }
    assert_eq!(world.receive().len(), 4, "a message was still in flight and locked its group");
}

#[test]
fn the_first_returned_message_decides_for_its_group() {
    let world = LedgerWorld::new();
    world.append("a1 b1");
    for _ in 0..2 {
        world.ledger.fail_read(ItemKey::Registry);
        world.deliver().unwrap();
        let next = world.queues.next_receivable(&world.fan_out).unwrap();
        world.clock.block_on(world.clock.sleep_until(next));
    }
    world.append("a2 c1 c2");
    world.ledger.fail_read(ItemKey::Registry);
    let wire = world.wire();
    world.deliver_over(&wire).unwrap();
    let seconds: Vec<u64> = wire.visibilities.borrow().iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [4, 4, 4, 1, 1], "a1, b1 and a2 after three receives; c1 and c2 after one");
}

#[test]
fn a_failed_change_of_visibility_costs_only_time() {
    let world = LedgerWorld::new();
    world.append("a1 a2");
    world.ledger.fail_read(ItemKey::Registry);
    let mut wire = world.wire();
    wire.takes_visibility = false;
    world.deliver_over(&wire).unwrap();
    let took = world.drain();
    assert!(took > Duration::from_secs(150), "they came back after {took:?}");
    world.check_all("a: a1 a2");
}

#[test]
fn a_killed_function_repeats_nothing_and_loses_nothing() {
    // Latency is 5 ms: killed before the first acceptance, between two of them, after the last.
    for time in [1, 3, 4, 6, 8, 11, 14, 19] {
        let world = LedgerWorld::new();
        world.append(EVENTS);
        world.deliver_killed_after(Duration::from_millis(time));
        world.drain();
        world.check_all(BY_GROUP);
    }
}

#[test]
fn a_batch_delivered_twice_is_accepted_once() {
    let world = LedgerWorld::new();
    world.append("a1 a2 b1");
    let payload = payload(&world.receive());
    for _ in 0..2 {
        let response = world.handle(&payload).unwrap();
        assert_eq!(serde_json::to_string(&response).unwrap(), r#"{"batchItemFailures":[]}"#);
    }
    world.check_all("a: a1 a2 | b: b1");
}

/// Case f of `docs/ordering.md`. An invocation begins long after its message has become visible again. Another
/// invocation has that message, too, no longer finds the event in the table, and goes on. (The schedule of the
/// simulator's seed 221,795,284,290,854.)
#[test]
fn an_event_that_was_deleted_by_itself_comes_late_or_not_at_all_and_nothing_else_suffers() {
    let mut seen = BTreeSet::new();
    for delay in 0..40 {
        let world = LedgerWorld::new();
        world.append("a1");
        world.drain();
        world.append("a2");
        let late = payload(&world.receive());
        let deleted = world.event("a2");
        assert!(world.table.delete(deleted.key(), &deleted.identity().sort));
        world.append("a3 a4");
        world.clock.block_on(world.clock.sleep(Duration::from_secs(180)));
        let batch = world.receive();
        let repeated = payload(&batch);

        let wire = world.wire();
        let ports =
            || Ports { clock: &world.clock, transport: &wire, ledger: &world.ledger, table: &world.table };
        let deadline = world.clock.now().plus(Duration::from_secs(30));
        let (mut tally, mut late_tally) = (Tally::default(), Tally::default());
        world.clock.block_on(async {
            let repeated = Box::pin(world.fanout.handle(ports(), &repeated, deadline, &mut tally));
            let late = Box::pin(async {
                world.clock.sleep(Duration::from_millis(delay)).await;
                world.fanout.handle(ports(), &late, deadline, &mut late_tally).await
            });
            let (repeated, late) = join(repeated, late).await;
            assert!(repeated.unwrap().batch_item_failures.is_empty());
            assert!(late.unwrap().batch_item_failures.is_empty());
        });
        let got = world.versions("A", "a");
        let others: Vec<u64> = got.iter().copied().filter(|version| *version != 2).collect();
        assert_eq!(others, [1, 3, 4], "after {delay} ms");
        assert_eq!(world.has("A", "a"), 4, "after {delay} ms");
        seen.insert(got);
    }
    let seen: Vec<Vec<u64>> = seen.into_iter().collect();
    assert_eq!(seen, [vec![1, 3, 2, 4], vec![1, 3, 4], vec![1, 3, 4, 2]]);
}

#[test]
fn body_and_attributes_of_every_type_are_copied_byte_for_byte() {
    let world = LedgerWorld::new();
    world.write("a1");
    let body = "{\"mark\":\"a\", \"at\":\"0001\",\"nominee\":\"Nominee 17 – Größe \u{1F697}\",\"price\":299.90,\"escaped\":\"\\ufffe\\u0001 \\\" \\\\\"}\n\t ";
    let attribute = |name: &str, data_type: &str, value| Attribute {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        value,
    };
    let text = |text: &str| AttributeValue::Text(text.to_owned());
    let attributes = vec![
        attribute("binary", "Binary", AttributeValue::Base64("AAEC/w==".to_owned())),
        attribute("custom-number", "Number.int", text("12345678901234567890123456789012345678")),
        attribute("custom.binary", "Binary.png", AttributeValue::Base64("iVBORw0KGgo=".to_owned())),
        attribute("custom_text", "String.json", text("{\"a\": [1, 2]} – ü")),
        attribute("eventId", "String", text("a1")),
        attribute("number", "Number", text("1.10")),
        attribute("string", "String", text("with \"quotes\" and\nnew lines")),
        attribute("version", "Number", text("1")),
    ];
    let event = world.event("a1");
    world.put_message(&Message::new(
        event.group().clone(),
        event.deduplication_id().clone(),
        Body::Text(body),
        &attributes,
        Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"),
    ));
    world.drain();
    let original = world.queues.accepted(&world.fan_out).remove(0);
    assert_eq!(original.body, body);
    assert_eq!(original.attributes, attributes);
    for client in ["A", "B", "C"] {
        let copy = world.queues.accepted(world.client(client)).remove(0);
        assert_eq!(copy.body, original.body);
        let is_own =
            |attribute: &Attribute| ["incarnation", "previousVersion"].contains(&attribute.name.as_str());
        let (own, copied): (Vec<Attribute>, Vec<Attribute>) = copy.attributes.into_iter().partition(is_own);
        assert_eq!(copied, original.attributes);
        let link = ChainLink { incarnation: &world.token("a1"), previous_version: 0 };
        assert_eq!(own, link.attributes());
        assert_eq!(copy.group, original.group);
        assert_eq!(copy.deduplication_id, world.id("a1"));
        assert_eq!(copy.trace_header, original.trace_header);
    }
}

/// Handles one batch whose records are changed by hand. Those at the places `unfit` cannot be processed. Each of them
/// gets a rejection; without one, only these are returned. Later events of their groups show that they are missing, and
/// the fan-out reads them from the table.
fn check_malformed(name: &str, change: impl Fn(&mut serde_json::Value), unfit: &[usize]) {
    check_malformed_of(name, change, unfit, "a: a1 a2 | b: b1 b2");
}

/// As [`check_malformed`], where clients get what `expected` says.
fn check_malformed_of(name: &str, change: impl Fn(&mut serde_json::Value), unfit: &[usize], expected: &str) {
    for takes_rejections in [true, false] {
        let (world, returned) = handle_changed(&change, takes_rejections);
        let returned = returned.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(returned, if takes_rejections { &[] } else { unfit }, "{name}");
        assert_eq!(world.rejections().len(), if takes_rejections { unfit.len() } else { 0 }, "{name}");
        world.check_all(expected);
    }
}

/// Changes a batch of four messages and handles it. Returns the places of the messages that are returned.
fn handle_changed(
    change: impl Fn(&mut serde_json::Value),
    takes_rejections: bool,
) -> (LedgerWorld, Result<Vec<usize>, BatchError>) {
    let world = LedgerWorld::new();
    let rejected = world.own_queue(OwnQueue::Rejected);
    world.queues.change(&rejected, |settings| settings.denied = !takes_rejections);
    world.append("a1 b1 a2 b2");
    let mut payload: serde_json::Value = serde_json::from_str(payload(&world.receive()).get()).unwrap();
    let ids: Vec<String> =
        (0..4).map(|index| payload["Records"][index]["messageId"].as_str().unwrap().to_owned()).collect();
    change(&mut payload["Records"]);
    let response = world.handle(&to_raw_value(&payload).unwrap());
    let place = |id: &str| ids.iter().position(|other| other == id).unwrap();
    let places = response.map(|response| {
        response.batch_item_failures.iter().map(|failure| place(&failure.item_identifier)).collect()
    });
    (world, places)
}

#[test]
fn whatever_is_wrong_with_a_message_is_its_own() {
    check_malformed("nothing wrong", |_| {}, &[]);
    check_malformed("no body", |records| records[0]["body"] = Null, &[0]);
    // No later event of its group shows that it is missing.
    let last = "a: a1 | b: b1 b2";
    check_malformed_of("no body, last of its group", |records| records[2]["body"] = Null, &[2], last);
    check_malformed("no group", |records| records[0]["attributes"]["MessageGroupId"] = Null, &[0]);
    check_malformed(
        "no deduplication id",
        |records| records[1]["attributes"]["MessageDeduplicationId"] = Null,
        &[1],
    );
    check_malformed(
        "attributes of no type",
        |records| records[1]["messageAttributes"]["eventId"]["dataType"] = Null,
        &[1],
    );
    check_malformed(
        "another's group",
        |records| records[1]["attributes"]["MessageGroupId"] = "a".into(),
        &[1],
    );
    check_malformed(
        "no receipt handle",
        |records| {
            records[0]["receiptHandle"] = Null;
            records[0]["body"] = Null;
        },
        &[0],
    );
    check_malformed("no message id, delivered", |records| records[0]["messageId"] = Null, &[]);
}

#[test]
fn what_must_be_returned_and_has_no_id_returns_the_whole_batch() {
    for id in [Null, "".into()] {
        let nameless = |records: &mut serde_json::Value| {
            records[1]["messageId"] = id.clone();
            records[1]["body"] = Null;
        };
        assert!(handle_changed(nameless, true).1.unwrap().is_empty());
        let error = handle_changed(nameless, false).1.unwrap_err();
        assert!(matches!(error, BatchError::NoMessageId { index: 1 }), "{error}");
    }
}

#[test]
fn the_same_message_twice_and_no_message_are_batches_too() {
    let (world, returned) = handle_changed(|records| records[2] = records[0].clone(), true);
    assert!(returned.unwrap().is_empty());
    world.check_all("a: a1 | b: b1 b2");
    let (world, returned) = handle_changed(|records| *records = json!([]), true);
    assert!(returned.unwrap().is_empty());
    world.check_all("");
}

#[test]
fn what_is_no_payload_fails_the_invocation_and_the_error_holds_no_value() {
    let world = LedgerWorld::new();
    for payload in ["{}", "[]", "null", r#"{"Records":7}"#, r#"{"Records":"a secret"}"#] {
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        let error = world.handle(&payload).unwrap_err();
        assert!(matches!(error, BatchError::Payload { .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

/// Breaks client B, and checks how long the others' hundred events of a hundred aggregates take.
fn check_held_up(name: &str, break_it: impl Fn(&LedgerWorld), at_most: Duration) {
    let world = LedgerWorld::new();
    for (one, other) in ('a'..='j').flat_map(|one| ('a'..='j').map(move |other| (one, other))) {
        world.append(&format!("{one}{other}1"));
    }
    break_it(&world);
    let started = world.clock.now();
    while world.queues.accepted(world.client("A")).len() < 100 {
        let next = world.queues.next_receivable(&world.fan_out).unwrap();
        world.clock.block_on(world.clock.sleep_until(next));
        world.deliver();
    }
    let took = world.clock.now().since(started);
    assert!(took < at_most, "{name}: {took:?}");
}

#[test]
fn a_client_that_keeps_failing_holds_the_others_up_once() {
    let always = |fault| Faults::script((0..1_000_000).map(move |request| (request, fault)));
    let faults = |faults: Faults| {
        move |world: &LedgerWorld| world.queues.set_faults(world.client("B"), faults.clone())
    };
    check_held_up("healthy", |_| {}, Duration::from_secs(1));
    // A part of one invocation's time, and little more.
    check_held_up("500", faults(always(Fault::Call(CallFault::ServerError))), Duration::from_secs(20));
    check_held_up(
        "hanging",
        faults(always(Fault::Delay(Duration::from_secs(3_600)))),
        Duration::from_secs(60),
    );
}

#[test]
fn the_function_answers_in_its_time_though_all_queues_hang() {
    for seconds in [2, 5, 30, 40] {
        let world = LedgerWorld::new();
        world.append("a1 b1");
        let id = DeduplicationId::try_from_sqs("odd").unwrap();
        let group = world.event("a1").group().clone();
        world.put_message(&Message::new(group, id, Body::Text("no event"), &[], None));
        let rejected = world.own_queue(OwnQueue::Rejected);
        for queue in [world.client("A"), world.client("B"), world.client("C"), &rejected] {
            world.queues.change(queue, |settings| settings.latency = Duration::from_secs(3_600));
        }
        let payload = payload(&world.receive());
        let mut wire = world.wire();
        wire.takes_visibility = false;
        let time = Duration::from_secs(seconds);
        let (returned, left) = world.handle_within(time, &wire, &payload);
        assert_eq!(returned, 1, "the message that got no rejection");
        assert!(left * 12 >= time, "{left:?} of {seconds} s were left");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn passing_faults_everywhere_cost_no_event_its_order_and_the_ledger_knows_what_each_client_has(
        groups in proptest::collection::vec(0_u8..6, 1..60),
        seeds in proptest::array::uniform3(any::<u64>()),
        per_mille in 0_u64..300,
    ) {
        let world = LedgerWorld::new();
        let mut last = [0_u64; 6];
        for group in groups {
            last[usize::from(group)] += 1;
            world.append(&format!("{}{}", char::from(b'a' + group), last[usize::from(group)]));
        }
        for (client, seed) in ["A", "B", "C"].into_iter().zip(seeds) {
            world.queues.set_faults(world.client(client), Faults::seeded(seed, per_mille, 40));
        }
        world.drain();
        for (aggregate, last) in ["a", "b", "c", "d", "e", "f"].into_iter().zip(last).filter(|(_, last)| *last > 0) {
            for client in ["A", "B", "C"] {
                let (versions, has) = (world.versions(client, aggregate), world.has(client, aggregate));
                let first = u64::try_from(versions.len()).unwrap();
                prop_assert_eq!(&versions, &(1..=first).collect::<Vec<_>>(), "{} of {}", aggregate, client);
                prop_assert!(has <= first && first <= last, "{} of {}: {}", aggregate, client, has);
            }
            let version = format!("v{last}");
            prop_assert!(world.item(aggregate).starts_with(&version));
        }
    }
}
