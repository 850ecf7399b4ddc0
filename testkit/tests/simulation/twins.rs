//! Writers that break the condition: an event gets the version of another.

use std::rc::Rc;
use std::time::Duration;

use shared::event::Along;
use shared::ids::{EventIdentity, Key};
use shared::time::Timestamp;

use crate::source::{EventRef, Source, WrittenEvent, item};
use crate::world::World;

/// An event with a version that another one has. Its sort key is the higher one.
pub(crate) struct Twin {
    /// The other one.
    pub(crate) event: EventRef,
    pub(crate) identity: EventIdentity,
    pub(crate) deleted: Option<Timestamp>,
}

impl Source {
    /// Whether two events have the version.
    pub(crate) fn has_twin(&self, event: EventRef) -> bool {
        self.groups[event.group].twins.iter().any(|twin| twin.event == event)
    }
}

impl World {
    /// Writes an event with the version of one that is there, which the stream shows as a rule.
    pub(crate) fn write_twin(self: &Rc<Self>, group: usize) {
        let now = self.now();
        let mut source = self.source.borrow_mut();
        let aggregate = &mut source.groups[group];
        let is_plain =
            |known: &&WrittenEvent| known.is_there(now) && known.is_convertible() && !known.is_history;
        let there = aggregate.known.iter().filter(is_plain);
        let there: Vec<_> = there.map(|known| (known.event, known.identity.sort.clone())).collect();
        if there.is_empty() || aggregate.erased_at.is_some() {
            return;
        }
        let (event, Key::S(other)) = there[self.rng.index(there.len())].clone() else { unreachable!() };
        if aggregate.twins.iter().any(|twin| twin.event == event) {
            return;
        }
        let time = aggregate.free_time(now.as_millis() - aggregate.back_dated.as_millis() as u64);
        let Key::S(mark) = aggregate.key.clone() else { unreachable!() };
        let (sort, name) = (format!("{other} twin"), format!("{event} twin"));
        let named = if aggregate.is_timeless { "yesterday".to_owned() } else { time.to_string() };
        let item = item(&mark, &sort, &named, Some(&name), event.version, 1);
        let read = source.reader.read(&item).unwrap();
        let message = read.message(Along { streamed_at: Some(now), ..Along::default() });
        let identity = read.identity().clone();
        source.events.insert(message.deduplication_id().clone(), event);
        source.names.insert(name.clone(), event);
        source.groups[group].twins.push(Twin { event, identity, deleted: None });
        let is_streamed = self.rng.chance(800);
        source.on_their_way += u32::from(is_streamed) as usize;
        drop(source);
        self.note("writer", || format!("writes {name}, which has the same version"));
        self.table.put(&item);
        if is_streamed {
            let late = if self.rng.coin() { Duration::ZERO } else { self.rng.seconds(0, 60) };
            self.show_message(event, message, now.plus(self.rng.millis(20, 400) + late));
        }
    }
}
