//! Calls of services that no SDK client is built for: signed and sent as the push functions do it, each in the region that it
//! is about. What AWS gives no answer to is asked again.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use serde::de::DeserializeOwned;
use shared::exchange::{Answer, Exchange as _};

use super::services::{ServiceCall, Services};
use super::{CallError, Target};
use crate::signed::Signed;

/// How long a call may take. It is one of many, and people wait.
const LIMIT: Duration = Duration::from_secs(10);

/// How long is waited before a call is made again that had no answer.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// Credentials that end sooner are not signed with any more.
const MARGIN: Duration = Duration::from_secs(60);

impl Target {
    /// The body of the answer.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub(super) async fn call(&self, call: &ServiceCall<'_>) -> Result<Vec<u8>, CallError> {
        self.answer(call, LIMIT).await.map(|answer| answer.body)
    }

    /// The answer, read as JSON.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub(super) async fn json<A: DeserializeOwned>(&self, call: &ServiceCall<'_>) -> Result<A, CallError> {
        let body = self.call(call).await?;
        serde_json::from_slice(&body).map_err(|error| call.unreadable(error.to_string()))
    }

    /// An answer of success, within `limit`.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub(super) async fn answer(&self, call: &ServiceCall<'_>, limit: Duration) -> Result<Answer, CallError> {
        for pause in PAUSES {
            match self.answer_once(call, limit).await {
                Err(error) if error.fault.may_pass() => tokio::time::sleep(pause).await,
                answer => return answer,
            }
        }
        self.answer_once(call, limit).await
    }

    /// The same, and the call is made once.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub(super) async fn answer_once(
        &self,
        call: &ServiceCall<'_>,
        limit: Duration,
    ) -> Result<Answer, CallError> {
        let Services { endpoints, connections, credentials } = &*self.services;
        let credentials = {
            let mut known = credentials.lock().await;
            match &*known {
                Some(credentials) if will_last(credentials, SystemTime::now()) => credentials.clone(),
                _ => known.insert(self.credentials(call.subject).await?).clone(),
            }
        };
        let signed = Signed::new(credentials, endpoints.clone(), connections.clone());
        match signed.exchange(&call.request(), limit).await {
            Ok(answer) if answer.is_success() => Ok(answer),
            Ok(answer) => Err(call.refusal(&answer)),
            Err(error) => Err(call.no_answer(&error)),
        }
    }
}

fn will_last(credentials: &Credentials, now: SystemTime) -> bool {
    credentials.expiry().is_none_or(|end| end > now + MARGIN)
}

#[cfg(test)]
mod tests;
