//! What the push functions ask for: holds and replays; and clients whose target is gone.

use serde_json::json;
use shared::control::REASON_LIMIT;
use shared::ids::ReplayId;
use shared::ledger::{
    Cursor, Delivery, DeliveryRequest, DeliveryRequestKind, Gone, HELD_LIMIT, Hold, Item, ItemKey,
    OpenBreaker, Refusal, State, TargetFailure, TargetState, WriteCount,
};
use testkit::memory::{MemoryLedger, WriteFault};

use crate::world::{World, group_of};

/// A world with a push client, A, and one whose consumer is its team's, B.
fn world() -> World {
    let world = World::of("A> B");
    world.maintenance();
    world.put("a1 a2 a3 b1 b2");
    world.group("a", 3, "");
    world.group("b", 2, "");
    world.ledger.forget_calls();
    world
}

/// `hold 2`: a hold from version 2 on; `replay 2`.
fn request(world: &World, what: &str) -> DeliveryRequest {
    let (kind, from) = what.split_once(' ').unwrap();
    let kind = match kind {
        "hold" => DeliveryRequestKind::Hold { reason: "400: no such mark".to_owned() },
        _ => DeliveryRequestKind::Replay,
    };
    DeliveryRequest {
        write_count: WriteCount(70),
        kind,
        from: from.parse().unwrap(),
        incarnation: None,
        shown_by: None,
        id: ReplayId::try_new("push-1").unwrap(),
        at: world.clock.now(),
        done_at: None,
        failure: None,
        unknown: [("later".to_owned(), shared::ledger::stored::Value::Bool(true))].into(),
    }
}

fn request_key(world: &World, client: &str, group: &str) -> ItemKey {
    ItemKey::DeliveryRequest(world.registration(client).id, group_of(group))
}

/// The push function asks for something of a group of A.
fn ask(world: &World, group: &str, what: &str) {
    world.ledger.put(request_key(world, "A", group), Item::DeliveryRequest(request(world, what)));
}

/// What A's request for a group is by now: `open`, `done`, `open: why it failed`, or `none`.
fn asked(world: &World, group: &str) -> String {
    asked_in(&world.ledger, &request_key(world, "A", group))
}

fn asked_in(ledger: &MemoryLedger, key: &ItemKey) -> String {
    let Some(Item::DeliveryRequest(request)) = ledger.get(key) else { return "none".to_owned() };
    assert_eq!(request.unknown.len(), 1, "what a later release wrote is kept");
    let why = request.failure.map(|why| format!(": {why}")).unwrap_or_default();
    format!("{}{why}", if request.done_at.is_some() { "done" } else { "open" })
}

fn cursor(world: &World, group: &str) -> Cursor {
    match world.ledger.get(&world.cursor_key("A", group)) {
        Some(Item::Cursor(cursor)) => cursor,
        other => panic!("{other:?}"),
    }
}

/// How `what` of group `a`, of version 3, is carried out where A is behind as `behind` says: how the group stands after the
/// next maintenance, and what A got.
fn check(behind: &str, what: &str, standing: &str, got: &str) {
    let world = world();
    world.group("a", 3, behind);
    if !behind.is_empty() {
        // Else it is caught up at the same time.
        world.request(json!({"request": "pause", "client": "A"})).unwrap();
    }
    ask(&world, "a", what);
    world.maintenance();
    let of_request = asked(&world, "a");
    // Maintenance catches up at the same time: the next one certainly does.
    world.maintenance();
    let found = (of_request.as_str(), &*world.standing("a"), &*world.got("A"));
    assert_eq!(found, ("done", standing, got), "{what}, {behind}");
}

#[test]
fn a_hold_or_a_replay_is_carried_out_wherever_the_client_is() {
    for (behind, what, standing, got) in [
        ("", "hold 2", "3 A:1..3 held", ""),
        ("", "hold 4", "3 A:3..3 held", ""),
        ("", "hold 9", "3 A:3..3 held", ""),
        ("", "hold 0", "3 A:0..3 held", ""),
        ("A:1", "hold 1", "3 A:0..1 held", ""),
        ("A:1", "hold 3", "3 A:1..1 held", ""),
        ("A:1..3", "replay 1", "3 A:0..3", ""),
        ("", "replay 2", "3 A:3..3", "a: 2r 3r"),
        ("", "replay 4", "3 A:3..3", ""),
    ] {
        check(behind, what, standing, got);
    }
}

#[test]
fn what_a_hold_says_is_what_the_function_said() {
    let world = world();
    ask(&world, "a", "hold 2");
    world.maintenance();
    let Some(Hold { reason, by, since, skipped }) = cursor(&world, "a").hold else { panic!() };
    assert_eq!((reason.as_str(), by.as_str(), since), ("400: no such mark", "push", world.clock.now()));
    assert_eq!(skipped, []);
    // Asked for once more, by another head of the same group: it is held since before.
    world.wait(60);
    let mut again = request(&world, "hold 1");
    again.kind = DeliveryRequestKind::Hold { reason: "ü".repeat(REASON_LIMIT) };
    world.ledger.put(request_key(&world, "A", "a"), Item::DeliveryRequest(again));
    world.maintenance();
    let hold = cursor(&world, "a").hold.unwrap();
    assert_eq!((hold.since, hold.reason), (since, "ü".repeat(REASON_LIMIT / 2)));
    assert_eq!(world.standing("a"), "3 A:0..3 held");
}

#[test]
fn the_words_of_an_operator_who_holds_the_group_stay() {
    let world = world();
    let hold = json!({"request": "hold", "client": "A", "keys": [{"S": "a"}], "from": 3, "reason": "migration",
                      "replay": "h-1", "caller": "arn:aws:iam::111122223333:user/op"});
    world.request(hold).unwrap();
    ask(&world, "a", "hold 2");
    world.maintenance();
    let hold = cursor(&world, "a").hold.unwrap();
    assert_eq!((hold.reason.as_str(), hold.by.as_str()), ("migration", "arn:aws:iam::111122223333:user/op"));
    assert_eq!((world.standing("a").as_str(), asked(&world, "a").as_str()), ("3 A:1..3 held", "done"));
}

#[test]
fn a_client_that_is_not_a_push_client_of_the_file_is_left_alone() {
    let mut world = world();
    let of_b = request_key(&world, "B", "b");
    world.ledger.put(of_b.clone(), Item::DeliveryRequest(request(&world, "hold 1")));
    ask(&world, "a", "hold 1");
    world.deploy("A B");
    world.maintenance();
    assert_eq!((asked(&world, "a").as_str(), asked_in(&world.ledger, &of_b).as_str()), ("open", "open"));
    assert_eq!((world.standing("a").as_str(), world.standing("b").as_str()), ("3", "2"));
    // Its file's maintenance does it.
    world.deploy("A> B");
    world.maintenance();
    assert_eq!((asked(&world, "a").as_str(), world.standing("a").as_str()), ("done", "3 A:0..3 held"));
}

#[test]
fn a_paused_client_is_served_and_gets_nothing() {
    let world = world();
    world.request(json!({"request": "pause", "client": "A"})).unwrap();
    ask(&world, "a", "hold 2");
    ask(&world, "b", "replay 1");
    world.maintenance_runs(2);
    assert_eq!((asked(&world, "a").as_str(), asked(&world, "b").as_str()), ("done", "done"));
    assert_eq!(
        (&*world.standing("a"), &*world.standing("b"), &*world.got("A")),
        ("3 A:1..3 held", "2 A:0..2", "")
    );
    world.request(json!({"request": "resume", "client": "A"})).unwrap();
    world.maintenance();
    assert_eq!(world.got("A"), "b: 1r 2r");
}

#[test]
fn a_group_that_is_released_before_the_function_sees_that_it_is_held_is_not_held_again() {
    let world = world();
    ask(&world, "a", "hold 2");
    world.maintenance();
    let release = json!({"request": "release", "client": "A", "keys": [{"S": "a"}]});
    assert_eq!(world.request(release).unwrap()["results"][0]["outcome"], json!("released"));
    world.maintenance_runs(2);
    assert_eq!((world.got("A").as_str(), asked(&world, "a").as_str()), ("a: 2r 3r", "done"));
    assert_eq!(world.standing("a"), "3 A:3..3");
}

#[test]
fn hold_and_done_are_one_write_whatever_happens_to_it() {
    for what in ["hold 2", "replay 2"] {
        let standing = |is_done: bool| match (is_done, what) {
            (false, _) => "3",
            (true, "hold 2") => "3 A:1..3 held",
            (true, _) => "3 A:1..3",
        };
        for fault in [WriteFault::Refused, WriteFault::UnknownDone, WriteFault::UnknownNotDone] {
            let world = world();
            world.request(json!({"request": "pause", "client": "A"})).unwrap();
            ask(&world, "a", what);
            world.ledger.fail_write(fault);
            world.maintenance();
            let epoch = cursor(&world, "a").epoch;
            assert_eq!(
                (asked(&world, "a").as_str(), &*world.standing("a")),
                ("done", standing(true)),
                "{fault:?}"
            );
            world.maintenance();
            assert_eq!(cursor(&world, "a").epoch, epoch, "{what} is carried out once, {fault:?}");
        }
        // It dies, or the ledger takes nothing, as often as it is tried: nothing is done, and the next maintenance does it.
        let world = world();
        world.request(json!({"request": "pause", "client": "A"})).unwrap();
        ask(&world, "a", what);
        (0..8).for_each(|_| world.ledger.fail_write(WriteFault::Refused));
        world.maintenance();
        let failed = "open: not written: a scripted fault";
        assert_eq!((asked(&world, "a").as_str(), &*world.standing("a")), (failed, standing(false)));
        world.maintenance();
        assert_eq!((asked(&world, "a").as_str(), &*world.standing("a")), ("done", standing(true)));
    }
}

/// What comes between the read of a request and its write: the write is lost, and decided anew.
#[test]
fn a_request_that_changes_meanwhile_is_read_again() {
    type Change = fn(&MemoryLedger, &ItemKey, DeliveryRequest);
    let changes: [(&str, Change, &str, &str); 4] = [
        ("the function has deleted it", |ledger, key, _| ledger.remove(key), "none", "3"),
        (
            "another invocation has done it, and the group was released",
            |ledger, key, request| {
                let done_at = Some(request.at);
                let done = DeliveryRequest { write_count: WriteCount(71), done_at, ..request };
                ledger.put(key.clone(), Item::DeliveryRequest(done));
            },
            "done",
            "3",
        ),
        (
            "another head asks for more",
            |ledger, key, request| {
                let more = DeliveryRequest { write_count: WriteCount(71), from: 1, ..request };
                ledger.put(key.clone(), Item::DeliveryRequest(more));
            },
            "done",
            "3 A:0..3 held",
        ),
        (
            "the fan-out has written the group",
            |ledger, _, _| {
                let key = ItemKey::Group(group_of("a"));
                let Some(Item::Group(mut item)) = ledger.get(&key) else { panic!() };
                item.write_count = WriteCount(item.write_count.0 + 1);
                ledger.put(key, Item::Group(item));
            },
            "done",
            "3 A:1..3 held",
        ),
    ];
    for (what, change, of_request, standing) in changes {
        let world = world();
        ask(&world, "a", "hold 2");
        let (key, request) = (request_key(&world, "A", "a"), request(&world, "hold 2"));
        world.ledger.before_write(move |ledger| change(ledger, &key, request));
        world.maintenance();
        assert_eq!((asked(&world, "a").as_str(), &*world.standing("a")), (of_request, standing), "{what}");
    }
}

#[test]
fn two_maintenance_runs_carry_a_request_out_once() {
    let world = world();
    world.request(json!({"request": "pause", "client": "A"})).unwrap();
    ask(&world, "a", "hold 2");
    ask(&world, "b", "replay 2");
    world.at_once(&[json!({"request": "maintenance"}), json!({"request": "maintenance"})]);
    assert_eq!((&*world.standing("a"), &*world.standing("b")), ("3 A:1..3 held", "2 A:1..2"));
    let Some(Item::Group(item)) = world.ledger.get(&ItemKey::Group(group_of("b"))) else { panic!() };
    assert_eq!(item.write_count, WriteCount(11), "written once");
}

#[test]
fn what_is_not_there_any_more_needs_nothing() {
    let world = world();
    // The ledger does not know the group, and the event table has nothing of it.
    ask(&world, "c", "hold 1");
    ask(&world, "d", "replay 1");
    world.maintenance();
    for group in ["c", "d"] {
        assert_eq!((asked(&world, group).as_str(), &*world.standing(group)), ("done", "unknown"));
    }
}

/// A world in which A's target had two events of an aggregate.
fn with_erasures() -> World {
    let world = World::of("A>! B");
    world.maintenance();
    world.put("a1@-90 a2@-80");
    world.stream("a1 a2");
    world.work(1);
    assert_eq!(world.got("A"), "a: 1 2");
    world
}

#[test]
fn a_group_that_was_erased_is_not_held_and_its_notice_comes_again() {
    let world = with_erasures();
    world.erase("a");
    world.work(2);
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("a: 1 2 3†", "2"));
    ask(&world, "a", "hold 2");
    world.maintenance_runs(2);
    assert_eq!((asked(&world, "a").as_str(), world.got("A").as_str()), ("done", "a: 1 2 3† 3†r"));
    assert_eq!(world.standing("a"), "2");
}

/// A hold or a replay would make the cursor one of the new incarnation, and the notice would be forgotten.
#[test]
fn a_client_is_told_of_the_erasure_first_whatever_is_asked_for() {
    for what in ["hold 1", "replay 1", "hold 3"] {
        let world = with_erasures();
        world.request(json!({"request": "pause", "client": "A"})).unwrap();
        world.erase("a");
        world.work(2);
        world.put("a1@-20 a2@-10");
        world.stream("a1 a2");
        world.work(2);
        let standing = world.standing("a");
        assert_eq!(standing, "2 A:2/1");
        ask(&world, "a", what);
        world.maintenance();
        assert_eq!((asked(&world, "a"), world.standing("a")), ("done".to_owned(), standing), "{what}");
        world.request(json!({"request": "resume", "client": "A"})).unwrap();
        world.work(2);
        assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("a: 1 2 3† 1 2", "2"), "{what}");
    }
}

#[test]
fn beyond_the_limit_of_held_groups_the_client_is_paused_and_what_is_asked_for_waits_for_it() {
    let world = world();
    for number in 0..HELD_LIMIT - 1 {
        let name = format!("g{number}");
        world.group(&name, 1, "A:0");
        let (reason, by) = ("fails".to_owned(), "push".to_owned());
        let hold = Some(Hold { reason, by, since: world.clock.now(), skipped: Vec::new() });
        world
            .ledger
            .put(world.cursor_key("A", &name), Item::Cursor(Cursor { hold, ..cursor(&world, &name) }));
    }
    world.ledger.set_cursors_in_page(500);
    // One more has room; and those that are held already.
    ask(&world, "a", "hold 2");
    ask(&world, "g7", "hold 1");
    world.maintenance();
    assert_eq!((world.registration("A").state, &*world.standing("a")), (State::Live, "3 A:1..3 held"));
    ask(&world, "b", "hold 2");
    ask(&world, "g8", "hold 1");
    world.maintenance();
    assert_eq!((world.registration("A").state, &*world.standing("b")), (State::Paused, "2 A:1..2"));
    assert_eq!((asked(&world, "b").as_str(), asked(&world, "g8").as_str()), ("done", "done"));
    assert_eq!(&*world.standing("g8"), "1 A:0..0 held");
    world.maintenance_runs(2);
    assert_eq!(world.got("A"), "");
    world.request(json!({"request": "resume", "client": "A"})).unwrap();
    world.maintenance();
    assert_eq!(world.got("A"), "b: 2r");
}

#[test]
fn how_many_are_held_is_not_known_and_so_nothing_is_held_yet() {
    let world = world();
    ask(&world, "a", "hold 2");
    ask(&world, "b", "replay 2");
    // Of the maintenance that catches up at the same time, and of the count.
    (0..3).for_each(|_| world.ledger.fail_cursors());
    world.maintenance();
    let why = "open: the client's groups: not read: a scripted fault; try again";
    assert_eq!((asked(&world, "a").as_str(), asked(&world, "b").as_str()), (why, "done"));
    world.maintenance();
    assert_eq!((asked(&world, "a").as_str(), &*world.standing("a")), ("done", "3 A:1..3 held"));
}

#[test]
fn one_that_fails_holds_up_no_other() {
    let world = world();
    ask(&world, "a", "hold 2");
    ask(&world, "b", "hold 2");
    (0..8).for_each(|_| world.ledger.fail_read(ItemKey::Group(group_of("a"))));
    world.maintenance();
    assert_eq!(asked(&world, "a"), "open: not read: a scripted fault");
    assert_eq!((asked(&world, "b").as_str(), &*world.standing("b")), ("done", "2 A:1..2 held"));
    world.maintenance();
    assert_eq!((asked(&world, "a").as_str(), &*world.standing("a")), ("done", "3 A:1..3 held"));
}

#[test]
fn thousands_of_requests_are_spread_over_maintenance_runs_and_others_are_served_meanwhile() {
    let world = world();
    world.group("b", 2, "B:0");
    let names: Vec<String> = (0..6_000).map(|number| format!("g{number:04}")).collect();
    for name in &names {
        world.group(name, 0, "");
        ask(&world, name, "replay 1");
    }
    world.ledger.set_cursors_in_page(1_000);
    world.maintenance();
    let count = |of: &str| names.iter().filter(|name| asked(&world, name) == of).count();
    assert_eq!((count("done"), count("open"), world.got("B").as_str()), (5_000, 1_000, "b: 1 2"));
    world.maintenance();
    assert_eq!(count("done"), 6_000);
}

#[test]
fn what_push_asked_for_a_retired_client_goes_and_what_its_target_has_stays() {
    let mut world = world();
    let id = world.registration("A").id;
    for group in ["a", "b", "c", "d"] {
        ask(&world, group, "hold 1");
    }
    let target = TargetState { write_count: WriteCount(1), ..TargetState::default() };
    world.ledger.put(ItemKey::Target(id), Item::Target(Box::new(target)));
    let delivery = Delivery {
        write_count: WriteCount(1),
        state: None,
        place: None,
        mark: None,
        refused: None,
        asked_at: None,
        unknown: [].into(),
    };
    let delivered = ItemKey::Delivery(id, group_of("a"));
    world.ledger.put(delivered.clone(), Item::Delivery(delivery));
    world.deploy("B");
    world.maintenance_runs(58);
    assert_eq!(asked_in(&world.ledger, &ItemKey::DeliveryRequest(id, group_of("a"))), "open");
    world.maintenance_runs(4);
    let left: Vec<ItemKey> =
        world.ledger.items().into_keys().filter(shared::ledger::push_writes::is_of_push).collect();
    assert_eq!(left, [delivered]);
    // A day later nobody looks any more.
    world.wait(24 * 3_600);
    world.ledger.forget_calls();
    world.maintenance();
    let queries = world.ledger.calls().queries;
    world.ledger.forget_calls();
    world.maintenance();
    assert_eq!(world.ledger.calls().queries, queries);
}

fn target(world: &World, is_gone: bool) -> TargetState {
    let at = world.clock.now();
    let reason = || "410 Gone".to_owned();
    TargetState {
        write_count: WriteCount(80),
        breaker: Some(OpenBreaker { since: at, probe_at: at, probes: 3, reason: reason(), alike: None }),
        gone: is_gone.then(|| Gone { since: at, reason: reason(), paused_at: None }),
        refusals: vec![Refusal { group: group_of("a"), alike: "400".to_owned(), at }],
        failure: Some(TargetFailure { at, group: group_of("a"), reason: reason() }),
        unknown: [("later".to_owned(), shared::ledger::stored::Value::Bool(true))].into(),
    }
}

fn target_key(world: &World) -> ItemKey {
    ItemKey::Target(world.registration("A").id)
}

fn target_now(world: &World) -> TargetState {
    match world.ledger.get(&target_key(world)) {
        Some(Item::Target(target)) => *target,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_whose_target_is_gone_is_paused_until_it_is_resumed() {
    let world = world();
    world.ledger.put(target_key(&world), Item::Target(Box::new(target(&world, true))));
    world.wait(90);
    world.group("b", 2, "A:0");
    world.maintenance();
    let paused_at = target_now(&world).gone.unwrap().paused_at;
    assert_eq!((world.registration("A").state, paused_at.is_some()), (State::Paused, true));
    let metrics = world.tally.borrow().to_string();
    assert!(metrics.contains("A: TargetFailingAge 90000"), "{metrics}");
    assert!(metrics.contains("TargetFailingAge 90000, TargetsGone 1"), "{metrics}");
    let paused = target_now(&world);
    world.maintenance_runs(2);
    assert_eq!(target_now(&world), paused, "it is noted once");

    let resume = json!({"request": "resume", "client": "A"});
    assert_eq!(
        world.request(resume.clone()).unwrap(),
        json!({"client": "A", "state": "live", "was": "paused"})
    );
    let resumed = target_now(&world);
    assert_eq!((&resumed.gone, &resumed.breaker, resumed.refusals.len()), (&None, &None, 0));
    assert_eq!((resumed.failure, resumed.unknown.len()), (paused.failure, 1), "what an operator reads stays");
    world.maintenance();
    assert_eq!((world.registration("A").state, world.got("A").as_str()), (State::Live, "b: 1 2"));
    assert!(!world.tally.borrow().to_string().contains("TargetFailingAge"));
    assert_eq!(world.request(resume).unwrap()["was"], json!("live"));
}

#[test]
fn an_open_circuit_breaker_pauses_nobody_and_a_resume_closes_it() {
    let world = world();
    world.ledger.put(target_key(&world), Item::Target(Box::new(target(&world, false))));
    world.maintenance();
    assert_eq!((world.registration("A").state, target_now(&world)), (State::Live, target(&world, false)));
    let answer = world.request(json!({"request": "resume", "client": "A"})).unwrap();
    assert_eq!((answer["was"].clone(), target_now(&world).breaker), (json!("live"), None));
}

#[test]
fn a_client_that_is_paused_already_stays_so_and_that_is_noted() {
    let world = world();
    world.request(json!({"request": "pause", "client": "A"})).unwrap();
    world.ledger.put(target_key(&world), Item::Target(Box::new(target(&world, true))));
    world.maintenance();
    assert!(target_now(&world).gone.unwrap().paused_at.is_some());
    assert_eq!(world.registration("A").state, State::Paused);
}

#[test]
fn the_pause_and_its_note_are_one_write_and_so_is_the_resume() {
    for fault in [WriteFault::Refused, WriteFault::UnknownDone, WriteFault::UnknownNotDone] {
        let world = world();
        world.ledger.put(target_key(&world), Item::Target(Box::new(target(&world, true))));
        world.ledger.fail_write(fault);
        world.maintenance();
        let is_noted = target_now(&world).gone.unwrap().paused_at.is_some();
        assert_eq!((world.registration("A").state, is_noted), (State::Paused, true), "{fault:?}");
        world.ledger.fail_write(fault);
        let answer = world.request(json!({"request": "resume", "client": "A"})).unwrap();
        assert_eq!((answer["was"].clone(), target_now(&world).gone), (json!("paused"), None), "{fault:?}");
        assert_eq!(world.registration("A").state, State::Live);
        world.maintenance();
        assert_eq!(world.registration("A").state, State::Live, "what was cleared pauses nobody");
    }
}

#[test]
fn a_target_that_changes_meanwhile_is_read_again() {
    // The operator resumes just before the pause is written.
    let world = world();
    let key = target_key(&world);
    world.ledger.put(key.clone(), Item::Target(Box::new(target(&world, true))));
    let well = TargetState { write_count: WriteCount(81), gone: None, breaker: None, ..target(&world, true) };
    let of = key.clone();
    world.ledger.before_write(move |ledger| ledger.put(of, Item::Target(Box::new(well))));
    world.maintenance();
    assert_eq!((world.registration("A").state, target_now(&world).gone), (State::Live, None));
    // A push function notes a failure just before the resume is written.
    world.request(json!({"request": "pause", "client": "A"})).unwrap();
    let failing = TargetState { write_count: WriteCount(82), ..target(&world, true) };
    world.ledger.put(key.clone(), Item::Target(Box::new(failing)));
    let later = TargetState { write_count: WriteCount(83), failure: None, ..target(&world, true) };
    world.ledger.before_write(move |ledger| ledger.put(key, Item::Target(Box::new(later))));
    world.request(json!({"request": "resume", "client": "A"})).unwrap();
    let resumed = target_now(&world);
    assert_eq!((world.registration("A").state, resumed.gone, resumed.failure), (State::Live, None, None));
}
