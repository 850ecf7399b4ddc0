//! One pass over a body: which tests succeed, and in which elements of which arrays.
//!
//! What no pattern names is passed over. Of a name that an object has twice, the first counts.

use super::condition::Value;
use super::json::{BodyError, Reader, Scalar, Shape};
use super::message::{MESSAGE, MessageFields};
use super::subject::Subject;
use super::trie::{Node, ROOT, Trie};
use crate::image::Decimal;

/// The number of the body's own object: it is looked at before all others.
const ROOT_OBJECT: usize = 1;

/// The body itself.
const ROOT_SCOPE: usize = 0;

/// What a body has at the paths of a trie.
#[derive(Debug)]
pub(super) struct Observation {
    /// For each test, where it succeeded last.
    succeeded: Vec<LastScope>,
    /// For each node, where a value stood last.
    present: Vec<LastScope>,
    /// The body itself, then elements of arrays.
    pub(super) scopes: Vec<Scope>,
}

/// A scope, if there was one.
type LastScope = Option<usize>;

/// What is in an element of an array, or in the body, and not in an element of an array further inside.
///
/// A value that is itself an element belongs to what is around the array: so says event-ruler, and so `["a", "b"]` has
/// both.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// The tests that succeed here, sorted.
    succeeded: Vec<usize>,
    /// The nodes that have values here, sorted.
    present: Vec<usize>,
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
        self.succeeded.get(test).is_some_and(Option::is_some)
    }

    pub(super) fn is_present(&self, node: usize) -> bool {
        self.present.get(node).is_some_and(Option::is_some)
    }

    /// Whether there is no array with objects or arrays in which something was found: then no two values exclude each
    /// other.
    pub(super) fn is_flat(&self) -> bool {
        self.scopes.len() == 1
    }
}

/// Looks at `subject` for all that `trie` names.
pub(super) fn observe(trie: &Trie, subject: Subject<'_>) -> Result<Observation, BodyError> {
    let mut observer = Observer {
        trie,
        observation: Observation {
            succeeded: vec![None; trie.tests_count()],
            present: vec![None; trie.nodes_count()],
            scopes: vec![Scope::default()],
        },
        objects: 0,
        last_object: vec![0; trie.nodes_count()],
    };
    observer.message(subject.message);
    let mut reader = Reader::new(subject.body);
    let is_object = reader.shape() == Shape::Object;
    match trie.node(ROOT) {
        Some(root) if is_object => observer.object(&mut reader, root, ROOT_SCOPE)?,
        _ => reader.skip()?,
    }
    reader.end()?;
    let mut observation = observer.observation;
    if !observation.is_flat() {
        for scope in &mut observation.scopes {
            scope.succeeded.sort_unstable();
            scope.present.sort_unstable();
        }
    }
    if is_object { Ok(observation) } else { Err(BodyError::NotAnObject) }
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
    /// Looks at what the message says, as if it stood in the body, in front of everything: so an attribute of the same
    /// name is there a second time, and does not count.
    fn message(&mut self, message: Option<MessageFields<'_>>) {
        let trie = self.trie;
        let section = trie.node(ROOT).and_then(|root| trie.child(root, MESSAGE));
        let Some((section, place)) = section.and_then(|place| Some((trie.node(place)?, place))) else {
            return;
        };
        if let Some(last) = self.last_object.get_mut(place) {
            *last = ROOT_OBJECT;
        }
        for (name, value) in message.iter().flat_map(MessageFields::values) {
            if let Some(place) = trie.child(section, name)
                && let Some(node) = trie.node(place)
            {
                self.found(&value, place, node, ROOT_SCOPE);
            }
        }
    }

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
        match reader.scalar()? {
            Scalar::Text(literal) => self.found(&Value::Text(&literal.decoded()), place, node, scope),
            Scalar::Number(number) => {
                self.found(&Value::Number(Decimal::try_parse(number.as_bytes())), place, node, scope);
            }
            Scalar::Boolean(value) => self.found(&Value::Boolean(value), place, node, scope),
            Scalar::Null => self.found(&Value::Null, place, node, scope),
        }
        Ok(())
    }

    /// Tries the tests of the node at `place` with a value that stands there.
    fn found(&mut self, value: &Value<'_>, place: usize, node: &Node, scope: usize) {
        let Observation { succeeded, present, scopes } = &mut self.observation;
        let Some(Scope { succeeded: succeeded_here, present: present_here, .. }) = scopes.get_mut(scope)
        else {
            return;
        };
        add(present, present_here, place, scope);
        node.try_tests(value, |test| add(succeeded, succeeded_here, test, scope));
    }
}

impl Scope {
    /// Whether `test` succeeds here. Only where the observation is not flat.
    pub(super) fn succeeds(&self, test: usize) -> bool {
        self.succeeded.binary_search(&test).is_ok()
    }

    /// Whether a value stands here at `node`. Only where the observation is not flat.
    pub(super) fn is_present(&self, node: usize) -> bool {
        self.present.binary_search(&node).is_ok()
    }

    fn is_empty(&self) -> bool {
        self.present.is_empty() && self.arrays.is_empty()
    }
}

/// Notes `place` for `scope` in `here`, unless that was the last that was noted of it.
fn add(last: &mut [LastScope], here: &mut Vec<usize>, place: usize, scope: usize) {
    if let Some(last) = last.get_mut(place)
        && *last != Some(scope)
    {
        *last = Some(scope);
        here.push(place);
    }
}
