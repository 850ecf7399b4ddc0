//! Filters and views through the real template: each client gets what it wants of the events, in order, and its messages
//! name its own predecessors. Also when both are changed while events flow.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use aws::operator::{Target, sqs};
use local::event::Event;
use local::json::{Json, Map};
use local::marks::histories;
use local::ministack::ACCOUNT;
use local::stack::Ground;
use local::write;
use serde_json::json;
use shared::consumer::{ConsumerSettings, ConsumerState, ReceivedMessage, Start, Verdict, decide};
use shared::ids::{Group, Key};
use shared::message::AttributeValue;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::ledger::{Ledger, until, version};
use crate::support::{SOURCE, ground, start_deploy};

const MARKS: usize = 8;
/// So many rounds are written before the second deploy.
const BEFORE: usize = 10;
/// As a rule, more than are written.
const ROUNDS: usize = 200;
const CLIENTS: [&str; 5] = ["Archive", "Tolls", "Analytics", "Partners", "Parking"];

/// A mark's price with as many digits as DynamoDB has.
const WIDE: (&str, &str) = ("X1 ABC", "12345678901234567890.123456789012345678");

/// What of an event is personal data: a name of a member, and values.
const PERSONAL: [&str; 4] = ["entitlement", "Nominee ", "Old Mill", "AA9 9AA"];

const FIRST: &str = r#"
[cloudevents]
source = "urn:example:marks"

[[client]]
name = "Archive"

[[client]]
name = "Tolls"

[client.filter]
RegistrationNumber.price = [{ numeric = ["<", 800] }]

[client.filter."$message"]
eventName = ["LockedEvent", "UnlockedEvent"]

[[client]]
name = "Analytics"
omit = ["RegistrationNumber.entitlement"]

[[client]]
name = "Partners"
envelope = "cloudevents"

[[client]]
name = "Parking"

[client.filter."$message"]
eventName = ["LockedEvent", "UnlockedEvent"]
"#;

const SECOND: &str = r#"
[cloudevents]
source = "urn:example:registry"

[[client]]
name = "Archive"

[[client]]
name = "Tolls"

[client.filter."$message"]
eventName = ["UnlockedEvent", { prefix = "Nominee" }]

[[client]]
name = "Analytics"
fields = ["mark", "eventName", "RegistrationNumber.status", "RegistrationNumber.price"]

[[client]]
name = "Partners"
envelope = "cloudevents"

[[client]]
name = "Parking"

[client.filter]
"$or" = [
    { RegistrationNumber.status = ["LOCKED"] },
    { "$message" = { version = [{ numeric = [">", 20] }], eventName = ["UnlockedEvent"] } },
]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn each_client_gets_what_it_wants_of_each_event_and_can_tell_that_nothing_is_missing()
-> anyhow::Result<()> {
    let events = events()?;
    let registry = Registry::new("views").await?;
    let mut clients = CLIENTS.map(|name| Client::new(name, &registry, &events));
    registry.deploy(FIRST).await?;
    let ledger = Ledger::of(registry.ground.connection()).await?;

    // What the fan-out sends.
    registry.write(&events, 0..6).await?;
    for client in &mut clients {
        client.until_it_has(|client, event| round(event) < 6 && wants(client, FIRST, event)).await?;
    }
    registry.until_fan_out_is_idle().await?;

    // What catch-up sends: two clients are paused meanwhile.
    for client in ["Tolls", "Partners"] {
        ledger.request(&json!({ "request": "pause", "client": client })).await?;
    }
    registry.write(&events, 6..BEFORE).await?;
    clients[0].until_it_has(|_, event| round(event) < BEFORE).await?;
    registry.until_fan_out_is_idle().await?;
    // Of two marks the filter lets nothing through.
    assert_eq!(ledger.standing().await?.behind(), [("Tolls", MARKS - 2), ("Partners", MARKS)].into());
    for client in ["Tolls", "Partners"] {
        ledger.request(&json!({ "request": "resume", "client": client })).await?;
        ledger.up_to_date(client).await?;
    }
    for client in &mut clients {
        client.receive_all().await?;
        client.assert_chain(|client, event| round(event) < BEFORE && wants(client, FIRST, event));
        assert_nothing_is_missing(client, |_| false);
    }
    let wide: Vec<_> = clients[0].received.iter().filter(|message| message.event.mark == WIDE.0).collect();
    assert!(wide.len() == BEFORE && wide.iter().all(|message| message.body.contains(WIDE.1)));
    assert_loss_shows_and_is_repaired(&mut clients[1], &ledger).await?;

    // Filters and views are changed while events flow. One client is behind through all of it.
    ledger.request(&json!({ "request": "pause", "client": "Parking" })).await?;
    let first_after = registry.deploy_while_events_flow(SECOND, &mut clients[0], BEFORE).await?;
    assert!(first_after > BEFORE + 2, "hardly an event was written while the stack was updated");
    // One event of each name.
    let end = first_after + 4;
    registry.write(&events, first_after..end).await?;
    let wants_after = |client: &str, event: &Event| {
        let is_wanted_now = wants(client, SECOND, event);
        is_wanted_now && (wants(client, FIRST, event) || round(event) >= first_after)
    };
    clients[0].until_it_has(|_, event| round(event) < end).await?;
    registry.until_fan_out_is_idle().await?;
    assert_eq!(ledger.standing().await?.behind().get("Parking"), Some(&MARKS));
    ledger.request(&json!({ "request": "resume", "client": "Parking" })).await?;
    for client in &mut clients {
        ledger.up_to_date(client.name).await?;
        client.until_it_has(|client, event| round(event) < BEFORE && wants(client, FIRST, event)).await?;
        client
            .until_it_has(|client, event| (BEFORE..end).contains(&round(event)) && wants_after(client, event))
            .await?;
        client.receive_all().await?;
        assert_nothing_is_missing(client, |event| may_be_late(client.name, event, first_after));
    }

    let whole = clients[0].received.iter().map(|message| (&*message.event.id, &*message.body)).collect();
    for client in &clients {
        client.assert_one_file_says_so(first_after, &whole);
    }
    for message in &clients[2].received {
        let found = PERSONAL.iter().find(|text| message.body.contains(**text));
        assert_eq!(found, None, "{}", message.body);
    }
    Ok(())
}

/// Each message that the consumer of `client` loses shows at the next one of its mark; the replay that the rule asks for
/// brings it.
async fn assert_loss_shows_and_is_repaired(client: &mut Client<'_>, ledger: &Ledger) -> anyhow::Result<()> {
    for lost in 0..client.received.len() {
        let (before, after) = (&client.received[..lost], &client.received[lost + 1..]);
        let is_last = after.iter().all(|message| message.group != client.received[lost].group);
        let verdicts = read(&mut HashMap::new(), before.iter().chain(after));
        assert_eq!(verdicts.iter().any(Verdict::is_gap), !is_last, "without message {lost}");
    }

    let (mut states, key) = (HashMap::new(), client.received[0].event.mark.clone());
    let verdicts = read(&mut states, &client.received[1..]);
    let asked = verdicts.iter().find_map(|verdict| match verdict {
        Verdict::Ask(ConsumerState { asked: Some(asked), .. }) => Some(asked.from),
        _ => None,
    });
    let from = u64::try_from(asked.context("nothing is asked for")?)?;
    ledger.replay(client.name, &[&key], from, "lost").await?;
    ledger.up_to_date(client.name).await?;
    let received = client.received.len();
    client.receive_all().await?;
    let replayed = client.received.split_off(received);
    let of_mark = client.received.iter().filter(|message| message.event.mark == key);
    let ids = |message: &Message<'_>| (message.event.id.clone(), message.body.clone());
    assert_eq!(replayed.iter().map(ids).collect::<Vec<_>>(), of_mark.map(ids).collect::<Vec<_>>());
    assert!(replayed.iter().all(|message| message.attributes["replay"] == "lost"));
    let verdicts = read(&mut states, &replayed);
    assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Take { .. })), "{verdicts:?}");
    Ok(())
}

/// A stack with a config of the test's own, where marks are registered.
struct Registry {
    ground: Ground,
    config: PathBuf,
}

impl Registry {
    async fn new(name: &str) -> anyhow::Result<Self> {
        let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
        Ok(Self { ground: ground(name).await?, config })
    }

    fn target(&self) -> Target {
        self.ground.connection().target(ACCOUNT)
    }

    fn url(&self, queue: &str) -> String {
        self.ground.connection().queue_url(ACCOUNT, &format!("MarkFanOut{queue}.fifo"))
    }

    async fn deploy(&self, clients: &str) -> anyhow::Result<()> {
        let (mut deploy, mut lines) = self.start_deploy(clients)?;
        let mut said = String::new();
        while let Some(line) = lines.recv().await {
            said = said + &line + "\n";
        }
        assert!(deploy.wait()?.success(), "{said}");
        Ok(())
    }

    /// Deploys `clients`. Meanwhile one round after the other is written, from `first` on: each when `client` has the last
    /// but one. Returns the first round that is not written.
    async fn deploy_while_events_flow(
        &self,
        clients: &str,
        client: &mut Client<'_>,
        first: usize,
    ) -> anyhow::Result<usize> {
        let (mut deploy, mut lines) = self.start_deploy(clients)?;
        let (mut next, mut said) = (first, String::new());
        while next < ROUNDS - 4 && deploy.try_wait()?.is_none() {
            self.write(client.events, next..next + 1).await?;
            client.until_it_has(|_, event| round(event) < next).await?;
            next += 1;
        }
        while let Some(line) = lines.recv().await {
            said = said + &line + "\n";
        }
        assert!(deploy.wait()?.success(), "{said}");
        Ok(next)
    }

    fn start_deploy(&self, clients: &str) -> anyhow::Result<(Child, UnboundedReceiver<String>)> {
        fs::write(&self.config, format!("{SOURCE}{clients}"))?;
        start_deploy(&self.ground, &self.config)
    }

    /// In each round, every mark has its next event.
    async fn write(&self, events: &[Event], rounds: Range<usize>) -> anyhow::Result<()> {
        let range = rounds.start * MARKS..rounds.end * MARKS;
        assert_eq!(write::write_range(&self.target(), events, range, &|_| ()).await?, []);
        Ok(())
    }

    async fn until_fan_out_is_idle(&self) -> anyhow::Result<()> {
        let (target, url) = (self.target(), self.url("Queue"));
        until("the fan-out queue is empty", async || Ok(sqs::depth(&target, &url).await?.is_empty())).await
    }
}

/// A client's consumer, and what it has received.
struct Client<'e> {
    name: &'static str,
    target: Target,
    url: String,
    events: &'e [Event],
    received: Vec<Message<'e>>,
}

/// A message that a client received.
struct Message<'e> {
    event: &'e Event,
    group: String,
    attributes: BTreeMap<String, String>,
    body: String,
}

impl<'e> Client<'e> {
    fn new(name: &'static str, registry: &Registry, events: &'e [Event]) -> Self {
        let url = registry.url(&format!("Client{name}"));
        Self { name, target: registry.target(), url, events, received: Vec::new() }
    }

    async fn until_it_has(&mut self, is_meant: impl Fn(&str, &Event) -> bool) -> anyhow::Result<()> {
        let name = self.name;
        let meant = self.events.iter().filter(|event| is_meant(name, event));
        let meant: HashSet<&str> = meant.map(|event| event.id.as_str()).collect();
        until(&format!("`{name}` has all that it wants"), async || {
            self.receive(sqs::SHORT_WAIT).await?;
            let ids = self.received.iter().map(|message| message.event.id.as_str());
            Ok(ids.collect::<HashSet<_>>().is_superset(&meant))
        })
        .await
    }

    async fn receive_all(&mut self) -> anyhow::Result<()> {
        while self.receive(Duration::ZERO).await? > 0 {}
        Ok(())
    }

    async fn receive(&mut self, wait: Duration) -> anyhow::Result<usize> {
        let messages = sqs::receive(&self.target, &self.url, sqs::BATCH_LIMIT, wait, None).await?;
        for message in &messages {
            let text = |value: &AttributeValue| match value {
                AttributeValue::Text(text) => text.clone(),
                AttributeValue::Base64(_) => String::new(),
            };
            let attributes = message.attributes.iter();
            let attributes: BTreeMap<_, _> =
                attributes.map(|attribute| (attribute.name.clone(), text(&attribute.value))).collect();
            let id = attributes.get("eventId").context("no `eventId`")?;
            let event = self.events.iter().find(|event| event.id == *id).context("never written")?;
            let group = message.system("MessageGroupId").unwrap_or_default().to_owned();
            assert_eq!(group, group_of(event));
            self.received.push(Message { event, group, attributes, body: message.body.clone() });
            sqs::delete(&self.target, &self.url, &message.receipt_handle).await?;
        }
        Ok(messages.len())
    }

    /// Asserts that it has the events that are `wanted`, of each mark in order and once, and that each names the one before it.
    fn assert_chain(&self, wanted: impl Fn(&str, &Event) -> bool) {
        let mut expected: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for event in self.events.iter().filter(|event| wanted(self.name, event)) {
            let of_group = expected.entry(group_of(event)).or_default();
            let previous = of_group.last().map_or("0".to_owned(), |(_, version)| version.clone());
            of_group.push((previous, event.version.to_string()));
        }
        let mut received: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for Message { group, attributes, .. } in &self.received {
            let link = (attributes["previousVersion"].clone(), attributes["version"].clone());
            received.entry(group.clone()).or_default().push(link);
        }
        assert_eq!(received, expected, "{}", self.name);
    }

    /// Asserts that each message has come once and in order, but for what may be late, and is what a file says that was in
    /// force then: until `first_after`, the first round after the second deploy, it may be either.
    fn assert_one_file_says_so(&self, first_after: usize, whole: &HashMap<&str, &str>) {
        let (mut last, mut ids) = (HashMap::new(), HashSet::new());
        for message in &self.received {
            let (event, round) = (message.event, round(message.event));
            let name = format!("{}: round {round} of `{}`", self.name, event.mark);
            assert!(ids.insert(&event.id), "{name} came again");
            if !may_be_late(self.name, event, first_after) {
                let before = last.insert(&message.group, round);
                assert!(before < Some(round), "{name} came after {before:?}");
            }
            let says_so = |file| wants(self.name, file, event) && is_view(self.name, file, message, whole);
            let is_first = round < first_after && says_so(FIRST);
            let is_second = round >= BEFORE && says_so(SECOND);
            assert!(is_first || is_second, "{name}, with {first_after} after the deploy: {}", message.body);
        }
    }
}

/// What the rule says of `messages`, for a consumer that has these `states` of their groups.
fn read<'m>(
    states: &mut HashMap<String, ConsumerState>,
    messages: impl IntoIterator<Item = &'m Message<'m>>,
) -> Vec<Verdict> {
    let settings = ConsumerSettings { first_version: 1, start: Start::FromTheBeginning };
    let decide_next = |message: &Message<'_>| {
        let attribute = |name: &str| message.attributes.get(name).map(String::as_str);
        let received = ReceivedMessage::try_from_attributes(attribute).unwrap();
        let before = states.remove(&message.group);
        let verdict = decide(before.as_ref(), &received, &settings);
        states.extend(verdict.clone().state_after(before).map(|state| (message.group.clone(), state)));
        verdict
    };
    messages.into_iter().map(decide_next).collect()
}

fn assert_nothing_is_missing(client: &Client<'_>, may_be_late: impl Fn(&Event) -> bool) {
    for (message, verdict) in client.received.iter().zip(read(&mut HashMap::new(), &client.received)) {
        let is_late = verdict == Verdict::Had && may_be_late(message.event);
        let of_group = client.received.iter().filter(|other| other.group == message.group);
        let versions: Vec<&str> = of_group.map(|other| other.attributes["version"].as_str()).collect();
        let of = format!("{} of {versions:?} to {}", message.attributes["version"], client.name);
        assert!(is_late || matches!(verdict, Verdict::Take { .. }), "{of}: {verdict:?}");
    }
}

/// Whether the event, one of those on their way while the second file is deployed, may come late (docs/ordering.md): the
/// first file's instance, which passed it over, died after it had sent later ones, and the second's sends it.
fn may_be_late(client: &str, event: &Event, first_after: usize) -> bool {
    let is_on_its_way = (BEFORE..first_after).contains(&round(event));
    is_on_its_way && wants(client, SECOND, event) && !wants(client, FIRST, event)
}

/// Whether the file says that the client wants the event.
fn wants(client: &str, file: &str, event: &Event) -> bool {
    let price = event.item.at(&["RegistrationNumber", "price"]);
    let is_cheap =
        matches!(price, Some(Json::Number(price)) if price.as_str().len() == 6 && price.as_str() < "800");
    match (client, file) {
        ("Tolls", FIRST) => is_cheap && ["LockedEvent", "UnlockedEvent"].contains(&name(event)),
        ("Parking", FIRST) => ["LockedEvent", "UnlockedEvent"].contains(&name(event)),
        ("Parking", _) => {
            let status = event.item.at(&["RegistrationNumber", "status"]).and_then(Json::as_text);
            status == Some("LOCKED") || (version(event) > 20 && name(event) == "UnlockedEvent")
        }
        ("Tolls", _) => ["NomineeUpdatedEvent", "UnlockedEvent"].contains(&name(event)),
        _ => true,
    }
}

/// Whether the body is what the file says that the client gets of the event. `whole` has what the client without a view got.
fn is_view(client: &str, file: &str, message: &Message<'_>, whole: &HashMap<&str, &str>) -> bool {
    let event = message.event;
    let Json::Map(mut item) = event.item.clone() else { return false };
    let mut row = match item.get("RegistrationNumber") {
        Some(Json::Map(row)) => row.clone(),
        _ => Map::new(),
    };
    match (client, file) {
        ("Partners", _) => {
            let source = if file == FIRST { "urn:example:marks" } else { "urn:example:registry" };
            let time = event.create_time.trim_end_matches('Z');
            let time = time.split_once('.').map_or(time.to_owned(), |(seconds, fraction)| {
                format!("{seconds}.{}", fraction.trim_end_matches('0'))
            });
            let (id, name, group) = (&event.id, name(event), group_of(event));
            let (version, data) = (version(event), whole[id.as_str()]);
            let expected = format!(
                r#"{{"specversion":"1.0","id":"{id}","source":"{source}","type":"{name}","subject":"{group}","time":"{time}Z","datacontenttype":"application/json","sequence":"{version:020}","data":{data}}}"#
            );
            // To the last digit.
            return message.body == expected;
        }
        ("Analytics", FIRST) => _ = row.remove("entitlement"),
        ("Analytics", _) => {
            item.retain(|name, _| ["mark", "eventName", "RegistrationNumber"].contains(&name.as_str()));
            row.retain(|name, _| ["status", "price"].contains(&name.as_str()));
        }
        _ => {}
    }
    item.insert("RegistrationNumber".to_owned(), Json::Map(row));
    Json::parse(&message.body) == Ok(Json::Map(item))
}

fn name(event: &Event) -> &str {
    event.item.at(&["eventName"]).and_then(Json::as_text).unwrap_or_default()
}

/// Its number among those of its mark, counted from 0.
fn round(event: &Event) -> usize {
    usize::try_from(version(event)).unwrap_or_default() - 1
}

fn group_of(event: &Event) -> String {
    Group::of(&Key::S(event.mark.clone())).as_str().to_owned()
}

/// Events of now, one mark's with a wide number.
fn events() -> anyhow::Result<Vec<Event>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let mut events = histories(MARKS, ROUNDS, i64::try_from(now)?);
    for event in events.iter_mut().filter(|event| event.mark == WIDE.0) {
        if let Json::Map(item) = &mut event.item
            && let Some(Json::Map(row)) = item.get_mut("RegistrationNumber")
        {
            row.insert("price".to_owned(), Json::number(WIDE.1));
        }
    }
    Ok(events)
}
