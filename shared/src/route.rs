//! Which messages follow which: items split by group, in order.

use std::collections::HashMap;

use crate::send::{Carrier, Run};

/// Splits items into one run per group, in the order of their first items. A run keeps the order given.
pub fn route<T: Carrier>(items: impl IntoIterator<Item = T>) -> Vec<Run<(), T>> {
    let mut runs: Vec<Run<(), T>> = Vec::new();
    let mut run_of = HashMap::new();
    for item in items {
        let index = *run_of.entry(item.message().group().clone()).or_insert(runs.len());
        match runs.get_mut(index) {
            Some(run) => run.items.push(item),
            None => runs.push(Run { tag: (), items: vec![item] }),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{DeduplicationId, Group, Key};
    use crate::message::{Body, Message};

    fn check(batch: &str, expected: &str) {
        let message = |name: &str| {
            let group = Group::of(&Key::S(name.chars().take(1).collect()));
            Message::new(group, DeduplicationId::of_stream_record(name), Body::Text(name), &[], None)
        };
        let runs = route(batch.split_whitespace().map(message)).into_iter().map(|run| {
            let names: Vec<_> =
                run.items.iter().map(|message| message.deduplication_id().as_str().to_owned()).collect();
            names.join(" ")
        });
        assert_eq!(runs.collect::<Vec<_>>().join(" | "), expected);
    }

    #[test]
    fn each_group_is_one_run_in_order() {
        check("", "");
        check("a1", "a1");
        check("a1 b1 a2", "a1 a2 | b1");
        check("b1 a1 b2 c1 a2 b3", "b1 b2 b3 | a1 a2 | c1");
    }
}
