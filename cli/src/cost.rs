//! What the pipeline costs: requests, units, gigabyte-seconds and their price, from the config and a load. It is
//! arithmetic on what the pipeline was measured to need (docs/performance.md, docs/metrics.md), not a look at a bill.

use serde::Serialize;
use shared::config::Config;

use crate::output::{Style, Tone, row, table};
use crate::prices::Prices;

/// A month: a twelfth of 365 days, in seconds.
const MONTH_SECONDS: f64 = 2_628_000.0;

/// How often Lambda looks at a shard of a stream, a second (AWS Lambda Developer Guide, "Polling and batching streams").
const POLLS_PER_SECOND: f64 = 4.0;
/// The most events of a batch of the fan-out, and of a request to SQS (both Amazon's).
const BATCH_LIMIT: f64 = 10.0;
/// What counts as one request (Amazon SQS pricing).
const REQUEST_BYTES: f64 = 65_536.0;
/// Attributes and ids of a message, about.
const MESSAGE_EXTRA: f64 = 400.0;
/// Clients whose registration fits in a read unit (docs/ledger.md, "Costs").
const CLIENTS_IN_A_UNIT: f64 = 85.0;
/// What a scan reads for a unit: 8 KB, eventually consistent.
const SCAN_UNITS_PER_GIGABYTE: f64 = 131_072.0;

/// The template's defaults for the functions' memory, in megabytes.
const CONVERTER_MEMORY: f64 = 256.0;
const FAN_OUT_MEMORY: f64 = 512.0;
const CATCH_UP_MEMORY: f64 = 512.0;
/// The memory that has a whole processor (Lambda quotas).
const PROCESSOR_MEMORY: f64 = 1_769.0;

/// Processor time of the converter, in milliseconds: of a batch, and of an event of 2 KB (docs/performance.md, "The
/// converter").
const CONVERTER_BATCH: f64 = 0.2;
const CONVERTER_EVENT: f64 = 0.015;
/// Processor time of a batch of the fan-out: of its own, and for each client (docs/performance.md, "The functions").
const FAN_OUT_BATCH: f64 = 0.6;
const FAN_OUT_CLIENT: f64 = 0.078;
/// Calls of the fan-out that wait for each other: the ledger's read and write, the sends, and Lambda's own two
/// (docs/performance.md, "Memory": 27 ms at 5 ms a call).
const FAN_OUT_CALLS: f64 = 5.0;
/// The same of the converter: its requests go out side by side.
const CONVERTER_CALLS: f64 = 3.0;
/// How long the scheduled maintenance runs if nothing is to be done, in calls: an assumption.
const CATCH_UP_CALLS: f64 = 10.0;
/// The bytes of logs that a batch of converter and fan-out write together, and a minute of catch-up (docs/metrics.md,
/// "What they cost").
const LOG_BATCH: f64 = 765.0;
const LOG_MINUTE: f64 = 500.0;
/// Metrics that are made whatever the load (docs/metrics.md), and alarms of a stack; one alarm more for each of its queues
/// for clients.
const METRICS: f64 = 26.0;
const ALARMS: f64 = 16.0;
/// Lambda's long polls of a queue that is empty: five at a time, 20 s each, is what it begins with for a standard queue
/// (AWS Lambda Developer Guide, "Using Lambda with Amazon SQS"). Of FIFO queues no page says.
const POLLS_AT_ONCE: f64 = 5.0;
const POLL_SECONDS: f64 = 20.0;
/// The fan-out queue, and that of consumers' requests.
const POLLED_QUEUES: f64 = 2.0;

/// What the pipeline has to carry.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Load {
    /// Events a month.
    pub events_per_month: f64,
    /// The bytes of an event's JSON.
    pub size: u64,
    /// Events in a batch of the fan-out, from 1 to 10; by the rate, if nobody says it.
    pub batch: Option<f64>,
    /// How long a call of AWS takes, in milliseconds.
    pub call_milliseconds: f64,
    /// The size of the event table, in gigabytes.
    pub table_gigabytes: f64,
}

/// What a load costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    region: String,
    prices_noted: String,
    clients: usize,
    load: Load,
    /// Events in a batch of the fan-out.
    batch: f64,
    lines: Vec<Line>,
    dollars_per_million_events: f64,
    dollars_per_month: f64,
}

/// A part of the cost. What does not grow with the events has no figures for a million of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Line {
    what: &'static str,
    unit: &'static str,
    per_million_events: Option<f64>,
    per_month: f64,
    dollars_per_million_events: Option<f64>,
    dollars_per_month: f64,
}

impl Load {
    /// Events in a batch of the converter: what comes between two looks at a shard, at most the template's default.
    fn converted_at_once(&self) -> f64 {
        (self.events_per_month / MONTH_SECONDS / POLLS_PER_SECOND).clamp(1.0, 500.0)
    }

    /// Events in a batch of the fan-out.
    fn fanned_out_at_once(&self) -> f64 {
        self.batch.unwrap_or_else(|| self.converted_at_once()).clamp(1.0, BATCH_LIMIT)
    }

    /// The billed requests of one that holds `messages`.
    fn billed(&self, messages: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an event is smaller than 1 MiB")]
        let bytes = messages * (self.size as f64 + MESSAGE_EXTRA);
        (bytes / REQUEST_BYTES).ceil().max(1.0)
    }
}

impl Cost {
    /// The cost of `load` for the clients of `config`.
    #[expect(clippy::cast_precision_loss, reason = "clients are few")]
    pub fn new(config: &Config, load: Load, prices: &Prices) -> Self {
        let clients = config.clients.len() as f64;
        let own =
            config.clients.iter().filter(|client| client.queue == shared::config::ClientQueue::Own).count();
        let batch = load.fanned_out_at_once();
        let converted = load.converted_at_once().max(batch);
        let running = |calls: f64, processor: f64, memory: f64| {
            let milliseconds =
                (calls * load.call_milliseconds).max(processor * PROCESSOR_MEMORY / memory) + 2.0;
            milliseconds / 1_000.0 * memory / 1_024.0
        };
        let converter =
            running(CONVERTER_CALLS, CONVERTER_BATCH + CONVERTER_EVENT * converted, CONVERTER_MEMORY);
        let fan_out = running(FAN_OUT_CALLS, FAN_OUT_BATCH + FAN_OUT_CLIENT * clients, FAN_OUT_MEMORY);
        let catch_up = running(CATCH_UP_CALLS, 0.0, CATCH_UP_MEMORY);
        let minutes = MONTH_SECONDS / 60.0;
        let polls = POLLED_QUEUES * POLLS_AT_ONCE * MONTH_SECONDS / POLL_SECONDS;
        // Converter: in. Fan-out: received, deleted, and to each client.
        let into = load.billed(batch) / batch;
        let sends = clients * load.billed(batch) / batch;
        let registry = (clients / CLIENTS_IN_A_UNIT).ceil().max(1.0);
        let million = 1_000_000.0;

        let requests = prices.sqs_fifo_million_requests / million;
        let read_unit = prices.dynamodb_million_read_units / million;
        let invocation = prices.lambda_million_invocations / million;
        let variable = |what, unit, per_event: f64, price: f64| {
            let per_month = per_event * load.events_per_month;
            Line {
                what,
                unit,
                per_million_events: Some(per_event * million),
                per_month,
                dollars_per_million_events: Some(per_event * million * price),
                dollars_per_month: per_month * price,
            }
        };
        let fixed = |what, unit, per_month: f64, price: f64| Line {
            what,
            unit,
            per_million_events: None,
            per_month,
            dollars_per_million_events: None,
            dollars_per_month: per_month * price,
        };
        let lines = vec![
            variable("SQS: into the fan-out queue", "requests", into, requests),
            variable("SQS: out of it", "requests", load.billed(batch) / batch + 1.0 / batch, requests),
            variable("SQS: to the clients", "requests", sends, requests),
            variable("Ledger: writes", "units", 1.0, prices.dynamodb_million_write_units / million),
            variable("Ledger: reads", "units", 1.0 + registry / batch, read_unit),
            variable("Lambda: invocations", "invocations", 1.0 / converted + 1.0 / batch, invocation),
            variable("Lambda: converter", "GB-seconds", converter / converted, prices.lambda_gigabyte_second),
            variable("Lambda: fan-out", "GB-seconds", fan_out / batch, prices.lambda_gigabyte_second),
            variable("Logs", "gigabytes", LOG_BATCH / batch / 1e9, prices.cloudwatch_log_gigabyte),
            fixed(
                "Lambda: catch-up, once a minute",
                "GB-seconds",
                catch_up * minutes,
                prices.lambda_gigabyte_second,
            ),
            fixed("Lambda: catch-up, once a minute", "invocations", minutes, invocation),
            fixed("SQS: Lambda's polls of empty queues", "requests", polls, requests),
            fixed(
                "Daily comparison: the event table",
                "units",
                load.table_gigabytes * SCAN_UNITS_PER_GIGABYTE * MONTH_SECONDS / 86_400.0,
                read_unit,
            ),
            fixed("Metrics", "metrics", METRICS, prices.cloudwatch_metric_month),
            fixed("Alarms", "alarms", ALARMS + own as f64, prices.cloudwatch_alarm_month),
            fixed("Dashboard", "dashboards", 1.0, prices.cloudwatch_dashboard_month),
            fixed(
                "Logs of catch-up",
                "gigabytes",
                LOG_MINUTE * minutes / 1e9,
                prices.cloudwatch_log_gigabyte,
            ),
        ];
        Self {
            region: prices.region.clone(),
            prices_noted: prices.noted.clone(),
            clients: config.clients.len(),
            load,
            batch,
            dollars_per_million_events: lines.iter().filter_map(|line| line.dollars_per_million_events).sum(),
            dollars_per_month: lines.iter().map(|line| line.dollars_per_month).sum(),
            lines,
        }
    }

    /// The text for people; ends with a line feed.
    pub fn to_text(&self, style: Style) -> String {
        let Self { region, prices_noted, clients, load, batch, lines, .. } = self;
        let rows = lines.iter().map(|line| {
            let million = line.per_million_events.map_or_else(|| "-".to_owned(), amount);
            let millions = line.dollars_per_million_events.map_or_else(|| "-".to_owned(), price);
            let (month, monthly) = (amount(line.per_month), price(line.dollars_per_month));
            row(
                [line.what.to_owned(), line.unit.to_owned(), million, millions, month, monthly],
                Tone::Neutral,
            )
        });
        let total = row(
            [
                "Together".to_owned(),
                String::new(),
                "-".to_owned(),
                price(self.dollars_per_million_events),
                "-".to_owned(),
                price(self.dollars_per_month),
            ],
            Tone::Neutral,
        );
        let header = ["what", "unit", "per million", "price", "a month", "price a month"];
        let table = table(header, rows.chain([total]), style);
        format!(
            "{} events a month of {} bytes, for {clients} clients; {batch:.1} in a batch, a call takes {} ms, the event table \
             has {} GB\n\n{table}\n\n\
             List prices of {region}, noted on {prices_noted}, without free tiers. At most: each client is taken to want every \
             event, and each event to be of another aggregate than the others of its batch. An event of an aggregate that has \
             another in the batch saves its ledger units, and costs a request of its own to each client.\n\
             Not in it: what consumers receive and delete, the event table and its stream, a KMS key, X-Ray, storage, and \
             what is repaired, caught up or replayed.\n",
            amount(load.events_per_month),
            load.size,
            load.call_milliseconds,
            load.table_gigabytes,
        )
    }
}

/// A figure with as many digits as an estimate has, in groups of three.
fn amount(figure: f64) -> String {
    if figure < 10.0 && figure.fract() != 0.0 {
        return format!("{figure:.3}");
    }
    let digits = format!("{figure:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A price in a column.
fn price(dollars: f64) -> String {
    if dollars > 0.0 && dollars < 0.01 { "<$0.01".to_owned() } else { format!("${dollars:.2}") }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    const SOURCE: &str = "[source]\npartition_key = \"mark\"\nsort_key = \"n\"\nversion = \"n\"\n";

    fn config(clients: usize) -> Config {
        let clients: String = (0..clients).map(|n| format!("[[client]]\nname = \"Client{n}\"\n")).collect();
        Config::try_from_toml("f", &format!("{SOURCE}{clients}"), None).unwrap()
    }

    fn load(events_per_month: f64) -> Load {
        Load { events_per_month, size: 2_000, batch: None, call_milliseconds: 5.0, table_gigabytes: 1.0 }
    }

    fn cost(clients: usize, load: Load) -> Cost {
        Cost::new(&config(clients), load, &Prices::load().unwrap())
    }

    fn of(cost: &Cost, what: &str) -> f64 {
        cost.lines.iter().find(|line| line.what == what).unwrap().per_million_events.unwrap()
    }

    #[test]
    fn people_get_a_table() {
        expect![[r#"
            10,000,000 events a month of 2000 bytes, for 3 clients; 1.0 in a batch, a call takes 5 ms, the event table has 1 GB

            what                                 unit         per million  price  a month     price a month
            SQS: into the fan-out queue          requests       1,000,000  $0.50  10,000,000          $5.00
            SQS: out of it                       requests       2,000,000  $1.00  20,000,000         $10.00
            SQS: to the clients                  requests       3,000,000  $1.50  30,000,000         $15.00
            Ledger: writes                       units          1,000,000  $0.62  10,000,000          $6.25
            Ledger: reads                        units          2,000,000  $0.25  20,000,000          $2.50
            Lambda: invocations                  invocations    2,000,000  $0.40  20,000,000          $4.00
            Lambda: converter                    GB-seconds         4,250  $0.07      42,500          $0.71
            Lambda: fan-out                      GB-seconds        13,500  $0.23     135,000          $2.25
            Logs                                 gigabytes          0.765  $0.38       7.650          $3.82
            Lambda: catch-up, once a minute      GB-seconds             -      -       1,139          $0.02
            Lambda: catch-up, once a minute      invocations            -      -      43,800         <$0.01
            SQS: Lambda's polls of empty queues  requests               -      -   1,314,000          $0.66
            Daily comparison: the event table    units                  -      -   3,986,773          $0.50
            Metrics                              metrics                -      -          26          $7.80
            Alarms                               alarms                 -      -          19          $1.90
            Dashboard                            dashboards             -      -           1          $3.00
            Logs of catch-up                     gigabytes              -      -       0.022          $0.01
            Together                                                    -  $4.95           -         $63.43

            List prices of us-east-1, noted on 2026-11-29, without free tiers. At most: each client is taken to want every event, and each event to be of another aggregate than the others of its batch. An event of an aggregate that has another in the batch saves its ledger units, and costs a request of its own to each client.
            Not in it: what consumers receive and delete, the event table and its stream, a KMS key, X-Ray, storage, and what is repaired, caught up or replayed.
        "#]].assert_eq(&cost(3, load(10_000_000.0)).to_text(Style::Plain));
    }

    /// docs/performance.md, "Memory": $ per million events of the fan-out in batches of ten, and "The ledger".
    #[test]
    fn it_agrees_with_what_was_measured() {
        for (clients, measured) in [(3, 0.042), (30, 0.044), (100, 0.049)] {
            let cost = cost(clients, Load { batch: Some(10.0), ..load(1e9) });
            let seconds = of(&cost, "Lambda: fan-out") * Prices::load().unwrap().lambda_gigabyte_second;
            let dollars = seconds + 0.2 / 10.0;
            assert!((dollars / measured - 1.0).abs() < 0.15, "{clients}: {dollars} and {measured}");
            assert!((of(&cost, "Ledger: writes") / 1e6 - 1.0).abs() < 0.01);
            let reads = if clients == 100 { 1.2 } else { 1.1 };
            assert!((of(&cost, "Ledger: reads") / 1e6 - reads).abs() < 0.01, "{clients}");
        }
    }

    #[test]
    fn large_events_cost_a_request_for_each_64_kib() {
        let requests =
            |size| of(&cost(3, Load { size, batch: Some(10.0), ..load(1e9) }), "SQS: to the clients");
        assert_eq!(requests(2_000), 300_000.0);
        assert_eq!(requests(6_100), 300_000.0);
        assert_eq!(requests(6_200), 600_000.0);
        assert_eq!(requests(400_000), 18_600_000.0);
    }

    #[test]
    fn few_events_come_alone_and_many_in_full_batches() {
        let batch = |events| cost(3, load(events)).batch;
        assert_eq!(batch(1_000.0), 1.0);
        assert_eq!(batch(20.0 * MONTH_SECONDS), 5.0);
        assert_eq!(batch(1e9), 10.0);
    }

    #[test]
    fn the_templates_defaults_are_those_that_are_counted() {
        let template = include_str!("../../template.yml");
        let default = |name: &str| -> f64 {
            let (_, parameter) = template.split_once(&format!("\n  {name}:\n")).unwrap();
            let (_, value) = parameter.split_once("Default: ").unwrap();
            value.lines().next().unwrap().parse().unwrap()
        };
        let memory = ["ConverterMemory", "FanOutMemory", "CatchUpMemory"].map(default);
        assert_eq!(memory, [CONVERTER_MEMORY, FAN_OUT_MEMORY, CATCH_UP_MEMORY]);
        let alarms = template.matches("\n    Type: AWS::CloudWatch::Alarm\n    Properties:").count();
        assert_eq!(alarms as f64, ALARMS);
    }
}
