//! What is answered when the tables are in trouble.

use api::store::Store;
use api::store::port::{Action, DynamoDb as _, Write};
use expect_test::{Expect, expect};

use super::{ADA, Api, CREATE, MARK, memory};
use crate::store::faulty::{Fault, Faulty};
use crate::store::sums::Scene;

#[tokio::test]
async fn trouble_with_a_command_is_told_apart() {
    async fn check(fault: Fault, expected: Expect) {
        Api::over(Faulty::always(memory(), fault)).ask(CREATE, &[], ADA).await.check(expected);
    }
    check(Fault::Conflict, expect![[r#"
        409
        content-type: application/problem+json
        {"type":"urn:mark-event-queue:problem:conflict","title":"Others were quicker","status":409,"detail":"others changed the mark at the same time, each time it was tried","remedy":"send the request again"}"#]]).await;
    check(Fault::Throttled, expect![[r#"
        503
        content-type: application/problem+json
        retry-after: 1
        {"type":"urn:mark-event-queue:problem:throttled","title":"Too much at once","status":503,"detail":"too much at the same time","remedy":"send the request again after `Retry-After`"}"#]]).await;
    check(Fault::LostRequest, expect![[r#"
        503
        content-type: application/problem+json
        retry-after: 1
        {"type":"urn:mark-event-queue:problem:unknown","title":"There is no answer","status":503,"detail":"it is unknown whether the request was carried out","remedy":"send it again after `Retry-After`, with the same `Idempotency-Key`, or read the mark"}"#]]).await;
    // The answer is lost each time, and the event is there.
    let api = Api::over(Faulty::always(memory(), Fault::LostAnswer));
    assert_eq!(api.ask(CREATE, &[], ADA).await.status.as_u16(), 201);
}

#[tokio::test]
async fn a_mark_that_is_being_erased_is_read_and_not_changed() {
    let memory = memory();
    let api = Api::over(memory);
    api.create().await;
    for _ in 0..50 {
        api.ask("PUT /mark/v1/lock/AFC%20F5", &[], "").await;
        api.ask("PUT /mark/v1/unlock/AFC%20F5", &[], "").await;
    }
    // By another process, which dies after its first chunk.
    let scene = Scene::new(9);
    let other = Store::new(memory, &scene, api::marks::schema("Events", "States"));
    other.erase("AFC F5", None, 1).await.unwrap();
    assert_eq!(api.ask(MARK, &[], "").await.json()["version"], 101);
    api.ask("PUT /mark/v1/lock/AFC%20F5", &[], "").await.check(expect![[r#"
        409
        content-type: application/problem+json
        {"type":"urn:mark-event-queue:problem:erasing","title":"The mark is being erased","status":409,"detail":"the mark is being erased","field":"mark","remedy":"wait until that is done; if it does not end, erase the mark again"}"#]]);
    for line in [CREATE.to_owned(), format!("{MARK}?version=1")] {
        let body = if line == CREATE { ADA } else { "" };
        let answer = api.ask(&line, &[], body).await;
        assert_eq!(answer.json()["type"], "urn:mark-event-queue:problem:erasing", "{line}");
    }
    assert_eq!(api.ask("DELETE /mark/v1/registrationNumber/AFC%20F5", &[], "").await.status.as_u16(), 204);
    assert_eq!(api.ask(MARK, &[], "").await.status.as_u16(), 404);
}

#[tokio::test]
async fn damage_is_not_shown_and_not_made_worse() {
    let memory = memory();
    let api = Api::over(memory);
    api.create().await;
    let mut state = memory.items("States").remove(0);
    state.remove("state");
    let put = Action { table: "States".to_owned(), write: Write::Put(state), condition: None };
    memory.transact("damage", &[put]).await.unwrap();
    api.ask(MARK, &[], "").await.check(expect![[r#"
        500
        content-type: application/problem+json
        {"type":"urn:mark-event-queue:problem:damaged","title":"The service is in trouble","status":500,"detail":"the service can't do it","remedy":"tell who runs it; its log says what is wrong"}"#]]);
    assert_eq!(api.ask("PUT /mark/v1/lock/AFC%20F5", &[], "").await.status.as_u16(), 500);
    assert_eq!(memory.items("Events").len(), 1);
    // The events are whole.
    assert_eq!(api.ask(&format!("{MARK}?version=1"), &[], "").await.status.as_u16(), 200);
}
