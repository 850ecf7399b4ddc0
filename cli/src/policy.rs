//! The rights that a client's queue must give the fan-out: a policy for the queue, and a statement for its key's
//! policy.

use serde::Serialize;
use serde_json::{Value, json};
use shared::naming::{QueueArn, QueueUrl};

use crate::exit::{Exit, Failure};

/// The version of the policy language (IAM User Guide, "IAM JSON policy elements: Version").
const VERSION: &str = "2012-10-17";

const SEND: &str = "sqs:SendMessage";

/// A policy document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    version: &'static str,
    statement: Vec<Statement>,
}

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    sid: &'static str,
    effect: &'static str,
    principal: Value,
    action: Vec<&'static str>,
    resource: String,
    /// Operators, with keys and values. All of them must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

/// The fan-out's role. Its name is fixed, so that a policy that names it outlives the role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FanOutRole {
    arn: String,
    /// The principal of the statements: the role's account. A role would be replaced by its internal id when a policy
    /// is stored, and a role that is made again has another (IAM User Guide, "AWS JSON policy elements: Principal").
    /// The account, and a condition on the role, stay.
    account: Value,
}

impl FanOutRole {
    /// The role with this ARN.
    ///
    /// # Errors
    ///
    /// [`Exit::Fault`]: the text has another form.
    pub fn try_new(arn: &str) -> Result<Self, Failure> {
        let parts: Vec<&str> = arn.split(':').collect();
        match parts.as_slice() {
            ["arn", partition, "iam", "", account, name] if name.starts_with("role/") => Ok(Self {
                arn: arn.to_owned(),
                account: json!({ "AWS": format!("arn:{partition}:iam::{account}:root") }),
            }),
            _ => Err(Exit::Fault.because(format!("`{arn}` is not a role's ARN"))),
        }
    }
}

/// The statement by which an existing queue takes events, and the one by which a stack's own queue takes no others.
pub const FAN_OUT_SENDS: &str = "FanOutSends";
/// See [`FAN_OUT_SENDS`].
pub const NOBODY_ELSE_SENDS: &str = "NobodyElseSends";

/// The policy of the existing queue `queue`: `role` may send, and no call is allowed without TLS.
pub fn queue_policy(queue: &QueueArn, role: &FanOutRole) -> Policy {
    let send = Statement {
        sid: FAN_OUT_SENDS,
        effect: "Allow",
        principal: role.account.clone(),
        action: vec![SEND],
        resource: queue.to_string(),
        condition: Some(json!({ "ArnEquals": { "aws:PrincipalArn": role.arn } })),
    };
    Policy { version: VERSION, statement: vec![send, encrypted(queue)] }
}

/// The policy of the stack's own queue `queue`, as `template.yml` has it: only `role` may send, and no call is allowed
/// without TLS.
pub fn own_queue_policy(queue: &QueueArn, role: &FanOutRole) -> Policy {
    let is_another = json!({ "ArnNotEquals": { "aws:PrincipalArn": role.arn } });
    let others = forbidden(NOBODY_ELSE_SENDS, SEND, queue, is_another);
    Policy { version: VERSION, statement: vec![encrypted(queue), others] }
}

fn encrypted(queue: &QueueArn) -> Statement {
    let is_clear = json!({ "Bool": { "aws:SecureTransport": "false" } });
    forbidden("EncryptedTransportOnly", "sqs:*", queue, is_clear)
}

fn forbidden(sid: &'static str, action: &'static str, queue: &QueueArn, condition: Value) -> Statement {
    Statement {
        sid,
        effect: "Deny",
        principal: json!("*"),
        action: vec![action],
        resource: queue.to_string(),
        condition: Some(condition),
    }
}

/// The statement for the policy of the customer managed key of the queue at `url`: `role` may encrypt messages through
/// SQS. Another account can't use a key of AWS's own (SQS Developer Guide, "Key management").
pub fn key_statement(url: &QueueUrl, role: &FanOutRole) -> Statement {
    // The service's name in a region is the host of its queues.
    let service = url.as_str().split('/').nth(2).unwrap_or_default();
    Statement {
        sid: "FanOutEncrypts",
        effect: "Allow",
        principal: role.account.clone(),
        action: vec!["kms:GenerateDataKey", "kms:Decrypt"],
        // In a key's policy, a star stands for this key.
        resource: "*".to_owned(),
        condition: Some(json!({
            "ArnEquals": { "aws:PrincipalArn": role.arn },
            "StringEquals": { "kms:ViaService": service },
        })),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{ExpectFile, expect_file};
    use shared::naming::Naming;

    use super::*;
    use crate::access::{self, Access, Destination, SendRequest};

    /// The files are what `.ci/checks/rights.sh` asks the simulator of IAM about: the names are those of its stack.
    fn check(document: &impl Serialize, expected: &ExpectFile) -> access::Policy {
        let text = serde_json::to_string_pretty(document).unwrap();
        expected.assert_eq(&(text.clone() + "\n"));
        access::Policy::try_new(&text).unwrap_or_default()
    }

    fn naming() -> Naming {
        Naming::try_new("aws", "eu-west-2", "123456789012", "sixteen-letters-").unwrap()
    }

    fn role() -> FanOutRole {
        FanOutRole::try_new(&naming().fan_out_role_arn()).unwrap()
    }

    #[test]
    fn a_queue_lets_one_role_send_and_allows_no_clear_text() {
        let queue = QueueArn::try_new("arn:aws:sqs:eu-west-2:210987654321:orders.fifo").unwrap();
        check(&queue_policy(&queue, &role()), &expect_file!["policy/existing_queue.json"]);
    }

    #[test]
    fn a_key_lets_one_role_encrypt_through_sqs() {
        let queue = naming().queue("210987654321", "orders.fifo");
        check(&key_statement(&queue, &role()), &expect_file!["policy/key_statement.json"]);
    }

    #[test]
    fn a_queue_of_the_stacks_own_has_the_templates_policy() {
        let naming = naming();
        let queue = naming.client_queue_arn("Billing");
        let policy = check(&own_queue_policy(&queue, &role()), &expect_file!["policy/own_queue.json"]);
        let access = |role: &str| {
            policy.access(&SendRequest { role, account: &naming.account, to: Destination::Queue(&queue) })
        };
        assert_eq!(access(&role().arn), Access::Allowed);
        assert!(matches!(access(&naming.converter_role_arn()), Access::Denied { .. }));
    }

    #[test]
    fn every_partition_has_its_own_names() {
        let naming = Naming::try_new("aws-cn", "cn-north-1", "111122223333", "").unwrap();
        let role = FanOutRole::try_new("arn:aws-cn:iam::111122223333:role/MarkFanOut-cn-north-1").unwrap();
        let statement = key_statement(&naming.queue("444455556666", "Events.fifo"), &role);
        assert_eq!(statement.principal, json!({ "AWS": "arn:aws-cn:iam::111122223333:root" }));
        let service = &statement.condition.unwrap()["StringEquals"]["kms:ViaService"];
        assert_eq!(service, "sqs.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn only_a_role_is_a_role() {
        for arn in [
            "",
            "arn:aws:iam::111122223333:user/Someone",
            "arn:aws:sqs:eu-west-2:111122223333:Events.fifo",
            "arn:aws:iam::111122223333",
            "*",
        ] {
            assert!(FanOutRole::try_new(arn).is_err(), "{arn}");
        }
    }
}
