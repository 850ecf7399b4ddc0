//! Many patterns, one look at the body.
//!
//! Prepared once, at cold start; what patterns have in common is looked at once.

use super::Pattern;
use super::decide::{CompiledPattern, Decision};
use super::explain::{Refusal, refusals};
use super::json::BodyError;
use super::observe::observe;
use super::subject::Subject;
use super::trie::Trie;
use crate::path::Path;

/// Patterns, each with an id of the caller's.
#[derive(Clone, Debug)]
pub struct PatternSet<I> {
    trie: Trie,
    patterns: Vec<(I, CompiledPattern)>,
}

impl<I> PatternSet<I> {
    /// Prepares `patterns`. An id may occur more than once.
    pub fn new<'p>(patterns: impl IntoIterator<Item = (I, &'p Pattern)>) -> Self {
        let mut trie = Trie::new();
        let patterns = patterns.into_iter().map(|(id, pattern)| {
            let tests: Vec<usize> = pattern.fields.iter().map(|field| trie.add(field)).collect();
            let formula =
                pattern.formula.mapped(&mut |field| tests.get(field).copied().unwrap_or(usize::MAX));
            let alternatives = formula.alternatives();
            (id, CompiledPattern { formula, alternatives })
        });
        let patterns = patterns.collect();
        Self { trie, patterns }
    }

    /// The ids of the patterns that match, in the order in which they were given. A body is a JSON object.
    ///
    /// Reads the body once, from end to end, whatever the patterns are. Of a name that an object has twice, the first
    /// counts.
    ///
    /// # Errors
    ///
    /// [`BodyError`] if the body is not a JSON object, or too deep; it is the same for every set.
    pub fn matches<'s>(&self, subject: impl Into<Subject<'s>>) -> Result<Vec<&I>, BodyError> {
        let mut matching = Vec::new();
        self.for_each_match(subject, |id| matching.push(id))?;
        Ok(matching)
    }

    /// Calls `found` with each id of [`matches`](Self::matches).
    ///
    /// # Errors
    ///
    /// As for [`matches`](Self::matches); then there was no call.
    pub fn for_each_match<'i, 's>(
        &'i self,
        subject: impl Into<Subject<'s>>,
        mut found: impl FnMut(&'i I),
    ) -> Result<(), BodyError> {
        let observation = observe(&self.trie, subject.into())?;
        let decision = Decision { trie: &self.trie, observation: &observation };
        for (id, pattern) in &self.patterns {
            if decision.matches(pattern) {
                found(id);
            }
        }
        Ok(())
    }

    /// Which field of the first pattern with this id says no, as [`Pattern::explain`] does. Empty if the pattern
    /// matches, and if there is none.
    ///
    /// # Errors
    ///
    /// As for [`matches`](Self::matches).
    pub fn explain<'s>(&self, id: &I, subject: impl Into<Subject<'s>>) -> Result<Vec<Refusal>, BodyError>
    where
        I: PartialEq,
    {
        let observation = observe(&self.trie, subject.into())?;
        let decision = Decision { trie: &self.trie, observation: &observation };
        let pattern = self.patterns.iter().find(|(known, _)| known == id);
        Ok(pattern.map_or_else(Vec::new, |(_, pattern)| refusals(decision, pattern)))
    }

    /// The paths that the patterns name, each once, sorted.
    pub fn paths(&self) -> Vec<Path> {
        self.trie.tested().into_iter().map(|node| self.trie.path(node)).collect()
    }

    /// For each of [`paths`](Self::paths), whether a value is there that is neither an object nor an array.
    ///
    /// # Errors
    ///
    /// As for [`matches`](Self::matches).
    pub fn present_paths<'s>(&self, subject: impl Into<Subject<'s>>) -> Result<Vec<bool>, BodyError> {
        let observation = observe(&self.trie, subject.into())?;
        Ok(self.trie.tested().into_iter().map(|node| observation.is_present(node)).collect())
    }
}

impl Pattern {
    /// Whether the pattern matches. For more than one body, or pattern, prepare a [`PatternSet`].
    ///
    /// # Errors
    ///
    /// As for [`PatternSet::matches`].
    pub fn matches<'s>(&self, subject: impl Into<Subject<'s>>) -> Result<bool, BodyError> {
        Ok(!PatternSet::new([((), self)]).matches(subject)?.is_empty())
    }

    /// Which field says no: the first of the pattern; of an `$or`, the first of each branch. Empty if the pattern
    /// matches.
    ///
    /// # Errors
    ///
    /// As for [`PatternSet::matches`].
    pub fn explain<'s>(&self, subject: impl Into<Subject<'s>>) -> Result<Vec<Refusal>, BodyError> {
        PatternSet::new([((), self)]).explain(&(), subject)
    }
}
