//! A receiver of events: verifies each one, applies it once, and answers at once.
//!
//! With `axum`, `base64`, `hmac`, `serde_json`, `sha2` and `tokio` (features `macros`, `net`, `rt-multi-thread`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// How old a request may be, in seconds, and how far ahead of this clock.
const TOLERANCE: u64 = 300;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = app(&std::env::var("WEBHOOK_SECRET")?)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app).await?)
}

/// What is kept of an aggregate. In real life it is a row of a database, written in the transaction that applies the event.
#[derive(Default)]
struct Aggregate {
    incarnation: Option<String>,
    version: Option<i64>,
    /// How many events had their effect.
    applied: u64,
}

struct Receiver {
    key: Vec<u8>,
    aggregates: Mutex<HashMap<String, Aggregate>>,
}

/// `secret` is the one that the sender has: `whsec_…`.
pub fn app(secret: &str) -> Result<Router, Box<dyn std::error::Error>> {
    let key = STANDARD.decode(secret.trim().strip_prefix("whsec_").ok_or("no `whsec_…`")?)?;
    let receiver = Arc::new(Receiver { key, aggregates: Mutex::default() });
    Ok(Router::new().route("/marks", post(receive)).route("/state", get(state)).with_state(receiver))
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let number = |name: &str| text(name).and_then(|value| value.parse::<i64>().ok());
    if !is_signed(&receiver.key, &headers, &body) {
        // The sender reads its secret again, and keeps the event.
        return StatusCode::UNAUTHORIZED;
    }
    let (Some(group), Some(version)) = (text("event-group"), number("event-version")) else {
        return StatusCode::BAD_REQUEST;
    };
    let Ok(event) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };

    let mut aggregates = receiver.aggregates.lock().unwrap_or_else(PoisonError::into_inner);
    if text("event-erased").is_some() {
        // All that is kept of the aggregate goes. What comes next is of another incarnation.
        aggregates.remove(group);
        return StatusCode::NO_CONTENT;
    }
    let aggregate = aggregates.entry(group.to_owned()).or_default();
    let incarnation = text("event-incarnation").map(str::to_owned);
    if aggregate.incarnation != incarnation {
        *aggregate = Aggregate { incarnation, ..Aggregate::default() };
    }
    if aggregate.version.is_some_and(|mine| version <= mine) {
        // It had its effect: an answer was lost, or the event comes in a replay.
        return StatusCode::NO_CONTENT;
    }
    let previous = number("event-previous-version");
    if aggregate.version.zip(previous).is_some_and(|(mine, previous)| previous > mine) {
        // The sender doesn't leave out anything: what is missing was lost here. Ask an operator for a replay.
        eprintln!("{group}: events before version {version} are missing here");
    }
    apply(&event);
    aggregate.version = Some(version);
    aggregate.applied += 1;
    StatusCode::NO_CONTENT
}

/// Does what the event is for: quickly, or it is put in a queue of one's own.
fn apply(_event: &Value) {}

/// Standard Webhooks: one of the signatures is the one of id, time and body.
fn is_signed(key: &[u8], headers: &HeaderMap, body: &[u8]) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(id), Some(sent_at), Some(signatures)) =
        (text("webhook-id"), text("webhook-timestamp"), text("webhook-signature"))
    else {
        return false;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    if !sent_at.parse::<u64>().is_ok_and(|sent_at| sent_at.abs_diff(now) <= TOLERANCE) {
        return false;
    }
    let Ok(mut code) = Hmac::<Sha256>::new_from_slice(key) else { return false };
    code.update(format!("{id}.{sent_at}.").as_bytes());
    code.update(body);
    let signatures = signatures.split(' ').filter_map(|signature| signature.strip_prefix("v1,"));
    // Compared in constant time.
    signatures
        .filter_map(|digits| STANDARD.decode(digits).ok())
        .any(|found| code.clone().verify_slice(&found).is_ok())
}

/// What was applied, to look at.
async fn state(State(receiver): State<Arc<Receiver>>) -> String {
    let aggregates = receiver.aggregates.lock().unwrap_or_else(PoisonError::into_inner);
    let shown = aggregates.iter().map(|(group, aggregate)| {
        (group.clone(), json!({ "version": aggregate.version, "applied": aggregate.applied }))
    });
    Value::Object(shown.collect()).to_string()
}
