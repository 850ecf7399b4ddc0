//! Amazon SQS: sending for every queue, called [lean](crate::lean), and the visibility of received messages, by the AWS
//! SDK.
//!
//! Neither repeats a call: ordered sending does.

mod entry;
mod fault;
mod request;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Config, Region, StalledStreamProtectionConfig};
use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde::Deserialize;
use shared::message::Message;
use shared::naming::QueueUrl;
use shared::send::{Cause, SendError, Transport};
use shared::visibility::Visibility;

pub use self::entry::entry;
use self::fault::{EntryFault, of_call, of_missing_entry};
use self::request::Requests;
use crate::access::{Access, NoEndpoint};
use crate::connections;
use crate::lean::{Caller, Service};

/// How long a call takes at most, however slowly its answer trickles in: how far one that starts just before a sender's
/// deadline can overrun it.
pub const CALL_TIMEOUT: Duration = connections::CALL_TIMEOUT;

/// The most connections that are made before there is a call.
const EARLY_LIMIT: usize = 100;

/// SQS on the wire. It names errors as its older protocol did, which the classification knows.
const SERVICE: Service = Service {
    name: "sqs",
    headers: &[("content-type", "application/x-amz-json-1.0"), ("x-amzn-query-mode", "true")],
};

/// SQS in one region, with one set of credentials. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Sqs {
    client: aws_sdk_sqs::Client,
    caller: Caller,
    requests: Arc<Requests>,
}

/// What `SendMessageBatch` answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessageBatchAnswer {
    successful: Option<Vec<SuccessfulEntry>>,
    failed: Option<Vec<EntryFault>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SuccessfulEntry {
    id: String,
}

impl Sqs {
    /// SQS as `access` says. Connects when it is [told to](Self::connect), or at the first call.
    ///
    /// # Errors
    ///
    /// [`NoEndpoint`].
    pub fn try_new(access: &Access) -> Result<Self, NoEndpoint> {
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(access.region.clone()))
            .credentials_provider(access.credentials.clone())
            .use_fips(access.endpoint.use_fips())
            .use_dual_stack(access.endpoint.use_dual_stack())
            .http_client(access.connections.http_client())
            .retry_config(RetryConfig::disabled())
            // It watches long streams; a call here is bounded as a whole.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .timeout_config(connections::timeouts());
        config.set_endpoint_url(access.endpoint.url());
        let caller = endpoint(access).and_then(|endpoint| Caller::try_new(access, &SERVICE, &endpoint));
        Ok(Self {
            client: aws_sdk_sqs::Client::from_conf(config.build()),
            caller: caller.map_err(|why| NoEndpoint::of("SQS", access, why))?,
            requests: Arc::default(),
        })
    }

    /// Makes this many connections for the first calls, at most [`EARLY_LIMIT`], at the same time. Whatever fails is left to
    /// those.
    pub async fn connect(&self, count: usize) {
        join_all((0..count.min(EARLY_LIMIT)).map(|_| self.caller.connect())).await;
    }

    /// Sets the time after which each received message is visible again, from now on, to the second.
    /// `messages` are 1 to 10 receipt handles, each with its time (SQS: 0 to 43,200 s).
    ///
    /// `Ok` holds one result per message, in the order of `messages`.
    ///
    /// # Errors
    ///
    /// [`SendError`] about the whole call.
    pub async fn change_visibility(
        &self,
        queue: &QueueUrl,
        messages: &[(&str, Duration)],
    ) -> Result<Vec<Result<(), SendError>>, SendError> {
        let mut call = self.client.change_message_visibility_batch().queue_url(queue.as_str());
        for (index, (receipt_handle, timeout)) in messages.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(*receipt_handle)
                .visibility_timeout(i32::try_from(timeout.as_secs()).unwrap_or(i32::MAX))
                .build()
                .map_err(|error| SendError::Message(error.into()))?;
            call = call.entries(entry);
        }
        let answer = call.send().await.map_err(of_call)?;
        let done = answer.successful().iter().map(|entry| entry.id());
        Ok(in_order(messages.len(), done, answer.failed().iter().map(EntryFault::from)))
    }
}

impl Visibility for Sqs {
    async fn change_visibility(
        &self,
        queue: &QueueUrl,
        changes: &[(&str, Duration)],
    ) -> Result<usize, SendError> {
        let results = Self::change_visibility(self, queue, changes).await?;
        Ok(results.iter().filter(|result| result.is_err()).count())
    }
}

impl Transport for Sqs {
    async fn send(
        &self,
        queue: &QueueUrl,
        batch: &[&Message],
    ) -> Result<Vec<Result<(), SendError>>, SendError> {
        let request = self.requests.request(queue, batch);
        let answer = self.caller.call("AmazonSQS.SendMessageBatch", request).await;
        let SendMessageBatchAnswer { successful, failed } = answer.map_err(of_call)?;
        let done = successful.iter().flatten().map(|done| done.id.as_str());
        Ok(in_order(batch.len(), done, failed.into_iter().flatten()))
    }
}

/// Where the SDK's own rules have the service.
fn endpoint(access: &Access) -> Result<String, Cause> {
    let params = Params::builder()
        .region(&access.region)
        .use_fips(access.endpoint.use_fips())
        .use_dual_stack(access.endpoint.use_dual_stack())
        .set_endpoint(access.endpoint.url())
        .build()?;
    let found = ResolveEndpoint::resolve_endpoint(&DefaultResolver::new(), &params).now_or_never();
    Ok(found.ok_or("the rules wait for something")??.url().to_owned())
}

/// One result for each of `count` entries, whose ids are their places. An entry that the answer names as failed
/// has failed, even if it is also named as done; one that it does not name has an unknown result.
fn in_order<'a>(
    count: usize,
    done: impl Iterator<Item = &'a str>,
    failed: impl IntoIterator<Item = EntryFault>,
) -> Vec<Result<(), SendError>> {
    let mut results: Vec<Option<Result<(), SendError>>> = (0..count).map(|_| None).collect();
    let mut put = |id: &str, result| {
        if let Some(slot) = id.parse::<usize>().ok().and_then(|place| results.get_mut(place)) {
            *slot = Some(result);
        }
    };
    for id in done {
        put(id, Ok(()));
    }
    for entry in failed {
        put(&entry.id, Err(entry.error()));
    }
    results.into_iter().map(|result| result.unwrap_or_else(|| Err(of_missing_entry()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(id: &&str) -> EntryFault {
        let code = "InternalError".to_owned();
        EntryFault { id: (*id).to_owned(), code, message: None, sender_fault: false }
    }

    fn check(done: &[&str], failures: &[&str], expected: &str) {
        let results = in_order(3, done.iter().copied(), failures.iter().map(failed));
        let results: Vec<_> = results
            .iter()
            .map(|result| match result {
                Ok(()) => "ok",
                Err(SendError::Transient(_)) => "failed",
                Err(SendError::Unknown(_)) => "unknown",
                Err(_) => "?",
            })
            .collect();
        assert_eq!(results.join(" "), expected, "{done:?} {failures:?}");
    }

    #[test]
    fn every_entry_has_its_own_result() {
        check(&["0", "1", "2"], &[], "ok ok ok");
        check(&["2", "0"], &["1"], "ok failed ok");
        check(&[], &["2", "1", "0"], "failed failed failed");
    }

    #[test]
    fn an_entry_that_the_answer_does_not_name_is_unknown() {
        check(&["0", "2"], &[], "ok unknown ok");
        check(&[], &[], "unknown unknown unknown");
        check(&["0", "3", "x", "-1", "18446744073709551616"], &["7"], "ok unknown unknown");
    }

    #[test]
    fn an_entry_named_as_done_and_as_failed_has_failed() {
        check(&["0", "1", "2"], &["1"], "ok failed ok");
    }
}
