//! From what a body has to whether a pattern matches.
//!
//! No two fields may be satisfied in different elements of one array. A field that must be absent is judged last: in
//! the elements in which others are satisfied, and in all elements of an array in which none is.

use super::formula::Formula;
use super::observe::{Array, Observation, Scope};
use super::trie::Trie;

/// A formula over tests, and the lists of tests that make it hold.
#[derive(Clone, Debug)]
pub(super) struct CompiledPattern {
    pub(super) formula: Formula,
    pub(super) alternatives: Vec<Vec<usize>>,
}

/// A body, and the trie by which it was observed.
#[derive(Clone, Copy)]
pub(super) struct Decision<'a> {
    pub(super) trie: &'a Trie,
    pub(super) observation: &'a Observation,
}

/// A test on its way through the scopes.
#[derive(Clone, Copy)]
struct OpenTest {
    test: usize,
    node: usize,
    /// Whether it would be satisfied by absence.
    admits_absence: bool,
    /// Whether a value around satisfies it already. It may still choose an element.
    is_satisfied: bool,
}

/// How tests can be satisfied together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ways {
    /// Each by absence.
    by_absence: bool,
    /// At least one by a value.
    by_value: bool,
}

const NO_WAY: Ways = Ways { by_absence: false, by_value: false };

impl Decision<'_> {
    pub(super) fn matches(self, pattern: &CompiledPattern) -> bool {
        if !pattern.formula.holds(&|test| self.may_succeed(test)) {
            return false;
        }
        self.observation.is_flat() || pattern.alternatives.iter().any(|tests| self.are_consistent(tests))
    }

    /// Whether a test succeeds for itself. Exact if the observation is flat; else some that say so may not.
    pub(super) fn may_succeed(self, test: usize) -> bool {
        if self.observation.succeeds(test) {
            return true;
        }
        let Some(test) = self.trie.test(test) else {
            return false;
        };
        test.admits_absence && (!self.observation.is_flat() || !self.observation.is_present(test.node))
    }

    /// Whether all `tests` can be satisfied together.
    pub(super) fn are_consistent(self, tests: &[usize]) -> bool {
        if !tests.iter().all(|test| self.may_succeed(*test)) {
            return false;
        }
        let Some(body) = self.observation.scopes.first().filter(|_| !self.observation.is_flat()) else {
            return true;
        };
        let open = tests.iter().filter_map(|&place| {
            let test = self.trie.test(place)?;
            Some(OpenTest {
                test: place,
                node: test.node,
                admits_absence: test.admits_absence,
                is_satisfied: false,
            })
        });
        self.ways(body, open.collect()) != NO_WAY
    }

    /// How `tests` can be satisfied in `scope`, with at most one element of each array.
    ///
    /// The tests of different arrays of a scope are about different paths, so that each array is decided for itself:
    /// no element is looked at twice.
    fn ways(self, scope: &Scope, mut tests: Vec<OpenTest>) -> Ways {
        let mut ways = Ways { by_absence: true, by_value: false };
        for open in &mut tests {
            if scope.succeeds(open.test) {
                ways.by_value = true;
                ways.by_absence &= open.is_satisfied;
                open.is_satisfied = true;
            }
            open.admits_absence &= !scope.is_present(open.node);
        }
        for array in &scope.arrays {
            let (inside, outside) =
                tests.into_iter().partition::<Vec<_>, _>(|open| self.trie.is_within(open.node, array.node));
            tests = outside;
            if inside.is_empty() {
                continue;
            }
            let is_absent = |open: &OpenTest| open.admits_absence && !self.is_present_in(array, open.node);
            let by_absence = inside.iter().all(|open| open.is_satisfied || is_absent(open));
            let by_value = self.elements(array).any(|element| self.ways(element, inside.clone()).by_value);
            if !by_absence && !by_value {
                return NO_WAY;
            }
            ways.by_absence &= by_absence;
            ways.by_value |= by_value;
        }
        if tests.iter().all(|open| open.is_satisfied || open.admits_absence) { ways } else { NO_WAY }
    }

    fn is_present_in(self, array: &Array, node: usize) -> bool {
        self.elements(array).any(|element| {
            element.is_present(node) || element.arrays.iter().any(|array| self.is_present_in(array, node))
        })
    }

    fn elements<'a>(self, array: &'a Array) -> impl Iterator<Item = &'a Scope>
    where
        Self: 'a,
    {
        array.elements.iter().filter_map(move |element| self.observation.scopes.get(*element))
    }
}
