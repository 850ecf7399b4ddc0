//! Text that SQS accepts: what JSON must escape, and what SQS refuses although JSON does not mind.

use std::borrow::Cow;
use std::io::Write as _;

use super::Fault;

/// A string, in the form in which it came. A literal is JSON's, quotes included, just as [`push_literal`] writes it.
///
/// The bytes may be no UTF-8: [`Writer::finish`](super::Writer::finish) looks at those of all strings at once.
#[derive(Clone, Debug)]
pub enum Text<'t> {
    /// A literal without escapes, and the same without its quotes.
    Plain {
        /// With its quotes.
        literal: &'t [u8],
        /// Without them.
        value: &'t [u8],
    },
    /// A literal with escapes, all of two characters.
    Escaped(&'t [u8]),
    /// The string itself.
    Value(Cow<'t, [u8]>),
}

impl<'t> Text<'t> {
    #[inline]
    pub(super) fn as_value(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Plain { value, .. } => Cow::Borrowed(value),
            Self::Escaped(literal) => Cow::Owned(unescaped(literal)),
            Self::Value(value) => Cow::Borrowed(value),
        }
    }

    #[inline]
    pub(super) fn into_value(self) -> Cow<'t, [u8]> {
        match self {
            Self::Plain { value, .. } => Cow::Borrowed(value),
            Self::Escaped(literal) => Cow::Owned(unescaped(literal)),
            Self::Value(value) => value,
        }
    }

    /// The string, if it is UTF-8.
    pub(super) fn try_into_str(self) -> Result<Cow<'t, str>, Fault> {
        match self.into_value() {
            Cow::Borrowed(text) => std::str::from_utf8(text).map(Cow::Borrowed).map_err(|_| Fault::Malformed),
            Cow::Owned(text) => String::from_utf8(text).map(Cow::Owned).map_err(|_| Fault::Malformed),
        }
    }

    /// Writes the string as [`push_literal`] does.
    #[inline]
    pub(super) fn push_to(&self, json: &mut Vec<u8>) {
        match self {
            Self::Plain { literal, .. } | Self::Escaped(literal) => json.extend_from_slice(literal),
            Self::Value(value) => push_literal(json, value),
        }
    }
}

impl<'t> From<&'t str> for Text<'t> {
    fn from(text: &'t str) -> Self {
        Self::Value(Cow::Borrowed(text.as_bytes()))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Value(Cow::Owned(text.into_bytes()))
    }
}

/// What the literal of [`Text::Escaped`] means.
#[inline(never)]
fn unescaped(literal: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(literal.len());
    let mut rest = literal.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or_default();
    while let Some((clean, [_, escaped, after @ ..])) = rest.split_at_checked(backslash(rest)) {
        text.extend_from_slice(clean);
        text.push(match escaped {
            b'b' => 0x8,
            b't' => b'\t',
            b'n' => b'\n',
            b'f' => 0xC,
            b'r' => b'\r',
            itself => *itself,
        });
        rest = after;
    }
    text.extend_from_slice(rest);
    text
}

fn backslash(text: &[u8]) -> usize {
    text.iter().position(|&byte| byte == b'\\').unwrap_or(text.len())
}

/// Writes `text` as a JSON string literal, quotes included, in characters that SQS accepts.
#[inline(never)]
pub(super) fn push_literal(json: &mut Vec<u8>, text: &[u8]) {
    json.push(b'"');
    let mut rest = text;
    loop {
        let (clean, special) = rest.split_at_checked(first_special(rest, 0)).unwrap_or_default();
        json.extend_from_slice(clean);
        rest = match special {
            [] => break,
            [0xEF, 0xBF, last @ (0xBE | 0xBF), after @ ..] => {
                json.extend_from_slice(if *last == 0xBE { b"\\ufffe" } else { b"\\uffff" });
                after
            }
            [byte, after @ ..] => {
                push_escaped(json, *byte);
                after
            }
        };
    }
    json.push(b'"');
}

/// `text`, with each character that SQS refuses escaped as in JSON. (A backslash stays as it is.)
pub(crate) fn sqs_safe(text: &str) -> Cow<'_, str> {
    if !text.contains(is_refused) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_refused(character) { push_code_unit(&mut safe, character) } else { safe.push(character) }
    }
    Cow::Owned(safe)
}

/// What is not `#x9`, `#xA`, `#xD`, `#x20` to `#xD7FF`, `#xE000` to `#xFFFD` or above `#xFFFF` (`SendMessage`).
fn is_refused(character: char) -> bool {
    matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

fn push_escaped(json: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' => json.extend_from_slice(b"\\\""),
        b'\\' => json.extend_from_slice(b"\\\\"),
        0x8 => json.extend_from_slice(b"\\b"),
        b'\t' => json.extend_from_slice(b"\\t"),
        b'\n' => json.extend_from_slice(b"\\n"),
        0xC => json.extend_from_slice(b"\\f"),
        b'\r' => json.extend_from_slice(b"\\r"),
        // Writing to a vector cannot fail.
        control @ ..0x20 => _ = write!(json, "\\u{control:04x}"),
        harmless => json.push(harmless),
    }
}

fn push_code_unit(text: &mut String, character: char) {
    text.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        let digit = u32::from(character) >> shift & 0xF;
        text.extend(char::from_digit(digit, 16));
    }
}

/// The place from `from` on of the first byte that may begin a character to be escaped, or the length of `text`. It is
/// always a character's first byte.
///
/// Eight bytes at a time: most strings are short, and the way to their end is most of the cost of reading an item.
#[inline]
pub(crate) fn first_special(text: &[u8], from: usize) -> usize {
    let mut rest = text.get(from..).unwrap_or_default();
    while let Some((word, after)) = rest.split_first_chunk() {
        let hits = special_bytes(u64::from_le_bytes(*word));
        if hits != 0 {
            return text.len() - rest.len() + hits.trailing_zeros() as usize / 8;
        }
        rest = after;
    }
    text.len() - rest.len() + rest.iter().position(|&byte| is_special(byte)).unwrap_or(rest.len())
}

/// `0xEF` begins U+F000 to U+FFFF, the last two of which are escaped.
fn is_special(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'\\' | 0xEF)
}

/// Sets the highest bit of the first byte of `word` that [is special](is_special), and none below it.
#[inline]
fn special_bytes(word: u64) -> u64 {
    const fn each(byte: u8) -> u64 {
        u64::MAX / 0xFF * byte as u64
    }
    // A subtraction borrows only from bytes above one that was hit, so that the first hit is true.
    // Turning over the bit in which they differ makes the quotation mark 0x20, right behind the control characters,
    // which stay below it.
    let control_or_quote = (word ^ each(b'"' ^ 0x20)).wrapping_sub(each(0x21));
    let backslash = (word ^ each(b'\\')).wrapping_sub(each(1));
    let ef = (word ^ each(0xEF)).wrapping_sub(each(1));
    (((control_or_quote | backslash) & !word) | (ef & word)) & each(0x80)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::image::samples::string;

    fn literal(text: &str) -> String {
        let mut json = Vec::new();
        push_literal(&mut json, text.as_bytes());
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn characters() {
        let table = [
            ("", r#""""#),
            ("Nominee 17 – Zoë", r#""Nominee 17 – Zoë""#),
            ("a\"b\\c/d", r#""a\"b\\c/d""#),
            (
                "\0\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1f}\u{7f}\u{85}",
                "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\u{7f}\u{85}\"",
            ),
            ("\u{fffd}\u{fffe}\u{ffff}\u{10000}\u{1fffe}", "\"\u{fffd}\\ufffe\\uffff\u{10000}\u{1fffe}\""),
            ("\u{d7ff}\u{e000}\u{f000}，\u{feff}", "\"\u{d7ff}\u{e000}\u{f000}，\u{feff}\""),
        ];
        for (text, expected) in table {
            assert_eq!(literal(text), expected, "{text:?}");
        }
    }

    #[test]
    fn attributes_escape_only_what_sqs_refuses() {
        let table = [
            ("a \"b\" \\c\t\n\r", "a \"b\" \\c\t\n\r"),
            ("a\u{0}\u{c}\u{1f}", "a\\u0000\\u000c\\u001f"),
            ("\u{fffe}Zoë\u{ffff}", "\\ufffeZoë\\uffff"),
        ];
        for (text, expected) in table {
            assert_eq!(sqs_safe(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back_and_sqs_accepts_it(text in string()) {
            let json = literal(&text);
            prop_assert!(!json.contains(is_refused) && !json.contains(['\t', '\n', '\r']));
            prop_assert!(!sqs_safe(&text).contains(is_refused));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        /// The place of a special character must not matter to a scan that takes many bytes at once.
        #[test]
        fn escapes_are_those_of_serde_json(clean in 0_usize..40, special in "[\"\\\\\n\u{1}\u{f000}é]{0,3}", tail in 0_usize..40) {
            let text = format!("{}{special}{}", "x".repeat(clean), "y".repeat(tail));
            prop_assert_eq!(literal(&text), serde_json::to_string(&text).unwrap());
        }
    }
}
