//! In what a queue differs from the one that the stack makes.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use shared::text::printable;

use crate::access::Policy;

/// The attribute whose text can differ while it says the same.
pub(super) const POLICY: &str = "Policy";

/// The attribute that a team may raise.
const VISIBILITY_TIMEOUT: &str = "VisibilityTimeout";

/// What a queue of the stack's has without a word of the template: with another value, events are held back, or taken out
/// of their order.
const UNNAMED: [(&str, &str); 2] = [("DelaySeconds", "0"), ("RedrivePolicy", "")];

/// The attributes of a queue's encryption: with a key, `SqsManagedSseEnabled` is false.
const KEY: &str = "KmsMasterKeyId";
const ENCRYPTION: [&str; 2] = [KEY, "SqsManagedSseEnabled"];

/// An attribute of a queue that is not as the stack makes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    /// SQS's name for it.
    attribute: String,
    /// Its value; empty if it has none.
    was: String,
    /// The value that the stack gives it.
    is: String,
}

/// The attributes of `found` that are not as `wanted`, and that `check` does not accept either; others are their team's.
pub(super) fn differences(
    found: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
) -> Vec<Difference> {
    let has_key = found.get(KEY).is_some_and(|key| !key.is_empty());
    let unnamed = UNNAMED.iter().filter(|(name, _)| !wanted.contains_key(*name));
    let unnamed = unnamed.map(|(name, value)| (*name, *value));
    let wanted = wanted.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(unnamed);
    let differing = wanted.filter_map(|(name, is)| {
        let was = found.get(name).map_or("", String::as_str);
        let is_accepted = was == is
            || (was.is_empty() && is == "0")
            || (name == POLICY && is_same_policy(was, is))
            || (name == VISIBILITY_TIMEOUT && is_enough(was, is))
            || (has_key && ENCRYPTION.contains(&name));
        let (attribute, was, is) = (name.to_owned(), was.to_owned(), is.to_owned());
        (!is_accepted).then_some(Difference { attribute, was, is })
    });
    differing.collect()
}

impl Difference {
    /// The attribute as the stack makes it.
    pub(super) fn attribute(&self) -> (String, String) {
        (self.attribute.clone(), self.is.clone())
    }
}

/// The attribute and both values, as people read them: of a policy, the names of its statements.
impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |text: &str| match text {
            "" => "none".to_owned(),
            _ if self.attribute == POLICY => statements(text),
            _ => printable(text),
        };
        let (was, is) = (value(&self.was), value(&self.is));
        let was = if was == is { format!("{was}, of another text") } else { was };
        write!(formatter, "{}: {was} → {is}", self.attribute)
    }
}

/// Whether a slow consumer's team may have raised it.
fn is_enough(was: &str, is: &str) -> bool {
    match (was.parse::<u64>(), is.parse::<u64>()) {
        (Ok(was), Ok(is)) => was >= is,
        _ => false,
    }
}

/// Whether two policies say the same.
fn is_same_policy(one: &str, other: &str) -> bool {
    match (Policy::try_new(one), Policy::try_new(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

fn statements(policy: &str) -> String {
    Policy::try_new(policy)
        .map_or_else(|_| "no readable policy".to_owned(), |policy| printable(&policy.names().join(", ")))
}
