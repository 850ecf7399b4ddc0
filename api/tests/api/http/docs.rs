//! The page, if it is asked for.

use api::http::{DocsPage, router_with};
use api::marks::{Marks, schema};
use api::store::Store;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, StatusCode};
use tower::ServiceExt as _;

use crate::store::sums::Scene;

async fn ask(docs: DocsPage, path: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
    let scene: &'static Scene = Box::leak(Box::new(Scene::new(1)));
    let schema = schema("Events", "States");
    let router = router_with(Marks::new(Store::new(schema.in_memory(), scene, schema)), None, docs);
    let response = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, to_bytes(body, usize::MAX).await.unwrap().to_vec())
}

#[tokio::test]
async fn there_is_no_page_unless_it_is_asked_for() {
    for path in ["/docs", "/docs/", "/docs/index.html", "/docs/swagger-ui-bundle.js"] {
        let (status, _, body) = ask(DocsPage::Hidden, path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(String::from_utf8(body).unwrap().contains("no-such-route"), "{path}");
    }
}

#[tokio::test]
async fn the_page_shows_the_description_and_loads_nothing_from_elsewhere() {
    let (status, headers, _) = ask(DocsPage::Shown, "/docs").await;
    assert_eq!((status, &headers["location"]), (StatusCode::SEE_OTHER, &"/docs/".parse().unwrap()));
    for path in ["/docs/", "/docs/index.css", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"] {
        let (status, headers, body) = ask(DocsPage::Shown, path).await;
        // What comes compressed is for browsers, all of which can read it.
        assert_eq!(
            (status, &headers["content-encoding"]),
            (StatusCode::OK, &"gzip".parse().unwrap()),
            "{path}"
        );
        assert!(body.starts_with(&[0x1F, 0x8B]), "{path}");
    }
    let (_, _, settings) = ask(DocsPage::Shown, "/docs/swagger-initializer.js").await;
    let settings = String::from_utf8(settings).unwrap();
    assert!(settings.contains(r#""url": "/openapi.json""#), "{settings}");
    assert!(settings.contains(r#""validatorUrl": "none""#), "{settings}");
    assert!(!settings.contains("://"), "{settings}");
    // The rest is as before.
    let (status, _, body) = ask(DocsPage::Shown, "/openapi.json").await;
    assert_eq!((status, body.first()), (StatusCode::OK, Some(&b'{')));
    let (status, _, _) = ask(DocsPage::Shown, "/docs/nothing.js").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
