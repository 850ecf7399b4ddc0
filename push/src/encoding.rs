//! How text is written where a request takes only a part of ASCII.

/// Bytes with `%XX` for each that is neither a letter, a digit, nor one of `-._~` and `plain`.
pub(crate) fn percent_encoded(text: &str, plain: &[u8]) -> String {
    percent_encoded_unless(text, |byte| {
        byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || plain.contains(&byte)
    })
}

/// `text` as a header can have it: what isn't visible ASCII, and `%`, as `%XX`.
pub(crate) fn header_value(text: &str) -> String {
    percent_encoded_unless(text, |byte| byte.is_ascii_graphic() && byte != b'%')
}

fn percent_encoded_unless(text: &str, is_plain: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            let digits = [byte >> 4, byte & 0xF].into_iter();
            let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
            encoded.extend(digits.map(|digit| digit.to_ascii_uppercase()));
        }
    }
    encoded
}

/// `application/x-www-form-urlencoded`.
pub(crate) fn form<'f>(fields: impl IntoIterator<Item = (&'f str, &'f str)>) -> String {
    let encoded = |text| percent_encoded(text, b"");
    let fields = fields.into_iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    fields.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_headers_and_paths_is_encoded() {
        assert_eq!(header_value("Mark created: 100% é\n"), "Mark%20created:%20100%25%20%C3%A9%0A");
        assert_eq!(percent_encoded("a/b c~é%20", b"/"), "a/b%20c~%C3%A9%2520");
        assert_eq!(form([("a b", "c&d=é"), ("e", "")]), "a%20b=c%26d%3D%C3%A9&e=");
    }
}
