//! The description of the API, for people and generators: OpenAPI.

use axum::http::StatusCode;
use axum::response::Response;
use utoipa::{IntoParams, IntoResponses, OpenApi};

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

/// The mark in the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct MarkPath {
    /// The mark, percent-encoded.
    #[param(example = "AFC F5")]
    mark: String,
}

/// On which terms a command is carried out.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct TermsHeaders {
    /// The `ETag` of the version that the mark must have.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
    /// What tells this request from others, for a day: one that comes again is answered and not carried out again.
    #[param(rename = "Idempotency-Key")]
    idempotency_key: Option<String>,
}

/// What can go wrong with a command.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is only described")]
pub(super) enum CommandProblems {
    /// The request is malformed.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
    /// There is no such mark.
    #[response(status = 404, content_type = "application/problem+json")]
    Unknown(Problem),
    /// The mark does not allow it, or others were quicker.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
    /// The mark has another version.
    #[response(status = 412, content_type = "application/problem+json")]
    Version(Problem),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The body is not JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(Problem),
    /// The idempotency key was used for another request.
    #[response(status = 422, content_type = "application/problem+json")]
    Reused(Problem),
    /// The service is in trouble.
    #[response(status = 500, content_type = "application/problem+json")]
    Trouble(Problem),
    /// Too much at once, or no answer: again after `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Later(Problem),
}

/// What can go wrong with an event of another aggregate.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is only described")]
pub(super) enum EventProblems {
    /// The request is malformed.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
    /// Others were quicker.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
    /// The aggregate has another version.
    #[response(status = 412, content_type = "application/problem+json")]
    Version(Problem),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The body is not JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(Problem),
    /// The schema does not allow the body, or the idempotency key was used for another event.
    #[response(status = 422, content_type = "application/problem+json")]
    Refused(Problem),
    /// The service is in trouble.
    #[response(status = 500, content_type = "application/problem+json")]
    Trouble(Problem),
    /// Too much at once, or no answer: again after `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Later(Problem),
}

/// What can go wrong with a query.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is only described")]
pub(super) enum QueryProblems {
    /// A parameter is malformed.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
    /// There is none.
    #[response(status = 404, content_type = "application/problem+json")]
    Unknown(Problem),
    /// The mark is being erased.
    #[response(status = 409, content_type = "application/problem+json")]
    Erasing(Problem),
    /// The service is in trouble.
    #[response(status = 500, content_type = "application/problem+json")]
    Trouble(Problem),
    /// Too much at once, or no answer: again after `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Later(Problem),
}

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
