//! A webhook: a POST of the client's view, signed by Standard Webhooks; what else there is to say stands in headers.

use shared::clock::Clock;
use shared::config::WebhookTarget;
use shared::exchange::{ANSWER_LIMIT, Answer, Exchange, NoAnswer, Place, Request};
use shared::ids::{IncarnationToken, ReplayId};
use shared::time::Timestamp;

use super::envelope::notice;
use super::{Target, of_no_answer};
use crate::deadline::Deadline;
use crate::encoding::header_value;
use crate::event::Event;
use crate::outcome::{Failure, FailureKind};
use crate::reason::{Hidden, with_words, words};
use crate::retry_after::retry_after;
use crate::secrets::SecretText;
use crate::signature::SigningKeys;
use crate::token::Token;

/// From how many bytes on a value of the team's own headers, or of the URL's query, may be a key.
const KEY_MINIMUM: usize = 8;

/// The status of a target that doesn't know who asks.
const UNAUTHORIZED: u16 = 401;

impl<X: Exchange, C: Clock> Target<X, C> {
    /// Delivers an event. After a 401 it looks once whether the secret was replaced, gets another token, and tries again.
    pub(super) async fn webhook(
        &self,
        target: &WebhookTarget,
        event: &Event<'_>,
        deadline: Deadline,
    ) -> Result<Option<String>, Failure> {
        let begun_at = self.clock.now();
        let secret = self.secret(target, None, deadline).await?;
        let token = self.token(target, None, deadline).await?;
        let answer = self.post(target, event, &secret, token.as_ref(), deadline).await?;
        if answer.status != UNAUTHORIZED {
            return self.taken(target, event, &answer, &secret, token.as_ref());
        }
        let secret_now = self.secret(target, Some(begun_at), deadline).await?;
        let token_now = self.token(target, token.as_ref(), deadline).await?;
        if secret_now == secret && token_now == token {
            return self.taken(target, event, &answer, &secret, token.as_ref());
        }
        let answer = self.post(target, event, &secret_now, token_now.as_ref(), deadline).await?;
        self.taken(target, event, &answer, &secret_now, token_now.as_ref())
    }

    async fn secret(
        &self,
        target: &WebhookTarget,
        not_before: Option<Timestamp>,
        deadline: Deadline,
    ) -> Result<SecretText, Failure> {
        self.secrets.read(&target.secret, not_before, &self.exchange, &self.clock, deadline).await
    }

    async fn token(
        &self,
        target: &WebhookTarget,
        refused: Option<&Token>,
        deadline: Deadline,
    ) -> Result<Option<Token>, Failure> {
        let Some(oauth) = &target.oauth else { return Ok(None) };
        let (exchange, clock) = (&self.exchange, &self.clock);
        self.tokens.token(oauth, refused, &self.secrets, exchange, clock, deadline).await.map(Some)
    }

    async fn post(
        &self,
        target: &WebhookTarget,
        event: &Event<'_>,
        secret: &SecretText,
        token: Option<&Token>,
        deadline: Deadline,
    ) -> Result<Answer, Failure> {
        let keys = SigningKeys::try_new(&secret.current, secret.previous.as_deref()).map_err(|error| {
            let reason = format!("the secret `{}` can't sign: {error}", target.secret.as_str());
            Failure::new(FailureKind::Target, "secret", reason)
        })?;
        let request = request(target, event, &keys, token, self.clock.now());
        self.ask(&request, deadline).await.map_err(|error: NoAnswer| of_no_answer(&error))
    }

    /// A webhook says nothing that the next event needs.
    fn taken(
        &self,
        target: &WebhookTarget,
        event: &Event<'_>,
        answer: &Answer,
        secret: &SecretText,
        token: Option<&Token>,
    ) -> Result<Option<String>, Failure> {
        let mut secrets: Vec<&str> = secret.current.split_whitespace().collect();
        secrets.extend(secret.previous.iter().flat_map(|text| text.split_whitespace()));
        // Without its beginning it is a secret, too.
        let bare: Vec<&str> = secrets.iter().filter_map(|secret| secret.strip_prefix("whsec_")).collect();
        secrets.extend(bare);
        secrets.extend(token.map(|token| token.text.as_str()));
        secrets.extend(own_keys(target));
        let hidden = Hidden { secrets: &secrets, bodies: &[event.body] };
        failure(answer, hidden, self.clock.now()).map_or(Ok(None), Err)
    }
}

/// What of a target's own headers and query may be a key.
fn own_keys(target: &WebhookTarget) -> impl Iterator<Item = &str> {
    let (_, query) = target.url.path_and_query.split_once('?').unwrap_or_default();
    let values = query.split('&').map(|part| part.split_once('=').map_or(part, |(_, value)| value));
    let values = values.chain(target.headers.iter().map(|(_, value)| value.as_str()));
    values.filter(|value| value.len() >= KEY_MINIMUM)
}

/// What is asked at `now`.
fn request(
    target: &WebhookTarget,
    event: &Event<'_>,
    keys: &SigningKeys,
    token: Option<&Token>,
    now: Timestamp,
) -> Request {
    let body = match event.erased {
        Some(erased) => notice(erased, event.body),
        None => event.body.to_owned(),
    };
    let id = header_value(event.id);
    let seconds = now.as_millis() / 1_000;
    let signature = keys.sign(&id, seconds, body.as_bytes());
    let message = &event.message;
    let mut headers = vec![
        ("content-type", Some("application/json".to_owned())),
        ("webhook-id", Some(id)),
        ("webhook-timestamp", Some(seconds.to_string())),
        ("webhook-signature", Some(signature)),
        ("event-group", Some(event.group.as_str().to_owned())),
        ("event-version", Some(message.version.to_string())),
        ("event-previous-version", message.previous_version.map(|version| version.to_string())),
        ("event-incarnation", message.incarnation.as_ref().map(IncarnationToken::as_str).map(str::to_owned)),
        ("event-replay", message.replay.as_ref().map(ReplayId::as_str).map(str::to_owned)),
        ("event-name", event.name.map(header_value)),
        ("event-time", event.time.map(header_value)),
        ("event-erased", event.erased.map(header_value)),
        ("authorization", token.map(|token| format!("Bearer {}", token.text))),
    ];
    // The team's own can take the place of none of these.
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let own = target.headers.iter().filter(|(name, _)| !names.contains(&name.as_str()));
    let own: Vec<(String, String)> = own.cloned().collect();
    let headers = headers.drain(..).filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Request {
        method: "POST",
        place: Place::Web(target.url.clone()),
        headers: headers.chain(own).collect(),
        body: body.into_bytes(),
        answer_limit: ANSWER_LIMIT,
    }
}

/// Why the event isn't taken, if it isn't.
fn failure(answer: &Answer, hidden: Hidden<'_>, now: Timestamp) -> Option<Failure> {
    // A target that wants nothing more says so by 410, or by this header, whatever the status.
    let is_disabled =
        answer.header("webhook-delivery").is_some_and(|value| value.trim().eq_ignore_ascii_case("disable"));
    if answer.is_success() && !is_disabled {
        return None;
    }
    let kind = if is_disabled { FailureKind::Gone } else { kind(answer.status) };
    let status = match answer.status {
        status @ 300..=399 => format!("{status}, a redirect, and none is followed"),
        status if is_disabled => format!("{status}, with `webhook-delivery: disable`"),
        status => status.to_string(),
    };
    let reason = with_words(&status, &words(&answer.body, hidden));
    let failure = Failure::new(kind, answer.status.to_string(), reason);
    Some(Failure { retry_after: retry_after(answer, now), ..failure })
}

/// Whose fault a status is that is none of success (RFC 9110, 15).
fn kind(status: u16) -> FailureKind {
    match status {
        410 => FailureKind::Gone,
        // Time-out, locked, too early, too many.
        408 | 423 | 425 | 429 | 500.. => FailureKind::Transient,
        // A redirect; who we are, where, how and in which form we ask.
        300..=399 | 401..=405 | 407 | 411 | 414 | 415 | 421 | 426 | 451 => FailureKind::Target,
        // 400, 413, 422, 431 and what else depends on the event.
        400..=499 => FailureKind::Event,
        _ => FailureKind::Transient,
    }
}

#[cfg(test)]
mod tests;
