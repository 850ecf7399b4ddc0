//! A deployed stack with its ledger, and what a test does to it from outside.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::ops::Range;
use std::time::Duration;

use aws::operator::{Target, sqs};
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use aws_sdk_sqs::types::QueueAttributeName;
use futures_util::future::try_join_all;
use local::check::{Check, ExpectedEvents};
use local::event::Event;
use local::follow::{self, Follower};
use local::ministack::ACCOUNT;
use local::stack::{Extras, Stack};
use local::tables::EVENTS;
use local::write;
use shared::message::AttributeValue::Text;
use shared::naming::OwnQueue;
use tokio::sync::watch;

use super::table::{Ledger, PATIENCE, until};
use crate::support::{SdkClients as _, item_of, stack};

/// A stack of the test's own, and its ledger.
pub(crate) struct Scene {
    pub(crate) stack: Stack,
    pub(crate) ledger: Ledger,
}

/// The attributes that a queue was made with.
pub(crate) type QueueAttributes = HashMap<QueueAttributeName, String>;

impl Scene {
    pub(crate) async fn new(name: &str) -> anyhow::Result<Self> {
        Self::of(stack(name, Extras::default()).await?).await
    }

    /// With the companion, which writes the events.
    pub(crate) async fn with_companion(name: &str) -> anyhow::Result<Self> {
        Self::of(stack(name, Extras { companion: true, receiver: false }).await?).await
    }

    async fn of(stack: Stack) -> anyhow::Result<Self> {
        let ledger = Ledger::of(stack.connection()).await?;
        Ok(Self { stack, ledger })
    }

    fn url(&self, client: &str) -> &str {
        self.stack
            .clients()
            .iter()
            .find(|address| address.name == client)
            .map_or("", |address| &address.queue_url)
    }

    fn target(&self) -> Target {
        self.stack.connection().target(ACCOUNT)
    }

    fn sqs(&self) -> aws_sdk_sqs::Client {
        self.stack.connection().sqs(ACCOUNT)
    }

    pub(crate) fn follower<'e>(&self, client: &str, expected: &'e ExpectedEvents) -> Follower<'e> {
        Follower::new(self.target(), self.url(client).to_owned(), expected)
    }

    pub(crate) async fn write(
        &self,
        events: &[impl Borrow<Event>],
        range: Range<usize>,
    ) -> anyhow::Result<()> {
        let target = self.stack.connection().target(ACCOUNT);
        assert_eq!(write::write_range(&target, events, range, &|_| ()).await?, []);
        Ok(())
    }

    /// Puts events into the event table, in all these transactions at the same time. The stream shows those of a
    /// transaction in its order.
    pub(crate) async fn put<'e>(
        &self,
        transactions: impl IntoIterator<Item = Vec<&'e Event>>,
    ) -> anyhow::Result<()> {
        let put = async |events: Vec<&Event>| {
            let mut call = self.stack.connection().dynamodb().transact_write_items();
            for event in events {
                let put = Put::builder().table_name(EVENTS).set_item(Some(item_of(&event.item)));
                call = call.transact_items(TransactWriteItem::builder().put(put.build()?).build());
            }
            anyhow::Ok(call.send().await?)
        };
        try_join_all(transactions.into_iter().map(put)).await?;
        Ok(())
    }

    /// Deletes the marks of these events, with all of the events, as the companion API does.
    pub(crate) async fn erase(&self, events: &[impl Borrow<Event>]) -> anyhow::Result<()> {
        let delete = |table: &str, key: HashMap<String, AttributeValue>| {
            let delete = Delete::builder().table_name(table).set_key(Some(key)).build()?;
            anyhow::Ok(TransactWriteItem::builder().delete(delete).build())
        };
        let key = |event: &Event, names: &[&str]| {
            let mut key = item_of(&event.item);
            key.retain(|name, _| names.contains(&name.as_str()));
            key
        };
        let events: Vec<&Event> = events.iter().map(Borrow::borrow).collect();
        for first in events.iter().filter(|event| version(event) == 1) {
            let mut items = Vec::new();
            for event in events.iter().filter(|event| event.mark == first.mark) {
                items.push(delete(EVENTS, key(event, &["mark", "createTime"]))?);
            }
            let call = self.stack.connection().dynamodb().transact_write_items();
            call.set_transact_items(Some(items)).send().await?;
        }
        Ok(())
    }

    /// Takes some of what is in a client's queue.
    pub(crate) async fn take(&self, client: &str) -> anyhow::Result<Vec<sqs::ReceivedMessage>> {
        let (target, url) = (self.target(), self.url(client));
        let messages = sqs::receive(&target, url, sqs::BATCH_LIMIT, Duration::ZERO, None).await?;
        let receipts: Vec<_> = messages.iter().map(|message| message.receipt_handle.clone()).collect();
        if !receipts.is_empty() {
            sqs::delete_all(&target, url, &receipts).await?;
        }
        Ok(messages)
    }

    /// How many messages are in a client's queue.
    pub(crate) async fn depth(&self, client: &str) -> anyhow::Result<usize> {
        Ok(usize::try_from(sqs::depth(&self.target(), self.url(client)).await?.total())?)
    }

    /// Waits until the fan-out has recorded all that it received.
    pub(crate) async fn until_fan_out_is_idle(&self) -> anyhow::Result<()> {
        let (target, url) = (self.target(), self.stack.own_queue_url(OwnQueue::FanOut));
        until("the fan-out queue is empty", async || Ok(sqs::depth(&target, &url).await?.is_empty())).await
    }

    /// Deletes a client's queue, with what is in it.
    pub(crate) async fn delete_queue(&self, client: &str) -> anyhow::Result<QueueAttributes> {
        let url = self.url(client);
        let call = self.sqs().get_queue_attributes().queue_url(url);
        let found = call.attribute_names(QueueAttributeName::All).send().await?.attributes;
        self.sqs().delete_queue().queue_url(url).send().await?;
        Ok(found.unwrap_or_default())
    }

    /// Makes a client's queue as it was.
    pub(crate) async fn make_queue(
        &self,
        client: &str,
        mut attributes: QueueAttributes,
    ) -> anyhow::Result<()> {
        let is_set = |name: &QueueAttributeName| {
            !name.as_str().starts_with("Approximate")
                && !["QueueArn", "CreatedTimestamp", "LastModifiedTimestamp"].contains(&name.as_str())
        };
        attributes.retain(|name, _| is_set(name));
        let name = self.url(client).rsplit('/').next().unwrap_or_default();
        self.sqs().create_queue().queue_name(name).set_attributes(Some(attributes)).send().await?;
        Ok(())
    }

    /// Takes what is in a client's queue, all of which must be of the replay `id`.
    pub(crate) async fn replayed<'e>(
        &self,
        client: &str,
        expected: &'e ExpectedEvents,
        id: &str,
    ) -> anyhow::Result<Check<'e>> {
        let (mut check, target, url) = (Check::new(expected), self.target(), self.url(client));
        loop {
            let messages = sqs::receive(&target, url, sqs::BATCH_LIMIT, Duration::ZERO, None).await?;
            if messages.is_empty() {
                return Ok(check);
            }
            for message in messages {
                let replay = message.attributes.iter().find(|attribute| attribute.name == "replay");
                assert_eq!(replay.map(|replay| &replay.value), Some(&Text(id.to_owned())));
                check.take(&follow::read(&message));
                sqs::delete(&target, url, &message.receipt_handle).await?;
            }
        }
    }

    /// How many messages the fan-out has returned so far, as MiniStack's log says.
    pub(crate) fn returned(&self) -> anyhow::Result<usize> {
        let log = fs::read_to_string(self.stack.log())?;
        let counts = log.lines().filter_map(|line| {
            let (_, count) = line.split_once("MarkFanOutQueue.fifo (")?;
            count.strip_suffix(" partial failures)")?.parse::<usize>().ok()
        });
        Ok(counts.sum())
    }
}

/// Asserts that every event has come to `follower`, in order, once and unchanged, but for `not_expected` (by number).
pub(crate) async fn complete(
    follower: &mut Follower<'_>,
    not_expected: &HashSet<usize>,
) -> anyhow::Result<()> {
    let (_sender, not_written) = watch::channel(Some(not_expected.clone()));
    follower.until_complete(&not_written, PATIENCE, &|_| ()).await?;
    // An event that comes twice would be there now.
    follower.drain().await?;
    let verdict = follower.verdict(not_expected);
    assert!(verdict.is_good(), "{verdict:?}");
    Ok(())
}

/// The numbers of the events that `is_meant`.
pub(crate) fn those(expected: &ExpectedEvents, is_meant: impl Fn(&Event) -> bool) -> HashSet<usize> {
    let events = expected.events().into_iter().enumerate();
    events.filter(|(_, event)| is_meant(event)).map(|(index, _)| index).collect()
}

/// The numbers of the events of these rounds, in each of which all `marks` have their next event.
pub(crate) fn rounds(
    expected: &ExpectedEvents,
    marks: usize,
    is_meant: impl Fn(usize) -> bool,
) -> HashSet<usize> {
    (0..expected.events().len()).filter(|index| is_meant(index / marks)).collect()
}

pub(crate) fn version(event: &Event) -> u64 {
    event.version.as_str().parse().unwrap_or_default()
}
