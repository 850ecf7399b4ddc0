//! Which messages follow which: messages split by group, in order.

use std::collections::HashMap;

use crate::ids::Group;
use crate::message::Message;
use crate::send::{Outcome, Run, Stop};

/// Messages split into runs, which remembers where in the batch each message of a run was.
#[derive(Debug, Default)]
pub struct Routed<'m> {
    /// One run per group, in the order of their first messages.
    pub runs: Vec<Run<'m>>,
    /// For each run, the position in the batch of each of its messages.
    pub positions: Vec<Vec<usize>>,
}

/// Splits messages, each with its position in the batch, into one run per group. A run keeps the order given.
pub fn route<'m>(messages: impl IntoIterator<Item = (usize, &'m Message)>) -> Routed<'m> {
    let mut routed = Routed::default();
    let mut run_of: HashMap<&Group, usize> = HashMap::new();
    for (position, message) in messages {
        let index = *run_of.entry(message.group()).or_insert(routed.runs.len());
        match (routed.runs.get_mut(index), routed.positions.get_mut(index)) {
            (Some(run), Some(positions)) => {
                run.messages.push(message);
                positions.push(position);
            }
            _ => {
                routed.runs.push(Run { messages: vec![message] });
                routed.positions.push(vec![position]);
            }
        }
    }
    routed
}

impl Routed<'_> {
    /// The position in the batch of every message that was not accepted, with what stopped its run.
    pub fn unsent<'o>(&self, outcomes: &'o [Outcome]) -> Vec<(usize, &'o Stop)> {
        let mut unsent = Vec::new();
        for (positions, outcome) in self.positions.iter().zip(outcomes) {
            if let Some(stop) = &outcome.stopped {
                unsent.extend(positions.iter().skip(outcome.accepted).map(|position| (*position, stop)));
            }
        }
        unsent
    }

    /// One result per message of a batch of `length`, in the order of the batch.
    pub fn results(&self, outcomes: &[Outcome], length: usize) -> Vec<Result<(), Stop>> {
        let mut results = vec![Ok(()); length];
        for (position, stop) in self.unsent(outcomes) {
            if let Some(result) = results.get_mut(position) {
                *result = Err(stop.clone());
            }
        }
        results
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{DeduplicationId, Key};
    use crate::message::Body;

    fn check(batch: &str, expected: &str) {
        let messages: Vec<Message> = batch
            .split_whitespace()
            .map(|name| {
                let group = Group::of(&Key::S(name.chars().take(1).collect()));
                Message::new(group, DeduplicationId::of_stream_record(name), Body::Text(name), &[], None)
            })
            .collect();
        let routed = route(messages.iter().enumerate());
        let runs: Vec<String> = routed
            .runs
            .iter()
            .zip(&routed.positions)
            .map(|(run, positions)| {
                let names: Vec<&str> =
                    run.messages.iter().map(|message| message.deduplication_id().as_str()).collect();
                format!("{} at {positions:?}", names.join(" "))
            })
            .collect();
        assert_eq!(runs.join(" | "), expected);
    }

    #[test]
    fn each_group_is_one_run_in_order() {
        check("", "");
        check("a1", "a1 at [0]");
        check("a1 b1 a2", "a1 a2 at [0, 2] | b1 at [1]");
        check("b1 a1 b2 c1 a2 b3", "b1 b2 b3 at [0, 2, 5] | a1 a2 at [1, 4] | c1 at [3]");
    }
}
