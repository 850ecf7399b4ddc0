//! AWS's list prices, from a data file with their date.

use serde::Deserialize;

use crate::exit::{Exit, Failure};

/// List prices in dollars, of the region and the day that they name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The day on which they were noted: `2026-11-29`.
    pub noted: String,
    /// The region that they are of.
    pub region: String,
    /// A million requests to FIFO queues, of 64 KiB each.
    pub sqs_fifo_million_requests: f64,
    /// A million invocations of functions.
    pub lambda_million_invocations: f64,
    /// A gigabyte of a function's memory for a second.
    pub lambda_gigabyte_second: f64,
    /// A million write units on demand.
    pub dynamodb_million_write_units: f64,
    /// A million read units on demand.
    pub dynamodb_million_read_units: f64,
    /// A metric for a month.
    pub cloudwatch_metric_month: f64,
    /// An alarm for a month.
    pub cloudwatch_alarm_month: f64,
    /// A dashboard for a month.
    pub cloudwatch_dashboard_month: f64,
    /// A gigabyte of logs, taken in.
    pub cloudwatch_log_gigabyte: f64,
}

impl Prices {
    /// The prices of `prices.toml`, which is part of the program.
    ///
    /// # Errors
    ///
    /// [`Exit::Fault`]: the file is not one of prices. A test excludes it.
    pub fn load() -> Result<Self, Failure> {
        toml::from_str(include_str!("../prices.toml")).map_err(|error| Exit::Fault.because(error))
    }
}
