//! The `--help` of every command.

use clap::CommandFactory as _;
use expect_test::expect_file;
use fanoutctl::args::Arguments;

use crate::support::{commands, directory, fanoutctl};

#[test]
fn every_command_explains_itself_with_an_example() {
    let directory = directory("help");
    for (command, is_group) in commands(&Arguments::command(), "") {
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        arguments.push("--help");
        let output = fanoutctl(&directory, &arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(output.stderr.is_empty(), "{command}");
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(command.is_empty() || help.contains("Example"), "{command}");
        assert!(is_group || help.contains("\nRights: "), "{command}");
        let name = if command.is_empty() { "fanoutctl".to_owned() } else { command.replace(' ', "-") };
        // Blanks at the end of a line can't be seen.
        let lines: String = help.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        expect_file![format!("help/{name}.txt")].assert_eq(&lines);
    }
}
