//! What the end-to-end tests share: a stack of their own, and watchers of a run.

#[path = "../../../../cli/tests/fanoutctl/support/schema.rs"]
mod schema;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use local::check::{ExpectedEvents, Verdict};
use local::connection::Connection;
use local::json::Json;
use local::marks;
use local::ministack::ACCOUNT;
use local::processes;
use local::run::{Outcome, Step};
use local::stack::{Extras, Ground, Say, Stack};
use local::workspace;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// The time that the marks' incarnations begin at: 2026-01-05T09:00:00Z.
pub(crate) const START: i64 = 1_767_603_600_000;

/// The shipped config's source, with the accounts of the queues that clients bring along.
pub(crate) const SOURCE: &str = r#"
[source]
partition_key = "mark"
sort_key = "createTime"
id = "eventId"
name = "eventName"
time = "createTime"
version = "RegistrationNumber.version"
allowed_accounts = ["000000000000", "444455556666"]
"#;

/// The SDK's own clients, for calls that only tests make.
pub(crate) trait SdkClients {
    /// A client of DynamoDB that repeats nothing.
    fn dynamodb(&self) -> aws_sdk_dynamodb::Client;

    /// A client of SQS that acts for `account`.
    fn sqs(&self, account: &str) -> aws_sdk_sqs::Client;
}

impl SdkClients for Connection {
    fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::config::Builder::from(self.target(ACCOUNT).sdk_config());
        aws_sdk_dynamodb::Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
    }

    fn sqs(&self, account: &str) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(self.target(account).sdk_config())
    }
}

/// The members of an object as the SDK has them.
pub(crate) fn item_of(json: &Json) -> HashMap<String, AttributeValue> {
    let Json::Map(members) = json else { return HashMap::new() };
    members.iter().map(|(name, value)| (name.clone(), attribute_value(value))).collect()
}

fn attribute_value(json: &Json) -> AttributeValue {
    match json {
        Json::Null => AttributeValue::Null(true),
        Json::Bool(value) => AttributeValue::Bool(*value),
        Json::Number(number) => AttributeValue::N(number.to_string()),
        Json::Text(text) => AttributeValue::S(text.clone()),
        Json::List(values) => AttributeValue::L(values.iter().map(attribute_value).collect()),
        Json::Map(_) => AttributeValue::M(item_of(json)),
    }
}

/// Takes messages out of `client`'s queue at `url`, until there are `count` of them at least.
pub(crate) async fn take(
    connection: &Connection,
    client: &str,
    url: &str,
    count: usize,
    patience: Duration,
) -> anyhow::Result<Vec<Message>> {
    let sqs = connection.sqs(ACCOUNT);
    let (mut taken, start) = (Vec::new(), Instant::now());
    while taken.len() < count {
        anyhow::ensure!(start.elapsed() < patience, "client {client} has {} of {count}", taken.len());
        let call = sqs.receive_message().queue_url(url).wait_time_seconds(1).max_number_of_messages(10);
        let call = call.message_system_attribute_names(MessageSystemAttributeName::All);
        let answer = call.message_attribute_names("All").send().await?;
        for message in answer.messages.unwrap_or_default() {
            let receipt = message.receipt_handle.clone().context("a message without a handle")?;
            sqs.delete_message().queue_url(url).receipt_handle(receipt).send().await?;
            taken.push(message);
        }
    }
    Ok(taken)
}

/// The first line of the answer to a request that nobody has signed.
pub(crate) async fn unsigned(method: &str, url: &str, body: &str) -> anyhow::Result<String> {
    let (authority, path) = url.trim_start_matches("http://").split_once('/').context("no path")?;
    let mut stream = TcpStream::connect(authority).await?;
    let length = body.len();
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

/// MiniStack with the event table, for a test that deploys.
pub(crate) async fn ground(name: &str) -> anyhow::Result<Ground> {
    let say: Say = Arc::new(|line: &str| eprintln!("{line}"));
    Ok(Ground::start(name, &say).await?)
}

/// `fanoutctl` as an operator runs it in the repository, with a config of the test's own, and no terminal to ask at.
pub(crate) fn fanoutctl(ground: &Ground, config: &Path, arguments: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(testkit::wire::fanoutctl()?);
    command.current_dir(workspace::root()).envs(ground.variables()).args(arguments);
    // Not an option: commands that are printed would name it.
    command.env("FANOUTCTL_CONFIG", config).stdin(Stdio::null());
    Ok(command)
}

/// What [`fanoutctl`] prints, and how it ends. With `--json`, it prints the shape that `docs/json` promises.
pub(crate) fn printed(ground: &Ground, config: &Path, arguments: &[&str]) -> anyhow::Result<Output> {
    let output = fanoutctl(ground, config, arguments)?.output()?;
    schema::assert_shape(arguments, &output.stdout);
    Ok(output)
}

/// Starts `fanoutctl deploy` with a config of the test's own. Returns it with the lines that it prints.
pub(crate) fn start_deploy(
    ground: &Ground,
    config: &Path,
) -> anyhow::Result<(Child, mpsc::UnboundedReceiver<String>)> {
    let arguments = ["deploy", "--yes", "--stream-arn", ground.stream_arn(), "--function-timeout", "2"];
    let mut command = fanoutctl(ground, config, &arguments)?;
    let mut deploy = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let lines =
        BufReader::new(deploy.stderr.take().context("no standard error")?).lines().map_while(Result::ok);
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || lines.for_each(|line| sender.send(line).unwrap_or_default()));
    Ok((deploy, receiver))
}

/// A stack of the test's own.
pub(crate) async fn stack(name: &str, extras: Extras) -> anyhow::Result<Stack> {
    let say: Say = Arc::new(|line: &str| eprintln!("{line}"));
    Ok(Stack::start(name, &say, extras).await?)
}

/// A table for a ledger, as the template makes it.
pub(crate) async fn make_ledger(connection: &Connection, name: &str) -> anyhow::Result<()> {
    let text = ScalarAttributeType::S;
    make_table(connection, name, [("pk", text.clone()), ("sk", text)]).await
}

/// A table with a partition key and a sort key.
pub(crate) async fn make_table(
    connection: &Connection,
    name: &str,
    keys: [(&str, ScalarAttributeType); 2],
) -> anyhow::Result<()> {
    let client = connection.dynamodb();
    let mut request = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for ((key, of), role) in keys.into_iter().zip([KeyType::Hash, KeyType::Range]) {
        let attribute = AttributeDefinition::builder().attribute_name(key).attribute_type(of).build()?;
        let element = KeySchemaElement::builder().attribute_name(key).key_type(role).build()?;
        request = request.attribute_definitions(attribute).key_schema(element);
    }
    request.send().await?;
    Ok(())
}

/// All attributes of a queue, by name; empty if it has none of that name.
pub(crate) async fn attributes(
    connection: &Connection,
    url: &str,
) -> anyhow::Result<impl Fn(&str) -> String + use<>> {
    let request = connection.sqs(ACCOUNT).get_queue_attributes().queue_url(url);
    let answer = request.attribute_names(QueueAttributeName::All).send().await?;
    let attributes = answer.attributes.unwrap_or_default();
    Ok(move |name: &str| attributes.get(&QueueAttributeName::from(name)).cloned().unwrap_or_default())
}

/// The events of marks' incarnations.
pub(crate) fn incarnations(marks: usize, events: usize) -> ExpectedEvents {
    ExpectedEvents::new(marks::histories(marks, events, START))
}

/// What every client must have received of `expected`.
pub(crate) fn everything(expected: &ExpectedEvents) -> Verdict {
    let marks: HashSet<_> = expected.events().iter().map(|event| &event.mark).collect();
    Verdict {
        events: expected.events().len(),
        expected: expected.events().len(),
        groups: marks.len(),
        missing: 0,
        out_of_order: 0,
        duplicates: 0,
        differing: 0,
        findings: Vec::new(),
    }
}

/// Asserts that each of the three clients has every event, in order, once and unchanged.
pub(crate) fn assert_complete(outcome: &Outcome, expected: &ExpectedEvents) {
    let names: Vec<_> = outcome.clients.iter().map(|client| client.name.as_str()).collect();
    assert_eq!(names, ["Billing", "Insurance", "Enforcement"]);
    for client in &outcome.clients {
        assert_eq!(client.verdict, everything(expected), "{}", client.name);
    }
    assert_eq!(outcome.refused, []);
    assert!(outcome.left.is_empty(), "{:?}", outcome.left);
    assert!(outcome.is_good());
}

/// Kills a function's processes until it has died in the middle of its work.
pub(crate) struct Killer<'s> {
    stack: &'s Stack,
    function: &'static str,
    received: AtomicUsize,
}

impl<'s> Killer<'s> {
    pub(crate) fn new(stack: &'s Stack, function: &'static str) -> Self {
        Self { stack, function, received: AtomicUsize::new(0) }
    }

    /// Whether MiniStack saw the function end before it answered.
    pub(crate) fn has_killed(&self) -> bool {
        let log = fs::read_to_string(self.stack.log()).unwrap_or_default();
        log.lines().any(|line| {
            line.contains(self.function) && line.contains("Runtime exited before returning a response")
        })
    }

    /// To be called for each step of a run.
    pub(crate) fn step(&self, step: Step<'_>) {
        if step != Step::Received
            || self.received.fetch_add(1, Ordering::Relaxed) % 40 != 39
            || self.has_killed()
        {
            return;
        }
        kill_function(self.stack, self.function);
    }
}

/// Kills all processes of a function.
pub(crate) fn kill_function(stack: &Stack, function: &str) {
    for process in stack.functions() {
        let environment = fs::read(format!("/proc/{}/environ", process.id)).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let is_it = variables
            .any(|variable| variable.starts_with("AWS_LAMBDA_FUNCTION_NAME=") && variable.contains(function));
        if is_it {
            // The process may have ended by itself meanwhile.
            let _ = processes::kill(process.id);
        }
    }
}
