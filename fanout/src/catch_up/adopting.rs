//! Steps 2 and 3 of the fan-out, for a group of which no message came: it gets an item that accounts for who is served.
//!
//! Of a group that the ledger does not know, and whose events do not tell by themselves what is old and that nothing is
//! missing, the fan-out makes the item: it holds the group's lock, and can wait.

use std::collections::BTreeMap;
use std::slice;

use shared::event::Event;
use shared::ids::{Group, Key};
use shared::ledger::{
    ClientId, Control, EventTable, GroupItem, ItemKey, Ledger, Marker, READ_LIMIT, Write, WriteError, adopt,
    baseline, is_whole, leaving,
};
use shared::send::{StopReason, Transport};

use super::payload::OrderError;
use super::work::{SurveyError, TRIES, Work, why_unread};

/// What a group is.
#[derive(Debug)]
pub(super) enum Adopted {
    /// Its item accounts for the control item's edition.
    Done,
    /// The table has no event of it that can be sent.
    Missing,
    /// Its highest event is on the fan-out queue, and makes the fan-out look: that makes the item, when it has waited for
    /// what may be missing.
    HandedOver,
    /// No later try can do more, unless somebody acts; this says why.
    PassedOver(String),
    /// Not done.
    Failed(String),
}

impl<T: Transport, L: Ledger, E: EventTable> Work<'_, T, L, E> {
    /// Adopts the group of the aggregate with this key, if that is needed.
    pub(super) async fn adopt(&self, key: &Key) -> Adopted {
        let group = Group::of(key);
        let mut why = String::new();
        let keys = [ItemKey::Control, ItemKey::Group(group.clone())];
        for number in 0..TRIES {
            let found = self.read(&keys).await;
            let (Some(control), Some(item)) = (found.control(), found.group(&group)) else {
                return Adopted::Failed(why_unread(&found, &keys));
            };
            let Some(control) = control else { return Adopted::Failed(OrderError::NoControl.to_string()) };
            let (item, is_new) = match item {
                Some(item) if item.edition >= control.edition => return Adopted::Done,
                Some(item) => (item.clone(), false),
                None => match self.first_sight(key, control).await {
                    Ok(item) => (item, true),
                    Err(adopted) => return adopted,
                },
            };
            let retired = self.leaving(&group, &item, control).await;
            let fresh = &mut || self.edge.ledger.fresh();
            let transactions = adopt(&group, &item, is_new, control, &retired, self.now(), fresh);
            match self.write_all(&transactions).await {
                Ok(()) => return Adopted::Done,
                // Somebody else adopts it, or nobody knows: it is read again.
                Err(WriteError::Lost) => {}
                Err(error) => {
                    why = error.to_string();
                    if self.is_over() || number + 1 == TRIES {
                        break;
                    }
                    self.back_off(number).await;
                }
            }
        }
        Adopted::Failed(if why.is_empty() { "others write it all the time".to_owned() } else { why })
    }

    /// The first item of a group; or why there is none.
    async fn first_sight(&self, key: &Key, control: &Control) -> Result<GroupItem, Adopted> {
        let survey = self.survey(key).await.map_err(|error| match error {
            SurveyError::TooLong => Adopted::PassedOver(error.to_string()),
            SurveyError::Unread(unread) => Adopted::Failed(unread.to_string()),
        })?;
        if is_whole(&survey.rows) {
            return baseline(key, &survey.rows, control.start).ok_or(Adopted::Missing);
        }
        Err(match survey.highest {
            Some(event) => self.hand_over(&event).await,
            None => Adopted::Missing,
        })
    }

    /// Makes the fan-out look at a group, by its highest `event`.
    async fn hand_over(&self, event: &Event) -> Adopted {
        let outcomes = self.put_repairs(&[slice::from_ref(event)], self.last_start).await;
        match outcomes.into_iter().find_map(|outcome| outcome.stopped) {
            None => Adopted::HandedOver,
            Some(stop) => {
                let why = format!("the fan-out queue does not take its highest event: {}", stop.why);
                if stop.reason == StopReason::Message {
                    Adopted::PassedOver(why)
                } else {
                    Adopted::Failed(why)
                }
            }
        }
    }

    /// The markers of clients that are served no more. Of those that are not read, the entries stay.
    async fn leaving(
        &self,
        group: &Group,
        item: &GroupItem,
        control: &Control,
    ) -> BTreeMap<ClientId, Option<Marker>> {
        let mut retired = BTreeMap::new();
        for clients in leaving(item, control).chunks(READ_LIMIT) {
            let keys: Vec<ItemKey> =
                clients.iter().map(|client| ItemKey::Marker(*client, group.clone())).collect();
            let found = self.read(&keys).await;
            let read =
                clients.iter().filter_map(|client| Some((*client, found.marker(*client, group)?.cloned())));
            retired.extend(read);
        }
        retired
    }

    async fn write_all(&self, transactions: &[Vec<Write>]) -> Result<(), WriteError> {
        for writes in transactions {
            self.edge.ledger.write(writes).await?;
        }
        Ok(())
    }
}
