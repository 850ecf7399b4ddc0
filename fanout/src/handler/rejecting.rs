//! What can never be sent gets a rejection.

use serde_json::value::RawValue;
use shared::ids::Group;
use shared::ledger::fan_out::Plan;
use shared::ledger::{EventTable, Ledger};
use shared::message::Message;
use shared::rejection::Rejection;
use shared::route::route;
use shared::send::{Stop, Transport, send_runs};
use tracing::error;

use super::group::Work;
use super::{Fanout, Invocation};
use crate::message::Delivery;

impl Fanout {
    /// Sends a rejection about each event of the table that can never be sent. Answers the runs that may go on.
    pub(super) async fn reject_items<'w, 'b, T: Transport, L: Ledger, E: EventTable>(
        &self,
        ports: &Invocation<'_, T, L, E>,
        planned: Vec<(&'w mut Work<'b>, Plan)>,
    ) -> Vec<(&'w mut Work<'b>, Plan)> {
        let mut rejections = Vec::new();
        for (index, (work, plan)) in planned.iter().enumerate() {
            let Some(rows) = &work.shown.rows else { continue };
            for version in &plan.run.rejected {
                if let (Some(sort), Some(Err(why))) = (rows.sort(*version), rows.event(*version)) {
                    error!(group = %plan.group, version, why, "event in the table cannot be sent; it gets a rejection");
                    rejections.push((index, Rejection::of_item(&self.source, &work.batch.key, sort, why)));
                }
            }
        }
        let (of, rejections): (Vec<usize>, Vec<Message>) = rejections.into_iter().unzip();
        let results = self.send_rejections(ports, &rejections).await;
        let mut may_go_on = vec![true; planned.len()];
        for (index, result) in of.into_iter().zip(results) {
            if let (Err(_), Some(may_go_on)) = (result, may_go_on.get_mut(index)) {
                *may_go_on = false;
            }
        }
        let mut going_on = Vec::new();
        for ((work, plan), may_go_on) in planned.into_iter().zip(may_go_on) {
            if may_go_on {
                going_on.push((work, plan));
            } else {
                work.give_back("the rejected queue did not take a rejection");
            }
        }
        going_on
    }

    /// Sends a rejection about each message that cannot be processed. Answers the indexes of those without one.
    pub(super) async fn reject_unfit<T: Transport, L: Ledger, E: EventTable>(
        &self,
        ports: &Invocation<'_, T, L, E>,
        records: &[&RawValue],
        deliveries: &[Delivery<'_>],
        unfit: &[(usize, String)],
    ) -> Vec<usize> {
        let rejection = |(index, why): &(usize, String)| {
            let (record, delivery) = (records.get(*index)?, deliveries.get(*index)?);
            let (id, group) = (delivery.id.as_deref(), delivery.group.as_ref());
            error!(
                message_id = id,
                group = group.map(Group::as_str),
                why,
                "message cannot be processed; it gets a rejection"
            );
            Some(Rejection::of_record(record, delivery.group.clone(), id, why))
        };
        let rejections: Vec<Message> = unfit.iter().filter_map(rejection).collect();
        let results = self.send_rejections(ports, &rejections).await;
        let results = unfit.iter().zip(results);
        results.filter(|(_, result)| result.is_err()).map(|((index, _), _)| *index).collect()
    }

    /// Sends rejections to the rejected queue. One result per rejection, in order.
    async fn send_rejections<T: Transport, L: Ledger, E: EventTable>(
        &self,
        ports: &Invocation<'_, T, L, E>,
        rejections: &[Message],
    ) -> Vec<Result<(), Stop>> {
        if rejections.is_empty() {
            return Vec::new();
        }
        let routed = route(rejections.iter().enumerate());
        let (limits, _) = ports.limits(self.requests_in_flight);
        let outcomes = send_runs(ports.transport, &self.rejected, &routed.runs, &limits).await;
        let results = routed.results(&outcomes, rejections.len());
        if let Some(stop) = results.iter().find_map(|result| result.as_ref().err()) {
            error!(why = stop.why, "the rejected queue did not take rejections; their messages are returned");
        }
        results
    }
}
