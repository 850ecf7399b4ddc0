//! Requests to the router, over a store in memory.

mod description;
mod docs;
mod refusals;
mod routes;
mod troubles;

use std::fmt::Write as _;

use api::events::OtherEvents;
use api::http::{DocsPage, router, router_with};
use api::marks::{Marks, schema};
use api::store::Store;
use api::store::memory::Memory;
use api::store::port::DynamoDb;
use axum::Router;
use axum::body::{Body, to_bytes};
use expect_test::Expect;
use http::{Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::store::sums::Scene;

/// What a mark is created with.
pub(crate) const ADA: &str = r#"{"mark":"AFC F5","price":299.90,"nomineeName":"Ada","address":{"addressLine1":"1 “Old Mill” Lane","postCode":"AA9 9AA"}}"#;

pub(crate) const CREATE: &str = "POST /mark/v1/entitlement";
const MARK: &str = "GET /mark/v1/registrationNumber/AFC%20F5";

/// The API, for as long as a test lives.
pub(crate) struct Api {
    router: Router,
    pub(crate) scene: &'static Scene,
}

impl Api {
    pub(crate) fn new() -> Self {
        Self::over(schema("Events", "States").in_memory())
    }

    fn over(db: impl DynamoDb + Send + 'static) -> Self {
        let scene: &'static Scene = Box::leak(Box::new(Scene::new(1)));
        let store = Store::new(db, scene, schema("Events", "States"));
        Self { router: router(Marks::new(store)), scene }
    }

    /// One that also takes events of other aggregates.
    pub(crate) fn with_events<D: DynamoDb + Send + 'static>(
        marks: D,
        events: impl FnOnce(&'static Scene) -> OtherEvents<D, &'static Scene>,
    ) -> Self {
        let scene: &'static Scene = Box::leak(Box::new(Scene::new(1)));
        let store = Store::new(marks, scene, schema("Events", "States"));
        Self { router: router_with(Marks::new(store), Some(events(scene)), DocsPage::Hidden), scene }
    }

    /// The answer to a request: its line, its headers (`name: value`) and its body.
    pub(crate) async fn ask(&self, line: &str, headers: &[&str], body: impl Into<Body>) -> Answer {
        let (method, uri) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(uri);
        for header in headers {
            let (name, value) = header.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        if method != "GET" && !headers.iter().any(|header| header.starts_with("Content-Type")) {
            request = request.header("Content-Type", "application/json");
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let mut shown = format!("{}\n", response.status().as_u16());
        for name in ["content-type", "etag", "location", "idempotent-replayed", "retry-after", "allow"] {
            if let Some(value) = response.headers().get(name) {
                writeln!(shown, "{name}: {}", value.to_str().unwrap()).unwrap();
            }
        }
        let status = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        if !text.is_empty() {
            shown += &text;
        }
        Answer { status, shown, text }
    }

    /// Creates the mark.
    pub(crate) async fn create(&self) {
        assert_eq!(self.ask(CREATE, &[], ADA).await.status, StatusCode::CREATED);
    }
}

/// An answer, and how a test shows it.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) shown: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn check(&self, expected: Expect) {
        expected.assert_eq(&self.shown);
    }
}

/// DynamoDB in memory that lives as long as the process, so that a router can have what a test looks at.
pub(crate) fn memory() -> &'static Memory {
    Box::leak(Box::new(schema("Events", "States").in_memory()))
}
