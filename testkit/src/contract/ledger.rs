//! What every [`Ledger`] must do. Each check uses items of its own, so that one table serves them all.

mod push;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use shared::config::{ClientName, VERSION_LIMIT};
use shared::filter::FilterDigest;
use shared::ids::{EventIdentity, Group, IncarnationToken, Key, ReplayId};
use shared::ledger::{
    ClientId, Condition, Cursor, EventTime, First, GroupItem, HOLES_LIMIT, Item, ItemKey, LastSent, Lease,
    Ledger, Pause, READ_LIMIT, RefusedEvent, Registration, Registry, Repetition, RequestAllowance, Scan,
    ScanKind, State, WRITE_LIMIT, Write, WriteCount, WriteError,
};
use shared::time::Timestamp;

/// All checks, on a ledger that is empty before. A page of cursors holds fewer than `cursors_beyond_a_page`.
pub async fn check(ledger: &impl Ledger, cursors_beyond_a_page: usize) {
    every_kind_of_item_is_read_as_it_was_written(ledger).await;
    a_condition_decides_each_write(ledger).await;
    a_transaction_is_done_as_a_whole_or_not_at_all(ledger).await;
    a_transaction_deletes_too(ledger).await;
    a_read_answers_each_key_in_order(ledger).await;
    groups_differ_by_every_character(ledger).await;
    large_items_are_kept(ledger).await;
    cursors_come_in_the_order_of_their_groups(ledger).await;
    cursors_come_in_pages(ledger, cursors_beyond_a_page).await;
    push::check(ledger, cursors_beyond_a_page).await;
    fresh_values_are_never_given_twice(ledger);
}

async fn every_kind_of_item_is_read_as_it_was_written(ledger: &impl Ledger) {
    let number = Key::N(format!("-{}", "9".repeat(38)));
    let bytes = Key::B((0..=255).collect());
    let billing = Registration {
        id: ClientId(u32::MAX),
        state: State::Paused,
        pause: Some(Pause { since: at(3), by: "an operator".to_owned(), reason: Some("moves".to_owned()) }),
        history: true,
        filter: FilterDigest::of(None),
        erasures: false,
        since: u64::MAX,
        absent_at: Some(at(1)),
        retired_at: None,
        unknown: [].into(),
    };
    let retired = Registration { state: State::Retired, retired_at: Some(at(2)), ..billing.clone() };
    let live =
        Registration { state: State::Live, pause: None, history: false, absent_at: None, ..billing.clone() };
    let clients = [("Billing", billing), ("Parking", retired), ("a", live)];
    let clients = clients.map(|(name, client)| (ClientName::try_new(name).expect("a name"), client));
    let registry = Registry {
        write_count: WriteCount(u64::MAX),
        revision: u64::MAX,
        start: at(1_763_632_800_125),
        clients: BTreeMap::from(clients),
        unknown: [].into(),
    };
    let full = GroupItem {
        version: VERSION_LIMIT,
        behind: BTreeSet::from([ClientId(0), ClientId(7), ClientId(u32::MAX)]),
        revision: u64::MAX,
        incarnation_number: u64::MAX,
        first: First {
            identity: EventIdentity { sort: number.clone(), id: Some("an id".to_owned()) },
            version: VERSION_LIMIT,
        },
        time: Some(EventTime::from_nanos(1_763_632_800_000_000_001)),
        streamed_at: Some(Timestamp::from_millis(1_763_632_800_001)),
        key: bytes.clone(),
        holes: (0..HOLES_LIMIT as i64).map(|hole| VERSION_LIMIT - hole).collect(),
        ..group_item(u64::MAX)
    };
    let id = ReplayId::try_new(&"r".repeat(40)).ok();
    let replay = id.map(|id| Repetition { id, until: VERSION_LIMIT, settles_at: None });
    let full_cursor = Cursor { epoch: u64::MAX, position: -1, last: Some(0), replay, ..cursor(u64::MAX) };
    let lease = Lease {
        write_count: WriteCount(1),
        holder: u64::MAX,
        until: at(3),
        groups: vec![group("kinds"), group("kinds-2")],
        failures: u32::MAX,
        not_before: at(0),
        failure: Some("no such queue".to_owned()),
        refused: vec![RefusedEvent { group: group("kinds-3"), reason: "too long".to_owned() }],
        unknown: [].into(),
    };
    let idle = Lease { groups: Vec::new(), failures: 0, failure: None, refused: Vec::new(), ..lease.clone() };
    let scan = Scan {
        write_count: WriteCount(1),
        revision: 1,
        at: at(4),
        after: Some((bytes, number)),
        is_on: true,
        unknown: [].into(),
    };
    let ended = Scan { after: None, is_on: false, ..scan.clone() };
    let allowance =
        RequestAllowance { write_count: WriteCount(1), left: u32::MAX, at: at(5), unknown: [].into() };
    let client = ClientId(u32::MAX);
    for (key, item) in [
        (ItemKey::Registry, Item::Registry(registry)),
        (ItemKey::Group(group("kinds")), Item::Group(Box::new(full))),
        (ItemKey::Group(group("kinds-2")), Item::Group(Box::new(group_item(1)))),
        (ItemKey::Cursor(client, group("kinds")), Item::Cursor(full_cursor)),
        (ItemKey::Cursor(client, group("kinds-2")), Item::Cursor(cursor(1))),
        (ItemKey::Lease(client), Item::Lease(lease)),
        (ItemKey::Lease(ClientId(0)), Item::Lease(idle)),
        (ItemKey::Scan(ScanKind::History), Item::Scan(scan)),
        (ItemKey::Scan(ScanKind::Reconcile), Item::Scan(ended)),
        (ItemKey::Requests(client), Item::Requests(allowance)),
    ] {
        assert_eq!(read(ledger, &key).await, None, "{key:?} before");
        done(ledger, &[put(&key, Condition::Absent, &item)]).await;
        assert_eq!(read(ledger, &key).await.as_ref(), Some(&item), "{key:?}");
    }
}

async fn a_condition_decides_each_write(ledger: &impl Ledger) {
    let key = ItemKey::Group(group("conditions"));
    let (first, second) = (numbered(1), numbered(2));
    lost(ledger, &[put(&key, Condition::WriteCount(WriteCount(1)), &first)]).await;
    lost(ledger, &[delete(&key, Condition::WriteCount(WriteCount(1)))]).await;
    assert_eq!(read(ledger, &key).await, None);

    done(ledger, &[put(&key, Condition::Absent, &first)]).await;
    lost(ledger, &[put(&key, Condition::Absent, &second)]).await;
    lost(ledger, &[put(&key, Condition::WriteCount(WriteCount(2)), &second)]).await;
    lost(ledger, &[delete(&key, Condition::WriteCount(WriteCount(0)))]).await;
    lost(ledger, &[delete(&key, Condition::Absent)]).await;
    assert_eq!(read(ledger, &key).await.as_ref(), Some(&first));

    done(ledger, &[put(&key, Condition::WriteCount(WriteCount(1)), &second)]).await;
    lost(ledger, &[put(&key, Condition::WriteCount(WriteCount(1)), &numbered(3))]).await;
    assert_eq!(read(ledger, &key).await.as_ref(), Some(&second));

    done(ledger, &[delete(&key, Condition::WriteCount(WriteCount(2)))]).await;
    assert_eq!(read(ledger, &key).await, None);
    lost(ledger, &[delete(&key, Condition::WriteCount(WriteCount(2)))]).await;
    done(ledger, &[put(&key, Condition::Absent, &numbered(u64::MAX))]).await;
    lost(ledger, &[put(&key, Condition::WriteCount(WriteCount(u64::MAX - 1)), &first)]).await;
    done(ledger, &[put(&key, Condition::WriteCount(WriteCount(u64::MAX)), &first)]).await;
}

async fn a_transaction_is_done_as_a_whole_or_not_at_all(ledger: &impl Ledger) {
    for count in [2, 3, WRITE_LIMIT] {
        let keys: Vec<_> =
            (0..count).map(|index| ItemKey::Group(group(&format!("all-{count}-{index}")))).collect();
        let all =
            |condition, item: &Item| -> Vec<_> { keys.iter().map(|key| put(key, condition, item)).collect() };
        // Whichever condition does not hold.
        for stray in [0, count / 2, count - 1] {
            let mut writes = all(Condition::Absent, &numbered(1));
            if let Some(write) = writes.get_mut(stray) {
                write.condition = Condition::WriteCount(WriteCount(1));
            }
            lost(ledger, &writes).await;
            assert_eq!(read_all(ledger, &keys).await, vec![None; count], "nothing of {count}");
        }
        done(ledger, &all(Condition::Absent, &numbered(1))).await;
        assert_eq!(read_all(ledger, &keys).await, vec![Some(numbered(1)); count], "all of {count}");
        lost(ledger, &all(Condition::Absent, &numbered(2))).await;
        done(ledger, &all(Condition::WriteCount(WriteCount(1)), &numbered(2))).await;
        assert_eq!(read_all(ledger, &keys).await, vec![Some(numbered(2)); count]);
    }
}

async fn a_transaction_deletes_too(ledger: &impl Ledger) {
    let group_key = ItemKey::Group(group("up-to-date"));
    let cursor_key = ItemKey::Cursor(ClientId(50), group("up-to-date"));
    let cursor = Item::Cursor(cursor(7));
    let behind =
        [put(&group_key, Condition::Absent, &numbered(1)), put(&cursor_key, Condition::Absent, &cursor)];
    done(ledger, &behind).await;
    let up_to_date = |write_count| {
        [
            put(&group_key, Condition::WriteCount(WriteCount(1)), &numbered(2)),
            delete(&cursor_key, Condition::WriteCount(WriteCount(write_count))),
        ]
    };
    lost(ledger, &up_to_date(8)).await;
    assert_eq!(
        read_all(ledger, &[group_key.clone(), cursor_key.clone()]).await,
        [Some(numbered(1)), Some(cursor)]
    );
    done(ledger, &up_to_date(7)).await;
    assert_eq!(read_all(ledger, &[group_key.clone(), cursor_key.clone()]).await, [Some(numbered(2)), None]);
}

async fn a_read_answers_each_key_in_order(ledger: &impl Ledger) {
    let key = |index: usize| ItemKey::Group(group(&format!("read-{index}")));
    let number = |index: usize| Item::Group(Box::new(group_item(index as u64)));
    // Every third is missing.
    let is_there = |index: &usize| !index.is_multiple_of(3);
    let there: Vec<_> = (0..READ_LIMIT).filter(is_there).collect();
    let writes: Vec<_> =
        there.iter().map(|index| put(&key(*index), Condition::Absent, &number(*index))).collect();
    done(ledger, &writes).await;
    for count in [1, 2, 11, READ_LIMIT] {
        let order: Vec<_> = (0..count).rev().collect();
        let keys: Vec<_> = order.iter().map(|index| key(*index)).collect();
        let expected: Vec<_> = order.iter().map(|index| is_there(index).then(|| number(*index))).collect();
        assert_eq!(read_all(ledger, &keys).await, expected, "{count} items");
    }
    let twice = [key(1), key(0), key(1)];
    assert_eq!(read_all(ledger, &twice).await, [Some(number(1)), None, Some(number(1))], "a key twice");
    let kinds = [ItemKey::Lease(ClientId(51)), key(2), ItemKey::Cursor(ClientId(51), group("read-2"))];
    assert_eq!(read_all(ledger, &kinds).await, [None, Some(number(2)), None], "of several kinds");
}

async fn groups_differ_by_every_character(ledger: &impl Ledger) {
    // All that a `MessageGroupId` may hold.
    let mut groups: Vec<_> = ('!'..='~').map(|character| group(&character.to_string())).collect();
    groups.push(group(&('!'..='~').collect::<String>()));
    groups.push(group(&"~".repeat(128)));
    groups.push(group("group#x"));
    let client = ClientId(52);
    for (index, name) in groups.iter().enumerate() {
        let write_count = index as u64;
        let writes = [
            put(&ItemKey::Group(name.clone()), Condition::Absent, &numbered(write_count)),
            put(
                &ItemKey::Cursor(client, name.clone()),
                Condition::Absent,
                &Item::Cursor(cursor(write_count)),
            ),
        ];
        done(ledger, &writes).await;
    }
    let keys: Vec<_> = groups.iter().cloned().map(ItemKey::Group).collect();
    let expected: Vec<_> = (0..groups.len() as u64).map(|write_count| Some(numbered(write_count))).collect();
    assert_eq!(read_all(ledger, &keys).await, expected);
    let write_counts: BTreeMap<_, _> = groups.iter().cloned().zip((0..).map(WriteCount)).collect();
    let listed =
        all_cursors(ledger, client).await.into_iter().map(|(group, cursor)| (group, cursor.write_count));
    assert_eq!(
        listed.collect::<Vec<_>>(),
        write_counts.into_iter().collect::<Vec<_>>(),
        "in the order of their bytes"
    );
}

async fn large_items_are_kept(ledger: &impl Ledger) {
    let all_clients = (0..1_000).map(ClientId).collect();
    let item = Item::Group(Box::new(GroupItem { behind: all_clients, ..group_item(1) }));
    let key = ItemKey::Group(group("all-clients"));
    done(ledger, &[put(&key, Condition::Absent, &item)]).await;
    assert_eq!(read(ledger, &key).await, Some(item));
}

async fn cursors_come_in_the_order_of_their_groups(ledger: &impl Ledger) {
    assert_eq!(all_cursors(ledger, ClientId(60)).await, [], "no cursor");
    // Neighbours in the table's keys, whose cursors must not be mixed.
    for client in [6, 61, 611] {
        for (write_count, name) in (0..).zip(["b", "a", "B", "a0", "a-"]) {
            let key = ItemKey::Cursor(ClientId(client), group(name));
            done(
                ledger,
                &[put(&key, Condition::Absent, &Item::Cursor(cursor(write_count + u64::from(client))))],
            )
            .await;
        }
    }
    let names = ["B", "a", "a-", "a0", "b"];
    let write_counts = [2, 1, 4, 3, 0];
    let listed: Vec<_> = all_cursors(ledger, ClientId(61)).await;
    let expected =
        names.iter().zip(write_counts).map(|(name, write_count)| (group(name), cursor(61 + write_count)));
    assert_eq!(listed, expected.collect::<Vec<_>>());
    // Any place may be given, with or without a cursor.
    for (place, expected) in
        [("!", 5), ("B", 4), ("Z", 4), ("a", 3), ("a.", 2), ("aa", 1), ("b", 0), ("~", 0)]
    {
        let listed = cursors_after(ledger, ClientId(61), Some(group(place))).await;
        let expected = names.get(names.len() - expected..).map(|names| names.iter().map(|name| group(name)));
        let listed = listed.into_iter().map(|(group, _)| group);
        assert_eq!(
            listed.collect::<Vec<_>>(),
            expected.expect("as many").collect::<Vec<_>>(),
            "after {place}"
        );
    }
}

async fn cursors_come_in_pages(ledger: &impl Ledger, count: usize) {
    let client = ClientId(70);
    // Groups of full length, so that a page is full soon.
    let groups: Vec<_> = (0..count).map(|index| group(&format!("{index:0>128}"))).collect();
    let writes: Vec<_> = groups
        .iter()
        .map(|group| {
            put(&ItemKey::Cursor(client, group.clone()), Condition::Absent, &Item::Cursor(cursor(1)))
        })
        .collect();
    for writes in writes.chunks(WRITE_LIMIT) {
        done(ledger, writes).await;
    }
    let page = ledger.cursors(client, None).await.expect("a page");
    assert!(!page.is_empty() && page.len() < count, "{} of {count} cursors in a page", page.len());
    let listed: Vec<_> = all_cursors(ledger, client).await.into_iter().map(|(group, _)| group).collect();
    assert_eq!(listed, groups);
}

fn fresh_values_are_never_given_twice(ledger: &impl Ledger) {
    let mut seen = HashSet::new();
    for _ in 0..10_000 {
        assert!(seen.insert(ledger.fresh()), "a value twice");
    }
}

/// Reads one item.
async fn read(ledger: &impl Ledger, key: &ItemKey) -> Option<Item> {
    let mut items = read_all(ledger, std::slice::from_ref(key)).await;
    items.pop().flatten()
}

async fn read_all(ledger: &impl Ledger, keys: &[ItemKey]) -> Vec<Option<Item>> {
    let items = ledger.read(keys).await;
    assert_eq!(items.len(), keys.len(), "an answer for each key");
    items.into_iter().map(|item| item.expect("read")).collect()
}

async fn done(ledger: &impl Ledger, writes: &[Write]) {
    if let Err(error) = ledger.write(writes).await {
        panic!("{error}: {writes:?}");
    }
}

async fn lost(ledger: &impl Ledger, writes: &[Write]) {
    let result = ledger.write(writes).await;
    assert!(matches!(result, Err(WriteError::Lost)), "{result:?}: {writes:?}");
}

async fn all_cursors(ledger: &impl Ledger, client: ClientId) -> Vec<(Group, Cursor)> {
    cursors_after(ledger, client, None).await
}

async fn cursors_after(
    ledger: &impl Ledger,
    client: ClientId,
    mut after: Option<Group>,
) -> Vec<(Group, Cursor)> {
    let mut all = Vec::new();
    loop {
        let page = ledger.cursors(client, after.as_ref()).await.expect("a page");
        let Some((last, _)) = page.last() else { return all };
        assert!(after.as_ref().is_none_or(|after| last > after), "{last} comes after {after:?}");
        after = Some(last.clone());
        all.extend(page);
    }
}

fn put(key: &ItemKey, condition: Condition, item: &Item) -> Write {
    Write { key: key.clone(), condition, item: Some(item.clone()) }
}

fn delete(key: &ItemKey, condition: Condition) -> Write {
    Write { key: key.clone(), condition, item: None }
}

fn group(name: &str) -> Group {
    Group::try_from_sqs(name).expect("a group")
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn group_item(write_count: u64) -> GroupItem {
    GroupItem {
        write_count: WriteCount(write_count),
        version: 7,
        behind: BTreeSet::new(),
        sent: LastSent::new(Some(7), [(ClientId(1), None), (ClientId(u32::MAX), Some(6))]),
        revision: 1,
        incarnation_number: 1,
        token: IncarnationToken::try_new("0123456789abcdef").expect("a token"),
        first: First { identity: Key::S("2025-03-01T09:30:00Z".to_owned()).into(), version: 1 },
        time: None,
        streamed_at: None,
        key: Key::S("AFC F5".to_owned()),
        holes: Vec::new(),
        pairs: Vec::new(),
        closed: None,
        unknown: [].into(),
    }
}

fn numbered(write_count: u64) -> Item {
    Item::Group(Box::new(group_item(write_count)))
}

fn cursor(write_count: u64) -> Cursor {
    Cursor {
        write_count: WriteCount(write_count),
        epoch: 1,
        incarnation_number: 1,
        position: 3,
        last: Some(2),
        replay: None,
        at: at(1_763_632_800_000),
        hold: None,
        unknown: [].into(),
    }
}
