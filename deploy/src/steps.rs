//! The steps in which a stack gets other clients.
//!
//! CloudFormation updates a function and a new queue at the same time: new code would send to a queue that doesn't
//! exist yet, or that its role may not send to. And a role loses a right before the code that needs it is replaced.
//! Either way the fan-out would be refused, and return messages of every client's groups.

use std::fmt;

use crate::clients::ClientLists;

/// One update of the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The purpose of the update.
    pub purpose: Purpose,
    /// The clients' queues after the update.
    pub clients: ClientLists,
}

/// The purpose of an update of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Makes the queues that the new code sends to, and gives it the right to send; template, code and settings stay.
    Queues,
    /// Changes all the rest, but keeps the rights that the old code needed.
    Everything,
    /// Removes the rights that no code needs any more.
    Rights,
}

impl fmt::Display for Purpose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Queues => "the new queues, while the code that runs stays",
            Self::Everything => "code, settings and queues",
            Self::Rights => "without the rights that only the code before needed",
        })
    }
}

/// The updates, in order, after which a stack has the clients that are `wanted`. `deployed` are those that it has; none
/// if it is new.
pub fn steps(deployed: Option<&ClientLists>, wanted: &ClientLists) -> Vec<Step> {
    let Some(deployed) = deployed else {
        return vec![Step { purpose: Purpose::Everything, clients: wanted.clone() }];
    };
    let mut steps = Vec::new();
    let both = deployed.union(wanted);
    if both != *deployed {
        steps.push(Step { purpose: Purpose::Queues, clients: both.clone() });
    }
    // A role is updated before its code, so that the right to send to an existing queue must outlive the old code.
    // Queues of the stack's own CloudFormation removes after everything else anyway.
    let is_left = deployed.existing.iter().any(|queue| !wanted.existing.contains(queue));
    let existing = if is_left { both.existing } else { wanted.existing.clone() };
    let clients = ClientLists { own: wanted.own.clone(), existing };
    steps.push(Step { purpose: Purpose::Everything, clients });
    if is_left {
        steps.push(Step { purpose: Purpose::Rights, clients: wanted.clone() });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The clients of these names, with a star for an existing queue.
    fn lists(text: &str) -> ClientLists {
        let (existing, own): (Vec<&str>, Vec<&str>) =
            text.split_whitespace().partition(|name| name.ends_with('*'));
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        ClientLists { own: owned(own), existing: owned(existing) }
    }

    fn check(deployed: Option<&str>, wanted: &str, expected: &[&str]) {
        let found = steps(deployed.map(lists).as_ref(), &lists(wanted));
        let texts = found.iter().map(|step| {
            let names = [step.clients.own.as_slice(), &step.clients.existing].concat().join(" ");
            format!("{:?}: {names}", step.purpose)
        });
        assert_eq!(texts.collect::<Vec<_>>(), expected, "{deployed:?} → {wanted}");
    }

    #[test]
    fn a_new_stack_takes_one_update() {
        check(None, "A B*", &["Everything: A B*"]);
    }

    #[test]
    fn without_another_queue_one_update_is_enough() {
        check(Some("A B*"), "A B*", &["Everything: A B*"]);
        check(Some("A B"), "B A", &["Everything: B A"]);
        check(Some("A B C* D*"), "A D* C*", &["Everything: A D* C*"]);
    }

    #[test]
    fn a_new_queue_is_there_before_the_code_that_sends_to_it() {
        check(Some("A"), "A B", &["Queues: A B", "Everything: A B"]);
        check(Some("A"), "A B*", &["Queues: A B*", "Everything: A B*"]);
        check(Some(""), "A", &["Queues: A", "Everything: A"]);
    }

    #[test]
    fn a_queue_stays_until_the_code_that_sends_to_it_is_gone() {
        check(Some("A B"), "C A", &["Queues: A B C", "Everything: C A"]);
        check(Some("A"), "A*", &["Queues: A A*", "Everything: A*"]);
        check(Some("A B* C*"), "A C*", &["Everything: A B* C*", "Rights: A C*"]);
        check(Some("A* B"), "A B", &["Queues: B A A*", "Everything: A B A*", "Rights: A B"]);
    }
}
