//! The ledger and the event table, as the functions read them. Nothing is written here.

use aws::dynamodb::{EventsTable, LedgerTable};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use deploy::target::Target;
use shared::config::Source;
use shared::ledger::Unread;
use shared::text::with_sources;

use super::{CallError, CallFault};

/// The ledger in the table called `name`.
pub fn ledger(target: &Target, name: &str) -> LedgerTable {
    LedgerTable::new(client(target), name)
}

/// The event table called `name`; nothing if `source` names no version.
pub fn events(target: &Target, name: &str, source: &Source) -> Option<EventsTable> {
    EventsTable::new(client(target), name, source)
}

/// The keys of the registry's item, in this version and in older ones.
const REGISTRY: [&str; 2] = ["registry", "control"];

/// The formats that the registry's item of the ledger called `name` names, in DynamoDB's digits; an older item names none.
/// Empty if there is no such item: the ledger is empty, or its table is gone.
///
/// # Errors
///
/// [`CallError`].
pub async fn formats(target: &Target, name: &str) -> Result<Vec<Option<String>>, CallError> {
    let (client, mut formats) = (Client::new(target.sdk_config()), Vec::new());
    for key in REGISTRY {
        let key = || AttributeValue::S(key.to_owned());
        let call = client.get_item().table_name(name).key("pk", key()).key("sk", key()).consistent_read(true);
        let item = match call.send().await.map_err(|error| CallError::new("GetItem", name, &error)) {
            Ok(answer) => answer.item,
            Err(error) if error.fault == CallFault::Missing => None,
            Err(error) => return Err(error),
        };
        formats.extend(item.map(|item| item.get("format").and_then(|format| format.as_n().ok()).cloned()));
    }
    Ok(formats)
}

/// That the table called `name` could not be read.
pub fn unread(name: &str, error: &Unread) -> CallError {
    let reason = with_sources(error);
    // Its source is a private one; what it says has DynamoDB's own code in it.
    let is_any = |codes: &[&str]| codes.iter().any(|code| reason.contains(code));
    let fault =
        if is_any(&["`AccessDenied", "`NotAuthorized", "`KMS", "`UnrecognizedClient", "`ExpiredToken"]) {
            CallFault::NotAllowed
        } else if is_any(&["`ResourceNotFound"]) {
            CallFault::Missing
        } else {
            CallFault::Unreachable
        };
    CallError { call: "Read", subject: name.to_owned(), fault, reason }
}

/// Reads are repeated by the tables themselves.
fn client(target: &Target) -> Client {
    let config = aws_sdk_dynamodb::config::Builder::from(target.sdk_config());
    Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_done_about_an_unread_table_follows_from_the_code() {
        for (reason, expected) in [
            ("table `L`: `AccessDeniedException`: User is not authorized", CallFault::NotAllowed),
            ("table `L`: `KMSDisabledException`: the key", CallFault::NotAllowed),
            ("table `L`: `ResourceNotFoundException`", CallFault::Missing),
            ("table `L`: `ThrottlingException`", CallFault::Unreachable),
            ("table `L`: dispatch failure: connection refused", CallFault::Unreachable),
        ] {
            let error = unread("L", &Unread(reason.into()));
            assert_eq!(error.fault, expected, "{reason}");
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}
