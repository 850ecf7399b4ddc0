//! Reads JSON text strictly and without a tree: what nobody asked for is passed over.
//!
//! By hand, because numbers must keep their digits, and because `serde_json` reads a value twice to hand out its text.

use super::literal::{Literal, decode_escape};
use crate::image::first_special;

/// How many objects and arrays of a body may lie inside each other, as for `serde_json`. DynamoDB stores 32 levels.
const BODY_DEPTH_LIMIT: u32 = 128;

/// Why a body cannot be looked at. It holds nothing of the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Something else than JSON.
    #[error("not JSON at byte {at}")]
    NotJson {
        /// The first byte that cannot stand where it stands.
        at: usize,
    },
    /// JSON, but no object.
    #[error("not a JSON object")]
    NotAnObject,
    /// Objects and arrays inside each other without end.
    #[error("deeper than {BODY_DEPTH_LIMIT} levels")]
    Depth,
}

/// A place in JSON text.
pub(crate) struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// How many objects and arrays are open.
    depth: u32,
}

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Object,
    Array,
    Scalar,
}

/// A value that is neither an object nor an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scalar<'t> {
    Text(Literal<'t>),
    /// As it is written.
    Number(&'t str),
    Boolean(bool),
    Null,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// The byte that is read next.
    pub(super) fn position(&mut self) -> usize {
        self.peek();
        self.at
    }

    pub(crate) fn shape(&mut self) -> Shape {
        match self.peek() {
            Some(b'{') => Shape::Object,
            Some(b'[') => Shape::Array,
            _ => Shape::Scalar,
        }
    }

    /// Reads an object: `member` reads each value.
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Literal<'t>) -> Result<(), BodyError>,
    ) -> Result<(), BodyError> {
        self.open(b'{')?;
        if !self.skip_byte(b'}') {
            loop {
                let name = self.name()?;
                member(self, name)?;
                if self.ends(b'}')? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads an array: `element` reads each value.
    pub(crate) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), BodyError>,
    ) -> Result<(), BodyError> {
        self.open(b'[')?;
        if !self.skip_byte(b']') {
            loop {
                element(self)?;
                if self.ends(b']')? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    pub(super) fn scalar(&mut self) -> Result<Scalar<'t>, BodyError> {
        match self.peek() {
            Some(b'"') => Ok(Scalar::Text(self.string()?)),
            Some(b't') => self.word("true", Scalar::Boolean(true)),
            Some(b'f') => self.word("false", Scalar::Boolean(false)),
            Some(b'n') => self.word("null", Scalar::Null),
            _ => self.number().map(Scalar::Number),
        }
    }

    /// Passes over a value of any kind. Without recursion: nothing has to be remembered but what is open.
    pub(crate) fn skip(&mut self) -> Result<(), BodyError> {
        // The innermost is the lowest bit: set for an object.
        let mut open: u128 = 0;
        let outer = self.depth;
        loop {
            match self.peek() {
                Some(b'{') => {
                    self.open(b'{')?;
                    if self.skip_byte(b'}') {
                        self.depth -= 1;
                    } else {
                        self.name()?;
                        open = open << 1 | 1;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.open(b'[')?;
                    if self.skip_byte(b']') {
                        self.depth -= 1;
                    } else {
                        open <<= 1;
                        continue;
                    }
                }
                Some(b'"') => _ = self.string()?,
                _ => _ = self.scalar()?,
            }
            // A value has ended, and with it whatever closes here.
            loop {
                if self.depth == outer {
                    return Ok(());
                }
                let is_object = open & 1 == 1;
                if !self.ends(if is_object { b'}' } else { b']' })? {
                    if is_object {
                        self.name()?;
                    }
                    break;
                }
                self.depth -= 1;
                open >>= 1;
            }
        }
    }

    /// A value of any kind, as it is written.
    pub(crate) fn value(&mut self) -> Result<&'t str, BodyError> {
        let start = self.position();
        self.skip()?;
        self.text.get(start..self.at).ok_or_else(|| self.error())
    }

    /// Makes sure that nothing follows.
    pub(crate) fn end(&mut self) -> Result<(), BodyError> {
        if self.peek().is_some() { Err(self.error()) } else { Ok(()) }
    }

    fn open(&mut self, byte: u8) -> Result<(), BodyError> {
        self.expect(byte)?;
        if self.depth == BODY_DEPTH_LIMIT {
            return Err(BodyError::Depth);
        }
        self.depth += 1;
        Ok(())
    }

    /// A member's name and its colon.
    fn name(&mut self) -> Result<Literal<'t>, BodyError> {
        let name = self.string()?;
        self.expect(b':')?;
        Ok(name)
    }

    fn string(&mut self) -> Result<Literal<'t>, BodyError> {
        self.expect(b'"')?;
        let start = self.at;
        let mut is_escaped = false;
        loop {
            self.at = first_special(self.text.as_bytes(), self.at);
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_escaped = true;
                    let escape = self.text.get(self.at + 1..).unwrap_or_default();
                    let (_, behind) = decode_escape(escape).ok_or_else(|| self.error())?;
                    self.at = self.text.len() - behind.len();
                }
                // Characters that JSON does not mind.
                Some(0xEF) => self.at += 1,
                _ => return Err(self.error()),
            }
        }
        let text = self.text.get(start..self.at).ok_or_else(|| self.error())?;
        self.at += 1;
        Ok(Literal { at: start - 1, text, is_escaped })
    }

    /// RFC 8259, section 6.
    fn number(&mut self) -> Result<&'t str, BodyError> {
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        self.text.get(start..self.at).ok_or_else(|| self.error())
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), BodyError> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.error()) } else { Ok(()) }
    }

    fn word(&mut self, word: &str, value: Scalar<'t>) -> Result<Scalar<'t>, BodyError> {
        if !self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            return Err(self.error());
        }
        self.at += word.len();
        Ok(value)
    }

    /// Whether `close` is next, and not a comma, after a member of something.
    fn ends(&mut self, close: u8) -> Result<bool, BodyError> {
        if self.skip_byte(b',') {
            return Ok(false);
        }
        self.expect(close)?;
        Ok(true)
    }

    fn expect(&mut self, byte: u8) -> Result<(), BodyError> {
        if self.skip_byte(byte) { Ok(()) } else { Err(self.error()) }
    }

    #[inline]
    fn skip_byte(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// The next byte that is not white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte()? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self) -> BodyError {
        BodyError::NotJson { at: self.at }
    }
}
