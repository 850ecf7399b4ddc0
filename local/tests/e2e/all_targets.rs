//! Push through the real template: events reach a webhook, a function, a topic, a bus, a stream and a bucket, in order per
//! aggregate, though each fails in the middle; and what one of them refuses is held, released, and complete then.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use local::check::ReceivedEvent;
use local::event::Event;
use local::marks::histories;
use local::ministack::{ACCOUNT, REGION};
use local::receiver::{Inbox, Mood, Receiver, SECRET};
use local::stack::{Ground, Say, local_variables};
use local::workspace;
use local::write;
use serde_json::{Value, json};
use shared::ids::{Group, Key};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::ledger::Ledger;
use crate::support::{SOURCE, START, printed, start_deploy};

const MARKS: usize = 4;
const ROUNDS: usize = 6;
/// The targets in AWS.
const TARGETS: [&str; 5] = ["Function", "Topic", "Bus", "Stream", "Bucket"];
/// By the variables that name their endpoints.
const SERVICES: [&str; 5] = ["LAMBDA", "SNS", "EVENTBRIDGE", "KINESIS", "S3"];
/// The requests to each service, from 0, that are answered with an error; then those of which the answer is lost.
const FAILING: std::ops::Range<usize> = 5..9;
/// A group that is refused is held after a minute, and catch-up holds it within another.
const PATIENCE: Duration = Duration::from_secs(240);

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_target_has_every_event_in_order_though_it_failed() -> anyhow::Result<()> {
    let trial = Trial::new().await?;
    let events = histories(MARKS, ROUNDS, START);
    let refused = Group::of(&Key::S(events[0].mark.clone()));
    let mut inbox = trial.receiver.inbox("Hook");

    // Two rounds arrive; then the webhook is down, and refuses the events of one mark when it is up again.
    trial.write(&events, 0..2).await?;
    let mut taken = Vec::new();
    trial.until_taken(&mut inbox, &mut taken, 2 * MARKS).await?;
    trial.receiver.set_mood(Mood::Down);
    trial.write(&events, 2..ROUNDS).await?;
    trial.until(|| trial.receiver.counts().refused >= MARKS, "the webhook is not asked").await?;
    trial.receiver.set_mood(Mood::Refuses(refused.to_string()));
    // The other marks go on.
    trial.until_taken(&mut inbox, &mut taken, 2 * MARKS + (MARKS - 1) * (ROUNDS - 2)).await?;
    assert_eq!(versions(&taken, &events[0].mark), [1, 2]);

    // Meanwhile each target in AWS has everything: each failed for some requests, and of two the answer was lost.
    let arrived = trial.arrived(MARKS * ROUNDS).await?;
    for target in TARGETS {
        for mark in marks(&events) {
            let mut found = arrived[target].get(mark).cloned().unwrap_or_default();
            // The target may have taken an event whose answer was lost.
            found.dedup();
            assert_eq!(found, (1..=ROUNDS as u64).collect::<Vec<_>>(), "{target}: {mark}");
        }
    }
    for service in ["SNS", "S3"] {
        let failed = trial.proxy.requests(service);
        assert!(failed > MARKS * ROUNDS + FAILING.len(), "{service}: {failed} requests");
    }
    // These know what they have.
    for target in ["Topic", "Bucket"] {
        assert_eq!(arrived[target].values().map(Vec::len).sum::<usize>(), MARKS * ROUNDS, "{target}");
    }

    // What is refused is held, and comes from the front when it is released.
    trial.until_held(&refused).await?;
    trial.receiver.set_mood(Mood::Well);
    trial.fanoutctl(&["release", "Hook", "--all", "--json"])?;
    trial.until_taken(&mut inbox, &mut taken, MARKS * ROUNDS).await?;
    for mark in marks(&events) {
        assert_eq!(versions(&taken, mark), (1..=ROUNDS as u64).collect::<Vec<_>>(), "{mark}");
    }
    assert_eq!(trial.receiver.counts().unsigned, 0);

    // An operator's sample event goes through the same functions.
    for client in ["Hook", "Topic"] {
        let tested = trial.fanoutctl(&["push", "test", client, "--json"])?;
        assert_eq!((&tested["failure"], &tested["client"]), (&Value::Null, &Value::from(client)), "{tested}");
    }
    Ok(())
}

/// A stack whose clients are all pushed to.
struct Trial {
    ground: Ground,
    proxy: Proxy,
    receiver: Receiver,
    directory: PathBuf,
    config: PathBuf,
}

impl Trial {
    async fn new() -> anyhow::Result<Self> {
        let (receiver, proxy) = (Receiver::start().await?, Proxy::start().await?);
        let mut variables = local_variables(&receiver)?;
        variables
            .extend(SERVICES.map(|service| (format!("AWS_ENDPOINT_URL_{service}"), proxy.endpoint.clone())));
        let say: Say = Arc::new(|line: &str| eprintln!("{line}"));
        let ground = Ground::start_with("push", &say, variables).await?;
        proxy.set_upstream(ground.connection().endpoint());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("push");
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory)?;
        let config = directory.join("client-queues.toml");
        let trial = Self { ground, proxy, receiver, directory, config };
        let secret = trial.targets(&["make", &trial.directory.display().to_string(), SECRET])?;
        fs::write(&trial.config, trial.config(secret.trim()))?;
        let (mut deploy, mut lines) = start_deploy(&trial.ground, &trial.config)?;
        let mut said = String::new();
        while let Some(line) = lines.recv().await {
            said = said + &line + "\n";
        }
        anyhow::ensure!(deploy.wait()?.success(), "{said}");
        Ok(trial)
    }

    fn config(&self, secret: &str) -> String {
        let arn = |service: &str, resource: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}");
        let client =
            |name: &str, target: String| format!("[[client]]\nname = \"{name}\"\n[client.push.{target}\n");
        let hosts = "allowed_hosts = [{ host = \"localhost\", internal = true }]\n";
        [
            SOURCE,
            hosts,
            &client(
                "Hook",
                format!("webhook]\nurl = \"{}\"\nsecret = \"{secret}\"", self.receiver.url("Hook")),
            ),
            &client("Function", format!("lambda]\nfunction = \"{}\"", arn("lambda", "function:target"))),
            &client("Topic", format!("sns]\ntopic = \"{}\"", arn("sns", "target.fifo"))),
            &client(
                "Bus",
                format!(
                    "eventbridge]\nbus = \"{}\"\nsource = \"mark-event-queue\"",
                    arn("events", "event-bus/target")
                ),
            ),
            &client("Stream", format!("kinesis]\nstream = \"{}\"", arn("kinesis", "stream/target"))),
            &client("Bucket", "s3]\nbucket = \"target\"\nprefix = \"marks\"".to_owned()),
        ]
        .concat()
    }

    async fn write(&self, events: &[Event], rounds: std::ops::Range<usize>) -> anyhow::Result<()> {
        let range = rounds.start * MARKS..rounds.end * MARKS;
        let target = self.ground.connection().target(ACCOUNT);
        assert_eq!(write::write_range(&target, events, range, &|_| ()).await?, []);
        Ok(())
    }

    /// Takes what the webhook took, until there is so much in all.
    async fn until_taken(
        &self,
        inbox: &mut Inbox,
        taken: &mut Vec<ReceivedEvent>,
        count: usize,
    ) -> anyhow::Result<()> {
        let start = Instant::now();
        while taken.len() < count {
            anyhow::ensure!(
                start.elapsed() < PATIENCE,
                "the webhook has {} of {count}; {}",
                taken.len(),
                self.log()
            );
            taken.extend(inbox.take(Duration::from_secs(1)).await);
        }
        anyhow::ensure!(taken.len() == count, "the webhook has {} of {count}", taken.len());
        Ok(())
    }

    async fn until(&self, is_so: impl Fn() -> bool, what: &str) -> anyhow::Result<()> {
        let start = Instant::now();
        while !is_so() {
            anyhow::ensure!(start.elapsed() < PATIENCE, "{what}; {}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// What each target in AWS got of each mark, in its order, when each has so many events at least.
    async fn arrived(&self, count: usize) -> anyhow::Result<HashMap<String, BTreeMap<String, Vec<u64>>>> {
        let start = Instant::now();
        // Queues give what they have once; the others, everything each time.
        let mut from_queues: Vec<(String, Value)> = Vec::new();
        loop {
            let printed = self.targets(&["read", &self.directory.display().to_string()])?;
            let mut found = Vec::new();
            for line in printed.lines() {
                let line: Value = serde_json::from_str(line)?;
                let target = line["target"].as_str().context("no target")?.to_owned();
                let body: Value = serde_json::from_str(line["text"].as_str().context("no text")?)?;
                // An envelope has the event inside.
                let event = body.get("event").cloned().unwrap_or(body);
                if target == "Topic" || target == "Bus" {
                    from_queues.push((target, event));
                } else {
                    found.push((target, event));
                }
            }
            let mut arrived: HashMap<String, BTreeMap<String, Vec<u64>>> = HashMap::new();
            for (target, event) in from_queues.iter().chain(&found) {
                let mark = event["mark"].as_str().context("no mark")?.to_owned();
                let version = event["RegistrationNumber"]["version"].as_u64().context("no version")?;
                arrived.entry(target.clone()).or_default().entry(mark).or_default().push(version);
            }
            let has = |target: &str| {
                arrived.get(target).map_or(0, |marks| marks.values().map(Vec::len).sum::<usize>())
            };
            if TARGETS.iter().all(|target| has(target) >= count) {
                return Ok(arrived);
            }
            let standing = TARGETS.map(|target| (target, has(target)));
            anyhow::ensure!(start.elapsed() < PATIENCE, "{standing:?} of {count}; {}", self.log());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn until_held(&self, group: &Group) -> anyhow::Result<()> {
        let start = Instant::now();
        let ledger = Ledger::of(self.ground.connection()).await?;
        loop {
            // Which comes every minute anyway.
            ledger.request(&json!({ "request": "maintenance" })).await?;
            let held = self.fanoutctl(&["held", "--json"])?;
            let groups = held["groups"].as_array().context("no groups")?;
            if let [only] = groups.as_slice() {
                assert_eq!(
                    (&only["client"], &only["group"]),
                    (&Value::from("Hook"), &Value::from(group.as_str()))
                );
                return Ok(());
            }
            anyhow::ensure!(start.elapsed() < PATIENCE, "nothing is held: {held}; {}", self.log());
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }

    fn fanoutctl(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let output = printed(&self.ground, &self.config, arguments)?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        anyhow::ensure!(output.status.success(), "{arguments:?}: {errors}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn targets(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(&self.ground.environment().python);
        command.arg(workspace::root().join("local/tests/e2e/push_targets.py")).args(arguments);
        command.envs(self.ground.variables()).env("AWS_DEFAULT_REGION", REGION);
        let output = command.output()?;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    fn log(&self) -> String {
        format!("see {}", self.ground.log().display())
    }
}

fn marks(events: &[Event]) -> impl Iterator<Item = &str> {
    events.iter().take(MARKS).map(|event| event.mark.as_str())
}

/// The versions of a mark that a webhook took, in its order.
fn versions(taken: &[ReceivedEvent], mark: &str) -> Vec<u64> {
    let group = Group::of(&Key::S(mark.to_owned()));
    let of_mark = taken.iter().filter(|event| event.group == group.as_str());
    of_mark.map(|event| event.version.as_deref().unwrap().parse().unwrap()).collect()
}

/// Stands between the functions and the services of their targets: some requests are answered with an error, of some the
/// answer is lost, and all others are passed on.
struct Proxy {
    endpoint: String,
    shared: Arc<Passing>,
}

#[derive(Default)]
struct Passing {
    upstream: OnceLock<String>,
    requests: Mutex<HashMap<String, usize>>,
}

impl Proxy {
    async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Passing::default());
        let router = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { endpoint, shared })
    }

    fn set_upstream(&self, endpoint: &str) {
        self.shared.upstream.set(endpoint.trim_start_matches("http://").to_owned()).unwrap();
    }

    /// How many requests came for a service, by its variable's name.
    fn requests(&self, service: &str) -> usize {
        let name = if service == "EVENTBRIDGE" { "events".to_owned() } else { service.to_lowercase() };
        self.shared.requests.lock().unwrap().get(&name).copied().unwrap_or_default()
    }
}

async fn pass(
    State(passing): State<Arc<Passing>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // `AWS4-HMAC-SHA256 Credential=test/20260105/eu-west-2/sns/aws4_request, …`
    let authorization =
        headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let service = authorization.split('/').nth(3).unwrap_or_default().to_owned();
    let number = {
        let mut requests = passing.requests.lock().unwrap();
        let count = requests.entry(service.clone()).or_default();
        *count += 1;
        *count - 1
    };
    if FAILING.contains(&number) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let answer = forwarded(passing.upstream.get().unwrap(), &method, &uri, &headers, &body).await;
    let is_lost = number == FAILING.end && ["sns", "s3"].contains(&service.as_str());
    match answer {
        Ok(answer) if !is_lost => answer,
        _ => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// What `upstream` answers.
async fn forwarded(
    upstream: &str,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> anyhow::Result<Response> {
    // In HTTP/1.0 an answer is not chunked.
    let mut request = format!("{method} {uri} HTTP/1.0\r\n").into_bytes();
    for (name, value) in headers.iter().filter(|(name, _)| *name != "connection") {
        request.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    request.extend(b"\r\n");
    request.extend(body);
    let mut stream = TcpStream::connect(upstream).await?;
    stream.write_all(&request).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").context("no header")?;
    let head = std::str::from_utf8(&answer[..end])?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status")?;
    let mut response = Response::builder().status(status);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        if !["connection", "content-length", "transfer-encoding"].contains(&name.to_lowercase().as_str()) {
            response = response.header(name, value);
        }
    }
    Ok(response.body(answer[end + 4..].to_vec().into())?)
}
