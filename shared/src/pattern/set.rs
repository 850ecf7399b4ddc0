//! Many patterns, one look at the body.
//!
//! Prepared once, at cold start; what patterns have in common is looked at once.

use super::Pattern;
use super::decide::{CompiledPattern, Decision};
use super::explain::{Refusal, refusals};
use super::json::BodyError;
use super::observe::observe;
use super::trie::Trie;
use crate::config::Path;

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

    /// The ids of the patterns that match `body`, a JSON object, in the order in which they were given.
    ///
    /// Reads the body once, from end to end, whatever the patterns are. Of a name that an object has twice, the first
    /// counts.
    ///
    /// # Errors
    ///
    /// [`BodyError`] if `body` is not a JSON object, or too deep; it is the same for every set.
    pub fn matches(&self, body: &str) -> Result<Vec<&I>, BodyError> {
        let observation = observe(&self.trie, body)?;
        let decision = Decision { trie: &self.trie, observation: &observation };
        let matching = self.patterns.iter().filter(|(_, pattern)| decision.matches(pattern));
        Ok(matching.map(|(id, _)| id).collect())
    }

    /// The paths that the patterns name, each once, sorted.
    pub fn paths(&self) -> Vec<Path> {
        self.trie.tested().into_iter().map(|node| self.trie.path(node)).collect()
    }

    /// For each of [`paths`](Self::paths), whether `body` has a value there that is neither an object nor an array.
    ///
    /// # Errors
    ///
    /// As for [`matches`](Self::matches).
    pub fn present_paths(&self, body: &str) -> Result<Vec<bool>, BodyError> {
        let observation = observe(&self.trie, body)?;
        Ok(self.trie.tested().into_iter().map(|node| observation.is_present(node)).collect())
    }
}

impl Pattern {
    /// Whether the pattern matches `body`. For more than one body, or pattern, prepare a [`PatternSet`].
    ///
    /// # Errors
    ///
    /// As for [`PatternSet::matches`].
    pub fn matches(&self, body: &str) -> Result<bool, BodyError> {
        Ok(!PatternSet::new([((), self)]).matches(body)?.is_empty())
    }

    /// Which field says no to `body`: the first of the pattern; of an `$or`, the first of each branch. Empty if the
    /// pattern matches.
    ///
    /// # Errors
    ///
    /// As for [`PatternSet::matches`].
    pub fn explain(&self, body: &str) -> Result<Vec<Refusal>, BodyError> {
        let set = PatternSet::new([((), self)]);
        let observation = observe(&set.trie, body)?;
        let decision = Decision { trie: &set.trie, observation: &observation };
        Ok(set.patterns.iter().flat_map(|(_, pattern)| refusals(decision, pattern)).collect())
    }
}
