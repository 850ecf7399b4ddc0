//! What a producer asks for: the same by HTTP and by a queue, but for where name and id stand.

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::BODY;
use super::refusal::Refusal;
use super::schemas::Schemas;
use super::values::{Aggregate, EVENT_LIMIT, EventName, RequestKey};
use crate::json;
use crate::store::RequestId;
use crate::store::value::{Map, Value};

/// An event that is to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// What happened.
    pub(super) name: EventName,
    /// To what.
    pub(super) aggregate: Aggregate,
    /// The version that the aggregate must have; 0: it must have no event yet.
    pub(super) expected: Option<u64>,
    /// What tells this event from others, for its producer.
    pub(super) id: Option<RequestKey>,
    /// What its producer says, with all digits.
    pub(super) body: Map,
}

/// The body of a request over HTTP.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostedEvent {
    /// What the event is about.
    aggregate: Aggregate,
    /// The version that the aggregate must have; 0: it must have no event yet. `If-Match` says the same.
    expected_version: Option<u64>,
    /// What happened: any JSON object that the schema of the event's name allows.
    #[schema(value_type = Object)]
    body: Box<RawValue>,
}

/// The body of a message.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct QueuedEvent {
    event_name: EventName,
    pub(super) aggregate: Aggregate,
    expected_version: Option<u64>,
    pub(super) id: Option<RequestKey>,
    body: Box<RawValue>,
}

impl NewEvent {
    /// The event in a request: its `name` is in the path, what else is not in the body is in headers.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub fn of_request(
        name: &str,
        expected: Option<u64>,
        id: Option<&str>,
        body: &[u8],
        schemas: &Schemas,
    ) -> Result<Self, Refusal> {
        let name = EventName::try_new(name).map_err(|invalid| Refusal::value("eventName", invalid))?;
        let id = id.map(RequestKey::try_new).transpose();
        let id = id.map_err(|invalid| Refusal::value("Idempotency-Key", invalid))?;
        if body.len() > EVENT_LIMIT {
            return Err(Refusal::too_large());
        }
        let PostedEvent { aggregate, expected_version, body } = json::read(body)?;
        let expected = match (expected, expected_version) {
            (Some(one), Some(other)) if one != other => {
                return Err(Refusal::field("expectedVersion", "must be that of `If-Match`, or left out"));
            }
            (one, other) => one.or(other),
        };
        let body = checked(&name, &body, schemas)?;
        Ok(Self { name, aggregate, expected, id, body })
    }

    /// What the event is about.
    pub fn aggregate(&self) -> &str {
        self.aggregate.as_str()
    }

    /// What tells this event from another under the same id: all that is asked for. It does not depend on white space,
    /// on the order of members, on how a number is written, nor on the way by which the event came.
    pub(super) fn request_id(&self) -> Option<RequestId> {
        let key = self.id.as_ref()?.as_str().to_owned();
        let asked = Value::List(vec![
            self.name.as_str().into(),
            self.aggregate.as_str().into(),
            self.expected.map_or(Value::Null, Value::from),
            Value::Map(self.body.clone()),
        ]);
        let digest = Sha256::digest(asked.to_json());
        Some(RequestId { key, digest: digest.iter().map(|byte| format!("{byte:02x}")).collect() })
    }
}

impl QueuedEvent {
    pub(super) fn try_from_text(text: &str) -> Result<Self, Refusal> {
        if text.len() > EVENT_LIMIT {
            return Err(Refusal::too_large());
        }
        Ok(json::read(text.as_bytes())?)
    }

    /// The event, known by its own id, or else by the `id` that SQS has of its message.
    pub(super) fn try_to_event(
        &self,
        id: Option<&RequestKey>,
        schemas: &Schemas,
    ) -> Result<NewEvent, Refusal> {
        Ok(NewEvent {
            name: self.event_name.clone(),
            aggregate: self.aggregate.clone(),
            expected: self.expected_version,
            id: self.id.as_ref().or(id).cloned(),
            body: checked(&self.event_name, &self.body, schemas)?,
        })
    }
}

/// The body, if DynamoDB can keep it and the schema of `name` allows it.
fn checked(name: &EventName, body: &RawValue, schemas: &Schemas) -> Result<Map, Refusal> {
    // As it is kept: the item that the body is an attribute of is a level, too, whoever counts.
    let item = Value::try_from_json(&format!("{{\"{BODY}\":{}}}", body.get()));
    let item = item.map_err(|invalid| Refusal::field("body", format!("can't be kept: {invalid}")))?;
    let value = match item {
        Value::Map(mut item) => item.remove(BODY).unwrap_or(Value::Null),
        _ => Value::Null,
    };
    // DynamoDB has no attribute without a name.
    if has_nameless_member(&value) {
        return Err(Refusal::field("body", "must have no member whose name is empty"));
    }
    let violations = schemas.violations(name, &value);
    if !violations.is_empty() {
        return Err(Refusal::schema(name, violations));
    }
    match value {
        Value::Map(body) => Ok(body),
        _ => Err(Refusal::field("body", "must be a JSON object")),
    }
}

/// No deeper than a [`Value`] can be.
fn has_nameless_member(value: &Value) -> bool {
    match value {
        Value::Map(members) => members.contains_key("") || members.values().any(has_nameless_member),
        Value::List(values) => values.iter().any(has_nameless_member),
        _ => false,
    }
}
