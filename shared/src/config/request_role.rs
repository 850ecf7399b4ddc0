//! Which roles may ask for replays.

use std::borrow::Cow;
use std::collections::HashSet;

use super::REQUEST_ROLE_LIMIT;
use super::findings::Report;
use super::section::Value;
use crate::naming::RoleArn;

const REQUEST_ROLE: &str = "client.request_role";

/// The most characters of all roles together, with a comma between each two. The policy of the queue of requests has them
/// twice, besides their accounts, in at most 8,192 bytes (SQS quotas).
const LENGTH_LIMIT: usize = 2_500;

/// The roles so far, each once.
#[derive(Default)]
pub(super) struct RequestRoles {
    seen: HashSet<RoleArn>,
    length: usize,
}

impl RequestRoles {
    /// A client's role, if it names one; none at all if it is wrong, which is reported.
    pub(super) fn validate(
        &mut self,
        value: &Value<Cow<'_, str>>,
        report: &mut Report<'_>,
    ) -> Option<Option<RoleArn>> {
        let text = match value {
            Value::Absent => return Some(None),
            Value::Wrong => return None,
            Value::Is(text) => text,
        };
        let at = text.span().start;
        let role = RoleArn::try_new(text.get_ref());
        let role = role.map_err(|error| report.add(at, REQUEST_ROLE, error)).ok()?;
        if self.seen.insert(role.clone()) {
            self.add(text.get_ref().len(), at, report);
        }
        Some(Some(role))
    }

    /// Adds a role of so many characters; reports the first that is too much.
    fn add(&mut self, length: usize, at: usize, report: &mut Report<'_>) {
        if self.seen.len() == REQUEST_ROLE_LIMIT + 1 {
            let message = format_args!(
                "more than {REQUEST_ROLE_LIMIT} roles, which is all that a queue's policy holds; let clients of one account \
                 share a role"
            );
            report.add(at, REQUEST_ROLE, message);
        }
        let before = self.length;
        self.length += length + usize::from(before > 0);
        if before <= LENGTH_LIMIT && self.length > LENGTH_LIMIT {
            let message = format_args!(
                "all of these together are longer than the {LENGTH_LIMIT} characters that a queue's policy has room for; \
                 shorten names, or let clients of one account share a role"
            );
            report.add(at, REQUEST_ROLE, message);
        }
    }
}
