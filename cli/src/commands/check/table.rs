//! Findings about the event table and its stream.

use crate::args::stack_option;
use aws::operator::table::Table;

use super::{Findings, page};
use crate::event_table::{WrongKey, wrong_keys};

/// Finds what is wrong with the event table and its stream.
pub(super) fn find(findings: &mut Findings<'_>) {
    let facts = findings.facts;
    let (Some(read), Some(table)) = (&facts.stream, &facts.table) else {
        let subject = format!("stack `{}`", facts.stack);
        return findings.add(&subject, "it doesn't name the stream that it reads", "deploy it again");
    };
    let subject = format!("event table `{}`", read.split('/').nth(1).unwrap_or(read));
    let missing = ("it doesn't exist", "make the table again, and deploy with its stream (`--stream-arn`)");
    if let Some(table) = findings.existing(&subject, table, missing) {
        let keys = findings.list.len();
        self::keys(findings, &subject, table);
        let are_keys_right = findings.list.len() == keys;
        stream(findings, &subject, read, table);
        page::find(findings, &subject, are_keys_right);
    }
}

fn keys(findings: &mut Findings<'_>, subject: &str, table: &Table) {
    for WrongKey { key, problem } in wrong_keys(&findings.facts.config.source, table) {
        findings.add(subject, problem, format!("correct `{key}` in the config, and deploy"));
    }
}

fn stream(findings: &mut Findings<'_>, subject: &str, read: &str, table: &Table) {
    let Some(stream) = &table.stream else {
        let remedy = "give it a stream of `NEW_IMAGE`, and deploy with that (`--stream-arn`)";
        return findings.add(subject, "it has no stream", remedy);
    };
    if stream.arn != read {
        let stack = stack_option(&findings.facts.stack);
        let problem = format!("the stack reads its stream `{read}`, which is closed");
        findings.add(subject, problem, format!("run `fanoutctl deploy --stream-arn {}{stack}`", stream.arn));
    }
    let view_type = stream.view_type.as_str();
    let problem = match view_type {
        "NEW_IMAGE" => return,
        // Lambda quotas, "Invocation payload": 6 MB.
        "NEW_AND_OLD_IMAGES" => {
            "its stream carries old images, too (`NEW_AND_OLD_IMAGES`): a record of two large items can exceed the 6 MB that \
             Lambda takes, and then it never gets through"
                .to_owned()
        }
        _ => format!("its stream carries `{view_type}`, and no new images"),
    };
    let remedy = "switch the stream off, and on again with `NEW_IMAGE`, and deploy with it (`--stream-arn`)";
    findings.add(subject, problem, remedy);
}
