//! The promise, at rest, for every client and group. `docs/ledger.md`, sections 7 and 8.

mod completeness;
mod consumer;
mod exempt;
mod incarnations;
mod isolation;
mod notices;
mod order;
mod pairs;
mod rejections;
mod repeated;
mod replayed;

use std::rc::Rc;

use crate::world::World;

impl World {
    pub(crate) fn check(self: &Rc<Self>) {
        self.check_order();
        self.check_incarnations();
        self.check_completeness();
        self.check_repetitions();
        self.check_replays();
        self.check_isolation();
        self.check_consumers();
        self.check_deliverers();
        self.check_notices();
        self.check_rejections();
        self.check_pairs();
    }
}
