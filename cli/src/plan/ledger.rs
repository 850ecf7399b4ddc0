//! The ledger's part in a plan: the backlogs of clients, and whether this version can read the ledger.

use serde::Serialize;
use shared::config::Config;
use shared::ledger::stored::FORMAT_WRITTEN;
use shared::text::printable;

use super::{Change, PlannedClient, RunningStack};
use crate::client_status::Backlog;

/// A ledger that this version can't read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ForeignLedger {
    /// The format that its items name; none in one of the oldest ledgers.
    pub format: Option<String>,
}

impl ForeignLedger {
    /// The foreign ledger whose items name these formats; none if all are this version's, or there is no item.
    pub(super) fn of_formats(formats: &[Option<String>]) -> Option<Self> {
        let known = FORMAT_WRITTEN.to_string();
        let format = formats.iter().find(|format| format.as_deref() != Some(&known))?;
        Some(Self { format: format.clone() })
    }

    /// The problem and the remedies, without a line feed at the end. `stack` is the option that names the stack.
    pub(super) fn to_text(&self, stack: &str) -> String {
        let is_newer = |format: &String| format.parse().map_or(true, |format: u64| format > FORMAT_WRITTEN);
        match self.format.as_ref().filter(|format| is_newer(format)) {
            Some(format) => format!(
                "IN THE WAY: the ledger is of format {}, and this version reads format {FORMAT_WRITTEN} only. Deploy with the version \
                 of this repository that is deployed, or a newer one",
                printable(format)
            ),
            None => format!(
                "IN THE WAY: the ledger is of an older format, which this version can't read. Either\n  \
                     - deploy beside it, under another --stack and --prefix; or\n  \
                     - with the `fanoutctl` of the version that is deployed, wait until every client is up to date \
                     (`fanoutctl status{stack}`),\n    \
                     and delete the stack (`fanoutctl delete{stack}`); then deploy again: the new stack has a new ledger, and may \
                     repeat\n    \
                     events of the last 24 hours"
            ),
        }
    }
}

impl PlannedClient {
    /// Adds the facts from the ledger. A client that is in the ledger is not admitted anew, so that `history` has no
    /// effect on it.
    pub(super) fn know(
        &mut self,
        backlogs: Option<&Result<Vec<Backlog>, String>>,
        config: &Config,
        running: &RunningStack,
    ) {
        let (Some(backlogs), Some(name)) = (backlogs, &self.name) else { return };
        self.backlog = match backlogs {
            Ok(backlogs) => backlogs.iter().find(|backlog| backlog.client == *name).cloned(),
            // A new client lacks nothing.
            Err(_) if self.change == Change::Added => None,
            Err(why) => {
                Some(Backlog { client: name.clone(), unknown: Some(why.clone()), ..Backlog::default() })
            }
        };
        let wants_history = |config: &Config| {
            let mut clients = config.clients.iter();
            clients.any(|client| client.name.as_str() == name && client.history)
        };
        let is_admitted = self.backlog.is_some();
        let wanted_it = self.change != Change::Added && running.config.as_ref().is_none_or(wants_history);
        self.is_too_late_for_history = is_admitted && wants_history(config) && !wanted_it;
        self.gets_history &= !is_admitted;
    }
}
