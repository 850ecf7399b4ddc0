//! What was rejected or undelivered, looked at and sent again through `fanoutctl`.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

mod support;

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName};
use local::event::Event;
use local::marks;
use local::ministack::ACCOUNT;
use local::stack::Ground;
use local::tables::EVENTS;
use rustix::process::{Pid, Signal};
use serde_json::Value;
use support::{SOURCE, START, fanoutctl, ground, without_version};

/// Longer than a returned message and a cold start take here, and the catch-up's next call.
const PATIENCE: Duration = Duration::from_secs(120);

/// When the events begin. No time is without a fraction: what is newer is told by the sort key here, and `:00Z` sorts
/// after `:00.25Z`.
const BEGIN: i64 = START + 1;

type Item = HashMap<String, AttributeValue>;

/// An operator at a stack that the tool deployed.
struct Operator {
    ground: Ground,
    config: PathBuf,
}

impl Operator {
    /// Without the ledger: with it, nothing is undelivered or dead.
    async fn new(name: &str) -> anyhow::Result<Self> {
        Self::with(name, &without_version(SOURCE)).await
    }

    async fn with(name: &str, source: &str) -> anyhow::Result<Self> {
        let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
        let clients = CLIENTS.map(|name| format!("[[client]]\nname = \"{name}\"\n"));
        fs::write(&config, format!("{source}{}", clients.concat()))?;
        let operator = Self { ground: ground(name).await?, config };
        let arguments =
            ["deploy", "--yes", "--stream-arn", operator.ground.stream_arn(), "--function-timeout", "2"];
        let deployed = fanoutctl(&operator.ground, &operator.config, &arguments)?.output()?;
        assert!(deployed.status.success(), "{}", String::from_utf8_lossy(&deployed.stderr));
        Ok(operator)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        fanoutctl(&self.ground, &self.config, &[&["dead-letters"], arguments].concat()).unwrap()
    }

    /// The URL of a queue of the stack, called `MarkFanOut…`.
    fn url(&self, queue: &str) -> String {
        self.ground.connection().queue_url(ACCOUNT, &format!("MarkFanOut{queue}.fifo"))
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

    /// The letters, as soon as there are so many.
    fn first_letters(&self, count: usize) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let letters = self.letters();
            if letters.len() >= count {
                return letters;
            }
            assert!(start.elapsed() < PATIENCE, "{} letters of {count}", letters.len());
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

    /// From now on a client's queue takes messages of so many bytes.
    async fn set_longest(&self, client: &str, bytes: usize) -> anyhow::Result<()> {
        let call = self.ground.connection().sqs(ACCOUNT).set_queue_attributes();
        let call = call.queue_url(self.url(&format!("Client{client}")));
        call.attributes(QueueAttributeName::MaximumMessageSize, bytes.to_string()).send().await?;
        Ok(())
    }

    /// Has a client caught up until there is a message for it, so as not to wait for the schedule.
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

    /// Puts `message` into a queue of letters, as whoever can write there does.
    async fn leave(&self, queue: &str, message: &Message, more: &[(&str, &str)]) -> anyhow::Result<()> {
        let system = message.attributes.as_ref().unwrap();
        let mut attributes = message.message_attributes.clone().unwrap_or_default();
        for (name, value) in more {
            let value = MessageAttributeValue::builder().data_type("String").string_value(*value);
            attributes.insert((*name).to_owned(), value.build()?);
        }
        let call = self.ground.connection().sqs(ACCOUNT).send_message();
        let call = call.queue_url(self.url(queue)).message_body(message.body().unwrap());
        let call = call.message_group_id(&system[&MessageSystemAttributeName::MessageGroupId]);
        let call = call.message_deduplication_id(format!("left-{}", LEFT.fetch_add(1, Ordering::Relaxed)));
        call.set_message_attributes(Some(attributes)).send().await?;
        Ok(())
    }
}

/// How many messages were left in queues of letters: their deduplication ids differ.
static LEFT: AtomicU32 = AtomicU32::new(0);

fn item(event: &Event) -> Item {
    event.item.to_attribute().as_m().unwrap().clone()
}

fn with_body(message: &Message, body: String) -> Message {
    let mut message = message.clone();
    message.body = Some(body);
    message
}

fn attribute<'m>(message: &'m Message, name: &str) -> Option<&'m str> {
    message.message_attributes()?.get(name)?.string_value()
}

const CLIENTS: [&str; 3] = ["Billing", "Insurance", "Enforcement"];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_repaired_is_sent_again() -> anyhow::Result<()> {
    let operator = Operator::new("letters-repaired").await?;
    let (said, _) = operator.run(&["list"], 0);
    assert_eq!(said, "no letters: nothing is rejected, undelivered or in the dead-letter queue\n");

    // A life whose second event lacks its id.
    let events = marks::histories(1, 3, BEGIN);
    let mut poison = item(&events[1]);
    poison.remove("eventId");
    for item in [item(&events[0]), poison, item(&events[2])] {
        operator.put(item).await?;
    }
    let letters = operator.first_letters(1);
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!(letter["queue"], "rejected", "{letter}");
    assert!(letter["reason"].as_str().unwrap().contains("lacks `eventId`"), "{letter}");
    assert_eq!(operator.letters(), letters, "looking takes nothing away");
    let mut messages = HashMap::new();
    for client in CLIENTS {
        let taken = operator.take(client, 2).await?;
        assert_eq!(
            taken.iter().map(|message| attribute(message, "eventId")).collect::<Vec<_>>(),
            [Some(events[0].id.as_str()), Some(events[2].id.as_str())]
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
    assert!(told.contains("the event table has 1 newer event of its group, and it arrives"), "{told}");
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
        assert_eq!(attribute(message, "eventId"), Some(events[1].id.as_str()), "client {client}");
    }

    // What one client could not take goes to that client only; what nobody is there for stays.
    let first = &messages["Insurance"][0];
    let gone = &messages["Insurance"][1];
    operator.leave("Undelivered", first, &[("client", "Insurance"), ("reason", "it did not answer")]).await?;
    operator.leave("Undelivered", gone, &[("client", "Gone"), ("reason", "it did not answer")]).await?;
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
    operator.assert_no_more().await?;
    let left = operator.letters();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["id"], stays["id"]);
    Ok(())
}

/// The others went on without it, so it comes to all of them with what followed, in order.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_ledger_what_is_repaired_is_repeated_from_there_on() -> anyhow::Result<()> {
    let operator = Operator::with("letters-ledger", SOURCE).await?;
    let events = marks::histories(1, 3, BEGIN);
    let mut poison = item(&events[1]);
    poison.remove("eventId");
    for item in [item(&events[0]), poison, item(&events[2])] {
        operator.put(item).await?;
    }
    let versions = |messages: &[Message]| -> Vec<String> {
        messages.iter().filter_map(|message| attribute(message, "version")).map(str::to_owned).collect()
    };
    for client in CLIENTS {
        assert_eq!(versions(&operator.take(client, 2).await?), ["1", "3"], "client {client}");
    }
    // One is the converter's; the fan-out came past the item, too, and has one of its own.
    let letters = operator.first_letters(2);
    for letter in &letters {
        assert_eq!(letter["queue"], "rejected", "{letter}");
        assert!(letter["reason"].as_str().unwrap().contains("lacks `eventId`"), "{letter}");
    }

    operator.put(item(&events[1])).await?;
    operator.run(&["retry", letters[0]["id"].as_str().unwrap(), "--yes"], 0);
    assert_eq!(operator.letters(), letters[1..]);
    for client in CLIENTS {
        operator.catch_up(client).await?;
        let messages = operator.take(client, 2).await?;
        assert_eq!(versions(&messages), ["2", "3"], "client {client}");
        for message in &messages {
            assert!(attribute(message, "replay").is_some(), "client {client}: {message:?}");
        }
    }
    operator.assert_no_more().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_fan_out_could_not_deliver_goes_to_that_client_only() -> anyhow::Result<()> {
    let operator = Operator::new("letters-undelivered").await?;
    operator.set_longest("Insurance", 1_024).await?;
    let events = marks::histories(1, 2, BEGIN);
    for event in &events {
        let mut long = item(event);
        long.insert("remarks".to_owned(), AttributeValue::S("x".repeat(2_000)));
        operator.put(long).await?;
    }
    let letters = operator.first_letters(2);
    for (letter, event) in letters.iter().zip(&events) {
        let stands = (&letter["queue"], &letter["client"], &letter["event_id"]);
        let expected = (&"undelivered".into(), &"Insurance".into(), &event.id.as_str().into());
        assert_eq!(stands, expected, "{letter}");
    }
    for client in ["Billing", "Enforcement"] {
        operator.take(client, 2).await?;
    }
    let [first, second] = [0, 1].map(|index| letters[index]["id"].as_str().unwrap());

    // The second would overtake the first.
    let (_, errors) = operator.run(&["retry", second, "--yes"], 6);
    assert!(errors.contains("nothing was sent") && errors.contains(first), "{errors}");
    // The queue still refuses both.
    let report = operator.json(&["retry", first, second, "--yes"], 6);
    assert_eq!((&report["sent"], &report["stay"]), (&0.into(), &2.into()), "{report}");
    operator.assert_no_more().await?;
    assert_eq!(operator.letters(), letters);

    operator.set_longest("Insurance", 1_048_576).await?;
    let (_, told) = operator.run(&["retry", first], 2);
    let newer = "the event table has 1 newer event of its group";
    assert!(told.contains("as its message and the event table have it"), "{told}");
    assert!(told.contains(newer), "{told}");
    for (id, event) in [first, second].into_iter().zip(&events) {
        let (said, _) = operator.run(&["retry", id, "--yes"], 0);
        assert_eq!(said, format!("{id}: sent again\n1 of 1 sent again\n"));
        let message = &operator.take("Insurance", 1).await?[0];
        assert_eq!(attribute(message, "replay"), Some(id));
        assert_eq!(attribute(message, "eventId"), Some(event.id.as_str()));
    }
    operator.assert_no_more().await?;
    assert_eq!(operator.letters(), Vec::<Value>::new());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_event_table_does_not_have_reaches_nobody() -> anyhow::Result<()> {
    let operator = Operator::new("letters-forged").await?;
    let events = marks::histories(1, 1, BEGIN);
    operator.put(item(&events[0])).await?;
    let mut genuine = None;
    for client in CLIENTS {
        genuine = operator.take(client, 1).await?.pop();
    }
    let genuine = genuine.unwrap();
    let body = genuine.body().unwrap();
    let forged = |from: &str, to: &str| {
        assert!(body.contains(from), "{body}");
        with_body(&genuine, body.replace(from, to))
    };
    let mark = format!("\"mark\":\"{}\"", events[0].mark);
    let forgeries = [
        forged("\"eventId\":", "\"forged\":true,\"eventId\":"),
        forged(&mark, "\"mark\":\"FORGED\""),
        forged(&mark, "\"mark\":17"),
        with_body(&genuine, "no event".to_owned()),
    ];
    for message in &forgeries {
        operator.leave("DeadLetter", message, &[]).await?;
    }
    operator.leave("DeadLetter", &genuine, &[("eventName", "forged")]).await?;
    operator.leave("Undelivered", &forgeries[0], &[("client", "Billing")]).await?;

    let report = operator.json(&["retry", "--all", "--yes"], 6);
    assert_eq!((&report["sent"], &report["stay"]), (&0.into(), &6.into()), "{report}");
    for (letter, reason) in report["letters"].as_array().unwrap().iter().zip([
        "the event table has its event with another body",
        "the event table has its event with another body",
        "the event table has its event no longer",
        "the event table ",
        "the event table can't be asked for its event",
        "the event table has its event with another `eventName`",
    ]) {
        assert!(letter["reason"].as_str().unwrap().starts_with(reason), "{letter}");
    }
    operator.assert_no_more().await?;
    assert_eq!(operator.letters().len(), 6);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_event_table_lost_is_sent_only_if_that_is_asked_for() -> anyhow::Result<()> {
    let operator = Operator::new("letters-lost").await?;
    let events = marks::histories(2, 1, BEGIN);
    // Of one event, a client did not get its message, and the item is gone since.
    let lost = item(&events[1]);
    operator.put(lost.clone()).await?;
    let mut taken = Vec::new();
    for client in CLIENTS {
        taken = operator.take(client, 1).await?;
    }
    operator
        .leave("Undelivered", &taken[0], &[("client", "Billing"), ("reason", "it did not answer")])
        .await?;
    operator.erase(&lost).await?;
    let (said, told) = operator.run(&["retry", "--all", "--yes"], 6);
    assert!(told.contains("can't be sent again: the event table has its event no longer"), "{told}");
    assert!(said.contains("`--from-letter`"), "{said}");
    operator.assert_no_more().await?;
    let (_, told) = operator.run(&["retry", "--all", "--yes", "--from-letter"], 0);
    assert!(told.contains("as its message has it, though the event table has its event no longer"), "{told}");
    assert_eq!(operator.take("Billing", 1).await?[0].body(), taken[0].body());
    operator.assert_no_more().await?;

    // Another one lacked its id, and is gone, too.
    let mut poison = item(&events[0]);
    poison.remove("eventId");
    operator.put(poison.clone()).await?;
    let id = operator.first_letters(1)[0]["id"].as_str().unwrap().to_owned();
    operator.erase(&poison).await?;
    let (said, _) = operator.run(&["retry", &id, "--yes"], 6);
    assert!(said.contains("the event table has its event no longer; `--from-letter`"), "{said}");
    // The letter's copy is as bad as the item was, and the letter stays.
    let (said, told) = operator.run(&["retry", &id, "--yes", "--from-letter"], 6);
    assert!(told.contains("as its letter has it, though the event table has its event no longer"), "{told}");
    assert!(said.contains("the converter rejects it again"), "{said}");
    assert_eq!(operator.letters().len(), 1);

    // An id that no letter has, and no id at all.
    let (_, errors) = operator.run(&["retry", "nothing-like-it", "--yes"], 6);
    assert!(errors.contains("`nothing-like-it`"), "{errors}");
    operator.run(&["retry"], 2);
    operator.run(&["show", "nothing-like-it"], 6);

    // Interrupted while it holds the letter: everybody can see it at once.
    let rejected = operator.url("Rejected");
    let start = Instant::now();
    while operator.interrupt_list(&rejected).await? != Some(130) {
        assert!(start.elapsed() < PATIENCE, "no look was interrupted in time");
    }
    assert_eq!(operator.depth(&rejected).await?, ["1", "0"]);
    Ok(())
}
