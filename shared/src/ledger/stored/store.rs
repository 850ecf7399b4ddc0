//! Items to attributes.

use std::collections::BTreeMap;

use super::{Attributes, Value, instant};
use crate::ids::Key;
use crate::ledger::{Control, GroupItem, Item, Lease, Marker, Registration, State, Walk};
use crate::time::Timestamp;

/// The item without its keys.
pub fn store(item: &Item) -> Attributes {
    match item {
        Item::Control(control) => of_control(control),
        Item::Group(group) => of_group(group),
        Item::Marker(marker) => of_marker(marker),
        Item::Lease(lease) => of_lease(lease),
        Item::Walk(walk) => of_walk(walk),
    }
}

fn of_control(control: &Control) -> Attributes {
    let clients = control.clients.iter();
    let clients = clients.map(|(name, client)| (name.as_str().to_owned(), Value::M(of_registration(client))));
    map([
        ("rev", number(control.rev.0)),
        ("edition", number(control.edition)),
        ("start", at(control.start)),
        ("clients", Value::M(clients.collect())),
    ])
}

fn of_registration(client: &Registration) -> Attributes {
    let state = match client.state {
        State::Live => "live",
        State::Paused => "paused",
        State::Retired => "retired",
    };
    let mut attributes = map([
        ("id", number(client.id.0.into())),
        ("state", Value::S(state.to_owned())),
        ("history", Value::Bool(client.history)),
        ("since", number(client.since)),
    ]);
    put(&mut attributes, "absent_at", client.absent_at.map(at));
    put(&mut attributes, "retired_at", client.retired_at.map(at));
    attributes
}

fn of_group(group: &GroupItem) -> Attributes {
    let first = map([("sort", of_key(&group.first.sort)), ("version", number(group.first.version))]);
    let mut attributes = map([
        ("rev", number(group.rev.0)),
        ("version", number(group.version)),
        ("edition", number(group.edition)),
        ("life", number(group.life)),
        ("first", Value::M(first)),
        ("key", of_key(&group.key)),
    ]);
    // DynamoDB has no empty sets.
    let behind = || Value::Ns(group.behind.iter().map(|client| client.0.to_string()).collect());
    put(&mut attributes, "behind", (!group.behind.is_empty()).then(behind));
    put(&mut attributes, "time", group.time.map(instant::store));
    let holes = || Value::L(group.holes.iter().copied().map(number).collect());
    put(&mut attributes, "holes", (!group.holes.is_empty()).then(holes));
    attributes
}

fn of_marker(marker: &Marker) -> Attributes {
    let replay = marker.replay.as_ref().map_or_else(String::new, |replay| replay.as_str().to_owned());
    map([
        ("rev", number(marker.rev.0)),
        ("spell", number(marker.spell)),
        ("life", number(marker.life)),
        ("have", number(marker.have)),
        ("again", number(marker.again)),
        ("replay", Value::S(replay)),
        ("at", at(marker.at)),
    ])
}

fn of_lease(lease: &Lease) -> Attributes {
    map([
        ("rev", number(lease.rev.0)),
        ("holder", number(lease.holder)),
        ("until", at(lease.until)),
        ("groups", Value::L(lease.groups.iter().map(|group| Value::S(group.as_str().to_owned())).collect())),
        ("failures", number(lease.failures.into())),
        ("not_before", at(lease.not_before)),
    ])
}

fn of_walk(walk: &Walk) -> Attributes {
    let mut attributes = map([
        ("rev", number(walk.rev.0)),
        ("edition", number(walk.edition)),
        ("at", at(walk.at)),
        ("is_on", Value::Bool(walk.is_on)),
    ]);
    let after = walk.after.as_ref();
    let after = after.map(|(key, sort)| Value::M(map([("key", of_key(key)), ("sort", of_key(sort))])));
    put(&mut attributes, "after", after);
    attributes
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Attributes {
    BTreeMap::from(entries.map(|(name, value)| (name.to_owned(), value)))
}

fn put(attributes: &mut Attributes, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        attributes.insert(name.to_owned(), value);
    }
}

fn number(number: u64) -> Value {
    Value::N(number.to_string())
}

fn at(instant: Timestamp) -> Value {
    instant::store(instant.into())
}

fn of_key(key: &Key) -> Value {
    match key {
        Key::S(text) => Value::S(text.clone()),
        Key::N(number) => Value::N(number.clone()),
        Key::B(bytes) => Value::B(bytes.clone()),
    }
}
