//! A replay: messages that the operator's tool has this function send again, because only its role may send.
//!
//! The payload, an object with these members and no other:
//!
//! - `replay`: the replay's id, 1 to 40 letters, digits and `-`. Within five minutes a message is sent once in a replay.
//! - `clients`: a list of names, the only clients that it is sent to. May be left out (null is not the same): all.
//!   An undelivered message is meant for the one client that its attribute `client` names.
//! - `Records`: a list of SQS messages, as a mapping delivers them. Needed are `body` (text), `MessageGroupId` and
//!   `MessageDeduplicationId` in `attributes`, and in each of `messageAttributes`, if there are any, `dataType` and either
//!   `stringValue` or `binaryValue` (base64). `AWSTraceHeader` in `attributes` is passed on; all other members are
//!   passed over.
//!
//! The answer has an empty `batchItemFailures`, and in `results` one object per client, in the order of
//! `client-queues.toml`: `client`, `accepted` (per record, in order, whether the client's queue took it) and `reason`:
//! why the first that was not accepted was not, or null.
//!
//! A client sees the message as it was, body byte for byte, but for the mark: the attribute `replay` and another
//! deduplication id. The attributes `client` and `reason`, which an undelivered message has besides its own, are left
//! out. Nothing goes to the undelivered queue. What can never be sent is passed over; after what a client's queue does
//! not take now, the group stops for this client. A replay is no traffic of the queue: of the metrics, only the requests
//! to SQS count it, and no client gets into trouble by it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use shared::ids::{InvalidReplayId, ReplayId};
use shared::message::Message;
use shared::metrics::{Counted, Tally};
use shared::route::{Routed, route};
use shared::send::{Limits, Transport};
use shared::set_aside::{Refusal, send_past_refusals};
use shared::time::Timestamp;
use tracing::info;

use crate::client::Destination;
use crate::handler::{BatchError, Fanout, Response};
use crate::message::Delivery;

/// Why a payload with a member `replay` is not a replay. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It has another form.
    #[error(
        "not a replay, an object with `replay` (its id), `Records` (a list), perhaps `clients` (a list of names) and \
         nothing else; line {line}, column {column} of it is not as expected"
    )]
    Payload {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// Its id cannot serve.
    #[error("`replay`: {0}")]
    Id(#[from] InvalidReplayId),
    /// A client is meant that is not served.
    #[error(
        "`clients`: the function serves no client `{}`; its `client-queues.toml` is the one that was deployed last",
        .client.escape_debug()
    )]
    UnknownClient {
        /// Its name, as it was given.
        client: String,
    },
}

/// What became of a replay for one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// The client's name.
    pub client: String,
    /// For each record, in order, whether the client's queue accepted it.
    pub accepted: Vec<bool>,
    /// Why the first record that was not accepted was not.
    pub reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'p> {
    #[serde(borrow)]
    replay: Cow<'p, str>,
    #[serde(default, deserialize_with = "list")]
    clients: Option<Vec<String>>,
    #[serde(rename = "Records", borrow)]
    records: Vec<&'p RawValue>,
}

/// A list. Null is none: what a tool left out by mistake must not go to every client.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    Vec::deserialize(deserializer).map(Some)
}

impl Fanout {
    /// Sends the messages of a replay again; `payload` and answer are as the module says.
    pub(crate) async fn replay<T: Transport>(
        &self,
        transport: &T,
        payload: &RawValue,
        deadline: Timestamp,
        tally: &mut Tally,
    ) -> Result<Response, BatchError> {
        let Request { replay, clients, records } =
            serde_json::from_str(payload.get()).map_err(ReplayError::payload)?;
        let replay = ReplayId::try_new(&replay).map_err(ReplayError::from)?;
        let destinations = self.meant(clients)?;
        let transport = &Counted::new(transport);

        let messages: Vec<Result<Message, String>> = records
            .into_iter()
            .map(|raw| Delivery::read(raw).message.map(|incoming| incoming.replayed(&replay)))
            .collect();
        let sendable = messages.iter().enumerate();
        let routed = route(sendable.filter_map(|(index, message)| Some((index, message.as_ref().ok()?))));

        let now = transport.now();
        let last_start = now.share(deadline, 2, 3);
        let limits = Limits::of_invocation(now, deadline, last_start, self.requests_in_flight);
        let results = destinations.into_iter().map(async |destination| {
            // Boxed: a hundred of them are polled in one place.
            let left = Box::pin(send_again(transport, destination, &routed, &limits)).await;
            Replayed::of(destination, &messages, left)
        });
        let results = join_all(results).await;

        tally.requests(transport);
        let accepted = results.iter().flat_map(|result| &result.accepted).filter(|accepted| **accepted);
        info!(
            replay = replay.as_str(),
            messages = messages.len(),
            clients = results.len(),
            accepted = accepted.count(),
            "messages replayed"
        );
        Ok(Response { batch_item_failures: Vec::new(), results: Some(results) })
    }

    /// The destinations of these clients, in the order of the config; all, if none are named.
    fn meant(&self, clients: Option<Vec<String>>) -> Result<Vec<&Destination>, ReplayError> {
        let Some(clients) = clients else { return Ok(self.destinations.iter().collect()) };
        let is_served = |name: &String| self.destinations.iter().any(|served| served.client.as_str() == name);
        if let Some(client) = clients.iter().find(|name| !is_served(name)) {
            return Err(ReplayError::UnknownClient { client: client.clone() });
        }
        let is_meant = |served: &&Destination| clients.iter().any(|name| name == served.client.as_str());
        Ok(self.destinations.iter().filter(is_meant).collect())
    }
}

/// Sends messages to one client. Answers which were not accepted, by their positions, and why.
async fn send_again<T: Transport>(
    transport: &T,
    destination: &Destination,
    routed: &Routed<'_>,
    limits: &Limits,
) -> BTreeMap<usize, String> {
    let left = RefCell::new(BTreeMap::new());
    let outcomes =
        send_past_refusals(transport, &destination.queue, &routed.runs, limits, async |refusals| {
            let position = |refusal: &Refusal<'_>| routed.positions.get(refusal.run)?.get(refusal.message);
            let told =
                refusals.iter().filter_map(|refusal| Some((*position(refusal)?, refusal.stop.why.clone())));
            left.borrow_mut().extend(told);
            // The answer tells of them, and they are in a queue still: each is in a safe place.
            refusals.iter().map(|_| Ok(())).collect()
        })
        .await;
    let mut left = left.into_inner();
    left.extend(routed.unsent(&outcomes).into_iter().map(|(position, stop)| (position, stop.why.clone())));
    left
}

impl ReplayError {
    /// Where the error is, and not what is there: that can be a value.
    fn payload(error: serde_json::Error) -> Self {
        Self::Payload { line: error.line(), column: error.column() }
    }
}

impl Replayed {
    /// What became of `messages` for one client, whose queue left some untaken.
    fn of(
        destination: &Destination,
        messages: &[Result<Message, String>],
        mut left: BTreeMap<usize, String>,
    ) -> Self {
        for (index, message) in messages.iter().enumerate() {
            if let Err(why) = message {
                left.insert(index, why.clone());
            }
        }
        Self {
            client: destination.client.as_str().to_owned(),
            accepted: (0..messages.len()).map(|index| !left.contains_key(&index)).collect(),
            reason: left.into_iter().next().map(|(_, why)| why),
        }
    }
}
