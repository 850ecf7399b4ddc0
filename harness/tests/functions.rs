//! The release binaries under the Runtime API: they start, answer, and say why they do not.

#![expect(
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::functions;
use harness::lambda::{Function, Outcome};

const CONFIG: &str = "\
[source]
partition_key = \"mark\"
group = \"mark\"

[[client]]
name = \"billing\"
";

const VARIABLES: [(&str, &str); 2] = [("PARTITION", "aws"), ("ACCOUNT_ID", "123456789012")];

/// A package of its own for each test, with `config` in it.
fn package(name: &str, config: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&package).unwrap();
    std::fs::write(package.join("client-queues.toml"), config).unwrap();
    package
}

fn start(name: &str, config: &str, variables: &[(&str, &str)]) -> io::Result<Function> {
    let package = package(name, config);
    let root = [("LAMBDA_TASK_ROOT", package.to_str().unwrap())];
    Function::start(&functions()?.converter, &[&root, variables].concat())
}

#[test]
fn a_function_answers_one_invocation_after_the_other() {
    let mut function = start("answers", CONFIG, &VARIABLES).unwrap();
    for _ in 0..3 {
        let outcome = function.invoke("{\"Records\":[]}", Duration::from_secs(10)).unwrap();
        assert_eq!(outcome, Outcome::Response("{\"batchItemFailures\":[]}".to_owned()));
    }
    assert!(function.first_poll() > Duration::ZERO);
    assert!(function.peak_memory().unwrap() > 1 << 20);
    assert!(function.cpu_time().unwrap() < Duration::from_secs(60));
}

#[test]
fn a_failed_invocation_is_told_and_logged_with_its_request_id() {
    let mut function = start("fails", CONFIG, &VARIABLES).unwrap();
    let Outcome::Error(told) = function.invoke("[]", Duration::from_secs(10)).unwrap() else {
        panic!("no error")
    };
    assert!(told.contains("InvocationFailed"), "{told}");
    // It answers the next one.
    function.invoke("{\"Records\":[]}", Duration::from_secs(10)).unwrap();
    let output = function.output();
    let line = output.lines().find(|line| line.contains("invocation failed")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["span"]["request_id"], "00000000-0000-4000-8000-000000000001");
    assert_eq!(line["level"], "ERROR");
    assert!(!output.contains("\u{1b}"), "colours: {output}");
}

#[test]
fn a_function_that_cannot_start_says_why() {
    for (name, config, variables, expected) in [
        ("no-partition", CONFIG, &VARIABLES[1..], "environment variable `PARTITION` is not set"),
        ("no-account", CONFIG, &VARIABLES[..1], "environment variable `ACCOUNT_ID` is not set"),
        ("no-client", "[source]\ngroup = \"a\"\n", &VARIABLES[..], "client-queues.toml:"),
    ] {
        let error = start(name, config, variables).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
}
