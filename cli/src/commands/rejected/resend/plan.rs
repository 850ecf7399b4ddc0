//! Plans to send a rejected event again: reads its item, and announces the plan to the operator.

use aws::operator::items::{self, Lookup, version_of};
use aws::operator::{CallError, Target};
use shared::config::Source;
use shared::ledger::fan_out::ImplausibleEvent;
use shared::text::counted;

use crate::rejections::{Rejection, item, newer, payload, why_no_event};

/// A rejection, with the plan to send its event again.
#[derive(Debug)]
pub(super) struct PlannedResend {
    pub(super) rejection: Rejection,
    /// Or why the event can't be sent.
    pub(super) attempt: Result<Attempt, String>,
}

/// An invocation of the converter that sends an event again.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    /// The JSON that the converter is invoked with.
    pub(super) payload: String,
    /// The event's version, as the event table has it now.
    pub(super) version: Option<i64>,
    /// The newer events of its group in the event table, or why their number isn't known.
    pub(super) newer: Result<u64, String>,
}

/// The invocation that sends the event of `rejection` again, from the table that has `stream`, or why there is none.
///
/// # Errors
///
/// [`CallError`]: the event table could not be read. With `--all` (`is_one_of_all`), a version that is far above all others
/// is none that is meant. The image in the rejection is no substitute for it.
pub(super) async fn attempt(
    target: &Target,
    stream: &str,
    source: Option<&Source>,
    rejection: &Rejection,
    is_one_of_all: bool,
) -> Result<Result<Attempt, String>, CallError> {
    let item = match item(rejection, stream) {
        Ok(item) => item,
        Err(why) => return Ok(Err(why)),
    };
    let image = match items::get_item(target, &item).await? {
        Lookup::Item(image) => image,
        Lookup::Nothing => return Ok(Err("the event table no longer has its event".to_owned())),
        Lookup::NotItsKeys(why) => {
            return Ok(Err(format!("the event table can't be asked for its event: {why}")));
        }
    };
    if let Some(why) = source.and_then(|source| why_no_event(source, &image)) {
        return Ok(Err(why));
    }
    let version = source.and_then(|source| version_of(&image, &source.version));
    if is_one_of_all && is_far_above(rejection, source, version) {
        return Ok(Err(FAR_ABOVE.to_owned()));
    }
    let newer = match newer(&item, &image, source) {
        Ok(newer) => items::count_newer(target, &item.table, &newer).await.map_err(|error| error.to_string()),
        Err(why) => Err(why),
    };
    Ok(payload(rejection, stream, &image).map(|payload| Attempt { payload, version, newer }))
}

/// The line about a rejection that the operator reads before anything is sent.
pub(super) fn announcement(planned: &PlannedResend, source: Option<&Source>) -> String {
    let PlannedResend { rejection, attempt } = planned;
    let event = rejection.event_id().map_or_else(|| "its event".to_owned(), |id| format!("event `{id}`"));
    let version = attempt.as_ref().ok().and_then(|attempt| attempt.version);
    let version = version.map_or_else(String::new, |version| format!(", version {version}"));
    let what = format!("{}: {event}{version} of `{}`", rejection.message.id, rejection.aggregate(source));
    let newer = match attempt {
        Err(why) => return format!("{what} can't be sent again: {why}"),
        Ok(Attempt { newer: Ok(0), .. }) => "the event table has no newer event of it".to_owned(),
        Ok(Attempt { newer: Ok(count), .. }) => format!(
            "the event table has {} of it, and a client that has some of them gets them again after it",
            counted(*count, "newer event")
        ),
        Ok(Attempt { newer: Err(why), .. }) => {
            format!("how many newer events of it the event table has is not known: {why}")
        }
    };
    let far_above = if is_far_above(
        rejection,
        source,
        attempt.as_ref().ok().and_then(|attempt| attempt.version),
    ) {
        "; its version is still far above all others: the aggregate goes on from there, and events below it, which are still \
         to come, change nothing any more. If it is a mistake, give the item its right number first"
    } else {
        ""
    };
    format!(
        "{what}, as the event table has it now, goes to every client, behind what it has; {newer}{far_above}"
    )
}

/// Whether the event was rejected because its version is far above all others, and still has that version.
pub(super) fn is_far_above(rejection: &Rejection, source: Option<&Source>, version: Option<i64>) -> bool {
    ImplausibleEvent::is_reason(&rejection.reason()) && rejection.version(source) == version
}

const FAR_ABOVE: &str = "its version is far above all others: give the item its right number first; to send it as it is, name \
                         it by its id";

/// The question before anything is sent; `unseen` rejections are behind those that were announced.
pub(super) fn question(sendable: usize, unseen: u64) -> String {
    let rest = match unseen {
        0 => String::new(),
        1 => ", and 1 rejection that shows after them".to_owned(),
        unseen => format!(", and {unseen} rejections that show after them"),
    };
    format!("Send {} again, marked with the attribute `replay`{rest}?", counted(sendable, "event"))
}
