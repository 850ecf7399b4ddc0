//! CloudWatch: metrics of queues and functions.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Value, json};

use super::services::{Content, ServiceCall};
use super::{CallError, Target};

/// How far back a figure is looked for. SQS and Lambda make one a minute, SQS's may be five minutes late (SQS Developer
/// Guide, "Available CloudWatch metrics").
pub const WINDOW: Duration = Duration::from_secs(10 * 60);

/// The most metrics that one call asks for (CloudWatch API Reference, "GetMetricData").
const QUERIES_PER_CALL: usize = 500;

const PERIOD: u32 = 60;

/// The time that [`sums`] add up.
pub const SUM_WINDOW: Duration = Duration::from_secs(60 * 60);

const SUM_PERIOD: u32 = 300;

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

/// A metric's figure.
struct Figure {
    name: MetricName,
    /// When its time began, in seconds since 1970.
    at: f64,
    value: f64,
}

/// A page of the answer to `GetMetricData`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    metric_data_results: Vec<MetricDataResult>,
    next_token: Option<String>,
}

/// The figures of one query; times and values stand at the same places.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricDataResult {
    id: String,
    #[serde(default)]
    timestamps: Vec<f64>,
    #[serde(default)]
    values: Vec<f64>,
}

/// What is asked of each metric.
#[derive(Clone, Copy)]
struct Statistic {
    name: &'static str,
    period: u32,
    window: Duration,
}

/// The newest minute's maximum of each of these metrics. A metric without a figure in [`WINDOW`] is not in the answer.
///
/// # Errors
///
/// [`CallError`].
pub async fn newest(target: &Target, names: &[MetricName]) -> Result<BTreeMap<MetricName, f64>, CallError> {
    let statistic = Statistic { name: "Maximum", period: PERIOD, window: WINDOW };
    let mut newest: BTreeMap<MetricName, (f64, f64)> = BTreeMap::new();
    for Figure { name, at, value } in figures(target, names, statistic).await? {
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
    for Figure { name, value, .. } in figures(target, names, statistic).await? {
        *sums.entry(name).or_default() += value;
    }
    Ok(sums)
}

async fn figures(
    target: &Target,
    names: &[MetricName],
    statistic: Statistic,
) -> Result<Vec<Figure>, CallError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (start, end) = (now.saturating_sub(statistic.window).as_secs(), now.as_secs());
    let mut figures = Vec::new();
    for names in names.chunks(QUERIES_PER_CALL) {
        let queries = names.iter().enumerate().map(|(index, name)| query(index, name, statistic));
        let mut request = json!({
            "MetricDataQueries": queries.collect::<Vec<_>>(),
            "StartTime": start,
            "EndTime": end,
        });
        loop {
            let page = page(target, &request).await?;
            for result in page.metric_data_results {
                let index = result.id.strip_prefix('m').and_then(|index| index.parse::<usize>().ok());
                let Some(name) = index.and_then(|index| names.get(index)) else {
                    continue;
                };
                let found = result.timestamps.into_iter().zip(result.values);
                figures.extend(found.map(|(at, value)| Figure { name: name.clone(), at, value }));
            }
            let Some(token) = page.next_token.filter(|token| !token.is_empty()) else { break };
            if let Some(request) = request.as_object_mut() {
                request.insert("NextToken".to_owned(), token.into());
            }
        }
    }
    Ok(figures)
}

async fn page(target: &Target, request: &Value) -> Result<Page, CallError> {
    let call = ServiceCall {
        name: "GetMetricData",
        subject: "CloudWatch",
        service: "monitoring",
        region: target.region(),
        content: Content::Json { prefix: "GraniteServiceVersion20100801", body: request.clone() },
    };
    target.json(&call).await
}

fn query(index: usize, metric: &MetricName, Statistic { name, period, .. }: Statistic) -> Value {
    let dimensions = metric.dimensions.iter();
    let dimensions = dimensions.map(|(name, value)| json!({ "Name": name, "Value": value }));
    json!({
        "Id": format!("m{index}"),
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.metric,
                "Dimensions": dimensions.collect::<Vec<_>>(),
            },
            "Period": period,
            "Stat": name,
        },
    })
}

const _: () = assert!(SUM_WINDOW.as_secs().is_multiple_of(SUM_PERIOD as u64), "a sum has whole periods");
