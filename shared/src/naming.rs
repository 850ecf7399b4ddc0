//! Where the pipeline runs, and the names and addresses of its queues that follow from that.

mod parts;
mod queue_arn;
mod role_arn;

use std::fmt;

pub use self::parts::InvalidNaming;
pub(crate) use self::parts::{check_account, check_partition, check_prefix, check_region};
pub use self::queue_arn::{InvalidQueueArn, QueueArn};
pub use self::role_arn::{InvalidRoleArn, RoleArn};

/// Where a stack runs: all that its queues' addresses depend on. [`Naming::try_new`] checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// `aws`, `aws-cn`, `aws-us-gov`, ….
    pub partition: String,
    /// `eu-west-2`, ….
    pub region: String,
    /// The stack's account, twelve digits.
    pub account: String,
    /// What all names of the stack begin with, so that several stages live in one account: up to 16 letters,
    /// digits and hyphens. May be empty.
    pub prefix: String,
}

/// One of the stack's own queues. Printed, it is what the documentation calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnQueue {
    /// From the converter to the fan-out.
    FanOut,
    /// Rejections about what can never be converted, processed or sent.
    Rejected,
    /// What consumers ask for: replays, each for its own client.
    Requests,
}

/// The URL of a queue, as `QueueUrl` wants it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueueUrl(String);

impl Naming {
    /// The place whose parts have the form they must have.
    ///
    /// # Errors
    ///
    /// [`InvalidNaming`]: the first part that is wrong.
    pub fn try_new(
        partition: &str,
        region: &str,
        account: &str,
        prefix: &str,
    ) -> Result<Self, InvalidNaming> {
        check_partition(partition)?;
        check_region(region)?;
        check_account(account)?;
        check_prefix(prefix)?;
        let [partition, region, account, prefix] = [partition, region, account, prefix].map(str::to_owned);
        Ok(Self { partition, region, account, prefix })
    }

    /// The URL of one of the stack's own queues.
    pub fn own_queue(&self, queue: OwnQueue) -> QueueUrl {
        self.queue(&self.account, &self.own_queue_name(queue))
    }

    /// The URL of the queue that the stack makes for the client called `name`.
    pub fn client_queue(&self, name: &str) -> QueueUrl {
        self.queue(&self.account, &self.client_queue_name(name))
    }

    /// The name of one of the stack's own queues.
    pub fn own_queue_name(&self, queue: OwnQueue) -> String {
        format!("{}{}", self.prefix, queue.base_name())
    }

    /// The name of the queue that the stack makes for the client called `name`.
    pub fn client_queue_name(&self, name: &str) -> String {
        format!("{}{}", self.prefix, client_base_name(name))
    }

    /// What the name of every queue that the stack makes for a client begins with, and none of its own does.
    pub fn client_queue_prefix(&self) -> String {
        format!("{}{CLIENT}", self.prefix)
    }

    /// The ARN of one of the stack's own queues.
    pub fn own_queue_arn(&self, queue: OwnQueue) -> QueueArn {
        self.queue_arn(self.own_queue_name(queue))
    }

    /// The ARN of the queue that the stack makes for the client called `name`.
    pub fn client_queue_arn(&self, name: &str) -> QueueArn {
        self.queue_arn(self.client_queue_name(name))
    }

    /// The ARN of the role that sends to clients' queues. It is the same when the role is made anew.
    pub fn fan_out_role_arn(&self) -> String {
        self.role_arn("MarkFanOut")
    }

    /// The ARN of the role that sends to the fan-out queue and the rejected queue.
    pub fn converter_role_arn(&self) -> String {
        self.role_arn("MarkFanOutConverter")
    }

    /// The ARN of the role that delivers to push clients' targets in AWS.
    pub fn push_aws_role_arn(&self) -> String {
        self.role_arn("MarkFanOutPushAws")
    }

    /// The ARN of the queue called `name` of the stack's account.
    pub fn queue_arn(&self, name: String) -> QueueArn {
        let Self { partition, region, account, prefix: _ } = self.clone();
        QueueArn { partition, region, account, name }
    }

    /// Roles are the same in all regions of an account: hence the region in the name.
    fn role_arn(&self, base_name: &str) -> String {
        let Self { partition, region, account, prefix } = self;
        format!("arn:{partition}:iam::{account}:role/{prefix}{base_name}-{region}")
    }

    /// The URL of the queue called `name` of `account`, in the stack's region.
    pub fn queue(&self, account: &str, name: &str) -> QueueUrl {
        QueueUrl(format!("https://sqs.{}.{}/{account}/{name}", self.region, self.dns_suffix()))
    }

    /// What the names of AWS's services end in, in the stack's partition.
    pub fn dns_suffix(&self) -> &'static str {
        parts::dns_suffix(&self.partition)
    }
}

impl OwnQueue {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::FanOut, Self::Rejected, Self::Requests];

    /// The queue's name in a stack without a prefix.
    pub(crate) fn base_name(self) -> &'static str {
        match self {
            OwnQueue::FanOut => "MarkFanOutQueue.fifo",
            OwnQueue::Rejected => "MarkFanOutRejected.fifo",
            OwnQueue::Requests => "MarkFanOutRequests.fifo",
        }
    }
}

impl fmt::Display for OwnQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            OwnQueue::FanOut => "fan-out queue",
            OwnQueue::Rejected => "rejected queue",
            OwnQueue::Requests => "requests queue",
        })
    }
}

impl QueueUrl {
    /// The URL as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

const CLIENT: &str = "MarkFanOutClient";

/// The name, in a stack without a prefix, of the queue of the client called `name`. `Client` keeps it apart from
/// the stack's own queues whatever the name.
pub(crate) fn client_base_name(name: &str) -> String {
    format!("{CLIENT}{name}.fifo")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{Client, ClientName, ClientQueue, ClientView};

    fn client(name: &str, queue: ClientQueue) -> Client {
        Client {
            name: ClientName::try_new(name).unwrap(),
            queue,
            history: false,
            erasures: false,
            filter: None,
            view: ClientView::default(),
            request_role: None,
            push: None,
        }
    }

    #[test]
    fn urls_follow_from_the_place() {
        let check = |partition, region, url: &str| {
            let naming = Naming::try_new(partition, region, "111122223333", "test-").unwrap();
            assert_eq!(
                naming.own_queue(OwnQueue::FanOut).as_str(),
                format!("{url}/111122223333/test-MarkFanOutQueue.fifo")
            );
            assert_eq!(
                naming.own_queue_arn(OwnQueue::FanOut).to_string(),
                format!("arn:{partition}:sqs:{region}:111122223333:test-MarkFanOutQueue.fifo"),
            );
            assert_eq!(
                naming.client_queue_arn("Billing").to_string(),
                format!("arn:{partition}:sqs:{region}:111122223333:test-MarkFanOutClientBilling.fifo"),
            );
            assert_eq!(
                client("Billing", ClientQueue::Own).queue_url(&naming).as_str(),
                format!("{url}/111122223333/test-MarkFanOutClientBilling.fifo"),
            );
            let arn = format!("arn:{partition}:sqs:{region}:444455556666:Events.fifo");
            let existing = ClientQueue::Existing(QueueArn::try_new(&arn).unwrap());
            assert_eq!(
                client("Billing", existing).queue_url(&naming).to_string(),
                format!("{url}/444455556666/Events.fifo"),
            );
        };
        check("aws", "eu-west-2", "https://sqs.eu-west-2.amazonaws.com");
        check("aws-cn", "cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn");
        check("aws-eusc", "eusc-de-east-1", "https://sqs.eusc-de-east-1.amazonaws.eu");
        check("aws-iso", "us-iso-east-1", "https://sqs.us-iso-east-1.c2s.ic.gov");
        check("aws-iso-b", "us-isob-east-1", "https://sqs.us-isob-east-1.sc2s.sgov.gov");
        check("aws-iso-e", "eu-isoe-west-1", "https://sqs.eu-isoe-west-1.cloud.adc-e.uk");
        check("aws-iso-f", "us-isof-south-1", "https://sqs.us-isof-south-1.csp.hci.ic.gov");
        check("aws-us-gov", "us-gov-west-1", "https://sqs.us-gov-west-1.amazonaws.com");
    }

    #[test]
    fn own_queues_have_the_names_that_operators_know() {
        let naming = Naming::try_new("aws", "eu-west-2", "111122223333", "").unwrap();
        let names = OwnQueue::ALL.map(|queue| (queue.to_string(), naming.own_queue_name(queue)));
        let expected = [
            ("fan-out queue", "MarkFanOutQueue.fifo"),
            ("rejected queue", "MarkFanOutRejected.fifo"),
            ("requests queue", "MarkFanOutRequests.fifo"),
        ];
        assert_eq!(names, expected.map(|(words, name)| (words.to_owned(), name.to_owned())));
    }

    #[test]
    fn roles_have_arns_that_owners_of_queues_can_write_down() {
        let check = |partition, region, prefix, fan_out: &str, converter: &str| {
            let naming = Naming::try_new(partition, region, "111122223333", prefix).unwrap();
            assert_eq!(naming.fan_out_role_arn(), fan_out);
            assert_eq!(naming.converter_role_arn(), converter);
        };
        check(
            "aws",
            "eu-west-2",
            "",
            "arn:aws:iam::111122223333:role/MarkFanOut-eu-west-2",
            "arn:aws:iam::111122223333:role/MarkFanOutConverter-eu-west-2",
        );
        check(
            "aws-us-gov",
            "us-gov-west-1",
            "test-",
            "arn:aws-us-gov:iam::111122223333:role/test-MarkFanOut-us-gov-west-1",
            "arn:aws-us-gov:iam::111122223333:role/test-MarkFanOutConverter-us-gov-west-1",
        );
    }

    #[test]
    fn a_place_has_the_form_it_must_have() {
        let check = |[partition, region, account, prefix]: [&str; 4], expected: &str| {
            let error = Naming::try_new(partition, region, account, prefix).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        let known =
            "`aws`, `aws-cn`, `aws-eusc`, `aws-iso`, `aws-iso-b`, `aws-iso-e`, `aws-iso-f`, `aws-us-gov`";
        let unknown = format!("partition `AWS` is unknown; known are {known}");
        check(["AWS", "eu-west-2", "111122223333", ""], &unknown);
        for region in
            ["", "eu-west", "eu-west-", "west-2", "EU-west-2", "eu--west-2", "eu-west-2 ", "eu.west-2"]
        {
            let message = format!("`{region}` is not a region; write its code, as in `eu-west-2`");
            check(["aws", region, "111122223333", ""], &message);
        }
        for account in ["", "11112222333", "1111222233334", "11112222333x", "１11122223333"] {
            let message = format!("`{account}` is not an account; write its twelve digits");
            check(["aws", "eu-west-2", account, ""], &message);
        }
        for prefix in ["test_", "test.", "ë", "seventeen-letters"] {
            let message =
                format!("`{prefix}` is not a prefix; use up to 16 letters, digits and hyphens, or none");
            check(["aws", "eu-west-2", "111122223333", prefix], &message);
        }
        check(
            ["aws", "eu-west-2", "111122223333", "a\n"],
            "`a\\n` is not a prefix; use up to 16 letters, digits and hyphens, or none",
        );
    }

    proptest! {
        #[test]
        fn a_clients_queue_has_a_legal_name_that_no_other_queue_has(
            prefix in "[A-Za-z0-9-]{0,16}",
            name in prop_oneof!["[A-Za-z][A-Za-z0-9]{0,39}", "[A-Za-z][A-Za-z0-9]{39}"],
            other in "[A-Za-z][A-Za-z0-9]{0,39}",
        ) {
            let naming = Naming::try_new("aws", "eu-west-2", "111122223333", &prefix).unwrap();
            let own = naming.client_queue_name(ClientName::try_new(&name).unwrap().as_str());
            for queue in OwnQueue::ALL {
                prop_assert_ne!(&own, &naming.own_queue_name(queue));
                prop_assert!(!naming.own_queue_name(queue).starts_with(&naming.client_queue_prefix()));
            }
            prop_assert!(own.starts_with(&naming.client_queue_prefix()));
            prop_assert_eq!(own == naming.client_queue_name(&other), name == other);
            let arn = QueueArn::try_new(&format!("arn:aws:sqs:eu-west-2:111122223333:{own}"));
            prop_assert_eq!(arn.map(|arn| arn.name), Ok(own));
        }
    }
}
