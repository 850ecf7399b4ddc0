//! Reads DynamoDB's JSON (`{"mark": {"S": "ABC123"}}`) straight into a [`Writer`].
//!
//! By hand, because the shape is known: a general parser spends more on every type's name than this on the value.

use super::text::{Text, first_special};
use super::write::excerpt;
use super::{Fault, Type, Writer};

/// A place in the text of an item.
#[derive(Clone)]
pub(super) struct ScanPosition<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> ScanPosition<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// Reads the whole text, which is one map of attributes.
    pub(super) fn read(mut self, writer: &mut Writer<'_, 't>) -> Result<(), Fault> {
        self.attributes(writer)?;
        self.end()
    }

    /// Makes sure that nothing follows.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        if self.peek().is_some() { Err(Fault::Malformed) } else { Ok(()) }
    }

    /// Reads a map of attributes.
    pub(super) fn attributes(&mut self, writer: &mut Writer<'_, 't>) -> Result<(), Fault> {
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
    #[inline(always)]
    fn typed_value(&mut self, writer: &mut Writer<'_, 't>) -> Result<(), Fault> {
        let of = match self.short_tag() {
            Some(of) => of,
            None => self.tag()?,
        };
        // Most values are plain strings.
        if of == Type::S
            && let Some(text) = self.plain_string()
        {
            writer.string(&text)?;
        } else {
            self.value(of, writer)?;
        }
        if self.ends(b'}')? { Ok(()) } else { Err(Fault::SeveralTypes) }
    }

    /// What a typed value begins with, if it is a type of one letter and no white space. Nearly every value begins so,
    /// and a comparison is cheaper than reading a string.
    #[inline]
    fn short_tag(&mut self) -> Option<Type> {
        let [b'{', b'"', letter, b'"', b':'] = self.rest().first_chunk()? else { return None };
        let of = Type::from_letter(*letter)?;
        self.at += 5;
        Some(of)
    }

    /// What a typed value begins with.
    #[inline(never)]
    fn tag(&mut self) -> Result<Type, Fault> {
        self.expect(b'{')?;
        if self.skip(b'}') {
            return Err(Fault::NoType);
        }
        let tag = self.string()?.into_value();
        let of = Type::from_tag(&tag).ok_or_else(|| Fault::UnknownType(excerpt(&tag)))?;
        self.expect(b':')?;
        Ok(of)
    }

    #[inline(never)]
    fn value(&mut self, of: Type, writer: &mut Writer<'_, 't>) -> Result<(), Fault> {
        match (self.peek().ok_or(Fault::Malformed)?, of) {
            (b'"', Type::S) => writer.string(&self.string()?)?,
            (b'"', Type::N) => writer.number(&self.string()?)?,
            (b'"', Type::B) => writer.binary(&self.string()?.as_value())?,
            (b't' | b'f', Type::Bool) => writer.boolean(self.boolean()?)?,
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

    /// Reads an object that is not an item: `member` reads each value.
    pub(super) fn object<E: From<Fault>>(
        &mut self,
        mut member: impl FnMut(&mut Self, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.expect(b'{')?;
        if self.skip(b'}') {
            return Ok(());
        }
        loop {
            let name = self.string()?;
            self.expect(b':')?;
            member(self, &name.as_value())?;
            if self.ends(b'}')? {
                return Ok(());
            }
        }
    }

    /// Passes over a value of any kind and returns its text, of which only brackets and strings are looked at.
    pub(super) fn any(&mut self) -> Result<&'t [u8], Fault> {
        if let Some(Text::Plain { literal, .. }) = self.plain_string() {
            return Ok(literal);
        }
        let mut depth = 0_usize;
        self.peek();
        let start = self.at;
        loop {
            match self.peek().ok_or(Fault::Malformed)? {
                b'"' => drop(self.string()?),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1).ok_or(Fault::Malformed)?;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => self.at += 1,
                _ => self.scalar()?,
            }
            if depth == 0 {
                return self.text.get(start..self.at).ok_or(Fault::Malformed);
            }
        }
    }

    /// Passes over a number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Result<(), Fault> {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let length = self.rest().iter().copied().take_while(|byte| is_part(byte)).count();
        self.at += length;
        if length > 0 { Ok(()) } else { Err(Fault::Malformed) }
    }

    /// Reads a string or null.
    pub(super) fn string_or_null(&mut self) -> Result<Option<Text<'t>>, Fault> {
        match self.plain_string() {
            Some(text) => Ok(Some(text)),
            None if self.skip_null() => Ok(None),
            None => self.any_string().map(Some),
        }
    }

    pub(super) fn skip_null(&mut self) -> bool {
        self.peek();
        let is_null = self.rest().starts_with(b"null");
        self.at += if is_null { 4 } else { 0 };
        is_null
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub(super) fn remaining(&self) -> usize {
        self.rest().len()
    }

    /// Goes on to where `ahead` is, and returns the text up to there.
    pub(super) fn pass_to(&mut self, ahead: &Self) -> Result<&'t [u8], Fault> {
        self.peek();
        let passed = self.text.get(self.at..ahead.at).ok_or(Fault::Malformed)?;
        self.at = ahead.at;
        Ok(passed)
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

    #[inline]
    pub(super) fn string(&mut self) -> Result<Text<'t>, Fault> {
        match self.plain_string() {
            Some(text) => Ok(text),
            None => self.any_string(),
        }
    }

    /// The string that begins at this very byte, if nothing in it is [special](first_special).
    #[inline(always)]
    fn plain_string(&mut self) -> Option<Text<'t>> {
        let (bytes, start) = (self.text, self.at);
        if bytes.get(start) != Some(&b'"') {
            return None;
        }
        let quote = first_special(bytes, start + 1);
        if bytes.get(quote) != Some(&b'"') {
            return None;
        }
        self.at = quote + 1;
        Some(Text::Plain { literal: self.text.get(start..self.at)?, value: self.text.get(start + 1..quote)? })
    }

    #[inline(never)]
    fn any_string(&mut self) -> Result<Text<'t>, Fault> {
        self.expect(b'"')?;
        let start = self.at - 1;
        let (mut is_escaped, mut is_verbatim) = (false, true);
        loop {
            self.at = first_special(self.text, self.at);
            match self.rest() {
                [b'"', ..] => break,
                [b'\\', escaped, ..] => {
                    is_escaped = true;
                    is_verbatim &= matches!(escaped, b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't');
                    self.at += 2;
                }
                [0xEF, 0xBF, 0xBE | 0xBF, ..] => {
                    is_verbatim = false;
                    self.at += 3;
                }
                [0xEF, ..] => self.at += 1,
                _ => return Err(Fault::Malformed),
            }
        }
        self.at += 1;
        let literal = self.text.get(start..self.at).ok_or(Fault::Malformed)?;
        Ok(match (is_verbatim, is_escaped) {
            (true, false) => {
                Text::Plain { literal, value: self.text.get(start + 1..self.at - 1).ok_or(Fault::Malformed)? }
            }
            (true, true) => Text::Escaped(literal),
            (false, _) => serde_json::from_slice::<String>(literal).map_err(|_| Fault::Malformed)?.into(),
        })
    }

    fn boolean(&mut self) -> Result<bool, Fault> {
        for (word, value) in [(&b"true"[..], true), (b"false", false)] {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(Fault::Malformed)
    }

    /// Whether `close` is next, and not a comma, after a member of something.
    #[inline]
    fn ends(&mut self, close: u8) -> Result<bool, Fault> {
        if self.skip(close) {
            return Ok(true);
        }
        self.expect(b',')?;
        Ok(false)
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.skip(byte) { Ok(()) } else { Err(Fault::Malformed) }
    }

    #[inline]
    pub(super) fn skip(&mut self, byte: u8) -> bool {
        // DynamoDB writes no white space.
        let is_next = self.byte() == Some(byte) || self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// The next byte that is not white space.
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
        self.text.get(self.at).copied()
    }

    #[inline]
    fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }
}
