//! The `--help` of every command.

mod support;

use expect_test::expect_file;
use support::{directory, fanoutctl};

#[test]
fn every_command_explains_itself_with_an_example() {
    let commands = [
        "",
        "validate",
        "match",
        "check",
        "policy",
        "plan",
        "deploy",
        "status",
        "pause",
        "resume",
        "catch-up",
        "replay",
        "backfill",
        "hold",
        "release",
        "skip",
        "held",
        "erasures",
        "attest",
        "reconcile",
        "rejected",
        "rejected list",
        "rejected show",
        "rejected resend",
        "delete",
    ];
    let directory = directory("help");
    for command in commands {
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        arguments.push("--help");
        let output = fanoutctl(&directory, &arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(output.stderr.is_empty(), "{command}");
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(command.is_empty() || help.contains("Example"), "{command}");
        let name = if command.is_empty() { "fanoutctl".to_owned() } else { command.replace(' ', "-") };
        // Blanks at the end of a line can't be seen.
        let lines: String = help.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        expect_file![format!("help/{name}.txt")].assert_eq(&lines);
    }
}
