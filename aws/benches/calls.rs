//! What a call of AWS costs the processor, made lean and through the SDK's client: in turn, over the same kind of
//! connection, to a local server that answers at once. Only the caller's thread is counted.
//!
//! `cargo bench -p aws --bench calls`

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use aws::access::{Access, Endpoint};
use aws::connections::Connections;
use aws::dynamodb::{self, LedgerTable};
use aws::sqs::Sqs;
use aws_credential_types::Credentials;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Config, Region, StalledStreamProtectionConfig};
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use futures_util::future::join_all;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use shared::ids::{DeduplicationId, Group, IncarnationToken, Key};
use shared::ledger::{Condition, First, GroupItem, Item, ItemKey, LastSent, Ledger as _, Write, WriteCount};
use shared::message::{Attribute, Body, Message};
use shared::naming::{Naming, OwnQueue};
use shared::send::Transport as _;
use testkit::wire::sqs::SqsStub;
use testkit::wire::tables::{Answer, TablesStub};

/// How often the ways are measured in turn; medians are printed.
const ROUNDS: usize = 40;

/// Calls of a way before it is the other's turn.
const CALLS: u32 = 100;

const MESSAGES: usize = 10;
const TABLE: &str = "Ledger";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (queues, tables) = (SqsStub::start()?, TablesStub::start_answering(answer)?);
    queues.forget_everything();
    println!("processor time, median of {ROUNDS} rounds of {CALLS} calls, the ways in turn\n");
    println!("| call | the SDK's client | lean | ratio |");
    println!("| --- | ---: | ---: | ---: |");

    let naming = Naming::try_new("aws", "eu-west-2", "123456789012", "").map_err(|_| "no place")?;
    let queue = naming.own_queue(OwnQueue::FanOut);
    let messages: Vec<Message> = (0..MESSAGES).map(message).collect::<Result<_, _>>()?;
    let batch: Vec<&Message> = messages.iter().collect();
    let (lean, sdk) = (Sqs::try_new(&access(queues.endpoint_url()))?, client(queues.endpoint_url()));
    let by_sdk = async || {
        let entries: Result<_, Box<dyn Error>> = messages.iter().enumerate().map(entry).collect();
        sdk.send_message_batch().queue_url(queue.as_str()).set_entries(Some(entries?)).send().await?;
        Ok(())
    };
    let by_lean = async || {
        for sent in lean.send(&queue, &batch).await? {
            sent?;
        }
        Ok(())
    };
    row("`SendMessageBatch` of ten messages of 2 KB, to one queue of many", by_sdk, by_lean).await?;

    let access = access(tables.endpoint_url());
    let client = dynamodb::client(&access);
    let ledgers =
        [LedgerTable::new(client.clone(), TABLE), LedgerTable::try_new_lean(&access, client, TABLE)?];
    let [sdk, lean] = ledgers.each_ref();
    row("`BatchGetItem` of ten groups", async || read(sdk).await, async || read(lean).await).await?;
    row("`PutItem` of a group", async || write(sdk, 0).await, async || write(lean, 0).await).await?;
    let all = async |ledger: &LedgerTable| {
        read(ledger).await?;
        let written = join_all((0..MESSAGES).map(|number| write(ledger, number))).await;
        written.into_iter().collect()
    };
    row("the ledger's calls for a batch of ten groups", async || all(sdk).await, async || all(lean).await)
        .await
}

async fn row(
    name: &str,
    by_sdk: impl AsyncFn() -> Result<(), Box<dyn Error>>,
    by_lean: impl AsyncFn() -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let (mut sdk, mut lean) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        sdk.push(time(&by_sdk).await?);
        lean.push(time(&by_lean).await?);
    }
    let (sdk, lean) = (median(sdk), median(lean));
    println!("| {name} | {:.1} µs | {:.1} µs | **{:.2}** |", sdk * 1e6, lean * 1e6, lean / sdk);
    Ok(())
}

/// Seconds of the processor for one call, after one that is not counted.
async fn time(call: &impl AsyncFn() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    call().await?;
    let start = processor_time()?;
    for _ in 0..CALLS {
        call().await?;
    }
    Ok((processor_time()? - start).as_secs_f64() / f64::from(CALLS))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn processor_time() -> Result<Duration, Box<dyn Error>> {
    Ok(Duration::try_from(clock_gettime(ClockId::ThreadCPUTime))?)
}

fn access(endpoint_url: String) -> Access {
    Access {
        credentials: credentials(),
        region: "eu-west-2".to_owned(),
        endpoint: Endpoint::Url(endpoint_url),
        connections: Connections::default(),
    }
}

/// As a role's: with a token.
fn credentials() -> Credentials {
    Credentials::new("AKIDEXAMPLE", "secret", Some("token".repeat(120)), None, "bench")
}

fn client(endpoint_url: String) -> aws_sdk_sqs::Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .read_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(5))
        .build();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-2"))
        .credentials_provider(credentials())
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts)
        .endpoint_url(endpoint_url);
    aws_sdk_sqs::Client::from_conf(config.build())
}

fn body(number: usize) -> String {
    json!({ "mark": format!("A{number}"), "note": "Confirmed by \"post\". ".repeat(90) }).to_string()
}

fn message(number: usize) -> Result<Message, Box<dyn Error>> {
    let group = Group::of(&Key::S(format!("A{number}")));
    let id = DeduplicationId::try_from_sqs(&number.to_string())?;
    let attributes = [Attribute::string("eventName", "AddressUpdated"), Attribute::number("version", "7")];
    Ok(Message::new(group, id, Body::Text(&body(number)), &attributes, None))
}

/// The same message by the SDK's builders.
fn entry((number, message): (usize, &Message)) -> Result<SendMessageBatchRequestEntry, Box<dyn Error>> {
    let attribute = |data_type: &str, value: &str| {
        MessageAttributeValue::builder().data_type(data_type).string_value(value).build()
    };
    let entry = SendMessageBatchRequestEntry::builder()
        .id(number.to_string())
        .message_body(message.body().text().unwrap_or_default())
        .message_group_id(message.group().as_str())
        .message_deduplication_id(message.deduplication_id().as_str())
        .message_attributes("eventName", attribute("String", "AddressUpdated")?)
        .message_attributes("version", attribute("Number", "7")?);
    Ok(entry.build()?)
}

fn key(number: usize) -> ItemKey {
    ItemKey::Group(Group::of(&Key::S(format!("A{number}"))))
}

async fn read(ledger: &LedgerTable) -> Result<(), Box<dyn Error>> {
    let keys: Vec<ItemKey> = (0..MESSAGES).map(key).collect();
    for found in ledger.read(&keys).await {
        found?.ok_or("an item is missing")?;
    }
    Ok(())
}

async fn write(ledger: &LedgerTable, number: usize) -> Result<(), Box<dyn Error>> {
    let item = GroupItem {
        write_count: WriteCount(9),
        version: 7,
        behind: BTreeSet::new(),
        revision: 1,
        sent: LastSent::default(),
        incarnation_number: 1,
        token: IncarnationToken::try_new("0123456789abcdef")?,
        first: First { identity: Key::S("2025-01-01T00:00:00Z".to_owned()).into(), version: 1 },
        time: None,
        streamed_at: None,
        key: Key::S(format!("A{number}")),
        holes: Vec::new(),
        pairs: Vec::new(),
        closed: None,
        unknown: [].into(),
    };
    let item = Some(Item::Group(Box::new(item)));
    Ok(ledger
        .write(&[Write { key: key(number), condition: Condition::WriteCount(WriteCount(8)), item }])
        .await?)
}

/// Every group is there.
fn answer(request: &testkit::wire::tables::Received) -> Answer {
    let keys = request.parameters.pointer("/RequestItems/Ledger/Keys").and_then(Value::as_array);
    let item = |key: &Value| {
        let mut item = json!({
            "format": { "N": "2" }, "write_count": { "N": "8" }, "version": { "N": "6" }, "revision": { "N": "1" },
            "incarnation_number": { "N": "1" }, "token": { "S": "0123456789abcdef" },
            "first": { "M": { "sort": { "S": "2025-01-01T00:00:00Z" }, "version": { "N": "1" } } },
            "key": { "S": "A1" },
        });
        if let (Some(item), Some(key)) = (item.as_object_mut(), key.as_object()) {
            item.extend(key.clone());
        }
        item
    };
    let Some(keys) = keys else { return Answer::Done(json!({})) };
    let items: Vec<Value> = keys.iter().map(item).collect();
    Answer::Done(json!({ "Responses": { TABLE: items }, "UnprocessedKeys": {} }))
}
