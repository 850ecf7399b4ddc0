//! What push functions write, and how catch-up finds what they ask for.

use shared::consumer::{AskedReplay, ConsumerState};
use shared::ids::{Group, IncarnationToken, ReplayId};
use shared::ledger::{
    ALIKE_LIMIT, ClientId, Condition, Delivery, DeliveryRequest, DeliveryRequestKind, Gone, Item, ItemKey,
    Ledger, OpenBreaker, QueuePlace, Refusal, RefusedHead, TargetFailure, TargetState, WRITE_LIMIT,
    WriteCount,
};

use super::{at, delete, done, group, lost, put, read};

/// All checks, with clients of their own. A page of requests holds fewer than `requests_beyond_a_page`.
pub(super) async fn check(ledger: &impl Ledger, requests_beyond_a_page: usize) {
    every_kind_of_item_is_read_as_it_was_written(ledger).await;
    a_condition_decides_each_write(ledger).await;
    requests_come_in_the_order_of_their_groups_and_nothing_else(ledger).await;
    requests_come_in_pages(ledger, requests_beyond_a_page).await;
}

async fn every_kind_of_item_is_read_as_it_was_written(ledger: &impl Ledger) {
    let token = IncarnationToken::try_new("0123456789abcdef").ok();
    let shown_by = ReplayId::try_new(&"r".repeat(40)).ok();
    let asked =
        AskedReplay { from: -1, incarnation: token.clone(), shown_by: shown_by.clone(), is_sent: false };
    let full = Delivery {
        write_count: WriteCount(u64::MAX),
        state: Some(ConsumerState { version: 7, incarnation: token.clone(), asked: Some(asked) }),
        place: Some(QueuePlace { sequence_number: u128::MAX, sent_at: at(2) }),
        mark: Some("4".repeat(128)),
        refused: Some(RefusedHead { version: 8, incarnation: token.clone(), since: at(1) }),
        asked_at: Some(at(2)),
        unknown: [].into(),
    };
    let empty =
        Delivery { state: None, place: None, mark: None, refused: None, asked_at: None, ..full.clone() };
    let hold = DeliveryRequest {
        kind: DeliveryRequestKind::Hold { reason: "400: \"\u{1F4A5}\"".to_owned() },
        incarnation: token,
        shown_by,
        done_at: Some(at(2)),
        failure: Some("throttled".to_owned()),
        ..request(u64::MAX)
    };
    let reason = || "no answer".to_owned();
    let refusal =
        |index| Refusal { group: group(&format!("push-{index}")), alike: "400".to_owned(), at: at(index) };
    let failing = TargetState {
        write_count: WriteCount(u64::MAX),
        breaker: Some(OpenBreaker {
            since: at(1),
            probe_at: at(2),
            probes: u32::MAX,
            reason: reason(),
            alike: Some("400".to_owned()),
        }),
        gone: Some(Gone { since: at(3), reason: reason(), paused_at: Some(at(4)) }),
        refusals: (0..ALIKE_LIMIT as u64).map(refusal).collect(),
        failure: Some(TargetFailure { at: at(5), group: group("push"), reason: reason() }),
        unknown: [].into(),
    };
    let well = TargetState { write_count: WriteCount(1), ..TargetState::default() };
    let client = ClientId(u32::MAX);
    for (key, item) in [
        (ItemKey::Delivery(client, group("kinds")), Item::Delivery(full)),
        (ItemKey::Delivery(client, group("kinds-2")), Item::Delivery(empty)),
        (ItemKey::DeliveryRequest(client, group("kinds")), Item::DeliveryRequest(hold)),
        (ItemKey::DeliveryRequest(client, group("kinds-2")), Item::DeliveryRequest(request(1))),
        (ItemKey::Target(client), Item::Target(Box::new(failing))),
        (ItemKey::Target(ClientId(0)), Item::Target(Box::new(well))),
    ] {
        assert_eq!(read(ledger, &key).await, None, "{key:?} before");
        done(ledger, &[put(&key, Condition::Absent, &item)]).await;
        assert_eq!(read(ledger, &key).await.as_ref(), Some(&item), "{key:?}");
    }
}

async fn a_condition_decides_each_write(ledger: &impl Ledger) {
    let key = ItemKey::DeliveryRequest(ClientId(80), group("conditions"));
    let item = |write_count| Item::DeliveryRequest(request(write_count));
    let of = |write_count| Condition::WriteCount(WriteCount(write_count));
    done(ledger, &[put(&key, Condition::Absent, &item(1))]).await;
    lost(ledger, &[put(&key, Condition::Absent, &item(2))]).await;
    lost(ledger, &[delete(&key, of(2))]).await;
    // As it is carried out: with what it changes, all or nothing.
    let held = ItemKey::Lease(ClientId(80));
    let lease = Item::Lease(shared::ledger::Lease::unheld());
    lost(ledger, &[put(&held, Condition::Absent, &lease), put(&key, of(7), &item(8))]).await;
    assert_eq!(read(ledger, &held).await, None);
    done(ledger, &[put(&held, Condition::Absent, &lease), put(&key, of(1), &item(2))]).await;
    assert_eq!(read(ledger, &key).await, Some(item(2)));
    done(ledger, &[delete(&key, of(2))]).await;
    assert_eq!(read(ledger, &key).await, None);
}

async fn requests_come_in_the_order_of_their_groups_and_nothing_else(ledger: &impl Ledger) {
    let client = ClientId(91);
    assert_eq!(all_requests(ledger, client, None).await, [], "no request");
    let names = ["B", "a", "a-", "a0", "b"];
    // Neighbours in the table's keys, whose requests must not be mixed; and other items of the same partition.
    for client in [9, 91, 911].map(ClientId) {
        for (write_count, name) in (0..).zip(["b", "a", "B", "a0", "a-"]) {
            let key = ItemKey::DeliveryRequest(client, group(name));
            let request = request(write_count + u64::from(client.0));
            done(ledger, &[put(&key, Condition::Absent, &Item::DeliveryRequest(request))]).await;
            let state = Delivery {
                write_count: WriteCount(1),
                state: None,
                place: None,
                mark: None,
                refused: None,
                asked_at: None,
                unknown: [].into(),
            };
            let key = ItemKey::Delivery(client, group(name));
            done(ledger, &[put(&key, Condition::Absent, &Item::Delivery(state))]).await;
        }
        let target = TargetState { write_count: WriteCount(1), ..TargetState::default() };
        let key = ItemKey::Target(client);
        done(ledger, &[put(&key, Condition::Absent, &Item::Target(Box::new(target)))]).await;
    }
    let write_counts = [2, 1, 4, 3, 0];
    let expected = names.iter().zip(write_counts).map(|(name, count)| (group(name), request(91 + count)));
    assert_eq!(all_requests(ledger, client, None).await, expected.collect::<Vec<_>>());
    // Any place may be given, with or without a request.
    for (place, expected) in
        [("!", 5), ("B", 4), ("Z", 4), ("a", 3), ("a.", 2), ("aa", 1), ("b", 0), ("~", 0)]
    {
        let listed = all_requests(ledger, client, Some(group(place))).await;
        let listed: Vec<Group> = listed.into_iter().map(|(group, _)| group).collect();
        let expected = names.iter().skip(names.len() - expected).map(|name| group(name));
        assert_eq!(listed, expected.collect::<Vec<_>>(), "after {place}");
    }
}

async fn requests_come_in_pages(ledger: &impl Ledger, count: usize) {
    let client = ClientId(92);
    // Groups of full length, so that a page is full soon.
    let groups: Vec<_> = (0..count).map(|index| group(&format!("{index:0>128}"))).collect();
    let key = |group: &Group| ItemKey::DeliveryRequest(client, group.clone());
    let item = Item::DeliveryRequest(request(1));
    let writes: Vec<_> = groups.iter().map(|group| put(&key(group), Condition::Absent, &item)).collect();
    for writes in writes.chunks(WRITE_LIMIT) {
        done(ledger, writes).await;
    }
    let page = ledger.delivery_requests(client, None).await.expect("a page");
    assert!(!page.is_empty() && page.len() < count, "{} of {count} requests in a page", page.len());
    let listed: Vec<_> =
        all_requests(ledger, client, None).await.into_iter().map(|(group, _)| group).collect();
    assert_eq!(listed, groups);
}

async fn all_requests(
    ledger: &impl Ledger,
    client: ClientId,
    mut after: Option<Group>,
) -> Vec<(Group, DeliveryRequest)> {
    let mut all = Vec::new();
    loop {
        let page = ledger.delivery_requests(client, after.as_ref()).await.expect("a page");
        let Some((last, _)) = page.last() else { return all };
        assert!(after.as_ref().is_none_or(|after| last > after), "{last} comes after {after:?}");
        after = Some(last.clone());
        all.extend(page);
    }
}

/// A replay from version 8 on, not yet done.
fn request(write_count: u64) -> DeliveryRequest {
    DeliveryRequest {
        write_count: WriteCount(write_count),
        kind: DeliveryRequestKind::Replay,
        from: 8,
        incarnation: None,
        shown_by: None,
        id: ReplayId::try_new("r-1").expect("an id"),
        at: at(1_763_632_800_000),
        done_at: None,
        failure: None,
        unknown: [].into(),
    }
}
