//! The companion and the pipeline: commands over HTTP, and what clients get of them.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use aws::operator::http_api::ApiRequest;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use futures_util::future::{join_all, try_join_all};
use local::check::ExpectedEvents;
use local::companion::Companion;
use local::companion::commands::in_path;
use local::event::Event;
use local::json::Json;
use local::workspace;
use serde_json::{Value, json};
use shared::exchange::Answer;

use crate::ledger::{PATIENCE, Scene, complete, until, version};
use crate::support::{SdkClients as _, kill_function, printed, unsigned};

const CLIENTS: [&str; 3] = ["Billing", "Insurance", "Enforcement"];
const MARKS: [&str; 2] = ["AFC F5", "X1 ABC"];

/// As long as MiniStack waits for a function.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn commands_at_once_on_one_mark_are_events_in_order_and_every_state_can_be_rebuilt()
-> anyhow::Result<()> {
    const WRITERS: usize = 8;
    const COMMANDS: usize = 5;
    let scene = Scene::with_companion("companion").await?;
    let marks = Marks::of(&scene)?;
    let description = format!("{}/openapi.json", marks.companion.url());
    assert_eq!(unsigned("GET", &description, "").await?, "HTTP/1.1 403 Forbidden");
    try_join_all(MARKS.map(|mark| marks.create(mark))).await?;
    let writer = async |mark| {
        let mut versions = Vec::new();
        while versions.len() < COMMANDS {
            let answer = marks.nominate(mark).await?;
            match answer.status {
                200 => versions.push(number(&answer, "version")?),
                // Others were quicker, each time.
                409 => assert_eq!(problem(&answer)?, "conflict"),
                status => anyhow::bail!("{status}: {}", String::from_utf8_lossy(&answer.body)),
            }
        }
        anyhow::Ok(versions)
    };
    let mut all = Vec::new();
    for mark in MARKS {
        let versions = try_join_all((0..WRITERS).map(|_| writer(mark))).await?.into_iter().flatten();
        let versions: BTreeSet<u64> = versions.collect();
        let last = WRITERS as u64 * COMMANDS as u64 + 1;
        assert_eq!(versions, (2..=last).collect(), "no version twice, and no hole");
        let events = marks.events(mark).await?;
        assert_eq!(events.iter().map(version).collect::<Vec<_>>(), (1..=last).collect::<Vec<_>>());
        assert!(events.windows(2).all(|pair| pair[0].create_time < pair[1].create_time));
        for event in &events {
            let rebuilt = marks.get(mark, &format!("?version={}", event.version)).await?;
            let row = event.item.at(&["RegistrationNumber"]).context("no row")?;
            assert_eq!(json_of(&rebuilt)?.first_difference(row), None, "version {}", event.version);
        }
        let state = json_of(&marks.get(mark, "").await?)?;
        assert_eq!(Some(&state), events.last().and_then(|event| event.item.at(&["RegistrationNumber"])));
        all.extend(events);
    }
    let expected = ExpectedEvents::new(all);
    for client in CLIENTS {
        complete(&mut scene.follower(client, &expected), &HashSet::new()).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_whose_function_dies_between_two_chunks_is_gone_on_with() -> anyhow::Result<()> {
    const EVENTS: usize = 320;
    let scene = Scene::with_companion("companion").await?;
    let marks = Marks::of(&scene)?;
    let mark = MARKS[0];
    marks.create(mark).await?;
    for _ in 1..EVENTS {
        let answer = marks.nominate(mark).await?;
        ensure!(answer.is_success(), "{}", String::from_utf8_lossy(&answer.body));
    }
    let old = ExpectedEvents::new(marks.events(mark).await?);
    assert_eq!(old.len(), EVENTS);
    for client in CLIENTS {
        complete(&mut scene.follower(client, &old), &HashSet::new()).await?;
    }

    let kill = async {
        // Without a pause, which could outlast the other chunks.
        let start = Instant::now();
        while marks.count(mark).await? == EVENTS && start.elapsed() < PATIENCE {}
        kill_function(&scene.stack, "Api");
        anyhow::Ok(())
    };
    let (answer, killed) = tokio::join!(marks.erase(mark), kill);
    killed?;
    assert_ne!(answer?.status, 204, "the function was to die");
    let left = marks.count(mark).await?;
    assert!(
        (1..EVENTS).contains(&left),
        "{left} events are left: the function was to die between two chunks"
    );

    // Nothing changes it now, and what it was can be read.
    assert_eq!(problem(&marks.nominate(mark).await?)?, "erasing");
    assert_eq!(marks.get(mark, "").await?.status, 200);
    while marks.erase(mark).await?.status == 202 {}
    assert_eq!(marks.count(mark).await?, 0);
    assert_eq!(problem(&marks.get(mark, "").await?)?, "mark-unknown");

    // Its name is free, and begins anew for every client.
    marks.create(mark).await?;
    marks.nominate(mark).await?;
    let new = ExpectedEvents::new(marks.events(mark).await?);
    assert_eq!(new.len(), 2);
    for client in CLIENTS {
        complete(&mut scene.follower(client, &new), &HashSet::new()).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_is_erased_and_created_anew_while_clients_are_behind() -> anyhow::Result<()> {
    let scene = Scene::with_companion("companion").await?;
    let marks = Marks::of(&scene)?;
    try_join_all(MARKS.map(|mark| marks.create(mark))).await?;
    let first = ExpectedEvents::new(marks.all_events().await?);
    for client in CLIENTS {
        complete(&mut scene.follower(client, &first), &HashSet::new()).await?;
    }
    scene.until_fan_out_is_idle().await?;

    // One client is paused, the queue of another is deleted; the third has all of the first incarnation.
    scene.ledger.request(&json!({ "request": "pause", "client": "Insurance" })).await?;
    let queue = scene.delete_queue("Enforcement").await?;
    join_all(MARKS.map(|mark| marks.nominate(mark))).await;
    let mut all = marks.all_events().await?;
    all.retain(|event| version(event) > 1);
    assert_eq!(all.len(), MARKS.len());
    for mark in MARKS {
        assert_eq!(marks.erase(mark).await?.status, 204);
        marks.create(mark).await?;
    }
    join_all(MARKS.map(|mark| marks.nominate(mark))).await;
    let anew = marks.all_events().await?;
    assert_eq!(anew.len(), 2 * MARKS.len());
    all.extend(anew.iter().cloned());
    let (all, anew) = (ExpectedEvents::new(all), ExpectedEvents::new(anew));
    complete(&mut scene.follower("Billing", &all), &HashSet::new()).await?;
    scene.until_fan_out_is_idle().await?;

    // Events that were erased meanwhile are not sent: what the others get begins with the new incarnation.
    scene.ledger.request(&json!({ "request": "resume", "client": "Insurance" })).await?;
    scene.make_queue("Enforcement", queue).await?;
    for client in ["Insurance", "Enforcement"] {
        scene.ledger.up_to_date(client).await?;
        complete(&mut scene.follower(client, &anew), &HashSet::new()).await?;
    }

    // Who wants to know is told when a mark is gone as a whole, once.
    let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("companion-erasures.toml");
    let shipped = fs::read_to_string(workspace::root().join("client-queues.toml"))?;
    fs::write(&config, shipped.replace("name = \"Billing\"\n", "name = \"Billing\"\nerasures = true\n"))?;
    let deployed = printed(scene.stack.ground(), &config, &["deploy", "--yes"])?;
    ensure!(deployed.status.success(), "{}", String::from_utf8_lossy(&deployed.stderr));
    until("the ledger knows who wants to know", async || {
        let said = printed(scene.stack.ground(), &config, &["erasures", "--json"])?;
        let said: Value = serde_json::from_slice(&said.stdout)?;
        Ok(said["wanting"] == json!(["Billing"]))
    })
    .await?;
    for mark in MARKS {
        assert_eq!(marks.erase(mark).await?.status, 204);
    }
    let mut told = Vec::new();
    until("it is told", async || {
        told.extend(scene.take("Billing").await?.iter().filter_map(|message| {
            let erased = message.attributes.iter().find(|attribute| attribute.name == "erased");
            erased.and(message.system("MessageGroupId")).map(str::to_owned)
        }));
        Ok(told.len() >= MARKS.len())
    })
    .await?;
    told.sort();
    assert_eq!(told, ["AFC%20F5", "X1%20ABC"]);
    for client in ["Insurance", "Enforcement"] {
        assert_eq!(scene.depth(client).await?, 0, "{client} does not want to know");
    }
    Ok(())
}

/// What a caller of the companion does.
struct Marks<'s> {
    companion: &'s Companion,
    dynamodb: aws_sdk_dynamodb::Client,
}

impl<'s> Marks<'s> {
    fn of(scene: &'s Scene) -> anyhow::Result<Self> {
        let companion = scene.stack.companion().context("no companion")?;
        Ok(Self { companion, dynamodb: scene.stack.connection().dynamodb() })
    }

    async fn ask(&self, method: &'static str, path: &str, body: &str) -> anyhow::Result<Answer> {
        let headers: &[_] = if body.is_empty() { &[] } else { &[("content-type", "application/json")] };
        let request = ApiRequest { method, path_and_query: path, headers, body };
        Ok(self.companion.ask(&request, LIMIT).await?)
    }

    async fn create(&self, mark: &str) -> anyhow::Result<()> {
        let address = json!({ "addressLine1": "1 “Old Mill” Lane", "postCode": "AA9 9AA" });
        let body = json!({ "mark": mark, "price": 299.9, "nomineeName": "Größe", "address": address });
        let answer = self.ask("POST", "/mark/v1/entitlement", &body.to_string()).await?;
        ensure!(answer.status == 201, "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        Ok(())
    }

    async fn nominate(&self, mark: &str) -> anyhow::Result<Answer> {
        let body = json!({ "mark": mark, "nomineeName": "Another" }).to_string();
        self.ask("PUT", "/mark/v1/entitlement/nominee", &body).await
    }

    async fn get(&self, mark: &str, query: &str) -> anyhow::Result<Answer> {
        let path = format!("/mark/v1/registrationNumber/{}{query}", in_path(mark));
        self.ask("GET", &path, "").await
    }

    async fn erase(&self, mark: &str) -> anyhow::Result<Answer> {
        let path = format!("/mark/v1/registrationNumber/{}", in_path(mark));
        self.ask("DELETE", &path, "").await
    }

    /// The mark's events, as the companion has them.
    async fn events(&self, mark: &str) -> anyhow::Result<Vec<Event>> {
        let path = format!("/mark/v1/event/registrationNumber/{}?limit=500", in_path(mark));
        let page = json_of(&self.ask("GET", &path, "").await?)?;
        let Some(Json::List(items)) = page.at(&["items"]) else { anyhow::bail!("no page") };
        let event = |item: &Json| match item {
            Json::Map(item) => Event::try_from_item(item.clone(), 0).map_err(anyhow::Error::msg),
            _ => anyhow::bail!("no event"),
        };
        items.iter().map(event).collect()
    }

    /// The events of all marks.
    async fn all_events(&self) -> anyhow::Result<Vec<Event>> {
        Ok(try_join_all(MARKS.map(|mark| self.events(mark))).await?.into_iter().flatten().collect())
    }

    /// How many events the table has of the mark.
    async fn count(&self, mark: &str) -> anyhow::Result<usize> {
        let query = self.dynamodb.query().table_name(self.companion.events()).select(Select::Count);
        let query = query.key_condition_expression("mark = :mark");
        let query = query.expression_attribute_values(":mark", AttributeValue::S(mark.to_owned()));
        Ok(usize::try_from(query.consistent_read(true).send().await?.count)?)
    }
}

fn json_of(answer: &Answer) -> anyhow::Result<Json> {
    let text = std::str::from_utf8(&answer.body)?;
    ensure!(answer.is_success(), "{}: {text}", answer.status);
    Json::parse_body(text).map_err(anyhow::Error::msg)
}

fn number(answer: &Answer, name: &str) -> anyhow::Result<u64> {
    let body: Value = serde_json::from_slice(&answer.body)?;
    body.get(name).and_then(Value::as_u64).with_context(|| format!("no number `{name}` in {body}"))
}

/// The last part of a problem's type.
fn problem(answer: &Answer) -> anyhow::Result<String> {
    let body: Value = serde_json::from_slice(&answer.body)?;
    let kind = body.get("type").and_then(Value::as_str);
    let kind = kind.with_context(|| format!("no problem, but {} {body}", answer.status))?;
    Ok(kind.rsplit(':').next().unwrap_or_default().to_owned())
}
