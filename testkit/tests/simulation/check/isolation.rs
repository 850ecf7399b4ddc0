//! A client that fails delays no other by more than its own time budget, and only until it is behind.

use std::time::Duration;

use crate::clients::NAMES;
use crate::mix::Kind;
use crate::trace::length;
use crate::world::World;

/// Without a client to wait for: a few calls, and the mapping's pause.
const UNHINDERED: Duration = Duration::from_secs(3);

/// The time budget of a client in one batch, with the calls around it; two groups can be in different batches.
const BOUND: Duration = Duration::from_secs(60);

impl World {
    pub(crate) fn check_isolation(&self) {
        if !self.mix.has_only(&[Kind::ClientGone, Kind::ClientSlow]) {
            return;
        }
        let (source, observed) = (self.source.borrow(), self.observed.borrow());
        let healthy = (0..NAMES.len()).filter(|client| !self.clients.borrow().ever_failed(*client));
        for client in healthy {
            for known in source.all() {
                let Some(arrived) = known.arrived else { continue };
                let first = observed
                    .enqueued()
                    .find(|arrival| arrival.client == client && arrival.event == known.event);
                let Some(first) = first else { continue };
                let late = first.at.since(arrived);
                let bound = if known.is_unhindered { UNHINDERED } else { BOUND };
                if late > bound {
                    self.violated(|| {
                        format!(
                            "delayed: {} got {} {} late, because of another client",
                            NAMES[client],
                            known.event,
                            length(late)
                        )
                    });
                }
            }
        }
    }

    /// Whether every client that ever failed is behind in all groups: then only catch-up tries it.
    pub(crate) fn is_unhindered(&self) -> bool {
        let observed = self.observed.borrow();
        let failed = (0..NAMES.len()).filter(|client| self.clients.borrow().ever_failed(*client));
        let ids: Vec<_> = failed.filter_map(|client| Some(observed.served(client)?.id)).collect();
        let groups = 0..self.source.borrow().groups.len();
        let mut items = groups.filter_map(|group| self.group_item(group)).peekable();
        items.peek().is_some()
            && items.all(|(_, item)| ids.iter().all(|id| item.behind.contains(id)))
            && self.queues.held(&self.fan_out()) == 0
    }
}
