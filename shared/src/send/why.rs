//! Why a run stopped, in words for an operator: one short line.

use std::error::Error;

use super::SendError;
use crate::message::SQS_LIMIT;
use crate::text::with_sources;

/// The most bytes of a [`Stop::why`](super::Stop::why): it stands in lines of the log, in rejections and in answers to
/// operators, and a service's own words can be longer than these should be.
pub(super) const WHY_LIMIT: usize = 512;

/// What stands where text was cut off.
const CUT: char = '…';

/// Why `error` ends the run of a message of `size` bytes; for a passing fault, because no time is left.
pub(super) fn of(error: &SendError, size: usize) -> String {
    const LATE: &str = "; no time was left to try again";
    match error {
        SendError::Throttled(cause) => line("throttled: ", cause.as_ref(), LATE),
        SendError::Transient(cause) => line("failed for now: ", cause.as_ref(), LATE),
        SendError::Unknown(cause) => line("result unknown: ", cause.as_ref(), LATE),
        SendError::Queue { cause, remedy } => {
            line("queue unusable: ", cause.as_ref(), &format!("; {remedy}"))
        }
        SendError::Message(cause) => {
            let sizes = format!(
                "; the message has {size} bytes, SQS takes at most {SQS_LIMIT}, the queue what its `MaximumMessageSize` says"
            );
            line("message refused: ", cause.as_ref(), &sizes)
        }
    }
}

/// Why a message of `size` bytes is not even tried.
pub(super) fn too_long(size: usize) -> String {
    format!("message refused: it has {size} bytes, SQS takes at most {SQS_LIMIT}; not tried")
}

/// Why a message stays unsent that was never tried.
pub(super) fn not_tried() -> String {
    "no time was left to try".to_owned()
}

/// Why a message stays unsent behind an earlier one of its group that stopped because of `why`.
pub(super) fn held_up(why: &str) -> String {
    cut(format!("an earlier message of the group was not accepted: {why}"), WHY_LIMIT)
}

/// `what`, `cause` and `then` in one line of at most [`WHY_LIMIT`] bytes. If something must give, it is the cause:
/// sizes and remedies stand at the end.
fn line(what: &str, cause: &dyn Error, then: &str) -> String {
    let (what, then) = (printable(what), printable(then));
    let room = WHY_LIMIT.saturating_sub(what.len() + then.len());
    let cause = cut(printable(&with_sources(cause)), room);
    cut(what + &cause + &then, WHY_LIMIT)
}

/// `text` without what breaks a line or what SQS refuses in an attribute.
fn printable(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FFFE}' | '\u{FFFF}');
    text.chars().map(|c| if breaks(c) { ' ' } else { c }).collect()
}

/// `text` in at most `limit` bytes.
fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit.saturating_sub(CUT.len_utf8())));
        text.push(CUT);
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("service error")]
    struct Outer(#[source] std::io::Error);

    fn check(error: SendError, expected: Expect) {
        let why = of(&error, 300_000);
        expected.assert_eq(&why);
        assert!(why.len() <= WHY_LIMIT && !why.contains(char::is_control), "{why:?}");
    }

    #[test]
    fn a_reason_says_what_happened_and_what_follows() {
        check(
            SendError::Throttled("`ThrottlingException`".into()),
            expect!["throttled: `ThrottlingException`; no time was left to try again"],
        );
        check(
            SendError::Transient("`InternalError`".into()),
            expect!["failed for now: `InternalError`; no time was left to try again"],
        );
        check(
            SendError::Unknown(Box::new(Outer(std::io::Error::other("connection reset")))),
            expect!["result unknown: service error: connection reset; no time was left to try again"],
        );
        check(
            SendError::Queue { cause: "`AccessDenied`".into(), remedy: "allow `sqs:SendMessage`" },
            expect!["queue unusable: `AccessDenied`; allow `sqs:SendMessage`"],
        );
        check(
            SendError::Message("must be shorter than 262144 bytes".into()),
            expect![
                "message refused: must be shorter than 262144 bytes; the message has 300000 bytes, SQS takes at most 1048576, the queue what its `MaximumMessageSize` says"
            ],
        );
        expect!["message refused: it has 1048577 bytes, SQS takes at most 1048576; not tried"]
            .assert_eq(&too_long(SQS_LIMIT + 1));
    }

    #[test]
    fn foreign_line_breaks_become_spaces() {
        check(
            SendError::Unknown("a\r\nb\u{2028}c\u{7}\u{FFFE}d".into()),
            expect!["result unknown: a  b c  d; no time was left to try again"],
        );
    }

    #[test]
    fn a_long_cause_is_cut_and_the_remedy_stays() {
        for filler in ["x", "é", "🚲"] {
            for length in [100, 200, 500, 5_000] {
                let error = SendError::Queue { cause: filler.repeat(length).into(), remedy: "allow it" };
                let why = of(&error, 1);
                assert!(why.len() <= WHY_LIMIT, "{} bytes", why.len());
                assert!(why.starts_with("queue unusable: ") && why.ends_with("; allow it"), "{why}");
                assert_eq!(why.contains(CUT), filler.len() * length > WHY_LIMIT - 26, "{why}");
            }
        }
    }
}
