//! The port to a team's store.

use std::error::Error;
use std::future::Future;

use aws_lambda_events::event::sqs::SqsMessage;
use shared::consumer::ConsumerState;

/// Where a consumer keeps what follows from events, and with it the state of each aggregate.
///
/// State and effect lie in one item, one row, or behind one transaction. No table of its own is needed: the state is a text
/// ([`ConsumerState::to_text`]) that is stored beside the effect.
pub trait Store {
    /// The state that the last write of this group left; `None` if there was none. A read that is consistent with all
    /// writes before it: one that lags behind only costs a second try, since a write is conditional.
    fn load(&self, group: &str) -> impl Future<Output = Result<Option<ConsumerState>, StoreError>> + Send;

    /// Writes the effect and the state `after` together, or neither, and only if the state is still `before`.
    ///
    /// After an error it is unknown whether that was done: the message and all later ones of its group are returned, and
    /// come again; what was done shows in the state then. The store may repeat a write by itself.
    fn write(&self, write: &StateWrite<'_>) -> impl Future<Output = Result<WriteOutcome, StoreError>> + Send;
}

/// Why a store can't read or write. The message and all later ones of its group come again.
pub type StoreError = Box<dyn Error + Send + Sync>;

/// One write of a store.
#[derive(Clone, Copy, Debug)]
pub struct StateWrite<'w> {
    /// The aggregate: the `MessageGroupId`.
    pub group: &'w str,
    /// The message from which the effect follows.
    pub message: &'w SqsMessage,
    /// What to do besides keeping the state.
    pub effect: Effect,
    /// The state that must still be there; `None`: there must be none.
    pub before: Option<&'w ConsumerState>,
    /// The state to keep.
    pub after: &'w ConsumerState,
}

/// What a message does to what a store holds of an aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It begins the aggregate, perhaps anew: what is there goes, and the message's event has its effect.
    Begin,
    /// The message's event has its effect, on top of what is there.
    Apply,
    /// The aggregate was erased: what is there goes. The body is no event.
    Erase,
    /// Something before the message is missing: nothing changes but the state.
    Nothing,
}

/// How a conditional write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// Effect and state are stored.
    Done,
    /// Another invocation wrote this group's state meanwhile: nothing was stored. The kit reads it and decides again.
    Overtaken,
}
