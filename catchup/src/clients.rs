//! All clients at the same time: each has one pass, then the next in line.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use shared::clock::Clock;
use shared::control::CatchUpReport;
use shared::ledger::{EventTable, Ledger, Registry, State};
use shared::metrics::{BEHIND_AGE, GROUPS_BEHIND, GROUPS_HELD, HELD_AGE, REJECTED, SENT, Tally};
use shared::send::Transport;

use super::client::{Client, shuffle};
use super::payload::ControlError;
use super::requests::registered;
use super::work::{OTHER_FILTER, Work};

/// How many clients have a pass at the same time: what their messages take of the function's memory.
const AT_ONCE: usize = 8;

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// Catches up every live client. Those that are not in the file, or with another filter than the registry's, are only
    /// counted: a function with a newer file serves them.
    pub(super) async fn catch_up_all(&self, registry: &Registry) -> Vec<Client<'_>> {
        let live = registry.clients.iter().filter(|(_, registration)| registration.state == State::Live);
        let mut clients: Vec<Client<'_>> = live
            .map(|(name, registration)| {
                let in_file = self.own.file.get(name).filter(|_| self.own.agrees(name, registration));
                Client::new(name, registration, in_file.map(|in_file| &in_file.queue), false)
            })
            .collect();
        // A few that hang must not always be the first.
        shuffle(&mut clients, self.ports.ledger.fresh());
        self.serve(clients).await
    }

    /// Catches one client up, by request.
    pub(super) async fn catch_up(
        &self,
        client: &str,
        tally: &mut Tally,
    ) -> Result<CatchUpReport, ControlError> {
        let registry = self.registry().await?;
        let (name, registration) = registered(&registry, client)?;
        let Some(in_file) = self.own.file.get(name) else {
            return Err(ControlError::UnknownClient(client.to_owned()));
        };
        let stopped = if registration.state == State::Paused {
            Some("paused".to_owned())
        } else {
            (!self.own.agrees(name, registration)).then(|| OTHER_FILTER.to_owned())
        };
        if stopped.is_some() {
            return Ok(CatchUpReport { client: client.to_owned(), stopped, ..CatchUpReport::default() });
        }
        let client = Client::new(name, registration, Some(&in_file.queue), true);
        let mut served = self.serve(vec![client]).await;
        count_sent(&served, tally);
        served.pop().map(Client::caught_up).ok_or(ControlError::NoRegistry)
    }

    async fn serve<'c>(&self, clients: Vec<Client<'c>>) -> Vec<Client<'c>> {
        let mut waiting = VecDeque::from(clients);
        let (mut in_turn, mut done) = (FuturesUnordered::new(), Vec::new());
        loop {
            while in_turn.len() < AT_ONCE {
                let Some(mut client) = waiting.pop_front() else { break };
                // Boxed: they are moved about.
                in_turn.push(Box::pin(async move {
                    let goes_on = client.next(self).await;
                    (client, goes_on)
                }));
            }
            match in_turn.next().await {
                Some((client, true)) => waiting.push_back(client),
                Some((client, false)) => done.push(client),
                None => return done,
            }
        }
    }
}

/// Counts what was sent.
pub(super) fn count_sent(clients: &[Client<'_>], tally: &mut Tally) {
    tally.count(SENT, clients.iter().map(Client::sent).sum());
    let rejected: usize = clients.iter().map(Client::rejected).sum();
    if rejected > 0 {
        tally.count(REJECTED, rejected);
    }
}

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// Counts the clients that are behind, or have held groups: in all, and each that has.
    pub(super) fn count_behind(&self, clients: &[Client<'_>], tally: &mut Tally) {
        let now = self.now();
        let millis = |age: Duration| usize::try_from(age.as_millis()).unwrap_or(usize::MAX);
        let age = |client: &Client<'_>| millis(client.age(now));
        let held_age = |client: &Client<'_>| millis(client.held_age(now));
        tally.count(GROUPS_BEHIND, clients.iter().map(Client::behind).sum());
        tally.count(BEHIND_AGE, clients.iter().map(age).max().unwrap_or(0));
        tally.count(GROUPS_HELD, clients.iter().map(Client::held).sum());
        tally.count(HELD_AGE, clients.iter().map(held_age).max().unwrap_or(0));
        for client in clients.iter().filter(|client| client.behind() > 0) {
            tally.count_of(&client.name, GROUPS_BEHIND, client.behind());
            tally.count_of(&client.name, BEHIND_AGE, age(client));
        }
        for client in clients.iter().filter(|client| client.held() > 0) {
            tally.count_of(&client.name, GROUPS_HELD, client.held());
            tally.count_of(&client.name, HELD_AGE, held_age(client));
        }
    }
}
