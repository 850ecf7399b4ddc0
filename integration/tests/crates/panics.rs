//! A panic is logged by its place, without its message.

#![expect(
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the test is about panics, and reports by panicking"
)]

use std::env;
use std::panic::catch_unwind;
use std::process::Command;

use serde_json::{Value, json};

/// Set in the process that panics, which has a panic hook and an output of its own.
const PANICKING: &str = "PANICKING";

const CONTENT: &str = "Nominee 17 – Zoë";

/// Panics whose messages hold [`CONTENT`], with the lines that they are on.
const PANICS: [(u32, fn()); 3] = [
    (line!(), || panic!("{CONTENT}")),
    (line!(), || drop(CONTENT[..12].to_owned())),
    (line!(), || drop(serde_json::from_value::<Vec<u8>>(json!(CONTENT)).unwrap())),
];

#[test]
fn a_panic_is_logged_by_its_place_without_its_message() {
    if env::var_os(PANICKING).is_some() {
        return panic_each_time();
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "panics::a_panic_is_logged_by_its_place_without_its_message", "--nocapture"])
        .env(PANICKING, "1")
        .env("AWS_LAMBDA_LOG_LEVEL", "TRACE")
        .output()
        .unwrap();
    let logs = String::from_utf8(output.stdout).unwrap();
    let said = format!("{logs}{}", String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("Zo"), "{said}");

    // The test's own output may stand before the first line.
    let lines = logs.lines().filter_map(|line| serde_json::from_str::<Value>(&line[line.find('{')?..]).ok());
    let lines: Vec<Value> = lines.collect();
    assert_eq!(lines.len(), PANICS.len(), "{said}");
    for (line, (number, _)) in lines.iter().zip(PANICS) {
        assert_eq!((&line["level"], &line["message"]), (&json!("ERROR"), &json!("panicked")));
        let place = line["place"].as_str().unwrap();
        let column = place.strip_prefix(&format!("{}:{number}:", file!()));
        assert!(column.is_some_and(|column| column.parse::<u32>().is_ok()), "{place}, not line {number}");
    }
}

fn panic_each_time() {
    aws::lambda::init_logging();
    for (line, panic) in PANICS {
        let panicked = catch_unwind(panic).unwrap_err();
        let message = panicked.downcast_ref::<String>().unwrap();
        assert!(message.contains(CONTENT), "the message of line {line} does not hold the content");
    }
}
