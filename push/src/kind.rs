//! What each kind of target is asked, and what its answers mean: a file for each, of functions on values. Here they meet the
//! port by which a target is asked.

mod envelope;
mod eventbridge;
mod kinesis;
mod lambda;
mod s3;
mod sns;
mod webhook;

use std::fmt;
use std::time::Duration;

use shared::clock::Clock;
use shared::config::PushTarget;
use shared::exchange::{Answer, Exchange, NoAnswer, Request};

use crate::deadline::Deadline;
use crate::event::Event;
use crate::outcome::{Deliver, Delivered, Failure, FailureKind};
use crate::secrets::Secrets;
use crate::token::Tokens;

/// How long a function may take: what a push function's own time leaves beside its other calls.
const FUNCTION_LIMIT: Duration = Duration::from_secs(20);

/// How long any other service may take.
const SERVICE_LIMIT: Duration = Duration::from_secs(10);

/// The most events that a function gets at once (Lambda's own batches of a FIFO queue have as many).
const BATCH_LIMIT: usize = 10;

/// Where the stack is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// `eu-west-2`.
    pub region: String,
    /// Twelve digits.
    pub account: String,
}

/// A client's target, which is asked through `X`. `Debug` shows its kind alone.
pub struct Target<X, C> {
    target: PushTarget,
    home: Home,
    exchange: X,
    clock: C,
    secrets: Secrets,
    tokens: Tokens,
}

impl<X: Exchange, C: Clock> Target<X, C> {
    /// The target of a client of the stack at `home`. Secrets and tokens that it reads are kept in it.
    pub fn new(target: PushTarget, home: Home, exchange: X, clock: C) -> Self {
        Self { target, home, exchange, clock, secrets: Secrets::default(), tokens: Tokens::default() }
    }

    /// The answer to a request, before the deadline.
    async fn ask(&self, request: &Request, deadline: Deadline) -> Result<Answer, NoAnswer> {
        match deadline.left(&self.clock) {
            Duration::ZERO => Err(NoAnswer::Timeout(Duration::ZERO)),
            left => self.exchange.exchange(request, left).await,
        }
    }

    /// One after the other, until one fails.
    async fn each(
        &self,
        events: &[Event<'_>],
        mark: Option<&str>,
        deliver: impl AsyncFn(&Event<'_>, Option<&str>) -> Result<Option<String>, Failure>,
    ) -> Delivered {
        let mut done = Delivered { taken: 0, mark: mark.map(str::to_owned), failure: None };
        for event in events {
            match deliver(event, done.mark.as_deref()).await {
                Ok(mark) => {
                    done.taken += 1;
                    done.mark = mark;
                }
                Err(failure) => {
                    done.failure = Some(failure);
                    break;
                }
            }
        }
        done
    }
}

impl<X: Exchange, C: Clock> Deliver for Target<X, C> {
    async fn deliver(&self, events: &[Event<'_>], mark: Option<&str>, limit: Duration) -> Delivered {
        let deadline = Deadline::after(limit, &self.clock);
        match &self.target {
            PushTarget::Webhook(target) => {
                self.each(events, mark, async |event, _| self.webhook(target, event, deadline).await).await
            }
            PushTarget::Lambda(target) => self.lambda(target, events, deadline).await,
            PushTarget::Sns(target) => {
                self.each(events, mark, async |event, _| self.sns(target, event, deadline).await).await
            }
            PushTarget::EventBridge(target) => {
                self.each(events, mark, async |event, _| self.eventbridge(target, event, deadline).await)
                    .await
            }
            PushTarget::Kinesis(target) => {
                self.each(events, mark, async |event, mark| self.kinesis(target, event, mark, deadline).await)
                    .await
            }
            PushTarget::S3(target) => {
                self.each(events, mark, async |event, _| self.s3(target, event, deadline).await).await
            }
        }
    }

    fn at_once(&self) -> usize {
        match &self.target {
            PushTarget::Lambda(target) if target.batch => BATCH_LIMIT,
            _ => 1,
        }
    }

    fn limit(&self) -> Duration {
        match &self.target {
            PushTarget::Webhook(target) => target.timeout,
            PushTarget::Lambda(_) => FUNCTION_LIMIT,
            PushTarget::Sns(_) | PushTarget::EventBridge(_) | PushTarget::Kinesis(_) | PushTarget::S3(_) => {
                SERVICE_LIMIT
            }
        }
    }
}

impl<X, C> fmt::Debug for Target<X, C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Target").field("kind", &self.target.kind()).finish_non_exhaustive()
    }
}

/// What a request without an answer means.
fn of_no_answer(error: &NoAnswer) -> Failure {
    let (kind, alike) = match error {
        NoAnswer::Name(_) => (FailureKind::Transient, "name"),
        NoAnswer::Connection(_) => (FailureKind::Transient, "connection"),
        NoAnswer::Timeout(_) => (FailureKind::Transient, "time-out"),
        NoAnswer::Broken(_) => (FailureKind::Transient, "broken"),
        // Whatever the event: the circuit breaker's business.
        NoAnswer::Address(_) => (FailureKind::Target, "address"),
        NoAnswer::Tls(_) => (FailureKind::Target, "TLS"),
        // What an event has in a header, perhaps: its group is held. If it isn't the event, others fail alike.
        NoAnswer::Request(_) => (FailureKind::Event, "request"),
    };
    Failure::new(kind, alike, error.to_string())
}

/// That an event is larger than its target takes: nothing is asked.
fn too_large(size: usize, limit: usize, of: &str) -> Failure {
    let reason = format!("too large: {size} bytes, and {of} takes {limit}");
    Failure::new(FailureKind::Event, "too large", reason)
}

#[cfg(test)]
mod tests;
