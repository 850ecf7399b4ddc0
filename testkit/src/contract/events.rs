//! What every [`EventTable`] must do. Each check wants a table of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use shared::config::{Path, Source};
use shared::event::Reader;
use shared::ids::{EventIdentity, Key};
use shared::ledger::{EventTable, EventTime, Page, Row, RowHead, ScanPosition, ScannedRow, Unread};
use shared::pattern::Pattern;

/// More items than a page has.
const ALL: u32 = 1_000_000;

/// An event table that can be written to.
pub trait Writable: EventTable {
    /// Puts an item, in DynamoDB's JSON.
    fn put(&self, item: &str) -> impl Future<Output = ()>;

    /// Deletes an item.
    fn delete(&self, key: &Key, sort: &Key) -> impl Future<Output = ()>;
}

/// The `[source]` of [`check_texts`]: the shipped one, whose keys are strings; the sort key is the time.
pub fn texts() -> Source {
    let attribute = |name: &str| Some(Path(vec![name.to_owned()]));
    Source {
        partition_key: "mark".to_owned(),
        sort_key: "createTime".to_owned(),
        id: attribute("eventId"),
        name: attribute("eventName"),
        time: attribute("createTime"),
        version: Path(vec!["RegistrationNumber".to_owned(), "version".to_owned()]).into(),
        filter: None,
    }
}

/// The `[source]` of [`check_numbers`]: partition key and sort key are numbers, and the sort key is the version.
/// Expressions cannot hold these names as they are.
pub fn numbers() -> Source {
    Source {
        partition_key: "key.name".to_owned(),
        sort_key: "size".to_owned(),
        id: None,
        name: None,
        time: Some(Path(vec!["a time".to_owned()])),
        version: Path(vec!["size".to_owned()]).into(),
        filter: None,
    }
}

/// The `[source]` of [`check_filtered`]: that of [`texts`], and only items of the kind `event` are events.
pub fn filtered() -> Source {
    let filter = Pattern::try_from_json("source.filter", r#"{"detail": {"kind": ["event"]}}"#);
    Source { filter: filter.ok(), ..texts() }
}

/// The check of a table for [`filtered`] that is empty before: pages and scans have events only, and go on past pages
/// without any.
pub async fn check_filtered(table: &impl Writable) {
    let put = async |version: i64, kind: &str| {
        let item = item("FILTERED", version, 2);
        let open = item.strip_suffix('}').expect("an object");
        table.put(&format!(r#"{open}, "detail": {{"M": {{"kind": {{"S": "{kind}"}}}}}}}}"#)).await;
    };
    let is_event = |version: &i64| version % 150 == 1;
    for version in 1..=310 {
        put(version, if is_event(&version) { "event" } else { "snapshot" }).await;
    }
    let rows = all_rows(table, &mark("FILTERED")).await;
    let versions: Vec<_> = rows.iter().map(|row| row.head.version).collect();
    assert_eq!(versions, [Some(301), Some(151), Some(1)]);
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = table.scan(after.as_ref(), 7).await.expect("a page");
        seen.extend(page.seen.into_iter().map(|row| row.head.version));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, [Some(1), Some(151), Some(301)]);
    assert!(has(table, &mark("FILTERED"), &sort(2)).await, "an item is there, admitted or not");
}

/// All checks, on a table for [`texts`] that is empty before. `padding` bytes in each item make pages full.
pub async fn check_texts(table: &impl Writable, padding: usize) {
    nothing_is_read_of_an_aggregate_without_items(table).await;
    pages_go_from_the_newest_to_the_oldest(table, padding).await;
    a_place_need_not_be_an_item(table).await;
    a_sort_key_that_is_used_again_has_another_identity(table).await;
    items_that_cannot_be_converted_have_a_reason(table).await;
    a_scan_keeps_aggregates_together(table, padding).await;
}

/// All checks, on a table for [`numbers`] that is empty before.
pub async fn check_numbers(table: &impl Writable) {
    let key = Key::N("7".to_owned());
    let sort = |version: i64| Key::N(version.to_string());
    let item = |version: i64| {
        format!(
            r#"{{"key.name": {{"N": "7"}}, "size": {{"N": "{version}"}}, "a time": {{"N": "{}"}}}}"#,
            1_800_000_000 + version
        )
    };
    for version in [10, 9, 1, 100, 2] {
        table.put(&item(version)).await;
    }
    let rows = all_rows(table, &key).await;
    let versions: Vec<_> = rows.iter().filter_map(|row| row.head.version).collect();
    assert_eq!(versions, [100, 10, 9, 2, 1], "by value");
    assert_eq!(
        rows.first().map(|row| (&row.head.identity, row.head.time)),
        Some((&sort(100).into(), EventTime::try_from_text("1800000100")))
    );
    let event = Reader::new(&numbers()).read(&item(100)).expect("an event");
    assert_eq!(rows.first().map(|row| &row.event), Some(&Ok(event)));
    assert!(has(table, &key, &sort(9)).await);
    assert!(!has(table, &key, &sort(3)).await);
    let mut seen = all_seen(table).await;
    seen.sort_by_key(|seen| seen.head.version);
    let expected = |version: i64| ScannedRow {
        key: key.clone(),
        head: RowHead {
            identity: sort(version).into(),
            version: Some(version),
            time: EventTime::try_from_text(&(1_800_000_000 + version).to_string()),
        },
    };
    assert_eq!(seen, [1, 2, 9, 10, 100].map(expected));
}

async fn nothing_is_read_of_an_aggregate_without_items(table: &impl Writable) {
    let page = table.page(&mark("none"), None).await.expect("a page");
    assert_eq!((page.rows, page.next), (Vec::new(), None));
    let page = table.page(&mark("none"), Some(&sort(1))).await.expect("a page");
    assert_eq!((page.rows, page.next), (Vec::new(), None));
    assert!(!has(table, &mark("none"), &sort(1)).await);
}

async fn pages_go_from_the_newest_to_the_oldest(table: &impl Writable, padding: usize) {
    // Neighbours, whose items must not be mixed.
    for name in ["PAG", "PAGE", "PAGES"] {
        table.put(&item(name, 1, padding)).await;
    }
    let versions: Vec<i64> = (1..=230).collect();
    // Not in their order: 37 and 230 have no common divisor.
    for place in versions.iter().map(|version| version * 37 % 230 + 1).filter(|version| *version > 1) {
        table.put(&item("PAGE", place, padding)).await;
    }
    let rows = all_rows(table, &mark("PAGE")).await;
    let reader = Reader::new(&texts());
    let expected = versions.iter().rev().map(|version| Row {
        head: head("PAGE", *version),
        event: Ok(reader.read(&item("PAGE", *version, padding)).expect("an event")),
    });
    let expected: Vec<_> = expected.collect();
    assert_eq!(rows.len(), expected.len());
    for (row, expected) in rows.iter().zip(&expected) {
        assert_eq!(row, expected);
    }
    let page = table.page(&mark("PAGE"), None).await.expect("a page");
    assert!(page.next.is_some() && page.rows.len() < 230, "{} of 230 items in a page", page.rows.len());
    let page = table.page(&mark("PAGE"), Some(&sort(1))).await.expect("a page");
    assert_eq!(page.rows, [], "before the oldest");
}

async fn a_place_need_not_be_an_item(table: &impl Writable) {
    for version in [1, 2, 4] {
        table.put(&item("GAP", version, 0)).await;
    }
    table.put(&item("GAP", 3, 0)).await;
    assert!(has(table, &mark("GAP"), &sort(3)).await);
    table.delete(&mark("GAP"), &sort(3)).await;
    assert!(!has(table, &mark("GAP"), &sort(3)).await);
    assert!(has(table, &mark("GAP"), &sort(2)).await);
    assert!(!has(table, &mark("GAPS"), &sort(2)).await);
    let older = rows_before(table, &mark("GAP"), Some(sort(3))).await;
    assert_eq!(older.iter().filter_map(|row| row.head.version).collect::<Vec<_>>(), [2, 1]);
    let seen =
        table.scan(Some(&ScanPosition { key: mark("GAP"), sort: sort(3) }), ALL).await.expect("a page").seen;
    let newer = seen.iter().take_while(|seen| seen.key == mark("GAP")).filter_map(|seen| seen.head.version);
    assert_eq!(newer.collect::<Vec<_>>(), [4]);
    for version in [1, 2, 4] {
        table.delete(&mark("GAP"), &sort(version)).await;
    }
}

async fn a_sort_key_that_is_used_again_has_another_identity(table: &impl Writable) {
    let own = item("AGAIN", 1, 0);
    let with_id = |id: &str| own.replace(r#"{"S": "AGAIN-1"}"#, id);
    for (item, id) in [
        (own.clone(), Some("AGAIN-1")),
        (with_id(r#"{"S": "another"}"#), Some("another")),
        (with_id(r#"{"N": "7"}"#), Some("7")),
        (with_id(r#"{"B": "VQ6EAA=="}"#), Some("VQ6EAA==")),
        (with_id(r#"{"BOOL": true}"#), None),
        (with_id(r#"{"S": ""}"#), None),
    ] {
        table.put(&item).await;
        let expected = EventIdentity { sort: sort(1), id: id.map(str::to_owned) };
        let rows = all_rows(table, &mark("AGAIN")).await;
        assert_eq!(rows.iter().map(|row| &row.head.identity).collect::<Vec<_>>(), [&expected]);
        if let Some(Row { event: Ok(event), .. }) = rows.first() {
            assert_eq!((event.identity(), event.id()), (&expected, id.expect("an event's id")));
        }
        assert_eq!(identity(table, &mark("AGAIN"), &sort(1)).await, Some(expected));
    }
    table.delete(&mark("AGAIN"), &sort(1)).await;
}

async fn items_that_cannot_be_converted_have_a_reason(table: &impl Writable) {
    let put = async |version: i64, from: &str, to: &str| {
        let text = item("BAD", version, 0);
        assert!(text.contains(from), "`{from}` in {text}");
        table.put(&text.replace(from, to)).await;
    };
    let long = "x".repeat(257);
    put(1, r#""eventId": {"S": "BAD-1"}, "#, "").await;
    put(2, r#"{"M": {"version": {"N": "2"}}}"#, r#"{"S": "2"}"#).await;
    put(3, r#"{"N": "3"}"#, r#"{"N": "0"}"#).await;
    put(4, r#"{"N": "4"}"#, r#"{"S": "0x4"}"#).await;
    put(5, "BAD-5", &long).await;
    put(6, r#"{"N": "6"}"#, r#"{"N": "18446744073709551616"}"#).await;
    put(7, r#""eventId""#, r#""eventId7": {"L": [{"SS": ["b", "a"]}, {"NULL": true}]}, "eventId""#).await;
    let rows = all_rows(table, &mark("BAD")).await;
    let found: Vec<_> = rows
        .iter()
        .rev()
        .map(|row| (row.head.version, row.event.as_ref().err().map(String::as_str)))
        .collect();
    let not_a_version = "`RegistrationNumber.version`, the event's version, is not a whole number from 1 to 999999999999999999";
    let expected = [
        (
            Some(1),
            Some("the event lacks `eventId`, its id; `[source]` in `client-queues.toml` says where it is"),
        ),
        (
            None,
            Some(
                "the event lacks `RegistrationNumber.version`, its version; `[source]` in `client-queues.toml` says where it is",
            ),
        ),
        (None, Some(not_a_version)),
        (None, Some(not_a_version)),
        (Some(5), Some("`eventId`, the event's id, has 257 bytes; at most 256 are sent")),
        (None, Some(not_a_version)),
        (Some(7), None),
    ];
    assert_eq!(found, expected);
    for (row, version) in rows.iter().rev().zip(1..) {
        let RowHead { identity, time, .. } = head("BAD", version);
        // What can be no event's id is none.
        let id = identity.id.filter(|_| ![1, 5].contains(&version));
        assert_eq!(row.head.identity, EventIdentity { sort: identity.sort, id });
        assert_eq!(row.head.time, time);
    }
}

async fn a_scan_keeps_aggregates_together(table: &impl Writable, padding: usize) {
    for name in 0..20_i64 {
        for version in 1..=name % 5 + 1 {
            table.put(&item(&format!("SCAN {name}"), version, padding)).await;
        }
    }
    let first = table.scan(None, ALL).await.expect("a page");
    assert!(first.next.is_some(), "all in a page");
    let all = all_seen(table).await;
    let mut seen = BTreeMap::<String, Vec<ScannedRow>>::new();
    let mut passed = BTreeSet::new();
    let mut current = None;
    for item in all {
        let Key::S(name) = &item.key else { panic!("{item:?}") };
        if current.as_ref() != Some(name) {
            passed.extend(current.replace(name.clone()));
            assert!(!passed.contains(name), "the items of {name} are apart");
        }
        seen.entry(name.clone()).or_default().push(item);
    }
    for name in 0..20_i64 {
        let name_of = format!("SCAN {name}");
        let expected = (1..=name % 5 + 1)
            .map(|version| ScannedRow { key: mark(&name_of), head: head(&name_of, version) });
        assert_eq!(seen.get(&name_of), Some(&expected.collect::<Vec<_>>()), "{name_of}");
    }
    let bad = seen.get("BAD").expect("the items that cannot be converted");
    assert_eq!(
        bad.iter().map(|seen| seen.head.version).collect::<Vec<_>>(),
        [Some(1), None, None, None, Some(5), None, Some(7)]
    );
    assert_eq!(seen.get("PAGE").map(Vec::len), Some(230));
    assert_eq!(seen.get("GAP"), None);
}

/// All rows of an aggregate, page by page.
async fn all_rows(table: &impl EventTable, key: &Key) -> Vec<Row> {
    rows_before(table, key, None).await
}

/// The rows, page after page. Their heads are the same if they are read by themselves.
async fn rows_before(table: &impl EventTable, key: &Key, before: Option<Key>) -> Vec<Row> {
    let rows = all_pages(before.clone(), async |before| table.page(key, before.as_ref()).await).await;
    let heads = all_pages(before, async |before| table.heads(key, before.as_ref()).await).await;
    assert_eq!(rows.iter().map(|row| row.head.clone()).collect::<Vec<_>>(), heads);
    rows
}

async fn all_pages<R>(
    mut before: Option<Key>,
    read: impl AsyncFn(Option<Key>) -> Result<Page<R>, Unread>,
) -> Vec<R> {
    let mut all = Vec::new();
    loop {
        let page = read(before.clone()).await.expect("a page");
        all.extend(page.rows);
        if page.next.is_none() {
            return all;
        }
        assert_ne!(page.next, before, "a page that leads nowhere");
        before = page.next;
    }
}

async fn all_seen(table: &impl EventTable) -> Vec<ScannedRow> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = table.scan(after.as_ref(), ALL).await.expect("a page");
        all.extend(page.seen);
        assert!(page.next.is_none() || page.next != after, "a page that leads nowhere");
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

async fn has(table: &impl EventTable, key: &Key, sort: &Key) -> bool {
    identity(table, key, sort).await.is_some()
}

async fn identity(table: &impl EventTable, key: &Key, sort: &Key) -> Option<EventIdentity> {
    table.identity(key, sort).await.expect("an answer")
}

fn head(name: &str, version: i64) -> RowHead {
    RowHead {
        identity: EventIdentity { sort: sort(version), id: Some(format!("{name}-{version}")) },
        version: Some(version),
        time: EventTime::try_from_text(&time(version)),
    }
}

fn mark(name: &str) -> Key {
    Key::S(name.to_owned())
}

/// When the event of this version happened.
fn time(version: i64) -> String {
    format!("2026-01-05T{:02}:{:02}:00.500Z", 9 + version / 60, version % 60)
}

fn sort(version: i64) -> Key {
    Key::S(time(version))
}

fn item(name: &str, version: i64, padding: usize) -> String {
    let padding = "é".repeat(padding / 2);
    format!(
        r#"{{"mark": {{"S": "{name}"}}, "createTime": {{"S": "{}"}}, "eventId": {{"S": "{name}-{version}"}}, "eventName": {{"S": "made"}}, "RegistrationNumber": {{"M": {{"version": {{"N": "{version}"}}}}}}, "price": {{"N": "299.9"}}, "padding": {{"S": "{padding}"}}}}"#,
        time(version)
    )
}
