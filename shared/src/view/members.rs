//! Selects members of an event's JSON in one pass over its text, without a tree of it.
//!
//! What is selected is copied as it is written. Recursion is bounded: the reader refuses more than 128 levels.

use crate::config::Path;
use crate::pattern::{BodyError, Literal, Reader, Shape};

/// Which members of an event's JSON are selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// What is at these paths, and the objects and arrays around it. An object or an element of an array in which nothing
    /// is selected is left out.
    Fields(Name),
    /// All but what is at these paths. Nothing else is left out: an object may become empty.
    Omit(Name),
}

/// A name on the way to listed members. The first one is the event itself, and has no text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    text: String,
    /// Whether a path ends here.
    is_listed: bool,
    /// Sorted.
    below: Vec<Name>,
}

impl Selection {
    pub(super) fn fields(paths: &[Path]) -> Self {
        Self::Fields(Name::of(paths))
    }

    pub(super) fn omit(paths: &[Path]) -> Self {
        Self::Omit(Name::of(paths))
    }

    /// Writes what is selected of `body`.
    pub(super) fn select(&self, body: &str, written: &mut String) -> Result<(), BodyError> {
        let mut reader = object(body)?;
        match self {
            Self::Fields(event) => {
                if !fields(&mut reader, event, written)? {
                    written.push_str("{}");
                }
            }
            Self::Omit(event) => omit(&mut reader, event, written)?,
        }
        reader.end()
    }
}

/// Writes all of `body`.
pub(super) fn copy(body: &str, written: &mut String) -> Result<(), BodyError> {
    let mut reader = object(body)?;
    written.push_str(reader.value()?);
    reader.end()
}

fn object(body: &str) -> Result<Reader<'_>, BodyError> {
    let mut reader = Reader::new(body);
    if reader.shape() == Shape::Object { Ok(reader) } else { Err(BodyError::NotAnObject) }
}

/// Writes what of the next value is listed below `name`, if there is something.
fn fields(reader: &mut Reader<'_>, name: &Name, written: &mut String) -> Result<bool, BodyError> {
    let mut is_any = false;
    match reader.shape() {
        Shape::Scalar => reader.skip()?,
        Shape::Object => {
            reader.object(|reader, literal| {
                let Some(below) = name.below(literal) else {
                    return reader.skip();
                };
                let before = written.len();
                written.push(if is_any { ',' } else { '{' });
                push_name(literal, written);
                if below.is_listed {
                    written.push_str(reader.value()?);
                    is_any = true;
                } else if fields(reader, below, written)? {
                    is_any = true;
                } else {
                    written.truncate(before);
                }
                Ok(())
            })?;
            if is_any {
                written.push('}');
            }
        }
        Shape::Array => {
            reader.array(|reader| {
                let before = written.len();
                written.push(if is_any { ',' } else { '[' });
                if fields(reader, name, written)? {
                    is_any = true;
                } else {
                    written.truncate(before);
                }
                Ok(())
            })?;
            if is_any {
                written.push(']');
            }
        }
    }
    Ok(is_any)
}

/// Writes what of the next value is not listed below `name`.
fn omit(reader: &mut Reader<'_>, name: &Name, written: &mut String) -> Result<(), BodyError> {
    let mut is_any = false;
    match reader.shape() {
        Shape::Scalar => written.push_str(reader.value()?),
        Shape::Object => {
            reader.object(|reader, literal| {
                let below = name.below(literal);
                if below.is_some_and(|below| below.is_listed) {
                    return reader.skip();
                }
                written.push(if is_any { ',' } else { '{' });
                is_any = true;
                push_name(literal, written);
                match below {
                    Some(below) => omit(reader, below, written)?,
                    None => written.push_str(reader.value()?),
                }
                Ok(())
            })?;
            written.push_str(if is_any { "}" } else { "{}" });
        }
        Shape::Array => {
            reader.array(|reader| {
                written.push(if is_any { ',' } else { '[' });
                is_any = true;
                omit(reader, name, written)
            })?;
            written.push_str(if is_any { "]" } else { "[]" });
        }
    }
    Ok(())
}

fn push_name(name: Literal<'_>, written: &mut String) {
    written.push('"');
    written.push_str(name.text);
    written.push_str("\":");
}

impl Name {
    fn of(paths: &[Path]) -> Self {
        let mut event = Self::default();
        for path in paths {
            event.insert(&path.0);
        }
        event
    }

    fn insert(&mut self, path: &[String]) {
        if self.is_listed {
            return;
        }
        let Some((first, rest)) = path.split_first() else {
            self.is_listed = true;
            self.below.clear();
            return;
        };
        let place = match self.place(first) {
            Ok(place) => place,
            Err(place) => {
                self.below.insert(place, Self { text: first.clone(), ..Self::default() });
                place
            }
        };
        if let Some(below) = self.below.get_mut(place) {
            below.insert(rest);
        }
    }

    /// What is listed at or below the member `name`.
    fn below(&self, name: Literal<'_>) -> Option<&Self> {
        self.below.get(self.place(&name.decoded()).ok()?)
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.below.binary_search_by(|below| below.text.as_str().cmp(name))
    }
}
