//! `[client.push.kinesis]`.

use super::KinesisTarget;
use super::arn::{ArnForm, consists_of};
use super::rules::{PushRules, target_arn};
use crate::config::findings::Report;
use crate::config::section::Section;

/// A data stream (Kinesis: CreateStream).
const FORM: ArnForm = ArnForm {
    service: "kinesis",
    noun: "a stream",
    example: "arn:aws:kinesis:region:account:stream/name",
    is_resource: |text| text.strip_prefix("stream/").is_some_and(|name| consists_of(name, 128, "_.-")),
    names: "`stream/name`, a name of up to 128 letters, digits, `_`, `.` and `-`",
};

/// The target; none if something is wrong, which is reported.
pub(super) fn read(
    mut section: Section<'_>,
    rules: &PushRules<'_>,
    report: &mut Report<'_>,
) -> Option<KinesisTarget> {
    let missing = "missing; write the stream's ARN";
    let stream = target_arn(&mut section, "stream", missing, &FORM, rules, report);
    section.finish(report);
    Some(KinesisTarget { stream: stream? })
}
