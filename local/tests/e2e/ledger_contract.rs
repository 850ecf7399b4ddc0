//! The contract that the doubles of ledger and event table keep, kept by the adapters to DynamoDB on MiniStack.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use aws::access::{Access, Endpoint};
use aws::connections::Connections;
use aws::dynamodb::{EventsTable, LedgerTable, client};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ScalarAttributeType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local::ministack::REGION;
use local::stack::Ground;
use serde_json::Value;
use shared::config::Source;
use shared::ids::{EventIdentity, Key};
use shared::ledger::{EventTable, Page, RowHead, ScanPage, ScanPosition, Unread};
use testkit::contract;
use testkit::contract::events::{Writable, filtered, numbers, texts};

use crate::support::{SdkClients as _, ground, make_ledger, make_table};

/// More cursors than the adapter reads at once.
const CURSORS_BEYOND_A_PAGE: usize = 2_500;

/// Bytes in each event, so that a scan has several pages of 1 MB.
const PADDING: usize = 16_384;

/// The event table under test, and a client to write it with.
struct Events {
    table: EventsTable,
    name: &'static str,
    client: Client,
}

#[tokio::test]
async fn the_ledger_in_dynamodb_keeps_the_contract() -> anyhow::Result<()> {
    let ground = ground("ledger-contract").await?;
    let access = access(&ground);
    // As a function has it, and as an operator's tool has it.
    let lean = |table| LedgerTable::try_new_lean(&access, client(&access), table).expect("an endpoint");
    for (table, ledger) in [("Lean", lean("Lean")), ("Sdk", LedgerTable::new(client(&access), "Sdk"))] {
        make_ledger(ground.connection(), table).await?;
        contract::ledger::check(&ledger, CURSORS_BEYOND_A_PAGE).await;
    }
    Ok(())
}

#[tokio::test]
async fn the_event_table_in_dynamodb_keeps_the_contract() -> anyhow::Result<()> {
    let ground = ground("events-contract").await?;
    let (text, number) = (ScalarAttributeType::S, ScalarAttributeType::N);
    for table in ["Texts", "Filtered"] {
        let keys = [("mark", text.clone()), ("createTime", text.clone())];
        make_table(ground.connection(), table, keys).await?;
    }
    make_table(ground.connection(), "Numbers", [("key.name", number.clone()), ("size", number)]).await?;
    contract::events::check_texts(&Events::new(&ground, "Texts", &texts()), PADDING).await;
    contract::events::check_numbers(&Events::new(&ground, "Numbers", &numbers())).await;
    contract::events::check_filtered(&Events::new(&ground, "Filtered", &filtered())).await;
    Ok(())
}

/// What the functions' clients are made from.
fn access(ground: &Ground) -> Access {
    Access {
        credentials: Credentials::new("test", "test", None, None, "test"),
        region: REGION.to_owned(),
        endpoint: Endpoint::Url(ground.connection().endpoint().to_owned()),
        connections: Connections::default(),
    }
}

impl Events {
    fn new(ground: &Ground, name: &'static str, source: &Source) -> Self {
        let table = EventsTable::new(client(&access(ground)), name, source);
        Self { table, name, client: ground.connection().dynamodb() }
    }
}

impl EventTable for Events {
    async fn page(&self, key: &Key, before: Option<&Key>) -> Result<Page, Unread> {
        self.table.page(key, before).await
    }

    async fn heads(&self, key: &Key, before: Option<&Key>) -> Result<Page<RowHead>, Unread> {
        self.table.heads(key, before).await
    }

    async fn identity(&self, key: &Key, sort: &Key) -> Result<Option<EventIdentity>, Unread> {
        self.table.identity(key, sort).await
    }

    async fn scan(&self, after: Option<&ScanPosition>, limit: u32) -> Result<ScanPage, Unread> {
        self.table.scan(after, limit).await
    }
}

impl Writable for Events {
    async fn put(&self, item: &str) {
        let item: Value = serde_json::from_str(item).expect("JSON");
        let AttributeValue::M(item) = map(&item) else { panic!("not an item: {item}") };
        let put = self.client.put_item().table_name(self.name).set_item(Some(item));
        put.send().await.expect("a put");
    }

    async fn delete(&self, key: &Key, sort: &Key) {
        let delete = self.client.delete_item().table_name(self.name);
        let delete = delete.key("mark", of_key(key)).key("createTime", of_key(sort));
        delete.send().await.expect("a deletion");
    }
}

fn of_key(key: &Key) -> AttributeValue {
    match key {
        Key::S(text) => AttributeValue::S(text.clone()),
        Key::N(number) => AttributeValue::N(number.clone()),
        Key::B(bytes) => AttributeValue::B(Blob::new(bytes.clone())),
    }
}

/// The attributes of DynamoDB's JSON.
fn map(entries: &Value) -> AttributeValue {
    let entries = entries.as_object().expect("a map").iter();
    AttributeValue::M(entries.map(|(name, value)| (name.clone(), attribute(value))).collect())
}

fn attribute(value: &Value) -> AttributeValue {
    let (tag, value) = value.as_object().and_then(|value| value.iter().next()).expect("a typed value");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let all = |value: &Value| value.as_array().expect("a list").clone();
    match tag.as_str() {
        "S" => AttributeValue::S(text(value)),
        "N" => AttributeValue::N(text(value)),
        "B" => AttributeValue::B(Blob::new(STANDARD.decode(text(value)).expect("base64"))),
        "BOOL" => AttributeValue::Bool(value == true),
        "NULL" => AttributeValue::Null(true),
        "M" => map(value),
        "L" => AttributeValue::L(all(value).iter().map(attribute).collect()),
        "SS" => AttributeValue::Ss(all(value).iter().map(text).collect()),
        tag => panic!("no item of the contract has a `{tag}`"),
    }
}
