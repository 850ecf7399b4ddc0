//! The parts that the tests of the binary share: a directory of each test's own, and the tool in a clean environment.

#![expect(
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

pub(crate) mod schema;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

/// A config with one client of each kind.
pub(crate) const CONFIG: &str = r#"
[source]
partition_key = "mark"
sort_key = "createTime"
time = "createTime"
version = "version"
allowed_accounts = ["444455556666"]

[[client]]
name = "Billing"

[[client]]
name = "Reporting"
queue_arn = "arn:aws:sqs:eu-west-2:444455556666:ReportingEvents.fifo"
"#;

/// An empty directory of the test called `name`.
pub(crate) fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// `fanoutctl` in `directory`, without the caller's environment and without a terminal.
pub(crate) fn fanoutctl(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanoutctl"));
    command.args(arguments).current_dir(directory).env_clear().stdin(Stdio::null());
    // The tool must find no credentials of this machine.
    command.env("HOME", directory).env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// As [`fanoutctl`], with the environment to reach the services at `endpoint`.
pub(crate) fn fanoutctl_at(endpoint: &str, directory: &Path, arguments: &[&str]) -> Command {
    let mut command = fanoutctl(directory, arguments);
    command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_REGION", "eu-west-2");
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    command
}

/// Runs `command`. Returns exit status, standard output and standard error, as people see them.
pub(crate) fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let arguments: Vec<&str> = command.get_args().filter_map(|argument| argument.to_str()).collect();
    schema::assert_shape(&arguments, &stdout);
    let mut text = format!("exit {}\n", status.code().unwrap_or(-1));
    for (name, stream) in [("stdout", stdout), ("stderr", stderr)] {
        if !stream.is_empty() {
            text += &format!("--- {name}\n{}", String::from_utf8(stream).unwrap());
        }
    }
    text
}

/// The endpoint of a service that answers every request with `status` and `body`.
pub(crate) fn service(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            // A request of this tool is so small that it comes in one piece.
            let _ = connection.read(&mut [0; 65_536]);
            let _ = write!(
                connection,
                "HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    endpoint
}

/// `command` and all commands below it, by the words that call them, and whether each is only a group of others.
pub(crate) fn commands(command: &clap::Command, words: &str) -> Vec<(String, bool)> {
    let mut all = vec![(words.to_owned(), command.has_subcommands())];
    for below in command.get_subcommands() {
        all.extend(commands(below, format!("{words} {}", below.get_name()).trim_start()));
    }
    all
}
