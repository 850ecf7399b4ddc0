//! A ledger for the fan-out's release binary: scripted, so that only the function is measured.

use std::collections::HashMap;
use std::io;

use serde_json::{Map, Value, json};
use testkit::wire::tables::{Answer, TablesStub};

use crate::messages::{GROUPS, VERSION, group};
use crate::support::{LEDGER_TABLE, mark, time};

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
    let registry = (
        "registry".to_owned(),
        json!({
            "pk": { "S": "registry" }, "sk": { "S": "registry" }, "format": { "N": "2" },
            "write_count": { "N": "1" }, "revision": { "N": "1" },
            "start": { "S": "2025-01-01T00:00:00Z" }, "clients": { "M": clients },
        }),
    );
    let items: HashMap<_, _> = (0..GROUPS).map(group_item).chain([registry]).collect();
    TablesStub::start_answering(move |request| {
        if request.operation != "BatchGetItem" {
            return Answer::Done(json!({}));
        }
        let keys = request.parameters.pointer("/RequestItems/Ledger/Keys").and_then(Value::as_array);
        let keys = keys.into_iter().flatten().filter_map(|key| key.pointer("/pk/S")?.as_str());
        let items = keys.map(|key| items.get(key).cloned().unwrap_or_default()).collect::<Vec<_>>();
        Answer::Done(json!({ "Responses": { LEDGER_TABLE: items }, "UnprocessedKeys": {} }))
    })
}

fn group_item(number: usize) -> (String, Value) {
    let key = format!("group#{}", group(number));
    let item = json!({
        "pk": { "S": key }, "sk": { "S": "group" }, "format": { "N": "2" },
        "write_count": { "N": "2" },
        "version": { "N": (VERSION - 1).to_string() }, "revision": { "N": "1" },
        "incarnation_number": { "N": "1" }, "token": { "S": "0123456789abcdef" },
        "first": { "M": { "sort": { "S": time(1) }, "version": { "N": "1" } } },
        "time": { "S": time(VERSION - 1) }, "key": { "S": mark(number) },
    });
    (key, item)
}
