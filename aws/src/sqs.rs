//! Amazon SQS, by the AWS SDK: sending for every queue, and the visibility of received messages.
//!
//! The SDK signs, connects and reads answers. It does not retry (ordered sending does), and it does not build the
//! text of a batch: that is shared between queues.

mod entry;
mod fault;
mod request;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Config, Credentials, Region, StalledStreamProtectionConfig};
use aws_sdk_sqs::types::{BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry};
use shared::message::Message;
use shared::naming::QueueUrl;
use shared::send::{SendError, Transport};

pub use self::entry::entry;
use self::fault::{of_call, of_entry, of_missing_entry};
use self::request::Requests;
use crate::sdk;

/// How long a call takes at most, however slowly its answer trickles in: how far one that starts just before a sender's
/// deadline can overrun it.
pub const CALL_TIMEOUT: Duration = sdk::CALL_TIMEOUT;

/// SQS in one region, with one set of credentials. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Sqs {
    client: aws_sdk_sqs::Client,
    requests: Arc<Requests>,
}

impl Sqs {
    /// SQS in `region`, or at `endpoint_url`. Connects at the first call.
    pub fn new(credentials: Credentials, region: &str, endpoint_url: Option<&str>) -> Self {
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region.to_owned()))
            .credentials_provider(credentials)
            .retry_config(RetryConfig::disabled())
            // It watches long streams; a call here is bounded as a whole.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .timeout_config(sdk::timeouts());
        config.set_endpoint_url(endpoint_url.map(str::to_owned));
        Self { client: aws_sdk_sqs::Client::from_conf(config.build()), requests: Arc::default() }
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
        Ok(in_order(messages.len(), done, answer.failed()))
    }
}

impl Transport for Sqs {
    async fn send(
        &self,
        queue: &QueueUrl,
        batch: &[&Message],
    ) -> Result<Vec<Result<(), SendError>>, SendError> {
        let request = self.requests.request(queue, batch);
        let call = self.client.send_message_batch().customize().interceptor(request);
        let answer = call.send().await.map_err(of_call)?;
        let accepted = answer.successful().iter().map(|entry| entry.id());
        Ok(in_order(batch.len(), accepted, answer.failed()))
    }
}

/// One result for each of `count` entries, whose ids are their places. An entry that the answer names as failed
/// has failed, even if it is also named as done; one that it does not name has an unknown result.
fn in_order<'a>(
    count: usize,
    done: impl Iterator<Item = &'a str>,
    failed: &[BatchResultErrorEntry],
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
        put(entry.id(), Err(of_entry(entry)));
    }
    results.into_iter().map(|result| result.unwrap_or_else(|| Err(of_missing_entry()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(id: &str) -> BatchResultErrorEntry {
        let entry = BatchResultErrorEntry::builder().id(id).code("InternalError").sender_fault(false);
        entry.build().unwrap()
    }

    fn check(done: &[&str], failures: &[&str], expected: &str) {
        let failures: Vec<_> = failures.iter().map(|id| failed(id)).collect();
        let results = in_order(3, done.iter().copied(), &failures);
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
