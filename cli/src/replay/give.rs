//! Ordering a replay, some groups at a time. What nobody knows the result of is ordered again under another id.

use std::collections::BTreeMap;
use std::time::Duration;

use deploy::invoke::Answer;
use serde::Serialize;

use crate::aws::{CallError, CallFault};
use crate::exit::{Exit, Failure};
use crate::orders::{GroupOutcome, KeyValue, Order, REPLAY_LIMIT, Replayed};

/// How often a group is ordered whose order failed, or nobody knows about.
const TRIES: u32 = 3;

/// The pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_secs(1);

/// Whom orders are given to.
pub trait Orders {
    /// Gives an order once, and waits for the answer: whoever makes it must not repeat a call that got none.
    ///
    /// # Errors
    ///
    /// [`CallError`]. Whether it was done is then unknown.
    fn give_once(&self, order: &Order) -> impl Future<Output = Result<Answer, CallError>>;
}

/// What became of a replay's groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Given {
    /// In how many the client is sent events again.
    pub ordered: u64,
    /// In how many it has nothing from that version on.
    pub nothing: u64,
    /// Those that could not be ordered, or nobody knows about.
    pub failed: Vec<Failed>,
    /// The ids under which groups were ordered: the attribute `replay` of their messages.
    pub replays: Vec<String>,
}

/// A group that could not be ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Its aggregate's key.
    pub key: KeyValue,
    /// Why.
    pub reason: String,
}

/// Orders that `client` gets the aggregates `keys`, at most [`REPLAY_LIMIT`], again from version `from` on, under `id`, and
/// notes what became of it in `given`. A group whose order failed is tried again under another id, which `fresh` makes:
/// the first may have been written, and SQS would swallow what is sent again under its id.
///
/// # Errors
///
/// [`Failure`]: orders can't be given. What became of these groups is not known; those of `given` stay as they are.
pub async fn give<O: Orders>(
    orders: &O,
    (client, from): (&str, u64),
    keys: &[KeyValue],
    id: &str,
    fresh: &mut impl FnMut() -> String,
    given: &mut Given,
) -> Result<(), Failure> {
    debug_assert!(keys.len() <= REPLAY_LIMIT, "more groups than an order has");
    let (mut keys, mut id, mut tried, mut pause) = (keys.to_vec(), id.to_owned(), 1, PAUSE);
    loop {
        let order = Order::Replay { client: client.to_owned(), keys: keys.clone(), from, replay: id.clone() };
        let is_last = tried == TRIES;
        let failed = match orders.give_once(&order).await {
            Ok(Answer::Said(answer)) => sort(&keys, read(&answer)?, &id, given),
            Ok(Answer::Failed(why)) => {
                return Err(Failure::new(Exit::Findings, format!("the catch-up function failed: {why}")));
            }
            Err(error) if error.fault == CallFault::Unreachable && !is_last => {
                given.note(&id);
                keys.iter().map(|key| Failed { key: key.clone(), reason: error.to_string() }).collect()
            }
            Err(error) => return Err(error.into()),
        };
        if failed.is_empty() || is_last {
            given.failed.extend(failed);
            return Ok(());
        }
        keys = failed.into_iter().map(|failed| failed.key).collect();
        tokio::time::sleep(pause).await;
        (id, tried, pause) = (fresh(), tried + 1, pause * 2);
    }
}

fn read(answer: &str) -> Result<Replayed, Failure> {
    serde_json::from_str(answer).map_err(|error| {
        let message = format!(
            "the catch-up function's answer can't be read: {error}; deploy the stack with this version of `fanoutctl`"
        );
        Failure::new(Exit::Findings, message)
    })
}

/// Counts what was done, and returns what was not. A group that the answer does not name is not known to be ordered.
fn sort(keys: &[KeyValue], answer: Replayed, id: &str, given: &mut Given) -> Vec<Failed> {
    let results = answer.results.into_iter().map(|result| (result.group.clone(), result));
    let results: BTreeMap<_, _> = results.collect();
    let mut failed = Vec::new();
    for key in keys {
        let result = key.group().and_then(|group| results.get(group.as_str()));
        match result.map(|result| result.outcome) {
            Some(GroupOutcome::Ordered) => {
                given.ordered += 1;
                given.note(id);
            }
            Some(GroupOutcome::Nothing) => given.nothing += 1,
            Some(GroupOutcome::Failed) | None => {
                // It may have been written.
                given.note(id);
                let reason = result.and_then(|result| result.reason.clone());
                let reason = reason.unwrap_or_else(|| "the function does not say why".to_owned());
                failed.push(Failed { key: key.clone(), reason });
            }
        }
    }
    failed
}

impl Given {
    fn note(&mut self, id: &str) {
        if !self.replays.iter().any(|known| known == id) {
            self.replays.push(id.to_owned());
        }
    }

    /// How many groups are settled, one way or the other.
    pub fn groups(&self) -> u64 {
        self.ordered + self.nothing + u64::try_from(self.failed.len()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use expect_test::{Expect, expect};

    use super::*;

    /// A function that answers what it is told to, and remembers what it was asked.
    struct Script {
        answers: RefCell<VecDeque<Result<Answer, CallError>>>,
        asked: RefCell<String>,
    }

    impl Orders for Script {
        async fn give_once(&self, order: &Order) -> Result<Answer, CallError> {
            let Order::Replay { client, keys, from, replay } = order else { panic!("{order:?}") };
            let keys: Vec<&str> = keys.iter().map(KeyValue::as_text).collect();
            *self.asked.borrow_mut() += &format!("{client} from {from}: {} as {replay}\n", keys.join(" "));
            self.answers.borrow_mut().pop_front().expect("one call too many")
        }
    }

    /// `A+ B0 C-`: ordered, nothing to do, failed.
    fn said(results: &str) -> Result<Answer, CallError> {
        let results = results.split_whitespace().map(|result| {
            let (group, outcome) = result.split_at(1);
            let outcome = match outcome {
                "+" => r#""ordered","reason":null"#,
                "0" => r#""nothing""#,
                _ => r#""failed","reason":"throttled""#,
            };
            format!(r#"{{"group":"{group}","outcome":{outcome}}}"#)
        });
        let results: Vec<_> = results.collect();
        Ok(Answer::Said(format!(r#"{{"client":"Billing","results":[{}]}}"#, results.join(","))))
    }

    fn no_answer(fault: CallFault) -> Result<Answer, CallError> {
        Err(CallError { call: "Invoke", subject: "CatchUp".to_owned(), fault, reason: "why".to_owned() })
    }

    async fn check(answers: Vec<Result<Answer, CallError>>, expected: &Expect) {
        let script = Script { answers: RefCell::new(answers.into()), asked: RefCell::default() };
        let keys = ["A", "B", "C"].map(|key| KeyValue::S(key.to_owned()));
        let mut ids = 1..;
        let mut fresh = || format!("again-{}", ids.next().unwrap_or_default());
        let mut given = Given::default();
        let ended = give(&script, ("Billing", 3), &keys, "first", &mut fresh, &mut given).await;
        assert!(script.answers.borrow().is_empty(), "answers are left");
        let given = serde_json::to_string(&given).unwrap();
        let ended = ended.map_err(|failure| format!("{:?}: {failure}", failure.exit));
        expected.assert_eq(&format!("{}{given}\n{ended:?}\n", script.asked.borrow()));
    }

    #[tokio::test(start_paused = true)]
    async fn groups_are_counted_by_what_became_of_them() {
        check(
            vec![said("A+ B0 C+")],
            &expect![[r#"
            Billing from 3: A B C as first
            {"ordered":2,"nothing":1,"failed":[],"replays":["first"]}
            Ok(())
        "#]],
        )
        .await;
        check(
            vec![said("C+ A+ B+ D-")],
            &expect![[r#"
            Billing from 3: A B C as first
            {"ordered":3,"nothing":0,"failed":[],"replays":["first"]}
            Ok(())
        "#]],
        )
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_or_is_not_named_is_ordered_again_under_another_id() {
        check(
            vec![said("A+ B- C0"), said("B+")],
            &expect![[r#"
            Billing from 3: A B C as first
            Billing from 3: B as again-1
            {"ordered":2,"nothing":1,"failed":[],"replays":["first","again-1"]}
            Ok(())
        "#]],
        )
        .await;
        check(
            vec![said("A+"), said("B0 C-"), said("C+")],
            &expect![[r#"
            Billing from 3: A B C as first
            Billing from 3: B C as again-1
            Billing from 3: C as again-2
            {"ordered":2,"nothing":1,"failed":[],"replays":["first","again-1","again-2"]}
            Ok(())
        "#]],
        )
        .await;
        check(vec![said("A- B- C-"), said("A- B- C+"), said("B-")], &expect![[r#"
            Billing from 3: A B C as first
            Billing from 3: A B C as again-1
            Billing from 3: A B as again-2
            {"ordered":1,"nothing":0,"failed":[{"key":{"S":"A"},"reason":"the function does not say why"},{"key":{"S":"B"},"reason":"throttled"}],"replays":["first","again-1","again-2"]}
            Ok(())
        "#]]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_knows_the_result_of_is_ordered_again_under_another_id() {
        check(
            vec![no_answer(CallFault::Unreachable), said("A+ B+ C+")],
            &expect![[r#"
            Billing from 3: A B C as first
            Billing from 3: A B C as again-1
            {"ordered":3,"nothing":0,"failed":[],"replays":["first","again-1"]}
            Ok(())
        "#]],
        )
        .await;
        let unreachable = || no_answer(CallFault::Unreachable);
        check(
            vec![unreachable(), unreachable(), unreachable()],
            &expect![[r#"
            Billing from 3: A B C as first
            Billing from 3: A B C as again-1
            Billing from 3: A B C as again-2
            {"ordered":0,"nothing":0,"failed":[],"replays":["first","again-1"]}
            Err("Unreachable: `Invoke` of `CatchUp`: why")
        "#]],
        )
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_only_fail_again_is_not_repeated() {
        check(
            vec![no_answer(CallFault::NotAllowed)],
            &expect![[r#"
            Billing from 3: A B C as first
            {"ordered":0,"nothing":0,"failed":[],"replays":[]}
            Err("NotAllowed: `Invoke` of `CatchUp`: why")
        "#]],
        )
        .await;
        check(
            vec![Ok(Answer::Failed("no client `Billing`".to_owned()))],
            &expect![[r#"
            Billing from 3: A B C as first
            {"ordered":0,"nothing":0,"failed":[],"replays":[]}
            Err("Findings: the catch-up function failed: no client `Billing`")
        "#]],
        )
        .await;
        check(vec![Ok(Answer::Said("?".to_owned()))], &expect![[r#"
            Billing from 3: A B C as first
            {"ordered":0,"nothing":0,"failed":[],"replays":[]}
            Err("Findings: the catch-up function's answer can't be read: expected value at line 1 column 1; deploy the stack with this version of `fanoutctl`")
        "#]]).await;
    }
}
