//! What the ledger has to do with a plan: whether a stack gets or loses it, and what it knows of clients.

use shared::config::Config;

use super::{Change, LedgerChange, PlannedClient, Running, Setting};
use crate::standing::Backlog;

/// A stack of a template before the ledger has none.
pub(super) fn change(settings: &[Setting]) -> Option<LedgerChange> {
    let Setting { old, new, .. } = settings.iter().find(|setting| setting.name == "Ledger")?;
    match (old.as_deref() == Some("true"), new == "true") {
        (false, true) => Some(LedgerChange::On),
        (true, false) => Some(LedgerChange::Off),
        _ => None,
    }
}

impl PlannedClient {
    /// Takes in what the ledger knows of it. Whoever is in the ledger is not admitted anew: whether it wants history was
    /// asked once.
    pub(super) fn know(
        &mut self,
        backlogs: Option<&Result<Vec<Backlog>, String>>,
        config: &Config,
        running: &Running,
    ) {
        let (Some(backlogs), Some(name)) = (backlogs, &self.name) else { return };
        self.backlog = match backlogs {
            Ok(backlogs) => backlogs.iter().find(|backlog| backlog.client == *name).cloned(),
            // Somebody new lacks nothing.
            Err(_) if self.change == Change::Added => None,
            Err(why) => Some(Backlog::unknown(name, why)),
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
