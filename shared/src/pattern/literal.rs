//! Strings of JSON: what is written, and what it stands for.
//!
//! Most have no escape, and are compared where they are.

use std::borrow::Cow;

/// What stands between the quotation marks of a string; its escapes are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Literal<'t> {
    /// Where it begins, with its quotation mark.
    pub(super) at: usize,
    pub(crate) text: &'t str,
    pub(super) is_escaped: bool,
}

impl<'t> Literal<'t> {
    /// The string that it stands for.
    pub(crate) fn decoded(self) -> Cow<'t, str> {
        if !self.is_escaped {
            return Cow::Borrowed(self.text);
        }
        let mut decoded = String::with_capacity(self.text.len());
        let mut rest = self.text;
        while let Some((clean, escape)) = rest.split_once('\\') {
            decoded.push_str(clean);
            rest = match decode_escape(escape) {
                Some((character, behind)) => {
                    decoded.push(character);
                    behind
                }
                // The reader has looked at the escapes before.
                None => escape,
            };
        }
        decoded.push_str(rest);
        Cow::Owned(decoded)
    }
}

/// The character of the escape whose backslash stands in front of `text`, and what is behind it.
pub(super) fn decode_escape(text: &str) -> Option<(char, &str)> {
    let mut characters = text.chars();
    let character = match characters.next()? {
        '"' => '"',
        '\\' => '\\',
        '/' => '/',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return decode_unicode(characters.as_str()),
        _ => return None,
    };
    Some((character, characters.as_str()))
}

/// Half of a pair alone is no text.
fn decode_unicode(digits: &str) -> Option<(char, &str)> {
    let (unit, behind) = code_unit(digits)?;
    if let Some(character) = char::from_u32(unit) {
        return Some((character, behind));
    }
    let (low, behind) = code_unit(behind.strip_prefix("\\u")?)?;
    let is_pair = (0xD800..0xDC00).contains(&unit) && (0xDC00..0xE000).contains(&low);
    let character = char::from_u32(0x10000 + ((unit & 0x3FF) << 10) + (low & 0x3FF)).filter(|_| is_pair)?;
    Some((character, behind))
}

fn code_unit(text: &str) -> Option<(u32, &str)> {
    let (digits, behind) = text.split_at_checked(4)?;
    let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let unit = u32::from_str_radix(digits, 16).ok().filter(|_| is_hexadecimal)?;
    Some((unit, behind))
}
