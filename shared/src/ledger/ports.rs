//! What the ledger's logic needs of the world: the ledger's table, the event table, and nothing else.

use std::collections::BTreeMap;
use std::future::Future;

use super::{
    ClientId, Cursor, DamagedItem, Delivery, DeliveryRequest, ErasureReceipt, EventTime, GroupItem, Lease,
    ReceiptPlace, Registry, RequestAllowance, Scan, ScanKind, TargetState, WriteCount,
};
use crate::event::Event;
use crate::ids::{EventIdentity, Group, Key};
use crate::send::Cause;

/// The most keys of one read (`BatchGetItem`).
pub const READ_LIMIT: usize = 100;

/// The most writes of one transaction (`TransactWriteItems`).
pub const WRITE_LIMIT: usize = 100;

/// Everything that ledger logic acts on.
#[derive(Debug)]
pub struct Ports<'e, C, T, L, E> {
    /// A [`Clock`](crate::clock::Clock).
    pub clock: &'e C,
    /// A [`Transport`](crate::send::Transport).
    pub transport: &'e T,
    /// A [`Ledger`].
    pub ledger: &'e L,
    /// An [`EventTable`].
    pub table: &'e E,
}

impl<C, T, L, E> Clone for Ports<'_, C, T, L, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C, T, L, E> Copy for Ports<'_, C, T, L, E> {}

/// The ledger's table. An implementation neither retries a write nor decides anything.
pub trait Ledger {
    /// Reads items, strongly consistent, at most [`READ_LIMIT`] of them, in one call where that is possible. One result
    /// per key, in order. An item that was not read (error, throttled, unprocessed) is *not* a missing item.
    fn read(&self, keys: &[ItemKey]) -> impl Future<Output = Vec<Result<Option<Item>, Unread>>>;

    /// Writes 1 to [`WRITE_LIMIT`] items, all or none of them: if every condition holds, each about its own item.
    ///
    /// # Errors
    ///
    /// [`WriteError`]. A write whose result is unknown is not repeated: its caller reads again and plans again.
    fn write(&self, writes: &[Write]) -> impl Future<Output = Result<(), WriteError>>;

    /// A page of a client's cursors in the order of their groups, after `after`, strongly consistent. An empty page is
    /// the end.
    fn cursors(
        &self,
        client: ClientId,
        after: Option<&Group>,
    ) -> impl Future<Output = Result<Vec<(Group, Cursor)>, Unread>>;

    /// A page of a client's erasure receipts, those that are due or those that are settled, in the order of their places,
    /// after `after`, strongly consistent. An empty page is the end.
    fn receipts(
        &self,
        client: ClientId,
        is_due: bool,
        after: Option<&ReceiptPlace>,
    ) -> impl Future<Output = Result<Vec<(ReceiptPlace, ErasureReceipt)>, Unread>>;

    /// A page of what push functions ask for a client, in the order of the groups, after `after`, strongly consistent. An
    /// empty page is the end.
    fn delivery_requests(
        &self,
        client: ClientId,
        after: Option<&Group>,
    ) -> impl Future<Output = Result<Vec<(Group, DeliveryRequest)>, Unread>>;

    /// A value that was never given before: for write counts, epochs, holders, replays.
    fn fresh(&self) -> u64;
}

/// The event table.
pub trait EventTable {
    /// A page of an aggregate's items that the source's filter admits, newest first by their sort keys, those before
    /// `before` if it is given; strongly consistent.
    fn page(&self, key: &Key, before: Option<&Key>) -> impl Future<Output = Result<Page, Unread>>;

    /// The same without the events: of the items, only what [`RowHead`] has and what the filter asks for is read.
    fn heads(&self, key: &Key, before: Option<&Key>) -> impl Future<Output = Result<Page<RowHead>, Unread>>;

    /// The identity of the item under this sort key, admitted or not, strongly consistent; `None` if there is none.
    fn identity(&self, key: &Key, sort: &Key) -> impl Future<Output = Result<Option<EventIdentity>, Unread>>;

    /// Whether the table has this event of an aggregate, strongly consistent.
    fn has(&self, key: &Key, event: &EventIdentity) -> impl Future<Output = Result<bool, Unread>> {
        async move { Ok(self.identity(key, &event.sort).await?.as_ref() == Some(event)) }
    }

    /// A page of all items that the source's filter admits, read from at most `limit`, in an order of the table's own
    /// in which those of an aggregate stand together, after `after`. Eventually consistent: what it shows is a hint.
    fn scan(
        &self,
        after: Option<&ScanPosition>,
        limit: u32,
    ) -> impl Future<Output = Result<ScanPage, Unread>>;
}

/// Which item of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKey {
    /// The one [`Registry`].
    Registry,
    /// A [`GroupItem`].
    Group(Group),
    /// A [`Cursor`].
    Cursor(ClientId, Group),
    /// A [`Lease`].
    Lease(ClientId),
    /// A [`Scan`].
    Scan(ScanKind),
    /// An [`ErasureReceipt`] of a client whose notice is due.
    Due(ClientId, ReceiptPlace),
    /// An [`ErasureReceipt`] of a client whose notice is settled.
    Receipt(ClientId, ReceiptPlace),
    /// A [`RequestAllowance`].
    Requests(ClientId),
    /// A [`Delivery`].
    Delivery(ClientId, Group),
    /// A [`DeliveryRequest`].
    DeliveryRequest(ClientId, Group),
    /// A [`TargetState`].
    Target(ClientId),
}

/// An item of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Under [`ItemKey::Registry`].
    Registry(Registry),
    /// Under [`ItemKey::Group`].
    Group(Box<GroupItem>),
    /// Under [`ItemKey::Cursor`].
    Cursor(Cursor),
    /// Under [`ItemKey::Lease`].
    Lease(Lease),
    /// Under [`ItemKey::Scan`].
    Scan(Scan),
    /// Under [`ItemKey::Due`] or [`ItemKey::Receipt`].
    Receipt(ErasureReceipt),
    /// Under [`ItemKey::Requests`].
    Requests(RequestAllowance),
    /// Under [`ItemKey::Delivery`].
    Delivery(Delivery),
    /// Under [`ItemKey::DeliveryRequest`].
    DeliveryRequest(DeliveryRequest),
    /// Under [`ItemKey::Target`].
    Target(Box<TargetState>),
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Which item.
    pub key: ItemKey,
    /// What it must be before.
    pub condition: Condition,
    /// What it is then; `None` deletes it.
    pub item: Option<Item>,
}

/// What an item must be, so that it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Not there.
    Absent,
    /// There, with this `write_count`.
    WriteCount(WriteCount),
    /// Whatever it is: it is written again as it was, or decided by another item of the same transaction.
    Any,
}

/// An item, a page or an answer that could not be read. It may be there or not.
#[derive(Debug, thiserror::Error)]
#[error("not read: {0}")]
pub struct Unread(#[source] pub Cause);

impl Unread {
    /// Whether the item is damaged.
    pub fn is_damage(&self) -> bool {
        self.0.is::<DamagedItem>()
    }
}

/// Why items were not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A condition did not hold: another sender wrote. Nothing was written.
    #[error("another sender wrote meanwhile")]
    Lost,
    /// Nothing was written: throttled, refused, another transaction on the same item.
    #[error("not written: {0}")]
    Refused(#[source] Cause),
    /// It is unknown whether it was done.
    #[error("unknown whether written: {0}")]
    Unknown(#[source] Cause),
}

/// Some items of an aggregate, of which those are left out that the source's filter does not admit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<R = Row> {
    /// Newest first, by sort key. There can be none although there are older ones.
    pub rows: Vec<R>,
    /// The sort key that the next page, with older items, comes before; `None` if this is the last one.
    pub next: Option<Key>,
}

impl<R> Default for Page<R> {
    /// The last page, without a row.
    fn default() -> Self {
        Self { rows: Vec::new(), next: None }
    }
}

/// An item of the event table that the source's filter admits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What can be known of it without its event.
    pub head: RowHead,
    /// The event; or why the item is none that can be sent, which no later attempt can change.
    pub event: Result<Event, String>,
}

/// An item of the event table, without its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowHead {
    /// What tells it from the aggregate's other items.
    pub identity: EventIdentity,
    /// Its version, if it has one that can be read.
    pub version: Option<i64>,
    /// Its time, if it has one that can be read.
    pub time: Option<EventTime>,
}

/// The lowest event of an aggregate, and its version, of its rows, newest first: of several events with that version,
/// the one with the lowest sort key. `None` if no row has a version.
pub(super) fn lowest_event<'r>(rows: impl IntoIterator<Item = &'r RowHead>) -> Option<(i64, &'r RowHead)> {
    let events = rows.into_iter().filter_map(|row| Some((row.version?, row)));
    events.reduce(|lowest, next| if next.0 <= lowest.0 { next } else { lowest })
}

/// An event of the table that can never be sent, and gets a rejection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsendableEvent {
    /// Its version.
    pub version: i64,
    /// What tells it from the aggregate's other events.
    pub identity: EventIdentity,
    /// Why.
    pub why: String,
}

/// A place in the event table: after this item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanPosition {
    /// The item's partition key.
    pub key: Key,
    /// The item's sort key.
    pub sort: Key,
}

/// Some items of the whole table, as far as a scan needs them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanPage {
    /// In the table's own order.
    pub seen: Vec<ScannedRow>,
    /// Where the next page begins; `None` at the table's end.
    pub next: Option<ScanPosition>,
    /// The read units that it took, rounded up; `None` if the table doesn't say.
    pub units: Option<u64>,
}

/// An item that a scan came past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedRow {
    /// Its partition key.
    pub key: Key,
    /// The item.
    pub head: RowHead,
}

/// What reading an item came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading<T> {
    /// It was not read, or not asked for: it is unknown whether it is there.
    Unread,
    /// It is not there.
    Missing,
    /// It is there.
    Present(T),
}

impl<T> Reading<T> {
    /// The item, if it is known to be there.
    pub fn present(self) -> Option<T> {
        match self {
            Self::Present(item) => Some(item),
            Self::Unread | Self::Missing => None,
        }
    }

    /// The item, `None` if it is known to be missing.
    ///
    /// # Errors
    ///
    /// What `unread` returns, if it was not read.
    pub fn known<E>(self, unread: impl FnOnce() -> E) -> Result<Option<T>, E> {
        match self {
            Self::Unread => Err(unread()),
            Self::Missing => Ok(None),
            Self::Present(item) => Ok(Some(item)),
        }
    }
}

/// The items that one read found, by key, and why others were not read.
#[derive(Debug, Default)]
pub struct LedgerRead {
    items: BTreeMap<ItemKey, Option<Item>>,
    unread: BTreeMap<ItemKey, Unread>,
}

impl LedgerRead {
    /// What `results`, the answer to a read of `keys`, found. Of a key without a result nothing is known.
    pub fn new(keys: &[ItemKey], results: Vec<Result<Option<Item>, Unread>>) -> Self {
        let mut found = Self::default();
        let mut results = results.into_iter();
        for key in keys.iter().cloned() {
            match results.next().unwrap_or_else(|| Err(Unread("the ledger did not answer about it".into()))) {
                Ok(Some(item)) if !item.belongs_to(&key) => {
                    let why = Unread("an item of another kind stands there".into());
                    found.unread.insert(key, why);
                }
                Ok(item) => drop(found.items.insert(key, item)),
                Err(why) => drop(found.unread.insert(key, why)),
            }
        }
        found
    }

    /// Why the item under `key` was not read; `None` if it was, or is missing, or was not asked for.
    pub fn unread(&self, key: &ItemKey) -> Option<&Unread> {
        self.unread.get(key)
    }

    /// The registry.
    pub fn registry(&self) -> Reading<&Registry> {
        self.get(
            &ItemKey::Registry,
            |item| if let Item::Registry(registry) = item { Some(registry) } else { None },
        )
    }

    /// A group's item.
    pub fn group(&self, group: &Group) -> Reading<&GroupItem> {
        self.get(&ItemKey::Group(group.clone()), |item| {
            if let Item::Group(group) = item { Some(&**group) } else { None }
        })
    }

    /// A client's cursor in a group.
    pub fn cursor(&self, client: ClientId, group: &Group) -> Reading<&Cursor> {
        let key = ItemKey::Cursor(client, group.clone());
        self.get(&key, |item| if let Item::Cursor(cursor) = item { Some(cursor) } else { None })
    }

    /// A client's lease.
    pub fn lease(&self, client: ClientId) -> Reading<&Lease> {
        self.get(
            &ItemKey::Lease(client),
            |item| if let Item::Lease(lease) = item { Some(lease) } else { None },
        )
    }

    /// A scan.
    pub fn scan(&self, kind: ScanKind) -> Reading<&Scan> {
        self.get(&ItemKey::Scan(kind), |item| if let Item::Scan(scan) = item { Some(scan) } else { None })
    }

    /// How many requests of a client may be carried out.
    pub fn requests(&self, client: ClientId) -> Reading<&RequestAllowance> {
        self.get(&ItemKey::Requests(client), |item| {
            if let Item::Requests(allowance) = item { Some(allowance) } else { None }
        })
    }

    /// What a client's target has of a group.
    pub fn delivery(&self, client: ClientId, group: &Group) -> Reading<&Delivery> {
        let key = ItemKey::Delivery(client, group.clone());
        self.get(&key, |item| if let Item::Delivery(delivery) = item { Some(delivery) } else { None })
    }

    /// What is asked of catch-up for a client's group.
    pub fn delivery_request(&self, client: ClientId, group: &Group) -> Reading<&DeliveryRequest> {
        let key = ItemKey::DeliveryRequest(client, group.clone());
        self.get(&key, |item| if let Item::DeliveryRequest(request) = item { Some(request) } else { None })
    }

    /// How a client's target is.
    pub fn target(&self, client: ClientId) -> Reading<&TargetState> {
        self.get(&ItemKey::Target(client), |item| {
            if let Item::Target(target) = item { Some(&**target) } else { None }
        })
    }

    /// The receipt under this key.
    pub fn receipt(&self, key: &ItemKey) -> Reading<&ErasureReceipt> {
        self.get(key, |item| if let Item::Receipt(receipt) = item { Some(receipt) } else { None })
    }

    fn get<'f, T>(&'f self, key: &ItemKey, of: impl FnOnce(&'f Item) -> Option<T>) -> Reading<T> {
        match self.items.get(key) {
            None => Reading::Unread,
            Some(None) => Reading::Missing,
            Some(Some(item)) => of(item).map_or(Reading::Unread, Reading::Present),
        }
    }
}

impl Item {
    /// Whether it is of the kind that stands under `key`.
    pub fn belongs_to(&self, key: &ItemKey) -> bool {
        matches!(
            (key, self),
            (ItemKey::Registry, Self::Registry(_))
                | (ItemKey::Group(_), Self::Group(_))
                | (ItemKey::Cursor(..), Self::Cursor(_))
                | (ItemKey::Lease(_), Self::Lease(_))
                | (ItemKey::Scan(_), Self::Scan(_))
                | (ItemKey::Due(..) | ItemKey::Receipt(..), Self::Receipt(_))
                | (ItemKey::Requests(_), Self::Requests(_))
                | (ItemKey::Delivery(..), Self::Delivery(_))
                | (ItemKey::DeliveryRequest(..), Self::DeliveryRequest(_))
                | (ItemKey::Target(_), Self::Target(_))
        )
    }

    /// What a write of this item is conditional on next time.
    pub fn write_count(&self) -> WriteCount {
        match self {
            Self::Registry(registry) => registry.write_count,
            Self::Group(group) => group.write_count,
            Self::Cursor(cursor) => cursor.write_count,
            Self::Lease(lease) => lease.write_count,
            Self::Scan(scan) => scan.write_count,
            Self::Receipt(receipt) => receipt.write_count,
            Self::Requests(allowance) => allowance.write_count,
            Self::Delivery(delivery) => delivery.write_count,
            Self::DeliveryRequest(request) => request.write_count,
            Self::Target(target) => target.write_count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_read_is_not_missing_and_says_why() {
        let group = |name: &str| ItemKey::Group(Group::of(&Key::S(name.to_owned())));
        let keys = [ItemKey::Registry, group("a"), group("b")];
        let registry = Registry {
            write_count: WriteCount(1),
            revision: 1,
            start: crate::time::Timestamp::from_millis(0),
            clients: BTreeMap::new(),
            unknown: [].into(),
        };
        let found = LedgerRead::new(
            &keys,
            vec![Err(Unread("a fault".into())), Ok(None), Ok(Some(Item::Registry(registry)))],
        );
        let why = |key: &ItemKey| found.unread(key).map(ToString::to_string);
        assert_eq!(
            (found.registry(), why(&keys[0]).as_deref()),
            (Reading::Unread, Some("not read: a fault"))
        );
        assert_eq!(
            (found.group(&Group::of(&Key::S("a".to_owned()))), why(&keys[1])),
            (Reading::Missing, None)
        );
        let other = Some("not read: an item of another kind stands there");
        assert_eq!(
            (found.group(&Group::of(&Key::S("b".to_owned()))), why(&keys[2]).as_deref()),
            (Reading::Unread, other)
        );
        assert_eq!((found.lease(ClientId(1)), why(&ItemKey::Lease(ClientId(1)))), (Reading::Unread, None));
    }
}
