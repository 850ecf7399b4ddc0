//! The API over HTTP: one router, for Lambda, for a server on loopback, and for tests.

mod body;
mod commands;
mod described;
mod docs;
mod events;
mod openapi;
mod parameters;
mod problem;
mod queries;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post, put};
use tracing::info;

use crate::events::OtherEvents;
use crate::marks::Marks;
use crate::store::Surroundings;
use crate::store::port::DynamoDb;

pub use self::docs::DocsPage;
pub use self::openapi::{description, description_with_events};
pub use self::problem::Problem;

/// How many bytes a body has at most.
pub const BODY_LIMIT: usize = 64 * 1024;

/// What handlers share.
type Shared<D, S> = Arc<Marks<D, S>>;

/// All routes over `marks`, and none for events of other aggregates, nor for the [`DocsPage`].
pub fn router<D, S>(marks: Marks<D, S>) -> Router
where
    D: DynamoDb + Send + Sync + 'static,
    S: Surroundings + Send + Sync + 'static,
{
    router_with(marks, None, DocsPage::Hidden)
}

/// All routes over `marks`, that for `events` of other aggregates, if they are taken, and that of the page, if it is shown.
pub fn router_with<D, S>(marks: Marks<D, S>, events: Option<OtherEvents<D, S>>, docs: DocsPage) -> Router
where
    D: DynamoDb + Send + Sync + 'static,
    S: Surroundings + Send + Sync + 'static,
{
    let document = if events.is_some() { get(openapi::document_with_events) } else { get(openapi::document) };
    let events = events.map_or_else(Router::new, events::routes);
    Router::new()
        .route("/mark/v1", get(queries::marks::<D, S>))
        .route("/mark/v1/entitlement", post(commands::create::<D, S>))
        .route("/mark/v1/entitlement/address", put(commands::address::<D, S>))
        .route("/mark/v1/entitlement/nominee", put(commands::nominee::<D, S>))
        .route("/mark/v1/entitlement/extension", put(commands::extension::<D, S>))
        .route("/mark/v1/entitlement/certificate/{mark}", put(commands::certificate::<D, S>))
        .route("/mark/v1/lock/{mark}", put(commands::lock::<D, S>))
        .route("/mark/v1/unlock/{mark}", put(commands::unlock::<D, S>))
        .route(
            "/mark/v1/registrationNumber/{mark}",
            get(queries::mark::<D, S>).delete(commands::erase::<D, S>),
        )
        .route("/mark/v1/event/registrationNumber/{mark}", get(queries::events::<D, S>))
        .route("/mark/v1/event/{eventId}", get(queries::event::<D, S>))
        .route("/mark/v1/events", get(queries::events_by_name::<D, S>))
        .route("/openapi.json", document)
        .with_state(Arc::new(marks))
        .merge(events)
        .merge(docs.routes())
        .fallback(async || Problem::no_route())
        .method_not_allowed_fallback(async || Problem::no_method())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn(log))
}

/// One line for each request: the route, not the path, which has the mark in it.
async fn log(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status().as_u16();
    info!(method = method.as_str(), route, status, "request answered");
    response
}

/// A response with JSON that is written already.
fn json(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let json = axum::http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(axum::http::header::CONTENT_TYPE, json);
    response
}
