//! Items to attributes.

use std::collections::BTreeMap;

use super::{Attributes, FORMAT, FORMAT_WRITTEN, LAST_WRITTEN, Value, instant, packed};
use crate::ids::{IncarnationToken, Key, ReplayId};
use crate::ledger::{
    Cursor, Delivery, DeliveryRequest, DeliveryRequestKind, ErasureReceipt, First, GroupItem, Hold, Item,
    Lease, Pause, Registration, Registry, RequestAllowance, Scan, Settlement, State, TargetState,
};
use crate::time::Timestamp;

/// The item without its keys.
pub fn store(item: &Item) -> Attributes {
    let mut attributes = match item {
        Item::Registry(registry) => of_registry(registry),
        Item::Group(group) => of_group(group),
        Item::Cursor(cursor) => of_cursor(cursor),
        Item::Lease(lease) => of_lease(lease),
        Item::Scan(scan) => of_scan(scan),
        Item::Receipt(receipt) => of_receipt(receipt),
        Item::Requests(allowance) => of_requests(allowance),
        Item::Delivery(delivery) => of_delivery(delivery),
        Item::DeliveryRequest(request) => of_delivery_request(request),
        Item::Target(target) => of_target(target),
    };
    put(&mut attributes, FORMAT, Some(number(FORMAT_WRITTEN)));
    let unknown = match item {
        Item::Registry(registry) => &registry.unknown,
        Item::Group(group) => &group.unknown,
        Item::Cursor(cursor) => &cursor.unknown,
        Item::Lease(lease) => &lease.unknown,
        Item::Scan(scan) => &scan.unknown,
        Item::Receipt(receipt) => &receipt.unknown,
        Item::Requests(allowance) => &allowance.unknown,
        Item::Delivery(delivery) => &delivery.unknown,
        Item::DeliveryRequest(request) => &request.unknown,
        Item::Target(target) => &target.unknown,
    };
    with_unknown(attributes, unknown)
}

fn with_unknown(known: Attributes, unknown: &Attributes) -> Attributes {
    unknown.clone().into_iter().chain(known).collect()
}

fn of_registry(registry: &Registry) -> Attributes {
    let clients = registry.clients.iter();
    let clients = clients.map(|(name, client)| (name.as_str().to_owned(), Value::M(of_registration(client))));
    map([
        ("write_count", number(registry.write_count.0)),
        ("revision", number(registry.revision)),
        ("start", at(registry.start)),
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
        ("id", number(client.id.0)),
        ("state", Value::S(state.to_owned())),
        ("history", Value::Bool(client.history)),
        ("filter", Value::S(client.filter.as_str().to_owned())),
        ("erasures", Value::Bool(client.erasures)),
        ("since", number(client.since)),
    ]);
    put(&mut attributes, "pause", client.pause.as_ref().map(|pause| Value::M(of_pause(pause))));
    put(&mut attributes, "absent_at", client.absent_at.map(at));
    put(&mut attributes, "retired_at", client.retired_at.map(at));
    with_unknown(attributes, &client.unknown)
}

fn of_pause(pause: &Pause) -> Attributes {
    let mut attributes = map([("since", at(pause.since)), ("by", Value::S(pause.by.clone()))]);
    put(&mut attributes, "reason", pause.reason.clone().map(Value::S));
    attributes
}

fn of_group(group: &GroupItem) -> Attributes {
    let First { identity, version } = &group.first;
    let mut first = map([("sort", of_key(&identity.sort)), ("version", number(*version))]);
    put(&mut first, "id", identity.id.clone().map(Value::S));
    let mut attributes = map([
        ("write_count", number(group.write_count.0)),
        ("version", number(group.version)),
        ("revision", number(group.revision)),
        ("incarnation_number", number(group.incarnation_number)),
        ("token", Value::S(group.token.as_str().to_owned())),
        ("first", Value::M(first)),
        ("key", of_key(&group.key)),
    ]);
    // DynamoDB has no empty sets.
    let behind = || Value::Ns(group.behind.iter().map(|client| client.0.to_string()).collect());
    put(&mut attributes, "behind", (!group.behind.is_empty()).then(behind));
    let (last, sent) = (group.sent.last(), packed::pack(group.sent.exceptions()));
    put(
        &mut attributes,
        LAST_WRITTEN,
        (last.is_some() || !sent.is_empty()).then(|| number(group.write_count.0)),
    );
    put(&mut attributes, "last", last.map(number));
    put(&mut attributes, "sent", (!sent.is_empty()).then_some(Value::B(sent)));
    put(&mut attributes, "time", group.time.map(instant::store));
    put(&mut attributes, "streamed_at", group.streamed_at.map(at));
    for (name, versions) in [("holes", &group.holes), ("pairs", &group.pairs)] {
        let list = || Value::L(versions.iter().copied().map(number).collect());
        put(&mut attributes, name, (!versions.is_empty()).then(list));
    }
    put(&mut attributes, "closed", group.closed.map(at));
    // A release that knows nothing of it may begin another incarnation.
    put(&mut attributes, "closed_incarnation", group.closed.map(|_| number(group.incarnation_number)));
    attributes
}

fn of_cursor(cursor: &Cursor) -> Attributes {
    let replay = cursor.replay.as_ref();
    let mut attributes = map([
        ("write_count", number(cursor.write_count.0)),
        ("epoch", number(cursor.epoch)),
        ("incarnation_number", number(cursor.incarnation_number)),
        ("position", number(cursor.position)),
        ("replay_until", number(replay.map_or(0, |repeated| repeated.until))),
        ("replay", Value::S(replay.map_or_else(String::new, |repeated| repeated.id.as_str().to_owned()))),
        ("at", at(cursor.at)),
    ]);
    put(&mut attributes, LAST_WRITTEN, cursor.last.map(|_| number(cursor.write_count.0)));
    put(&mut attributes, "last", cursor.last.map(number));
    put(&mut attributes, "settles_at", replay.and_then(|repeated| repeated.settles_at).map(at));
    put(&mut attributes, "hold", cursor.hold.as_ref().map(|hold| Value::M(of_hold(hold))));
    attributes
}

fn of_hold(hold: &Hold) -> Attributes {
    let mut attributes = map([
        ("reason", Value::S(hold.reason.clone())),
        ("by", Value::S(hold.by.clone())),
        ("since", at(hold.since)),
    ]);
    let skipped = hold.skipped.iter().map(|skipped| {
        Value::M(map([("version", number(skipped.version)), ("reason", Value::S(skipped.reason.clone()))]))
    });
    put(&mut attributes, "skipped", (!hold.skipped.is_empty()).then(|| Value::L(skipped.collect())));
    attributes
}

fn of_lease(lease: &Lease) -> Attributes {
    let mut attributes = map([
        ("write_count", number(lease.write_count.0)),
        ("holder", number(lease.holder)),
        ("until", at(lease.until)),
        ("groups", Value::L(lease.groups.iter().map(|group| Value::S(group.as_str().to_owned())).collect())),
        ("failures", number(lease.failures)),
        ("not_before", at(lease.not_before)),
    ]);
    put(&mut attributes, "failure", lease.failure.clone().map(Value::S));
    let refused = lease.refused.iter().map(|refused| {
        let group = Value::S(refused.group.as_str().to_owned());
        Value::M(map([("group", group), ("reason", Value::S(refused.reason.clone()))]))
    });
    put(&mut attributes, "refused", (!lease.refused.is_empty()).then(|| Value::L(refused.collect())));
    attributes
}

fn of_scan(scan: &Scan) -> Attributes {
    let mut attributes = map([
        ("write_count", number(scan.write_count.0)),
        ("revision", number(scan.revision)),
        ("at", at(scan.at)),
        ("is_on", Value::Bool(scan.is_on)),
    ]);
    let after = scan.after.as_ref();
    let after = after.map(|(key, sort)| Value::M(map([("key", of_key(key)), ("sort", of_key(sort))])));
    put(&mut attributes, "after", after);
    attributes
}

fn of_requests(allowance: &RequestAllowance) -> Attributes {
    map([
        ("write_count", number(allowance.write_count.0)),
        ("left", number(allowance.left)),
        ("at", at(allowance.at)),
    ])
}

fn of_delivery(delivery: &Delivery) -> Attributes {
    let mut attributes = map([("write_count", number(delivery.write_count.0))]);
    put(&mut attributes, "state", delivery.state.as_ref().map(|state| Value::S(state.to_text())));
    let place = delivery.place.map(|place| {
        let sequence_number = Value::S(place.sequence_number.to_string());
        Value::M(map([("sequence_number", sequence_number), ("sent_at", at(place.sent_at))]))
    });
    put(&mut attributes, "place", place);
    put(&mut attributes, "mark", delivery.mark.clone().map(Value::S));
    let refused = delivery.refused.as_ref().map(|refused| {
        let mut attributes = map([("version", number(refused.version)), ("since", at(refused.since))]);
        put(&mut attributes, "incarnation", refused.incarnation.as_ref().map(of_token));
        Value::M(attributes)
    });
    put(&mut attributes, "refused", refused);
    put(&mut attributes, "asked_at", delivery.asked_at.map(at));
    attributes
}

fn of_delivery_request(request: &DeliveryRequest) -> Attributes {
    let (kind, reason) = match &request.kind {
        DeliveryRequestKind::Hold { reason } => ("hold", Some(reason.clone())),
        DeliveryRequestKind::Replay => ("replay", None),
    };
    let mut attributes = map([
        ("write_count", number(request.write_count.0)),
        ("kind", Value::S(kind.to_owned())),
        ("from", number(request.from)),
        ("id", of_replay(&request.id)),
        ("at", at(request.at)),
    ]);
    put(&mut attributes, "reason", reason.map(Value::S));
    put(&mut attributes, "incarnation", request.incarnation.as_ref().map(of_token));
    put(&mut attributes, "shown_by", request.shown_by.as_ref().map(of_replay));
    put(&mut attributes, "done_at", request.done_at.map(at));
    put(&mut attributes, "failure", request.failure.clone().map(Value::S));
    attributes
}

fn of_target(target: &TargetState) -> Attributes {
    let mut attributes = map([("write_count", number(target.write_count.0))]);
    let breaker = target.breaker.as_ref().map(|breaker| {
        let mut attributes = map([
            ("since", at(breaker.since)),
            ("probe_at", at(breaker.probe_at)),
            ("probes", number(breaker.probes)),
            ("reason", Value::S(breaker.reason.clone())),
        ]);
        put(&mut attributes, "alike", breaker.alike.clone().map(Value::S));
        Value::M(attributes)
    });
    put(&mut attributes, "breaker", breaker);
    let gone = target.gone.as_ref().map(|gone| {
        let mut attributes = map([("since", at(gone.since)), ("reason", Value::S(gone.reason.clone()))]);
        put(&mut attributes, "paused_at", gone.paused_at.map(at));
        Value::M(attributes)
    });
    put(&mut attributes, "gone", gone);
    let refusals = target.refusals.iter().map(|refusal| {
        Value::M(map([
            ("group", Value::S(refusal.group.as_str().to_owned())),
            ("alike", Value::S(refusal.alike.clone())),
            ("at", at(refusal.at)),
        ]))
    });
    put(&mut attributes, "refusals", (!target.refusals.is_empty()).then(|| Value::L(refusals.collect())));
    let failure = target.failure.as_ref().map(|failure| {
        Value::M(map([
            ("at", at(failure.at)),
            ("group", Value::S(failure.group.as_str().to_owned())),
            ("reason", Value::S(failure.reason.clone())),
        ]))
    });
    put(&mut attributes, "failure", failure);
    attributes
}

fn of_token(token: &IncarnationToken) -> Value {
    Value::S(token.as_str().to_owned())
}

fn of_replay(id: &ReplayId) -> Value {
    Value::S(id.as_str().to_owned())
}

fn of_receipt(receipt: &ErasureReceipt) -> Attributes {
    let mut attributes = map([
        ("write_count", number(receipt.write_count.0)),
        ("key", of_key(&receipt.key)),
        ("token", Value::S(receipt.token.as_str().to_owned())),
        ("closed_at", at(receipt.closed_at)),
    ]);
    if let Some((settlement, settled_at)) = receipt.settled {
        let settlement = match settlement {
            Settlement::Told => "told",
            Settlement::Superseded => "superseded",
            Settlement::Retired => "retired",
        };
        put(&mut attributes, "settlement", Some(Value::S(settlement.to_owned())));
        put(&mut attributes, "settled_at", Some(at(settled_at)));
    }
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

fn number(number: impl ToString) -> Value {
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
