//! Requests a change of some groups, as many at a time as one request has.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use shared::control::{ControlRequest, GroupHold, HoldOutcome, HoldReport, REPLAY_KEYS_LIMIT, TypedKey};

use crate::commands::operator::{CatchUpFunction, understood};
use crate::exit::Failure;

/// How many times a request is made whose result is unknown. Each of these requests does nothing the second time.
const TRIES: u32 = 3;

/// The pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_secs(1);

/// What became of groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct HoldTally {
    /// One for each group that was requested, in order.
    pub(super) results: Vec<KeyHold>,
    /// Whether too many groups are held, so that the client is paused instead.
    pub(super) paused: bool,
}

/// What became of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct KeyHold {
    pub(super) key: TypedKey,
    #[serde(flatten)]
    pub(super) result: GroupHold,
}

/// Makes a request for each part of `keys`, and adds the results to `tally`. `make` is called for each try, so that an
/// id in it is fresh, and `show` after each part with how many groups have a result. A client that was paused because too many groups are held ends it: the rest would be refused.
///
/// # Errors
///
/// [`Failure`]: a request can't be made. The results of its groups and of all later ones are unknown; `tally` keeps the
/// others.
pub(super) async fn request<F: CatchUpFunction>(
    function: &F,
    keys: &[TypedKey],
    mut make: impl FnMut(Vec<TypedKey>) -> ControlRequest,
    tally: &mut HoldTally,
    mut show: impl FnMut(usize),
) -> Result<(), Failure> {
    for keys in keys.chunks(REPLAY_KEYS_LIMIT) {
        let (mut tried, mut pause) = (1, PAUSE);
        let answer = loop {
            match function.request_once(&make(keys.to_vec())).await {
                Ok(answer) => break understood(answer)?,
                Err(error) if error.fault.may_pass() && tried < TRIES => {}
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(pause).await;
            (tried, pause) = (tried + 1, pause * 2);
        };
        tally.add(keys, answer);
        show(tally.results.len());
        if tally.paused {
            return Ok(());
        }
    }
    Ok(())
}

impl HoldTally {
    fn add(&mut self, keys: &[TypedKey], answer: HoldReport) {
        self.paused |= answer.paused;
        let results = answer.results.into_iter().map(|result| (result.group.clone(), result));
        let mut results: BTreeMap<String, GroupHold> = results.collect();
        for key in keys {
            let group = key.group().map(|group| group.as_str().to_owned()).unwrap_or_default();
            let result = results.remove(&group).unwrap_or_else(|| GroupHold {
                group,
                outcome: HoldOutcome::Failed,
                next: None,
                reason: Some("the function does not say what became of it".to_owned()),
            });
            self.results.push(KeyHold { key: key.clone(), result });
        }
    }

    /// Adds to the reasons of groups with which nothing was done which key may be `meant`.
    pub(super) fn explain(&mut self, meant: &BTreeMap<String, String>) {
        for KeyHold { key, result } in &mut self.results {
            let (Some(meant), Some(reason)) = (meant.get(key.as_text()), &mut result.reason) else {
                continue;
            };
            *reason += &format!("; {meant}");
        }
    }
}
