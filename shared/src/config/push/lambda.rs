//! `[client.push.lambda]`.

use super::LambdaTarget;
use super::arn::{ArnForm, consists_of};
use super::rules::{PushRules, target_arn};
use crate::config::findings::Report;
use crate::config::section::{Section, Value};

/// A function (Lambda: CreateFunction, CreateAlias). `$LATEST` is the function without an alias.
const FORM: ArnForm = ArnForm {
    service: "lambda",
    noun: "a function",
    example: "arn:aws:lambda:region:account:function:name",
    is_resource,
    names: "`function:name`, perhaps with `:alias` or `:version`; an alias has up to 128 letters, digits, `-` and `_`",
};

fn is_resource(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    match *parts.as_slice() {
        ["function", name] => consists_of(name, 64, "-_"),
        ["function", name, qualifier] => consists_of(name, 64, "-_") && consists_of(qualifier, 128, "-_"),
        _ => false,
    }
}

/// The target; none if something is wrong, which is reported.
pub(super) fn read(
    mut section: Section<'_>,
    rules: &PushRules<'_>,
    report: &mut Report<'_>,
) -> Option<LambdaTarget> {
    let missing = "missing; write the function's ARN";
    let function = target_arn(&mut section, "function", missing, &FORM, rules, report);
    let batch = match section.boolean("batch", report) {
        Value::Absent => Some(false),
        Value::Wrong => None,
        Value::Is(batch) => Some(*batch.get_ref()),
    };
    section.finish(report);
    Some(LambdaTarget { function: function?, batch: batch? })
}
