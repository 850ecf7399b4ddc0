//! A sample event for a client's target, by request of an operator. Nothing of it is kept: the target's state, its circuit
//! breaker and the client's groups stay as they are.

use aws_lambda_events::sqs::SqsBatchResponse;
use serde::Serialize;
use serde_json::value::RawValue;
use shared::batch::BatchError;
use shared::clock::Clock;
use shared::consumer::ReceivedMessage;
use shared::control::{PushFailureKind, PushTest, PushTestAnswer, PushTestFailure, PushTestRequest};
use shared::ids::{Group, InvalidReplayId, Key, ReplayId};
use shared::ledger::Ledger;
use shared::metrics::Tally;
use shared::send::Transport;
use shared::time::Timestamp;
use shared::visibility::Visibility;
use tracing::info;

use crate::event::Event;
use crate::handler::{Push, PushPorts};
use crate::outcome::{Deliver, FailureKind};

/// The `eventName` of a sample event, by which a receiver tells it from others.
pub const TEST_NAME: &str = "fanoutctl.test";

/// Why no sample event was brought to a target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    /// The function delivers for other clients.
    #[error("client `{0}` is none that this function delivers for; deploy the config that has its target")]
    UnknownClient(String),
    /// The request's id is none.
    #[error("`id`: {0}")]
    Id(#[from] InvalidReplayId),
    /// Lambda ends the invocation too soon.
    #[error("no time was left to ask the target; try again")]
    OutOfTime,
}

/// What an invocation answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To a batch of a client's queue: what comes again.
    Batch(SqsBatchResponse),
    /// To an operator's test.
    Test(PushTestAnswer),
}

/// Why an invocation fails.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// Of a batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Of a test.
    #[error(transparent)]
    Test(#[from] TrialError),
}

impl<D: Deliver> Push<D> {
    /// Does what `payload` asks for: a batch of a client's queue, or an operator's test of a target.
    ///
    /// # Errors
    ///
    /// [`AnswerError`]: the whole batch comes again, or the target was not asked.
    pub async fn answer<C: Clock, T: Transport + Visibility, L: Ledger>(
        &self,
        ports: PushPorts<'_, C, T, L>,
        payload: &RawValue,
        deadline: Timestamp,
        tally: &mut Tally,
    ) -> Result<Answer, AnswerError> {
        match serde_json::from_str::<PushTestRequest>(payload.get()) {
            Ok(request) => Ok(Answer::Test(self.try_target(ports.clock, &request, deadline).await?)),
            Err(_) => Ok(Answer::Batch(self.handle(ports, payload, deadline, tally).await?)),
        }
    }

    /// Brings a sample event to a client's target, as the only one of an aggregate of its own, and says what became of it.
    ///
    /// # Errors
    ///
    /// [`TrialError`]: the target was not asked.
    pub async fn try_target(
        &self,
        clock: &impl Clock,
        request: &PushTestRequest,
        deadline: Timestamp,
    ) -> Result<PushTestAnswer, TrialError> {
        let PushTest { client: name, id, caller } = &request.test;
        let id = ReplayId::try_new(id)?;
        let mut clients = self.clients.iter();
        let client = clients
            .find(|client| client.name.as_str() == name)
            .ok_or_else(|| TrialError::UnknownClient(name.clone()))?;
        let began = clock.now();
        let limit = client.deliverer.limit();
        if began.plus(limit) > deadline {
            return Err(TrialError::OutOfTime);
        }
        let event_id = format!("{TEST_NAME}-{}", id.as_str());
        let group = Group::of(&Key::S(event_id.clone()));
        let time = began.to_text();
        let body = serde_json::json!({ "test": true, "client": name, "id": id.as_str() }).to_string();
        let event = Event {
            group: &group,
            message: ReceivedMessage {
                version: self.first_version,
                previous_version: Some(self.first_version.saturating_sub(1)),
                incarnation: None,
                is_erasure: false,
                replay: None,
            },
            id: &event_id,
            name: Some(TEST_NAME),
            time: Some(&time),
            erased: None,
            body: &body,
        };
        let delivered = client.deliverer.deliver(std::slice::from_ref(&event), None, limit).await;
        let milliseconds = u64::try_from(clock.now().since(began).as_millis()).unwrap_or(u64::MAX);
        let failure = delivered.failure.map(|failure| PushTestFailure {
            kind: match failure.kind {
                FailureKind::Transient => PushFailureKind::Transient,
                FailureKind::Target => PushFailureKind::Target,
                FailureKind::Event => PushFailureKind::Event,
                FailureKind::Gone => PushFailureKind::Gone,
            },
            reason: failure.reason,
        });
        info!(client = name, caller, event_id, milliseconds, ?failure, "sample event brought to a target");
        Ok(PushTestAnswer {
            client: name.clone(),
            kind: client.kind.to_owned(),
            event_id,
            milliseconds,
            failure,
        })
    }
}
