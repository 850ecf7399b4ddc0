//! The maintenance, every minute: who is served is settled, every client is caught up, and the event table is scanned.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join5;
use shared::clock::Clock;
use shared::config::ClientName;
use shared::control::CatchUpReport;
use shared::ledger::membership::{CLIENTS_LIMIT, FileRegistration, settle};
use shared::ledger::{
    ClientId, Condition, EventTable, Item, ItemKey, Ledger, Registration, Registry, ScanKind, State, Unread,
    Write,
};
use shared::metrics::{TARGET_FAILING_AGE, TARGETS_GONE, Tally};
use shared::send::Transport;
use tracing::{error, info, warn};

use super::client::Client;
use super::clients::count_sent;
use super::payload::ControlError;
use super::push::FailingTarget;
use super::work::{AfterFailure, Update, Work, why_unread};

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// Returns a report for each client that was behind.
    pub(super) async fn maintenance(&self, tally: &mut Tally) -> Result<Vec<CatchUpReport>, ControlError> {
        let registry = self.settle().await?;
        // At the same time: neither clients that are behind for hours, nor a scan of hours, nor a million notices that are due
        // or requests of push functions hold up the others.
        let catch_up = Box::pin(self.catch_up_all(&registry));
        let notices = Box::pin(self.notices(&registry));
        let scans = Box::pin(self.scans(&registry));
        let push = Box::pin(self.push(&registry));
        let (clients, due, (), (), failing) =
            join5(catch_up, notices, scans, Box::pin(self.clear_retired(&registry)), push).await;
        if let Some(due) = due {
            due.tally(tally);
        }
        let age = |target: &FailingTarget<'_>| usize::try_from(target.age.as_millis()).unwrap_or(usize::MAX);
        if let Some(longest) = failing.iter().map(age).max() {
            tally.count(TARGET_FAILING_AGE, longest);
            tally.count(TARGETS_GONE, failing.iter().filter(|target| target.is_gone).count());
        }
        for target in &failing {
            tally.count_of(target.client, TARGET_FAILING_AGE, age(target));
        }
        count_sent(&clients, tally);
        self.count_behind(&clients, tally);
        let mut answers: Vec<CatchUpReport> =
            clients.into_iter().filter(|client| !client.is_idle()).map(Client::caught_up).collect();
        answers.sort_by(|one, other| one.client.cmp(&other.client));
        Ok(answers)
    }

    /// Settles who is served, and returns it.
    async fn settle(&self) -> Result<Registry, ControlError> {
        let file = self.own.file.iter().map(|(name, in_file)| (name.clone(), in_file.registration.clone()));
        let file: BTreeMap<ClientName, FileRegistration> = file.collect();
        let keys = [ItemKey::Registry];
        let registry = self.update(&keys, AfterFailure::ReadAgain, async |found| {
            let registry = match found.registry().known(|| why_unread(found, &keys)) {
                Ok(registry) => registry,
                Err(why) => return Update::ReadAgain(why),
            };
            if registry.is_none() {
                match self.is_in_use().await {
                    Ok(false) => {}
                    Ok(true) => return Update::Done(Err(ControlError::RegistryGone)),
                    Err(why) => return Update::ReadAgain(why),
                }
            }
            let unmarked = self.unmarked(registry, &file).await;
            let Some(settled) = settle(registry, &file, &unmarked, self.now()) else {
                return Update::Done(Ok((registry.cloned(), None)));
            };
            let write = Write {
                key: ItemKey::Registry,
                condition: registry
                    .map_or(Condition::Absent, |registry| Condition::WriteCount(registry.write_count)),
                item: Some(Item::Registry(settled.clone())),
            };
            Update::Write(vec![vec![write]], Ok((registry.cloned(), Some(settled))))
        });
        let failed = |why| ControlError::Failed { what: "the ledger's registry", why };
        let (before, settled) = registry.await.map_err(failed)??;
        if let Some(settled) = settled {
            log_changes(before.as_ref(), &settled);
            return Ok(settled);
        }
        let registry = before.ok_or(ControlError::NoRegistry)?;
        log_refused(&registry, &file);
        Ok(registry)
    }

    /// Whether the ledger, of which the registry is missing, was in use. Another registry would give the clients other numbers,
    /// and one would get what another one is behind in.
    async fn is_in_use(&self) -> Result<bool, String> {
        // Every ledger has it from its first minutes on.
        let keys = [ItemKey::Scan(ScanKind::Reconcile)];
        let found = self.read(&keys).await;
        Ok(found.scan(ScanKind::Reconcile).known(|| why_unread(&found, &keys))?.is_some())
    }

    /// The retired clients that may be admitted again, or make room, because no cursor of theirs is left, and no notice is due to
    /// them: nobody would settle it for a number that no client has.
    async fn unmarked(
        &self,
        registry: Option<&Registry>,
        file: &BTreeMap<ClientName, FileRegistration>,
    ) -> BTreeSet<ClientId> {
        let mut unmarked = BTreeSet::new();
        let Some(registry) = registry else { return unmarked };
        let is_full = registry.clients.len() >= CLIENTS_LIMIT;
        let matters = |name: &ClientName, registration: &Registration| {
            registration.state == State::Retired && (is_full || file.contains_key(name))
        };
        for (name, registration) in registry.clients.iter().filter(|(name, client)| matters(name, client)) {
            match self.is_unmarked(registration.id).await {
                Ok(true) => drop(unmarked.insert(registration.id)),
                Ok(false) => {}
                Err(error) => {
                    let client = name.as_str();
                    warn!(client, why = %error, "whether a retired client has cursors left is not known; it stays so");
                }
            }
        }
        unmarked
    }

    async fn is_unmarked(&self, client: ClientId) -> Result<bool, Unread> {
        let ledger = self.ports.ledger;
        Ok(ledger.cursors(client, None).await?.is_empty()
            && ledger.receipts(client, true, None).await?.is_empty())
    }
}

fn log_changes(before: Option<&Registry>, after: &Registry) {
    for (name, registration) in &after.clients {
        let was = before.and_then(|before| before.clients.get(name));
        let (client, revision) = (name.as_str(), after.revision);
        match was {
            None => info!(client, revision, history = registration.history, "client admitted"),
            Some(was) if was.id != registration.id => {
                info!(client, revision, history = registration.history, "client admitted again");
            }
            Some(was) if was.state != registration.state => warn!(
                client,
                revision,
                "client retired: what it was behind in is forgotten, and it gets nothing more; back in \
                 `client-queues.toml` it is admitted as a new one, an hour from now at the earliest, and gets what it \
                 missed by `history = true` then, or by a replay"
            ),
            Some(was) if was.absent_at.is_none() && registration.absent_at.is_some() => warn!(
                client,
                "client is not in `client-queues.toml`: if that lasts for an hour it is retired, and what it is \
                 behind in is forgotten; to keep it, put it back and deploy"
            ),
            Some(was) if was.filter != registration.filter => {
                info!(client, revision, "the client's filter is another one from now on");
            }
            Some(_) => {}
        }
    }
}

fn log_refused(registry: &Registry, file: &BTreeMap<ClientName, FileRegistration>) {
    for name in file.keys().filter(|name| !registry.clients.contains_key(*name)) {
        let client = name.as_str();
        error!(client, "client is not admitted: the ledger has {CLIENTS_LIMIT}, all of them needed");
    }
}
