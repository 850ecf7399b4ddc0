//! Rejected events, looked at and sent again through `fanoutctl`.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use local::event::Event;
use local::marks;
use local::ministack::ACCOUNT;
use local::stack::Ground;
use local::tables::EVENTS;
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use crate::support::{SOURCE, START, SdkClients as _, fanoutctl, ground, item_of, printed};

/// Longer than a returned message and a cold start take here, and the catch-up's next call.
const PATIENCE: Duration = Duration::from_secs(120);

type Item = HashMap<String, AttributeValue>;

/// An operator at a stack that the tool deployed.
struct Operator {
    ground: Ground,
    config: PathBuf,
}

impl Operator {
    async fn new(name: &str) -> anyhow::Result<Self> {
        let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
        let clients = CLIENTS.map(|name| format!("[[client]]\nname = \"{name}\"\n"));
        fs::write(&config, format!("{SOURCE}{}", clients.concat()))?;
        let operator = Self { ground: ground(name).await?, config };
        let arguments =
            ["deploy", "--yes", "--stream-arn", operator.ground.stream_arn(), "--function-timeout", "2"];
        let deployed = fanoutctl(&operator.ground, &operator.config, &arguments)?.output()?;
        assert!(deployed.status.success(), "{}", String::from_utf8_lossy(&deployed.stderr));
        Ok(operator)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        fanoutctl(&self.ground, &self.config, &[&["rejected"], arguments].concat()).unwrap()
    }

    /// The URL of a queue of the stack, called `MarkFanOut…`.
    fn url(&self, queue: &str) -> String {
        self.ground.connection().queue_url(ACCOUNT, &format!("MarkFanOut{queue}.fifo"))
    }

    /// Runs a command that ends with this status.
    fn run(&self, arguments: &[&str], status: i32) -> (String, String) {
        let arguments = [&["rejected"], arguments].concat();
        let output = printed(&self.ground, &self.config, &arguments).unwrap();
        let [said, errors] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}{errors}");
        (said, errors)
    }

    fn json(&self, arguments: &[&str], status: i32) -> Value {
        let (said, _) = self.run(&[arguments, &["--json"]].concat(), status);
        serde_json::from_str(&said).unwrap()
    }

    fn rejections(&self) -> Vec<Value> {
        self.json(&["list"], 0)["rejections"].as_array().unwrap().clone()
    }

    /// The rejections, as soon as there are so many.
    fn first_rejections(&self, count: usize) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let rejections = self.rejections();
            if rejections.len() >= count {
                return rejections;
            }
            assert!(start.elapsed() < PATIENCE, "{} rejections of {count}", rejections.len());
        }
    }

    async fn put(&self, item: Item) -> anyhow::Result<()> {
        let call = self.ground.connection().dynamodb().put_item().table_name(EVENTS);
        call.set_item(Some(item)).send().await?;
        Ok(())
    }

    /// Takes an event out of the event table.
    async fn erase(&self, item: &Item) -> anyhow::Result<()> {
        let keys = ["mark", "createTime"].map(|name| (name.to_owned(), item[name].clone()));
        let call = self.ground.connection().dynamodb().delete_item().table_name(EVENTS);
        call.set_key(Some(HashMap::from(keys))).send().await?;
        Ok(())
    }

    /// Has a client caught up until there is a message for it, without waiting for the schedule.
    async fn catch_up(&self, client: &str) -> anyhow::Result<()> {
        let (url, start) = (self.url(&format!("Client{client}")), Instant::now());
        while self.depth(&url).await? == ["0", "0"] {
            assert!(start.elapsed() < PATIENCE, "client {client} got nothing");
            let output = fanoutctl(&self.ground, &self.config, &["catch-up", client])?.output()?;
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// Asserts that no client has a message that was not taken.
    async fn assert_no_more(&self) -> anyhow::Result<()> {
        for client in CLIENTS {
            let depth = self.depth(&self.url(&format!("Client{client}"))).await?;
            assert_eq!(depth, ["0", "0"], "client {client} got more");
        }
        Ok(())
    }

    /// Takes the next `count` messages out of a client's queue.
    async fn take(&self, client: &str, count: usize) -> anyhow::Result<Vec<Message>> {
        let (sqs, url) = (self.ground.connection().sqs(ACCOUNT), self.url(&format!("Client{client}")));
        let (mut taken, start) = (Vec::new(), Instant::now());
        while taken.len() < count {
            assert!(start.elapsed() < PATIENCE, "client {client} has {} of {count}", taken.len());
            let call = sqs.receive_message().queue_url(&url).wait_time_seconds(1);
            let call = call.message_attribute_names("All").max_number_of_messages(10);
            let answer = call.message_system_attribute_names(MessageSystemAttributeName::All).send().await?;
            for message in answer.messages.unwrap_or_default() {
                let receipt = message.receipt_handle.clone().unwrap();
                sqs.delete_message().queue_url(&url).receipt_handle(receipt).send().await?;
                taken.push(message);
            }
        }
        Ok(taken)
    }

    /// How many messages of a queue can be seen, and how many are in flight.
    async fn depth(&self, url: &str) -> anyhow::Result<[String; 2]> {
        let call = self.ground.connection().sqs(ACCOUNT).get_queue_attributes().queue_url(url);
        let attributes = call.attribute_names("All".into()).send().await?.attributes.unwrap_or_default();
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        Ok(names.map(|name| attributes.get(&name.into()).cloned().unwrap_or_default()))
    }

    /// Interrupts `list` while it holds messages of this queue. Its exit status.
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

    /// Puts a message into the rejected queue, as every principal can that may send to it.
    async fn leave(&self, number: usize, body: &Value) -> anyhow::Result<()> {
        let call = self.ground.connection().sqs(ACCOUNT).send_message().queue_url(self.url("Rejected"));
        let call = call.message_body(body.to_string()).message_group_id("FORGED");
        call.message_deduplication_id(format!("left-{number}")).send().await?;
        Ok(())
    }
}

fn item(event: &Event) -> Item {
    item_of(&event.item)
}

/// The keys of an event's item, in DynamoDB's JSON.
fn keys(event: &Event) -> Value {
    let item = item(event);
    let key = |name: &str| json!({ "S": item[name].as_s().unwrap() });
    json!({ "mark": key("mark"), "createTime": key("createTime") })
}

fn attribute<'m>(message: &'m Message, name: &str) -> Option<&'m str> {
    message.message_attributes()?.get(name)?.string_value()
}

fn versions(messages: &[Message]) -> Vec<&str> {
    messages.iter().filter_map(|message| attribute(message, "version")).collect()
}

const CLIENTS: [&str; 3] = ["Billing", "Insurance", "Enforcement"];

/// The clients went on without the repaired event, so it comes to all of them with the events that followed, in order.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_repaired_is_repeated_from_there_on() -> anyhow::Result<()> {
    let operator = Operator::new("rejected-repaired").await?;
    let (said, _) = operator.run(&["list"], 0);
    assert_eq!(said, "nothing is rejected\n");

    // An incarnation whose second event lacks its id.
    let events = marks::histories(1, 3, START);
    let mut poison = item(&events[1]);
    poison.remove("eventId");
    for item in [item(&events[0]), poison, item(&events[2])] {
        operator.put(item).await?;
    }
    for client in CLIENTS {
        assert_eq!(versions(&operator.take(client, 2).await?), ["1", "3"], "client {client}");
    }
    // One is the converter's; the fan-out read the item, too, and sent one of its own.
    let rejections = operator.first_rejections(2);
    for rejection in &rejections {
        assert!(rejection["reason"].as_str().unwrap().contains("lacks `eventId`"), "{rejection}");
    }
    assert_eq!(operator.rejections(), rejections, "looking takes nothing away");

    let id = rejections[0]["id"].as_str().unwrap();
    let beginning = id.get(..8).unwrap();
    let (shown, _) = operator.run(&["show", beginning], 0);
    let price = r#""price": {"#;
    assert!(shown.contains(id) && shown.contains(price), "{shown}");

    // Before it is repaired, nothing is asked: the converter would not send it.
    let (said, announced) = operator.run(&["resend", beginning], 6);
    assert!(announced.contains("can't be sent again: the event lacks `eventId`"), "{announced}");
    assert!(said.ends_with("0 of 1 sent again\n"), "{said}");
    let report = operator.json(&["resend", beginning, "--yes"], 6);
    let entry = &report["rejections"][0];
    assert_eq!(entry["outcome"], "stays", "{entry}");
    assert!(entry["reason"].as_str().unwrap().contains("lacks `eventId`"), "{entry}");
    assert_eq!(operator.rejections(), rejections);
    operator.assert_no_more().await?;

    operator.put(item(&events[1])).await?;
    // There is no terminal to ask at, but the question is printed; and the rejection can be received at once.
    let (_, asked) = operator.run(&["resend", beginning], 2);
    assert!(asked.contains("the event table has 1 newer event of it, and a client that has"), "{asked}");
    assert!(asked.contains("`--yes`"), "{asked}");
    let (said, _) = operator.run(&["resend", beginning, "--dry-run"], 0);
    assert_eq!(said, format!("{id}: would be sent again\n0 of 1 sent again\n"));
    let (said, _) = operator.run(&["resend", beginning, "--yes"], 0);
    assert!(said.starts_with(&format!("{id}: sent again\n1 of 1 sent again\nthe clients get it")), "{said}");
    assert_eq!(operator.rejections(), rejections[1..]);
    for client in CLIENTS {
        operator.catch_up(client).await?;
        let messages = operator.take(client, 2).await?;
        assert_eq!(versions(&messages), ["2", "3"], "client {client}");
        assert_eq!(attribute(&messages[0], "eventId"), Some(events[1].id.as_str()), "client {client}");
        for message in &messages {
            assert!(attribute(message, "replay").is_some(), "client {client}: {message:?}");
        }
    }
    operator.assert_no_more().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_event_table_does_not_have_reaches_no_client() -> anyhow::Result<()> {
    let operator = Operator::new("rejected-forged").await?;
    let events = marks::histories(2, 1, START);
    operator.put(item(&events[0])).await?;
    for client in CLIENTS {
        operator.take(client, 1).await?;
    }
    let stream = operator.ground.stream_arn().replace("/stream/", "s/stream/");
    let image = json!({ "mark": { "S": "FORGED" }, "createTime": { "S": "t" }, "eventId": { "S": "e" } });
    let forgeries = [
        json!("no rejection"),
        json!({ "reason": "r", "image": image }),
        json!({ "reason": "r", "image": image, "keys": { "mark": { "S": "FORGED" }, "createTime": { "S": "t" } } }),
        json!({ "reason": "r", "image": image, "keys": { "mark": { "N": "17" }, "createTime": { "S": "t" } } }),
        json!({ "reason": "r", "image": image, "keys": { "mark": "FORGED" } }),
        json!({ "reason": "r", "keys": keys(&events[0]), "stream": stream }),
    ];
    for (number, forgery) in forgeries.iter().enumerate() {
        operator.leave(number, forgery).await?;
    }
    let report = operator.json(&["resend", "--all", "--yes"], 6);
    assert_eq!((&report["sent"], &report["stay"]), (&0.into(), &6.into()), "{report}");
    for (rejection, reason) in report["rejections"].as_array().unwrap().iter().zip([
        "not a rejection of the functions",
        "the rejection names no item",
        "the event table no longer has its event",
        "the event table ",
        "the rejection's keys are not those of an item",
        "the rejection is about stream",
    ]) {
        assert!(rejection["reason"].as_str().unwrap().starts_with(reason), "{rejection}");
    }
    operator.assert_no_more().await?;
    assert_eq!(operator.rejections().len(), 6);

    // A genuine event is sent as the table has it, not as the rejection has it.
    operator.leave(6, &json!({ "reason": "r", "image": image, "keys": keys(&events[0]) })).await?;
    let report = operator.json(&["resend", "--all", "--yes"], 6);
    assert_eq!((&report["sent"], &report["stay"]), (&1.into(), &6.into()), "{report}");
    for client in CLIENTS {
        operator.catch_up(client).await?;
        let message = &operator.take(client, 1).await?[0];
        assert_eq!(attribute(message, "eventId"), Some(events[0].id.as_str()), "client {client}");
        assert!(!message.body().unwrap().contains("FORGED"), "client {client}");
    }
    operator.assert_no_more().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_event_table_lost_stays_rejected() -> anyhow::Result<()> {
    let operator = Operator::new("rejected-lost").await?;
    // An event lacked its id, and its item was erased.
    let mut poison = item(&marks::histories(1, 1, START)[0]);
    poison.remove("eventId");
    operator.put(poison.clone()).await?;
    let id = operator.first_rejections(1)[0]["id"].as_str().unwrap().to_owned();
    operator.erase(&poison).await?;
    let (said, errors) = operator.run(&["resend", &id, "--yes"], 6);
    assert!(errors.contains("can't be sent again: the event table no longer has its event"), "{errors}");
    assert!(said.contains(&format!("{id}: stays: the event table no longer has its event")), "{said}");
    operator.assert_no_more().await?;
    assert_eq!(operator.rejections().len(), 1);

    // An id that no rejection has, and no id at all.
    let (_, errors) = operator.run(&["resend", "nothing-like-it", "--yes"], 6);
    assert!(errors.contains("`nothing-like-it`"), "{errors}");
    operator.run(&["resend"], 2);
    operator.run(&["show", "nothing-like-it"], 6);

    // Interrupted while it holds the rejection: the rejection can be received at once.
    let rejected = operator.url("Rejected");
    let start = Instant::now();
    while operator.interrupt_list(&rejected).await? != Some(130) {
        assert!(start.elapsed() < PATIENCE, "no `list` was interrupted in time");
    }
    assert_eq!(operator.depth(&rejected).await?, ["1", "0"]);
    Ok(())
}
