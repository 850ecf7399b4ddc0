//! Writers that break the condition: an event gets the version of another.

use std::rc::Rc;
use std::time::Duration;

use shared::event::Along;
use shared::ids::{EventIdentity, Key};

use crate::source::{EventRef, Source, WrittenEvent, item};
use crate::world::World;

/// An event with a version that another one has. Its sort key is the higher one. It is in the table as long as the other
/// is.
pub(crate) struct PairedEvent {
    /// The other one.
    pub(crate) event: EventRef,
    pub(crate) identity: EventIdentity,
}

impl PairedEvent {
    /// Its `eventId`, of the event with the version of `event`.
    pub(crate) fn name(event: EventRef) -> String {
        format!("{event} again")
    }
}

impl Source {
    /// Whether two events have the version.
    pub(crate) fn is_paired(&self, event: EventRef) -> bool {
        self.groups[event.group].paired.iter().any(|paired| paired.event == event)
    }
}

impl World {
    /// Writes an event with the version of one that is there, which the stream shows as a rule.
    pub(crate) fn write_pair(self: &Rc<Self>, group: usize) {
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
        if aggregate.paired.iter().any(|paired| paired.event == event) {
            return;
        }
        let time = aggregate.free_time(now.as_millis() - aggregate.back_dated.as_millis() as u64);
        let Key::S(mark) = aggregate.key.clone() else { unreachable!() };
        let (sort, name) = (format!("{other} again"), PairedEvent::name(event));
        let named = if aggregate.is_timeless { "yesterday".to_owned() } else { time.to_string() };
        let item = item(&mark, &sort, &named, Some(&name), event.version, 1);
        let read = source.reader.read(&item).unwrap();
        let message = read.message(Along { streamed_at: Some(now), ..Along::default() });
        let identity = read.identity().clone();
        source.events.insert(message.deduplication_id().clone(), event);
        source.names.insert(name.clone(), event);
        source.groups[group].paired.push(PairedEvent { event, identity });
        let is_streamed = self.rng.chance(800);
        source.on_their_way += usize::from(is_streamed);
        drop(source);
        self.note("writer", || format!("writes {name}, which has the same version"));
        self.table.put(&item);
        if is_streamed {
            let late = if self.rng.coin() { Duration::ZERO } else { self.rng.seconds(0, 60) };
            self.show_message(event, message, now.plus(self.rng.millis(20, 400) + late));
        }
    }
}
