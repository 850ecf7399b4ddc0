//! JSON of requests: one object, with nothing in it that is not known; and where it is wrong.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// Why a text is not the object that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is an array, which would be taken for the fields in their order.
    Array,
    /// It is not JSON.
    Malformed(String),
    /// A field is missing, unknown, or not what it must be.
    Field {
        /// Which one, from outside inwards; `None` if it is the object itself, or missing.
        path: Option<String>,
        /// What is wrong. It can have a value in it.
        reason: String,
    },
}

/// Reads a `T`, which takes no field that it does not know.
///
/// # Errors
///
/// [`Unreadable`].
pub(crate) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Unreadable> {
    if text.trim_ascii_start().starts_with(b"[") {
        return Err(Unreadable::Array);
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read = serde_path_to_error::deserialize(&mut reader);
    let read = read.map_err(|error| unreadable(&error.path().to_string(), error.inner()))?;
    reader.end().map_err(|error| unreadable(".", &error))?;
    Ok(read)
}

fn unreadable(path: &str, error: &serde_json::Error) -> Unreadable {
    let text = error.to_string();
    if error.classify() != Category::Data {
        return Unreadable::Malformed(text);
    }
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    Unreadable::Field { path: Some(path.to_owned()).filter(|path| path != "."), reason: reason.to_owned() }
}
