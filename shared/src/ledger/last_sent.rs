//! Which version each client was sent last: what the next message to it names as its predecessor.
//!
//! A predecessor that is too low is safe: a consumer takes the message. One that is too high is a false alarm. So where
//! something is not known, it counts as not sent.

use std::collections::BTreeMap;

use super::client_id::ClientId;

/// The version of the last event that was sent to a client in an incarnation; `None` if none was. A version that was
/// passed over is none that was sent. After a replay from the start, or of a client whose cursor was lost, one below the
/// first version: the next message's predecessor is the same as if nothing had been sent, and still the client may have
/// events of the aggregate.
pub type LastVersion = Option<i64>;

/// What a group's up-to-date clients were sent last in this incarnation. (A client that is behind has that in its
/// cursor.)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastSent {
    last: LastVersion,
    /// Of the clients of which it is another.
    exceptions: BTreeMap<ClientId, LastVersion>,
}

impl LastSent {
    /// `last`, but for `exceptions`.
    pub fn new(last: LastVersion, exceptions: impl IntoIterator<Item = (ClientId, LastVersion)>) -> Self {
        let exceptions = exceptions.into_iter().filter(|(_, own)| *own != last).collect();
        Self { last, exceptions }
    }

    /// The last version that was sent to all clients but the exceptions.
    pub fn last(&self) -> LastVersion {
        self.last
    }

    /// The clients of which it is another.
    pub fn exceptions(&self) -> impl Iterator<Item = (ClientId, LastVersion)> + '_ {
        self.exceptions.iter().map(|(client, own)| (*client, *own))
    }

    /// The last version that was sent to an up-to-date client.
    pub fn of(&self, client: ClientId) -> LastVersion {
        self.exceptions.get(&client).copied().unwrap_or(self.last)
    }

    /// Notes that a client is up to date and was sent `own` last.
    pub(super) fn note(&mut self, client: ClientId, own: LastVersion) {
        if own == self.last {
            self.exceptions.remove(&client);
        } else {
            self.exceptions.insert(client, own);
        }
    }

    /// Notes that a client is up to date no more.
    pub(super) fn leave(&mut self, client: ClientId) {
        self.exceptions.remove(&client);
    }
}
