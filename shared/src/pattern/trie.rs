//! The paths that patterns name, as a trie, and at each path the tests of what stands there.
//!
//! A test is a field, shared by all patterns that have the same one.

use std::collections::HashMap;

use super::Field;
use super::condition::{Condition, Value};
use crate::image::Decimal;
use crate::path::Path;

/// The place of the root among a trie's nodes.
pub(super) const ROOT: usize = 0;

/// All paths and tests of a set of patterns. Places of nodes and tests are numbers.
#[derive(Clone, Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    tests: Vec<Test>,
}

/// A path.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    name: String,
    parent: Option<usize>,
    /// Sorted by name.
    children: Vec<usize>,
    index: Index,
    /// Whether a test looks at the values here.
    pub(super) has_tests: bool,
}

/// What a field wants at a path.
#[derive(Clone, Debug)]
pub(super) struct Test {
    pub(super) node: usize,
    conditions: Vec<Condition>,
    /// Whether the test succeeds where nothing is.
    pub(super) admits_absence: bool,
    /// Whether there are values with which it succeeds.
    pub(super) admits_presence: bool,
}

/// The tests of a path by the values with which they succeed: one look-up for all patterns that name a plain value.
#[derive(Clone, Debug, Default)]
struct Index {
    texts: HashMap<String, Vec<usize>>,
    /// Sorted by number.
    numbers: Vec<(Decimal, usize)>,
    /// The conditions that have to be tried.
    others: Vec<(Condition, usize)>,
}

impl Trie {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node::default()], tests: Vec::new() }
    }

    pub(super) fn node(&self, place: usize) -> Option<&Node> {
        self.nodes.get(place)
    }

    pub(super) fn test(&self, place: usize) -> Option<&Test> {
        self.tests.get(place)
    }

    pub(super) fn nodes_count(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn tests_count(&self) -> usize {
        self.tests.len()
    }

    /// The places of the nodes that have tests, sorted by path.
    pub(super) fn tested(&self) -> Vec<usize> {
        let mut tested = Vec::new();
        let mut open = vec![ROOT];
        while let Some(place) = open.pop() {
            if let Some(node) = self.node(place) {
                tested.extend(node.has_tests.then_some(place));
                open.extend(node.children.iter().rev());
            }
        }
        tested
    }

    /// The place of the child `name`.
    pub(super) fn child(&self, parent: &Node, name: &str) -> Option<usize> {
        let found = self.search(parent, name).ok()?;
        parent.children.get(found).copied()
    }

    pub(super) fn path(&self, place: usize) -> Path {
        let ancestors = std::iter::successors(self.node(place), |node| self.node(node.parent?));
        let mut names: Vec<String> = ancestors.map(|node| node.name.clone()).collect();
        // The root's.
        names.pop();
        names.reverse();
        Path(names)
    }

    /// Whether the path of `place` is that of `ancestor`, or goes through it.
    pub(super) fn is_within(&self, place: usize, ancestor: usize) -> bool {
        std::iter::successors(Some(place), |place| self.node(*place)?.parent).any(|place| place == ancestor)
    }

    /// Adds the test of `field`, and returns its place.
    pub(super) fn add(&mut self, field: &Field) -> usize {
        let place = field.path.0.iter().fold(ROOT, |place, name| self.add_child(place, name));
        let mut known = self.tests.iter();
        if let Some(test) = known.position(|test| test.node == place && test.conditions == field.conditions) {
            return test;
        }
        let test = self.tests.len();
        self.tests.push(Test {
            node: place,
            conditions: field.conditions.clone(),
            admits_absence: field.admits_absence(),
            admits_presence: field.admits_presence(),
        });
        if let Some(node) = self.nodes.get_mut(place) {
            node.has_tests = true;
            for condition in &field.conditions {
                node.index.add(condition, test);
            }
        }
        test
    }

    fn add_child(&mut self, place: usize, name: &str) -> usize {
        let added = self.nodes.len();
        let Some(parent) = self.nodes.get(place) else {
            return place;
        };
        match self.search(parent, name) {
            Ok(found) => parent.children.get(found).copied().unwrap_or(place),
            Err(found) => {
                if let Some(parent) = self.nodes.get_mut(place) {
                    parent.children.insert(found, added);
                }
                self.nodes.push(Node { name: name.to_owned(), parent: Some(place), ..Node::default() });
                added
            }
        }
    }

    /// Where `name` is or would be among the children.
    fn search(&self, parent: &Node, name: &str) -> Result<usize, usize> {
        let name_of = |place: &usize| self.node(*place).map_or("", |node| node.name.as_str());
        parent.children.binary_search_by(|place| name_of(place).cmp(name))
    }
}

impl Node {
    pub(super) fn has_children(&self) -> bool {
        !self.children.is_empty()
    }

    /// Calls `succeed` for each test here that succeeds with `value`; perhaps more than once.
    pub(super) fn try_tests(&self, value: &Value<'_>, mut succeed: impl FnMut(usize)) {
        match value {
            Value::Text(text) if !self.index.texts.is_empty() => {
                self.index.texts.get(*text).into_iter().flatten().copied().for_each(&mut succeed);
            }
            Value::Number(Some(number)) => {
                let numbers = &self.index.numbers;
                let start = numbers.partition_point(|(known, _)| known < number);
                let equal = numbers.iter().skip(start).take_while(|(known, _)| known == number);
                equal.for_each(|(_, test)| succeed(*test));
            }
            _ => {}
        }
        for (condition, test) in &self.index.others {
            if condition.holds(value) {
                succeed(*test);
            }
        }
    }
}

impl Index {
    fn add(&mut self, condition: &Condition, test: usize) {
        match condition {
            Condition::Text(text) => self.texts.entry(text.clone()).or_default().push(test),
            Condition::Number(number) => {
                let at = self.numbers.partition_point(|(known, _)| known <= number);
                self.numbers.insert(at, (number.clone(), test));
            }
            // No value has it.
            Condition::Absent => {}
            other => self.others.push((other.clone(), test)),
        }
    }
}
