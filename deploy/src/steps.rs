//! In which steps a stack gets other clients.
//!
//! CloudFormation updates a function and a new queue at the same time: new code would meet a queue that isn't there yet,
//! or that its role may not send to. And a role loses a right before the code that has it is replaced. Either way the
//! fan-out would be refused, and return messages of every client's groups.

use std::fmt;

use crate::clients::ClientLists;

/// One update of the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is for.
    pub purpose: Purpose,
    /// The clients' queues after it.
    pub clients: ClientLists,
}

/// What an update of the stack is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Queues that the new code sends to, and the right to; template, code and settings stay.
    Queues,
    /// All the rest; what the code before needed stays.
    Everything,
    /// What no code needs any more goes.
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

/// The updates that bring a stack to the clients that are `wanted`, in order. `deployed` are those that it has; none: it
/// is new.
pub fn steps(deployed: Option<&ClientLists>, wanted: &ClientLists) -> Vec<Step> {
    let Some(deployed) = deployed else {
        return vec![Step { purpose: Purpose::Everything, clients: wanted.clone() }];
    };
    let mut steps = Vec::new();
    let both = deployed.union(wanted);
    if both != *deployed {
        steps.push(Step { purpose: Purpose::Queues, clients: both.clone() });
    }
    // A role is updated before the code that has it: the right to send to an existing queue outlives the code that does.
    // What a stack made itself CloudFormation takes away after everything else anyway.
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

    /// Names, those of existing queues with a star.
    fn lists(text: &str) -> ClientLists {
        let (existing, own): (Vec<&str>, Vec<&str>) =
            text.split_whitespace().partition(|name| name.ends_with('*'));
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        ClientLists { own: owned(own), existing: owned(existing) }
    }

    fn check(deployed: Option<&str>, wanted: &str, expected: &[&str]) {
        let found = steps(deployed.map(lists).as_ref(), &lists(wanted));
        let told = found.iter().map(|step| {
            let names = [step.clients.own.as_slice(), &step.clients.existing].concat().join(" ");
            format!("{:?}: {names}", step.purpose)
        });
        assert_eq!(told.collect::<Vec<_>>(), expected, "{deployed:?} → {wanted}");
    }

    #[test]
    fn a_new_stack_is_made_at_once() {
        check(None, "A B*", &["Everything: A B*"]);
    }

    #[test]
    fn without_another_queue_one_update_does() {
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
    fn a_queue_stays_until_the_code_that_sends_to_it_has_gone() {
        check(Some("A B"), "C A", &["Queues: A B C", "Everything: C A"]);
        check(Some("A"), "A*", &["Queues: A A*", "Everything: A*"]);
        check(Some("A B* C*"), "A C*", &["Everything: A B* C*", "Rights: A C*"]);
        check(Some("A* B"), "A B", &["Queues: B A A*", "Everything: A B A*", "Rights: A B"]);
    }
}
