//! The DynamoDB adapters over the wire: their requests, and how they read answers that no emulator gives on demand.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

mod events;
mod reads;
mod writes;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use aws::access::{Access, Endpoint};
use aws::connections::Connections;
use aws::dynamodb::{EventsTable, LedgerTable, client};
use aws_credential_types::Credentials;
use serde_json::{Value, json};
use shared::config::{Path, Source};
use shared::ids::{Group, IncarnationToken, Key};
use shared::ledger::{
    ClientId, Condition, EventTable as _, First, GroupItem, Item, ItemKey, LastSent, Ledger as _, Write,
    WriteCount,
};

/// DynamoDB at the URL.
fn at(endpoint_url: &str) -> Access {
    Access {
        credentials: Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"),
        region: "eu-west-2".to_owned(),
        endpoint: Endpoint::Url(endpoint_url.to_owned()),
        connections: Connections::default(),
    }
}

/// The ledger at a URL: as a function has it, and as an operator's tool has it.
const LEDGERS: [fn(&str) -> LedgerTable; 2] = [
    |endpoint_url| {
        let access = at(endpoint_url);
        LedgerTable::try_new_lean(&access, client(&access), "Ledger").unwrap()
    },
    |endpoint_url| LedgerTable::new(client(&at(endpoint_url)), "Ledger"),
];

fn group(name: &str) -> Group {
    Group::try_from_sqs(name).unwrap()
}

fn key(name: &str) -> ItemKey {
    ItemKey::Group(group(name))
}

fn group_item() -> GroupItem {
    GroupItem {
        write_count: WriteCount(9),
        version: 7,
        behind: BTreeSet::new(),
        revision: 1,
        sent: LastSent::default(),
        incarnation_number: 1,
        token: IncarnationToken::try_new("0123456789abcdef").unwrap(),
        first: First { identity: Key::S("t1".to_owned()).into(), version: 1 },
        time: None,
        streamed_at: None,
        key: Key::S("a".to_owned()),
        holes: Vec::new(),
        pairs: Vec::new(),
        closed: None,
        unknown: [].into(),
    }
}

/// The group's item as DynamoDB sends it.
fn stored(name: &str) -> Value {
    json!({
        "pk": { "S": format!("group#{name}") }, "sk": { "S": "group" }, "format": { "N": "2" },
        "write_count": { "N": "9" }, "version": { "N": "7" }, "revision": { "N": "1" }, "incarnation_number": { "N": "1" }, "token": { "S": "0123456789abcdef" },
        "first": { "M": { "sort": { "S": "t1" }, "version": { "N": "1" } } }, "key": { "S": "a" },
    })
}

fn keys(names: &[&str]) -> Vec<Value> {
    names
        .iter()
        .map(|name| json!({ "pk": { "S": format!("group#{name}") }, "sk": { "S": "group" } }))
        .collect()
}

fn write(name: &str, is_put: bool) -> Write {
    let item = is_put.then(|| Item::Group(Box::new(group_item())));
    Write { key: key(name), condition: Condition::WriteCount(WriteCount(8)), item }
}

fn events_at(endpoint_url: &str) -> EventsTable {
    let source = Source {
        partition_key: "mark".to_owned(),
        sort_key: "createTime".to_owned(),
        id: None,
        name: None,
        time: Some(Path(vec!["createTime".to_owned()])),
        version: Path(vec!["RegistrationNumber".to_owned(), "version".to_owned()]).into(),
        filter: None,
    };
    EventsTable::new(client(&at(endpoint_url)), "Events", &source)
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_in_five_seconds() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint_url = format!("http://{}", listener.local_addr().unwrap());
    let events = events_at(&endpoint_url);
    let five_seconds = async |ledger: &LedgerTable, call: usize| {
        let before = tokio::time::Instant::now();
        match call {
            0 => assert!(ledger.write(&[write("a", true)]).await.is_err()),
            1 => assert!(matches!(&*ledger.read(&[key("a")]).await, [Err(_)])),
            2 => assert!(ledger.cursors(ClientId(1), None).await.is_err()),
            _ => assert!(events.page(&Key::S("a".to_owned()), None).await.is_err()),
        }
        assert!(before.elapsed() <= Duration::from_millis(5_001), "{call}: {:?}", before.elapsed());
    };
    for ledger_at in LEDGERS {
        let ledger = ledger_at(&endpoint_url);
        for call in 0..4 {
            five_seconds(&ledger, call).await;
        }
    }
}
