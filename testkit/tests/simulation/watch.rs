//! The ledger as the world sees it: every write, what it changed, and whether cursors and entries agree after it.

use std::rc::Rc;

use shared::ids::Group;
use shared::ledger::push_writes::is_of_push;
use shared::ledger::{Cursor, GroupItem, Item, ItemKey, LastVersion, Write, WriteError};

use crate::clients::NAMES;
use crate::observed::Replayed;
use crate::process::Pulse;
use crate::source::EventRef;
use crate::world::World;

impl World {
    /// Writes to the ledger, and checks what that changed.
    pub(crate) fn write_ledger(self: &Rc<Self>, pulse: &Pulse, writes: &[Write]) -> Result<(), WriteError> {
        let who = &*pulse.name;
        let before: Vec<Option<Item>> = writes.iter().map(|write| self.ledger.get(&write.key)).collect();
        let result = self.ledger.apply(writes);
        for (write, before) in writes.iter().zip(&before) {
            self.note(who, || {
                let lost = if result.is_err() { "LOST: " } else { "" };
                format!("{lost}{}", self.write_in_words(write, before.as_ref()))
            });
        }
        result?;
        for (write, before) in writes.iter().zip(&before) {
            self.watch(pulse, write, before.as_ref());
            self.watch_hold(pulse, write, before.as_ref());
            self.watch_incarnation(pulse, write, before.as_ref());
        }
        self.watch_decisions(pulse, writes, &before);
        self.check_cursors(writes);
        Ok(())
    }

    fn watch(&self, pulse: &Pulse, write: &Write, before: Option<&Item>) {
        let is_push = pulse.name.starts_with("push");
        if is_push && !is_of_push(&write.key) {
            self.violated(|| format!("rights: {} writes {:?}", pulse.name, write.key));
        }
        match (&write.key, &write.item, before) {
            (ItemKey::DeliveryRequest(..), Some(Item::DeliveryRequest(request)), _) if is_push => {
                self.observed.borrow_mut().replay_requested(request.id.as_str(), request.from);
            }
            (ItemKey::Registry, Some(Item::Registry(registry)), _) => self.watch_registry(registry),
            (ItemKey::Group(group), _, None) => {
                let Some(group) = self.source.borrow().index_of(group) else { return };
                let is_there = |event: &EventRef| {
                    let source = self.source.borrow();
                    event.group == group
                        && source.known(*event).is_some_and(|known| known.is_there(self.now()))
                };
                let is_timeless = self.source.borrow().groups[group].is_timeless();
                if !is_timeless && pulse.streamed.borrow().iter().any(is_there) {
                    return;
                }
                let Some((incarnation_number, item)) = self.group_item(group) else { return };
                let last = EventRef { group, incarnation_number, version: item.version };
                self.observed.borrow_mut().taken_for_old.insert(group, last);
            }
            (ItemKey::Group(group), Some(Item::Group(after)), Some(Item::Group(before)))
                if before.sent.last() < after.sent.last() =>
            {
                self.check_deciders(pulse, group, after);
            }
            (ItemKey::Cursor(id, group), Some(Item::Cursor(cursor)), before) => {
                let before = if let Some(Item::Cursor(before)) = before { Some(before) } else { None };
                let Some(replay) = &cursor.replay else { return };
                let is_same =
                    |before: &Cursor| before.replay.as_ref().is_some_and(|known| known.id == replay.id);
                if before.is_some_and(is_same) {
                    return;
                }
                let Some(index) = self.source.borrow().index_of(group) else { return };
                let Some((incarnation_number, item)) = self.group_item(index) else { return };
                let had = match before {
                    None => item.version,
                    Some(before) if before.incarnation_number == item.incarnation_number => before.position,
                    Some(_) => self.mix.first_version() - 1,
                };
                let mut observed = self.observed.borrow_mut();
                let Some(client) = observed.client_of(*id) else { return };
                let Some(from) = observed.requests.get(replay.id.as_str()).copied() else { return };
                let id = replay.id.as_str().to_owned();
                observed.replays.push(Replayed {
                    at: self.now(),
                    id,
                    client,
                    group: index,
                    incarnation_number,
                    from,
                    had,
                });
            }
            _ => {}
        }
    }

    /// A cursor exists exactly for each entry of `behind`.
    fn check_cursors(&self, writes: &[Write]) {
        for write in writes {
            let (ItemKey::Group(group) | ItemKey::Cursor(_, group)) = &write.key else { continue };
            let behind = match self.ledger.get(&ItemKey::Group(group.clone())) {
                Some(Item::Group(item)) => item.behind,
                _ => Default::default(),
            };
            for (client, id) in self.observed.borrow().ids() {
                let has_cursor = self.ledger.get(&ItemKey::Cursor(id, group.clone())).is_some();
                if has_cursor != behind.contains(&id) {
                    let what =
                        if has_cursor { "a cursor without an entry" } else { "an entry without a cursor" };
                    self.violated(|| format!("cursor: {} has {what} in `{group}`", NAMES[client]));
                }
            }
        }
    }

    /// Whoever is up to date after a run wanted what the writer's file says: by the filter that holds.
    fn check_deciders(&self, pulse: &Pulse, group: &Group, after: &GroupItem) {
        if pulse.has_lost_write.get() {
            return;
        }
        let observed = self.observed.borrow();
        let Some(filters) = observed.filters.get(&after.revision) else { return };
        let instances = self.instances.borrow();
        for (id, filter) in filters.iter().filter(|(id, _)| !after.behind.contains(id)) {
            let Some(client) = observed.client_of(*id) else { continue };
            if instances.filter(pulse.file, client).as_ref() != Some(filter) {
                let (who, name) = (&pulse.name, NAMES[client]);
                self.violated(|| {
                    format!("filter: {who} decided what {name} wants of `{group}`, by another one")
                });
            }
        }
    }

    fn write_in_words(&self, write: &Write, before: Option<&Item>) -> String {
        let client = |id| self.observed.borrow().client_of(id).map_or("?", |client| NAMES[client]);
        let name = match &write.key {
            ItemKey::Registry => "registry".to_owned(),
            ItemKey::Group(group) => format!("group {group}"),
            ItemKey::Cursor(id, group) => format!("cursor {} {group}", client(*id)),
            ItemKey::Lease(id) => format!("lease {}", client(*id)),
            ItemKey::Scan(kind) => format!("scan {kind:?}"),
            ItemKey::Due(id, place) => {
                format!("due {} {}/{}", client(*id), place.group, place.incarnation_number)
            }
            ItemKey::Receipt(id, place) => {
                format!("receipt {} {}/{}", client(*id), place.group, place.incarnation_number)
            }
            ItemKey::Requests(id) => format!("requests {}", client(*id)),
            ItemKey::Delivery(id, group) => format!("delivery {} {group}", client(*id)),
            ItemKey::DeliveryRequest(id, group) => format!("delivery request {} {group}", client(*id)),
            ItemKey::Target(id) => format!("target {}", client(*id)),
        };
        let shown = |last: LastVersion| last.map_or("–".to_owned(), |last| last.to_string());
        let words = |item: &Item| match item {
            Item::Group(item) => {
                let behind: Vec<&str> = item.behind.iter().map(|id| client(*id)).collect();
                format!(
                    "v{}{} last {} behind [{}] write_count {} revision {} incarnation {} first {}",
                    item.version,
                    if item.closed.is_some() { " closed" } else { "" },
                    shown(item.sent.last()),
                    behind.join(" "),
                    item.write_count.0,
                    item.revision,
                    item.incarnation_number,
                    item.first.version
                )
            }
            Item::Cursor(cursor) => {
                let replay = cursor.replay.as_ref();
                let (until, id) = replay.map_or((0, ""), |repeated| (repeated.until, repeated.id.as_str()));
                format!(
                    "position {}{} last {} replay_until {until} {id} incarnation {} epoch {}",
                    cursor.position,
                    if cursor.hold.is_some() { " held" } else { "" },
                    shown(cursor.last),
                    cursor.incarnation_number,
                    cursor.epoch
                )
            }
            Item::Registry(registry) => {
                let clients: Vec<String> = registry
                    .clients
                    .iter()
                    .map(|(name, client)| {
                        let absent = if client.absent_at.is_some() { " absent" } else { "" };
                        format!(
                            "{}={} {:?}{absent} since {}",
                            name.as_str(),
                            client.id.0,
                            client.state,
                            client.since
                        )
                    })
                    .collect();
                format!("revision {} {}", registry.revision, clients.join(", "))
            }
            Item::Lease(lease) => format!("failures {}", lease.failures),
            Item::Scan(scan) => format!("revision {} on {}", scan.revision, scan.is_on),
            Item::Receipt(receipt) => format!("{:?}", receipt.settled),
            Item::Requests(allowance) => format!("left {}", allowance.left),
            Item::Delivery(delivery) => {
                delivery.state.as_ref().map_or("nothing".to_owned(), |state| state.to_text())
            }
            Item::DeliveryRequest(request) => {
                format!("from {} done {}", request.from, request.done_at.is_some())
            }
            Item::Target(target) => {
                format!("open {} gone {}", target.breaker.is_some(), target.gone.is_some())
            }
        };
        let before = before.map_or("absent".to_owned(), words);
        let after = write.item.as_ref().map_or("deleted".to_owned(), words);
        format!("{name}: {before} → {after}")
    }
}
