//! What a webhook takes of a push function: events in a second to a target that answers after 20 ms, and processor time for
//! each.
//!
//! `cargo bench -p testkit --bench push`

#![expect(clippy::unwrap_used, reason = "a bench reports by panicking")]

#[path = "../../integration/tests/crates/push/certificates.rs"]
mod certificates;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use aws::access::Endpoint;
use aws::clock::SystemClock;
use aws::connections::Connections;
use aws::signed::{SECRETS, Signed};
use aws::web::{Web, WebSettings};
use aws_credential_types::Credentials;
use futures_util::future::join_all;
use push::event::Event;
use push::kind::{Home, Target};
use push::outcome::Deliver as _;
use rustix::time::{ClockId, clock_gettime};
use shared::config::{PushTarget, SecretArn, WebUrl, WebhookTarget};
use shared::consumer::ReceivedMessage;
use shared::ids::Group;
use testkit::wire::scripted::{Reaction, ScriptedServer};

use crate::certificates::Certificates;

const HOST: &str = "hooks.example.com";
const SECRET: &str = r#"{"SecretString":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}"#;

/// How long the target takes for an event.
const ANSWER: Duration = Duration::from_millis(20);

/// Events of each group.
const EVENTS: i64 = 50;

fn main() {
    let certificates = Certificates::of(HOST);
    let server = certificates.server(|_| {
        thread::sleep(ANSWER);
        Reaction::answer(204, "")
    });
    let secrets = ScriptedServer::plain(|_| Reaction::answer(200, SECRET));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("| groups at the same time | events/s | processor time for each |\n| ---: | ---: | ---: |");
    for groups in [1, 10, 100] {
        let target = target(&server, &secrets, &certificates);
        // Connections are made, and the secret read.
        runtime.block_on(round(&target, groups, 1));
        let (began, processor) = (Instant::now(), processor_time());
        runtime.block_on(round(&target, groups, EVENTS));
        let (elapsed, processor) = (began.elapsed(), processor_time() - processor);
        let events = f64::from(groups) * EVENTS as f64;
        let (rate, each) = (events / elapsed.as_secs_f64(), processor.as_secs_f64() * 1e6 / events);
        println!("| {groups} | {rate:.0} | {each:.0} µs |");
    }
}

/// Delivers this many events of each group, the groups at the same time.
async fn round(target: &Target<Web, SystemClock>, groups: u32, events: i64) {
    let names: Vec<Group> =
        (0..groups).map(|number| Group::try_from_sqs(&format!("g{number}")).unwrap()).collect();
    let body = format!("{{\"note\":\"{}\"}}", "x".repeat(2_000));
    join_all(names.iter().map(async |group| {
        for version in 1..=events {
            let message = ReceivedMessage {
                version,
                previous_version: Some(version - 1),
                incarnation: None,
                is_erasure: false,
                replay: None,
            };
            let event = Event { group, message, id: "e", name: None, time: None, erased: None, body: &body };
            let delivered = target.deliver(&[event], None, Duration::from_secs(30)).await;
            assert_eq!(delivered.failure, None);
        }
    }))
    .await;
}

fn target(
    server: &ScriptedServer,
    secrets: &ScriptedServer,
    certificates: &Certificates,
) -> Target<Web, SystemClock> {
    let endpoint = Endpoint::Url(format!("http://{}", secrets.address));
    let endpoints = SECRETS.iter().map(|service| (*service, endpoint.clone())).collect();
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "bench");
    let settings = WebSettings {
        certificates: Some(certificates.authority.clone().into_bytes()),
        is_loopback_allowed: true,
        look_up: Some(Arc::new(|_| Ok(vec!["127.0.0.1".parse().unwrap()]))),
    };
    let web = Web::new(Signed::new(credentials, endpoints, Connections::waiting()), settings);
    let webhook = WebhookTarget {
        url: WebUrl {
            host: HOST.to_owned(),
            port: server.address.port(),
            path_and_query: "/".to_owned(),
            is_internal: false,
        },
        secret: SecretArn::SecretsManager(
            "arn:aws:secretsmanager:eu-west-2:111122223333:secret:hook".to_owned(),
        ),
        timeout: Duration::from_secs(15),
        headers: Vec::new(),
        oauth: None,
    };
    let home = Home { region: "eu-west-2".to_owned(), account: "111122223333".to_owned() };
    Target::new(PushTarget::Webhook(webhook), home, web, SystemClock)
}

/// That of this thread, on which the client runs: the target has threads of its own.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}
