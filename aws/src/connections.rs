//! What the clients of AWS have in common: how long they wait, and whether a request left at all.

use std::error::Error;
use std::time::Duration;

use aws_smithy_types::timeout::TimeoutConfig;

/// For a connection. Inside a region one takes milliseconds; a second is a packet lost twice.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// For an answer once the request is on its way. SQS and DynamoDB answer in
/// milliseconds; what takes longer than this is better asked again.
const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// For a call as a whole, however slowly its answer trickles in. It bounds how far a call that starts just before a
/// deadline can overrun it.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The bounds of every call.
pub(crate) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build()
}

/// Whether the error came while a connection was being made: name, TCP or TLS. Then nothing was asked.
pub(crate) fn never_connected(error: &(dyn Error + 'static)) -> bool {
    let mut chain = std::iter::successors(Some(error), |error| (*error).source());
    chain.any(|error| {
        error.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|error| error.is_connect())
    })
}

#[cfg(test)]
mod tests {
    use shared::ledger::times;

    use super::*;

    #[test]
    fn a_call_takes_as_long_as_the_ledger_reckons_with() {
        assert_eq!(CALL_TIMEOUT, times::CALL_LIMIT);
        assert!(CONNECT_TIMEOUT + READ_TIMEOUT <= CALL_TIMEOUT);
    }
}
