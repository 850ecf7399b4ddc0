//! Who is served: what the file says, compared with the registry.

use std::collections::{BTreeMap, BTreeSet};

use super::times::{ABSENCE, STREAM_RETENTION};
use super::{ClientId, Registration, Registry, State, WriteCount};
use crate::config::ClientName;
use crate::filter::FilterDigest;
use crate::time::Timestamp;

/// The most clients that the registry holds: all of them behind, a group's item is under 5 KB (DynamoDB takes 400).
pub const CLIENTS_LIMIT: usize = 1_000;

/// What the file says of a client that the registry keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRegistration {
    /// Whether it wants everything, from the first event of each aggregate.
    pub history: bool,
    /// What tells its filter from others.
    pub filter: FilterDigest,
    /// Whether it wants to be told when an aggregate is erased.
    pub erasures: bool,
}

/// The registry as it has to be, if it is not so yet. Without `registry` the ledger is made.
///
/// Who is not in `registry` is admitted. Who is not in `file` is absent, and is retired when that has lasted for
/// [`ABSENCE`]. A retired client is admitted again as long after that, if it is among `unmarked`: those of which no
/// cursor is left, and to whom no notice is due. Whether a client wants history counts when it is admitted. Another filter is
/// another revision.
///
/// There is room for [`CLIENTS_LIMIT`]; the retired one that left first makes room. Who finds none is not admitted.
pub fn settle(
    registry: Option<&Registry>,
    file: &BTreeMap<ClientName, FileRegistration>,
    unmarked: &BTreeSet<ClientId>,
    now: Timestamp,
) -> Option<Registry> {
    let Some(registry) = registry else { return Some(found(file, now)) };
    let mut after = registry.clone();
    for (name, registration) in &mut after.clients {
        if registration.state == State::Retired {
            continue;
        }
        if let Some(in_file) = file.get(name) {
            registration.absent_at = None;
            registration.erasures = in_file.erasures;
            if registration.filter != in_file.filter {
                registration.filter = in_file.filter.clone();
                after.revision = registry.revision + 1;
            }
        } else if now.since(*registration.absent_at.get_or_insert(now)) >= ABSENCE {
            registration.state = State::Retired;
            registration.pause = None;
            registration.retired_at = Some(now);
            after.revision = registry.revision + 1;
        }
    }
    for (name, in_file) in file {
        if may_join(after.clients.get(name), unmarked, now) && has_room(&mut after.clients, name, unmarked) {
            after.revision = registry.revision + 1;
            let id = next_id(&after.clients);
            after.clients.insert(name.clone(), join(id, in_file, after.revision));
        }
    }
    if after == *registry {
        return None;
    }
    after.write_count = WriteCount(registry.write_count.0 + 1);
    Some(after)
}

fn found(file: &BTreeMap<ClientName, FileRegistration>, now: Timestamp) -> Registry {
    let retention = u64::try_from(STREAM_RETENTION.as_millis()).unwrap_or(u64::MAX);
    let clients = (1..).zip(file).take(CLIENTS_LIMIT);
    Registry {
        write_count: WriteCount(1),
        revision: 1,
        start: Timestamp::from_millis(now.as_millis().saturating_sub(retention)),
        clients: clients
            .map(|(id, (name, in_file))| (name.clone(), join(ClientId(id), in_file, 1)))
            .collect(),
        unknown: [].into(),
    }
}

fn join(id: ClientId, in_file: &FileRegistration, since: u64) -> Registration {
    Registration {
        id,
        state: State::Live,
        pause: None,
        history: in_file.history,
        filter: in_file.filter.clone(),
        erasures: in_file.erasures,
        since,
        absent_at: None,
        retired_at: None,
        unknown: [].into(),
    }
}

fn may_join(before: Option<&Registration>, unmarked: &BTreeSet<ClientId>, now: Timestamp) -> bool {
    let Some(before) = before else { return true };
    let is_over = before.retired_at.is_none_or(|retired_at| now.since(retired_at) >= ABSENCE);
    before.state == State::Retired && is_over && unmarked.contains(&before.id)
}

/// Makes room for `name`, if there is none and that is possible.
fn has_room(
    clients: &mut BTreeMap<ClientName, Registration>,
    name: &ClientName,
    unmarked: &BTreeSet<ClientId>,
) -> bool {
    if clients.len() < CLIENTS_LIMIT || clients.contains_key(name) {
        return true;
    }
    // The highest number stays, because the next one is counted from it.
    let highest = clients.values().map(|registration| registration.id).max();
    let may_go = |registration: &Registration| {
        registration.state == State::Retired
            && unmarked.contains(&registration.id)
            && Some(registration.id) != highest
    };
    let gone = clients.iter().filter(|(_, registration)| may_go(registration));
    let first = gone.min_by_key(|(_, registration)| registration.retired_at);
    let first = first.map(|(name, _)| name.clone());
    first.is_some_and(|first| clients.remove(&first).is_some())
}

fn next_id(clients: &BTreeMap<ClientName, Registration>) -> ClientId {
    let highest = clients.values().map(|registration| registration.id.0).max();
    ClientId(highest.map_or(1, |highest| highest + 1))
}

#[cfg(test)]
mod tests;
