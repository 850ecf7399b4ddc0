//! Where the pipeline runs, and the names and addresses of its queues that follow from that.

use std::fmt;

use crate::config::{Client, ClientQueue};

/// Where a stack runs: all that its queues' addresses depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `aws`, `aws-cn`, `aws-us-gov`, ….
    pub partition: String,
    /// `eu-west-2`, ….
    pub region: String,
    /// The stack's account, twelve digits.
    pub account: String,
    /// What all names of the stack begin with, so that several stages live in one account. May be empty.
    pub prefix: String,
}

/// One of the stack's own queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnQueue {
    /// From the converter to the fan-out.
    FanOut,
    /// Letters about records that can never be converted or sent.
    Rejected,
    /// Messages that one client could not take.
    Undelivered,
    /// Messages that the fan-out cannot process at all.
    DeadLetter,
}

/// The URL of a queue, as `QueueUrl` wants it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueueUrl(String);

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

impl Place {
    /// The URL of one of the stack's own queues.
    pub fn own_queue(&self, queue: OwnQueue) -> QueueUrl {
        self.url(&self.account, &self.own_queue_name(queue))
    }

    /// The URL of a client's queue, computed without a call.
    pub fn client_queue(&self, client: &Client) -> QueueUrl {
        match &client.queue {
            ClientQueue::Own => self.url(&self.account, &self.client_queue_name(client.name.as_str())),
            ClientQueue::Existing(arn) => self.url(&arn.account, &arn.name),
        }
    }

    /// The name of one of the stack's own queues.
    pub fn own_queue_name(&self, queue: OwnQueue) -> String {
        let name = match queue {
            OwnQueue::FanOut => "Queue",
            OwnQueue::Rejected => "Rejected",
            OwnQueue::Undelivered => "Undelivered",
            OwnQueue::DeadLetter => "DeadLetter",
        };
        format!("{}MarkFanOut{name}.fifo", self.prefix)
    }

    /// The name of the queue that the stack makes for the client called `name`. `Client` keeps it apart from
    /// the stack's own queues whatever the name.
    pub fn client_queue_name(&self, name: &str) -> String {
        format!("{}MarkFanOutClient{name}.fifo", self.prefix)
    }

    fn url(&self, account: &str, name: &str) -> QueueUrl {
        // AWS General Reference, "Amazon SQS endpoints": the partitions differ in their DNS suffix.
        let suffix = match self.partition.as_str() {
            "aws-cn" => "amazonaws.com.cn",
            "aws-iso" => "c2s.ic.gov",
            "aws-iso-b" => "sc2s.sgov.gov",
            "aws-eusc" => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        QueueUrl(format!("https://sqs.{}.{suffix}/{account}/{name}", self.region))
    }
}
