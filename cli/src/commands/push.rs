//! `fanoutctl push test`: brings a sample event to a client's target by the stack's own function.

use aws::operator::cloudformation::DeployedStack;
use aws::operator::{Target, lambda};
use deploy::invoke::{PUSH_AWS_NAME, PUSH_HTTP_NAME};
use deploy::stack;
use shared::config::{Config, Push, PushTarget};
use shared::control::{PushFailureKind, PushTest, PushTestAnswer, PushTestFailure, PushTestRequest};
use shared::text::printable;

use super::operator::{Operator, served, understood_of};
use super::prepare::running;
use super::replay::fresh_id;
use crate::args::{PushCommand, PushTestArguments};
use crate::context::{Context, output};
use crate::exit::{Exit, Failure};
use crate::progress::unless_quick;

/// Does what the command says.
///
/// # Errors
///
/// [`Failure`]: there is no such push client, or AWS or the function refused.
pub async fn execute(context: &Context, command: &PushCommand) -> Result<Exit, Failure> {
    let PushCommand::Test(PushTestArguments { client }) = command;
    let operator = Operator::of_stack(context).await?;
    served(&operator.registry, client)?;
    let Operator { target, stack, .. } = &operator;
    let naming = stack::naming(target, stack::deployed_prefix(stack)).await?;
    let running = unless_quick("reading the deployed config", running(target, stack, &naming)).await;
    let push = push_of(running.config.as_ref(), client)?;
    operator.log(&format!("bring a sample event to the target of client `{client}`"));
    let answer = bring(target, stack, &push.target, client, operator.caller());
    let answer = unless_quick("waiting for the target", answer).await?;
    context.output.print(&answer, |answer, _| text(answer, &operator.stack_option()))?;
    Ok(if answer.failure.is_none() { Exit::Done } else { Exit::Findings })
}

/// Has the stack's function bring a sample event to `push_target`, which is that of `client` in the config that runs.
///
/// # Errors
///
/// [`Failure`]: AWS or the function refused.
pub(super) async fn bring(
    target: &Target,
    stack: &DeployedStack,
    push_target: &PushTarget,
    client: &str,
    caller: &str,
) -> Result<PushTestAnswer, Failure> {
    let name = output(stack, if push_target.is_web() { PUSH_HTTP_NAME } else { PUSH_AWS_NAME })?;
    let (client, id, caller) = (client.to_owned(), fresh_id(), Some(caller.to_owned()));
    let request = PushTestRequest { test: PushTest { client, id, caller } };
    // A call without an answer is not repeated: the target may have the event.
    understood_of("push", lambda::invoke_once(target, name, &request.payload()).await?)
}

/// What the config that runs says of the client's target.
fn push_of<'c>(config: Option<&'c Config>, name: &str) -> Result<&'c Push, Failure> {
    let Some(config) = config else {
        return Err(Exit::Unreachable.because("the deployed config can't be read; see `fanoutctl plan`"));
    };
    let client = config.clients.iter().find(|client| client.name.as_str() == name);
    client.and_then(|client| client.push.as_ref()).ok_or_else(|| {
        Exit::Usage.because(format!(
            "client `{name}` has no `[client.push]` in the deployed config: its team's own consumer reads its queue"
        ))
    })
}

fn text(answer: &PushTestAnswer, stack: &str) -> String {
    let PushTestAnswer { client, kind, event_id, milliseconds, failure } = answer;
    let (client, kind, event_id) = (printable(client), printable(kind), printable(event_id));
    let Some(PushTestFailure { kind: what, reason }) = failure else {
        return format!(
            "The target of client {client}, {kind}, took a sample event within {milliseconds} ms.\nIts id is {event_id}.\n"
        );
    };
    let (reason, stack) = (printable(reason), printable(stack));
    let then = match what {
        PushFailureKind::Transient => "An event that fails so is tried again, for as long as it takes.".to_owned(),
        PushFailureKind::Target => {
            "A target that answers so gets nothing, but one event now and then that tries it: it refuses this sender.".to_owned()
        }
        PushFailureKind::Event => "An event that is refused so again has its aggregate held.".to_owned(),
        PushFailureKind::Gone => {
            format!("A client whose target answers so is paused, until\n  fanoutctl resume {client}{stack}")
        }
    };
    format!(
        "The target of client {client}, {kind}, did not take a sample event: {reason}\n{then}\nIts id was {event_id}.\n"
    )
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(failure: Option<(PushFailureKind, &str)>, expected: &Expect) {
        let failure = failure.map(|(kind, reason)| PushTestFailure { kind, reason: reason.to_owned() });
        let (client, kind) = ("Billing".to_owned(), "webhook".to_owned());
        let event_id = "fanoutctl.test-1".to_owned();
        let answer = PushTestAnswer { client, kind, event_id, milliseconds: 23, failure };
        let json = serde_json::to_string(&answer).unwrap();
        expected.assert_eq(&format!("{}{json}\n", text(&answer, " --stack test")));
    }

    #[test]
    fn what_became_of_it_and_what_push_makes_of_that() {
        check(
            None,
            &expect![[r#"
            The target of client Billing, webhook, took a sample event within 23 ms.
            Its id is fanoutctl.test-1.
            {"client":"Billing","kind":"webhook","event_id":"fanoutctl.test-1","milliseconds":23,"failure":null}
        "#]],
        );
        check(
            Some((PushFailureKind::Transient, "503 Service Unavailable")),
            &expect![[r#"
            The target of client Billing, webhook, did not take a sample event: 503 Service Unavailable
            An event that fails so is tried again, for as long as it takes.
            Its id was fanoutctl.test-1.
            {"client":"Billing","kind":"webhook","event_id":"fanoutctl.test-1","milliseconds":23,"failure":{"kind":"transient","reason":"503 Service Unavailable"}}
        "#]],
        );
        check(
            Some((PushFailureKind::Target, "401 Unauthorized: \"bad signature\"")),
            &expect![[r#"
            The target of client Billing, webhook, did not take a sample event: 401 Unauthorized: "bad signature"
            A target that answers so gets nothing, but one event now and then that tries it: it refuses this sender.
            Its id was fanoutctl.test-1.
            {"client":"Billing","kind":"webhook","event_id":"fanoutctl.test-1","milliseconds":23,"failure":{"kind":"target","reason":"401 Unauthorized: \"bad signature\""}}
        "#]],
        );
        check(
            Some((PushFailureKind::Event, "400 Bad Request")),
            &expect![[r#"
            The target of client Billing, webhook, did not take a sample event: 400 Bad Request
            An event that is refused so again has its aggregate held.
            Its id was fanoutctl.test-1.
            {"client":"Billing","kind":"webhook","event_id":"fanoutctl.test-1","milliseconds":23,"failure":{"kind":"event","reason":"400 Bad Request"}}
        "#]],
        );
        check(
            Some((PushFailureKind::Gone, "410 Gone")),
            &expect![[r#"
            The target of client Billing, webhook, did not take a sample event: 410 Gone
            A client whose target answers so is paused, until
              fanoutctl resume Billing --stack test
            Its id was fanoutctl.test-1.
            {"client":"Billing","kind":"webhook","event_id":"fanoutctl.test-1","milliseconds":23,"failure":{"kind":"gone","reason":"410 Gone"}}
        "#]],
        );
    }

    #[test]
    fn a_client_without_a_target_has_none_to_test() {
        let source = "[source]\npartition_key = 'mark'\nsort_key = 'at'\nversion = 'version'\n";
        let text = format!("{source}[[client]]\nname = 'Billing'\n");
        let config = Config::try_from_toml("client-queues.toml", &text, None).unwrap();
        let failure = push_of(Some(&config), "Billing").unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        expect!["client `Billing` has no `[client.push]` in the deployed config: its team's own consumer reads its queue"].assert_eq(&failure.to_string());
        assert_eq!(push_of(None, "Billing").unwrap_err().exit(), Exit::Unreachable);
    }
}
