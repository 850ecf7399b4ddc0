//! `[client.push.s3]`.

use super::S3Target;
use super::arn::{ArnForm, consists_of};
use super::rules::{PushRules, check_account, check_partition};
use crate::config::findings::Report;
use crate::config::section::{Section, Value};
use crate::naming::{InvalidNaming, Naming, check_account as check_digits};
use crate::quoted::quoted;

/// The key that encrypts. A role's rights name keys, no aliases.
const KEY_FORM: ArnForm = ArnForm {
    service: "kms",
    noun: "a KMS key",
    example: "arn:aws:kms:region:account:key/id",
    is_resource: |text| text.strip_prefix("key/").is_some_and(|id| consists_of(id, 64, "-")),
    names: "`key/id`; an alias could be pointed at another key without a deploy",
};

/// Beginnings and ends that are kept for other things than buckets (S3 User Guide, "General purpose bucket naming rules").
const NO_BEGINNINGS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
const NO_ENDS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

/// A key has at most 1,024 bytes (S3 User Guide, "Naming Amazon S3 objects"): a group takes up to 384 of them, an
/// incarnation, a version and an event's id the rest.
const PREFIX_LIMIT: usize = 200;

/// The target; none if something is wrong, which is reported.
pub(super) fn read(
    mut section: Section<'_>,
    rules: &PushRules<'_>,
    report: &mut Report<'_>,
) -> Option<S3Target> {
    let bucket = section.required("bucket", "missing; write the bucket's name", report);
    let bucket = bucket.and_then(|text| section.parsed("bucket", &text, check_bucket, report));
    let prefix = match section.text("prefix", report) {
        Value::Absent => Some(String::new()),
        Value::Wrong => None,
        Value::Is(text) => section.parsed("prefix", &text, check_prefix, report),
    };
    let account = match section.text("account", report) {
        Value::Absent => Some(None),
        Value::Wrong => None,
        Value::Is(text) => {
            let account = section.parsed("account", &text, account, report);
            account
                .filter(|account| {
                    let at = text.span().start;
                    check_account(account, rules)
                        .map_err(|problem| section.report(at, "account", problem, report))
                        .is_ok()
                })
                .map(Some)
        }
    };
    let kms_key = kms_key(&mut section, rules, report);
    let deletes_erased = match section.text("on_erased", report) {
        Value::Absent => Some(true),
        Value::Wrong => None,
        Value::Is(text) => section.parsed("on_erased", &text, deletes_erased, report),
    };
    section.finish(report);
    Some(S3Target {
        bucket: bucket?,
        account: account?,
        prefix: prefix?,
        kms_key: kms_key?,
        deletes_erased: deletes_erased?,
    })
}

/// The ARN of the key, if there is one; none if it is wrong, which is reported. It receives no events, but has to be in the
/// bucket's region, which is the stack's.
fn kms_key(
    section: &mut Section<'_>,
    rules: &PushRules<'_>,
    report: &mut Report<'_>,
) -> Option<Option<String>> {
    const KEY: &str = "kms_key";
    let text = match section.text(KEY, report) {
        Value::Absent => return Some(None),
        Value::Wrong => return None,
        Value::Is(text) => text,
    };
    let arn = section.parsed(KEY, &text, |text| KEY_FORM.parse(text), report)?;
    let is_elsewhere = |naming: &&Naming| naming.region != arn.region;
    let checked = match rules.naming.filter(is_elsewhere) {
        Some(Naming { region, .. }) => Err(format!(
            "is in `{}`, the bucket in the stack's region `{region}`; name a key of that region",
            arn.region
        )),
        None => check_partition(&arn, rules),
    };
    checked.map_err(|problem| section.report(text.span().start, KEY, problem, report)).ok()?;
    Some(Some(arn.text))
}

fn account(text: &str) -> Result<String, InvalidNaming> {
    check_digits(text).map(|()| text.to_owned())
}

fn deletes_erased(text: &str) -> Result<bool, String> {
    match text {
        "delete" => Ok(true),
        "keep" => Ok(false),
        _ => Err(format!(
            "{} is no such policy; write `delete`, so that an erased aggregate's objects go, or `keep`",
            quoted(text)
        )),
    }
}

/// S3 User Guide, "General purpose bucket naming rules".
fn check_bucket(text: &str) -> Result<String, String> {
    let is_end = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    let is_address = text.parse::<std::net::Ipv4Addr>().is_ok();
    let is_legal = (3..=63).contains(&text.len())
        && text.chars().all(|character| is_end(character) || ".-".contains(character))
        && text.starts_with(is_end)
        && text.ends_with(is_end)
        && !text.contains("..")
        && !is_address
        && !NO_BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
        && !NO_ENDS.iter().any(|end| text.ends_with(end));
    if is_legal {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{} is not a bucket's name; write the name alone: 3 to 63 lower-case letters, digits, `-` and `.`",
            quoted(text)
        ))
    }
}

/// Without the slash at its end, if it has one. No name of its path is empty, `.` or `..`, which many tools can't read.
fn check_prefix(text: &str) -> Result<String, String> {
    let prefix = text.strip_suffix('/').unwrap_or(text);
    let is_part = |part: &str| consists_of(part, PREFIX_LIMIT, "-_.=") && !part.chars().all(|dot| dot == '.');
    if prefix.len() <= PREFIX_LIMIT && prefix.split('/').all(is_part) {
        return Ok(prefix.to_owned());
    }
    Err(format!(
        "{} is not a prefix; use up to {PREFIX_LIMIT} letters, digits, `-`, `_`, `.`, `=` and single slashes inside, or leave it \
         out",
        quoted(text)
    ))
}
