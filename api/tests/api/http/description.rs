//! The description says what the router does.

use super::Api;

#[tokio::test]
async fn each_route_is_described_and_there() {
    let api = Api::new();
    let description = api.ask("GET /openapi.json", &[], "").await.json();
    let mut routes = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let line = format!("{} {}", method.to_uppercase(), path);
            let filled = line.replace("{mark}", "X1%20ABC").replace("{eventId}", "x");
            let answer = api.ask(&filled, &[], "").await;
            assert!(!answer.text.contains("no-such-route"), "{line}");
            assert_ne!(answer.status.as_u16(), 405, "{line}");
            routes.push(line);
        }
    }
    routes.sort();
    assert_eq!(
        routes,
        [
            "DELETE /mark/v1/registrationNumber/{mark}",
            "GET /mark/v1",
            "GET /mark/v1/event/registrationNumber/{mark}",
            "GET /mark/v1/event/{eventId}",
            "GET /mark/v1/events",
            "GET /mark/v1/registrationNumber/{mark}",
            "POST /mark/v1/entitlement",
            "PUT /mark/v1/entitlement/address",
            "PUT /mark/v1/entitlement/certificate/{mark}",
            "PUT /mark/v1/entitlement/extension",
            "PUT /mark/v1/entitlement/nominee",
            "PUT /mark/v1/lock/{mark}",
            "PUT /mark/v1/unlock/{mark}",
        ]
    );
    // What bodies and answers refer to is there.
    let text = description.to_string();
    for rest in text.split("#/components/schemas/").skip(1) {
        let name = rest.split('"').next().unwrap();
        assert!(description["components"]["schemas"].get(name).is_some(), "`{name}` is not described");
    }
}
