//! The tables of an event source, for the companion API.

use super::{ColdStartError, access, checked, variable};
use crate::connections::Connections;
use crate::dynamodb;

/// The tables of an event source: what the companion API works on.
#[derive(Clone, Debug)]
pub struct EventSource {
    /// Calls DynamoDB.
    pub client: aws_sdk_dynamodb::Client,
    /// The event table's name.
    pub events: String,
    /// The name of the table of states.
    pub states: String,
}

/// The tables of an event source, from `EVENT_TABLE` and `STATE_TABLE`; otherwise as [`tables`](super::tables).
///
/// # Errors
///
/// As [`tables`](super::tables).
pub fn event_source(connections: &Connections) -> Result<EventSource, ColdStartError> {
    event_source_from(variable, connections)
}

fn event_source_from(
    variable: impl Fn(&str) -> Option<String>,
    connections: &Connections,
) -> Result<EventSource, ColdStartError> {
    let events = checked(&variable, "EVENT_TABLE", "the event table's name", |_| true)?;
    let states = checked(&variable, "STATE_TABLE", "the name of the table of states", |_| true)?;
    let access = access(&variable, "AWS_ENDPOINT_URL_DYNAMODB", connections)?;
    Ok(EventSource { client: dynamodb::client(&access), events, states })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_are_named() {
        let environment = |missing: &'static str| {
            move |name: &str| match name {
                name if name == missing => None,
                "AWS_REGION" => Some("eu-west-2".to_owned()),
                _ => Some(name.to_lowercase()),
            }
        };
        let connections = Connections::default();
        let named = |missing| {
            let variable = environment(missing);
            // No endpoint of its own.
            event_source_from(
                |name: &str| variable(name).filter(|_| !name.contains("ENDPOINT")),
                &connections,
            )
        };
        let source = named("").unwrap();
        assert_eq!((source.events.as_str(), source.states.as_str()), ("event_table", "state_table"));
        for missing in ["EVENT_TABLE", "STATE_TABLE", "AWS_ACCESS_KEY_ID", "AWS_REGION"] {
            assert!(named(missing).unwrap_err().to_string().contains(missing), "{missing}");
        }
    }
}
