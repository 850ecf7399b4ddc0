//! Reads DynamoDB's JSON (`{"mark": {"S": "ABC123"}}`) straight into a [`Writer`].
//!
//! By hand, because the shape is known: a general parser spends more on every type's name than this on the value.

use std::borrow::Cow;

use super::text::{Text, first_special};
use super::write::excerpt;
use super::{Fault, Type, Writer};

/// A place in the text of an item.
pub(super) struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// Reads the whole text, which is one map of attributes.
    pub(super) fn read(mut self, writer: &mut Writer<'_, 't>) -> Result<(), Fault> {
        self.attributes(writer)?;
        if self.peek().is_some() { Err(Fault::Malformed) } else { Ok(()) }
    }

    fn attributes(&mut self, writer: &mut Writer<'_, 't>) -> Result<(), Fault> {
        self.expect(b'{')?;
        let mut map = writer.begin_map()?;
        if !self.skip(b'}') {
            loop {
                let name = self.string()?;
                self.expect(b':')?;
                writer.entry(&mut map, name, |writer| self.typed_value(writer))?;
                if self.ends(b'}')? {
                    break;
                }
            }
        }
        writer.end_map(map)
    }

    /// A value with its type: `{"S": "ABC123"}`.
    fn typed_value(&mut self, writer: &mut Writer<'_, 't>) -> Result<(), Fault> {
        self.expect(b'{')?;
        if self.skip(b'}') {
            return Err(Fault::NoType);
        }
        let tag = self.string()?;
        let of = Type::from_tag(tag.as_str()).ok_or_else(|| Fault::UnknownType(excerpt(tag.as_str())))?;
        self.expect(b':')?;
        self.value(of, writer)?;
        if self.ends(b'}')? { Ok(()) } else { Err(Fault::SeveralTypes) }
    }

    fn value(&mut self, of: Type, writer: &mut Writer<'_, 't>) -> Result<(), Fault> {
        match (self.peek().ok_or(Fault::Malformed)?, of) {
            (b'"', Type::S) => writer.string(&self.string()?),
            (b'"', Type::N) => writer.number(self.string()?.as_str())?,
            (b'"', Type::B) => writer.binary(self.string()?.as_str())?,
            (b't' | b'f', Type::Bool) => writer.boolean(self.boolean()?),
            (b't' | b'f', Type::Null) => writer.null(self.boolean()?)?,
            (b'{', Type::M) => self.attributes(writer)?,
            (b'[', Type::L) => self.list(writer)?,
            (b'[', Type::Ss) => writer.string_set(self.members()?)?,
            (b'[', Type::Ns) => writer.number_set(self.members()?)?,
            (b'[', Type::Bs) => writer.binary_set(self.members()?)?,
            (b'"', _) => return Err(Fault::WrongValue(of, "a string")),
            (b't' | b'f', _) => return Err(Fault::WrongValue(of, "a boolean")),
            (b'{', _) => return Err(Fault::WrongValue(of, "an object")),
            (b'[', _) => return Err(Fault::WrongValue(of, "an array")),
            _ => return Err(Fault::Malformed),
        }
        Ok(())
    }

    fn list(&mut self, writer: &mut Writer<'_, 't>) -> Result<(), Fault> {
        self.expect(b'[')?;
        let mut list = writer.begin_list()?;
        if !self.skip(b']') {
            loop {
                writer.item(&mut list, |writer| self.typed_value(writer))?;
                if self.ends(b']')? {
                    break;
                }
            }
        }
        writer.end_list();
        Ok(())
    }

    fn members(&mut self) -> Result<Vec<Text<'t>>, Fault> {
        self.expect(b'[')?;
        let mut members = Vec::new();
        if self.skip(b']') {
            return Ok(members);
        }
        loop {
            members.push(self.string()?);
            if self.ends(b']')? {
                return Ok(members);
            }
        }
    }

    fn string(&mut self) -> Result<Text<'t>, Fault> {
        self.expect(b'"')?;
        let start = self.at;
        let (mut is_escaped, mut is_verbatim) = (false, true);
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let length = first_special(rest).ok_or(Fault::Malformed)?;
            self.at += length + 1;
            match rest.get(length) {
                Some(b'"') => break,
                // Whatever it escapes does not end the string.
                Some(b'\\') => {
                    self.at += 1;
                    (is_escaped, is_verbatim) = (true, false);
                }
                Some(0xEF) => is_verbatim = false,
                _ => return Err(Fault::Malformed),
            }
        }
        let literal = self.text.get(start - 1..self.at).ok_or(Fault::Malformed)?;
        let value = if is_escaped {
            Cow::Owned(serde_json::from_str(literal).map_err(|_| Fault::Malformed)?)
        } else {
            Cow::Borrowed(self.text.get(start..self.at - 1).ok_or(Fault::Malformed)?)
        };
        Ok(Text { value, literal: is_verbatim.then_some(literal) })
    }

    fn boolean(&mut self) -> Result<bool, Fault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        for (word, value) in [("true", true), ("false", false)] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(Fault::Malformed)
    }

    /// Whether `close` is next, and not a comma, after a member of something.
    fn ends(&mut self, close: u8) -> Result<bool, Fault> {
        if self.skip(b',') {
            return Ok(false);
        }
        self.expect(close)?;
        Ok(true)
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.skip(byte) { Ok(()) } else { Err(Fault::Malformed) }
    }

    fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                next => return next.copied(),
            }
        }
    }
}
