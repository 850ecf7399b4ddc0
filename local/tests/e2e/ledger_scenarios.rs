//! What the ledger is for, through the real template: a lost queue, events in the wrong order, a late client, a replay,
//! and an aggregate that is erased and created anew.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use local::check::ExpectedEvents;
use local::event::Event;
use local::follow::Follower;
use local::json::Json;
use local::marks::histories;
use local::ministack::ACCOUNT;
use local::run::{self, Input, Load};
use local::write;
use serde_json::json;
use tokio::sync::watch;

use crate::ledger::{GroupStanding, Ledger, PATIENCE, Scene, complete, rounds, those, until, version};
use crate::support::{SOURCE, START, assert_complete, ground, incarnations, start_deploy};

const CLIENTS: [&str; 3] = ["Billing", "Insurance", "Enforcement"];
/// Milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn at_rest_every_client_is_up_to_date() -> anyhow::Result<()> {
    let Scene { stack, ledger } = Scene::new("ledger-rest").await?;
    let expected = incarnations(10, 5);
    assert_complete(&run::run(&stack, &expected, Input::Events, Load::Burst, &|_| ()).await?, &expected);

    let standing = ledger.standing().await?;
    assert_eq!(standing.clients, CLIENTS.map(|name| (name.to_owned(), "live".to_owned())).into());
    assert_eq!(standing.groups.len(), 10);
    for (group, standing) in standing.groups {
        assert_eq!(
            standing,
            GroupStanding { version: 5, incarnation_number: 1, ..Default::default() },
            "{group}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_queue_is_its_client_s_alone_and_everything_comes_again() -> anyhow::Result<()> {
    const MARKS: usize = 50;
    let scene = Scene::new("ledger-lost").await?;
    let expected = incarnations(MARKS, 20);
    let mut insurance = scene.follower("Insurance", &expected);

    // While events flow, the queue is deleted, with the messages that its consumer has not received.
    let lose = async {
        let (_sender, not_written) = watch::channel(Some(rounds(&expected, MARKS, |round| round >= 2)));
        insurance.until_complete(&not_written, PATIENCE, &|_| ()).await?;
        until("events wait", async || Ok(scene.depth("Insurance").await? >= MARKS)).await?;
        scene.delete_queue("Insurance").await
    };
    let events = expected.events();
    let (queue, ()) = tokio::try_join!(lose, scene.write(&events, 0..18 * MARKS))?;
    scene.write(&events, 18 * MARKS..20 * MARKS).await?;
    for client in ["Billing", "Enforcement"] {
        complete(&mut scene.follower(client, &expected), &HashSet::new()).await?;
    }
    scene.until_fan_out_is_idle().await?;
    assert_eq!(scene.ledger.standing().await?.behind(), [("Insurance", MARKS)].into());

    // Made again, it gets the later events; the ledger does not know what was lost with it.
    scene.make_queue("Insurance", queue).await?;
    scene.ledger.up_to_date("Insurance").await?;
    insurance.drain().await?;
    let verdict = insurance.verdict(&HashSet::new());
    assert_eq!((verdict.out_of_order, verdict.duplicates, verdict.differing), (0, 0, 0), "{verdict:?}");
    assert!(verdict.missing >= MARKS, "{verdict:?}");

    let marks: BTreeSet<&str> = expected.events().iter().map(|event| event.mark.as_str()).collect();
    scene.ledger.replay("Insurance", &Vec::from_iter(marks), 1, "lost-queue").await?;
    scene.ledger.up_to_date("Insurance").await?;
    let verdict = scene.replayed("Insurance", &expected, "lost-queue").await?.verdict(&HashSet::new());
    assert!(verdict.is_good(), "{verdict:?}");
    assert_eq!(scene.ledger.standing().await?.behind(), [].into());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_the_stream_shows_in_the_wrong_order_arrive_in_order() -> anyhow::Result<()> {
    let orders = orders_of_four();
    let (known, new) = (orders.len(), 12);
    // Events of now: those of a mark that the ledger does not know must not be older than the ledger.
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let events = histories(known + new, 6, i64::try_from(now)? - 10_000);
    let marks: Vec<String> = events[..known + new].iter().map(|event| event.mark.clone()).collect();
    // The new marks have only two events.
    let is_wanted = |event: &Event| marks[..known].contains(&event.mark) || version(event) <= 2;
    let expected = ExpectedEvents::new(events.into_iter().filter(is_wanted).collect());
    let find = |mark: &str, wanted: u64| -> &Event {
        let is_it = |event: &&Event| event.mark == mark && version(event) == wanted;
        expected.events().into_iter().find(is_it).unwrap()
    };

    let scene = Scene::new("ledger-order").await?;
    let mut followers = CLIENTS.map(|client| scene.follower(client, &expected));
    // The stream shows the events of one transaction in any order.
    let transactions = marks.iter().zip(&orders);
    scene.put(transactions.map(|(mark, order)| order.iter().map(|v| find(mark, *v)).collect())).await?;
    let later = those(&expected, |event| version(event) > 4 || marks[known..].contains(&event.mark));
    for follower in &mut followers {
        complete(follower, &later).await?;
    }

    // For a while a later event is there without the one before it: in half of the cases the mark's first.
    let (before, after): (Vec<_>, Vec<_>) = marks
        .iter()
        .enumerate()
        .map(|(number, mark)| if number < known { (mark, 5) } else { (mark, 1) })
        .map(|(mark, version)| (find(mark, version), find(mark, version + 1)))
        .unzip();
    let returned = scene.returned()?;
    scene.put(after.iter().map(|event| vec![*event])).await?;
    until("each is waited for", async || Ok(scene.returned()? >= returned + after.len())).await?;
    scene.put(before.iter().map(|event| vec![*event])).await?;
    for follower in &mut followers {
        complete(follower, &HashSet::new()).await?;
    }
    scene.until_fan_out_is_idle().await?;
    let standing = scene.ledger.standing().await?;
    assert!(
        standing.groups.values().all(|group| group.holes == 0 && group.behind.is_empty()),
        "{standing:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_client_with_history_gets_everything_and_goes_on_without_a_gap() -> anyhow::Result<()> {
    const MARKS: usize = 10;
    const ROUNDS: usize = 30;
    const BILLING: &str = "[[client]]\nname = \"Billing\"\n";
    let ground = ground("ledger-history").await?;
    let expected = incarnations(MARKS, ROUNDS);
    let write = async |round: usize| {
        let target = ground.connection().target(ACCOUNT);
        let range = round * MARKS..(round + 1) * MARKS;
        assert_eq!(write::write_range(&target, &expected.events(), range, &|_| ()).await?, []);
        anyhow::Ok(())
    };
    let follower = |client: &str| {
        let url = ground.connection().queue_url(ACCOUNT, &format!("MarkFanOutClient{client}.fifo"));
        Follower::new(ground.connection().target(ACCOUNT), url, &expected)
    };
    let (mut billing, mut archive) = (follower("Billing"), follower("Archive"));

    let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ledger-history.toml");
    fs::write(&config, format!("{SOURCE}{BILLING}"))?;
    let (mut deploy, mut lines) = start_deploy(&ground, &config)?;
    while lines.recv().await.is_some() {}
    assert!(deploy.wait()?.success());
    for round in 0..8 {
        write(round).await?;
    }
    complete(&mut billing, &rounds(&expected, MARKS, |round| round >= 8)).await?;

    // A round follows each line of progress, in both steps: first the queue is made, then the code changes.
    fs::write(&config, format!("{SOURCE}{BILLING}[[client]]\nname = \"Archive\"\nhistory = true\n"))?;
    let (mut deploy, mut lines) = start_deploy(&ground, &config)?;
    let (mut round, mut said, mut written) = (8, String::new(), [0, 0]);
    while let Some(line) = lines.recv().await {
        said = said + &line + "\n";
        let step = ["step 1 of 2", "step 2 of 2"].iter().rposition(|step| said.contains(step));
        if let Some(step) = step
            && written[step] < 8
        {
            write(round).await?;
            (round, written[step]) = (round + 1, written[step] + 1);
        }
    }
    assert!(deploy.wait()?.success(), "{said}");
    assert!(written.iter().all(|count| *count > 0), "{written:?}: {said}");

    // More rounds are written while the history is sent.
    let ledger = Ledger::of(ground.connection()).await?;
    let maintenance = json!({ "request": "maintenance" });
    for round in round..ROUNDS {
        tokio::try_join!(write(round), ledger.request(&maintenance))?;
    }
    complete(&mut billing, &HashSet::new()).await?;
    let has_all = async || {
        ledger.request(&maintenance).await?;
        archive.drain().await?;
        Ok(archive.verdict(&HashSet::new()).missing == 0)
    };
    until("the late client has everything", has_all).await?;
    complete(&mut archive, &HashSet::new()).await?;
    ledger.up_to_date("Archive").await?;
    assert_eq!(ledger.standing().await?.behind(), [].into());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_one_group_is_one_client_s_alone() -> anyhow::Result<()> {
    const MARKS: usize = 6;
    let scene = Scene::new("ledger-replay").await?;
    let expected = incarnations(MARKS, 9);
    let mut followers = CLIENTS.map(|client| scene.follower(client, &expected));
    let last = rounds(&expected, MARKS, |round| round == 8);
    scene.write(&expected.events(), 0..8 * MARKS).await?;
    for follower in &mut followers {
        complete(follower, &last).await?;
    }
    scene.until_fan_out_is_idle().await?;

    let mark = &expected.events()[0].mark;
    scene.ledger.replay("Billing", &[mark], 3, "replay-1").await?;
    scene.ledger.up_to_date("Billing").await?;
    let replayed = scene.replayed("Billing", &expected, "replay-1").await?;
    let is_other = |event: &Event| event.mark != *mark || !(3..=8).contains(&version(event));
    let verdict = replayed.verdict(&those(&expected, is_other));
    assert!(verdict.is_good(), "{verdict:?}");
    assert_eq!(verdict.events, 6);
    for client in CLIENTS {
        assert_eq!(scene.depth(client).await?, 0, "{client}");
    }

    // All clients go on.
    scene.write(&expected.events(), 8 * MARKS..9 * MARKS).await?;
    for follower in &mut followers {
        complete(follower, &HashSet::new()).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aggregate_is_erased_and_created_anew_while_clients_are_behind() -> anyhow::Result<()> {
    const MARKS: usize = 8;
    let scene = Scene::new("ledger-anew").await?;
    let mut events = histories(MARKS, 6, START);
    events.extend(histories(MARKS, 5, START + DAY).into_iter().map(reborn));
    let expected = ExpectedEvents::new(events);
    let events = expected.events();
    let (old, new) = events.split_at(6 * MARKS);
    let mut followers = CLIENTS.map(|client| scene.follower(client, &expected));
    let from = |first: usize| rounds(&expected, MARKS, |round| round >= first);

    scene.write(old, 0..3 * MARKS).await?;
    for follower in &mut followers {
        complete(follower, &from(3)).await?;
    }
    scene.until_fan_out_is_idle().await?;

    // One client is paused, the queue of another is deleted; the third has all of the first incarnation.
    scene.ledger.request(&json!({ "request": "pause", "client": "Insurance" })).await?;
    let queue = scene.delete_queue("Enforcement").await?;
    scene.write(old, 3 * MARKS..6 * MARKS).await?;
    complete(&mut followers[0], &from(6)).await?;
    scene.until_fan_out_is_idle().await?;
    let behind = [("Insurance", MARKS), ("Enforcement", MARKS)].into();
    assert_eq!(scene.ledger.standing().await?.behind(), behind);

    scene.erase(old).await?;
    scene.write(new, 0..4 * MARKS).await?;
    complete(&mut followers[0], &from(10)).await?;
    scene.until_fan_out_is_idle().await?;
    assert_eq!(scene.ledger.standing().await?.behind(), behind);

    // Events that were erased meanwhile are not sent.
    scene.ledger.request(&json!({ "request": "resume", "client": "Insurance" })).await?;
    scene.make_queue("Enforcement", queue).await?;
    let erased = |round: usize| (3..6).contains(&round);
    for (client, follower) in CLIENTS.iter().zip(&mut followers).skip(1) {
        scene.ledger.up_to_date(client).await?;
        follower.drain().await?;
        let verdict = follower.verdict(&rounds(&expected, MARKS, |round| erased(round) || round == 10));
        assert!(verdict.is_good(), "{client}: {verdict:?}");
    }

    // The new incarnation goes on for all.
    scene.write(new, 4 * MARKS..5 * MARKS).await?;
    complete(&mut followers[0], &HashSet::new()).await?;
    scene.until_fan_out_is_idle().await?;
    for (client, follower) in CLIENTS.iter().zip(&mut followers).skip(1) {
        // The fan-out may not have tried a queue that was missing a moment ago.
        scene.ledger.up_to_date(client).await?;
        complete(follower, &rounds(&expected, MARKS, erased)).await?;
    }
    let standing = scene.ledger.standing().await?;
    let anew = GroupStanding { version: 5, incarnation_number: 2, ..Default::default() };
    assert!(standing.groups.values().all(|group| *group == anew), "{standing:?}");
    Ok(())
}

/// The event in another incarnation of its mark.
fn reborn(mut event: Event) -> Event {
    event.id += "-reborn";
    if let Json::Map(item) = &mut event.item {
        item.insert("eventId".to_owned(), Json::Text(event.id.clone()));
    }
    event
}

/// The versions 1 to 4 in every order.
fn orders_of_four() -> Vec<[u64; 4]> {
    let mut orders = Vec::new();
    for number in 0..256 {
        let order = [number % 4, number / 4 % 4, number / 16 % 4, number / 64].map(|place| place + 1);
        if order.iter().collect::<HashSet<_>>().len() == 4 {
            orders.push(order);
        }
    }
    orders
}
