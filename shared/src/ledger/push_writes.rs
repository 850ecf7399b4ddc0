//! Writes of what the ledger keeps for the push functions, and which items these are.

use super::{ClientId, Condition, DeliveryRequest, Gone, Item, ItemKey, TargetState, Write, WriteCount};
use crate::ids::Group;
use crate::time::Timestamp;

/// The beginning of the partition keys of all items that push functions write: their roles may write no others.
pub const LEADING: &str = "push#";

/// Whether it is an item that push functions write.
pub fn is_of_push(key: &ItemKey) -> bool {
    matches!(key, ItemKey::Delivery(..) | ItemKey::DeliveryRequest(..) | ItemKey::Target(_))
}

/// The most bytes of why a request could not be carried out that are kept.
const FAILURE_LIMIT: usize = 200;

impl DeliveryRequest {
    /// The write after which the request for `group`, of which this was read, is done. It belongs to the transaction that
    /// does it.
    pub fn done(&self, client: ClientId, group: &Group, now: Timestamp, fresh: u64) -> Write {
        self.written(client, group, Self { done_at: Some(now), failure: None, ..self.clone() }, fresh)
    }

    /// The write that keeps why it could not be carried out; none if that is known.
    pub fn failed(&self, client: ClientId, group: &Group, why: &str, fresh: u64) -> Option<Write> {
        let why = why.get(..why.floor_char_boundary(FAILURE_LIMIT)).unwrap_or(why);
        let failed = || Self { failure: Some(why.to_owned()), ..self.clone() };
        (self.failure.as_deref() != Some(why)).then(|| self.written(client, group, failed(), fresh))
    }

    fn written(&self, client: ClientId, group: &Group, after: Self, fresh: u64) -> Write {
        Write {
            key: ItemKey::DeliveryRequest(client, group.clone()),
            condition: Condition::WriteCount(self.write_count),
            item: Some(Item::DeliveryRequest(Self { write_count: WriteCount(fresh), ..after })),
        }
    }
}

impl TargetState {
    /// The write that notes that the client was paused because the target is gone; `None` if it isn't, or that was noted.
    pub fn paused(&self, client: ClientId, now: Timestamp, fresh: u64) -> Option<Write> {
        let gone = self.gone.as_ref().filter(|gone| gone.paused_at.is_none())?;
        let gone = Some(Gone { paused_at: Some(now), ..gone.clone() });
        Some(self.written(client, Self { gone, ..self.clone() }, fresh))
    }

    /// The write after which the target is tried again, as if it had never failed; `None` if it is tried anyway.
    pub fn resumed(&self, client: ClientId, fresh: u64) -> Option<Write> {
        if self.gone.is_none() && self.breaker.is_none() && self.refusals.is_empty() {
            return None;
        }
        Some(self.written(
            client,
            Self { gone: None, breaker: None, refusals: Vec::new(), ..self.clone() },
            fresh,
        ))
    }

    fn written(&self, client: ClientId, after: Self, fresh: u64) -> Write {
        Write {
            key: ItemKey::Target(client),
            condition: Condition::WriteCount(self.write_count),
            item: Some(Item::Target(Box::new(Self { write_count: WriteCount(fresh), ..after }))),
        }
    }
}
