//! Control requests through `fanoutctl` and the real template: pause, resume, catch-up, replay, backfill, hold,
//! release, skip, reconcile.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use aws::operator::sqs;
use aws_sdk_dynamodb::types::{AttributeValue, PointInTimeRecoverySpecification};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use local::check::ExpectedEvents;
use local::follow::Follower;
use local::ministack::ACCOUNT;
use local::stack::Ground;
use local::{tables, write};
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use shared::consumer::{ConsumerSettings, ConsumerState, ReceivedMessage, Start, Verdict, decide};
use shared::control::ReplayRequest;
use shared::ids::{Group, IncarnationToken, Key};
use tokio::sync::watch;

use crate::support::{SOURCE, SdkClients as _, fanoutctl, ground, incarnations, item_of, printed, take};

const CLIENTS: [&str; 3] = ["Billing", "Insurance", "Enforcement"];
const MARKS: usize = 10;
const ROUNDS: usize = 6;
/// Longer than a returned message, a cold start and a pass of the schedule take here.
const PATIENCE: Duration = Duration::from_secs(120);
/// MiniStack's answer to `GetCallerIdentity`.
const CALLER: &str = "arn:aws:iam::000000000000:root";

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_client_gets_nothing_and_then_all_of_it() -> anyhow::Result<()> {
    let operator = Operator::new("ledger-pause").await?;
    let expected = incarnations(MARKS, ROUNDS);
    let [mut billing, mut insurance, mut enforcement] =
        CLIENTS.map(|client| operator.follower(client, &expected));
    operator.write(&expected, 0..4).await?;
    for follower in [&mut billing, &mut insurance, &mut enforcement] {
        has_all_once(follower, &expected, 4).await?;
    }
    operator.until_clients_are("up to date").await;

    let (paused, errors) = operator.json(&["pause", "Billing"], 0);
    assert_eq!((&paused["state"], &paused["was"]), (&json!("paused"), &json!("live")));
    assert!(errors.contains(&format!("`{CALLER}`: pause client `Billing`")), "{errors}");
    assert_eq!(operator.json(&["pause", "Billing"], 0).0["was"], "paused");
    operator.write(&expected, 4..6).await?;
    for follower in [&mut insurance, &mut enforcement] {
        has_all_once(follower, &expected, 6).await?;
    }
    let behind = operator.until_status(|clients| clients["Billing"]["events_to_go"] == 20).await;
    let of_billing = &behind["Billing"];
    assert_eq!((&of_billing["state"], &of_billing["groups_behind"]), (&json!("paused"), &json!(10)));
    assert_eq!(
        (&behind["Insurance"]["state"], &behind["Enforcement"]["state"]),
        (&json!("up to date"), &json!("up to date"))
    );
    assert_eq!(operator.depth("Billing").await?, 0, "it got something while it was paused");
    let (of_billing, _) = operator.json(&["status", "Billing"], 0);
    let groups = of_billing["groups"].as_array().unwrap();
    assert_eq!((&of_billing["state"], groups.len()), (&json!("paused"), MARKS));
    for group in groups {
        assert_eq!(
            (&group["has"], &group["version"], &group["why"]),
            (&json!(4), &json!(6), &json!("paused"))
        );
        assert_eq!(group["command"], "fanoutctl resume Billing", "{group}");
        let mark = group["key"]["S"].as_str().unwrap();
        assert!(expected.events().iter().any(|event| event.mark == mark), "{group}");
    }
    // What each was sent last, of all aggregates and of one.
    for (client, state, version) in [("Billing", "behind", 4), ("Insurance", "upToDate", 6)] {
        let (lines, _) = operator.run(&["attest", client, "--json"], 0);
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), MARKS, "{lines:?}");
        for line in &lines {
            assert_eq!((&line["state"], &line["version"]), (&json!(state), &json!(version)), "{line}");
            let mark = line["key"]["S"].as_str().unwrap();
            let (one, _) = operator.json(&["attest", client, "--group", mark], 0);
            assert_eq!(&one, line);
        }
        assert_eq!(lines[0]["position"], if state == "behind" { json!(4) } else { Value::Null });
    }
    let mark = &expected.events()[0].mark;
    let encoded = Group::of(&Key::S(mark.clone()));
    let (_, hint) = operator.run(&["attest", "Billing", "--group", encoded.as_str()], 2);
    assert!(hint.contains(&format!("did you mean `{mark}`?")), "{hint}");
    let (_, refused) = operator.run(&["catch-up", "Billing"], 6);
    assert!(refused.contains("`fanoutctl resume Billing`"), "{refused}");
    // The plan to remove the client says what it lacks.
    let (plan, _) = operator.run_with(&operator.without("Billing")?, &["plan"], 0);
    assert!(plan.contains("ATTENTION: Billing is paused and lacks 20 events of 10 groups"), "{plan}");

    assert_eq!(operator.json(&["resume", "Billing"], 0).0["state"], "live");
    operator.run(&["catch-up", "--all"], 0);
    has_all_once(&mut billing, &expected, 6).await?;
    operator.until_clients_are("up to date").await;

    // A removed client is leaving for an hour, and control requests for it are refused.
    operator.run_with(&operator.without("Billing")?, &["deploy", "--yes"], 0);
    let leaving = operator.until_status(|clients| clients["Billing"]["state"] == "leaving").await;
    assert!(leaving["Billing"]["retired_at"].is_string(), "{leaving:?}");
    assert_eq!(leaving["Insurance"]["state"], "up to date");
    for request in [&["resume", "Billing"][..], &["catch-up", "Billing"], &["backfill", "Billing", "--yes"]] {
        let (_, errors) = operator.run(request, 2);
        assert!(errors.contains("client `Billing` has been in no deployed config since"), "{errors}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_reaches_its_client_alone() -> anyhow::Result<()> {
    let operator = Operator::new("ledger-replay").await?;
    let expected = incarnations(MARKS, ROUNDS);
    operator.write(&expected, 0..ROUNDS).await?;
    for client in CLIENTS {
        has_all_once(&mut operator.follower(client, &expected), &expected, ROUNDS).await?;
    }
    let mark = expected.events()[0].mark.clone();

    // What a replay would send; nothing happens.
    let one = ["replay", "Insurance", "--group", &mark, "--from", "3"];
    let planned = operator.json(&[&one[..], &["--dry-run"]].concat(), 0).0;
    assert_eq!(planned["groups"], 1);
    assert_eq!(planned["events"], 4);
    assert_eq!(planned["requests"], json!({ "at_least": 4, "at_most": 4 }));
    let encoded = Group::of(&Key::S(mark.clone()));
    assert_ne!(encoded.as_str(), mark);
    let nothing = operator.json(&["replay", "Insurance", "--group", &mark, "--from", "7", "--yes"], 0).0;
    assert!(nothing["nothing_to_do"].as_str().unwrap().contains("up to version 6"), "{nothing}");
    for (arguments, why) in [
        (
            ["replay", "Insurance", "--group", "no such mark", "--from", "1", "--yes"],
            "has no event of `no such mark`",
        ),
        (["replay", "Insurence", "--group", &mark, "--from", "1", "--yes"], "did you mean `Insurance`?"),
        (
            ["replay", "Insurance", "--group", encoded.as_str(), "--from", "1", "--yes"],
            &format!("did you mean `{mark}`?"),
        ),
    ] {
        let (_, errors) = operator.run(&arguments, 2);
        assert!(errors.contains(why), "{errors}");
    }
    let (_, errors) = operator.run(&one, 2);
    assert!(errors.contains("add `--yes`"), "{errors}");
    for client in CLIENTS {
        assert_eq!(operator.depth(client).await?, 0, "{client} got more");
    }

    // One group.
    let (report, errors) = operator.json(&[&one[..], &["--yes"]].concat(), 0);
    assert_eq!((&report["requested"], &report["failed"]), (&json!(1), &json!([])));
    let id = report["replays"][0].as_str().unwrap();
    assert!(errors.contains(CALLER) && errors.contains(id), "{errors}");
    assert!(errors.contains("1 of 1 group requested"), "{errors}");
    assert!(
        fs::read_to_string(operator.ground.log())?.contains(id),
        "the function's log does not name the replay"
    );
    operator.catch_up("Insurance");
    let repeated = operator.take("Insurance", 4).await?;
    let versions: Vec<_> = repeated.iter().map(|message| attribute(message, "version").to_owned()).collect();
    assert_eq!(versions, ["3", "4", "5", "6"]);
    assert!(repeated.iter().all(|message| attribute(message, "replay") == id));
    assert!(repeated.iter().all(|message| group(message) == group(&repeated[0])));

    // All of them, twice in the same five minutes.
    let planned = operator.json(&["backfill", "Enforcement", "--dry-run"], 0).0;
    assert_eq!((&planned["groups"], &planned["events"]), (&json!(MARKS), &json!(MARKS * ROUNDS)));
    assert_eq!(planned["requests"], json!({ "at_least": 6, "at_most": 60 }));
    let mut ids = HashSet::new();
    for _ in 0..2 {
        let report = operator.json(&["backfill", "Enforcement", "--yes"], 0).0;
        assert_eq!(report["requested"], MARKS);
        operator.catch_up("Enforcement");
        let repeated = operator.take("Enforcement", MARKS * ROUNDS).await?;
        let mut versions: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for message in &repeated {
            ids.insert(attribute(message, "replay").to_owned());
            versions.entry(group(message)).or_default().push(attribute(message, "version"));
        }
        assert_eq!(versions.len(), MARKS);
        assert!(
            versions.values().all(|versions| *versions == ["1", "2", "3", "4", "5", "6"]),
            "{versions:?}"
        );
    }
    assert_eq!(ids.len(), 2);
    let continued = operator.json(&["backfill", "Enforcement", "--after", &mark, "--dry-run"], 0).0;
    assert!(continued["groups"].as_u64().unwrap_or_default() < 10, "{continued}");

    // What a consumer asks for, once and only for its client; another client may not.
    operator.ask("Insurance", encoded.as_str(), 5).await?;
    operator.ask("Enforcement", encoded.as_str(), 5).await?;
    operator.until_nobody_asks().await?;
    operator.catch_up("Enforcement");
    let repeated = operator.take("Enforcement", 2).await?;
    let versions: Vec<_> = repeated.iter().map(|message| attribute(message, "version")).collect();
    assert_eq!(versions, ["5", "6"]);
    assert!(repeated.iter().all(|message| group(message) == encoded.as_str()));
    assert!(fs::read_to_string(operator.ground.log())?.contains("a consumer's request can't be carried out"));
    for client in CLIENTS {
        assert_eq!(operator.depth(client).await?, 0, "{client} got more");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_group_waits_for_its_operator_and_then_comes_from_the_front() -> anyhow::Result<()> {
    let operator = Operator::new("ledger-hold").await?;
    let expected = incarnations(MARKS, ROUNDS);
    operator.write(&expected, 0..3).await?;
    let [mut insurance, mut enforcement] = [1, 2].map(|client| operator.follower(CLIENTS[client], &expected));
    for follower in [&mut insurance, &mut enforcement] {
        has_all_once(follower, &expected, 3).await?;
    }
    // Billing's consumer has taken all events but version 3 of two marks, which it can't handle.
    let marks = [&expected.events()[0].mark, &expected.events()[1].mark];
    let groups = marks.map(|mark| Group::of(&Key::S(mark.clone())).to_string());
    let mut consumer = BTreeMap::new();
    for message in operator.take("Billing", 3 * MARKS).await? {
        if !(groups.contains(&group(&message)) && attribute(&message, "version") == "3") {
            consume(&mut consumer, &message);
        }
    }
    operator.until_clients_are("up to date").await;

    let [one, other] = marks.map(String::as_str);
    let (held, errors) = operator.json(
        &[
            "hold",
            "Billing",
            "--group",
            one,
            "--group",
            other,
            "--from",
            "3",
            "--reason",
            "breaks the import",
        ],
        0,
    );
    assert!(errors.contains(&format!("`{CALLER}`: hold 2 groups for client `Billing`")), "{errors}");
    let results = held["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result["outcome"] == "held" && result["next"] == 3), "{held}");
    let (refused, _) = operator.run(&["hold", "Billing", "--group", &groups[0], "--reason", "fails"], 6);
    assert!(refused.contains(&format!("did you mean `{one}`?")), "{refused}");

    // The other clients, and Billing's other groups, go on.
    operator.write(&expected, 3..6).await?;
    for follower in [&mut insurance, &mut enforcement] {
        has_all_once(follower, &expected, 6).await?;
    }
    for message in operator.take("Billing", 3 * (MARKS - 2)).await? {
        assert!(!groups.contains(&group(&message)), "{message:?}");
        consume(&mut consumer, &message);
    }
    let (caught_up, _) = operator.json(&["catch-up", "Billing"], 0);
    assert_eq!((&caught_up["behind"], &caught_up["held"]), (&json!(0), &json!(2)));
    assert_eq!(operator.depth("Billing").await?, 0, "it got something of a held group");

    let (listed, _) = operator.json(&["held", "Billing"], 0);
    let rows = listed["groups"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert!(groups.contains(&row["group"].as_str().unwrap().to_owned()), "{row}");
        assert_eq!((&row["next"], &row["reason"]), (&json!(3), &json!("breaks the import")));
        assert_eq!((&row["by"], &row["client"]), (&json!(CALLER), &json!("Billing")));
    }
    let (text, _) = operator.run(&["held"], 0);
    assert!(text.contains("2 groups held") && text.contains("fanoutctl release Billing --group "), "{text}");
    let (of_billing, _) = operator.json(&["status", "Billing"], 0);
    for group in of_billing["groups"].as_array().unwrap() {
        assert_eq!(group["why"], "held", "{group}");
        assert!(
            group["command"].as_str().unwrap().starts_with("fanoutctl release Billing --group "),
            "{group}"
        );
    }
    let status = operator.until_status(|clients| clients["Billing"]["state"] == "held").await;
    assert_eq!(
        (&status["Billing"]["groups_held"], &status["Insurance"]["state"]),
        (&json!(2), &json!("up to date"))
    );

    let replay = ["replay", "Billing", "--group", one, "--from", "1", "--dry-run"];
    assert!(operator.run(&replay, 0).1.contains("fanoutctl release Billing"));

    // One event is left out of one of the groups.
    let skip = |version| ["skip", "Billing", "--group", one, "--version", version, "--reason", "withdrawn"];
    let (refused, _) = operator.json(&skip("4"), 6);
    let why = refused["results"][0]["reason"].as_str().unwrap();
    assert!(why.contains("the next event that the client wants is version 3"), "{why}");
    assert_eq!(operator.json(&skip("3"), 0).0["results"][0]["outcome"], "skipped");
    let (listed, _) = operator.json(&["held"], 0);
    let skipped = listed["groups"].as_array().unwrap().iter().find(|row| row["group"] == groups[0].as_str());
    assert_eq!(skipped.unwrap()["skipped"], json!([{ "version": 3, "reason": "withdrawn" }]));

    // The consumer gets the rest in order, and its rule takes it.
    assert_eq!(operator.json(&["release", "Billing", "--group", one], 0).0["results"][0]["next"], 4);
    let (released, _) = operator.json(&["release", "Billing", "--all"], 0);
    assert_eq!(released["results"].as_array().unwrap().len(), 1, "{released}");
    assert_eq!(operator.json(&["release", "Billing", "--all"], 0).0["results"], json!([]));
    operator.catch_up("Billing");
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in operator.take("Billing", 3 + 4).await? {
        versions.entry(group(&message)).or_default().push(attribute(&message, "version").to_owned());
        assert!(consume(&mut consumer, &message), "{message:?}");
    }
    assert_eq!(versions[&groups[0]], ["4", "5", "6"]);
    assert_eq!(versions[&groups[1]], ["3", "4", "5", "6"]);
    assert!(consumer.len() == MARKS && consumer.values().all(|state| state.version == 6), "{consumer:?}");
    assert_eq!(operator.depth("Billing").await?, 0, "it got more");
    assert_eq!(operator.json(&["held"], 0).0["groups"], json!([]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_of_table_and_ledger_are_reported_and_missing_events_sent() -> anyhow::Result<()> {
    let operator = Operator::new("ledger-reconcile").await?;
    let expected = incarnations(MARKS, 3);
    operator.write(&expected, 0..3).await?;
    for client in CLIENTS {
        has_all_once(&mut operator.follower(client, &expected), &expected, 3).await?;
    }
    operator.until_clients_are("up to date").await;
    let compared = operator.json(&["reconcile"], 0).0;
    assert_eq!((&compared["groups"], &compared["is_complete"]), (&json!(MARKS), &json!(true)));

    // As if the stream had never shown the last event of one mark, a version of another had been given up, and the last
    // events of a third had been removed.
    let marks: Vec<&str> = expected.events()[..3].iter().map(|event| event.mark.as_str()).collect();
    let number = |value: &str| AttributeValue::N(value.to_owned());
    operator.set(marks[0], "version", number("2")).await?;
    operator.set(marks[1], "holes", AttributeValue::L(vec![number("2")])).await?;
    operator.set(marks[2], "version", number("9")).await?;
    let compared = operator.json(&["reconcile"], 6).0;
    let of = |kind: &str| -> Vec<(String, u64)> {
        let found = compared[kind].as_array().unwrap().iter();
        found
            .map(|one| (one["key"]["S"].as_str().unwrap().to_owned(), one["version"].as_u64().unwrap()))
            .collect()
    };
    let differs = |mark: &str, version| vec![(mark.to_owned(), version)];
    assert_eq!(of("missing"), differs(marks[0], 3));
    assert_eq!(of("holes"), differs(marks[1], 2));
    assert_eq!(of("ahead"), differs(marks[2], 9));
    assert_eq!(compared["ahead"][0]["highest"], 3);
    let commands = compared["holes"][0]["commands"].as_array().unwrap();
    assert_eq!(commands.len(), CLIENTS.len());
    let first = commands[0].as_str().unwrap();
    assert!(
        first.starts_with("fanoutctl replay Billing --group ") && first.ends_with(" --from 2"),
        "{first}"
    );
    // The missing event went through the fan-out.
    let start = Instant::now();
    while operator.number(marks[0], "version").await? != 3 {
        anyhow::ensure!(start.elapsed() < PATIENCE, "the missing event never came");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_ledger_is_found() -> anyhow::Result<()> {
    let operator = Operator::new("ledger-check").await?;
    let ledger = operator.ledger().await?;
    let dynamodb = operator.ground.connection().dynamodb();
    assert_eq!(operator.json(&["check"], 0).0["findings"], json!([]));
    let findings = || -> Vec<String> {
        let (found, _) = operator.json(&["check"], 6);
        let findings = found["findings"].as_array().unwrap().iter();
        let of_ledger = findings.filter(|finding| finding["subject"] == format!("ledger `{ledger}`"));
        of_ledger.map(|finding| finding["problem"].as_str().unwrap().to_owned()).collect()
    };
    let recovery =
        PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(false).build()?;
    let call = dynamodb.update_continuous_backups().table_name(&ledger);
    call.point_in_time_recovery_specification(recovery).send().await?;
    assert_eq!(findings(), ["nothing brings it back if it is lost or damaged"]);
    assert!(dynamodb.delete_table().table_name(&ledger).send().await.is_err(), "it is protected");
    dynamodb.update_table().table_name(&ledger).deletion_protection_enabled(false).send().await?;
    dynamodb.delete_table().table_name(&ledger).send().await?;
    assert_eq!(findings(), ["its table doesn't exist"]);
    let (status, _) = operator.json(&["status"], 4);
    assert!(status["clients"].is_null() && status["unknown"]["clients"].is_string(), "{status}");
    let (_, errors) = operator.run(&["pause", "Billing"], 4);
    assert!(errors.contains(&ledger), "{errors}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_traced_at_each_stage_and_what_is_said_mends_it() -> anyhow::Result<()> {
    let operator = Operator::new("ledger-trace").await?;
    let expected = incarnations(MARKS, ROUNDS);
    operator.write(&expected, 0..2).await?;
    let mut billing = operator.follower("Billing", &expected);
    has_all_once(&mut billing, &expected, 2).await?;
    operator.until_clients_are("up to date").await;
    let mark = expected.events()[0].mark.as_str();
    let trace =
        |status, version: &str| operator.json(&["trace", "--group", mark, "--version", version], status).0;
    let of = |traced: &Value, client: &str| -> Value {
        let clients = traced["clients"].as_array().unwrap();
        clients.iter().find(|row| row["client"] == client).unwrap().clone()
    };
    let (newest, _) = operator.json(&["trace", "--group", mark], 0);
    assert_eq!(
        newest["answer"],
        format!("version 2 of `{mark}`, the newest, is with all 3 clients that want it")
    );
    assert_eq!((&newest["place"], &newest["ledger"]["version"]), (&json!("fanned_out"), &json!(2)));
    assert_eq!(newest["event"]["event_id"], expected.events()[MARKS].id);
    assert_eq!(trace(0, "3")["place"], "nowhere");
    let encoded = Group::of(&Key::S(mark.to_owned()));
    let (_, hint) = operator.run(&["trace", "--group", encoded.as_str()], 2);
    assert!(hint.contains(&format!("did you mean `{mark}`?")), "{hint}");
    operator.run(&["trace", "--group", "no such mark"], 2);
    let (_, unread) = operator.run(&["status", "--config", "no-such.toml"], 3);
    assert!(unread.contains("`no-such.toml` can't be read"), "{unread}");

    // A queue is deleted, a group is held, and a client is paused.
    operator.run(&["hold", "Insurance", "--group", mark, "--reason", "breaks the import"], 0);
    operator.run(&["pause", "Enforcement"], 0);
    let mut tail = operator.tail("Insurance", mark)?;
    assert!(tail.line()?["detail"].as_str().unwrap().contains("held after version 2: breaks the import"));
    operator.delete_queue("Billing").await?;
    operator.write(&expected, 2..3).await?;
    operator.until_fanned_out(mark, 3).await?;
    operator.run(&["catch-up", "Billing"], 6);
    let behind = trace(6, "3");
    for (client, why, command) in [
        ("Billing", "queue_fails", "fanoutctl queue repair Billing".to_owned()),
        ("Insurance", "held", format!("fanoutctl release Insurance --group '{mark}'")),
        ("Enforcement", "paused", "fanoutctl resume Enforcement".to_owned()),
    ] {
        let row = of(&behind, client);
        assert_eq!((&row["state"], &row["why"]), (&json!("behind"), &json!(why)), "{row}");
        assert_eq!((&row["position"], &row["command"]), (&json!(2), &json!(command)), "{row}");
        assert!(row["behind_since"].is_string(), "{row}");
    }
    assert!(of(&behind, "Billing")["reason"].as_str().unwrap().contains("NonExistentQueue"), "{behind}");
    assert_eq!(of(&trace(0, "2"), "Billing")["state"], "sent");
    // A command that is printed names the config as the command line does.
    let config = operator.config.to_str().unwrap();
    let (text, _) = operator.run(&["trace", "--group", mark, "--config", config], 6);
    assert!(text.contains(&format!("→ fanoutctl queue repair Billing --config {config}\n")), "{text}");

    // What is said mends it.
    operator.run(&["queue", "repair", "Billing", "--yes"], 0);
    operator.run(&["release", "Insurance", "--group", mark], 0);
    operator.run(&["resume", "Enforcement"], 0);
    operator.run(&["catch-up", "--all"], 0);
    let sent = loop {
        let line = tail.line()?;
        if line["what"] != "state" {
            break line;
        }
    };
    assert_eq!((&sent["what"], &sent["version"]), (&json!("sent"), &json!(3)), "{sent}");
    assert_eq!(sent["event_id"], expected.events()[2 * MARKS].id);
    assert!(sent["body"].is_null(), "{sent}");
    assert_eq!(tail.interrupt()?, Some(130));
    assert_eq!(
        trace(0, "3")["answer"],
        format!("version 3 of `{mark}`, the newest, is with all 3 clients that want it")
    );

    // An event that can never be sent.
    let mut item = item_of(&expected.events()[3 * MARKS].item);
    item.remove("eventId");
    let put = operator.ground.connection().dynamodb().put_item().table_name(tables::EVENTS);
    put.set_item(Some(item)).send().await?;
    let rejected = trace(6, "4");
    assert_eq!(rejected["place"], "rejected");
    assert!(rejected["answer"].as_str().unwrap().contains("the event lacks `eventId`"), "{rejected}");
    Ok(())
}

/// An operator with the tool and a config, and nothing else, at a stack that was just deployed.
struct Operator {
    ground: Ground,
    config: PathBuf,
}

impl Operator {
    async fn new(name: &str) -> anyhow::Result<Self> {
        let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
        let clients = CLIENTS.map(|name| format!("[[client]]\nname = \"{name}\"\n"));
        // The last client's consumer may ask.
        let role = "request_role = \"arn:aws:iam::111122223333:role/consumer\"\n";
        fs::write(&config, format!("{SOURCE}{}{role}", clients.concat()))?;
        let operator = Self { ground: ground(name).await?, config };
        operator.run(&["deploy", "--yes", "--stream-arn", operator.ground.stream_arn()], 0);
        Ok(operator)
    }

    /// The config without this client.
    fn without(&self, client: &str) -> anyhow::Result<PathBuf> {
        let registered = format!("[[client]]\nname = \"{client}\"\n");
        let config = self.config.with_extension("without.toml");
        fs::write(&config, fs::read_to_string(&self.config)?.replace(&registered, ""))?;
        Ok(config)
    }

    /// Runs a command that ends with this status.
    fn run(&self, arguments: &[&str], status: i32) -> (String, String) {
        self.run_with(&self.config, arguments, status)
    }

    fn run_with(&self, config: &Path, arguments: &[&str], status: i32) -> (String, String) {
        let output = printed(&self.ground, config, arguments).unwrap();
        let [said, errors] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}{errors}");
        (said, errors)
    }

    fn json(&self, arguments: &[&str], status: i32) -> (Value, String) {
        let (said, errors) = self.run(&[arguments, &["--json"]].concat(), status);
        (serde_json::from_str(&said).unwrap(), errors)
    }

    /// Has a client caught up until it is up to date, even if a scheduled call serves it, too.
    fn catch_up(&self, client: &str) {
        self.run(&["catch-up", client], 0);
    }

    /// Waits until the fan-out has recorded a version of a mark.
    async fn until_fanned_out(&self, mark: &str, version: u64) -> anyhow::Result<()> {
        let start = Instant::now();
        while self.number(mark, "version").await? < version {
            anyhow::ensure!(start.elapsed() < PATIENCE, "version {version} of {mark} was not fanned out");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// Watches what a client is sent of a mark.
    fn tail(&self, client: &str, mark: &str) -> anyhow::Result<Tail> {
        let arguments = ["tail", client, "--group", mark, "--interval", "1", "--json"];
        let mut tail = fanoutctl(&self.ground, &self.config, &arguments)?.stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(tail.stdout.take().context("no standard output")?);
        Ok(Tail { tail, lines })
    }

    async fn delete_queue(&self, client: &str) -> anyhow::Result<()> {
        let sqs = self.ground.connection().sqs(ACCOUNT);
        sqs.delete_queue().queue_url(self.url(client)).send().await?;
        Ok(())
    }

    /// Waits until the condition holds for the clients, and returns them as `status` prints them.
    async fn until_status(
        &self,
        holds: impl Fn(&BTreeMap<String, Value>) -> bool,
    ) -> BTreeMap<String, Value> {
        let start = Instant::now();
        loop {
            let (status, _) = self.json(&["status"], 0);
            let clients = status["clients"].as_array().unwrap().iter();
            let clients: BTreeMap<_, _> = clients
                .map(|client| (client["client"].as_str().unwrap().to_owned(), client.clone()))
                .collect();
            if holds(&clients) {
                return clients;
            }
            assert!(start.elapsed() < PATIENCE, "{clients:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn until_clients_are(&self, state: &str) {
        let holds = |clients: &BTreeMap<String, Value>| {
            clients.len() == CLIENTS.len() && clients.values().all(|client| client["state"] == state)
        };
        self.until_status(holds).await;
    }

    fn follower<'e>(&self, client: &str, expected: &'e ExpectedEvents) -> Follower<'e> {
        Follower::new(self.ground.connection().target(ACCOUNT), self.url(client), expected)
    }

    fn url(&self, client: &str) -> String {
        self.ground.connection().queue_url(ACCOUNT, &format!("MarkFanOutClient{client}.fifo"))
    }

    async fn depth(&self, client: &str) -> anyhow::Result<u64> {
        Ok(sqs::depth(&self.ground.connection().target(ACCOUNT), &self.url(client)).await?.total())
    }

    async fn write(&self, expected: &ExpectedEvents, rounds: Range<usize>) -> anyhow::Result<()> {
        let range = rounds.start * MARKS..rounds.end * MARKS;
        let target = self.ground.connection().target(ACCOUNT);
        assert_eq!(write::write_range(&target, &expected.events(), range, &|_| ()).await?, []);
        Ok(())
    }

    /// Takes the next `count` messages out of a client's queue.
    async fn take(&self, client: &str, count: usize) -> anyhow::Result<Vec<Message>> {
        take(self.ground.connection(), client, &self.url(client), count, PATIENCE).await
    }

    /// Asks for a replay, as a client's consumer does.
    async fn ask(&self, client: &str, group: &str, from: i64) -> anyhow::Result<()> {
        let request = ReplayRequest { group: group.to_owned(), from };
        let call = self.ground.connection().sqs(ACCOUNT).send_message().queue_url(self.requests());
        let call = call.message_body(request.body()).message_group_id(client);
        call.message_deduplication_id(format!("{client}-{from}")).send().await?;
        Ok(())
    }

    /// Waits until catch-up has taken all requests of consumers.
    async fn until_nobody_asks(&self) -> anyhow::Result<()> {
        let (target, start) = (self.ground.connection().target(ACCOUNT), Instant::now());
        while !sqs::depth(&target, &self.requests()).await?.is_empty() {
            anyhow::ensure!(start.elapsed() < PATIENCE, "requests are left");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    fn requests(&self) -> String {
        self.ground.connection().queue_url(ACCOUNT, "MarkFanOutRequests.fifo")
    }

    /// The name of the ledger's table.
    async fn ledger(&self) -> anyhow::Result<String> {
        let tables = self.ground.connection().dynamodb().list_tables().send().await?;
        let ledger = tables.table_names().iter().find(|name| name.contains("LedgerTable"));
        Ok(ledger.cloned().unwrap())
    }

    /// Sets an attribute of a mark's item in the ledger. Only a test may do that.
    async fn set(&self, mark: &str, name: &str, value: AttributeValue) -> anyhow::Result<()> {
        let [pk, sk] = group_key(mark);
        let call = self.ground.connection().dynamodb().update_item().table_name(self.ledger().await?);
        let call = call.key("pk", pk).key("sk", sk).update_expression("SET #name = :value");
        call.expression_attribute_names("#name", name)
            .expression_attribute_values(":value", value)
            .send()
            .await?;
        Ok(())
    }

    async fn number(&self, mark: &str, name: &str) -> anyhow::Result<u64> {
        let [pk, sk] = group_key(mark);
        let call = self.ground.connection().dynamodb().get_item().table_name(self.ledger().await?);
        let item = call.key("pk", pk).key("sk", sk).consistent_read(true).send().await?.item.unwrap();
        Ok(item[name].as_n().unwrap().parse()?)
    }
}

/// A `tail` that runs.
struct Tail {
    tail: Child,
    lines: BufReader<ChildStdout>,
}

impl Tail {
    /// The next line that it prints.
    fn line(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Interrupts it, and returns its exit status.
    fn interrupt(&mut self) -> anyhow::Result<Option<i32>> {
        rustix::process::kill_process(Pid::from_child(&self.tail), Signal::INT)?;
        Ok(self.tail.wait()?.code())
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.tail.kill();
    }
}

fn group_key(mark: &str) -> [AttributeValue; 2] {
    let group = Group::of(&Key::S(mark.to_owned()));
    [format!("group#{group}"), "group".to_owned()].map(AttributeValue::S)
}

fn attribute<'m>(message: &'m Message, name: &str) -> &'m str {
    message.message_attributes.as_ref().unwrap()[name].string_value.as_deref().unwrap()
}

fn group(message: &Message) -> String {
    message.attributes.as_ref().unwrap()[&MessageSystemAttributeName::MessageGroupId].clone()
}

/// Has a consumer decide on a message by its rule. Returns whether it takes it.
fn consume(states: &mut BTreeMap<String, ConsumerState>, message: &Message) -> bool {
    let received = ReceivedMessage {
        version: attribute(message, "version").parse().unwrap(),
        previous_version: Some(attribute(message, "previousVersion").parse().unwrap()),
        incarnation: IncarnationToken::try_new(attribute(message, "incarnation")).ok(),
        is_erasure: false,
        replay: None,
    };
    let settings = ConsumerSettings { first_version: 1, start: Start::Anywhere };
    let state = states.remove(&group(message));
    let verdict = decide(state.as_ref(), &received, &settings);
    let is_taken = matches!(verdict, Verdict::Take { .. });
    states.extend(verdict.state_after(state).map(|state| (group(message), state)));
    is_taken
}

/// Every event of the first `rounds` has come, in order, once and unchanged.
async fn has_all_once(
    follower: &mut Follower<'_>,
    expected: &ExpectedEvents,
    rounds: usize,
) -> anyhow::Result<()> {
    let later: HashSet<usize> = (rounds * MARKS..expected.events().len()).collect();
    let (_sender, not_written) = watch::channel(Some(later.clone()));
    follower.until_complete(&not_written, PATIENCE, &|_| ()).await?;
    // An event that comes twice would be there now.
    follower.drain().await?;
    let verdict = follower.verdict(&later);
    assert!(verdict.is_good(), "{verdict:?}");
    Ok(())
}
