//! What can never be sent gets a rejection.

use std::collections::BTreeSet;

use shared::clock::Clock;
use shared::ids::Group;
use shared::ledger::{EventTable, Ledger};
use shared::message::Message;
use shared::rejection::Rejection;
use shared::route::route;
use shared::send::{Carrier, Stop, Transport, send_runs, split};
use tracing::error;

use super::answer::Counts;
use super::arrivals::UnfitMessage;
use super::group::{ImplausibleGroup, PlannedGroup, Stage};
use super::{Fanout, Invocation};
use crate::message::Delivery;

const NOT_REJECTED: &str = "the rejected queue did not take a rejection";

/// A rejection, and what it is about.
struct RejectionMessage<S> {
    subject: S,
    rejection: Message,
}

impl<S> Carrier for RejectionMessage<S> {
    fn message(&self) -> &Message {
        &self.rejection
    }
}

impl Fanout {
    /// Sends a rejection about each event of the table that can never be sent. Returns the groups that may go on, and
    /// those that may not.
    pub(super) async fn reject_events<'b, C: Clock, T: Transport, L: Ledger, E: EventTable>(
        &self,
        ports: &Invocation<'_, C, T, L, E>,
        planned: Vec<PlannedGroup<'b>>,
    ) -> (Vec<PlannedGroup<'b>>, Vec<Stage<'b>>) {
        let mut rejections = Vec::new();
        for planned in &planned {
            let group = &planned.plan.group;
            for event in &planned.plan.run.rejected {
                let (version, why) = (event.version, &event.why);
                error!(%group, version, why, "event in the table cannot be sent; it gets a rejection");
                let rejection =
                    Rejection::of_item(&self.source, planned.key(), &event.identity, version, why);
                rejections.push(RejectionMessage { subject: group.clone(), rejection });
            }
        }
        let unsent = self.send_rejections(ports, rejections).await;
        let unsent: BTreeSet<Group> = unsent.into_iter().map(|rejected| rejected.subject).collect();
        let (held_up, going_on): (Vec<_>, Vec<_>) =
            planned.into_iter().partition(|planned| unsent.contains(&planned.plan.group));
        (going_on, held_up.into_iter().map(|planned| planned.give_back(NOT_REJECTED)).collect())
    }

    /// Sends a rejection about each event that is not believed. The other messages of its group go on.
    pub(super) async fn reject_implausible<'b, C: Clock, T: Transport, L: Ledger, E: EventTable>(
        &self,
        ports: &Invocation<'_, C, T, L, E>,
        groups: Vec<ImplausibleGroup<'b>>,
        counts: &mut Counts,
    ) -> Vec<Stage<'b>> {
        let mut rejections = Vec::new();
        for implausible in &groups {
            for event in &implausible.events {
                let (group, version, why) = (implausible.group(), event.version, event.why());
                error!(%group, version, why, "event is not believed; it gets a rejection");
                let rejection =
                    Rejection::of_item(&self.source, implausible.key(), &event.identity, version, &why);
                rejections.push(RejectionMessage { subject: group.clone(), rejection });
            }
        }
        let unsent = self.send_rejections(ports, rejections).await;
        let unsent: BTreeSet<Group> = unsent.into_iter().map(|rejected| rejected.subject).collect();
        let stages = groups.into_iter().map(|implausible| {
            if unsent.contains(implausible.group()) {
                return implausible.give_back(NOT_REJECTED);
            }
            counts.rejected += implausible.events.len();
            implausible.rejected()
        });
        stages.collect()
    }

    /// Sends a rejection about each message that cannot be processed. Returns the messages about which none was
    /// accepted.
    pub(super) async fn reject_unfit<'b, C: Clock, T: Transport, L: Ledger, E: EventTable>(
        &self,
        ports: &Invocation<'_, C, T, L, E>,
        unfit: &[UnfitMessage<'b>],
    ) -> Vec<&'b Delivery<'b>> {
        let rejections = unfit.iter().map(|UnfitMessage { delivery, why }| {
            let (id, group) = (delivery.id.as_deref(), delivery.group.as_ref());
            error!(
                message_id = id,
                group = group.map(Group::as_str),
                why,
                "message cannot be processed; it gets a rejection"
            );
            let rejection = Rejection::of_record(delivery.record, group.cloned(), id, why);
            RejectionMessage { subject: *delivery, rejection }
        });
        let unsent = self.send_rejections(ports, rejections.collect()).await;
        unsent.into_iter().map(|rejected| rejected.subject).collect()
    }

    /// Sends rejections to the rejected queue. Returns those that it did not accept.
    async fn send_rejections<S, C: Clock, T: Transport, L: Ledger, E: EventTable>(
        &self,
        ports: &Invocation<'_, C, T, L, E>,
        rejections: Vec<RejectionMessage<S>>,
    ) -> Vec<RejectionMessage<S>> {
        if rejections.is_empty() {
            return Vec::new();
        }
        let (limits, _) = ports.limits(self.requests_in_flight);
        let outcomes =
            send_runs(ports.clock, ports.transport, &self.rejected, route(rejections), &limits).await;
        let (_, unsent) = split(outcomes);
        if let Some((_, Stop { why, .. })) = unsent.first() {
            error!(why, "the rejected queue did not take rejections; their messages are returned");
        }
        unsent.into_iter().map(|(rejected, _)| rejected).collect()
    }
}
