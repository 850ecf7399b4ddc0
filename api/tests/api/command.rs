//! `cargo api` as its user sees it.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use expect_test::expect_file;

fn api(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_api-local"));
    command.args(arguments).stdin(Stdio::null()).env_remove("EVENT_TABLE").env("NO_COLOR", "1");
    command
}

fn ended(arguments: &[&str]) -> Output {
    api(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn help_teaches() {
    let output = ended(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    // Blanks at the end of a line can't be seen.
    let help: String = text(&output.stdout).lines().map(|line| format!("{}\n", line.trim_end())).collect();
    expect_file!["help.txt"].assert_eq(&help);
}

#[test]
fn a_wrong_command_line_has_status_2() {
    for arguments in [&["8080"][..], &["--port", "x"], &["--port", "65536"], &["--port"], &["--doc"]] {
        let output = ended(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && text(&output.stderr).starts_with("error: "), "{arguments:?}");
    }
}

#[test]
fn what_keeps_it_from_beginning_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let taken = ended(&["--port", &port]);
    let expected = format!("error: port {port} is taken; name another one with `--port`\n");
    assert_eq!((taken.status.code(), text(&taken.stderr)), (Some(1), expected));
    let without =
        api(&["--port", "0"]).env_remove("STATE_TABLE").env("EVENT_TABLE", "Events").output().unwrap();
    assert_eq!(without.status.code(), Some(1));
    assert!(text(&without.stderr).contains("`STATE_TABLE` is not set"), "{}", text(&without.stderr));
}
