//! What became of sample events, for people and programs.

use expect_test::expect;
use shared::control::{PushFailureKind, PushTestAnswer, PushTestFailure};

use super::*;
use crate::commands::check::ping::{Outcome, Ping};
use crate::exit::{Exit, Failure};

fn asked(failure: Option<(PushFailureKind, &str)>) -> Outcome {
    Outcome::Asked(PushTestAnswer {
        client: "Hook".into(),
        kind: "webhook".into(),
        event_id: "fanoutctl.test-1".into(),
        milliseconds: 23,
        failure: failure.map(|(kind, reason)| PushTestFailure { kind, reason: reason.into() }),
    })
}

fn ping(client: &str, kind: &'static str, outcome: Outcome) -> Ping {
    Ping { client: client.into(), kind, outcome }
}

fn check(pings: &[Ping], expected: &Expect) {
    let report = Report::new(&good(), Some(pings), false);
    let text = text(&report, Style::Plain);
    expected.assert_eq(text.split_once("\nstack").unwrap_or((&text, "")).0);
}

#[test]
fn a_webhook_that_takes_it_is_well_and_other_targets_get_none() {
    let pings = [ping("Hook", "webhook", asked(None)), ping("Topic", "sns", Outcome::OtherKind)];
    check(
        &pings,
        &expect![[r#"
            ping of client Hook, webhook: taken within 23 ms, id fanoutctl.test-1
            ping of client Topic, sns: none is sent: sns would keep it"#]],
    );
    let report = Report::new(&good(), Some(&pings), false);
    let json = serde_json::to_value(&report).unwrap();
    expect![[r#"
        [
          {
            "answer": {
              "client": "Hook",
              "event_id": "fanoutctl.test-1",
              "failure": null,
              "kind": "webhook",
              "milliseconds": 23
            },
            "client": "Hook",
            "kind": "webhook",
            "no_answer": null
          },
          {
            "answer": null,
            "client": "Topic",
            "kind": "sns",
            "no_answer": "none is sent: sns would keep it"
          }
        ]"#]]
    .assert_eq(&serde_json::to_string_pretty(&json["pings"]).unwrap());
    let without = serde_json::to_value(Report::new(&good(), None, false)).unwrap();
    assert!(without["pings"].is_null());
}

#[test]
fn a_webhook_that_does_not_take_it_is_a_finding() {
    for (kind, reason, expected) in [
        (
            PushFailureKind::Transient,
            "503",
            expect![[r#"
            ping of client `Hook`: its target did not take it: 503; see whether the target is up, and answers in time
            ping of client Hook, webhook: not taken within 23 ms, id fanoutctl.test-1"#]],
        ),
        (
            PushFailureKind::Target,
            "401 Unauthorized",
            expect![[r#"
            ping of client `Hook`: its target did not take it: 401 Unauthorized; see its URL and its secret, and whether it knows them
            ping of client Hook, webhook: not taken within 23 ms, id fanoutctl.test-1"#]],
        ),
        (
            PushFailureKind::Event,
            "400 Bad Request",
            expect![[r#"
            ping of client `Hook`: its target did not take it: 400 Bad Request; have it answer 2xx to sample events, too (docs/push.md)
            ping of client Hook, webhook: not taken within 23 ms, id fanoutctl.test-1"#]],
        ),
        (
            PushFailureKind::Gone,
            "410 Gone",
            expect![[r#"
            ping of client `Hook`: its target did not take it: 410 Gone; mend the target, or its place in client-queues.toml; if the client is paused, then `fanoutctl resume Hook`
            ping of client Hook, webhook: not taken within 23 ms, id fanoutctl.test-1"#]],
        ),
    ] {
        check(&[ping("Hook", "webhook", asked(Some((kind, reason))))], &expected);
    }
}

#[test]
fn a_ping_that_was_not_sent_is_a_finding() {
    let not_allowed = CallError { call: "Invoke", ..error(CallFault::NotAllowed) };
    check(
        &[ping("Hook", "webhook", Outcome::Failed(Failure::Call(not_allowed)))],
        &expect![[r#"
            ping of client `Hook`: `Invoke` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/PushTest` to your user or role
            ping of client Hook, webhook: `Invoke` of `it`: no permission (`AccessDenied`)"#]],
    );
    let failed = Exit::Findings.because("the push function failed: no time was left");
    check(
        &[ping("Hook", "webhook", Outcome::Failed(failed))],
        &expect![[r#"
            ping of client `Hook`: the push function failed: no time was left; see the log of the push function
            ping of client Hook, webhook: the push function failed: no time was left"#]],
    );
    check(
        &[ping("Hook", "webhook", Outcome::NotDeployed)],
        &expect![[r#"
            ping of client `Hook`: none is sent: the config that runs has another target, or it isn't known; see `fanoutctl plan`, then `fanoutctl deploy`
            ping of client Hook, webhook: none is sent: the config that runs has another target, or it isn't known"#]],
    );
}
