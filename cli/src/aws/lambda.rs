//! What Lambda tells of the functions and their event source mappings.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::types::{EventSourceMappingConfiguration, FunctionResponseType};

use deploy::invoke::{Answer, invoke};
use deploy::target::Target;

use super::CallError;

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
    /// Whether the function tells which records failed.
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
}

/// A client of Lambda.
#[derive(Clone, Debug)]
pub struct LambdaClient(Client);

impl LambdaClient {
    /// That of a target.
    pub fn new(target: &Target) -> Self {
        Self(Client::new(target.sdk_config()))
    }

    /// One that waits for as long as a function may run.
    pub fn patient(target: &Target) -> Self {
        Self(target.lambda())
    }

    /// The function called `name`.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn function(&self, name: &str) -> Result<Function, CallError> {
        let answer = self.0.get_function_configuration().function_name(name).send().await;
        let answer = answer.map_err(|error| CallError::new("GetFunctionConfiguration", name, &error))?;
        let state = answer.state.as_ref().map(|state| state.as_str().to_owned()).unwrap_or_default();
        Ok(Function { state, reason: answer.state_reason })
    }

    /// The event source mappings of the function called `function`.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn mappings(&self, function: &str) -> Result<Vec<Mapping>, CallError> {
        let call = self.0.list_event_source_mappings().function_name(function);
        let mut pages = call.into_paginator().items().send();
        let mut mappings = Vec::new();
        while let Some(mapping) = pages.next().await {
            let mapping =
                mapping.map_err(|error| CallError::new("ListEventSourceMappings", function, &error))?;
            mappings.push(Mapping::from(mapping));
        }
        Ok(mappings)
    }

    /// Invokes `function` and waits. A call that got no answer is repeated, so that it may be invoked twice.
    ///
    /// # Errors
    ///
    /// [`CallError`]. Whether the function did its work is then unknown.
    pub async fn invoke(&self, function: &str, payload: &str) -> Result<Answer, CallError> {
        invoke(&self.0, function, payload).await
    }

    /// The same, and no call is repeated.
    ///
    /// # Errors
    ///
    /// [`CallError`]. Whether the function did its work is then unknown.
    pub async fn invoke_once(&self, function: &str, payload: &str) -> Result<Answer, CallError> {
        let once = self.0.config().to_builder().retry_config(RetryConfig::disabled());
        invoke(&Client::from_conf(once.build()), function, payload).await
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
