//! The ledger as the world sees it: every write, what it changed, and whether markers and entries agree after it.

use std::rc::Rc;

use shared::ledger::{Item, ItemKey, Write, WriteError};

use crate::clients::NAMES;
use crate::observed::Replayed;
use crate::process::Pulse;
use crate::source::EventRef;
use crate::world::World;

impl World {
    /// Writes to the ledger, and looks at what that changed.
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
        }
        self.check_markers(writes);
        Ok(())
    }

    fn watch(&self, pulse: &Pulse, write: &Write, before: Option<&Item>) {
        match (&write.key, &write.item, before) {
            (ItemKey::Control, Some(Item::Control(control)), _) => self.watch_control(control),
            (ItemKey::Group(group), _, None) => {
                let Some(group) = self.source.borrow().index_of(group) else { return };
                let is_there = |event: &EventRef| {
                    let source = self.source.borrow();
                    event.group == group
                        && source.known(*event).is_some_and(|known| known.is_there(self.now()))
                };
                if pulse.streamed.borrow().iter().any(is_there) {
                    return;
                }
                let Some((life, item)) = self.group_item(group) else { return };
                let last = EventRef { group, life, version: item.version };
                self.observed.borrow_mut().taken_for_old.insert(group, last);
            }
            (ItemKey::Marker(id, group), Some(Item::Marker(marker)), before) => {
                let before = if let Some(Item::Marker(before)) = before { Some(before) } else { None };
                let Some(replay) = &marker.replay else { return };
                if before.is_some_and(|before| before.replay.as_ref() == Some(replay)) {
                    return;
                }
                let Some(index) = self.source.borrow().index_of(group) else { return };
                let Some((life, item)) = self.group_item(index) else { return };
                let had = match before {
                    None => item.version,
                    Some(before) if before.life == item.life => before.have,
                    Some(_) => 0,
                };
                let mut observed = self.observed.borrow_mut();
                let Some(client) = observed.client_of(*id) else { return };
                let Some(from) = observed.requests.get(replay.as_str()).copied() else { return };
                let id = replay.as_str().to_owned();
                observed.replays.push(Replayed { at: self.now(), id, client, group: index, life, from, had });
            }
            _ => {}
        }
    }

    /// A marker exists exactly for each entry of `behind`.
    fn check_markers(&self, writes: &[Write]) {
        for write in writes {
            let (ItemKey::Group(group) | ItemKey::Marker(_, group)) = &write.key else { continue };
            let behind = match self.ledger.get(&ItemKey::Group(group.clone())) {
                Some(Item::Group(item)) => item.behind,
                _ => Default::default(),
            };
            for (client, id) in self.observed.borrow().ids() {
                let has_marker = self.ledger.get(&ItemKey::Marker(id, group.clone())).is_some();
                if has_marker != behind.contains(&id) {
                    let what =
                        if has_marker { "a marker without an entry" } else { "an entry without a marker" };
                    self.violated(|| format!("marker: {} has {what} in `{group}`", NAMES[client]));
                }
            }
        }
    }

    fn write_in_words(&self, write: &Write, before: Option<&Item>) -> String {
        let client = |id| self.observed.borrow().client_of(id).map_or("?", |client| NAMES[client]);
        let name = match &write.key {
            ItemKey::Control => "control".to_owned(),
            ItemKey::Group(group) => format!("group {group}"),
            ItemKey::Marker(id, group) => format!("marker {} {group}", client(*id)),
            ItemKey::Lease(id) => format!("lease {}", client(*id)),
            ItemKey::Walk(kind) => format!("walk {kind:?}"),
        };
        let words = |item: &Item| match item {
            Item::Group(item) => {
                let behind: Vec<&str> = item.behind.iter().map(|id| client(*id)).collect();
                format!(
                    "v{} behind [{}] rev {} edition {} life {} first {}",
                    item.version,
                    behind.join(" "),
                    item.rev.0,
                    item.edition,
                    item.life,
                    item.first.version
                )
            }
            Item::Marker(marker) => {
                let replay = marker.replay.as_ref().map_or("", |id| id.as_str());
                format!(
                    "have {} again {} {replay} life {} spell {}",
                    marker.have, marker.again, marker.life, marker.spell
                )
            }
            Item::Control(control) => {
                let clients: Vec<String> = control
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
                format!("edition {} {}", control.edition, clients.join(", "))
            }
            Item::Lease(lease) => format!("failures {}", lease.failures),
            Item::Walk(walk) => format!("edition {} on {}", walk.edition, walk.is_on),
        };
        let before = before.map_or("absent".to_owned(), words);
        let after = write.item.as_ref().map_or("deleted".to_owned(), words);
        format!("{name}: {before} → {after}")
    }
}
