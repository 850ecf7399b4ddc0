//! Webhooks: signatures by the reference implementation, secrets that are replaced, tokens, and where a URL may lead.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws::web::{Web, WebSettings};
use http::{HeaderMap, HeaderName, HeaderValue};
use push::event::Event;
use push::kind::Target;
use push::outcome::{Deliver, Delivered, FailureKind};
use serde_json::{Value, json};
use shared::config::PushTarget;
use shared::time::Timestamp;
use standardwebhooks::Webhook;
use testkit::memory::VirtualClock;
use testkit::wire::scripted::{Arrival, Reaction, ScriptedServer};

use super::certificates::Certificates;
use super::world::{
    CERTIFICATES, CLIENT_SECRET, HOST, SECRET, TOKEN, block_on, event, home, local, oauth, secret_answer,
    signed, token_answer, web, webhook,
};

const LIMIT: Duration = Duration::from_secs(30);

/// The secret that takes the place of [`SECRET`].
const NEW_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

fn now() -> VirtualClock {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    VirtualClock::at(Timestamp::from_millis(0).plus(now))
}

fn target(target: PushTarget, web: Web, clock: &VirtualClock) -> Target<Web, VirtualClock> {
    Target::new(target, home(), web, clock.clone())
}

/// Delivers an event of this id.
fn deliver(target: &impl Deliver, id: &str) -> Delivered {
    block_on(target.deliver(&[event(id, 1, r#"{"price":1.10}"#)], None, LIMIT))
}

fn failure(delivered: Delivered) -> (FailureKind, String) {
    let failure = delivered.failure.unwrap();
    assert_eq!(delivered.taken, 0);
    (failure.kind, failure.reason)
}

fn is_signed_by(secret: &str, arrival: &Arrival) -> bool {
    let mut headers = HeaderMap::new();
    for (name, value) in &arrival.headers {
        headers
            .insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    Webhook::new(secret).unwrap().verify(&arrival.body, &headers).is_ok()
}

fn taking() -> ScriptedServer {
    CERTIFICATES.server(|_| Reaction::answer(204, ""))
}

#[test]
fn the_reference_implementation_verifies_events_and_notices() {
    let (server, secrets) = (taking(), ScriptedServer::plain(secret_answer));
    let target = target(webhook(&server, None), web(&secrets), &now());
    let body = r#"{"holder":"Zoë \"Z\"","wide":12345678901234567890.10}"#;
    let events = [
        event("e-1", 1, body),
        event("é 2%", 2, body),
        Event { erased: Some("2026-11-29T09:00:00Z"), ..event("x-1", 3, r#"{"S":"AFC F5"}"#) },
    ];
    assert_eq!(block_on(target.deliver(&events, None, LIMIT)), Delivered::all(3));
    let arrivals = server.arrivals();
    assert!(
        arrivals.iter().all(|arrival| is_signed_by(SECRET, arrival) && !is_signed_by(NEW_SECRET, arrival))
    );
    assert_eq!(arrivals[0].text(), body);
    assert_eq!(arrivals[0].header("x-key"), Some("team-key-2718"));
    assert_eq!(
        (arrivals[0].method.as_str(), arrivals[0].path.as_str()),
        ("POST", "/marks?key=query-key-3141")
    );
    assert_eq!(arrivals[2].text(), r#"{"erased":"2026-11-29T09:00:00Z","key":"AFC F5"}"#);
    // It was read once.
    assert_eq!(secrets.arrivals().len(), 1);
}

/// Secrets Manager with a secret that was replaced an hour ago, or has not been.
fn replaceable(clock: &VirtualClock, is_replaced: &Arc<AtomicBool>) -> ScriptedServer {
    let made_at = clock.now().as_millis() as f64 / 1_000.0 - 3_600.0;
    let is_replaced = Arc::clone(is_replaced);
    ScriptedServer::plain(move |arrival| {
        let asked: Value = serde_json::from_slice(&arrival.body).unwrap();
        let secret = match (is_replaced.load(Ordering::Relaxed), asked["VersionStage"].as_str().unwrap()) {
            (true, "AWSCURRENT") => (NEW_SECRET, made_at),
            (false, "AWSPREVIOUS") => {
                return Reaction::answer(400, r#"{"__type":"ResourceNotFoundException","Message":"none"}"#);
            }
            _ => (SECRET, 1_000_000_000.0),
        };
        Reaction::answer(200, json!({ "SecretString": secret.0, "CreatedDate": secret.1 }).to_string())
    })
}

#[test]
fn while_a_secret_is_replaced_both_sign() {
    let (server, clock, is_replaced) = (taking(), now(), Arc::new(AtomicBool::new(true)));
    let secrets = replaceable(&clock, &is_replaced);
    let target = target(webhook(&server, None), web(&secrets), &clock);
    assert_eq!(deliver(&target, "e-1"), Delivered::all(1));
    let arrivals = server.arrivals();
    assert!(is_signed_by(SECRET, &arrivals[0]) && is_signed_by(NEW_SECRET, &arrivals[0]));
    // A day later the new one alone does. (The reference implementation reads the clock: signatures are counted.)
    clock.freeze(Duration::from_secs(24 * 3_600));
    assert_eq!(deliver(&target, "e-2"), Delivered::all(1));
    let signatures = server.arrivals()[1].header("webhook-signature").unwrap().split(' ').count();
    assert_eq!(signatures, 1);
}

#[test]
fn a_secret_that_was_replaced_meanwhile_is_read_again_after_a_401() {
    let (clock, is_replaced) = (now(), Arc::new(AtomicBool::new(false)));
    let is_new = Arc::clone(&is_replaced);
    let server = CERTIFICATES.server(move |arrival| {
        let secret = if is_new.load(Ordering::Relaxed) { NEW_SECRET } else { SECRET };
        Reaction::answer(if is_signed_by(secret, arrival) { 200 } else { 401 }, "")
    });
    let secrets = replaceable(&clock, &is_replaced);
    let target = target(webhook(&server, None), web(&secrets), &clock);
    assert_eq!(deliver(&target, "e-1"), Delivered::all(1));
    is_replaced.store(true, Ordering::Relaxed);
    clock.freeze(Duration::from_secs(1));
    assert_eq!(deliver(&target, "e-2"), Delivered::all(1));
    let tried: Vec<_> =
        server.arrivals().iter().map(|arrival| arrival.header("webhook-id").unwrap().to_owned()).collect();
    assert_eq!(tried, ["e-1", "e-2", "e-2"]);
}

#[test]
fn a_401_that_stays_is_the_targets() {
    let server = CERTIFICATES.server(|_| Reaction::answer(401, "who are you"));
    let (tokens, secrets) =
        (CERTIFICATES.server(|_| token_answer(TOKEN, 3_600)), ScriptedServer::plain(secret_answer));
    let target = target(webhook(&server, Some(oauth(&tokens))), web(&secrets), &now());
    assert_eq!(failure(deliver(&target, "e-1")), (FailureKind::Target, "401: who are you".to_owned()));
    // One renewal, and no more.
    assert_eq!((server.arrivals().len(), tokens.arrivals().len()), (1, 2));
}

#[test]
fn a_secret_that_cant_be_read_is_no_events_fault() {
    for (reaction, expected) in [
        (
            Reaction::answer(400, r#"{"__type":"AccessDeniedException","Message":"not authorized"}"#),
            FailureKind::Target,
        ),
        (Reaction::answer(400, r#"{"__type":"ResourceNotFoundException"}"#), FailureKind::Target),
        (Reaction::answer(500, r#"{"__type":"InternalServiceError"}"#), FailureKind::Transient),
        (Reaction::answer(400, r#"{"__type":"ThrottlingException"}"#), FailureKind::Transient),
        (Reaction::Reset, FailureKind::Transient),
        (Reaction::answer(200, r#"{"SecretBinary":"c2VjcmV0"}"#), FailureKind::Target),
        (Reaction::answer(200, r#"{"SecretString":"hunter2-hunter2"}"#), FailureKind::Target),
    ] {
        let (server, secrets) = (taking(), ScriptedServer::plain(move |_| reaction.clone()));
        let target = target(webhook(&server, None), web(&secrets), &now());
        let (kind, reason) = failure(deliver(&target, "e-1"));
        assert_eq!(kind, expected, "{reason}");
        assert!(reason.contains("arn:aws:secretsmanager") && !reason.contains("hunter2"), "{reason}");
        assert_eq!(server.arrivals().len(), 0);
    }
}

#[test]
fn a_secret_is_used_on_while_it_cant_be_read() {
    let is_away = Arc::new(AtomicBool::new(false));
    let away = Arc::clone(&is_away);
    let secrets = ScriptedServer::plain(move |arrival| match away.load(Ordering::Relaxed) {
        true => Reaction::Reset,
        false => secret_answer(arrival),
    });
    let (server, clock) = (taking(), now());
    let target = target(webhook(&server, None), web(&secrets), &clock);
    assert_eq!(deliver(&target, "e-1"), Delivered::all(1));
    is_away.store(true, Ordering::Relaxed);
    clock.freeze(Duration::from_secs(301));
    assert_eq!(deliver(&target, "e-2"), Delivered::all(1));
    assert!(secrets.arrivals().len() > 1);
}

/// A server of tokens that gives another one each time, good for ten minutes; and what the target takes.
struct Tokens {
    tokens: ScriptedServer,
    given: Arc<AtomicUsize>,
    is_away: Arc<AtomicBool>,
}

fn tokens() -> Tokens {
    let (given, is_away) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    let (count, away) = (Arc::clone(&given), Arc::clone(&is_away));
    let tokens = CERTIFICATES.server(move |_| {
        if away.load(Ordering::Relaxed) {
            return Reaction::answer_with(503, "retry-after", "7", format!("busy, {CLIENT_SECRET}"));
        }
        token_answer(&format!("{TOKEN}-{}", count.fetch_add(1, Ordering::Relaxed) + 1), 600)
    });
    Tokens { tokens, given, is_away }
}

#[test]
fn a_token_is_got_once_and_again_before_it_expires() {
    let (server, secrets, clock, of) = (taking(), ScriptedServer::plain(secret_answer), now(), tokens());
    let target = target(webhook(&server, Some(oauth(&of.tokens))), web(&secrets), &clock);
    for (seconds, tokens) in [(0, 1), (1, 1), (568, 1), (2, 2)] {
        clock.freeze(Duration::from_secs(seconds));
        assert_eq!(deliver(&target, "e-1"), Delivered::all(1));
        assert_eq!(of.given.load(Ordering::Relaxed), tokens, "{seconds}");
        let last = server.arrivals().pop().unwrap();
        assert_eq!(last.header("authorization"), Some(&*format!("Bearer {TOKEN}-{tokens}")));
    }
    let asked = of.tokens.arrivals().remove(0);
    assert_eq!(asked.text(), "grant_type=client_credentials&scope=marks%3Awrite");
    // `billing:client-secret-4812`, as base64.
    assert_eq!(asked.header("authorization"), Some("Basic YmlsbGluZzpjbGllbnQtc2VjcmV0LTQ4MTI="));
}

#[test]
fn without_a_token_nothing_is_sent() {
    let (server, secrets, clock, of) = (taking(), ScriptedServer::plain(secret_answer), now(), tokens());
    let target = target(webhook(&server, Some(oauth(&of.tokens))), web(&secrets), &clock);
    of.is_away.store(true, Ordering::Relaxed);
    let delivered = deliver(&target, "e-1");
    assert_eq!(delivered.failure.as_ref().unwrap().retry_after, Some(Duration::from_secs(7)));
    assert_eq!(failure(delivered), (FailureKind::Transient, "no token: 503: busy, …".to_owned()));
    assert_eq!(server.arrivals().len(), 0);
    of.is_away.store(false, Ordering::Relaxed);
    assert_eq!(deliver(&target, "e-1"), Delivered::all(1));
    // One that has expired is none.
    of.is_away.store(true, Ordering::Relaxed);
    clock.freeze(Duration::from_secs(600));
    assert_eq!(failure(deliver(&target, "e-2")).0, FailureKind::Transient);
    assert_eq!(server.arrivals().len(), 1);
}

#[test]
fn a_token_that_the_target_refuses_is_renewed_once() {
    let refused = format!("Bearer {TOKEN}-1");
    let server = CERTIFICATES.server(move |arrival| {
        Reaction::answer(if arrival.header("authorization") == Some(&refused) { 401 } else { 200 }, "")
    });
    let (secrets, of) = (ScriptedServer::plain(secret_answer), tokens());
    let target = target(webhook(&server, Some(oauth(&of.tokens))), web(&secrets), &now());
    assert_eq!(deliver(&target, "e-1"), Delivered::all(1));
    assert_eq!((server.arrivals().len(), of.given.load(Ordering::Relaxed)), (2, 2));
}

#[test]
fn answers_without_a_token_are_transient_and_not_shown() {
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"access_token":""}"#,
        r#"{"access_token":"to ken"}"#,
        r#"{"access_token":"mac-token-99","token_type":"mac"}"#,
    ] {
        let (server, secrets) = (taking(), ScriptedServer::plain(secret_answer));
        let tokens = CERTIFICATES.server(move |_| Reaction::answer(200, body));
        let target = target(webhook(&server, Some(oauth(&tokens))), web(&secrets), &now());
        let (kind, reason) = failure(deliver(&target, "e-1"));
        assert_eq!(kind, FailureKind::Transient, "{body}");
        assert!(!reason.contains("mac-token") && !reason.contains("to ken"), "{reason}");
        assert_eq!(server.arrivals().len(), 0);
    }
}

/// Where a URL leads with these settings.
fn led(server: &ScriptedServer, settings: WebSettings) -> (FailureKind, String) {
    let secrets = ScriptedServer::plain(secret_answer);
    let target = target(webhook(server, None), Web::new(signed(&secrets), settings), &now());
    let led = failure(deliver(&target, "e-1"));
    assert_eq!(server.arrivals().len(), 0);
    led
}

#[test]
fn a_url_leads_only_where_it_may() {
    let server = taking();
    let authority = &CERTIFICATES.authority;
    let (kind, reason) = led(&server, local(authority, "169.254.169.254"));
    assert_eq!((kind, reason.contains("169.254.169.254")), (FailureKind::Target, true), "{reason}");
    let closed = WebSettings { is_loopback_allowed: false, ..local(authority, "127.0.0.1") };
    assert_eq!(led(&server, closed).0, FailureKind::Target);
    let look_up: aws::web::LookUp = Arc::new(|_| Err(std::io::Error::other("no such name")));
    let unknown = WebSettings { look_up: Some(look_up), ..local(authority, "127.0.0.1") };
    let expected = "the name of the host can't be looked up: no such name".to_owned();
    assert_eq!(led(&server, unknown), (FailureKind::Transient, expected));
}

#[test]
fn a_certificate_must_be_the_hosts_by_a_known_authority() {
    let server = taking();
    let strange = Certificates::of(HOST);
    let (kind, reason) = led(&server, local(&strange.authority, "127.0.0.1"));
    assert_eq!(
        (kind, reason.starts_with("no TLS connection: invalid peer certificate")),
        (FailureKind::Target, true),
        "{reason}"
    );
    let other = Certificates::of("other.example.com");
    let server = other.server(|_| Reaction::answer(204, ""));
    let (kind, reason) = led(&server, local(&other.authority, "127.0.0.1"));
    assert_eq!(
        (kind, reason.starts_with("no TLS connection: invalid peer certificate")),
        (FailureKind::Target, true),
        "{reason}"
    );
    // One that doesn't speak TLS ends the connection.
    let server = ScriptedServer::plain(|_| Reaction::answer(204, ""));
    let (kind, reason) = led(&server, local(&CERTIFICATES.authority, "127.0.0.1"));
    assert_eq!((kind, reason.starts_with("no ")), (FailureKind::Transient, true), "{reason}");
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = taking();
    let location = format!("https://{HOST}:{}/", elsewhere.address.port());
    let server = CERTIFICATES.server(move |_| Reaction::answer_with(307, "location", &location, ""));
    let secrets = ScriptedServer::plain(secret_answer);
    let target = target(webhook(&server, None), web(&secrets), &now());
    let expected = "307, a redirect, and none is followed".to_owned();
    assert_eq!(failure(deliver(&target, "e-1")), (FailureKind::Target, expected));
    assert_eq!((server.arrivals().len(), elsewhere.arrivals().len()), (1, 0));
}

/// A name is looked up anew for each connection: the address that was checked is the one that is connected to.
#[test]
fn a_name_that_changes_its_address_leads_nowhere_else() {
    let looked_up = Arc::new(Mutex::new(0));
    let count = Arc::clone(&looked_up);
    let look_up: aws::web::LookUp = Arc::new(move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        let address = if *count == 1 { "127.0.0.1" } else { "169.254.169.254" };
        Ok(vec![address.parse().unwrap()])
    });
    // Each answer ends the connection.
    let server = CERTIFICATES.server(|_| Reaction::Reset);
    let settings = WebSettings { look_up: Some(look_up), ..local(&CERTIFICATES.authority, "127.0.0.1") };
    let secrets = ScriptedServer::plain(secret_answer);
    let target = target(webhook(&server, None), Web::new(signed(&secrets), settings), &now());
    assert_eq!(failure(deliver(&target, "e-1")).0, FailureKind::Transient);
    assert_eq!(failure(deliver(&target, "e-1")).0, FailureKind::Target);
    assert_eq!((server.arrivals().len(), *looked_up.lock().unwrap()), (1, 2));
}
