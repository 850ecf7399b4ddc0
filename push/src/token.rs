//! Tokens of webhooks: OAuth client credentials (RFC 6749, 4.4).
//!
//! The client shows its id and secret by Basic authentication: every server must take that (2.3.1), while those in the body
//! are not recommended there.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::lock::Mutex;
use serde::Deserialize;
use serde_json::Value;
use shared::clock::Clock;
use shared::config::OAuth;
use shared::exchange::{Answer, Exchange, NoAnswer, Place, Request};
use shared::time::Timestamp;

use crate::deadline::Deadline;
use crate::encoding::form;
use crate::outcome::{Failure, FailureKind};
use crate::reason::{Hidden, with_words, words};
use crate::retry_after::retry_after;
use crate::secrets::Secrets;

/// How long a token is used whose answer doesn't say for how long it is good.
const USED: Duration = Duration::from_secs(300);

/// How long before its end a token is replaced: longer than any request is on its way.
const MARGIN: Duration = Duration::from_secs(30);

/// How long the server of tokens may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The largest token, in bytes, with what its answer has besides.
const ANSWER_LIMIT: usize = 32_768;

/// The token that is used. One gets it while others wait for it.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<Option<Token>>);

/// A token, and from when on it isn't used any more.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    until: Timestamp,
}

impl Tokens {
    /// A token for requests of now, and not the `refused` one.
    ///
    /// # Errors
    ///
    /// [`Failure`], always a transient one: without a token nothing is sent.
    pub(crate) async fn token(
        &self,
        oauth: &OAuth,
        refused: Option<&Token>,
        secrets: &Secrets,
        exchange: &impl Exchange,
        clock: &impl Clock,
        deadline: Deadline,
    ) -> Result<Token, Failure> {
        let mut kept = self.0.lock().await;
        let now = clock.now();
        if let Some(token) = kept.as_ref().filter(|token| token.until > now && Some(*token) != refused) {
            return Ok(token.clone());
        }
        *kept = None;
        let deadline = deadline.within(LIMIT, clock);
        let read = async |not_before| {
            let secret = secrets.read(&oauth.client_secret, not_before, exchange, clock, deadline).await;
            secret.map_err(|failure| Failure { kind: FailureKind::Transient, ..failure })
        };
        let ask = async |secret: &str| exchange.exchange(&request(oauth, secret), deadline.left(clock)).await;
        let mut secret = read(None).await?.current;
        let mut answer = ask(secret.trim()).await;
        if answer.as_ref().is_ok_and(|answer| matches!(answer.status, 400 | 401)) {
            // It may have been replaced since it was read.
            let again = read(Some(now)).await?.current;
            if again != secret {
                secret = again;
                answer = ask(secret.trim()).await;
            }
        }
        let token = token(answer, &oauth.client_id, secret.trim(), clock.now())?;
        *kept = Some(token.clone());
        Ok(token)
    }
}

/// What asks for a token.
fn request(oauth: &OAuth, secret: &str) -> Request {
    let mut fields = vec![("grant_type", "client_credentials")];
    fields.extend(oauth.scope.as_deref().map(|scope| ("scope", scope)));
    fields.extend(oauth.audience.as_deref().map(|audience| ("audience", audience)));
    Request {
        method: "POST",
        place: Place::Web(oauth.token_url.clone()),
        headers: vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("accept".to_owned(), "application/json".to_owned()),
            ("authorization".to_owned(), format!("Basic {}", basic(&oauth.client_id, secret))),
        ],
        body: form(fields).into_bytes(),
        answer_limit: ANSWER_LIMIT,
    }
}

/// Id and secret, each as a form has it (RFC 6749, 2.3.1).
fn basic(id: &str, secret: &str) -> String {
    let encoded = |text: &str| form([("", text)]).trim_start_matches('=').to_owned();
    STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)))
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<Value>,
}

/// The token of an answer that came `now`.
fn token(answer: Result<Answer, NoAnswer>, id: &str, secret: &str, now: Timestamp) -> Result<Token, Failure> {
    let failed =
        |reason: String| Failure::new(FailureKind::Transient, "token", format!("no token: {reason}"));
    let answer = answer.map_err(|error| failed(error.to_string()))?;
    if !answer.is_success() {
        let basic = basic(id, secret);
        let words = words(&answer.body, Hidden { secrets: &[secret, &basic], bodies: &[] });
        let failure = failed(with_words(&answer.status.to_string(), &words));
        return Err(Failure { retry_after: retry_after(&answer, now), ..failure });
    }
    // Of what can't be read nothing is repeated: it may be a token.
    let unreadable = || failed(format!("{}, and an answer without `access_token`", answer.status));
    let found: TokenAnswer = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let is_bearer = found.token_type.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    if !is_bearer || !is_token(&found.access_token) {
        return Err(failed("it is no bearer token".to_owned()));
    }
    // Some servers write the number as a text.
    let seconds = found.expires_in.and_then(|seconds| match seconds {
        Value::String(text) => text.trim().parse().ok(),
        number => number.as_f64(),
    });
    let good = seconds.map_or(Ok(USED + MARGIN), Duration::try_from_secs_f64).unwrap_or(MARGIN);
    // One that is good for less than twice the margin is used for half of its time.
    let used = good.saturating_sub(MARGIN).max(good / 2);
    Ok(Token { text: found.access_token, until: now.plus(used) })
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Token").field("until", &self.until).finish_non_exhaustive()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tokens").finish_non_exhaustive()
    }
}
