//! An aggregate's key, as an operator types it.

use aws::operator::table::KeyType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use shared::control::TypedKey;
use shared::ids::Group;

use crate::exit::{Exit, Failure};

/// The most digits of a number (DynamoDB Developer Guide, "Data types").
const DIGITS_LIMIT: usize = 38;

/// The key that `text` stands for in a table whose keys are of this type.
///
/// # Errors
///
/// [`Exit::Usage`]: the text is not a key of that type.
pub fn typed_key(text: &str, of: KeyType) -> Result<TypedKey, Failure> {
    match of {
        _ if text.is_empty() => Err(Exit::Usage.because("an aggregate's key is not empty; name one")),
        KeyType::S => Ok(TypedKey::S(text.to_owned())),
        KeyType::N if is_as_written(text) => Ok(TypedKey::N(text.to_owned())),
        // Another form of it would lead to another group.
        KeyType::N => Err(Exit::Usage.because(format!(
            "`{text}` is not a number as DynamoDB writes it (`7`, `-0.5`): at most 38 digits, no needless zeros"
        ))),
        KeyType::B => STANDARD.decode(text).map(|bytes| TypedKey::B(STANDARD.encode(bytes))).map_err(|_| {
            Exit::Usage.because(format!("`{text}` is not base64, as which the bytes of a key are written"))
        }),
    }
}

/// The key of the group `text`, a `MessageGroupId`, in a table whose keys are of this type. None if `text` is not a
/// group, is the same as its key, or is only a digest of it.
pub fn key_of_group(text: &str, of: KeyType) -> Option<TypedKey> {
    let key = TypedKey::from(&Group::try_from_sqs(text).ok()?.key()?);
    let is_of_type = matches!(
        (&key, of),
        (TypedKey::S(_), KeyType::S) | (TypedKey::N(_), KeyType::N) | (TypedKey::B(_), KeyType::B)
    );
    (is_of_type && key.as_text() != text).then_some(key)
}

/// Whether `text` is a number in the one form in which DynamoDB writes it: the shortest.
fn is_as_written(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let are_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let has_point = unsigned.contains('.');
    text != "-0"
        && are_digits(whole)
        && are_digits(fraction)
        && !whole.is_empty()
        && (whole == "0" || !whole.starts_with('0'))
        && (!has_point || (!fraction.is_empty() && !fraction.ends_with('0')))
        && whole.len() + fraction.len() <= DIGITS_LIMIT
}

#[cfg(test)]
mod tests {
    use shared::ids::Key;

    use super::*;

    #[test]
    fn text_stands_for_a_key_of_the_tables_type() {
        let value = |text, of| typed_key(text, of).map_err(|error| error.to_string());
        assert_eq!(value("AFC F5", KeyType::S), Ok(TypedKey::S("AFC F5".to_owned())));
        assert_eq!(value("7", KeyType::S), Ok(TypedKey::S("7".to_owned())));
        assert_eq!(value("AP8=", KeyType::B), Ok(TypedKey::B("AP8=".to_owned())));
        for (text, of, expected) in [
            ("", KeyType::S, "an aggregate's key is not empty; name one"),
            ("", KeyType::N, "an aggregate's key is not empty; name one"),
            ("AP8", KeyType::B, "`AP8` is not base64, as which the bytes of a key are written"),
        ] {
            assert_eq!(value(text, of), Err(expected.to_owned()), "{text}");
        }
    }

    /// The group follows from the characters, and a number can be written in many ways.
    #[test]
    fn a_number_is_taken_only_as_dynamodb_writes_it() {
        let is_taken = |text: &str| typed_key(text, KeyType::N).is_ok();
        let longest = "1".repeat(38);
        for text in ["0", "7", "-7", "10", "0.5", "-0.05", "12.25", &longest] {
            assert!(is_taken(text), "{text}");
        }
        let too_long = "1".repeat(39);
        for text in ["-0", "07", "00", "+7", "7.", "7.0", ".5", "7.50", "1e3", "7 ", "seven", "-", &too_long]
        {
            assert!(!is_taken(text), "{text}");
        }
    }

    #[test]
    fn keys_are_the_same_there_and_back() {
        for key in [Key::S("AFC F5".to_owned()), Key::N("-7.5".to_owned()), Key::B(vec![0, 255])] {
            let value = TypedKey::from(&key);
            assert_eq!(Key::try_from(value.clone()), Ok(key.clone()));
            let of = match key {
                Key::S(_) => KeyType::S,
                Key::N(_) => KeyType::N,
                Key::B(_) => KeyType::B,
            };
            assert_eq!(typed_key(value.as_text(), of).unwrap(), value);
        }
    }

    #[test]
    fn a_group_leads_back_to_its_key() {
        for (key, of) in [
            (Key::S("OPS 1".to_owned()), KeyType::S),
            (Key::S("Zo\u{eb}~100%".to_owned()), KeyType::S),
            (Key::N("-7.5".to_owned()), KeyType::N),
            (Key::B(vec![0, 255, 62]), KeyType::B),
        ] {
            let group = Group::of(&key);
            assert_eq!(key_of_group(group.as_str(), of), Some(TypedKey::from(&key)), "{group:?}");
        }
        let digest = Group::of(&Key::S("long ".repeat(100)));
        for (text, of) in [
            ("AFC", KeyType::S),
            ("OPS 1", KeyType::S),
            ("OPS%2", KeyType::S),
            ("OPS%zz", KeyType::S),
            ("%FF", KeyType::S),
            ("%41", KeyType::S),
            (digest.as_str(), KeyType::S),
            ("7", KeyType::N),
            ("~b!", KeyType::B),
        ] {
            assert_eq!(key_of_group(text, of), None, "{text}");
        }
    }
}
