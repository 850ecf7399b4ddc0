//! Names the commit that the tool is built from.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=../.git/HEAD");
    println!("cargo::rerun-if-changed=../.git/logs/HEAD");
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let commit = output.ok().filter(|output| output.status.success());
    let commit = commit.and_then(|output| String::from_utf8(output.stdout).ok());
    let commit =
        commit.map_or_else(|| "unknown commit".to_owned(), |commit| format!("commit {}", commit.trim()));
    println!("cargo::rustc-env=FANOUTCTL_COMMIT={commit}");
}
