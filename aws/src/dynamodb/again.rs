//! Reading again what DynamoDB could not answer just now. A read has no effect, so nothing is risked.

use std::time::Duration;

use shared::ledger::Unread;

use super::fault::Fault;
use crate::connections::CALL_TIMEOUT;

/// How long is waited before each further try: a few times what a partition that splits, or a node that is replaced,
/// takes to answer again. A longer outage is the caller's affair.
pub(super) const PAUSES: [Duration; 3] =
    [Duration::from_millis(25), Duration::from_millis(100), Duration::from_millis(400)];

/// The answer of `call`, or of one of its repetitions, within the time of one call.
pub(super) async fn replay_until<T>(
    table: &str,
    mut call: impl AsyncFnMut() -> Result<T, Fault>,
) -> Result<T, Unread> {
    let tries = async {
        for pause in PAUSES {
            match call().await {
                Err(fault) if fault.may_pass() => tokio::time::sleep(pause).await,
                answer => return answer,
            }
        }
        call().await
    };
    match tokio::time::timeout(CALL_TIMEOUT, tries).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Fault::of_unreadable(table, "no answer within the time of a call").into()),
    }
}
