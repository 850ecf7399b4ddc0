//! Two events of a version: each such pair is noticed, and where nothing brings one of them, it is the same one for
//! all.

use crate::clients::NAMES;
use crate::mix::Kind;
use crate::observed::Arrival;
use crate::pairs::PairedEvent;
use crate::world::World;

impl World {
    pub(crate) fn check_pairs(&self) {
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
                }) && !aggregate.paired.iter().any(|paired| paired.event.version == **version)
                    && !aggregate.known.iter().any(|known| source.is_case_e(known.event))
            };
            if let Some(version) = noticed.filter(|_| !source.is_case_f(group)).find(is_plain) {
                self.violated(|| format!("pair: two events are said to have version {version} of {group}"));
            }
            for paired in &aggregate.paired {
                let Some(other) = source.known(paired.event) else { continue };
                let name = PairedEvent::name(paired.event);
                let from_table = |arrival: &&Arrival| {
                    // Where clocks differ, sort keys are not in the order of versions: then a look-up can end before the
                    // lower one.
                    let is_sorted = !self.mix.has(Kind::Skew);
                    is_sorted && arrival.name == name && !arrival.is_streamed && other.is_there(arrival.at)
                };
                if let Some(arrival) = observed.arrivals.iter().find(from_table) {
                    let client = NAMES[arrival.client];
                    self.violated(|| {
                        format!("pair: {client} got {name} from the table, which has a lower sort key")
                    });
                }
                let Some((incarnation_number, item)) = &item else { continue };
                let is_of_it = *incarnation_number == paired.event.incarnation_number;
                if is_of_it && other.is_there(now) && !item.pairs.contains(&paired.event.version) {
                    self.violated(|| format!("pair: nobody noticed that two events have {}", paired.event));
                }
            }
        }
    }
}
