//! What is wrong with the functions' event source mappings: the settings that the promise rests on.

use super::facts::{Facts, Whose};
use super::findings::{Finding, unseen};
use crate::aws::lambda::Mapping;
use shared::place::OwnQueue;

const CONVERTER: &str = "converter's mapping";
const FAN_OUT: &str = "fan-out's mapping";

/// Lambda's word for no limit.
const UNLIMITED: i32 = -1;

/// The most that Lambda takes from a FIFO queue at once (AWS Lambda Developer Guide, "Using Lambda with Amazon SQS").
const QUEUE_BATCH: i32 = 10;

/// What is wrong with the mappings of both functions.
pub(super) fn find(facts: &Facts) -> Vec<Finding> {
    let fan_out_queue = facts.queues.iter().find(|queue| queue.whose == Whose::Stack(OwnQueue::FanOut));
    let fan_out_queue = fan_out_queue.map(|queue| queue.arn.to_string());
    let mut findings = Vec::new();
    for (subject, mappings, source) in
        [(CONVERTER, &facts.converter, facts.stream.clone()), (FAN_OUT, &facts.fan_out, fan_out_queue)]
    {
        match (mappings, source) {
            (Err(error), _) => findings.push(unseen(facts, subject, error)),
            (Ok(mappings), Some(source)) => {
                findings.extend(of(subject, mappings, &source, facts.ledger.is_some()));
            }
            // That the stream isn't known is a finding of its own.
            (Ok(_), None) => {}
        }
    }
    findings
}

fn of(subject: &str, mappings: &[Mapping], source: &str, has_ledger: bool) -> Vec<Finding> {
    let Some(mapping) = mappings.iter().find(|mapping| mapping.source == source) else {
        let remedy = "make the mapping that `template.yml` has, or delete the stack and deploy it again";
        return vec![Finding::new(subject, format!("nothing is read: there is none of `{source}`"), remedy)];
    };
    let mut findings = state(subject, mapping);
    let mut expect = |is_so: bool, problem: String, setting: &str| {
        if !is_so {
            findings.push(Finding::new(subject, problem, format!("set {setting}, as `template.yml` does")));
        }
    };
    expect(
        mapping.reports_failures,
        "one record that fails takes its whole batch along".to_owned(),
        "`FunctionResponseTypes` to `ReportBatchItemFailures`",
    );
    if subject == FAN_OUT {
        let size = mapping.batch_size.unwrap_or(QUEUE_BATCH);
        expect(
            size == QUEUE_BATCH,
            format!("a batch has at most {size} messages, so that requests are not full"),
            "`BatchSize` to 10",
        );
        expect(
            mapping.maximum_concurrency.is_some(),
            "nothing limits how many functions run at once".to_owned(),
            "`MaximumConcurrency`",
        );
        return findings;
    }
    let factor = mapping.parallelization_factor.unwrap_or(1);
    expect(
        factor == 1 || has_ledger,
        format!("{factor} batches of a shard at once keep no order between the events of an aggregate"),
        "`ParallelizationFactor` to 1",
    );
    let retries = mapping.maximum_retries.unwrap_or(UNLIMITED);
    expect(
        retries == UNLIMITED,
        format!("events are discarded after {retries} retries"),
        "`MaximumRetryAttempts` to -1",
    );
    let age = mapping.maximum_age.unwrap_or(UNLIMITED);
    expect(
        age == UNLIMITED,
        format!("events are discarded when they are {age} s old"),
        "`MaximumRecordAgeInSeconds` to -1",
    );
    expect(
        mapping.bisects == Some(true),
        "a batch that the function can't process is never split".to_owned(),
        "`BisectBatchOnFunctionError` to true",
    );
    expect(
        mapping.on_failure.is_some(),
        "what Lambda discards is gone".to_owned(),
        "the `OnFailure` destination to the stack's bucket of discarded records",
    );
    findings
}

fn state(subject: &str, mapping: &Mapping) -> Vec<Finding> {
    let mut findings = Vec::new();
    match mapping.state.as_str() {
        "Enabled" => {}
        "Creating" | "Enabling" | "Updating" => {
            let problem = format!("it is not at work yet (`{}`)", mapping.state);
            findings.push(Finding::new(subject, problem, "check again in a minute"));
        }
        state => findings.push(Finding::new(subject, format!("nothing is read (`{state}`)"), "enable it")),
    }
    if let Some(result) = mapping.last_result.as_ref().filter(|result| result.starts_with("PROBLEM")) {
        let problem = format!("Lambda says `{result}`");
        findings.push(Finding::new(subject, problem, "see the function's log and its role's rights"));
    }
    findings
}
