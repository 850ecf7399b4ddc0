//! A ledger for the fan-out's release binary: scripted, so that only the function is measured.

use std::io;

use harness::tables::{Answer, TablesStub};
use serde_json::{Map, Value, json};

use crate::support::{LEDGER_TABLE, MESSAGES, VERSION, config, group, mark, time};

/// A config with this many clients and the ledger.
pub(crate) fn ledger_config(clients: usize) -> String {
    let source = "sort_key = 'createTime'\ntime = 'createTime'\nid = 'eventId'\nversion = 'RegistrationNumber.version'";
    config(clients).replacen("group", &format!("{source}\ngroup"), 1)
}

/// A ledger in which all `clients` are level with the event before those of [`messages`], for as many batches.
pub(crate) fn ledger(clients: &[String], batches: usize) -> io::Result<TablesStub> {
    let client = |(number, name): (usize, &String)| {
        let registration = json!({ "M": {
            "id": { "N": (number + 1).to_string() }, "state": { "S": "live" }, "history": { "BOOL": false },
            "since": { "N": "1" },
        } });
        (name.clone(), registration)
    };
    let clients: Map<_, _> = clients.iter().enumerate().map(client).collect();
    let control = json!({
        "pk": { "S": "control" }, "sk": { "S": "control" }, "rev": { "N": "1" }, "edition": { "N": "1" },
        "start": { "S": "2025-01-01T00:00:00Z" }, "clients": { "M": clients },
    });
    let group = |number: usize| {
        json!({
            "pk": { "S": format!("group#{}", group(number)) }, "sk": { "S": "group" }, "rev": { "N": "2" },
            "version": { "N": (VERSION - 1).to_string() }, "edition": { "N": "1" }, "life": { "N": "1" },
            "first": { "M": { "sort": { "S": time(1) }, "version": { "N": "1" } } },
            "time": { "S": time(VERSION - 1) }, "key": { "S": mark(number) },
        })
    };
    let items: Vec<Value> = [control].into_iter().chain((0..MESSAGES).map(group)).collect();
    let read = Answer::Done(json!({ "Responses": { LEDGER_TABLE: items }, "UnprocessedKeys": {} }));
    let written = Answer::Done(json!({}));
    let batch = [read].into_iter().chain(vec![written; MESSAGES]).collect::<Vec<_>>();
    TablesStub::start(vec![batch; batches].concat())
}
