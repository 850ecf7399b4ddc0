//! `fanoutctl hold`, `release` and `skip`: a client gets nothing of some groups, then everything, or all but an event.

mod report;
mod request;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use aws::operator::table::KeyType;
use shared::control::{ControlRequest, REPLAY_KEYS_LIMIT, TypedKey};
use shared::ledger::{Registration, State};
use shared::text::counted;

use self::report::{Report, text};
use self::request::{HoldTally, request};
use super::event_keys::{StackEventTable, did_you_mean, named_key};
use super::operator::{Operator, registered, served};
use super::replay::fresh_id;
use crate::args::{HoldArguments, ReleaseArguments, SkipArguments};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::groups_behind::GroupBehind;
use crate::progress::{Progress, unless_quick};

/// The wanted change of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
enum Change {
    /// Nothing is sent until they are released.
    Hold,
    /// They are sent again.
    Release,
    /// Their next event is left out.
    Skip,
}

/// Holds groups for a client.
///
/// # Errors
///
/// [`Failure`]: there is no such client, a key is none, or AWS or the function refused.
pub async fn hold(context: &Context, arguments: &HoldArguments) -> Result<Exit, Failure> {
    let HoldArguments { client, groups, from, reason } = arguments;
    let operator = Operator::of_stack(context).await?;
    // Also a client that leaves: it may come back.
    let registration = registered(&operator.registry, client)?;
    let keys = keys_of(&operator, groups).await?;
    operator.log(&format!("hold {} for client `{client}`: {reason}", counted(keys.keys.len(), "group")));
    let make = |keys| ControlRequest::Hold {
        client: client.clone(),
        keys,
        from: *from,
        reason: reason.clone(),
        replay: fresh_id(),
        caller: None,
    };
    change(context, &operator, registration, Change::Hold, (client, keys), make).await
}

/// Releases groups that are held for a client.
///
/// # Errors
///
/// [`Failure`]: there is no such client, a key is none, or AWS or the function refused.
pub async fn release(context: &Context, arguments: &ReleaseArguments) -> Result<Exit, Failure> {
    let ReleaseArguments { client, scope, reason } = arguments;
    let operator = Operator::of_stack(context).await?;
    let registration = served(&operator.registry, client)?;
    let keys = if scope.all {
        let held = unless_quick("reading the ledger", operator.ledger.held(registration.id)).await?;
        NamedKeys { keys: held_for(held, reason.as_deref()), meant: BTreeMap::new() }
    } else {
        keys_of(&operator, &scope.groups).await?
    };
    let why =
        reason.as_ref().map(|reason| format!(", held for a reason with `{reason}`")).unwrap_or_default();
    operator.log(&format!("release {} for client `{client}`{why}", counted(keys.keys.len(), "group")));
    let make = |keys| ControlRequest::Release { client: client.clone(), keys, caller: None };
    change(context, &operator, registration, Change::Release, (client, keys), make).await
}

/// The keys of the groups that are held for a reason that has `text` in it; of all, if there is none.
fn held_for(held: Vec<GroupBehind>, text: Option<&str>) -> Vec<TypedKey> {
    let is_meant = |held: &GroupBehind| {
        text.is_none_or(|text| held.hold.as_ref().is_some_and(|hold| hold.reason.contains(text)))
    };
    held.into_iter().filter(is_meant).map(|held| held.key).collect()
}

/// Leaves out the next event of a group that is held for a client.
///
/// # Errors
///
/// [`Failure`]: there is no such client, the key is none, or AWS or the function refused.
pub async fn skip(context: &Context, arguments: &SkipArguments) -> Result<Exit, Failure> {
    let SkipArguments { client, group, event_version: version, reason } = arguments;
    let operator = Operator::of_stack(context).await?;
    let registration = served(&operator.registry, client)?;
    let keys = keys_of(&operator, std::slice::from_ref(group)).await?;
    operator.log(&format!("skip version {version} of a group for client `{client}`: {reason}"));
    let [key] = keys.keys.as_slice() else { return Err(Exit::Fault.because("one group has one key")) };
    let (key, version) = (key.clone(), *version);
    let make = |_| ControlRequest::Skip {
        client: client.clone(),
        key: key.clone(),
        version,
        reason: reason.clone(),
        caller: None,
    };
    change(context, &operator, registration, Change::Skip, (client, keys), make).await
}

/// Requests the change, and prints what became of it: also of a part, if the rest could not be requested.
async fn change(
    context: &Context,
    operator: &Operator,
    registration: &Registration,
    change: Change,
    (client, NamedKeys { keys, meant }): (&str, NamedKeys),
    make: impl FnMut(Vec<TypedKey>) -> ControlRequest,
) -> Result<Exit, Failure> {
    let mut tally = HoldTally::default();
    let total = keys.len();
    let ended = if total > REPLAY_KEYS_LIMIT {
        let bar = Progress::of(total as u64);
        let show =
            |done: usize| bar.is_at(done as u64, total as u64, &format!("{done} of {total} groups done"));
        let ended = request(operator, &keys, make, &mut tally, show).await;
        bar.finish();
        ended
    } else {
        let asking = request(operator, &keys, make, &mut tally, |_| {});
        unless_quick("waiting for the catch-up function", asking).await
    };
    let left = keys.len() - tally.results.len();
    tally.explain(&meant);
    let is_paused = tally.paused || registration.state == State::Paused;
    let report = Report { client: client.to_owned(), change, tally, left, is_paused };
    if ended.is_ok() || !report.tally.results.is_empty() {
        context.output.print(&report, |report, style| text(report, &operator.stack_option(), style))?;
    }
    ended.map(|()| report.exit())
}

/// The keys of aggregates that an operator named.
struct NamedKeys {
    /// Each once.
    keys: Vec<TypedKey>,
    /// For a key that may be the `MessageGroupId` of another: that one.
    meant: BTreeMap<String, String>,
}

impl NamedKeys {
    /// The keys that `groups` stand for in a table whose keys are of this type.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`]: one of them is not a key of that type.
    fn try_new(groups: &[String], of: KeyType) -> Result<Self, Failure> {
        let mut named = Self { keys: Vec::new(), meant: BTreeMap::new() };
        for text in groups {
            let (key, meant) = named_key(text, of)?;
            if let Some(meant) = meant {
                named.meant.insert(text.clone(), did_you_mean(&meant));
            }
            if !named.keys.contains(&key) {
                named.keys.push(key);
            }
        }
        Ok(named)
    }
}

async fn keys_of(operator: &Operator, groups: &[String]) -> Result<NamedKeys, Failure> {
    NamedKeys::try_new(groups, StackEventTable::of_stack(operator).await?.key_type()?)
}
