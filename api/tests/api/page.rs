//! `docs/event-source.md`: its commands, run as they stand against `cargo api`, and the tests that it names.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use expect_test::expect_file;

const PAGE: &str = include_str!("../../../docs/event-source.md");

/// The address in the page.
const ADDRESS: &str = "http://127.0.0.1:8080";

/// How long a line of an answer is in the page.
const WIDTH: usize = 120;

/// The API in a process of its own, which ends with this value, and its address.
struct Api(Child, String);

impl Api {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_api-local"));
        command.args(["--port", "0"]).env_remove("EVENT_TABLE").stdout(Stdio::piped());
        let mut api = Self(command.spawn().unwrap(), String::new());
        let mut line = String::new();
        BufReader::new(api.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let (_, rest) = line.split_once("http://").unwrap();
        api.1 = format!("http://{}", rest.split('/').next().unwrap());
        api
    }

    /// What a block of the page prints.
    fn run(&self, commands: &str) -> String {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(commands.replace(ADDRESS, &self.1)).env("NO_PROXY", "127.0.0.1");
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{commands}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().replace('\r', "")
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_commands_of_the_page_print_what_stands_below_them() {
    let curl = Command::new("curl").arg("--version").output();
    assert!(curl.is_ok(), "`curl` is not there: docs/event-source.md is tested with it; install it");
    let api = Api::start();
    let mut page = String::new();
    let mut rest = PAGE;
    let mut count = 0;
    while let Some((before, after)) = rest.split_once("```sh\ncurl ") {
        let (commands, after) = after.split_once("\n```\n").unwrap();
        let answer = after.strip_prefix("\n```text\n").expect("each block with curl has its answer below it");
        let (answer, after) = answer.split_once("```\n").unwrap();
        let found = api.run(&format!("curl {commands}"));
        let is_same = shape(&unfolded(answer)) == shape(&unfolded(&found));
        let shown = if is_same { answer.to_owned() } else { folded(&found) };
        write!(page, "{before}```sh\ncurl {commands}\n```\n\n```text\n{shown}```\n").unwrap();
        (rest, count) = (after, count + 1);
    }
    assert_eq!(count, 11);
    expect_file!["../../../docs/event-source.md"].assert_eq(&(page + rest));
}

/// Lines that begin with a blank go on with the line before.
fn unfolded(answer: &str) -> String {
    let mut text = String::new();
    for line in answer.lines() {
        if !line.starts_with(' ') && !text.is_empty() {
            text.push('\n');
        }
        text += line.trim_start();
    }
    text
}

/// Breaks JSON between its members.
fn folded(answer: &str) -> String {
    let mut text = String::new();
    for line in answer.lines() {
        let mut width = 0;
        for member in line.split_inclusive(',') {
            if width > 0 && width + member.len() > WIDTH && member.starts_with('"') {
                text += "\n  ";
                width = 2;
            }
            text += member;
            width += member.len();
        }
        text.push('\n');
    }
    text
}

/// What stands for what differs from run to run: `#` is any digit, `~` any hexadecimal one.
const SHAPES: [&str; 4] = [
    "~~~~~~~~-~~~~-~~~~-~~~~-~~~~~~~~~~~~",
    "####-##-##T##:##:##.#########Z",
    "\"expiryDate\":\"####-##-##\"",
    "\"certificateNo\":\"##########\"",
];

fn shape(text: &str) -> String {
    let fits = |text: &str, shape: &str| {
        text.len() >= shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
                b'#' => byte.is_ascii_digit(),
                b'~' => byte.is_ascii_hexdigit(),
                other => byte == other,
            })
    };
    let mut shown = String::new();
    for line in text.lines() {
        if line.starts_with("date: ") {
            shown += "date: …\n";
            continue;
        }
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            match SHAPES.iter().find(|shape| fits(rest, shape)) {
                Some(shape) => {
                    shown += shape;
                    rest = rest.split_at(shape.len()).1;
                }
                None => {
                    shown.push(first);
                    rest = rest.split_at(first.len_utf8()).1;
                }
            }
        }
        shown.push('\n');
    }
    shown
}

#[test]
fn each_rule_of_the_page_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (_, rules) = PAGE.split_once("\n## The rules\n").unwrap();
    let (rules, _) = rules.split_once("\n## ").unwrap();
    let rows: Vec<&str> = rules.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() > 15);
    for row in rows {
        let shown_by = row.rsplit(" | ").next().unwrap();
        let (mut file, mut tests) = (String::new(), 0);
        for name in shown_by.split('`').skip(1).step_by(2) {
            if name.ends_with(".rs") {
                file = std::fs::read_to_string(root.join(name)).expect(name);
            } else if name != "check" {
                assert!(file.contains(&format!("fn {name}(")), "there is no test `{name}`");
                tests += 1;
            }
        }
        assert!(tests > 0, "{row}");
    }
}
