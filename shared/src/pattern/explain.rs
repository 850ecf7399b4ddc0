//! Why a pattern does not match: the fields that said no. For people, so that it may take its time.
//!
//! It names paths, and holds nothing of the body.

use std::fmt;

use super::decide::{CompiledPattern, Decision};
use super::formula::Formula;
use super::trie::Test;
use crate::path::Path;

/// A field that said no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The field's path.
    pub path: Path,
    /// What is wrong with the body there.
    pub reason: RefusalReason,
}

/// What is wrong with a body at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// Nothing is there, or only an object, and the pattern wants a value.
    Absent,
    /// Something is there, and the pattern wants nothing.
    Present,
    /// No value there is one that the pattern wants.
    OtherValue,
    /// There is such a value, but in another element of an array than those of the fields before.
    OtherElement,
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Absent => "is not there",
            Self::Present => "is there, and must not be",
            Self::OtherValue => "has another value",
            Self::OtherElement => "has the value in another element of the array than the fields before",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` {}", crate::quoted::printable(&self.path.to_string()), self.reason)
    }
}

/// The fields of `pattern` that say no; none if it matches.
pub(super) fn refusals(decision: Decision<'_>, pattern: &CompiledPattern) -> Vec<Refusal> {
    if decision.matches(pattern) {
        return Vec::new();
    }
    let mut refused = Vec::new();
    collect(decision, &pattern.formula, &mut refused);
    if refused.is_empty() {
        // Each field is satisfied for itself, in one branch at least.
        refused.extend(pattern.alternatives.iter().filter_map(|tests| first_inconsistent(decision, tests)));
    }
    let mut refusals = Vec::new();
    for test in refused {
        let refusal = refusal(decision, test);
        refusals.extend(refusal.filter(|refusal| !refusals.contains(refusal)));
    }
    refusals
}

/// Adds the tests by which `formula` fails.
fn collect(decision: Decision<'_>, formula: &Formula, refused: &mut Vec<usize>) {
    match formula {
        Formula::One(test) => refused.extend(Some(*test).filter(|test| !decision.are_consistent(&[*test]))),
        Formula::All(parts) => {
            let before = refused.len();
            for part in parts {
                collect(decision, part, refused);
                if refused.len() > before {
                    break;
                }
            }
        }
        Formula::Any(parts) => {
            let before = refused.len();
            for part in parts {
                let so_far = refused.len();
                collect(decision, part, refused);
                if refused.len() == so_far {
                    refused.truncate(before);
                    break;
                }
            }
        }
    }
}

/// The first of `tests` that cannot be satisfied together with those before it.
fn first_inconsistent(decision: Decision<'_>, tests: &[usize]) -> Option<usize> {
    let mut so_far = Vec::with_capacity(tests.len());
    tests.iter().copied().find(|test| {
        so_far.push(*test);
        !decision.are_consistent(&so_far)
    })
}

fn refusal(decision: Decision<'_>, test: usize) -> Option<Refusal> {
    let Decision { trie, observation } = decision;
    let Test { node, admits_presence, .. } = *trie.test(test)?;
    let reason = if !observation.is_present(node) {
        RefusalReason::Absent
    } else if !admits_presence {
        RefusalReason::Present
    } else if observation.succeeds(test) {
        RefusalReason::OtherElement
    } else {
        RefusalReason::OtherValue
    };
    Some(Refusal { path: trie.path(node), reason })
}
