//! What only some of AWS's targets do: batches, marks, objects that are there, and a group's deletion.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws::clock::SystemClock;
use aws::signed::Signed;
use push::event::Event;
use push::kind::Target;
use push::outcome::{Deliver, Delivered, FailureKind};
use serde_json::{Value, json};
use shared::config::{KinesisTarget, LambdaTarget, PushTarget, S3Target};
use testkit::wire::scripted::{Arrival, Reaction, ScriptedServer};

use super::world::{AwsKind, arn, block_on, bucket, event, home, signed};

use super::meanings::ids;

const LIMIT: Duration = Duration::from_secs(30);

fn target(server: &ScriptedServer, target: PushTarget) -> Target<Signed, SystemClock> {
    Target::new(target, home(), signed(server), SystemClock)
}

fn deliver(target: &impl Deliver, events: &[Event<'_>], mark: Option<&str>) -> Delivered {
    block_on(target.deliver(events, mark, LIMIT))
}

fn body(arrival: &Arrival) -> Value {
    serde_json::from_slice(&arrival.body).unwrap()
}

#[test]
fn a_batch_is_one_invocation_and_taken_up_to_the_event_that_is_returned() {
    let server = ScriptedServer::plain(|arrival| {
        let returned = ids(AwsKind::Lambda, arrival).into_iter().filter(|id| id == "e-2");
        let failures: Vec<Value> = returned.map(|id| json!({ "itemIdentifier": id })).collect();
        Reaction::answer(200, json!({ "batchItemFailures": failures }).to_string())
    });
    let function = LambdaTarget { function: arn("lambda", "function:sink:live"), batch: true };
    let target = target(&server, PushTarget::Lambda(function));
    assert_eq!(target.at_once(), 10);
    let events = ["e-1", "e-2", "e-3"].map(|id| event(id, 1, "{}"));
    let delivered = deliver(&target, &events, None);
    assert_eq!((delivered.taken, delivered.failure.unwrap().kind), (1, FailureKind::Event));
    assert_eq!(deliver(&target, &events[2..], None), Delivered::all(1));
    let tried: Vec<_> = server.arrivals().iter().map(|arrival| ids(AwsKind::Lambda, arrival)).collect();
    assert_eq!(tried, [vec!["e-1", "e-2", "e-3"], vec!["e-3"]]);
}

#[test]
fn a_record_is_put_behind_the_one_before() {
    let server = ScriptedServer::plain(|arrival| {
        let after = body(arrival)["SequenceNumberForOrdering"].as_str().unwrap_or("100").to_owned();
        // A stream that was made anew knows no number of the one before.
        if after == "9" {
            return Reaction::answer(
                400,
                r#"{"__type":"InvalidArgumentException","message":"no such number"}"#,
            );
        }
        let number = after.parse::<u64>().unwrap() + 1;
        Reaction::answer(200, json!({ "ShardId": "0", "SequenceNumber": number.to_string() }).to_string())
    });
    let stream = KinesisTarget { stream: arn("kinesis", "stream/marks") };
    let target = target(&server, PushTarget::Kinesis(stream));
    let events = ["e-1", "e-2"].map(|id| event(id, 1, "{}"));
    let first = deliver(&target, &events, None);
    assert_eq!(first, Delivered { taken: 2, mark: Some("102".to_owned()), failure: None });
    let again = deliver(&target, &events[..1], Some("9"));
    assert_eq!(again.mark.as_deref(), Some("101"));
    let arrivals = server.arrivals();
    let after: Vec<Value> =
        arrivals.iter().map(|arrival| body(arrival)["SequenceNumberForOrdering"].clone()).collect();
    assert_eq!(after, [Value::Null, json!("101"), json!("9"), Value::Null]);
    assert!(arrivals.iter().all(|arrival| body(arrival)["PartitionKey"] == "AFC%20F5"));
}

/// As much of a bucket as is asked for here: keys, decoded once.
fn bucket_server(keys: &Arc<Mutex<BTreeSet<String>>>) -> ScriptedServer {
    let keys = Arc::clone(keys);
    ScriptedServer::plain(move |arrival| {
        let mut keys = keys.lock().unwrap();
        assert_eq!(arrival.header("x-amz-expected-bucket-owner"), Some("111122223333"));
        let (path, query) = arrival.path.split_once('?').unwrap_or((arrival.path.as_str(), ""));
        match arrival.method.as_str() {
            "PUT" => {
                assert_eq!(arrival.header("if-none-match"), Some("*"));
                let key = path.strip_prefix("/marks/").unwrap().replace("%25", "%");
                let is_new = keys.insert(key);
                if is_new { Reaction::answer(200, "") } else { Reaction::answer(412, "<Error/>") }
            }
            "GET" => {
                let prefix = query.split('&').find_map(|part| part.strip_prefix("prefix=")).unwrap();
                let prefix = prefix.replace("%2F", "/").replace("%25", "%");
                let found: Vec<&String> =
                    keys.iter().filter(|key| key.starts_with(&prefix)).take(200).collect();
                let entry =
                    |key: &&String| format!("<Contents><Key>{}</Key></Contents>", key.replace('%', "%25"));
                let entries: String = found.iter().map(entry).collect();
                let list = format!(
                    "<ListBucketResult><KeyCount>{}</KeyCount>{entries}</ListBucketResult>",
                    found.len()
                );
                Reaction::answer(200, list)
            }
            _ => {
                assert_eq!(query, "delete=");
                let text = arrival.text();
                let asked = text.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap());
                for key in asked {
                    assert!(keys.remove(key), "{key}");
                }
                Reaction::answer(200, "<DeleteResult/>")
            }
        }
    })
}

#[test]
fn an_object_that_is_there_is_done() {
    let keys = Arc::default();
    let server = bucket_server(&keys);
    let target = target(&server, PushTarget::S3(bucket()));
    let event = event("e-1", 1, "{}");
    for _ in 0..2 {
        assert_eq!(deliver(&target, std::slice::from_ref(&event), None), Delivered::all(1));
    }
    let keys: Vec<String> = keys.lock().unwrap().iter().cloned().collect();
    assert_eq!(keys, ["archive/AFC%2520F5/0123456789abcdef/00000000000000000001-e-1.json"]);
}

fn erase(deletes_erased: bool) -> (Delivered, Vec<String>) {
    let of_group =
        (1..=450).map(|version| format!("archive/AFC%2520F5/0123456789abcdef/{version:020}-e.json"));
    let others = ["archive/AFC%2520F5/fedcba9876543210/00000000000000000001-e.json", "archive/AFC%2520F55/x"];
    let keys = Arc::new(Mutex::new(of_group.chain(others.map(str::to_owned)).collect::<BTreeSet<_>>()));
    let server = bucket_server(&keys);
    let target = target(&server, PushTarget::S3(S3Target { deletes_erased, ..bucket() }));
    let notice = Event { erased: Some("2026-11-29T09:00:00Z"), ..event("x-1", 451, r#"{"S":"AFC F5"}"#) };
    let delivered = deliver(&target, &[notice], None);
    let left = keys.lock().unwrap().iter().cloned().collect();
    (delivered, left)
}

#[test]
fn an_erased_group_has_no_objects_unless_they_are_kept() {
    let (delivered, left) = erase(true);
    assert_eq!((delivered, left), (Delivered::all(1), vec!["archive/AFC%2520F55/x".to_owned()]));
    let (delivered, left) = erase(false);
    assert_eq!((delivered, left.len()), (Delivered::all(1), 452));
}
