//! What two push clients can't share, and for how many of them a stack has room.

use super::lists::PushLists;
use super::{Push, PushTarget, S3Target};
use crate::config::findings::{Report, whose};
use crate::config::{ClientName, PARAMETER_LIMIT};
use crate::naming::Naming;
use crate::quoted::quoted;

/// The longest of the partitions' names, for where the stack's is not known.
const LONGEST_PARTITION: &str = "aws-us-gov";

/// The targets so far.
pub(in crate::config) struct Targets {
    partition: String,
    lists: PushLists,
    /// Each target, and where it stands.
    seen: Vec<(PushTarget, usize)>,
}

impl Targets {
    pub(in crate::config) fn new(naming: Option<&Naming>) -> Self {
        let partition = naming.map_or(LONGEST_PARTITION, |naming| &naming.partition).to_owned();
        Self { partition, lists: PushLists::default(), seen: Vec::new() }
    }

    /// Adds the target of a client, which stands at `at`; reports what is wrong about it beside the others.
    pub(in crate::config) fn add(
        &mut self,
        name: &ClientName,
        push: &Push,
        at: usize,
        report: &mut Report<'_>,
    ) {
        let whose = whose(Some(name));
        let clash =
            self.seen.iter().find_map(|(other, other_at)| Some((clash(&push.target, other)?, *other_at)));
        if let Some((clash, other_at)) = clash {
            let key = format!("client.push.{}", push.target.kind());
            let line = report.line(other_at);
            match clash {
                Clash::Same => report.add(
                    at,
                    key,
                    format_args!(
                        "{whose}is the target in line {line}, which would take one client's events for repetitions of the other's; \
                         give each client its own, or one of them a filter for both"
                    ),
                ),
                Clash::Overlap(bucket) => report.add(
                    at,
                    key,
                    format_args!(
                        "{whose}has objects of {} among those of line {line}, where the erasure of an aggregate could delete them; \
                         choose prefixes of which none lies in the other",
                        quoted(bucket)
                    ),
                ),
            }
        }
        self.seen.push((push.target.clone(), at));

        let before = self.lists.clone();
        self.lists.add(push, &self.partition);
        let fit_parameters =
            self.lists.by_key().into_iter().all(|(_, after)| joined(after) <= PARAMETER_LIMIT);
        for (before, after) in before.by_policy().into_iter().zip(self.lists.by_policy()) {
            let [before, after] = [before, after].map(|lists| lists.into_iter().map(joined).sum::<usize>());
            if fit_parameters && before <= PARAMETER_LIMIT && after > PARAMETER_LIMIT {
                let message = format_args!(
                    "{whose}the targets of all clients, or their secrets, have ARNs of more than {PARAMETER_LIMIT} characters \
                     together, and no policy for those who check them holds that; shorten names, or register the others in \
                     another stack"
                );
                report.add(at, "client.push", message);
            }
        }
        for ((_, before), (key, after)) in before.by_key().into_iter().zip(self.lists.by_key()) {
            if joined(before) <= PARAMETER_LIMIT && joined(after) > PARAMETER_LIMIT {
                let message = format_args!(
                    "{whose}all of these together are longer than the {PARAMETER_LIMIT} characters that a stack's parameter holds; \
                     shorten names, or register the others in another stack"
                );
                report.add(at, key, message);
            }
        }
    }
}

/// The length of a parameter's value. The policy that names the same ARNs takes a third more (IAM quotas).
fn joined(list: &[String]) -> usize {
    list.iter().map(|item| item.len() + 1).sum::<usize>().saturating_sub(1)
}

/// Why two clients can't have their targets.
enum Clash<'t> {
    /// It is the same one.
    Same,
    /// One's objects are among the other's, in this bucket.
    Overlap(&'t str),
}

fn clash<'t>(target: &'t PushTarget, other: &PushTarget) -> Option<Clash<'t>> {
    use PushTarget::{EventBridge, Kinesis, Lambda, S3, Sns, Webhook};
    let is_same = match (target, other) {
        (Webhook(target), Webhook(other)) => target.url == other.url,
        (Lambda(target), Lambda(other)) => target.function == other.function,
        (Sns(target), Sns(other)) => target.topic == other.topic,
        // Rules tell the events of a bus apart.
        (EventBridge(target), EventBridge(other)) => target == other,
        (Kinesis(target), Kinesis(other)) => target.stream == other.stream,
        (S3(target), S3(other)) => return overlap(target, other),
        _ => false,
    };
    is_same.then_some(Clash::Same)
}

fn overlap<'t>(target: &'t S3Target, other: &S3Target) -> Option<Clash<'t>> {
    let is_in = |inner: &str, outer: &str| {
        outer.is_empty()
            || inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let overlap = is_in(&target.prefix, &other.prefix) || is_in(&other.prefix, &target.prefix);
    (target.bucket == other.bucket && overlap).then_some(Clash::Overlap(&target.bucket))
}
