//! The command line as its user sees it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use local::processes::{self, Process};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn local(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// An empty directory of the test's own.
fn directory(name: &str) -> anyhow::Result<PathBuf> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        fs::remove_dir_all(&path)?;
    }
    fs::create_dir_all(&path)?;
    Ok(path)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `text` with the figures that differ from run to run replaced.
fn without_figures(text: &str) -> String {
    let mask = |line: &str| {
        if let Some((kept, _)) = line.split_once(" in order: ") {
            return format!("{kept} in order: N a second.\n");
        }
        match (line.rsplit_once("  "), line.ends_with(" ms"), line.rsplit_once(": /")) {
            (Some((kept, _)), true, _) => format!("{}  N ms\n", kept.trim_end()),
            (_, _, Some((kept, _))) => format!("{kept}: …\n"),
            _ => format!("{line}\n"),
        }
    };
    text.lines().map(mask).collect()
}

#[test]
fn help_teaches() -> anyhow::Result<()> {
    let output = local(&["--help"]).env("COLUMNS", "100").output()?;
    assert!(output.status.success());
    // Its blank lines are indented, which no snapshot keeps.
    let help: String = text(&output.stdout).lines().map(|line| format!("{}\n", line.trim_end())).collect();
    expect![[r#"
        Shows the pipeline at work on this machine: every event reaches every client's queue, in order.

        Starts MiniStack (AWS's services in one local process) on a free port of the loopback interface, builds the
        functions, deploys the companion (api/template.yml) and the pipeline (template.yml) with them, and sends
        commands for new marks to the companion over HTTP; of each, it makes an event. Follows every client's queue
        and ends with a table. Needs Rust and Python 3.10 or newer. Puts everything else that it needs under the
        target directory the first time.

        Usage: cargo local [OPTIONS]

        Options:
              --marks <N>
                  How many marks to make

                  [default: 50]

              --events <M>
                  How many events each mark has

                  [default: 10]

              --direct
                  Write events straight into an event table, without the companion: for big runs

              --input <FILE>
                  Write the events of this file instead, one JSON object per line; `-` is standard input

                  They go straight into an event table. Each is an item of the event table, with at least `mark`,
                  `createTime`, `eventId` and `RegistrationNumber.version`, which counts a mark's events from 1;
                  numbers keep their digits. A bad line is reported with its number before anything starts, and the
                  others go on.

              --stay
                  Keep the stack when the table is shown, until Ctrl-C

                  Prints its address, the clients' queues and three commands to try.

              --push
                  Push what goes to webhooks to a receiver on this machine

                  Each `[client.push.webhook]` of client-queues.toml is delivered there instead; if there is none, a
                  client `LocalWebhook` is added. The receiver checks each signature, and answers 204.

              --push-breaks <N>
                  Break the receiver when it has taken N events: 503 to everything, for five seconds

              --json
                  Print the result as one JSON object; progress still goes to standard error

          -V, --version
                  Print the release, and the commit of the clone

          -h, --help
                  Print help (see a summary with '-h')

        Examples:
          cargo local                              500 commands for 50 marks, and their events at every client
          cargo local --marks 5 --events 200       more events of fewer marks
          cargo local --direct --marks 1000        10,000 events, written without the companion
          cargo local --input events.jsonl         events of your own, for example this one:
        {"mark":"AFC F5","createTime":"2026-01-05T09:00:00Z","eventId":"1","RegistrationNumber":{"version":1}}
          cargo local --stay                       keep it, and look around with any AWS client
          cargo local --push --push-breaks 200     signed requests to a receiver here, which breaks meanwhile
          cargo local --json | jq .clients         for programs

        Clients come from client-queues.toml: add one, run this again, and it is in the table. A client with
        a filter is expected to have what it wants, and one with a view of its own, events in that view.

        The load is paced: at most 32 events are on their way at the same time, so that the delay is an event's
        own, and not that of a backlog.

        Exit status:
          0    every client has every event that it wants, in order, once and unchanged
          1    a client does not; the findings are below the table
          2    the command line is wrong, or the input: it is missing, or has no event that can be written
          3    the stack could not be started, or did not answer
          130  interrupted; nothing is left running
    "#]].assert_eq(&help);
    Ok(())
}

#[test]
fn a_version_names_the_commit() -> anyhow::Result<()> {
    let version = text(&local(&["--version"]).output()?.stdout);
    assert!(version.starts_with("cargo local ") && version.contains(" (commit "), "{version}");
    Ok(())
}

#[test]
fn a_wrong_command_line_has_status_2() -> anyhow::Result<()> {
    for arguments in [&["--marks", "0"][..], &["--events", "x"], &["--input", "f", "--marks", "1"], &["more"]]
    {
        assert_eq!(local(arguments).output()?.status.code(), Some(2), "{arguments:?}");
    }
    Ok(())
}

#[test]
fn an_input_that_cannot_be_used_is_named() -> anyhow::Result<()> {
    let directory = directory("unusable-input")?;
    let check = |name: &str, expected: Expect| -> anyhow::Result<()> {
        let output = local(&["--input", name]).current_dir(&directory).output()?;
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(&output.stdout), "");
        expected.assert_eq(&text(&output.stderr));
        Ok(())
    };
    fs::write(directory.join("empty.jsonl"), "\n[]\n")?;
    check(
        "missing.jsonl",
        expect![[r#"
        error: `missing.jsonl`: No such file or directory (os error 2)
    "#]],
    )?;
    check(
        "-",
        expect![[r#"
        error: `standard input` has no event that can be written; `cargo local --help` shows one
    "#]],
    )?;
    check(
        "empty.jsonl",
        expect![[r#"
            empty.jsonl:2: is not a JSON object
            error: `empty.jsonl` has no event that can be written; `cargo local --help` shows one
        "#]],
    )
}

#[test]
fn without_python_it_says_what_was_tried_and_how_to_get_it() -> anyhow::Result<()> {
    let directory = directory("no-python")?;
    let programs = directory.join("bin");
    fs::create_dir(&programs)?;
    let check = |expected: Expect| -> anyhow::Result<()> {
        let mut command = local(&[]);
        // An empty target directory, because an environment that is there already needs no other Python.
        let output =
            command.env("PATH", &programs).env("CARGO_TARGET_DIR", directory.join("target")).output()?;
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(text(&output.stdout), "");
        expected.assert_eq(&text(&output.stderr));
        Ok(())
    };
    check(expect![[r#"
        error: no Python 3.10 or newer with `venv`: `python3` not found, `python3.14` not found, `python3.13` not found, `python3.12` not found, `python3.11` not found, `python3.10` not found; install one (Debian, Ubuntu: `apt install python3 python3-venv`; Fedora: `dnf install python3`; macOS: `brew install python`) and see that it is on `PATH`
    "#]])?;

    let python = programs.join("python3");
    fs::write(&python, "#!/bin/sh\necho 'is version 3.8' >&2\nexit 1\n")?;
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755))?;
    check(expect![[r#"
        error: no Python 3.10 or newer with `venv`: `python3` is version 3.8, `python3.14` not found, `python3.13` not found, `python3.12` not found, `python3.11` not found, `python3.10` not found; install one (Debian, Ubuntu: `apt install python3 python3-venv`; Fedora: `dnf install python3`; macOS: `brew install python`) and see that it is on `PATH`
    "#]])
}

#[test]
fn a_bad_line_is_reported_and_the_others_go_on() -> anyhow::Result<()> {
    let directory = directory("bad-line")?;
    let line = |mark: &str, version: u32| {
        format!(
            r#"{{"mark":"{mark}","createTime":"2026-01-05T09:00:0{version}Z","eventId":"{mark}{version}","eventName":"LockedEvent","RegistrationNumber":{{"version":{version},"price":299.90,"note":"é – \u0007"}}}}"#
        )
    };
    let lines = [
        line("AFC F5", 1),
        line("X1 ABC", 1),
        "{\"mark\":\"\u{1b}[2J\"".to_owned(),
        line("AFC F5", 2),
        line("X1 ABC", 2).replace("eventId", "id"),
        line("X1 ABC", 2),
        line("AFC F5", 3),
        line("LATE", 2),
        line("HUGE", 1).replace("299.90", "1e999"),
        line("HUGE", 2),
    ];
    let path = directory.join("events.jsonl");
    fs::write(&path, lines.join("\n"))?;
    let output = local(&["--input", "-"]).stdin(File::open(&path)?).output()?;
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    expect![[r#"
        client       events  groups  order  twice  delay
        Billing      5 of 5       2  ok         0  N ms
        Insurance    5 of 5       2  ok         0  N ms
        Enforcement  5 of 5       2  ok         0  N ms

        5 events reached 3 clients, complete and in order: N a second.
        5 lines of the input left out.
        delay: the median from an event's write to its receipt, with at most 32
        on their way; these are dev builds, slower than what ships

        Next:
          cargo local --stay                  keep the stack and look around: endpoint, table, queues
          cargo local --input events.jsonl    events of your own; `--help` shows one
          client-queues.toml                  add a client in three lines, and run this again
        The stack is gone. Its log, and its functions': …
    "#]]
    .assert_eq(&without_figures(&text(&output.stdout)));
    let bad: String = errors
        .lines()
        .filter(|line| line.starts_with("standard input:"))
        .map(|line| format!("{line}\n"))
        .collect();
    expect![[r#"
        standard input:3: is not JSON: control character (\u0000-\u001F) found while parsing a string, column 9
        standard input:5: has no `eventId`
        standard input:8: `RegistrationNumber.version` is 2, and the next version of `LATE` is 1; number a mark's events from 1, without a gap, one line after the other
        standard input:9: the table refused it: 1 validation error detected: Number overflow. Attempting to store a number with magnitude larger than supported range (`ValidationException`)
        standard input:10: not written, because an earlier event of its mark was refused
    "#]]
    .assert_eq(&bad);
    Ok(())
}

#[test]
fn a_program_gets_one_json_object() -> anyhow::Result<()> {
    let output = local(&["--json", "--marks", "3", "--events", "4"]).output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!((&report["ok"], &report["written"]), (&Value::from(true), &Value::from(12)));
    assert!(report["events_per_second"].is_u64());
    // The stack is gone, and so are its addresses.
    assert!(!text(&output.stdout).contains("http"));
    let clients = report["clients"].as_array().cloned().unwrap_or_default();
    assert_eq!(clients.len(), 3);
    for client in clients {
        assert_eq!((&client["events"], &client["groups"]), (&Value::from(12), &Value::from(3)), "{client}");
    }
    Ok(())
}

#[test]
fn a_webhook_that_breaks_misses_nothing_and_gets_nothing_twice() -> anyhow::Result<()> {
    let arguments = ["--push", "--push-breaks", "20", "--marks", "5", "--events", "10", "--json"];
    let output = local(&arguments).output()?;
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let webhook =
        report["clients"].as_array().and_then(|clients| clients.last()).cloned().unwrap_or_default();
    assert_eq!(webhook["name"], "LocalWebhook");
    let counted =
        ["events", "missing", "out_of_order", "duplicates", "differing"].map(|name| webhook[name].as_u64());
    assert_eq!(counted, [50, 0, 0, 0, 0].map(Some));
    let receiver = &report["receiver"];
    assert_eq!([&receiver["taken"], &receiver["unsigned"]].map(Value::as_u64), [50, 0].map(Some));
    assert!(receiver["refused"].as_u64() > Some(0), "{receiver}");
    assert!(
        said.contains("is down now: it answers 503") && said.contains("the receiver is mended"),
        "{said}"
    );
    Ok(())
}

#[test]
fn an_interrupt_leaves_nothing_running() -> anyhow::Result<()> {
    check_end(Signal::INT, Some(130))
}

#[test]
fn not_even_a_kill_leaves_anything_running() -> anyhow::Result<()> {
    check_end(Signal::KILL, None)
}

/// Starts a stack that stays, ends the command with `signal`, and sees that all it has started ends too.
fn check_end(signal: Signal, code: Option<i32>) -> anyhow::Result<()> {
    let mut child = local(&["--stay", "--marks", "2", "--events", "2"]).stdout(Stdio::piped()).spawn()?;
    let endpoint = endpoint_of(&mut child)?;
    let started = processes::descendants(child.id());
    // MiniStack and the two functions.
    assert!(started.len() >= 3, "{started:?}");
    assert!(TcpStream::connect(&endpoint).is_ok());

    kill_process(Pid::from_child(&child), signal)?;
    assert_eq!(child.wait()?.code(), code);
    let deadline = Instant::now() + Duration::from_secs(20);
    while started.iter().any(is_running) || TcpStream::connect(&endpoint).is_ok() {
        assert!(Instant::now() < deadline, "of {started:?} some still run");
        std::thread::yield_now();
    }
    Ok(())
}

fn endpoint_of(child: &mut Child) -> anyhow::Result<String> {
    let output = child.stdout.take().ok_or_else(|| anyhow::anyhow!("no output"))?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        if let Some((_, endpoint)) = line.split_once("export AWS_ENDPOINT_URL=http://") {
            return Ok(endpoint.split(' ').next().unwrap_or_default().to_owned());
        }
    }
    anyhow::bail!("it ended before it said where it is")
}

fn is_running(process: &Process) -> bool {
    let arguments = fs::read(format!("/proc/{}/cmdline", process.id)).unwrap_or_default();
    arguments.starts_with(process.program.as_bytes()) && !arguments.is_empty()
}
