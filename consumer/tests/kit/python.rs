//! The kit in Python passes its own tests, the vectors of the rule among them.

#![allow(clippy::expect_used, clippy::panic, reason = "a test reports by panicking")]

use std::process::Command;

#[test]
fn the_kit_in_python_passes_its_tests() {
    let output = Command::new("python3")
        .args([
            "-B",
            "-m",
            "unittest",
            "discover",
            "--start-directory",
            "tests",
            "--top-level-directory",
            ".",
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/python"))
        .output()
        .expect("there is a `python3`");
    let report = String::from_utf8_lossy(&output.stderr);
    // Without any test it succeeds, too.
    let has_run = report.contains("\nRan ") && !report.contains("\nRan 0 tests");
    assert!(output.status.success() && has_run, "{report}");
}
