//! The kit for consumers: a team's Lambda hands it a batch of its queue's messages and a [`Store`], and gets back what to
//! return to Lambda.
//!
//! The kit reads the messages' attributes, decides by the [rule](decide) whether a message has its effect, was had before
//! or comes behind a gap, and fails what must fail: a message whose write failed, and all later ones of its group. The
//! store has one duty: to write an effect and the [state](ConsumerState) together, or neither.
//!
//! `docs/consume.md` has a whole handler, with DynamoDB as its store.
//!
//! ```
//! # use consumer::*;
//! # struct Marks;
//! # impl Store for Marks {
//! #     async fn load(&self, _: &str) -> Result<Option<ConsumerState>, StoreError> { Ok(None) }
//! #     async fn write(&self, _: &StateWrite<'_>) -> Result<WriteOutcome, StoreError> { Ok(WriteOutcome::Done) }
//! # }
//! # use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
//! async fn handle(consumer: &Consumer<Marks>, event: SqsEvent) -> SqsBatchResponse {
//!     let consumed = consumer.consume(event.records).await;
//!     println!("{}", consumed.metrics(std::time::SystemTime::now()));
//!     consumed.response
//! }
//! ```

mod batch_outcome;
mod handler;
mod replay_command;
mod request_queue;
mod store;

pub use shared::consumer::{
    AskedReplay, ConsumerSettings, ConsumerState, InvalidState, ReceivedMessage, Start, UnreadableAttribute,
    Verdict, decide,
};

pub use batch_outcome::{BatchOutcome, Counts};
pub use handler::Consumer;
pub use replay_command::replay_command;
pub use request_queue::{NoRequestQueue, RequestMessage, RequestQueue};
pub use store::{Effect, StateWrite, Store, StoreError, WriteOutcome};
