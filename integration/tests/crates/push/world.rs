//! Targets, their stand-ins on loopback, and what they are asked with.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use aws::access::Endpoint;
use aws::clock::SystemClock;
use aws::connections::Connections;
use aws::signed::{SECRETS, Signed, TARGETS};
use aws::web::{Web, WebSettings};
use aws_credential_types::Credentials;
use push::event::Event;
use push::kind::{Home, Target};
use push::outcome::{Deliver, FailureKind};
use serde_json::{Value, json};
use shared::config::{
    EventBridgeTarget, KinesisTarget, LambdaTarget, OAuth, PushTarget, S3Target, SecretArn, SnsTarget,
    TargetArn, WebUrl, WebhookTarget,
};
use shared::consumer::ReceivedMessage;
use shared::ids::{Group, IncarnationToken};
use testkit::contract::push::{Blame, Meaning, PushReport, PushedEvent, PushedTo};
use testkit::wire::scripted::{Arrival, Reaction, ScriptedServer};

use super::certificates::Certificates;
use super::meanings;

pub(crate) const HOST: &str = "hooks.example.com";
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const TOKEN: &str = "token-0815";
pub(crate) const CLIENT_SECRET: &str = "client-secret-4812";
const TEAM_KEY: &str = "team-key-2718";
const QUERY_KEY: &str = "query-key-3141";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SESSION: &str = "session-token-1234";

/// Enough for a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// For a target that says nothing, and is connected to: the time passes.
const SHORT_LIMIT: Duration = Duration::from_millis(300);

static GROUP: LazyLock<Group> = LazyLock::new(|| Group::try_from_sqs("AFC%20F5").unwrap());

pub(crate) static CERTIFICATES: LazyLock<Certificates> = LazyLock::new(|| Certificates::of(HOST));

/// Everything that nothing may show.
pub(crate) fn secrets() -> Vec<String> {
    [
        SECRET,
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        TOKEN,
        CLIENT_SECRET,
        TEAM_KEY,
        QUERY_KEY,
        SECRET_KEY,
        SESSION,
    ]
    .map(str::to_owned)
    .to_vec()
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The kinds of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AwsKind {
    Lambda,
    Sns,
    EventBridge,
    Kinesis,
    S3,
}

/// What a target does with the next requests.
pub(crate) type Script = Arc<Mutex<VecDeque<Meaning>>>;

fn next(script: &Script) -> Meaning {
    script.lock().unwrap().pop_front().unwrap_or(Meaning::Taken)
}

/// Services on loopback, with credentials that nothing may show.
pub(crate) fn signed(server: &ScriptedServer) -> Signed {
    let credentials = Credentials::new("AKIDEXAMPLE", SECRET_KEY, Some(SESSION.to_owned()), None, "test");
    let endpoint = Endpoint::Url(format!("http://{}", server.address));
    let services = TARGETS.iter().chain(SECRETS).map(|service| (*service, endpoint.clone()));
    Signed::new(credentials, services.collect(), Connections::waiting())
}

pub(crate) fn home() -> Home {
    Home { region: "eu-west-2".to_owned(), account: "111122223333".to_owned() }
}

pub(crate) fn arn(service: &str, resource: &str) -> TargetArn {
    TargetArn {
        partition: "aws".to_owned(),
        region: "eu-west-2".to_owned(),
        account: "111122223333".to_owned(),
        resource: resource.to_owned(),
        text: format!("arn:aws:{service}:eu-west-2:111122223333:{resource}"),
    }
}

pub(crate) fn event<'e>(id: &'e str, version: i64, body: &'e str) -> Event<'e> {
    let message = ReceivedMessage {
        version,
        previous_version: Some(version - 1),
        incarnation: Some(IncarnationToken::try_new("0123456789abcdef").unwrap()),
        is_erasure: false,
        replay: None,
    };
    Event {
        group: &GROUP,
        message,
        id,
        name: Some("Created"),
        time: Some("2026-11-20T10:00:00Z"),
        erased: None,
        body,
    }
}

async fn report(
    target: &(impl Deliver + std::fmt::Debug),
    events: &[PushedEvent],
    limit: Duration,
) -> PushReport {
    let events: Vec<Event<'_>> =
        events.iter().map(|pushed| event(&pushed.id, pushed.version, &pushed.body)).collect();
    let delivered = target.deliver(&events, None, limit).await;
    let failure = delivered.failure.clone().map(|failure| {
        let blame = match failure.kind {
            FailureKind::Transient => Blame::Transient,
            FailureKind::Target => Blame::Target,
            FailureKind::Event => Blame::Event,
            FailureKind::Gone => Blame::Gone,
        };
        (blame, failure.reason)
    });
    PushReport { taken: delivered.taken, failure, shown: format!("{target:?} {delivered:?}") }
}

/// How long a target of this script may take.
fn limit(script: &Script) -> Duration {
    let waits = [Meaning::Silent, Meaning::TakenAndStalled];
    let is_waiting = script.lock().unwrap().front().is_some_and(|meaning| waits.contains(meaning));
    if is_waiting { SHORT_LIMIT } else { LIMIT }
}

/// A kind of AWS with its stand-in.
pub(crate) struct Kind {
    kind: AwsKind,
    server: ScriptedServer,
    script: Script,
    target: Target<Signed, SystemClock>,
}

impl Kind {
    pub(crate) fn of(kind: AwsKind) -> Self {
        let script = Script::default();
        let scripted = Arc::clone(&script);
        let server = ScriptedServer::plain(move |arrival| {
            let authorization = arrival.header("authorization").unwrap_or_default();
            assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
            meanings::reaction(kind, next(&scripted), arrival)
        });
        let target = match kind {
            AwsKind::Lambda => {
                PushTarget::Lambda(LambdaTarget { function: arn("lambda", "function:sink"), batch: false })
            }
            AwsKind::Sns => {
                PushTarget::Sns(SnsTarget { topic: arn("sns", "marks.fifo"), attributes: Vec::new() })
            }
            AwsKind::EventBridge => PushTarget::EventBridge(EventBridgeTarget {
                bus: arn("events", "event-bus/marks"),
                source: "mark-event-queue".to_owned(),
                detail_type: None,
            }),
            AwsKind::Kinesis => PushTarget::Kinesis(KinesisTarget { stream: arn("kinesis", "stream/marks") }),
            AwsKind::S3 => PushTarget::S3(bucket()),
        };
        let target = Target::new(target, home(), signed(&server), SystemClock);
        Self { kind, server, script, target }
    }
}

pub(crate) fn bucket() -> S3Target {
    S3Target {
        bucket: "marks".to_owned(),
        account: None,
        prefix: "archive".to_owned(),
        kms_key: None,
        deletes_erased: true,
    }
}

impl PushedTo for Kind {
    fn script(&self, meanings: &[Meaning]) {
        self.script.lock().unwrap().extend(meanings);
    }

    async fn deliver(&self, events: &[PushedEvent]) -> PushReport {
        report(&self.target, events, limit(&self.script)).await
    }

    fn tried(&self) -> Vec<String> {
        self.server.arrivals().iter().flat_map(|arrival| meanings::ids(self.kind, arrival)).collect()
    }

    fn body_limit(&self) -> Option<usize> {
        match self.kind {
            AwsKind::Lambda => Some(6 << 20),
            AwsKind::Sns | AwsKind::EventBridge => Some(256 << 10),
            AwsKind::Kinesis => Some(1 << 20),
            AwsKind::S3 => None,
        }
    }

    fn reads_answers(&self) -> bool {
        matches!(self.kind, AwsKind::EventBridge | AwsKind::Kinesis)
    }

    fn secrets(&self) -> Vec<String> {
        secrets()
    }
}

/// A webhook's server, those of its token and its secrets.
pub(crate) struct WebhookKind {
    server: ScriptedServer,
    _tokens: ScriptedServer,
    _secrets: ScriptedServer,
    script: Script,
    target: Target<Web, SystemClock>,
}

pub(crate) fn url(server: &ScriptedServer) -> WebUrl {
    WebUrl {
        host: HOST.to_owned(),
        port: server.address.port(),
        path_and_query: format!("/marks?key={QUERY_KEY}"),
        is_internal: false,
    }
}

pub(crate) fn oauth(server: &ScriptedServer) -> OAuth {
    OAuth {
        token_url: url(server),
        client_id: "billing".to_owned(),
        client_secret: SecretArn::Parameter("arn:aws:ssm:eu-west-2:111122223333:parameter/client".to_owned()),
        scope: Some("marks:write".to_owned()),
        audience: None,
    }
}

pub(crate) fn webhook(server: &ScriptedServer, oauth: Option<OAuth>) -> PushTarget {
    PushTarget::Webhook(WebhookTarget {
        url: url(server),
        secret: SecretArn::SecretsManager(
            "arn:aws:secretsmanager:eu-west-2:111122223333:secret:hook".to_owned(),
        ),
        timeout: Duration::from_secs(15),
        headers: vec![("x-key".to_owned(), TEAM_KEY.to_owned())],
        oauth,
    })
}

/// URLs on loopback, all of whose names are [`HOST`]'s.
pub(crate) fn web(secrets: &ScriptedServer) -> Web {
    Web::new(signed(secrets), local(&CERTIFICATES.authority, "127.0.0.1"))
}

pub(crate) fn local(authority: &str, address: &'static str) -> WebSettings {
    let address: IpAddr = address.parse().unwrap();
    WebSettings {
        certificates: Some(authority.as_bytes().to_vec()),
        is_loopback_allowed: true,
        look_up: Some(Arc::new(move |_| Ok(vec![address]))),
    }
}

/// What Secrets Manager and Systems Manager answer.
pub(crate) fn secret_answer(arrival: &Arrival) -> Reaction {
    let asked: Value = serde_json::from_slice(&arrival.body).unwrap();
    let answer = if asked.get("Name").is_some() {
        json!({ "Parameter": { "Value": CLIENT_SECRET } })
    } else {
        json!({ "SecretString": SECRET, "CreatedDate": 1_000_000_000.5 })
    };
    Reaction::answer(200, answer.to_string())
}

pub(crate) fn token_answer(token: &str, seconds: u64) -> Reaction {
    let answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": seconds });
    Reaction::answer(200, answer.to_string())
}

impl WebhookKind {
    pub(crate) fn new(has_token: bool) -> Self {
        let script = Script::default();
        let scripted = Arc::clone(&script);
        let server = CERTIFICATES.server(move |arrival| meanings::of_a_webhook(next(&scripted), arrival));
        let tokens = CERTIFICATES.server(|_| token_answer(TOKEN, 3_600));
        let secrets = ScriptedServer::plain(secret_answer);
        let oauth = has_token.then(|| oauth(&tokens));
        let target = Target::new(webhook(&server, oauth), home(), web(&secrets), SystemClock);
        Self { server, _tokens: tokens, _secrets: secrets, script, target }
    }
}

impl PushedTo for WebhookKind {
    fn script(&self, meanings: &[Meaning]) {
        self.script.lock().unwrap().extend(meanings);
    }

    async fn deliver(&self, events: &[PushedEvent]) -> PushReport {
        report(&self.target, events, limit(&self.script)).await
    }

    fn tried(&self) -> Vec<String> {
        let arrivals = self.server.arrivals();
        arrivals.iter().map(|arrival| arrival.header("webhook-id").unwrap().to_owned()).collect()
    }

    fn body_limit(&self) -> Option<usize> {
        None
    }

    fn reads_answers(&self) -> bool {
        false
    }

    fn secrets(&self) -> Vec<String> {
        secrets()
    }
}
