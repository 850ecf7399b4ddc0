//! What was rejected or undelivered, looked at and sent again through `fanoutctl`.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

mod support;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName};
use local::event::Event;
use local::marks;
use local::ministack::{ACCOUNT, REGION};
use local::stack::Stack;
use local::tables::EVENTS;
use local::workspace;
use rustix::process::{Pid, Signal};
use serde_json::Value;
use shared::place::OwnQueue;
use support::{START, stack};

/// Longer than a returned message and a cold start take here.
const PATIENCE: Duration = Duration::from_secs(60);

type Item = HashMap<String, AttributeValue>;

/// An operator at a deployed stack.
struct Operator {
    stack: Stack,
    fanoutctl: PathBuf,
}

impl Operator {
    async fn new() -> anyhow::Result<Self> {
        Ok(Self { stack: stack("letters").await?, fanoutctl: harness::fanoutctl()? })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.fanoutctl);
        command
            .current_dir(workspace::root())
            .env_clear()
            .env("AWS_ENDPOINT_URL", self.stack.connection().endpoint())
            .envs([("AWS_REGION", REGION), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
            .arg("dead-letters")
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command that ends with this status.
    fn run(&self, arguments: &[&str], status: i32) -> (String, String) {
        let output: Output = self.command(arguments).output().unwrap();
        let [said, errors] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}{errors}");
        (said, errors)
    }

    fn json(&self, arguments: &[&str], status: i32) -> Value {
        let (said, _) = self.run(&[arguments, &["--json"]].concat(), status);
        serde_json::from_str(&said).unwrap()
    }

    fn letters(&self) -> Vec<Value> {
        self.json(&["list"], 0)["letters"].as_array().unwrap().clone()
    }

    /// The letters, as soon as there are any.
    fn first_letters(&self) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let letters = self.letters();
            if !letters.is_empty() {
                return letters;
            }
            assert!(start.elapsed() < PATIENCE, "no letter");
        }
    }

    async fn put(&self, item: Item) -> anyhow::Result<()> {
        let call = self.stack.connection().dynamodb().put_item().table_name(EVENTS);
        call.set_item(Some(item)).send().await?;
        Ok(())
    }

    /// Takes the next `count` messages out of a client's queue.
    async fn take(&self, client: &str, count: usize) -> anyhow::Result<Vec<Message>> {
        let address = self.stack.clients().iter().find(|address| address.name == client).unwrap();
        let sqs = self.stack.connection().sqs(ACCOUNT);
        let (mut taken, start) = (Vec::new(), Instant::now());
        while taken.len() < count {
            assert!(start.elapsed() < PATIENCE, "client {client} has {} of {count}", taken.len());
            let call = sqs.receive_message().queue_url(&address.queue_url).wait_time_seconds(1);
            let call = call.message_attribute_names("All").max_number_of_messages(10);
            let answer = call.message_system_attribute_names(MessageSystemAttributeName::All).send().await?;
            for message in answer.messages.unwrap_or_default() {
                let receipt = message.receipt_handle.clone().unwrap();
                sqs.delete_message().queue_url(&address.queue_url).receipt_handle(receipt).send().await?;
                taken.push(message);
            }
        }
        Ok(taken)
    }

    /// How many messages of a queue can be seen, and how many are in flight.
    async fn depth(&self, url: &str) -> anyhow::Result<[String; 2]> {
        let call = self.stack.connection().sqs(ACCOUNT).get_queue_attributes().queue_url(url);
        let attributes = call.attribute_names("All".into()).send().await?.attributes.unwrap_or_default();
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        Ok(names.map(|name| attributes.get(&name.into()).cloned().unwrap_or_default()))
    }

    /// Interrupts `list` while it holds letters of this queue; how it ended.
    async fn interrupt_list(&self, url: &str) -> anyhow::Result<Option<i32>> {
        let mut list = self.command(&["list"]).stdout(Stdio::null()).spawn()?;
        while self.depth(url).await?[1] == "0" {
            if let Some(status) = list.try_wait()? {
                return Ok(status.code());
            }
        }
        let id = Pid::from_child(&list);
        rustix::process::kill_process(id, Signal::INT)?;
        Ok(list.wait()?.code())
    }

    /// Puts `message` into the undelivered queue, as the fan-out does.
    async fn leave_undelivered(&self, client: &str, message: &Message, number: u32) -> anyhow::Result<()> {
        let system = message.attributes.as_ref().unwrap();
        let text = |text: &str| {
            MessageAttributeValue::builder().data_type("String").string_value(text).build().unwrap()
        };
        let call = self.stack.connection().sqs(ACCOUNT).send_message();
        call.queue_url(self.stack.own_queue_url(OwnQueue::Undelivered))
            .message_body(message.body().unwrap())
            .message_group_id(&system[&MessageSystemAttributeName::MessageGroupId])
            .message_deduplication_id(format!("undelivered-{number}"))
            .set_message_attributes(message.message_attributes.clone())
            .message_attributes("client", text(client))
            .message_attributes("reason", text("the queue does not exist (`QueueDoesNotExist`)"))
            .send()
            .await?;
        Ok(())
    }
}

fn item(event: &Event) -> Item {
    event.item.to_attribute().as_m().unwrap().clone()
}

fn attribute<'m>(message: &'m Message, name: &str) -> Option<&'m str> {
    message.message_attributes()?.get(name)?.string_value()
}

const CLIENTS: [&str; 3] = ["Billing", "Insurance", "Enforcement"];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_repaired_is_sent_again() -> anyhow::Result<()> {
    let operator = Operator::new().await?;
    let (said, _) = operator.run(&["list"], 0);
    assert_eq!(said, "no letters: nothing is rejected, undelivered or in the dead-letter queue\n");

    // A life whose second event lacks its id.
    let events = marks::histories(1, 3, START);
    let mut poison = item(&events[1]);
    poison.remove("eventId");
    for item in [item(&events[0]), poison, item(&events[2])] {
        operator.put(item).await?;
    }
    let letters = operator.first_letters();
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!((&letter["queue"], &letter["version"]), (&"rejected".into(), &2.into()), "{letter}");
    assert!(letter["reason"].as_str().unwrap().contains("lacks `eventId`"), "{letter}");
    assert_eq!(operator.letters(), letters, "looking takes nothing away");
    let mut messages = HashMap::new();
    for client in CLIENTS {
        let taken = operator.take(client, 2).await?;
        assert_eq!(
            taken.iter().map(|message| attribute(message, "version")).collect::<Vec<_>>(),
            [Some("1"), Some("3")]
        );
        messages.insert(client, taken);
    }

    let id = letter["id"].as_str().unwrap();
    let beginning = id.get(..8).unwrap();
    let (shown, _) = operator.run(&["show", beginning], 0);
    let price = r#""price": {"#;
    assert!(shown.contains(id) && shown.contains(price), "{shown}");

    // Nobody is there to ask, but everything is told; and nothing is held back by it.
    let (_, told) = operator.run(&["retry", beginning], 2);
    assert!(told.contains("1 newer event of its group is already out"), "{told}");
    assert!(told.contains("`--yes`"), "{told}");

    // Before it is repaired.
    let report = operator.json(&["retry", beginning, "--yes"], 6);
    let entry = &report["letters"][0];
    assert_eq!((&entry["outcome"], &entry["newer_events"]), (&"stays".into(), &1.into()), "{entry}");
    assert!(entry["reason"].as_str().unwrap().contains("lacks `eventId`"), "{entry}");
    assert_eq!(operator.letters(), letters);

    operator.put(item(&events[1])).await?;
    let (said, _) = operator.run(&["retry", beginning, "--yes"], 0);
    assert_eq!(said, format!("{id}: sent again\n1 of 1 sent again\n"));
    assert_eq!(operator.letters(), Vec::<Value>::new());
    for client in CLIENTS {
        let message = &operator.take(client, 1).await?[0];
        assert_eq!(attribute(message, "replay"), Some(id), "client {client}");
        assert_eq!(attribute(message, "version"), Some("2"), "client {client}");
        assert_eq!(attribute(message, "eventId"), Some(events[1].id.as_str()), "client {client}");
    }

    // What one client could not take goes to that client only; what nobody is there for stays.
    let first = &messages["Insurance"][0];
    operator.leave_undelivered("Insurance", first, 1).await?;
    operator.leave_undelivered("Gone", &messages["Insurance"][1], 2).await?;
    let report = operator.json(&["retry", "--all", "--yes"], 6);
    assert_eq!((&report["sent"], &report["stay"]), (&1.into(), &1.into()), "{report}");
    let stays = &report["letters"][1];
    assert_eq!((&stays["client"], &stays["outcome"]), (&"Gone".into(), &"stays".into()), "{stays}");
    assert!(stays["reason"].as_str().unwrap().contains("no client `Gone`"), "{stays}");
    let message = &operator.take("Insurance", 1).await?[0];
    assert_eq!(message.body(), first.body());
    assert_eq!(attribute(message, "replay"), report["letters"][0]["id"].as_str());
    for name in ["client", "reason"] {
        assert_eq!(attribute(message, name), None, "`{name}` is the undelivered queue's");
    }
    for client in CLIENTS {
        let address = operator.stack.clients().iter().find(|address| address.name == client).unwrap();
        assert_eq!(operator.depth(&address.queue_url).await?, ["0", "0"], "client {client} got more");
    }
    let left = operator.letters();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["id"], stays["id"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_table_lost_is_sent_from_its_letter() -> anyhow::Result<()> {
    let operator = Operator::new().await?;
    let events = marks::histories(1, 2, START);
    let mut poison = item(&events[0]);
    poison.remove("eventId");
    operator.put(poison.clone()).await?;
    let id = operator.first_letters()[0]["id"].as_str().unwrap().to_owned();
    let keys = ["mark", "createTime"].map(|name| (name.to_owned(), poison[name].clone()));
    let call = operator.stack.connection().dynamodb().delete_item().table_name(EVENTS);
    call.set_key(Some(HashMap::from(keys))).send().await?;

    // The letter's copy is as bad as the item was, and the letter stays.
    let (_, told) = operator.run(&["retry", &id, "--yes"], 6);
    assert!(told.contains("as its letter has it, because it is in the event table no longer"), "{told}");
    assert_eq!(operator.letters().len(), 1);

    // An id that no letter has, and no id at all.
    let (_, errors) = operator.run(&["retry", "nothing-like-it", "--yes"], 6);
    assert!(errors.contains("`nothing-like-it`"), "{errors}");
    operator.run(&["retry"], 2);
    operator.run(&["show", "nothing-like-it"], 6);

    // Interrupted while it holds the letter: everybody can see it at once.
    let rejected = operator.stack.own_queue_url(OwnQueue::Rejected);
    let start = Instant::now();
    while operator.interrupt_list(&rejected).await? != Some(130) {
        assert!(start.elapsed() < PATIENCE, "no look was interrupted in time");
    }
    assert_eq!(operator.depth(&rejected).await?, ["1", "0"]);
    Ok(())
}
