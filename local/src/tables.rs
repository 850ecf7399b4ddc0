//! The companion API's two tables: the rows of the marks, and their events with a stream.

use aws::operator::{CallError, CallFault, Target, table};

/// The table of the marks.
pub const ROWS: &str = "RegistrationNumber";

/// The event table.
pub const EVENTS: &str = "RegistrationNumberEvent";

/// Makes both tables and returns the ARN of the event table's stream.
///
/// # Errors
///
/// [`CallError`].
pub async fn make(target: &Target) -> Result<String, CallError> {
    table::create(target, ROWS, &["mark"], false).await?;
    let stream = table::create(target, EVENTS, &["mark", "createTime"], true).await?;
    stream.ok_or_else(|| CallError {
        call: "CreateTable",
        subject: EVENTS.to_owned(),
        fault: CallFault::Missing,
        reason: "it has no stream".to_owned(),
    })
}
