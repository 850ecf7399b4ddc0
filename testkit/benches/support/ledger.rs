//! A ledger for the fan-out's release binary: scripted, so that only the function is measured.

use std::io;

use serde_json::{Map, Value, json};
use testkit::wire::tables::{Answer, TablesStub};

use crate::support::{LEDGER_TABLE, MESSAGES, VERSION, group, mark, time};

/// A ledger in which all `clients` have the event before those of a batch of messages, for any number of batches.
pub(crate) fn ledger(clients: &[String]) -> io::Result<TablesStub> {
    let client = |(number, name): (usize, &String)| {
        let registration = json!({ "M": {
            "id": { "N": (number + 1).to_string() }, "state": { "S": "live" }, "history": { "BOOL": false },
            "since": { "N": "1" },
        } });
        (name.clone(), registration)
    };
    let clients: Map<_, _> = clients.iter().enumerate().map(client).collect();
    let registry = json!({
        "pk": { "S": "registry" }, "sk": { "S": "registry" }, "format": { "N": "2" },
        "write_count": { "N": "1" }, "revision": { "N": "1" },
        "start": { "S": "2025-01-01T00:00:00Z" }, "clients": { "M": clients },
    });
    let group = |number: usize| {
        json!({
            "pk": { "S": format!("group#{}", group(number)) }, "sk": { "S": "group" }, "format": { "N": "2" },
            "write_count": { "N": "2" },
            "version": { "N": (VERSION - 1).to_string() }, "revision": { "N": "1" }, "incarnation_number": { "N": "1" }, "token": { "S": "0123456789abcdef" },
            "first": { "M": { "sort": { "S": time(1) }, "version": { "N": "1" } } },
            "time": { "S": time(VERSION - 1) }, "key": { "S": mark(number) },
        })
    };
    let items: Vec<Value> = [registry].into_iter().chain((0..MESSAGES).map(group)).collect();
    let read = Answer::Done(json!({ "Responses": { LEDGER_TABLE: items }, "UnprocessedKeys": {} }));
    let written = Answer::Done(json!({}));
    TablesStub::start_repeating([read].into_iter().chain(vec![written; MESSAGES]))
}
