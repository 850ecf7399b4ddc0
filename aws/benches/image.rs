//! What a stream record costs on its way to JSON, beside the obvious way through `serde_dynamo` and a JSON tree.
//!
//! Both start from the bytes of one record and read all of it, in the same process and in turn, and the processor's
//! time is counted, not the wall's, so that the ratio means something on a busy machine. `cargo bench -p aws --bench
//! image`

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use aws_lambda_events::dynamodb::EventRecord;
use rustix::time::{ClockId, clock_gettime};
use shared::config::{Path, Source};
use shared::event::Reader;
use shared::image::{Image, Record, WantedPaths};

/// Bytes of the image in the record, roughly.
const SIZES: [usize; 4] = [500, 2_000, 10_000, 100_000];

/// How often the ways are measured in turn; the median of the ratios is printed.
const ROUNDS: usize = 60;

/// How long one way is measured before it is the other's turn.
const PASS: Duration = Duration::from_millis(4);

fn main() -> Result<(), Box<dyn Error>> {
    let reader = Reader::new(&source());
    let wanted = reader.wanted();
    println!(
        "image → JSON from the bytes of one stream record; median of {ROUNDS} rounds, the ways in turn\n"
    );
    println!("| image | JSON | through a tree | one pass | share |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for size in SIZES {
        let (image, record) = record(size);
        let bytes = record.as_bytes();
        let json = one_pass(bytes, wanted)?.json;
        same(&json, &through_a_tree(bytes)?)?;

        let calls = calls_per_pass(|| through_a_tree(bytes).map(drop))?;
        let mut rounds = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let tree = time(calls, || through_a_tree(bytes).map(drop))?;
            let single = time(calls, || one_pass(bytes, wanted).map(drop))?;
            rounds.push([tree, single, single / tree]);
        }
        let median = |column: usize| {
            let mut values = rounds.iter().filter_map(|round| round.get(column)).copied().collect::<Vec<_>>();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        println!(
            "| {} B | {} B | {:.1} µs | {:.1} µs | **{:.3}** |",
            image.len(),
            json.len(),
            median(0) * 1e6,
            median(1) * 1e6,
            median(2),
        );
    }
    Ok(())
}

/// How many calls fill a turn. The clock is not read between calls: that can cost more than they do.
fn calls_per_pass(mut call: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<u32, Box<dyn Error>> {
    let mut calls = 1;
    while time(calls, &mut call)? * f64::from(calls) < PASS.as_secs_f64() {
        calls *= 2;
    }
    Ok(calls)
}

/// Seconds of the processor for one call, over `calls` calls, after one that tidies up behind the other way.
fn time(calls: u32, mut call: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    call()?;
    let start = processor_time()?;
    for _ in 0..calls {
        call()?;
    }
    Ok((processor_time()? - start).as_secs_f64() / f64::from(calls))
}

fn processor_time() -> Result<Duration, Box<dyn Error>> {
    Ok(Duration::try_from(clock_gettime(ClockId::ThreadCPUTime))?)
}

/// The obvious way.
fn through_a_tree(bytes: &[u8]) -> Result<String, Box<dyn Error>> {
    let record = serde_json::from_slice::<EventRecord>(black_box(bytes))?;
    let value = serde_dynamo::from_item::<_, serde_json::Value>(record.change.new_image)?;
    Ok(black_box(serde_json::to_string(&value)?))
}

/// The way of this project.
fn one_pass<'r>(bytes: &'r [u8], wanted: &WantedPaths) -> Result<Image<'r>, Box<dyn Error>> {
    let record = Record::read(black_box(bytes), wanted)?;
    let image = record.image.ok_or("the record has no image")?;
    Ok(black_box(image.converted?))
}

/// Both ways must have read the same item, so far as `f64` can tell.
fn same(one: &str, other: &str) -> Result<(), Box<dyn Error>> {
    let [one, other] = [one, other].map(serde_json::from_str::<serde_json::Value>);
    if one? == other? { Ok(()) } else { Err("the two ways disagree".into()) }
}

/// The mark family's.
fn source() -> Source {
    let attribute = |name: &str| Some(Path(vec![name.to_owned()]));
    Source {
        partition_key: "mark".to_owned(),
        sort_key: "createTime".to_owned(),
        id: attribute("eventId"),
        name: attribute("eventName"),
        time: attribute("createTime"),
        version: Path(vec!["RegistrationNumber".to_owned(), "version".to_owned()]).into(),
        filter: None,
    }
}

/// An event of about `size` bytes as DynamoDB writes it, and the record around it.
fn record(size: usize) -> (String, String) {
    let mut history = Vec::new();
    let mut image = mark(&history);
    while image.len() < size {
        history.push(history_entry(history.len()));
        image = mark(&history);
    }
    if size < 1_000 {
        image = small();
    }
    let record = format!(
        r#"{{"eventID":"c4ca4238a0b923820dcc509a6f75849b","eventName":"INSERT","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"eu-west-2","dynamodb":{{"ApproximateCreationDateTime":1740821400,"Keys":{{"mark":{{"S":"AFC F5"}},"createTime":{{"S":"2025-03-01T09:30:00.123Z"}}}},"NewImage":{image},"SequenceNumber":"4421584500000000017450439091","SizeBytes":{size},"StreamViewType":"NEW_IMAGE"}},"eventSourceARN":"arn:aws:dynamodb:eu-west-2:123456789012:table/MarkEvent/stream/2025-01-01T00:00:00.000"}}"#
    );
    (image, record)
}

/// A mark that was locked: little more than what every event has. Attributes come in no order.
fn small() -> String {
    r#"{"eventName":{"S":"MarkLocked"},"mark":{"S":"AFC F5"},"RegistrationNumber":{"M":{"status":{"S":"Locked"},"version":{"N":"4"},"price":{"N":"299.90"},"mark":{"S":"AFC F5"},"updateTime":{"S":"2025-03-01T09:30:00.123Z"},"lock":{"M":{"reason":{"S":"Payment pending – 17"},"until":{"S":"2025-03-02T09:30:00Z"}}}}},"createTime":{"S":"2025-03-01T09:30:00.123Z"},"eventId":{"S":"0b8f7bd0-59ef-4b5c-8d1d-0c6a3e6f9a11"}}"#.to_owned()
}

/// A mark with its entitlement, and what happened to it.
fn mark(history: &[String]) -> String {
    let history = history.join(",");
    format!(
        r#"{{"eventName":{{"S":"AddressUpdated"}},"mark":{{"S":"AFC F5"}},"RegistrationNumber":{{"M":{{"type":{{"S":"Prefix"}},"mark":{{"S":"AFC F5"}},"version":{{"N":"3"}},"price":{{"N":"299.90"}},"status":{{"S":"Assigned"}},"transferable":{{"BOOL":true}},"entitlement":{{"M":{{"nominee":{{"S":"Nominee 17 – Zoë"}},"certificateNo":{{"N":"20250301000417"}},"purchaser":{{"M":{{"name":{{"S":"Purchaser 4"}},"address":{{"M":{{"line2":{{"S":"Flat 3 \"Rear\""}},"line1":{{"S":"17 Château Street"}},"town":{{"S":"Swansea"}},"postcode":{{"S":"SA99 1ZZ"}},"country":{{"NULL":true}}}}}}}}}},"expiryTime":{{"S":"2035-03-01T00:00:00Z"}},"channels":{{"SS":["email","post"]}}}}}},"history":{{"L":[{history}]}},"updateTime":{{"S":"2025-03-01T09:30:00.123Z"}}}}}},"createTime":{{"S":"2025-03-01T09:30:00.123Z"}},"context":{{"S":"correspondence"}},"eventId":{{"S":"0b8f7bd0-59ef-4b5c-8d1d-0c6a3e6f9a11"}}}}"#
    )
}

/// Every third entry has a note, some sentences long.
fn history_entry(index: usize) -> String {
    let sentence =
        "Address confirmed by post; the holder’s reply came in Welsh – \\\"Tŷ Gwyn\\\" – and was filed. ";
    let note = if index % 3 == 2 { sentence.repeat(3 + index % 5) } else { format!("Step {index}") };
    format!(
        r#"{{"M":{{"time":{{"S":"2025-02-{:02}T10:00:00Z"}},"note":{{"S":"{note}"}},"fee":{{"N":"{}.50"}},"address":{{"M":{{"town":{{"S":"Abertawe"}},"line1":{{"S":"{index} Stryd Fawr"}},"postcode":{{"S":"SA1 {index}AA"}}}}}},"by":{{"S":"Clerk {index}"}},"tags":{{"L":[{{"S":"address"}},{{"S":"v{index}"}}]}}}}}}"#,
        index % 28 + 1,
        index % 90
    )
}
