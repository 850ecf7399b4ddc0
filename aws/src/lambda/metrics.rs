//! Metrics as CloudWatch takes them out of the log: a line of JSON in the embedded metric format.

use std::io::{self, Write as _};
use std::time::SystemTime;

use metrique_writer_core::entry::{Entry, EntryWriter};
use metrique_writer_core::format::Format as _;
use metrique_writer_core::unit::{NegativeScale, Unit as EmfUnit};
use metrique_writer_core::value::{MetricFlags, Value as EmfValue, ValueWriter};
use metrique_writer_core::{IoStreamError, Observation};
use metrique_writer_format_emf::Emf;
use shared::metrics::{CLIENT, FUNCTION, Line, Metric, NAMESPACE, Tally, Unit, Value};
use tracing::warn;

/// Writes what the invocation `request_id` of `function` counted to standard output: nothing if that is nothing, else
/// a line for the function, and one for each client that has metrics of its own.
pub(super) fn write(tally: &Tally, function: &str, request_id: &str) {
    let lines = lines(tally, function, request_id, SystemTime::now());
    // In one piece, so that no other line gets between.
    let written = lines.and_then(|lines| io::stdout().lock().write_all(&lines).map_err(IoStreamError::Io));
    if let Err(error) = written {
        warn!(why = %error, "the invocation's metrics are not written");
    }
}

fn lines(tally: &Tally, function: &str, request_id: &str, now: SystemTime) -> Result<Vec<u8>, IoStreamError> {
    let mut lines = Vec::new();
    for line in tally.lines() {
        let mut dimensions = vec![FUNCTION.to_owned()];
        dimensions.extend(line.client.as_ref().map(|_| CLIENT.to_owned()));
        let mut format = Emf::builder(NAMESPACE.to_owned(), vec![dimensions]).build();
        format.format(&MetricLine { line, function, request_id, now }, &mut lines)?;
    }
    Ok(lines)
}

struct MetricLine<'l> {
    line: &'l Line,
    function: &'l str,
    request_id: &'l str,
    now: SystemTime,
}

impl Entry for MetricLine<'_> {
    fn write<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        writer.timestamp(self.now);
        writer.value(FUNCTION, self.function);
        if let Some(client) = &self.line.client {
            writer.value(CLIENT, client.as_str());
        }
        // As the log's lines name it; no dimension.
        writer.value("request_id", self.request_id);
        for (metric, value) in &self.line.values {
            writer.value(metric.name, &MeasuredValue(metric, value));
        }
    }
}

struct MeasuredValue<'l>(&'l Metric, &'l Value);

impl EmfValue for MeasuredValue<'_> {
    fn write(&self, writer: impl ValueWriter) {
        let Self(metric, value) = self;
        let unit = match metric.unit {
            Unit::Count => EmfUnit::Count,
            Unit::Milliseconds => EmfUnit::Second(NegativeScale::Milli),
        };
        match value {
            Value::Count(count) => {
                writer.metric([Observation::Unsigned(*count)], unit, [], MetricFlags::empty());
            }
            Value::Distribution(values) => {
                let values = values.iter().map(|(value, occurrences)| Observation::Repeated {
                    total: *value as f64 * *occurrences as f64,
                    occurrences: *occurrences,
                });
                writer.metric(values, unit, [], MetricFlags::empty());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::{Expect, expect};
    use shared::config::ClientName;
    use shared::metrics::{BECAME_BEHIND, BEHIND_AGE, END_TO_END_LATENCY, Latencies, RECORDS_IN, SENT};

    use super::*;

    fn check(tally: &Tally, expected: &Expect) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_123);
        let lines = lines(tally, "stage-FanOut", "00000000-0000-4000-8000-000000000001", now).unwrap();
        let lines = String::from_utf8(lines).unwrap();
        for line in lines.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["_aws"]["CloudWatchMetrics"].as_array().unwrap().len(), 1);
        }
        expected.assert_eq(&lines);
    }

    #[test]
    fn an_invocation_without_counts_writes_nothing() {
        check(&Tally::default(), &expect![""]);
    }

    #[test]
    fn an_invocation_writes_a_line_and_one_for_each_client_in_trouble() {
        let mut tally = Tally::default();
        tally.count(RECORDS_IN, 10);
        tally.count(SENT, 0);
        let mut latencies = Latencies::default();
        for milliseconds in [90, 95, 1_700, u64::MAX] {
            latencies.add(Duration::from_millis(milliseconds));
        }
        tally.latencies(END_TO_END_LATENCY, latencies);
        let client = ClientName::try_new("Billing").unwrap();
        tally.count_of(&client, BECAME_BEHIND, 3);
        tally.count_of(&client, BEHIND_AGE, 0);
        check(
            &tally,
            &expect![[r#"
            {"_aws":{"CloudWatchMetrics":[{"Namespace":"MarkEventQueue","Dimensions":[["Function"]],"Metrics":[{"Name":"RecordsIn","Unit":"Count"},{"Name":"Sent","Unit":"Count"},{"Name":"EndToEndLatency","Unit":"Milliseconds"}]}],"Timestamp":1800000000123},"RecordsIn":10,"Sent":0,"EndToEndLatency":{"Values":[100,2000,1250000000],"Counts":[2,1,1]},"Function":"stage-FanOut","request_id":"00000000-0000-4000-8000-000000000001"}
            {"_aws":{"CloudWatchMetrics":[{"Namespace":"MarkEventQueue","Dimensions":[["Function","Client"]],"Metrics":[{"Name":"BecameBehind","Unit":"Count"},{"Name":"BehindAge","Unit":"Milliseconds"}]}],"Timestamp":1800000000123},"BecameBehind":3,"BehindAge":0,"Function":"stage-FanOut","Client":"Billing","request_id":"00000000-0000-4000-8000-000000000001"}
        "#]],
        );
    }
}
