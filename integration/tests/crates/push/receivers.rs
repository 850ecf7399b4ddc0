//! The receivers of `docs/push.md`, as they stand there: they verify events, apply each once, and forget what is erased.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws::clock::SystemClock;
use push::event::Event;
use push::kind::Target;
use push::outcome::{Deliver as _, Delivered, FailureKind};
use serde_json::{Value, json};
use shared::ids::{IncarnationToken, ReplayId};
use testkit::wire::scripted::{Arrival, Reaction, ScriptedServer};

use super::world::{CERTIFICATES, SECRET, block_on, event, home, secret_answer, web, webhook};

use super::receiver;

const PAGE: &str = include_str!("../../../../docs/push.md");

/// Delivers, and looks what was applied. `path` is where the receiver takes events.
fn check(address: SocketAddr, path: &'static str) {
    // What stands before a receiver, and has its certificate.
    let server =
        CERTIFICATES.server(move |arrival| Reaction::of(address, arrival, path).unwrap_or(Reaction::Reset));
    let secrets = ScriptedServer::plain(secret_answer);
    let target = Target::new(webhook(&server, None), home(), web(&secrets), SystemClock);
    let deliver = |events: &[Event<'_>]| block_on(target.deliver(events, None, Duration::from_secs(30)));
    let state = || -> Value {
        let request =
            Arrival { method: "GET".to_owned(), path: String::new(), headers: Vec::new(), body: Vec::new() };
        let Ok(Reaction::Answer { body, .. }) = Reaction::of(address, &request, "/state") else {
            panic!("no state")
        };
        serde_json::from_slice(&body).unwrap()
    };
    let applied =
        |version: i64, applied: u64| json!({ "AFC%20F5": { "version": version, "applied": applied } });

    let body = r#"{"holder":"Zoë"}"#;
    assert_eq!(deliver(&[event("e-1", 1, body), event("e-2", 2, body)]), Delivered::all(2));
    assert_eq!(state(), applied(2, 2));
    // What comes again has no effect, in a replay either.
    let mut replayed = event("e-1", 1, body);
    replayed.message.replay = Some(ReplayId::try_new("r-1").unwrap());
    assert_eq!(deliver(&[event("e-2", 2, body), replayed, event("e-3", 3, body)]), Delivered::all(3));
    assert_eq!(state(), applied(3, 3));
    let notice = Event { erased: Some("2026-11-29T09:00:00Z"), ..event("x-1", 4, r#"{"S":"AFC F5"}"#) };
    assert_eq!(deliver(&[notice]), Delivered::all(1));
    assert_eq!(state(), json!({}));
    // The aggregate, created anew.
    let mut anew = event("e-4", 1, body);
    anew.message.incarnation = Some(IncarnationToken::try_new("fedcba9876543210").unwrap());
    assert_eq!(deliver(&[anew]), Delivered::all(1));
    assert_eq!(state(), applied(1, 1));

    // Nobody else is believed.
    let other = ScriptedServer::plain(|_| {
        Reaction::answer(200, r#"{"SecretString":"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}"#)
    });
    let target = Target::new(webhook(&server, None), home(), web(&other), SystemClock);
    let delivered = block_on(target.deliver(&[event("e-5", 2, body)], None, Duration::from_secs(30)));
    assert_eq!(delivered.failure.unwrap().kind, FailureKind::Target);
    assert_eq!(state(), applied(1, 1));
}

#[test]
fn the_receiver_in_rust_applies_each_event_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let app = receiver::app(SECRET).unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move { axum::serve(listener, app).await });
    check(address, "/marks");
}

/// A process that ends with this value.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_receiver_in_python_applies_each_event_once() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/push/receiver.py");
    let mut command = Command::new("python3");
    command.args(["-B", script]).env("WEBHOOK_SECRET", SECRET).env("PORT", "0").stdout(Stdio::piped());
    let mut process = Process(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
    check(SocketAddr::from(([127, 0, 0, 1], port)), "/marks");
}

#[test]
fn the_page_names_the_receivers() {
    assert!(PAGE.contains("push/receiver.rs") && PAGE.contains("push/receiver.py"));
}
