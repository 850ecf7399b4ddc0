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

/// The time that [`sums`] add up.
pub const SUM_WINDOW: Duration = Duration::from_secs(60 * 60);

const SUM_PERIOD: i32 = 300;

/// A metric.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricName {
    /// `AWS/SQS`, ….
    pub namespace: &'static str,
    /// `IteratorAge`, ….
    pub metric: &'static str,
    /// All that it has: `QueueName` and the name of the queue, ….
    pub dimensions: Vec<(&'static str, String)>,
}

/// What is asked of each metric.
#[derive(Clone, Copy)]
struct Statistic {
    name: &'static str,
    period: i32,
    window: Duration,
}

/// The newest minute's maximum of each of these metrics. A metric without a figure in [`WINDOW`] is not in the answer.
///
/// # Errors
///
/// [`CallError`].
pub async fn newest(target: &Target, names: &[MetricName]) -> Result<BTreeMap<MetricName, f64>, CallError> {
    let statistic = Statistic { name: "Maximum", period: PERIOD, window: WINDOW };
    let mut newest: BTreeMap<MetricName, (DateTime, f64)> = BTreeMap::new();
    for (name, at, value) in figures(target, names, statistic).await? {
        let known = newest.entry(name).or_insert((at, value));
        if at > known.0 {
            *known = (at, value);
        }
    }
    Ok(newest.into_iter().map(|(name, (_, value))| (name, value)).collect())
}

/// The sum of each of these metrics over [`SUM_WINDOW`], to five minutes; 0 of one without a figure.
///
/// # Errors
///
/// [`CallError`].
pub async fn sums(target: &Target, names: &[MetricName]) -> Result<BTreeMap<MetricName, f64>, CallError> {
    let statistic = Statistic { name: "Sum", period: SUM_PERIOD, window: SUM_WINDOW };
    let mut sums: BTreeMap<MetricName, f64> = names.iter().map(|name| (name.clone(), 0.0)).collect();
    for (name, _, value) in figures(target, names, statistic).await? {
        *sums.entry(name).or_default() += value;
    }
    Ok(sums)
}

async fn figures(
    target: &Target,
    names: &[MetricName],
    statistic: Statistic,
) -> Result<Vec<(MetricName, DateTime, f64)>, CallError> {
    let now = SystemTime::now();
    let mut figures = Vec::new();
    for names in names.chunks(QUERIES_PER_CALL) {
        let queries = names.iter().enumerate().map(|(index, name)| query(index, name, statistic));
        let call = target
            .cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(DateTime::from(now - statistic.window))
            .end_time(DateTime::from(now));
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::new("GetMetricData", "CloudWatch", &error))?;
            for result in page.metric_data_results.unwrap_or_default() {
                let index = result.id().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
                let Some(name) = index.and_then(|index| names.get(index)) else {
                    continue;
                };
                let found = result.timestamps().iter().zip(result.values());
                figures.extend(found.map(|(at, value)| (name.clone(), *at, *value)));
            }
        }
    }
    Ok(figures)
}

fn query(index: usize, name: &MetricName, statistic: Statistic) -> MetricDataQuery {
    let dimensions = name.dimensions.iter();
    let dimensions = dimensions.map(|(name, value)| Dimension::builder().name(*name).value(value).build());
    let metric = Metric::builder().namespace(name.namespace).metric_name(name.metric);
    let metric = metric.set_dimensions(Some(dimensions.collect())).build();
    let Statistic { name, period, .. } = statistic;
    let stat = MetricStat::builder().metric(metric).period(period).stat(name).build();
    MetricDataQuery::builder().id(format!("m{index}")).metric_stat(stat).build()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_sum_is_asked_for_with_all_dimensions() {
        let dimensions =
            vec![("Function", "mark-event-queue-PushHttp".to_owned()), ("Client", "Billing".to_owned())];
        let name = MetricName { namespace: "MarkEventQueue", metric: "Delivered", dimensions };
        let query = query(3, &name, Statistic { name: "Sum", period: SUM_PERIOD, window: SUM_WINDOW });
        let stat = query.metric_stat().unwrap();
        let metric = stat.metric().unwrap();
        let dimensions = metric.dimensions().iter();
        let dimensions: Vec<String> = dimensions
            .map(|it| format!("{}={}", it.name().unwrap_or_default(), it.value().unwrap_or_default()))
            .collect();
        expect!["m3 MarkEventQueue Delivered Function=mark-event-queue-PushHttp,Client=Billing Sum 300"]
            .assert_eq(&format!(
                "{} {} {} {} {} {}",
                query.id().unwrap_or_default(),
                metric.namespace().unwrap_or_default(),
                metric.metric_name().unwrap_or_default(),
                dimensions.join(","),
                stat.stat().unwrap_or_default(),
                stat.period().unwrap_or_default()
            ));
        assert_eq!(SUM_WINDOW.as_secs() % u64::try_from(SUM_PERIOD).unwrap(), 0);
    }
}
