//! The description of the API, for people and generators: OpenAPI.

use axum::http::StatusCode;
use axum::response::Response;
use utoipa::OpenApi;

use super::json;
use super::problem::Problem;
use super::{commands, events, queries};

#[derive(OpenApi)]
#[openapi(
    info(title = "Registration marks", description = "Keeps registration marks by commands and events"),
    paths(
        commands::create,
        commands::address,
        commands::nominee,
        commands::extension,
        commands::certificate,
        commands::lock,
        commands::unlock,
        commands::erase,
        queries::mark,
        queries::events,
        queries::event,
        queries::events_by_name,
        queries::marks,
    ),
    components(schemas(Problem, queries::Order))
)]
struct Description;

/// What is added where events of other aggregates are taken.
#[derive(OpenApi)]
#[openapi(paths(events::append), components(schemas(Problem)))]
struct EventsDescription;

/// The description, as JSON.
pub fn description() -> String {
    // It consists of what JSON has.
    Description::openapi().to_json().unwrap_or_default()
}

/// The description of the API that also takes events of other aggregates, as JSON.
pub fn description_with_events() -> String {
    Description::openapi().merge_from(EventsDescription::openapi()).to_json().unwrap_or_default()
}

pub(super) async fn document_with_events() -> Response {
    json(StatusCode::OK, description_with_events())
}

pub(super) async fn document() -> Response {
    json(StatusCode::OK, description())
}
