//! The ledger's table in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::ids::Group;
use shared::ledger::stored;
use shared::ledger::{
    ClientId, Condition, Cursor, DamagedItem, DeliveryRequest, ErasureReceipt, Item, ItemKey, Ledger,
    READ_LIMIT, ReceiptPlace, Unread, WRITE_LIMIT, Write, WriteError,
};

use super::size::size;

/// How many cursors a page has, unless a test says otherwise: few, so that there is more than one page.
const CURSORS: usize = 3;

/// The ledger's table, as DynamoDB keeps it: strongly consistent, all or nothing, no latency. Clones share it.
///
/// # Panics
///
/// A use that breaks the contract of [`Ledger`] panics.
#[derive(Clone)]
pub struct MemoryLedger(Arc<Mutex<State>>);

/// The calls of a ledger so far, and what DynamoDB charges for them ("DynamoDB read and write operations").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerCalls {
    /// Calls of [`Ledger::read`].
    pub reads: u64,
    /// Calls of [`Ledger::cursors`].
    pub queries: u64,
    /// Calls of [`Ledger::write`], whatever their result.
    pub writes: u64,
    /// One for each 4 KB of an item, or of a page as a whole; at least one.
    pub read_units: u64,
    /// One for each 1 KB of an item, as it was or as it is to be, whichever is larger; in a transaction two. Charged
    /// even if a condition does not hold.
    pub write_units: u64,
}

/// The bytes of a read unit and of a write unit.
const READ_UNIT: usize = 4_096;
const WRITE_UNIT: usize = 1_024;

/// What goes wrong with a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFault {
    /// It is refused: throttled, say.
    Refused,
    /// It is done as far as its conditions hold, but its result is unknown.
    UnknownDone,
    /// It is not done, and its result is unknown.
    UnknownNotDone,
}

/// What a test does just before the next write.
type Intruder = Box<dyn FnOnce(&MemoryLedger) + Send>;

struct State {
    items: BTreeMap<ItemKey, Kept>,
    calls: LedgerCalls,
    cursors_in_page: usize,
    fresh: u64,
    unread: Vec<ItemKey>,
    damaged: BTreeSet<ItemKey>,
    formats: BTreeMap<ItemKey, u64>,
    unread_cursors: usize,
    write_faults: VecDeque<WriteFault>,
    intruders: VecDeque<Intruder>,
}

/// An item, and its size in bytes.
struct Kept {
    item: Item,
    size: usize,
}

impl MemoryLedger {
    /// An empty ledger; [`fresh`](Ledger::fresh) values follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            items: BTreeMap::new(),
            calls: LedgerCalls::default(),
            cursors_in_page: CURSORS,
            fresh: seed,
            unread: Vec::new(),
            damaged: BTreeSet::new(),
            formats: BTreeMap::new(),
            unread_cursors: 0,
            write_faults: VecDeque::new(),
            intruders: VecDeque::new(),
        })))
    }

    /// An item, whatever faults there are.
    pub fn get(&self, key: &ItemKey) -> Option<Item> {
        self.state().items.get(key).map(|kept| kept.item.clone())
    }

    /// All items.
    pub fn items(&self) -> BTreeMap<ItemKey, Item> {
        self.state().items.iter().map(|(key, kept)| (key.clone(), kept.item.clone())).collect()
    }

    /// A client's cursors in the order of their groups, all of them.
    pub fn cursors_of(&self, client: ClientId) -> Vec<(Group, Cursor)> {
        self.state().cursors(client, None).map(|(group, cursor, _)| (group, cursor)).collect()
    }

    /// Puts an item, unconditionally.
    pub fn put(&self, key: ItemKey, item: Item) {
        assert!(item.belongs_to(&key), "{item:?} under {key:?}");
        let size = size(&key, &item);
        self.state().items.insert(key, Kept { item, size });
    }

    /// Deletes an item, unconditionally.
    pub fn remove(&self, key: &ItemKey) {
        self.state().items.remove(key);
    }

    /// Writes as [`Ledger::write`] does, without faults.
    ///
    /// # Errors
    ///
    /// [`WriteError::Lost`] if a condition does not hold.
    pub fn apply(&self, writes: &[Write]) -> Result<(), WriteError> {
        check_contract(writes);
        let mut state = self.state();
        state.calls.writes += 1;
        state.apply(writes)
    }

    /// The calls so far.
    pub fn calls(&self) -> LedgerCalls {
        self.state().calls
    }

    /// Counts from zero again.
    pub fn forget_calls(&self) {
        self.state().calls = LedgerCalls::default();
    }

    /// How many cursors a page has from now on; at least 1.
    pub fn set_cursors_in_page(&self, cursors: usize) {
        self.state().cursors_in_page = cursors.max(1);
    }

    /// The next read of `key` does not read it.
    pub fn fail_read(&self, key: ItemKey) {
        self.state().unread.push(key);
    }

    /// From now on, the item under `key` is damaged: it is never read.
    pub fn damage(&self, key: ItemKey) {
        self.state().damaged.insert(key);
    }

    /// From now on, the item that is under `key` is as if a release that writes this format had written it.
    pub fn set_format(&self, key: ItemKey, format: u64) {
        self.state().formats.insert(key, format);
    }

    /// The next call of [`Ledger::cursors`] fails; several of these fail one call each.
    pub fn fail_cursors(&self) {
        self.state().unread_cursors += 1;
    }

    /// The next write meets `fault`; several of these are met one after the other.
    pub fn fail_write(&self, fault: WriteFault) {
        self.state().write_faults.push_back(fault);
    }

    /// Another writer comes just before the next write; several come before one write each, one after the other.
    pub fn before_write(&self, intruder: impl FnOnce(&Self) + Send + 'static) {
        self.state().intruders.push_back(Box::new(intruder));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for MemoryLedger {
    async fn read(&self, keys: &[ItemKey]) -> Vec<Result<Option<Item>, Unread>> {
        assert!((1..=READ_LIMIT).contains(&keys.len()), "a read of {} items", keys.len());
        let mut state = self.state();
        state.calls.reads += 1;
        keys.iter().map(|key| state.read(key)).collect()
    }

    async fn write(&self, writes: &[Write]) -> Result<(), WriteError> {
        let intruder = self.state().intruders.pop_front();
        if let Some(intruder) = intruder {
            intruder(self);
        }
        let fault = self.state().write_faults.pop_front();
        match fault {
            None => self.apply(writes),
            Some(fault) => self.write_with(fault, writes),
        }
    }

    async fn cursors(&self, client: ClientId, after: Option<&Group>) -> Result<Vec<(Group, Cursor)>, Unread> {
        let mut state = self.state();
        state.calls.queries += 1;
        if state.unread_cursors > 0 {
            state.unread_cursors -= 1;
            return Err(Unread("a scripted fault".into()));
        }
        let page: Vec<_> = state.cursors(client, after).take(state.cursors_in_page).collect();
        state.calls.read_units += units(page.iter().map(|(_, _, size)| size).sum(), READ_UNIT);
        Ok(page.into_iter().map(|(group, cursor, _)| (group, cursor)).collect())
    }

    async fn receipts(
        &self,
        client: ClientId,
        is_due: bool,
        after: Option<&ReceiptPlace>,
    ) -> Result<Vec<(ReceiptPlace, ErasureReceipt)>, Unread> {
        let mut state = self.state();
        state.calls.queries += 1;
        let page: Vec<_> = state.receipts(client, is_due, after).take(state.cursors_in_page).collect();
        state.calls.read_units += units(page.iter().map(|(_, _, size)| size).sum(), READ_UNIT);
        Ok(page.into_iter().map(|(place, receipt, _)| (place, receipt)).collect())
    }

    async fn delivery_requests(
        &self,
        client: ClientId,
        after: Option<&Group>,
    ) -> Result<Vec<(Group, DeliveryRequest)>, Unread> {
        let mut state = self.state();
        state.calls.queries += 1;
        let page: Vec<_> = state.delivery_requests(client, after).take(state.cursors_in_page).collect();
        state.calls.read_units += units(page.iter().map(|(_, _, size)| size).sum(), READ_UNIT);
        Ok(page.into_iter().map(|(group, request, _)| (group, request)).collect())
    }

    fn fresh(&self) -> u64 {
        let mut state = self.state();
        state.fresh = state.fresh.wrapping_add(1);
        state.fresh
    }
}

impl MemoryLedger {
    fn write_with(&self, fault: WriteFault, writes: &[Write]) -> Result<(), WriteError> {
        check_contract(writes);
        let mut state = self.state();
        state.calls.writes += 1;
        match fault {
            WriteFault::Refused => Err(WriteError::Refused("a scripted fault".into())),
            WriteFault::UnknownNotDone => Err(WriteError::Unknown("a scripted fault".into())),
            WriteFault::UnknownDone => {
                // A lost condition is not reported either.
                let _ = state.apply(writes);
                Err(WriteError::Unknown("a scripted fault".into()))
            }
        }
    }
}

impl State {
    fn read(&mut self, key: &ItemKey) -> Result<Option<Item>, Unread> {
        if let Some(failing) = self.unread.iter().position(|unread| unread == key) {
            self.unread.remove(failing);
            return Err(Unread("a scripted fault".into()));
        }
        if self.damaged.contains(key) {
            let (pk, sk) = stored::keys(key);
            let (table, damage) = ("ledger".to_owned(), "attribute `write_count` is missing".to_owned());
            return Err(Unread(DamagedItem { table, pk, sk, damage, remedy: DamagedItem::REMEDY }.into()));
        }
        if let (Some(format), Some(kept)) = (self.formats.get(key), self.items.get(key)) {
            let mut attributes = stored::store(&kept.item);
            attributes.insert(stored::FORMAT.to_owned(), stored::Value::N(format.to_string()));
            let restored = stored::restore(key, attributes);
            return restored.map(Some).map_err(|damage| Unread(damage.item("ledger", key).into()));
        }
        let kept = self.items.get(key);
        self.calls.read_units += units(kept.map_or(0, |kept| kept.size), READ_UNIT);
        Ok(kept.map(|kept| kept.item.clone()))
    }

    /// With their sizes.
    fn cursors(
        &self,
        client: ClientId,
        after: Option<&Group>,
    ) -> impl Iterator<Item = (Group, Cursor, usize)> {
        let after = after.map(|group| ItemKey::Cursor(client, group.clone()));
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.items.range((start, Bound::Unbounded)).filter_map(move |(key, kept)| match (key, &kept.item) {
            (ItemKey::Cursor(of, group), Item::Cursor(cursor)) if *of == client => {
                Some((group.clone(), cursor.clone(), kept.size))
            }
            _ => None,
        })
    }

    /// With their sizes.
    fn delivery_requests(
        &self,
        client: ClientId,
        after: Option<&Group>,
    ) -> impl Iterator<Item = (Group, DeliveryRequest, usize)> {
        let after = after.map(|group| ItemKey::DeliveryRequest(client, group.clone()));
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.items.range((start, Bound::Unbounded)).filter_map(move |(key, kept)| match (key, &kept.item) {
            (ItemKey::DeliveryRequest(of, group), Item::DeliveryRequest(request)) if *of == client => {
                Some((group.clone(), request.clone(), kept.size))
            }
            _ => None,
        })
    }

    /// With their sizes.
    fn receipts(
        &self,
        client: ClientId,
        is_due: bool,
        after: Option<&ReceiptPlace>,
    ) -> impl Iterator<Item = (ReceiptPlace, ErasureReceipt, usize)> {
        let key = if is_due { ItemKey::Due } else { ItemKey::Receipt };
        let after = after.map(|place| key(client, place.clone()));
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.items.range((start, Bound::Unbounded)).filter_map(move |(found, kept)| {
            match (found, &kept.item) {
                (ItemKey::Due(of, place) | ItemKey::Receipt(of, place), Item::Receipt(receipt))
                    if *of == client && *found == key(client, place.clone()) =>
                {
                    Some((place.clone(), receipt.clone(), kept.size))
                }
                _ => None,
            }
        })
    }

    fn apply(&mut self, writes: &[Write]) -> Result<(), WriteError> {
        let each = if writes.len() > 1 { 2 } else { 1 };
        let mut all_hold = true;
        let mut sizes = Vec::with_capacity(writes.len());
        for write in writes {
            let before = self.items.get(&write.key);
            all_hold &= match write.condition {
                Condition::Absent => before.is_none(),
                Condition::Any => true,
                Condition::WriteCount(expected) => {
                    before.is_some_and(|kept| kept.item.write_count() == expected)
                }
            };
            let size = write.item.as_ref().map_or(0, |item| size(&write.key, item));
            let larger = size.max(before.map_or(0, |kept| kept.size));
            self.calls.write_units += each * units(larger, WRITE_UNIT);
            sizes.push(size);
        }
        if !all_hold {
            return Err(WriteError::Lost);
        }
        for (write, size) in writes.iter().zip(sizes) {
            match write.item.clone() {
                Some(item) => drop(self.items.insert(write.key.clone(), Kept { item, size })),
                None => drop(self.items.remove(&write.key)),
            }
        }
        Ok(())
    }
}

/// How many units of `unit` bytes, at least one.
fn units(size: usize, unit: usize) -> u64 {
    size.div_ceil(unit).max(1) as u64
}

fn check_contract(writes: &[Write]) {
    assert!((1..=WRITE_LIMIT).contains(&writes.len()), "{} writes at once", writes.len());
    let mut keys: Vec<_> = writes.iter().map(|write| &write.key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), writes.len(), "two writes of one item");
    for write in writes {
        let belongs = write.item.as_ref().is_none_or(|item| item.belongs_to(&write.key));
        assert!(belongs, "{:?} under {:?}", write.item, write.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::ledger::check;
    use crate::memory::now_or_never;
    use shared::ids::{IncarnationToken, Key};
    use shared::ledger::{First, GroupItem, LastSent, Registry, WriteCount};
    use shared::time::Timestamp;

    fn registry(write_count: u64) -> Item {
        let start = Timestamp::from_millis(0);
        Item::Registry(Registry {
            write_count: WriteCount(write_count),
            revision: 1,
            start,
            clients: BTreeMap::new(),
            unknown: [].into(),
        })
    }

    fn put(condition: Condition, write_count: u64) -> [Write; 1] {
        [Write { key: ItemKey::Registry, condition, item: Some(registry(write_count)) }]
    }

    #[test]
    fn the_double_keeps_the_contract() {
        for cursors in [1, 3, 1_000] {
            let ledger = MemoryLedger::new(7);
            ledger.set_cursors_in_page(cursors);
            now_or_never(check(&ledger, 2_500));
        }
    }

    #[test]
    fn scripted_faults_befall_one_call_each() {
        let ledger = MemoryLedger::new(0);
        let write = |condition, write_count| now_or_never(ledger.write(&put(condition, write_count)));
        ledger.fail_write(WriteFault::Refused);
        ledger.fail_write(WriteFault::UnknownNotDone);
        assert!(matches!(write(Condition::Absent, 1), Err(WriteError::Refused(_))));
        assert!(matches!(write(Condition::Absent, 1), Err(WriteError::Unknown(_))));
        assert_eq!(ledger.get(&ItemKey::Registry), None);
        ledger.fail_write(WriteFault::UnknownDone);
        assert!(matches!(write(Condition::Absent, 1), Err(WriteError::Unknown(_))));
        assert_eq!(ledger.get(&ItemKey::Registry), Some(registry(1)));
        ledger.fail_write(WriteFault::UnknownDone);
        assert!(matches!(write(Condition::Absent, 2), Err(WriteError::Unknown(_))));
        assert_eq!(ledger.get(&ItemKey::Registry), Some(registry(1)), "its condition does not hold");
        ledger.before_write(|ledger| ledger.put(ItemKey::Registry, registry(5)));
        assert!(matches!(write(Condition::WriteCount(WriteCount(1)), 2), Err(WriteError::Lost)));
        assert!(matches!(write(Condition::WriteCount(WriteCount(5)), 6), Ok(())));

        let read = || now_or_never(ledger.read(&[ItemKey::Registry, ItemKey::Lease(ClientId(1))]));
        ledger.fail_read(ItemKey::Registry);
        assert!(matches!(&*read(), [Err(_), Ok(None)]));
        assert!(matches!(&*read(), [Ok(Some(_)), Ok(None)]));
        ledger.fail_cursors();
        assert!(now_or_never(ledger.cursors(ClientId(1), None)).is_err());
        assert!(now_or_never(ledger.cursors(ClientId(1), None)).is_ok());
    }

    #[test]
    fn units_are_dynamodbs() {
        let ledger = MemoryLedger::new(0);
        let group = |name: &str| ItemKey::Group(Group::try_from_sqs(name).unwrap());
        let item = |write_count: u64, behind: u32| {
            let key = Key::S("a".to_owned());
            Item::Group(Box::new(GroupItem {
                write_count: WriteCount(write_count),
                version: 1,
                behind: (0..behind).map(ClientId).collect(),
                sent: LastSent::default(),
                revision: 1,
                incarnation_number: 1,
                token: IncarnationToken::new(&key, &key.clone().into(), 1, None),
                first: First { identity: key.clone().into(), version: 1 },
                time: None,
                streamed_at: None,
                key,
                holes: Vec::new(),
                pairs: Vec::new(),
                closed: None,
                unknown: [].into(),
            }))
        };
        let write = |name, condition, item| Write { key: group(name), condition, item };
        let charged = |writes: &[Write]| {
            ledger.forget_calls();
            let _ = now_or_never(ledger.write(writes));
            ledger.calls().write_units
        };
        assert_eq!(charged(&[write("a", Condition::Absent, Some(item(1, 0)))]), 1);
        assert_eq!(charged(&[write("a", Condition::Absent, Some(item(1, 0)))]), 1, "lost");
        assert_eq!(
            charged(&[write("a", Condition::WriteCount(WriteCount(1)), Some(item(2, 1_000)))]),
            3,
            "2,855 bytes"
        );
        assert_eq!(
            charged(&[write("a", Condition::WriteCount(WriteCount(2)), Some(item(3, 0)))]),
            3,
            "what it was counts"
        );
        let both = |write_count| {
            [
                write("a", Condition::WriteCount(WriteCount(write_count)), Some(item(4, 0))),
                write("b", Condition::Absent, None),
            ]
        };
        assert_eq!(charged(&both(3)), 4);
        // So many clients with filters, each of which was sent another event last.
        let filtered = |name, clients: u32| {
            let Item::Group(mut filtered) = item(1, 0) else { panic!() };
            let own = (1..=clients).map(|client| (ClientId(client), Some(1_000_000 - i64::from(client))));
            filtered.sent = LastSent::new(Some(1_000_000), own);
            [write(name, Condition::Absent, Some(Item::Group(filtered)))]
        };
        assert_eq!(charged(&filtered("none", 0)), 1);
        assert_eq!(charged(&filtered("hundred", 100)), 1, "400 bytes more");
        assert_eq!(charged(&filtered("all", 130)), 1, "as many as a file may have");

        ledger.put(group("a"), item(1, 2_000));
        ledger.forget_calls();
        let _ = now_or_never(ledger.read(&[group("a"), group("b")]));
        let _ = now_or_never(ledger.cursors(ClientId(1), None));
        let calls = ledger.calls();
        assert_eq!((calls.reads, calls.queries, calls.read_units), (1, 1, 2 + 1 + 1));
    }
}
