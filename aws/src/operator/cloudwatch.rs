//! CloudWatch: metrics of queues and functions.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};

use super::{CallError, Target};

/// How far back a figure is looked for. SQS and Lambda make one a minute, SQS's may be five minutes late (SQS Developer
/// Guide, "Available CloudWatch metrics").
pub const WINDOW: Duration = Duration::from_secs(10 * 60);

/// The most metrics that one call asks for (CloudWatch API Reference, "GetMetricData").
const QUERIES_PER_CALL: usize = 500;

const PERIOD: i32 = 60;

/// A metric of AWS's, by the one dimension that it has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricName {
    /// `AWS/SQS`, ….
    pub namespace: &'static str,
    /// `IteratorAge`, ….
    pub metric: &'static str,
    /// `QueueName`, ….
    pub dimension: &'static str,
    /// The name of the queue, ….
    pub value: String,
}

/// The newest minute's maximum of each of these metrics. A metric without a figure in [`WINDOW`] is not in the answer.
///
/// # Errors
///
/// [`CallError`].
pub async fn newest(target: &Target, names: &[MetricName]) -> Result<BTreeMap<MetricName, f64>, CallError> {
    let now = SystemTime::now();
    let mut figures: BTreeMap<MetricName, (DateTime, f64)> = BTreeMap::new();
    for names in names.chunks(QUERIES_PER_CALL) {
        let queries = names.iter().enumerate().map(|(index, name)| query(index, name));
        let call = target
            .cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(DateTime::from(now - WINDOW))
            .end_time(DateTime::from(now));
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::new("GetMetricData", "CloudWatch", &error))?;
            for result in page.metric_data_results.unwrap_or_default() {
                let index = result.id().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
                let Some(name) = index.and_then(|index| names.get(index)) else {
                    continue;
                };
                for (at, value) in result.timestamps().iter().zip(result.values()) {
                    let newest = figures.entry(name.clone()).or_insert((*at, *value));
                    if *at > newest.0 {
                        *newest = (*at, *value);
                    }
                }
            }
        }
    }
    Ok(figures.into_iter().map(|(name, (_, value))| (name, value)).collect())
}

fn query(index: usize, name: &MetricName) -> MetricDataQuery {
    let dimension = Dimension::builder().name(name.dimension).value(&name.value).build();
    let metric = Metric::builder().namespace(name.namespace).metric_name(name.metric).dimensions(dimension);
    let stat = MetricStat::builder().metric(metric.build()).period(PERIOD).stat("Maximum").build();
    MetricDataQuery::builder().id(format!("m{index}")).metric_stat(stat).build()
}
