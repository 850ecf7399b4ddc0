//! What is wrong with the event table and its stream.

use shared::config::Source;

use super::facts::Facts;
use super::findings::{Finding, unseen};
use crate::aws::CallFault;
use crate::aws::table::Table;

const NEW_IMAGES: [&str; 2] = ["NEW_IMAGE", "NEW_AND_OLD_IMAGES"];

/// What is wrong with the event table.
pub(super) fn find(facts: &Facts) -> Vec<Finding> {
    let (Some(read), Some(table)) = (&facts.stream, &facts.table) else {
        let subject = format!("stack `{}`", facts.stack);
        return vec![Finding::new(subject, "it doesn't tell which stream it reads", "deploy it again")];
    };
    let name = read.split(['/']).nth(1).unwrap_or(read);
    let subject = format!("event table `{name}`");
    match table {
        Ok(table) => {
            let mut findings = keys(&subject, &facts.config.source, table);
            findings.extend(stream(&subject, read, table));
            findings
        }
        Err(error) if error.fault == CallFault::Missing => {
            let remedy = "make the table again, and deploy with its stream (`--stream-arn`)";
            vec![Finding::new(subject, "it doesn't exist", remedy)]
        }
        Err(error) => vec![unseen(facts, &subject, error)],
    }
}

fn keys(subject: &str, source: &Source, table: &Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    if source.partition_key != table.partition_key {
        let problem =
            format!("its partition key is `{}`, not `{}`", table.partition_key, source.partition_key);
        findings.push(Finding::new(subject, problem, "correct `partition_key` in the config, and deploy"));
    }
    if source.sort_key != table.sort_key {
        let named = |key: &Option<String>| key.as_ref().map_or("none".to_owned(), |key| format!("`{key}`"));
        let problem = format!(
            "its sort key is {}, and the config's {}",
            named(&table.sort_key),
            named(&source.sort_key)
        );
        findings.push(Finding::new(subject, problem, "correct `sort_key` in the config, and deploy"));
    }
    findings
}

fn stream(subject: &str, read: &str, table: &Table) -> Vec<Finding> {
    let Some(stream) = &table.stream else {
        let remedy = "give it a stream of `NEW_IMAGE`, and deploy with that (`--stream-arn`)";
        return vec![Finding::new(subject, "it has no stream", remedy)];
    };
    let mut findings = Vec::new();
    if stream.arn != read {
        let problem = format!("the stack reads its stream `{read}`, which is closed");
        let remedy = format!("deploy with its new one: `--stream-arn {}`", stream.arn);
        findings.push(Finding::new(subject, problem, remedy));
    }
    if !NEW_IMAGES.contains(&stream.view_type.as_str()) {
        let problem = format!("its stream carries `{}`, and no new images", stream.view_type);
        let remedy =
            "switch the stream off, and on again with `NEW_IMAGE`, and deploy with it (`--stream-arn`)";
        findings.push(Finding::new(subject, problem, remedy));
    }
    findings
}
