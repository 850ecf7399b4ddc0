//! Requests that only read.

use axum::extract::{Path, State};
use axum::http::header::ETAG;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::parameters::{MarkOfPath, Parameters, cursor, etag, from_cursor, not_a_cursor, page, time};
use super::problem::Problem;
use super::{Shared, json};
use crate::mark::{EventName, RegistrationNumber};
use crate::marks::event_json;
use crate::store::port::DynamoDb;
use crate::store::value::Value;
use crate::store::{EventPage, EventsByName, Surroundings, Until};

/// Which state of a mark.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AsOf {
    /// As it was after this event: from the events. Not beside `at`.
    version: Option<u64>,
    /// As it was then, in RFC 3339: from the events. Not beside `version`.
    at: Option<String>,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageOf {
    /// How many items at most: 1 to 500, or 50.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct NamedEvents {
    /// The events' name, such as `LockedEvent`.
    name: String,
    /// The least time, in RFC 3339.
    from: Option<String>,
    /// The greatest time, in RFC 3339.
    to: Option<String>,
    /// The oldest first, unless it is `descending`.
    order: Option<Order>,
    /// How many items at most: 1 to 500, or 50.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Which end comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    /// The oldest.
    Ascending,
    /// The newest.
    Descending,
}

/// A page.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PageBody {
    /// The events or marks.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
    /// What the next request has as `after`; there is no more if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The mark as it is, or as it was.
#[utoipa::path(
    get, path = "/mark/v1/registrationNumber/{mark}", params(super::described::MarkPath, AsOf),
    responses(
        (status = 200, body = RegistrationNumber, headers(("ETag", description = "The version"))),
        super::described::QueryProblems
    )
)]
pub(super) async fn mark<D: DynamoDb, S: Surroundings>(
    State(marks): State<Shared<D, S>>,
    MarkOfPath(mark): MarkOfPath,
    Parameters(as_of): Parameters<AsOf>,
) -> Result<Response, Problem> {
    let until = match (as_of.version, time("at", as_of.at.as_deref())?) {
        (None, None) => {
            let state = marks.state(&mark).await?.ok_or_else(Problem::no_mark)?;
            return Ok(state_response(state.version, Value::Map(state.state).to_json()));
        }
        (Some(version), None) => Until::Version(version),
        (None, Some(at)) => Until::Time(at),
        (Some(_), Some(_)) => return Err(Problem::parameter("at", "must not stand beside `version`")),
    };
    let Some(state) = marks.rebuild(&mark, until).await? else {
        let (detail, remedy) = ("there was no such mark then", "ask for another version or time");
        let (kind, title) = ("state-unknown", "There is no such state");
        return Err(Problem::new(StatusCode::NOT_FOUND, kind, title, detail, remedy));
    };
    let text = serde_json::to_string(&state).unwrap_or_default();
    Ok(state_response(state.version, text))
}

/// The mark's events in their order.
#[utoipa::path(
    get, path = "/mark/v1/event/registrationNumber/{mark}", params(super::described::MarkPath, PageOf),
    responses((status = 200, body = PageBody), super::described::QueryProblems)
)]
pub(super) async fn events<D: DynamoDb, S: Surroundings>(
    State(marks): State<Shared<D, S>>,
    MarkOfPath(mark): MarkOfPath,
    Parameters(wanted): Parameters<PageOf>,
) -> Result<Response, Problem> {
    let limit = page(wanted.limit)?;
    let after = wanted.after.as_deref().map(from_cursor).transpose()?;
    let after = match after {
        None => None,
        Some((subject, Some(time))) if subject == mark.as_str() => Some(time),
        Some(_) => return Err(not_a_cursor()),
    };
    let is_first = after.is_none();
    let found = marks.events(&mark, after, limit).await?;
    if is_first && found.events.is_empty() {
        return Err(Problem::no_mark());
    }
    Ok(event_page(found))
}

/// One event. One that was just appended may not be found yet.
#[utoipa::path(
    get, path = "/mark/v1/event/{eventId}",
    params(("eventId" = String, Path, description = "The event's id")),
    responses((status = 200, body = Object), super::described::QueryProblems)
)]
pub(super) async fn event<D: DynamoDb, S: Surroundings>(
    State(marks): State<Shared<D, S>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    if !(1..=128).contains(&id.len()) {
        return Err(Problem::parameter("eventId", "must be the id of an event"));
    }
    let Some(event) = marks.event(&id).await? else {
        let (detail, remedy) = ("no event has this id", "look for it again in a moment if it is new");
        let (kind, title) = ("event-unknown", "There is no such event");
        return Err(Problem::new(StatusCode::NOT_FOUND, kind, title, detail, remedy).at("eventId"));
    };
    Ok(json(StatusCode::OK, Value::Map(event_json(&event)).to_json()))
}

/// Events of all marks, by name and time. Those that were just appended may not be among them yet.
#[utoipa::path(
    get, path = "/mark/v1/events", params(NamedEvents),
    responses((status = 200, body = PageBody), super::described::QueryProblems)
)]
pub(super) async fn events_by_name<D: DynamoDb, S: Surroundings>(
    State(marks): State<Shared<D, S>>,
    Parameters(wanted): Parameters<NamedEvents>,
) -> Result<Response, Problem> {
    let name = EventName::from_text(&wanted.name).ok_or_else(|| {
        let names: Vec<_> = EventName::ALL.iter().map(|name| format!("`{name}`")).collect();
        Problem::parameter("name", format!("must be one of {}", names.join(", ")))
    })?;
    let (from, to) = (time("from", wanted.from.as_deref())?, time("to", wanted.to.as_deref())?);
    if from.is_some_and(|from| to.is_some_and(|to| to < from)) {
        return Err(Problem::parameter("to", "must not be before `from`"));
    }
    let after = match wanted.after.as_deref().map(from_cursor).transpose()? {
        None => None,
        Some((mark, Some(time)))
            if from.is_none_or(|from| from <= time) && to.is_none_or(|to| time <= to) =>
        {
            Some((mark, time))
        }
        Some(_) => return Err(not_a_cursor()),
    };
    let is_ascending = wanted.order != Some(Order::Descending);
    let limit = page(wanted.limit)?;
    let wanted = EventsByName { name: name.as_str(), from, to, is_ascending, limit, after };
    Ok(event_page(marks.events_by_name(&wanted).await?))
}

/// The marks that there are, in no particular order. A page can have fewer items than it may, or none, and not be the last.
#[utoipa::path(
    get, path = "/mark/v1", params(PageOf),
    responses((status = 200, body = PageBody), super::described::QueryProblems)
)]
pub(super) async fn marks<D: DynamoDb, S: Surroundings>(
    State(marks): State<Shared<D, S>>,
    Parameters(wanted): Parameters<PageOf>,
) -> Result<Response, Problem> {
    let limit = page(wanted.limit)?;
    let after = match wanted.after.as_deref().map(from_cursor).transpose()? {
        None => None,
        Some((key, None)) => Some(key),
        Some(_) => return Err(not_a_cursor()),
    };
    let found = marks.marks(after.as_deref(), limit).await?;
    let items = found.states.into_iter().map(|state| Value::Map(state.state)).collect();
    Ok(page_response(items, found.next.map(|key| cursor(&key, None))))
}

fn event_page(found: EventPage) -> Response {
    let items = found.events.iter().map(|event| Value::Map(event_json(event))).collect();
    page_response(items, found.next.map(|(mark, time)| cursor(&mark, Some(time))))
}

fn page_response(items: Vec<Value>, next: Option<String>) -> Response {
    let body = PageBody { items, next };
    json(StatusCode::OK, serde_json::to_string(&body).unwrap_or_default())
}

fn state_response(version: u64, text: String) -> Response {
    let mut response = json(StatusCode::OK, text);
    let tag = HeaderValue::from_str(&etag(version)).ok();
    response.headers_mut().extend(tag.map(|tag| (ETAG, tag)));
    response
}
