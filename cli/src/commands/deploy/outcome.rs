//! The result of a deploy, and the next steps.

use std::collections::BTreeMap;

use deploy::stack::DeployResult;
use serde::Serialize;
use shared::config::{ClientQueue, Config};
use shared::text::printable;

use crate::args::stack_option;
use crate::output::{Style, Tone, row, table};
use crate::plan::{Change, Plan};

/// The result of a deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Outcome {
    stack: String,
    /// False if there was nothing to change.
    changed: bool,
    /// The clients whose queues' owners must let the fan-out send.
    clients_with_existing_queues: Vec<String>,
    outputs: BTreeMap<String, String>,
    plan: Plan,
}

impl Outcome {
    pub(super) fn new(plan: Plan, deployed: DeployResult, config: &Config) -> Self {
        let existing = config.clients.iter().filter(|client| client.queue != ClientQueue::Own);
        Self {
            stack: plan.stack.clone(),
            changed: deployed.changed,
            clients_with_existing_queues: existing.map(|client| client.name.to_string()).collect(),
            outputs: deployed.outputs,
            plan,
        }
    }

    /// The text for people; ends with a line feed.
    pub(super) fn to_text(&self, style: Style) -> String {
        let stack = printable(&self.stack);
        let what = if self.changed { "deployed" } else { "unchanged" };
        let mut text = format!("Stack {stack} is {what}.\n\n");
        let clients = self.plan.clients.iter().filter(|client| client.change != Change::Removed);
        let rows = clients.map(|client| {
            row([client.name.as_deref().unwrap_or_default(), client.queue_arn.as_str()], Tone::Neutral)
        });
        text += &table(["client", "queue"], rows, style);
        text += &format!("\n\nNext:\n{}", self.next());
        text
    }

    fn next(&self) -> String {
        let stack = printable(&stack_option(&self.stack));
        let mut text = String::new();
        let owners = &self.clients_with_existing_queues;
        if let Some(role) = self.outputs.get("FanOutRoleARN").filter(|_| !owners.is_empty()) {
            text += &format!("  owners of existing queues let {} send; what they paste:\n", printable(role));
            for client in owners {
                text += &format!("    fanoutctl policy {client}{stack}\n");
            }
        }
        if self.plan.left_stream.is_some() {
            text += &format!(
                "  what the converter had not read of the stream that it left, so that it does not wait for its aggregate's next \
                 event:\n    fanoutctl reconcile{stack}\n"
            );
        }
        if !self.plan.disused_queues.is_empty() {
            text += "  queues that are out of use stay; to delete them, once you have seen that they are empty:\n";
        }
        for queue in &self.plan.disused_queues {
            text += &format!("    {}\n", printable(&queue.delete_command()));
        }
        text += &format!(
            "  whether queues, stream and mappings are as they must be:\n    fanoutctl check{stack}\n"
        );
        text += &format!("  what is in every queue:\n    fanoutctl status{stack}\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use shared::naming::{Naming, QueueArn};

    use super::*;
    use crate::plan::{Facts, LeftStream, plan};

    const CONFIG: &str = r#"
        [source]
        partition_key = "mark"
        sort_key = "createTime"
        time = "createTime"
        version = "version"
        allowed_accounts = ["444455556666"]
        [[client]]
        name = "Billing"
    "#;
    const REPORTING: &str = r#"
        [[client]]
        name = "Reporting"
        queue_arn = "arn:aws:sqs:eu-west-2:444455556666:ReportingEvents.fifo"
    "#;

    /// Checks the text after a deploy, which changed something and left this stream, or did not change anything.
    fn check(config: &str, changed: bool, left_stream: Option<LeftStream>, expected: &Expect) {
        let naming = Naming::try_new("aws", "eu-west-2", "111122223333", "").unwrap();
        let config = Config::try_from_toml("client-queues.toml", config, Some(&naming)).unwrap();
        let queue =
            || QueueArn::try_new("arn:aws:sqs:eu-west-2:111122223333:MarkFanOutUndelivered.fifo").unwrap();
        let disused = changed.then(queue).into_iter().collect();
        let plan = plan("events", &config, &naming, Facts { disused, ..Facts::default() });
        let plan = Plan { left_stream, ..plan };
        let outputs = [("FanOutRoleARN".to_owned(), naming.fan_out_role_arn())].into();
        let outcome = Outcome::new(plan, DeployResult { outputs, changed }, &config);
        expected.assert_eq(&outcome.to_text(Style::Plain));
    }

    #[test]
    fn the_next_steps_depend_on_clients_stream_and_disused_queues() {
        check(
            CONFIG,
            false,
            None,
            &expect![[r#"
            Stack events is unchanged.

            client   queue
            Billing  arn:aws:sqs:eu-west-2:111122223333:MarkFanOutClientBilling.fifo

            Next:
              whether queues, stream and mappings are as they must be:
                fanoutctl check --stack events
              what is in every queue:
                fanoutctl status --stack events
        "#]],
        );
        check(
            &(CONFIG.to_owned() + REPORTING),
            true,
            Some(LeftStream { arn: None, is_made_up_for: true }),
            &expect![[r#"
                Stack events is deployed.

                client     queue
                Billing    arn:aws:sqs:eu-west-2:111122223333:MarkFanOutClientBilling.fifo
                Reporting  arn:aws:sqs:eu-west-2:444455556666:ReportingEvents.fifo

                Next:
                  owners of existing queues let arn:aws:iam::111122223333:role/MarkFanOut-eu-west-2 send; what they paste:
                    fanoutctl policy Reporting --stack events
                  what the converter had not read of the stream that it left, so that it does not wait for its aggregate's next event:
                    fanoutctl reconcile --stack events
                  queues that are out of use stay; to delete them, once you have seen that they are empty:
                    aws sqs delete-queue --queue-url https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutUndelivered.fifo
                  whether queues, stream and mappings are as they must be:
                    fanoutctl check --stack events
                  what is in every queue:
                    fanoutctl status --stack events
            "#]],
        );
    }
}
