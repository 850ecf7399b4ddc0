//! Requests a replay of some groups. Groups whose result is unknown are requested again, under another id.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use shared::control::{ControlRequest, REPLAY_KEYS_LIMIT, ReplayOutcome, ReplayReport, TypedKey};

use crate::commands::operator::{CatchUpFunction, understood};
use crate::exit::Failure;

/// How many times a group is requested whose request failed, or has an unknown result.
const TRIES: u32 = 3;

/// The pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_secs(1);

/// The results of a replay's groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct ReplayTally {
    /// The groups in which the client is sent events again.
    pub(super) requested: u64,
    /// The groups of which the client has nothing from that version on.
    pub(super) nothing: u64,
    /// The groups whose request failed, or has an unknown result.
    pub(super) failed: Vec<FailedGroup>,
    /// The ids under which groups were requested: the attribute `replay` of their messages.
    pub(super) replays: Vec<String>,
}

/// A group that may not be sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct FailedGroup {
    pub(super) key: TypedKey,
    pub(super) reason: String,
}

/// Requests that `client` gets the aggregates `keys`, at most [`REPLAY_KEYS_LIMIT`], again from version `from` on,
/// under `id`, and adds the results to `outcome`. A group that failed is tried again under another id, which `fresh`
/// makes: the first request may have been written, and SQS would drop what is sent again under its id.
///
/// # Errors
///
/// [`Failure`]: requests can't be made. The results of these groups are unknown; `outcome` keeps the others.
pub(super) async fn request<F: CatchUpFunction>(
    function: &F,
    (client, from, gap): (&str, i64, bool),
    keys: &[TypedKey],
    id: &str,
    fresh: &mut impl FnMut() -> String,
    outcome: &mut ReplayTally,
) -> Result<(), Failure> {
    debug_assert!(keys.len() <= REPLAY_KEYS_LIMIT, "more groups than a request has");
    let (mut keys, mut id, mut tried, mut pause) = (keys.to_vec(), id.to_owned(), 1, PAUSE);
    loop {
        let client = client.to_owned();
        let (keys_now, replay) = (keys.clone(), id.clone());
        let request = ControlRequest::Replay { client, keys: keys_now, from, replay, gap, caller: None };
        let is_last = tried == TRIES;
        let failed = match function.request_once(&request).await {
            Ok(answer) => outcome.add(&keys, understood(answer)?, &id),
            Err(error) if error.fault.may_pass() && !is_last => {
                outcome.note(&id);
                keys.into_iter().map(|key| FailedGroup { key, reason: error.to_string() }).collect()
            }
            Err(error) => return Err(error.into()),
        };
        if failed.is_empty() || is_last {
            outcome.failed.extend(failed);
            return Ok(());
        }
        keys = failed.into_iter().map(|failed| failed.key).collect();
        tokio::time::sleep(pause).await;
        (id, tried, pause) = (fresh(), tried + 1, pause * 2);
    }
}

impl ReplayTally {
    /// Counts the groups that were requested, and returns those that failed or that the answer does not name.
    fn add(&mut self, keys: &[TypedKey], answer: ReplayReport, id: &str) -> Vec<FailedGroup> {
        let results = answer.results.into_iter().map(|result| (result.group.clone(), result));
        let results: BTreeMap<_, _> = results.collect();
        let mut failed = Vec::new();
        for key in keys {
            let result = key.group().and_then(|group| results.get(group.as_str()));
            match result.map(|result| result.outcome) {
                Some(ReplayOutcome::Nothing) => self.nothing += 1,
                Some(ReplayOutcome::Requested) => {
                    self.requested += 1;
                    self.note(id);
                }
                Some(ReplayOutcome::Failed) | None => {
                    // The request may have been written.
                    self.note(id);
                    let reason = result.and_then(|result| result.reason.clone());
                    let reason = reason.unwrap_or_else(|| "the function does not say why".to_owned());
                    failed.push(FailedGroup { key: key.clone(), reason });
                }
            }
        }
        failed
    }

    fn note(&mut self, id: &str) {
        if !self.replays.iter().any(|known| known == id) {
            self.replays.push(id.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use aws::operator::CallFault;
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use aws::operator::CallError;
    use aws::operator::lambda::Answer;
    use expect_test::{Expect, expect};

    use super::*;

    /// A function with scripted answers, which records its requests.
    struct Script {
        answers: RefCell<VecDeque<Result<Answer, CallError>>>,
        asked: RefCell<String>,
    }

    impl CatchUpFunction for Script {
        async fn request_once(&self, request: &ControlRequest) -> Result<Answer, CallError> {
            let ControlRequest::Replay { client, keys, from, replay, .. } = request else {
                panic!("{request:?}")
            };
            let keys: Vec<&str> = keys.iter().map(TypedKey::as_text).collect();
            *self.asked.borrow_mut() += &format!("{client} from {from}: {} as {replay}\n", keys.join(" "));
            self.answers.borrow_mut().pop_front().expect("one call too many")
        }
    }

    /// The answer of the function: `A+ B0 C-` is `requested`, `nothing`, `failed`.
    fn said(results: &str) -> Result<Answer, CallError> {
        let results = results.split_whitespace().map(|result| {
            let (group, outcome) = result.split_at(1);
            let outcome = match outcome {
                "+" => r#""requested","reason":null"#,
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
        let keys = ["A", "B", "C"].map(|key| TypedKey::S(key.to_owned()));
        let mut ids = 1..;
        let mut fresh = || format!("again-{}", ids.next().unwrap_or_default());
        let mut outcome = ReplayTally::default();
        let ended = request(&script, ("Billing", 3, false), &keys, "first", &mut fresh, &mut outcome).await;
        assert!(script.answers.borrow().is_empty(), "answers are left");
        let outcome = serde_json::to_string(&outcome).unwrap();
        let ended = ended.map_err(|failure| format!("{:?}: {failure}", failure.exit()));
        expected.assert_eq(&format!("{}{outcome}\n{ended:?}\n", script.asked.borrow()));
    }

    #[tokio::test(start_paused = true)]
    async fn groups_are_counted_by_their_results() {
        check(
            vec![said("A+ B0 C+")],
            &expect![[r#"
            Billing from 3: A B C as first
            {"requested":2,"nothing":1,"failed":[],"replays":["first"]}
            Ok(())
        "#]],
        )
        .await;
        check(
            vec![said("C+ A+ B+ D-")],
            &expect![[r#"
            Billing from 3: A B C as first
            {"requested":3,"nothing":0,"failed":[],"replays":["first"]}
            Ok(())
        "#]],
        )
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_that_failed_or_is_not_named_is_requested_again_under_another_id() {
        check(
            vec![said("A+ B- C0"), said("B+")],
            &expect![[r#"
            Billing from 3: A B C as first
            Billing from 3: B as again-1
            {"requested":2,"nothing":1,"failed":[],"replays":["first","again-1"]}
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
            {"requested":2,"nothing":1,"failed":[],"replays":["first","again-1","again-2"]}
            Ok(())
        "#]],
        )
        .await;
        check(vec![said("A- B- C-"), said("A- B- C+"), said("B-")], &expect![[r#"
            Billing from 3: A B C as first
            Billing from 3: A B C as again-1
            Billing from 3: A B as again-2
            {"requested":1,"nothing":0,"failed":[{"key":{"S":"A"},"reason":"the function does not say why"},{"key":{"S":"B"},"reason":"throttled"}],"replays":["first","again-1","again-2"]}
            Ok(())
        "#]]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_with_an_unknown_result_is_requested_again_under_another_id() {
        check(
            vec![no_answer(CallFault::Unreachable), said("A+ B+ C+")],
            &expect![[r#"
            Billing from 3: A B C as first
            Billing from 3: A B C as again-1
            {"requested":3,"nothing":0,"failed":[],"replays":["first","again-1"]}
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
            {"requested":0,"nothing":0,"failed":[],"replays":["first","again-1"]}
            Err("Unreachable: `Invoke` of `CatchUp`: why")
        "#]],
        )
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_can_only_fail_again_is_not_repeated() {
        check(
            vec![no_answer(CallFault::NotAllowed)],
            &expect![[r#"
            Billing from 3: A B C as first
            {"requested":0,"nothing":0,"failed":[],"replays":[]}
            Err("NotAllowed: `Invoke` of `CatchUp`: why")
        "#]],
        )
        .await;
        check(
            vec![Ok(Answer::Failed("no client `Billing`".to_owned()))],
            &expect![[r#"
            Billing from 3: A B C as first
            {"requested":0,"nothing":0,"failed":[],"replays":[]}
            Err("Findings: the catch-up function failed: no client `Billing`")
        "#]],
        )
        .await;
        check(vec![Ok(Answer::Said("?".to_owned()))], &expect![[r#"
            Billing from 3: A B C as first
            {"requested":0,"nothing":0,"failed":[],"replays":[]}
            Err("Findings: the catch-up function's answer can't be read: expected value at line 1 column 1; deploy the stack with this version of `fanoutctl`")
        "#]]).await;
    }
}
