//! An event table without the companion: what anybody's event source has.

use aws::operator::{CallError, CallFault, Target, table};

/// The event table.
pub const EVENTS: &str = "RegistrationNumberEvent";

/// Makes the event table and returns the ARN of its stream.
///
/// # Errors
///
/// [`CallError`].
pub async fn make(target: &Target) -> Result<String, CallError> {
    let stream = table::create(target, EVENTS, &["mark", "createTime"], true).await?;
    stream.ok_or_else(|| CallError {
        call: "CreateTable",
        subject: EVENTS.to_owned(),
        fault: CallFault::Missing,
        reason: "it has no stream".to_owned(),
    })
}
