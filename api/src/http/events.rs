//! Events of other aggregates: the one route of producers, where they are taken.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;
use serde::Serialize;
use utoipa::ToSchema;

use super::body;
use super::commands::appended;
use super::parameters::Terms;
use super::problem::Problem;
use crate::events::{NewEvent, NotAppended, OtherEvents, PostedEvent, Refusal, RefusalKind, RequestKey};
use crate::store::port::DynamoDb;
use crate::store::{Receipt, StoreError, Surroundings};

/// The route of API Gateway that `api/template.yml` has for producers.
const ROUTE_KEY: &str = "POST /events/v1/{eventName}";

/// That an event is appended.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AppendedEvent {
    /// What it is about.
    #[schema(example = "order-17")]
    aggregate: String,
    /// Its number in the aggregate: 1, 2, 3 ….
    version: u64,
    /// Its id.
    event_id: String,
    /// Its time, with nine digits of a fraction.
    #[schema(example = "2026-01-05T09:00:00.250000000Z")]
    create_time: String,
}

/// The routes over `events`.
pub(super) fn routes<D, S>(events: OtherEvents<D, S>) -> Router
where
    D: DynamoDb + Send + Sync + 'static,
    S: Surroundings + Send + Sync + 'static,
{
    Router::new()
        .route("/events/v1/{eventName}", post(append::<D, S>))
        .route_layer(middleware::from_fn(authorised))
        .with_state(Arc::new(events))
}

/// Appends an event of another aggregate than a mark.
///
/// Where a schema for the event's name is deployed, `body` is held against it.
#[utoipa::path(
    post, path = "/events/v1/{eventName}", request_body = PostedEvent,
    params(
        ("eventName" = String, Path, description = "1 to 64 letters, digits, `_` and `-`, a letter first"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that the aggregate must have"),
        ("Idempotency-Key" = Option<String>, Header,
            description = "What tells this event from others for a day: it is appended once")
    ),
    responses(
        (status = 201, body = AppendedEvent, headers(("ETag", description = "The version"))),
        super::described::EventProblems
    )
)]
pub(super) async fn append<D: DynamoDb, S: Surroundings>(
    State(events): State<Arc<OtherEvents<D, S>>>,
    name: Result<Path<String>, PathRejection>,
    terms: Terms,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let name = name.map_err(|_| Problem::parameter("eventName", "must be percent-encoded UTF-8"))?;
    let body = body::bytes(body)?;
    body::is_json(&headers)?;
    let (expected, key) = (terms.expected, terms.key.as_ref().map(RequestKey::as_str));
    let event = NewEvent::of_request(&name, expected, key, &body, events.schemas())?;
    match events.append(&event).await {
        Ok(receipt) => Ok(answer(event.aggregate(), receipt)),
        Err(NotAppended::Store(error)) => Err(trouble(error)),
        Err(NotAppended::Refused(refusal)) => {
            let problem = Problem::from(refusal.clone());
            Err(match refusal.kind {
                RefusalKind::Version if expected.is_some() => problem.at("If-Match"),
                RefusalKind::Reused => problem.at("Idempotency-Key"),
                _ => problem,
            })
        }
    }
}

/// Behind API Gateway, only what came by the route that has the authorisation of producers. The route for all other
/// requests, which may have another one, can be made to bring a path that looks like this one's only when it is
/// decoded.
async fn authorised(request: Request, next: Next) -> Response {
    let is_authorised = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            let by_iam = context.authorizer.as_ref().is_some_and(|authorizer| authorizer.iam.is_some());
            by_iam && context.route_key.as_deref() == Some(ROUTE_KEY)
        }
        Some(_) => false,
        // A server on loopback asks nobody who they are.
        None => true,
    };
    if is_authorised { next.run(request).await } else { Problem::no_route().into_response() }
}

fn answer(aggregate: &str, receipt: Receipt) -> Response {
    let Receipt { version, time, event_id, is_repeated } = receipt;
    let body =
        AppendedEvent { aggregate: aggregate.to_owned(), version, event_id, create_time: time.to_string() };
    appended(StatusCode::CREATED, &body, version, None, is_repeated)
}

/// What the store can't, in words that fit any aggregate.
fn trouble(error: StoreError) -> Problem {
    let words = match &error {
        StoreError::Conflict => {
            Some(("others appended to the aggregate at the same time, each time", "send the request again"))
        }
        StoreError::Erasing => {
            Some(("the aggregate is being erased", "wait until that is done, and send it again"))
        }
        StoreError::Unknown(_) => Some((
            "it is unknown whether the event was appended",
            "send it again after `Retry-After`, with the same `Idempotency-Key`",
        )),
        StoreError::Throttled | StoreError::Refused(_) | StoreError::Damaged(_) => None,
    };
    let is_erasing = matches!(error, StoreError::Erasing);
    let problem = Problem::from(error);
    let problem = if is_erasing { problem.at("aggregate") } else { problem };
    match words {
        Some((detail, remedy)) => problem.saying(detail, remedy),
        None => problem,
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let Refusal { kind, field, detail, remedy, violations } = refusal;
        let (status, title) = match kind {
            RefusalKind::Malformed => (StatusCode::BAD_REQUEST, "The body is not JSON"),
            RefusalKind::Field => (StatusCode::BAD_REQUEST, "A field is invalid"),
            RefusalKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            RefusalKind::Schema => (StatusCode::UNPROCESSABLE_ENTITY, "The schema does not allow the body"),
            RefusalKind::Version => (StatusCode::PRECONDITION_FAILED, "The aggregate has another version"),
            RefusalKind::Reused => (StatusCode::UNPROCESSABLE_ENTITY, "The idempotency key is used"),
        };
        let problem = Self::new(status, kind.as_str(), title, detail, remedy).for_violations(violations);
        match field {
            Some(field) => problem.at(field),
            None => problem,
        }
    }
}
