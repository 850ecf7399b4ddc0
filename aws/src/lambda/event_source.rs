//! The tables of an event source, and what else the companion API works on.

use shared::naming::{Naming, QueueUrl};

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

/// The tables of events of other aggregates, from `OTHER_EVENT_TABLE` and `OTHER_STATE_TABLE`; `None` if neither is set.
/// Otherwise as [`tables`](super::tables).
///
/// # Errors
///
/// As [`tables`](super::tables).
pub fn other_event_source(connections: &Connections) -> Result<Option<EventSource>, ColdStartError> {
    other_event_source_from(variable, connections)
}

/// The queue of rejections of the API's own stack, whose name is in `REJECTED_QUEUE`.
///
/// # Errors
///
/// [`ColdStartError`] if the variable is missing.
pub fn rejected_queue(naming: &Naming) -> Result<QueueUrl, ColdStartError> {
    let name = checked(variable, "REJECTED_QUEUE", "the name of the queue of rejections", |_| true)?;
    Ok(naming.queue(&naming.account, &name))
}

fn event_source_from(
    variable: impl Fn(&str) -> Option<String>,
    connections: &Connections,
) -> Result<EventSource, ColdStartError> {
    source_from(variable, ["EVENT_TABLE", "STATE_TABLE"], connections)
}

fn other_event_source_from(
    variable: impl Fn(&str) -> Option<String>,
    connections: &Connections,
) -> Result<Option<EventSource>, ColdStartError> {
    const NAMES: [&str; 2] = ["OTHER_EVENT_TABLE", "OTHER_STATE_TABLE"];
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    if NAMES.into_iter().any(is_set) { source_from(variable, NAMES, connections).map(Some) } else { Ok(None) }
}

fn source_from(
    variable: impl Fn(&str) -> Option<String>,
    [events, states]: [&'static str; 2],
    connections: &Connections,
) -> Result<EventSource, ColdStartError> {
    let events = checked(&variable, events, "the event table's name", |_| true)?;
    let states = checked(&variable, states, "the name of the table of states", |_| true)?;
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

    #[test]
    fn tables_of_other_events_are_named_both_or_neither() {
        let connections = Connections::default();
        let found = |set: &[&str]| {
            let variable = |name: &str| match name {
                "AWS_REGION" => Some("eu-west-2".to_owned()),
                "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("x".to_owned()),
                name => set.contains(&name).then(|| name.to_lowercase()),
            };
            other_event_source_from(variable, &connections)
        };
        assert!(found(&["EVENT_TABLE", "STATE_TABLE"]).unwrap().is_none());
        let source = found(&["OTHER_EVENT_TABLE", "OTHER_STATE_TABLE"]).unwrap().unwrap();
        assert_eq!(
            (source.events.as_str(), source.states.as_str()),
            ("other_event_table", "other_state_table")
        );
        for (set, missing) in
            [("OTHER_EVENT_TABLE", "OTHER_STATE_TABLE"), ("OTHER_STATE_TABLE", "OTHER_EVENT_TABLE")]
        {
            assert!(found(&[set]).unwrap_err().to_string().contains(missing), "{set}");
        }
    }
}
