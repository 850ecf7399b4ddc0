//! Secrets, read where the config says they are, and kept for minutes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::lock::Mutex as AsyncMutex;
use serde::Deserialize;
use serde_json::json;
use shared::clock::Clock;
use shared::config::SecretArn;
use shared::exchange::{Answer, Exchange, NoAnswer, Place, Request};
use shared::time::Timestamp;

use crate::deadline::Deadline;
use crate::fault;
use crate::outcome::{Failure, FailureKind};
use crate::reason::Hidden;

/// How long a secret is kept that was read.
const KEPT: Duration = Duration::from_secs(300);

/// How long the secret before is used, too, from when the current one was made.
const OVERLAP: Duration = Duration::from_secs(24 * 3_600);

/// How long one read may take.
const READ_LIMIT: Duration = Duration::from_secs(3);

/// The largest secret, in bytes, and what an answer has besides (Secrets Manager quotas: 65,536).
const ANSWER_LIMIT: usize = 80_000;

/// How long a secret that is known is used on without another attempt to read it, once that failed: a store that hangs must not
/// take the time of deliveries.
const PAUSE: Duration = Duration::from_secs(30);

/// What a secret says.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecretText {
    pub(crate) current: String,
    /// The one before, while it counts.
    pub(crate) previous: Option<String>,
}

/// The secrets that were read. One reads while others wait for it.
#[derive(Default)]
pub(crate) struct Secrets(Mutex<BTreeMap<SecretArn, Slot>>);

type Slot = Arc<AsyncMutex<Option<Kept>>>;

struct Kept {
    text: SecretText,
    read_at: Timestamp,
    /// When it could not be read.
    failed_at: Option<Timestamp>,
}

impl Secrets {
    /// The secret, as it was read at `not_before` or later, or within [`KEPT`].
    ///
    /// One that can't be read now is used on as it was, unless access to it is denied.
    ///
    /// # Errors
    ///
    /// [`Failure`]: of the target, if the secret isn't there or may not be read; else transient.
    pub(crate) async fn read(
        &self,
        arn: &SecretArn,
        not_before: Option<Timestamp>,
        exchange: &impl Exchange,
        clock: &impl Clock,
        deadline: Deadline,
    ) -> Result<SecretText, Failure> {
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(arn.clone()).or_default())
        };
        let mut kept = slot.lock().await;
        let now = clock.now();
        let is_fresh = |kept: &Kept| {
            now.since(kept.read_at) < KEPT && not_before.is_none_or(|not_before| kept.read_at >= not_before)
        };
        let has_just_failed =
            |kept: &Kept| kept.failed_at.is_some_and(|failed_at| now.since(failed_at) < PAUSE);
        if let Some(Kept { text, .. }) = kept.as_ref().filter(|kept| is_fresh(kept) || has_just_failed(kept))
        {
            return Ok(text.clone());
        }
        match fetched(arn, exchange, clock, deadline).await {
            Ok(text) => {
                *kept = Some(Kept { text: text.clone(), read_at: now, failed_at: None });
                Ok(text)
            }
            Err(failure) => match kept.as_mut() {
                Some(kept) if failure.kind == FailureKind::Transient => {
                    kept.failed_at = Some(clock.now());
                    Ok(kept.text.clone())
                }
                _ => Err(failure),
            },
        }
    }
}

async fn fetched(
    arn: &SecretArn,
    exchange: &impl Exchange,
    clock: &impl Clock,
    deadline: Deadline,
) -> Result<SecretText, Failure> {
    let deadline = deadline.within(READ_LIMIT, clock);
    let answer = exchange.exchange(&request(arn, Stage::Current), deadline.left(clock)).await;
    let Version { text, created_at } = version(arn, answer, clock.now())?;
    let is_new = created_at.is_some_and(|created_at| clock.now().since(created_at) < OVERLAP);
    if !is_new {
        return Ok(SecretText { current: text, previous: None });
    }
    let answer = exchange.exchange(&request(arn, Stage::Previous), deadline.left(clock)).await;
    let previous = match answer {
        // The first version has none before it.
        Ok(answer) if is_not_found(&answer) => None,
        answer => match version(arn, answer, clock.now()) {
            Ok(previous) => Some(previous.text),
            Err(failure) if failure.kind == FailureKind::Transient => return Err(failure),
            // The current one signs, whatever the one before was.
            Err(_) => None,
        },
    };
    Ok(SecretText { current: text, previous })
}

#[derive(Clone, Copy)]
enum Stage {
    Current,
    Previous,
}

/// What reads a secret.
fn request(arn: &SecretArn, stage: Stage) -> Request {
    let (service, operation, body) = match arn {
        SecretArn::SecretsManager(text) => {
            let stage = match stage {
                Stage::Current => "AWSCURRENT",
                Stage::Previous => "AWSPREVIOUS",
            };
            let body = json!({ "SecretId": text, "VersionStage": stage });
            ("secretsmanager", "secretsmanager.GetSecretValue", body)
        }
        SecretArn::Parameter(text) => {
            ("ssm", "AmazonSSM.GetParameter", json!({ "Name": text, "WithDecryption": true }))
        }
    };
    let region = arn.region().to_owned();
    Request {
        method: "POST",
        place: Place::Aws { service, region, path_and_query: "/".to_owned() },
        headers: vec![
            ("content-type".to_owned(), "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target".to_owned(), operation.to_owned()),
        ],
        body: body.to_string().into_bytes(),
        answer_limit: ANSWER_LIMIT,
    }
}

/// A version of a secret. Only those of Secrets Manager say when they were made.
struct Version {
    text: String,
    created_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretAnswer {
    secret_string: Option<String>,
    created_date: Option<f64>,
    parameter: Option<ParameterAnswer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ParameterAnswer {
    value: String,
}

fn version(arn: &SecretArn, answer: Result<Answer, NoAnswer>, now: Timestamp) -> Result<Version, Failure> {
    let named = format!("the secret `{}`", arn.as_str());
    let answer = answer.map_err(|error| {
        Failure::new(FailureKind::Transient, "secret", format!("{named} can't be read: {error}"))
    })?;
    if !answer.is_success() {
        let failure = fault::failure(&answer, &[], Hidden::default(), now);
        // A secret that isn't there, or can't be asked for, is nobody's event.
        let kind = match failure.kind {
            FailureKind::Transient => FailureKind::Transient,
            FailureKind::Target | FailureKind::Event | FailureKind::Gone => FailureKind::Target,
        };
        let reason = format!("{named} can't be read: {}", failure.reason);
        return Err(Failure { kind, reason, alike: "secret".to_owned(), ..failure });
    }
    // Of what can't be read nothing is repeated: it is a secret.
    let unreadable = || Failure::new(FailureKind::Target, "secret", format!("{named} has no text"));
    let found: SecretAnswer = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
    let text = found.secret_string.or(found.parameter.map(|parameter| parameter.value));
    let created_at = found.created_date.map(|seconds| {
        Timestamp::from_millis(0).plus(Duration::try_from_secs_f64(seconds).unwrap_or_default())
    });
    Ok(Version { text: text.ok_or_else(unreadable)?, created_at })
}

fn is_not_found(answer: &Answer) -> bool {
    !answer.is_success() && fault::Fault::of(answer).code == "ResourceNotFoundException"
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SecretText").finish_non_exhaustive()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Secrets").finish_non_exhaustive()
    }
}
