//! Lambda: the functions, their event source mappings, and invoking a function.

use std::fmt::Display;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::services::{Content, ServiceCall, part_of_arn};
use super::{CallError, Target};

/// How long an invoked function's answer may take: longer than each of them may run.
pub const INVOKE_TIMEOUT: Duration = Duration::from_secs(200);

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

/// The header of an answer whose function failed.
const FUNCTION_ERROR: &str = "x-amz-function-error";

/// What `GetFunctionConfiguration` answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    state: Option<String>,
    state_reason: Option<String>,
    timeout: Option<i32>,
}

/// What `GetAccountSettings` answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Settings {
    account_limit: Option<AccountLimit>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AccountLimit {
    unreserved_concurrent_executions: Option<u32>,
}

/// A page of what `ListEventSourceMappings` answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MappingPage {
    #[serde(default)]
    event_source_mappings: Vec<MappingConfiguration>,
    next_marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MappingConfiguration {
    event_source_arn: Option<String>,
    state: Option<String>,
    last_processing_result: Option<String>,
    batch_size: Option<i32>,
    function_response_types: Option<Vec<String>>,
    parallelization_factor: Option<i32>,
    maximum_retry_attempts: Option<i32>,
    maximum_record_age_in_seconds: Option<i32>,
    bisect_batch_on_function_error: Option<bool>,
    destination_config: Option<DestinationConfig>,
    scaling_config: Option<ScalingConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DestinationConfig {
    on_failure: Option<OnFailure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OnFailure {
    destination: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScalingConfig {
    maximum_concurrency: Option<i32>,
}

/// The function called `name`, or with this ARN, perhaps of another region, and perhaps with an alias or version.
///
/// # Errors
///
/// [`CallError`].
pub async fn function(target: &Target, name: &str) -> Result<Function, CallError> {
    let region = if name.starts_with("arn:") { part_of_arn(name, 3) } else { target.region() };
    let path = format!("/2015-03-31/functions/{}/configuration", encoded(name));
    let found: Configuration = get(target, "GetFunctionConfiguration", name, region, path).await?;
    let Configuration { state, state_reason, timeout } = found;
    Ok(Function { state: state.unwrap_or_default(), reason: state_reason, timeout })
}

/// How many functions may run at the same time, of those that have no reserved concurrency, in the account and region.
///
/// # Errors
///
/// [`CallError`].
pub async fn unreserved_concurrency(target: &Target) -> Result<Option<u32>, CallError> {
    let path = "/2016-08-19/account-settings/".to_owned();
    let found: Settings = get(target, "GetAccountSettings", "the account", target.region(), path).await?;
    Ok(found.account_limit.and_then(|limit| limit.unreserved_concurrent_executions))
}

/// The event source mappings of the function called `function`.
///
/// # Errors
///
/// [`CallError`].
pub async fn mappings(target: &Target, function: &str) -> Result<Vec<Mapping>, CallError> {
    let first = format!("/2015-03-31/event-source-mappings/?FunctionName={}", encoded(function));
    let mut path = first.clone();
    let mut mappings = Vec::new();
    loop {
        let page = get(target, "ListEventSourceMappings", function, target.region(), path).await?;
        let MappingPage { event_source_mappings, next_marker } = page;
        mappings.extend(event_source_mappings.into_iter().map(Mapping::from));
        let Some(marker) = next_marker.filter(|marker| !marker.is_empty()) else { break };
        path = format!("{first}&Marker={}", encoded(&marker));
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
    let answer = target.answer(&invocation(target, function, payload), INVOKE_TIMEOUT).await?;
    Ok(read(answer.header(FUNCTION_ERROR).is_some(), &answer.body))
}

/// The same, and no call is repeated.
///
/// # Errors
///
/// [`CallError`]. Whether the function did its work is then unknown.
pub async fn invoke_once(target: &Target, function: &str, payload: &str) -> Result<Answer, CallError> {
    let answer = target.answer_once(&invocation(target, function, payload), INVOKE_TIMEOUT).await?;
    Ok(read(answer.header(FUNCTION_ERROR).is_some(), &answer.body))
}

fn invocation<'c>(target: &'c Target, function: &'c str, payload: &str) -> ServiceCall<'c> {
    let path = format!("/2015-03-31/functions/{}/invocations", encoded(function));
    let content = Content::Invocation { path, payload: payload.to_owned() };
    ServiceCall { name: "Invoke", subject: function, service: "lambda", region: target.region(), content }
}

async fn get<A: DeserializeOwned>(
    target: &Target,
    name: &'static str,
    subject: &str,
    region: &str,
    path: String,
) -> Result<A, CallError> {
    let call = ServiceCall { name, subject, service: "lambda", region, content: Content::Path(path) };
    target.json(&call).await
}

fn encoded(text: &str) -> impl Display {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
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

impl From<MappingConfiguration> for Mapping {
    fn from(mapping: MappingConfiguration) -> Self {
        let responses = mapping.function_response_types.unwrap_or_default();
        let on_failure = mapping.destination_config.and_then(|destinations| destinations.on_failure);
        Self {
            source: mapping.event_source_arn.unwrap_or_default(),
            state: mapping.state.unwrap_or_default(),
            last_result: mapping.last_processing_result,
            batch_size: mapping.batch_size,
            reports_failures: responses.iter().any(|response| response == "ReportBatchItemFailures"),
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
