//! Two events of a version: each such pair is noticed, and where nothing brings one of them, it is the same one for
//! all.

use crate::clients::NAMES;
use crate::mix::Kind;
use crate::world::World;

impl World {
    pub(crate) fn check_twins(&self) {
        let (source, observed, now) = (self.source.borrow(), self.observed.borrow(), self.now());
        for (group, aggregate) in source.groups.iter().enumerate() {
            let item = self.group_item(group);
            let noticed = item.iter().flat_map(|(_, item)| &item.pairs);
            // A version that was passed over, or deleted by itself, and comes late looks like one that was used twice.
            let is_plain = |version: &&i64| {
                let mut own = aggregate.known.iter().filter(|known| known.event.version == **version);
                // The stream's times of what was there before the ledger are made up, in no order.
                own.all(|known| {
                    !known.is_history && observed.enqueued().any(|arrival| arrival.event == known.event)
                }) && !aggregate.twins.iter().any(|twin| twin.event.version == **version)
                    && !aggregate.known.iter().any(|known| source.is_case_e(known.event))
            };
            if let Some(version) = noticed.filter(|_| !source.is_case_f(group)).find(is_plain) {
                self.violated(|| format!("twin: two events are said to have version {version} of {group}"));
            }
            for twin in &aggregate.twins {
                let Some(other) = source.known(twin.event) else { continue };
                let name = format!("{} twin", twin.event);
                let from_table = |arrival: &&crate::observed::Arrival| {
                    // Where clocks differ, sort keys are not in the order of versions: then a look-up can end before the lower.
                    let is_sorted = !self.mix.has(Kind::Skew);
                    is_sorted && arrival.name == name && !arrival.is_streamed && other.is_there(arrival.at)
                };
                if let Some(arrival) = observed.arrivals.iter().find(from_table) {
                    let client = NAMES[arrival.client];
                    self.violated(|| {
                        format!("twin: {client} got {name} from the table, which has a lower sort key")
                    });
                }
                let Some((incarnation_number, item)) = &item else { continue };
                let is_of_it = *incarnation_number == twin.event.incarnation_number;
                let are_there = twin.deleted.is_none() && other.is_there(now);
                if is_of_it && are_there && !item.pairs.contains(&twin.event.version) {
                    self.violated(|| format!("twin: nobody noticed that two events have {}", twin.event));
                }
            }
        }
    }
}
