//! Findings about the functions' event source mappings: the settings that the promise rests on.

use aws::operator::lambda::Mapping;
use shared::naming::OwnQueue;

use super::Findings;

/// Lambda's value for no limit.
const UNLIMITED: i32 = -1;

/// The most that Lambda takes from a FIFO queue at once (AWS Lambda Developer Guide, "Using Lambda with Amazon SQS").
const QUEUE_BATCH: i32 = 10;

/// Finds what is wrong with the functions' mappings. Catch-up has one only if a client that runs may ask.
pub(super) fn find(findings: &mut Findings<'_>) {
    let facts = findings.facts;
    // That the stream isn't known is a finding of its own.
    let (converter, stream) = ("converter's mapping", facts.stream.as_ref());
    if let (Some(mappings), Some(source)) = (findings.seen(converter, &facts.converter), stream) {
        of(findings, converter, mappings, source, of_stream);
    }
    let (fan_out, queue) = ("fan-out's mapping", facts.place.own_queue_arn(OwnQueue::FanOut).to_string());
    if let Some(mappings) = findings.seen(fan_out, &facts.fan_out) {
        of(findings, fan_out, mappings, &queue, of_queue);
    }
    let may_ask = matches!(&facts.running, Ok(Some(config)) if !config.request_roles().is_empty());
    let (catch_up, queue) = ("catch-up's mapping", facts.place.own_queue_arn(OwnQueue::Requests).to_string());
    if may_ask && let Some(mappings) = findings.seen(catch_up, &facts.catch_up) {
        of(findings, catch_up, mappings, &queue, of_queue);
    }
}

/// Finds what is wrong with the mapping of `source`: the settings of all mappings, and `settings`.
fn of(
    findings: &mut Findings<'_>,
    subject: &str,
    mappings: &[Mapping],
    source: &str,
    settings: impl Fn(&Mapping, &mut dyn FnMut(bool, &str, &str)),
) {
    let Some(mapping) = mappings.iter().find(|mapping| mapping.source == source) else {
        let remedy = "make the mapping that `template.yml` has, or delete the stack and deploy it again";
        return findings.add(subject, format!("nothing is read: there is none of `{source}`"), remedy);
    };
    match mapping.state.as_str() {
        "Enabled" => {}
        state @ ("Creating" | "Enabling" | "Updating") => {
            findings.add(subject, format!("it is not at work yet (`{state}`)"), "check again in a minute");
        }
        state => findings.add(subject, format!("nothing is read (`{state}`)"), "enable it"),
    }
    if let Some(result) = mapping.last_result.as_ref().filter(|result| result.starts_with("PROBLEM")) {
        let remedy = "see the function's log and its role's rights";
        findings.add(subject, format!("Lambda says `{result}`"), remedy);
    }
    let mut expect = |is_so: bool, problem: &str, setting: &str| {
        if !is_so {
            findings.add(subject, problem, format!("set {setting}, as `template.yml` does"));
        }
    };
    let problem = "one record that fails takes its whole batch along";
    let setting = "`FunctionResponseTypes` to `ReportBatchItemFailures`";
    expect(mapping.reports_failures, problem, setting);
    settings(mapping, &mut expect);
}

fn of_queue(mapping: &Mapping, expect: &mut dyn FnMut(bool, &str, &str)) {
    let size = mapping.batch_size.unwrap_or(QUEUE_BATCH);
    let problem = format!("a batch has at most {size} messages, so that requests are not full");
    expect(size == QUEUE_BATCH, &problem, "`BatchSize` to 10");
    let problem = "nothing limits how many functions run at once";
    expect(mapping.maximum_concurrency.is_some(), problem, "`MaximumConcurrency`");
}

fn of_stream(mapping: &Mapping, expect: &mut dyn FnMut(bool, &str, &str)) {
    let retries = mapping.maximum_retries.unwrap_or(UNLIMITED);
    let problem = format!("events are discarded after {retries} retries");
    expect(retries == UNLIMITED, &problem, "`MaximumRetryAttempts` to -1");
    let age = mapping.maximum_age.unwrap_or(UNLIMITED);
    let problem = format!("events are discarded when they are {age} s old");
    expect(age == UNLIMITED, &problem, "`MaximumRecordAgeInSeconds` to -1");
    let problem = "a batch that the function can't process is never split";
    expect(mapping.bisects == Some(true), problem, "`BisectBatchOnFunctionError` to true");
    let setting = "the `OnFailure` destination to the stack's bucket of discarded records";
    expect(mapping.on_failure.is_some(), "what Lambda discards is gone", setting);
}
