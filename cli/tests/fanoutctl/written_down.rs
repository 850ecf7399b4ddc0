//! The tool understands every command line that a page, the template or a help text names.

#![expect(
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in test functions"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use fanoutctl::args::Arguments;

/// Values for options whose value is left out in the text: written as `…`, in part or whole, as a variable, or as a
/// placeholder.
const VALUES: [(&str, &str); 6] = [
    ("--stream-arn", "arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/2026-01-05T09:00:00.000"),
    ("--kms-key-arn", "arn:aws:kms:eu-west-2:111122223333:key/1"),
    ("--alarm-topic-arn", "arn:aws:sns:eu-west-2:111122223333:alarms"),
    ("--bucket", "packages"),
    ("--queue-arn", "arn:aws:sqs:eu-west-2:111122223333:test.fifo"),
    ("--from", "1"),
];

#[test]
fn every_command_that_is_written_down_can_be_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut paths: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "template.yml"].map(|name| root.join(name)).into();
    paths.extend(files(&root.join("docs"), "md"));
    paths.extend(files(&root.join("cli/tests/fanoutctl/help"), "txt"));

    let mut named = BTreeSet::new();
    for path in paths {
        for command in commands(&fs::read_to_string(&path).unwrap()) {
            if let Err(error) = parse(&command) {
                panic!("{}: fanoutctl {command}\n{error}", path.display());
            }
            named.extend(command.split_whitespace().next().map(str::to_owned));
        }
    }
    for command in Arguments::command().get_subcommands() {
        assert!(named.contains(command.get_name()), "no page names `{}`", command.get_name());
    }
}

#[test]
fn the_help_of_deploy_names_the_template_s_defaults() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let template = fs::read_to_string(root.join("template.yml")).unwrap();
    let default_of = |parameter: &str| {
        let (_, block) = template.split_once(&format!("\n  {parameter}:\n")).unwrap();
        let line = block.lines().find_map(|line| line.trim().strip_prefix("Default: ")).unwrap();
        if line == "\"\"" { "empty".to_owned() } else { line.trim_matches('"').to_owned() }
    };
    let command = Arguments::command();
    let deploy = command.find_subcommand("deploy").unwrap();
    for (option, parameter) in [
        ("kms-key-arn", "KmsKeyArn"),
        ("alarm-topic-arn", "AlarmTopicArn"),
        ("prefix", "QueuePrefix"),
        ("mapping-alarms", "MappingAlarms"),
        ("log-retention-days", "LogRetentionDays"),
        ("architecture", "Architecture"),
        ("function-timeout", "FunctionTimeout"),
        ("fan-out-concurrency", "FanOutMaximumConcurrency"),
        ("push-http-concurrency", "PushHttpMaximumConcurrency"),
        ("push-aws-concurrency", "PushAwsMaximumConcurrency"),
        ("stream-batch-size", "StreamBatchSize"),
        ("converter-memory", "ConverterMemory"),
        ("fan-out-memory", "FanOutMemory"),
        ("catch-up-memory", "CatchUpMemory"),
        ("push-memory", "PushMemory"),
    ] {
        let argument = deploy.get_arguments().find(|argument| argument.get_long() == Some(option)).unwrap();
        let help = argument.get_help().unwrap().to_string();
        let expected = format!("[new stack: {}]", default_of(parameter));
        assert!(help.ends_with(&expected), "{option}: {help}: {expected}");
    }
}

#[test]
fn command_lines_are_found_wherever_they_stand() {
    let check = |text: &str, expected: &[&str]| assert_eq!(commands(text), expected, "{text}");
    check("```sh\ncargo fanoutctl check     # all is well\nfanoutctl plan\n```", &["check", "plan"]);
    check("  fanoutctl policy Reporting > queue-policy.json", &["policy Reporting"]);
    check("  fanoutctl deploy                      an update", &["deploy"]);
    check("see `cargo fanoutctl --help`, or `fanoutctl check`.", &["--help", "check"]);
    check("`fanoutctl rejected\nresend ID` sends again", &["rejected resend ID"]);
    check("as fanoutctl does, and `fanoutctl` alone; the `cargo fanoutctly x`", &[]);
}

#[test]
fn a_command_line_that_the_tool_does_not_know_is_found() {
    let check = |command: &str, is_known: bool| assert_eq!(parse(command).is_ok(), is_known, "{command}");
    check("plan", true);
    check("deploy --stream-arn …", true);
    check("deploy --stream-arn \"$STREAM_ARN\" --prefix test-", true);
    check("deploy --kms-key-arn arn:aws:kms:eu-west-2:111122223333:key/…", true);
    check("rejected resend ID …", true);
    check("status --json", true);
    check("deploy --help", true);
    check("deploy --stream arn", false);
    check("deploy --prefix …", false);
    check("rejected retry ID", false);
    check("policy", true);
    check("status Billing extra", false);
    check("replay Billing --group 'AFC F5' --from 3", true);
    check("replay CLIENT --all --from VERSION", true);
    check("replay Billing --group AFC F5 --from 3", false);
    check("replay Billing --group A --all --from 3", false);
    check("replay Billing --group A --from -1", false);
    check("replay Billing --group A --after B --from 1", false);
    check("backfill Billing --dry-run --yes", false);
    check("hold Billing --group A --group -7 --from 3 --reason 'it fails'", true);
    check("hold Billing --group A --reason ' '", false);
    check(&format!("hold Billing --group A --reason {}", "x".repeat(501)), false);
    check("release Billing --group A --group B", true);
    check("release Billing --group A --all", false);
    check("skip Billing --group A --version 7 --reason late", true);
    check("skip Billing --group A --group B --version 7 --reason late", false);
    check("held", true);
    check("held Billing --json", true);
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|is| is == extension) {
            found.push(path);
        }
    }
    found
}

/// The arguments after `fanoutctl` in lines that begin with it, and in code between backticks.
fn commands(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim_start).map(|line| {
        // The rest of the line is a remark about the command, or takes its output.
        let end = ["  ", " #", " |", " >", "`"].iter().filter_map(|end| line.find(end)).min();
        line.get(..end.unwrap_or(line.len())).unwrap()
    });
    let spans = text.split('\n').collect::<Vec<_>>().join(" ");
    let spans = spans.split('`').skip(1).step_by(2).map(str::to_owned);
    let all = lines.map(str::to_owned).chain(spans);
    let arguments = |line: String| {
        let line = line.strip_prefix("cargo ").unwrap_or(&line);
        let words: Vec<&str> = line.strip_prefix("fanoutctl ")?.split_whitespace().collect();
        Some(words.join(" "))
    };
    all.filter_map(arguments).collect()
}

/// The words of a command line, as a shell splits it: text between quotes stays together.
fn words_of(command: &str) -> Vec<String> {
    let (mut words, mut quote) = (Vec::new(), None);
    let mut word: Option<String> = None;
    for character in command.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

fn parse(command: &str) -> Result<(), clap::Error> {
    let mut words = vec!["fanoutctl".to_owned()];
    for word in words_of(command) {
        let option = words.last().and_then(|last| VALUES.iter().find(|(option, _)| option == last));
        match option {
            Some((_, value)) if word.contains(['…', '$']) || word == "VERSION" => {
                words.push((*value).to_owned());
            }
            _ => words.push(word),
        }
    }
    // It stands for more of the same kind.
    words.retain(|word| word != "…");
    match Arguments::try_parse_from(words) {
        // In a sentence, a command may be named without its arguments.
        Err(error)
            if !matches!(
                error.kind(),
                ErrorKind::DisplayHelp
                    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                    | ErrorKind::MissingRequiredArgument
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}
