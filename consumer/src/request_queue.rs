//! The port to the pipeline's queue of requests, where a consumer asks for what it misses.

use std::future::Future;

use shared::consumer::AskedReplay;
use shared::control::ReplayRequest;

use crate::store::StoreError;

/// The pipeline's queue of requests, `MarkFanOutRequests.fifo`: for a client that has a `request_role`.
pub trait RequestQueue {
    /// Sends the message: its body, group and deduplication id, as they are, and nothing else.
    ///
    /// After an error it is unknown whether it was sent. The next batch sends it again, under the same id; the log names the
    /// operator's command. Give up soon: the batch waits.
    fn send(&self, request: &RequestMessage) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A message for the queue of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestMessage {
    /// The body: which group, and from which version on.
    pub body: String,
    /// The `MessageGroupId`: the client.
    pub group_id: String,
    /// The `MessageDeduplicationId`: the same for the same gap, so that SQS drops what is asked twice in five minutes.
    pub deduplication_id: String,
}

/// No queue of requests: an operator is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRequestQueue;

impl RequestMessage {
    /// The message by which `client` asks for a replay of `group`.
    pub(crate) fn new(client: &str, group: &str, asked: &AskedReplay) -> Self {
        // The pipeline's versions begin at 0.
        let request = ReplayRequest { group: group.to_owned(), from: asked.from.max(0) };
        let deduplication_id = asked.deduplication_id(group);
        Self { body: request.body(), group_id: client.to_owned(), deduplication_id }
    }
}

impl RequestQueue for NoRequestQueue {
    async fn send(&self, _: &RequestMessage) -> Result<(), StoreError> {
        Err("the kit was given no queue of requests".into())
    }
}

/// One that may be there: by an environment variable, say.
impl<Q: RequestQueue + Sync> RequestQueue for Option<Q> {
    async fn send(&self, request: &RequestMessage) -> Result<(), StoreError> {
        match self {
            Some(queue) => queue.send(request).await,
            None => NoRequestQueue.send(request).await,
        }
    }
}
