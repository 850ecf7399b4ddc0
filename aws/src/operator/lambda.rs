//! Lambda: the functions, their event source mappings, and invoking a function.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::{Config, Region};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{EventSourceMappingConfiguration, FunctionResponseType, InvocationType};
use serde::Deserialize;

use super::services::part_of_arn;
use super::{CallError, Target};

/// A function's event source mapping, as far as the pipeline depends on it. `None`: Lambda does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The ARN of what it reads.
    pub source: String,
    /// `Enabled`, `Disabled`, `Creating`, ….
    pub state: String,
    /// How its last batch went, in Lambda's words.
    pub last_result: Option<String>,
    /// The most records in a batch.
    pub batch_size: Option<i32>,
    /// Whether the function reports which records failed.
    pub reports_failures: bool,
    /// How many batches of a shard are processed at once.
    pub parallelization_factor: Option<i32>,
    /// How often a batch is tried again; -1 is without a limit.
    pub maximum_retries: Option<i32>,
    /// How old a record may be, in seconds; -1 is without a limit.
    pub maximum_age: Option<i32>,
    /// Whether a batch that fails is split.
    pub bisects: Option<bool>,
    /// The ARN of where discarded batches are told.
    pub on_failure: Option<String>,
    /// How many batches of a queue are processed at once.
    pub maximum_concurrency: Option<i32>,
}

/// A function, as far as it can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// `Active`, `Pending`, `Inactive`, `Failed`.
    pub state: String,
    /// Why it is in that state, in Lambda's words.
    pub reason: Option<String>,
    /// How long an invocation may take, in seconds.
    pub timeout: Option<i32>,
}

/// What a function answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The function's own answer.
    Said(String),
    /// It failed; its error's message.
    Failed(String),
}

/// The function called `name`, or with this ARN, perhaps of another region, and perhaps with an alias or version.
///
/// # Errors
///
/// [`CallError`].
pub async fn function(target: &Target, name: &str) -> Result<Function, CallError> {
    let region = if name.starts_with("arn:") { part_of_arn(name, 3) } else { target.region() };
    let there = Config::builder().region(Region::new(region.to_owned()));
    let call = target.lambda.get_function_configuration().function_name(name).customize();
    let answer = call.config_override(there).send().await;
    let answer = answer.map_err(|error| CallError::new("GetFunctionConfiguration", name, &error))?;
    let state = answer.state.as_ref().map(|state| state.as_str().to_owned()).unwrap_or_default();
    Ok(Function { state, reason: answer.state_reason, timeout: answer.timeout })
}

/// How many functions may run at the same time, of those that have no reserved concurrency, in the account and region.
///
/// # Errors
///
/// [`CallError`].
pub async fn unreserved_concurrency(target: &Target) -> Result<Option<u32>, CallError> {
    let answer = target.lambda.get_account_settings().send().await;
    let answer = answer.map_err(|error| CallError::new("GetAccountSettings", "the account", &error))?;
    let limit = answer.account_limit.and_then(|limit| limit.unreserved_concurrent_executions);
    Ok(limit.and_then(|limit| u32::try_from(limit).ok()))
}

/// The event source mappings of the function called `function`.
///
/// # Errors
///
/// [`CallError`].
pub async fn mappings(target: &Target, function: &str) -> Result<Vec<Mapping>, CallError> {
    let call = target.lambda.list_event_source_mappings().function_name(function);
    let mut pages = call.into_paginator().items().send();
    let mut mappings = Vec::new();
    while let Some(mapping) = pages.next().await {
        let mapping = mapping.map_err(|error| CallError::new("ListEventSourceMappings", function, &error))?;
        mappings.push(Mapping::from(mapping));
    }
    Ok(mappings)
}

/// Invokes `function` with `payload` and waits, for as long as a function may run. A call that got no answer is
/// repeated, so that it may be invoked twice.
///
/// # Errors
///
/// [`CallError`]. Whether the function did its work is then unknown.
pub async fn invoke(target: &Target, function: &str, payload: &str) -> Result<Answer, CallError> {
    invoke_by(&target.invoking, function, payload).await
}

/// The same, and no call is repeated.
///
/// # Errors
///
/// [`CallError`]. Whether the function did its work is then unknown.
pub async fn invoke_once(target: &Target, function: &str, payload: &str) -> Result<Answer, CallError> {
    let once = target.invoking.config().to_builder().retry_config(RetryConfig::disabled());
    invoke_by(&Client::from_conf(once.build()), function, payload).await
}

async fn invoke_by(client: &Client, function: &str, payload: &str) -> Result<Answer, CallError> {
    let call = client.invoke().function_name(function).invocation_type(InvocationType::RequestResponse);
    let call = call.payload(Blob::new(payload));
    let answer = call.send().await.map_err(|error| CallError::new("Invoke", function, &error))?;
    let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
    Ok(read(answer.function_error.is_some(), &payload))
}

fn read(has_failed: bool, payload: &[u8]) -> Answer {
    #[derive(Deserialize)]
    struct FunctionError {
        #[serde(rename = "errorMessage")]
        message: String,
    }

    let text = String::from_utf8_lossy(payload).into_owned();
    match serde_json::from_slice::<FunctionError>(payload) {
        Ok(error) => Answer::Failed(error.message),
        Err(_) if has_failed => Answer::Failed("it gives no message; its log says more".to_owned()),
        Err(_) => Answer::Said(text),
    }
}

impl From<EventSourceMappingConfiguration> for Mapping {
    fn from(mapping: EventSourceMappingConfiguration) -> Self {
        let responses = mapping.function_response_types.unwrap_or_default();
        let on_failure = mapping.destination_config.and_then(|destinations| destinations.on_failure);
        Self {
            source: mapping.event_source_arn.unwrap_or_default(),
            state: mapping.state.unwrap_or_default(),
            last_result: mapping.last_processing_result,
            batch_size: mapping.batch_size,
            reports_failures: responses.contains(&FunctionResponseType::ReportBatchItemFailures),
            parallelization_factor: mapping.parallelization_factor,
            maximum_retries: mapping.maximum_retry_attempts,
            maximum_age: mapping.maximum_record_age_in_seconds,
            bisects: mapping.bisect_batch_on_function_error,
            on_failure: on_failure.and_then(|destination| destination.destination),
            maximum_concurrency: mapping.scaling_config.and_then(|scaling| scaling.maximum_concurrency),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_error_is_no_answer() {
        let failed = |message: &str| Answer::Failed(message.to_owned());
        let check = |has_failed, payload: &str, expected: Answer| {
            assert_eq!(read(has_failed, payload.as_bytes()), expected, "{payload}");
        };
        let error = r#"{"errorType":"BatchError","errorMessage":"not a payload"}"#;
        check(true, error, failed("not a payload"));
        // No answer to a resend looks like this, whatever the header says.
        check(false, error, failed("not a payload"));
        check(true, "", failed("it gives no message; its log says more"));
        check(true, r#"{"results":[]}"#, failed("it gives no message; its log says more"));
        check(false, r#"{"results":[]}"#, Answer::Said(r#"{"results":[]}"#.to_owned()));
        check(false, "", Answer::Said(String::new()));
    }
}
