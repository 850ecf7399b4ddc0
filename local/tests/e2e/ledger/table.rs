//! The ledger of a deployed stack: control requests to its catch-up, and what its table says.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use aws::operator::Target;
use aws::operator::lambda::{Answer, invoke};
use aws_sdk_dynamodb::types::AttributeValue;
use deploy::invoke::CATCH_UP_NAME;
use local::connection::Connection;
use local::ministack::REGION;
use serde_json::{Value, json};

use crate::support::SdkClients as _;

const STACK: &str = "mark-event-queue";
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(50);
/// Longer than the schedule, or a function that was killed, takes to set something right.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The ledger, as an operator sees it.
pub(crate) struct Ledger {
    dynamodb: aws_sdk_dynamodb::Client,
    target: Target,
    table: String,
    catch_up: String,
}

/// What the ledger's table says of groups and clients. While events flow, groups are read at different instants.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The clients that are served, and how.
    pub(crate) clients: BTreeMap<String, String>,
    /// By group.
    pub(crate) groups: BTreeMap<String, GroupStanding>,
}

/// How far a group got.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupStanding {
    pub(crate) version: u64,
    pub(crate) incarnation_number: u64,
    /// The clients that have less.
    pub(crate) behind: BTreeSet<String>,
    /// How many versions were given up.
    pub(crate) holes: usize,
}

type Item = HashMap<String, AttributeValue>;

impl Ledger {
    /// The ledger of the stack that is deployed at `connection`.
    pub(crate) async fn of(connection: &Connection) -> anyhow::Result<Self> {
        let target = Target::local(connection.endpoint(), REGION);
        let stack =
            aws::operator::cloudformation::describe(&target, STACK).await?.context("there is no stack")?;
        let output =
            |name: &str| stack.outputs.get(name).cloned().with_context(|| format!("no output `{name}`"));
        let (table, catch_up) = (output("LedgerTableName")?, output(CATCH_UP_NAME)?);
        Ok(Self { dynamodb: connection.dynamodb(), table, target, catch_up })
    }

    /// The catch-up's answer to a control request.
    pub(crate) async fn request(&self, request: &Value) -> anyhow::Result<Value> {
        match invoke(&self.target, &self.catch_up, &request.to_string()).await? {
            Answer::Said(said) => serde_json::from_str(&said).with_context(|| format!("{request}: {said}")),
            Answer::Failed(reason) => anyhow::bail!("{request}: {reason}"),
        }
    }

    /// Has `client` caught up until it is up to date in every group, without waiting for the schedule.
    pub(crate) async fn up_to_date(&self, client: &str) -> anyhow::Result<()> {
        let request = json!({ "request": "catchUp", "client": client });
        let is_up_to_date = async || Ok(self.request(&request).await?.get("behind") == Some(&json!(0)));
        until(&format!("client `{client}` is up to date"), is_up_to_date).await
    }

    /// Requests a replay of `keys` for `client`, from the version `from`, called `replay`.
    pub(crate) async fn replay(
        &self,
        client: &str,
        keys: &[&str],
        from: u64,
        replay: &str,
    ) -> anyhow::Result<()> {
        let keys: Vec<Value> = keys.iter().map(|key| json!({ "S": key })).collect();
        let request =
            json!({ "request": "replay", "client": client, "keys": keys, "from": from, "replay": replay });
        let answer = self.request(&request).await?;
        let results = answer.get("results").and_then(Value::as_array).cloned().unwrap_or_default();
        assert_eq!(results.len(), keys.len(), "{answer}");
        assert!(results.iter().all(|result| result.get("outcome") == Some(&json!("requested"))), "{answer}");
        Ok(())
    }

    /// What the table says now.
    ///
    /// # Panics
    ///
    /// If a client is named as behind without a cursor, or the other way round.
    pub(crate) async fn standing(&self) -> anyhow::Result<Standing> {
        let items = self.items().await?;
        let of_kind = |kind: &str| -> Vec<(String, &Item)> {
            let name = |item: &Item| text(item, "pk").strip_prefix(kind).map(str::to_owned);
            items.iter().filter_map(|item| Some((name(item)?, item))).collect()
        };
        let registry = of_kind("registry").pop().context("the ledger has no registry")?.1;
        let mut standing = Standing::default();
        let mut names = HashMap::new();
        for (name, client) in map(registry, "clients") {
            let AttributeValue::M(client) = client else { anyhow::bail!("`{name}` is {client:?}") };
            names.insert(number(&client, "id").to_string(), name.clone());
            standing.clients.insert(name, text(&client, "state").to_owned());
        }
        let mut cursors = BTreeSet::new();
        for (id, item) in of_kind("behind#") {
            cursors.insert((text(item, "sk").to_owned(), names.get(&id).cloned().unwrap_or(id)));
        }
        let mut entries = BTreeSet::new();
        for (group, item) in of_kind("group#") {
            let ids = item.get("behind").and_then(|ids| ids.as_ns().ok()).cloned().unwrap_or_default();
            let behind: BTreeSet<_> =
                ids.into_iter().map(|id| names.get(&id).cloned().unwrap_or(id)).collect();
            entries.extend(behind.iter().map(|client| (group.clone(), client.clone())));
            let (version, incarnation_number) = (number(item, "version"), number(item, "incarnation_number"));
            let holes = item.get("holes").and_then(|holes| holes.as_l().ok()).map_or(0, Vec::len);
            standing.groups.insert(group, GroupStanding { version, incarnation_number, behind, holes });
        }
        assert_eq!(cursors, entries, "cursors, and clients that are named as behind");
        Ok(standing)
    }

    async fn items(&self) -> anyhow::Result<Vec<Item>> {
        let scan = self.dynamodb.scan().table_name(&self.table).consistent_read(true);
        Ok(scan.into_paginator().items().send().try_collect().await?)
    }
}

impl Standing {
    /// How many groups each client is behind in; a client that is up to date everywhere is not named.
    pub(crate) fn behind(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for client in self.groups.values().flat_map(|group| &group.behind) {
            *counts.entry(client.as_str()).or_default() += 1;
        }
        counts
    }
}

/// Waits until the condition holds.
pub(crate) async fn until(
    what: &str,
    mut holds: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let start = Instant::now();
    while !holds().await? {
        anyhow::ensure!(start.elapsed() < PATIENCE, "it never holds that {what}");
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

fn number(item: &Item, name: &str) -> u64 {
    let digits = item.get(name).and_then(|value| value.as_n().ok());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

fn map(item: &Item, name: &str) -> Item {
    item.get(name).and_then(|value| value.as_m().ok()).cloned().unwrap_or_default()
}
