//! Attributes to items: strictly, for what is misread becomes a wrong decision.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::{self, Fields};
use super::{Attributes, Damage, FORMAT, LAST_WRITTEN, Value, check_format, packed};
use crate::config::ClientName;
use crate::consumer::ConsumerState;
use crate::filter::FilterDigest;
use crate::ids::{EventIdentity, Group, IncarnationToken, ReplayId};
use crate::ledger::{
    ClientId, Cursor, Delivery, DeliveryRequest, DeliveryRequestKind, ErasureReceipt, First, Gone, GroupItem,
    Hold, Item, ItemKey, LastSent, LastVersion, Lease, OpenBreaker, Pause, QueuePlace, Refusal, RefusedEvent,
    RefusedHead, Registration, Registry, Repetition, RequestAllowance, Scan, Settlement, SkippedEvent, State,
    TargetFailure, TargetState, WriteCount,
};

/// The item under `key`, which has these attributes besides its keys. Of the item itself and of registrations,
/// attributes that are unknown are kept; in other maps there are none.
///
/// # Errors
///
/// [`Damage`] if the item is of another format, or an attribute is missing or not what belongs there.
pub fn restore(key: &ItemKey, mut attributes: Attributes) -> Result<Item, Damage> {
    check_format(attributes.remove(FORMAT).as_ref())?;
    let mut fields = Fields::of_item(attributes);
    Ok(match key {
        ItemKey::Registry => Item::Registry(registry(&mut fields)?),
        ItemKey::Group(_) => Item::Group(Box::new(group(&mut fields)?)),
        ItemKey::Cursor(..) => Item::Cursor(cursor(&mut fields)?),
        ItemKey::Lease(_) => Item::Lease(lease(&mut fields)?),
        ItemKey::Scan(_) => Item::Scan(scan(&mut fields)?),
        ItemKey::Due(..) | ItemKey::Receipt(..) => Item::Receipt(receipt(&mut fields)?),
        ItemKey::Requests(_) => Item::Requests(requests(&mut fields)?),
        ItemKey::Delivery(..) => Item::Delivery(delivery(&mut fields)?),
        ItemKey::DeliveryRequest(..) => Item::DeliveryRequest(delivery_request(&mut fields)?),
        ItemKey::Target(_) => Item::Target(Box::new(target(&mut fields)?)),
    })
}

fn registry(fields: &mut Fields) -> Result<Registry, Damage> {
    Ok(Registry {
        write_count: fields.write_count()?,
        revision: fields.number("revision")?,
        start: fields.instant("start")?,
        clients: fields.map("clients", clients)?,
        unknown: fields.take_rest(),
    })
}

fn clients(fields: &mut Fields) -> Result<BTreeMap<ClientName, Registration>, Damage> {
    let mut clients = BTreeMap::new();
    for text in fields.names() {
        let name = ClientName::try_new(&text).map_err(|_| fields.damaged(&text, "is not a client's name"))?;
        clients.insert(name, fields.map(&text, registration)?);
    }
    Ok(clients)
}

fn registration(fields: &mut Fields) -> Result<Registration, Damage> {
    let state = match fields.text("state")?.as_str() {
        "live" => State::Live,
        "paused" => State::Paused,
        "retired" => State::Retired,
        _ => return Err(fields.damaged("state", "is not `live`, `paused` or `retired`")),
    };
    Ok(Registration {
        id: ClientId(fields.number("id")?),
        state,
        pause: fields.if_any("pause", |fields| fields.map("pause", pause))?,
        history: fields.boolean("history")?,
        // A release that knows no filters has clients that want all.
        filter: fields.if_any("filter", filter)?.unwrap_or_else(|| FilterDigest::of(None)),
        erasures: fields.if_any("erasures", |fields| fields.boolean("erasures"))?.unwrap_or_default(),
        since: fields.number("since")?,
        absent_at: fields.if_any("absent_at", |fields| fields.instant("absent_at"))?,
        retired_at: fields.if_any("retired_at", |fields| fields.instant("retired_at"))?,
        unknown: fields.take_rest(),
    })
}

fn pause(fields: &mut Fields) -> Result<Pause, Damage> {
    Ok(Pause {
        since: fields.instant("since")?,
        by: fields.text("by")?,
        reason: fields.if_any("reason", |fields| fields.text("reason"))?,
    })
}

fn filter(fields: &mut Fields) -> Result<FilterDigest, Damage> {
    let text = fields.text("filter")?;
    FilterDigest::try_new(&text).map_err(|_| fields.damaged("filter", "is not 16 hexadecimal digits"))
}

fn group(fields: &mut Fields) -> Result<GroupItem, Damage> {
    let behind = fields.if_any("behind", |fields| fields.numbers::<_, Vec<u32>>("behind"))?;
    let write_count = fields.write_count()?;
    let exceptions =
        fields.if_any("sent", |fields| fields.bytes("sent", packed::unpack))?.unwrap_or_default();
    let last = last(fields, write_count)?;
    let sent = last.map(|last| LastSent::new(last, exceptions)).unwrap_or_default();
    let incarnation_number = fields.number("incarnation_number")?;
    let closed_incarnation =
        fields.if_any("closed_incarnation", |fields| fields.number::<u64>("closed_incarnation"))?;
    let closed = fields.if_any("closed", |fields| fields.instant("closed"))?;
    let closed = closed.filter(|_| closed_incarnation == Some(incarnation_number));
    let first = |fields: &mut Fields| {
        let id = fields.if_any("id", |fields| fields.text("id"))?;
        let identity = EventIdentity { sort: fields.key("sort")?, id };
        Ok(First { identity, version: fields.version("version")? })
    };
    Ok(GroupItem {
        write_count,
        version: fields.version("version")?,
        sent,
        behind: behind.into_iter().flatten().map(ClientId).collect::<BTreeSet<_>>(),
        revision: fields.number("revision")?,
        incarnation_number,
        token: token(fields)?,
        first: fields.map("first", first)?,
        time: fields.if_any("time", |fields| fields.event_time("time"))?,
        streamed_at: fields.if_any("streamed_at", |fields| fields.instant("streamed_at"))?,
        key: fields.key("key")?,
        holes: fields.if_any("holes", |fields| fields.list("holes", fields::version))?.unwrap_or_default(),
        pairs: fields.if_any("pairs", |fields| fields.list("pairs", fields::version))?.unwrap_or_default(),
        closed,
        unknown: fields.take_rest(),
    })
}

/// What was sent last; `None` if that is not known, because another release has written the item since.
fn last(fields: &mut Fields, write_count: WriteCount) -> Result<Option<LastVersion>, Damage> {
    let written = fields.if_any(LAST_WRITTEN, |fields| fields.number(LAST_WRITTEN).map(WriteCount))?;
    let last = fields.if_any("last", |fields| fields.version("last"))?;
    Ok((written == Some(write_count)).then_some(last))
}

fn token(fields: &mut Fields) -> Result<IncarnationToken, Damage> {
    let text = fields.text("token")?;
    IncarnationToken::try_new(&text).map_err(|_| fields.damaged("token", "is not 16 hexadecimal digits"))
}

fn cursor(fields: &mut Fields) -> Result<Cursor, Damage> {
    let (id, until) = (fields.text("replay")?, fields.version("replay_until")?);
    let settles_at = fields.if_any("settles_at", |fields| fields.instant("settles_at"))?;
    let replay = match id.as_str() {
        "" => None,
        text => {
            let id = ReplayId::try_new(text).map_err(|_| fields.damaged("replay", "is not a replay's id"))?;
            Some(Repetition { id, until, settles_at })
        }
    };
    let write_count = fields.write_count()?;
    Ok(Cursor {
        write_count,
        epoch: fields.number("epoch")?,
        incarnation_number: fields.number("incarnation_number")?,
        position: fields.version("position")?,
        last: last(fields, write_count)?.flatten(),
        replay,
        at: fields.instant("at")?,
        hold: fields.if_any("hold", |fields| fields.map("hold", hold))?,
        unknown: fields.take_rest(),
    })
}

fn hold(fields: &mut Fields) -> Result<Hold, Damage> {
    let skipped = fields.if_any("skipped", |fields| fields.list("skipped", skipped))?;
    Ok(Hold {
        reason: fields.text("reason")?,
        by: fields.text("by")?,
        since: fields.instant("since")?,
        skipped: skipped.unwrap_or_default(),
    })
}

fn skipped(value: &Value) -> Option<SkippedEvent> {
    let Value::M(attributes) = value else { return None };
    let Value::S(reason) = attributes.get("reason")? else { return None };
    Some(SkippedEvent { version: fields::version(attributes.get("version")?)?, reason: reason.clone() })
}

fn group_name(value: &Value) -> Option<Group> {
    let Value::S(text) = value else { return None };
    Group::try_from_sqs(text).ok()
}

fn refused(value: &Value) -> Option<RefusedEvent> {
    let Value::M(attributes) = value else { return None };
    let Value::S(reason) = attributes.get("reason")? else { return None };
    Some(RefusedEvent { group: group_name(attributes.get("group")?)?, reason: reason.clone() })
}

fn lease(fields: &mut Fields) -> Result<Lease, Damage> {
    let refused = fields.if_any("refused", |fields| fields.list("refused", refused))?;
    Ok(Lease {
        write_count: fields.write_count()?,
        holder: fields.number("holder")?,
        until: fields.instant("until")?,
        groups: fields.list("groups", group_name)?,
        failures: fields.number("failures")?,
        not_before: fields.instant("not_before")?,
        failure: fields.if_any("failure", |fields| fields.text("failure"))?,
        refused: refused.unwrap_or_default(),
        unknown: fields.take_rest(),
    })
}

fn scan(fields: &mut Fields) -> Result<Scan, Damage> {
    let after =
        |fields: &mut Fields| fields.map("after", |after| Ok((after.key("key")?, after.key("sort")?)));
    Ok(Scan {
        write_count: fields.write_count()?,
        revision: fields.number("revision")?,
        at: fields.instant("at")?,
        after: fields.if_any("after", after)?,
        is_on: fields.boolean("is_on")?,
        unknown: fields.take_rest(),
    })
}

fn requests(fields: &mut Fields) -> Result<RequestAllowance, Damage> {
    Ok(RequestAllowance {
        write_count: fields.write_count()?,
        left: fields.number("left")?,
        at: fields.instant("at")?,
        unknown: fields.take_rest(),
    })
}

fn delivery(fields: &mut Fields) -> Result<Delivery, Damage> {
    let state = |fields: &mut Fields| {
        let text = fields.text("state")?;
        ConsumerState::try_from_text(&text)
            .map_err(|_| fields.damaged("state", "is not the state of a consumer"))
    };
    let place = |fields: &mut Fields| {
        let sequence_number = fields.text("sequence_number")?.parse();
        let sequence_number = sequence_number
            .map_err(|_| fields.damaged("sequence_number", "is not a whole number in its range"))?;
        Ok(QueuePlace { sequence_number, sent_at: fields.instant("sent_at")? })
    };
    let refused = |fields: &mut Fields| {
        Ok(RefusedHead {
            version: fields.version("version")?,
            incarnation: incarnation(fields)?,
            since: fields.instant("since")?,
        })
    };
    Ok(Delivery {
        write_count: fields.write_count()?,
        state: fields.if_any("state", state)?,
        place: fields.if_any("place", |fields| fields.map("place", place))?,
        mark: fields.if_any("mark", |fields| fields.text("mark"))?,
        refused: fields.if_any("refused", |fields| fields.map("refused", refused))?,
        asked_at: fields.if_any("asked_at", |fields| fields.instant("asked_at"))?,
        unknown: fields.take_rest(),
    })
}

fn delivery_request(fields: &mut Fields) -> Result<DeliveryRequest, Damage> {
    let kind = match fields.text("kind")?.as_str() {
        "hold" => DeliveryRequestKind::Hold { reason: fields.text("reason")? },
        "replay" => DeliveryRequestKind::Replay,
        _ => return Err(fields.damaged("kind", "is not `hold` or `replay`")),
    };
    Ok(DeliveryRequest {
        write_count: fields.write_count()?,
        kind,
        from: fields.version("from")?,
        incarnation: incarnation(fields)?,
        shown_by: fields.if_any("shown_by", |fields| replay_id(fields, "shown_by"))?,
        id: replay_id(fields, "id")?,
        at: fields.instant("at")?,
        done_at: fields.if_any("done_at", |fields| fields.instant("done_at"))?,
        failure: fields.if_any("failure", |fields| fields.text("failure"))?,
        unknown: fields.take_rest(),
    })
}

fn target(fields: &mut Fields) -> Result<TargetState, Damage> {
    let breaker = |fields: &mut Fields| {
        Ok(OpenBreaker {
            since: fields.instant("since")?,
            probe_at: fields.instant("probe_at")?,
            probes: fields.number("probes")?,
            reason: fields.text("reason")?,
            alike: fields.if_any("alike", |fields| fields.text("alike"))?,
        })
    };
    let gone = |fields: &mut Fields| {
        Ok(Gone {
            since: fields.instant("since")?,
            reason: fields.text("reason")?,
            paused_at: fields.if_any("paused_at", |fields| fields.instant("paused_at"))?,
        })
    };
    let failure = |fields: &mut Fields| {
        let group = fields.text("group")?;
        Ok(TargetFailure {
            at: fields.instant("at")?,
            group: Group::try_from_sqs(&group).map_err(|_| fields.damaged("group", "is not a group"))?,
            reason: fields.text("reason")?,
        })
    };
    Ok(TargetState {
        write_count: fields.write_count()?,
        breaker: fields.if_any("breaker", |fields| fields.map("breaker", breaker))?,
        gone: fields.if_any("gone", |fields| fields.map("gone", gone))?,
        refusals: fields.if_any("refusals", |fields| fields.list("refusals", refusal))?.unwrap_or_default(),
        failure: fields.if_any("failure", |fields| fields.map("failure", failure))?,
        unknown: fields.take_rest(),
    })
}

fn refusal(value: &Value) -> Option<Refusal> {
    let Value::M(attributes) = value else { return None };
    let Value::S(alike) = attributes.get("alike")? else { return None };
    let group = group_name(attributes.get("group")?)?;
    Some(Refusal { group, alike: alike.clone(), at: fields::instant_of(attributes.get("at")?)? })
}

fn incarnation(fields: &mut Fields) -> Result<Option<IncarnationToken>, Damage> {
    fields.if_any("incarnation", |fields| {
        let text = fields.text("incarnation")?;
        IncarnationToken::try_new(&text)
            .map_err(|_| fields.damaged("incarnation", "is not 16 hexadecimal digits"))
    })
}

fn replay_id(fields: &mut Fields, name: &str) -> Result<ReplayId, Damage> {
    let text = fields.text(name)?;
    ReplayId::try_new(&text).map_err(|_| fields.damaged(name, "is not a replay's id"))
}

fn receipt(fields: &mut Fields) -> Result<ErasureReceipt, Damage> {
    let settlement = fields.if_any("settlement", |fields| match fields.text("settlement")?.as_str() {
        "told" => Ok(Settlement::Told),
        "superseded" => Ok(Settlement::Superseded),
        "retired" => Ok(Settlement::Retired),
        _ => Err(fields.damaged("settlement", "is not `told`, `superseded` or `retired`")),
    })?;
    let settled = match settlement {
        Some(settlement) => Some((settlement, fields.instant("settled_at")?)),
        None => None,
    };
    Ok(ErasureReceipt {
        write_count: fields.write_count()?,
        key: fields.key("key")?,
        token: token(fields)?,
        closed_at: fields.instant("closed_at")?,
        settled,
        unknown: fields.take_rest(),
    })
}
