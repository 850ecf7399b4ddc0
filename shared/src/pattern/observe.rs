//! One pass over a body: which tests succeed, and in which elements of which arrays.
//!
//! What no pattern names is passed over. Of a name that an object has twice, the first counts.

use super::condition::Value;
use super::json::{BodyError, Reader, Scalar, Shape};
use super::trie::{Node, ROOT, Trie};
use crate::image::Decimal;

/// What a body has at the paths of a trie.
#[derive(Debug)]
pub(super) struct Observation {
    /// For each test, whether it succeeds anywhere.
    succeeds: Vec<bool>,
    /// For each node, whether a value stands there anywhere.
    is_present: Vec<bool>,
    /// The body itself, then elements of arrays.
    pub(super) scopes: Vec<Scope>,
}

/// What is in an element of an array, or in the body, and not in an element of an array further inside.
///
/// A value that is itself an element belongs to what is around the array: so says event-ruler, and so `["a", "b"]` has
/// both.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// The tests that succeed here.
    pub(super) succeeded: Vec<usize>,
    /// The nodes that have values here.
    pub(super) present: Vec<usize>,
    pub(super) arrays: Vec<Array>,
}

/// An array with objects or arrays in it.
#[derive(Debug)]
pub(super) struct Array {
    pub(super) node: usize,
    /// The scopes of its elements, without those in which nothing was found.
    pub(super) elements: Vec<usize>,
}

impl Observation {
    pub(super) fn succeeds(&self, test: usize) -> bool {
        self.succeeds.get(test).copied().unwrap_or_default()
    }

    pub(super) fn is_present(&self, node: usize) -> bool {
        self.is_present.get(node).copied().unwrap_or_default()
    }

    /// Whether there is no array with objects or arrays in which something was found: then no two values exclude each
    /// other.
    pub(super) fn is_flat(&self) -> bool {
        self.scopes.len() == 1
    }
}

/// Looks at `body` for all that `trie` names.
pub(super) fn observe(trie: &Trie, body: &str) -> Result<Observation, BodyError> {
    let mut observer = Observer {
        trie,
        observation: Observation {
            succeeds: vec![false; trie.tests_count()],
            is_present: vec![false; trie.nodes_count()],
            scopes: vec![Scope::default()],
        },
        objects: 0,
        last_object: vec![0; trie.nodes_count()],
    };
    let mut reader = Reader::new(body);
    let is_object = reader.shape() == Shape::Object;
    match trie.node(ROOT) {
        Some(root) if is_object => observer.object(&mut reader, root, 0)?,
        _ => reader.skip()?,
    }
    reader.end()?;
    if is_object { Ok(observer.observation) } else { Err(BodyError::NotAnObject) }
}

struct Observer<'s> {
    trie: &'s Trie,
    observation: Observation,
    /// How many objects were looked at.
    objects: usize,
    /// For each node, the number of the object in which it was seen last.
    last_object: Vec<usize>,
}

impl Observer<'_> {
    /// Looks at the value of the node at `place`. The reader bounds the recursion.
    fn value(&mut self, reader: &mut Reader<'_>, place: usize, scope: usize) -> Result<(), BodyError> {
        let trie = self.trie;
        let Some(node) = trie.node(place) else {
            return reader.skip();
        };
        match reader.shape() {
            Shape::Object if node.has_children() => self.object(reader, node, scope),
            Shape::Object => reader.skip(),
            Shape::Array => self.array(reader, place, scope),
            Shape::Scalar if node.has_tests => self.scalar(reader, place, node, scope),
            Shape::Scalar => reader.scalar().map(drop),
        }
    }

    fn object(&mut self, reader: &mut Reader<'_>, node: &Node, scope: usize) -> Result<(), BodyError> {
        let trie = self.trie;
        self.objects += 1;
        let object = self.objects;
        reader.object(|reader, name| {
            let Some(child) = trie.child(node, &name.decoded()) else {
                return reader.skip();
            };
            match self.last_object.get_mut(child) {
                Some(last) if *last != object => *last = object,
                _ => return reader.skip(),
            }
            self.value(reader, child, scope)
        })
    }

    fn array(&mut self, reader: &mut Reader<'_>, place: usize, scope: usize) -> Result<(), BodyError> {
        let mut elements = Vec::new();
        reader.array(|reader| {
            if reader.shape() == Shape::Scalar {
                return self.value(reader, place, scope);
            }
            let scopes = &mut self.observation.scopes;
            let element = scopes.len();
            scopes.push(Scope::default());
            self.value(reader, place, element)?;
            let scopes = &mut self.observation.scopes;
            if scopes.get(element).is_some_and(Scope::is_empty) {
                // Empty ones inside of it are gone already, so that it is the last.
                scopes.truncate(element);
            } else {
                elements.push(element);
            }
            Ok(())
        })?;
        if !elements.is_empty()
            && let Some(scope) = self.observation.scopes.get_mut(scope)
        {
            scope.arrays.push(Array { node: place, elements });
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        reader: &mut Reader<'_>,
        place: usize,
        node: &Node,
        scope: usize,
    ) -> Result<(), BodyError> {
        let scalar = reader.scalar()?;
        let Observation { succeeds, is_present, scopes } = &mut self.observation;
        let Some(scope) = scopes.get_mut(scope) else {
            return Ok(());
        };
        set(is_present, place);
        add(&mut scope.present, place);
        let succeed = |test| {
            set(succeeds, test);
            add(&mut scope.succeeded, test);
        };
        match scalar {
            Scalar::Text(literal) => node.try_tests(&Value::Text(&literal.decoded()), succeed),
            Scalar::Number(number) => {
                node.try_tests(&Value::Number(Decimal::try_parse(number.as_bytes())), succeed);
            }
            Scalar::Boolean(value) => node.try_tests(&Value::Boolean(value), succeed),
            Scalar::Null => node.try_tests(&Value::Null, succeed),
        }
        Ok(())
    }
}

impl Scope {
    fn is_empty(&self) -> bool {
        self.present.is_empty() && self.arrays.is_empty()
    }
}

fn set(flags: &mut [bool], place: usize) {
    if let Some(flag) = flags.get_mut(place) {
        *flag = true;
    }
}

fn add(places: &mut Vec<usize>, place: usize) {
    if !places.contains(&place) {
        places.push(place);
    }
}
