//! A DynamoDB item as JSON text: lossless, deterministic, in one pass from the bytes of a stream record.
//!
//! The same item gives the same text, whatever the order of its maps and sets and wherever it is read.

mod number;
mod read;
mod record;
// One generator of items for the tests in here and for those of the crates that read items.
#[cfg(test)]
#[path = "../../testkit/src/samples/image.rs"]
pub mod samples;
mod text;
mod write;

use std::borrow::Cow;
use std::fmt;

use crate::config::Path;
use crate::ids::Key;
use read::ScanPosition;

pub use number::Decimal;
pub use record::{NewImage, Record, RecordError};
pub use text::Text;
pub(crate) use text::{first_special, sqs_safe};
pub use write::{List, Map, Writer};

/// How many values may lie inside each other. DynamoDB stores 32 levels ("Quotas: nested attribute depth"); the rest
/// is room for other ways of counting.
pub const DEPTH_LIMIT: usize = 50;

/// An item as JSON, and the values it has at the paths that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image<'v> {
    /// The item as one JSON object: only characters that SQS accepts, names sorted by their UTF-8 bytes at every
    /// level, no white space.
    ///
    /// Strings stay as they are, escaped. Numbers are DynamoDB's own digits. Bytes are standard base64. Sets are
    /// arrays: strings and bytes sorted bytewise, numbers by value.
    pub json: String,
    /// What is at each path of [`WantedPaths`], in its order.
    pub fields: Vec<Field<'v>>,
}

/// What an item has at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field<'v> {
    /// Nothing: the path, or a map on its way, is missing.
    Absent,
    /// A string, a number or bytes.
    Scalar(Scalar<'v>),
    /// A value of another type.
    Other(Type),
}

/// A value that can be a key, borrowed from the item as far as that is written without escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar<'v> {
    /// A string.
    S(Cow<'v, str>),
    /// A number, as DynamoDB writes it.
    N(Cow<'v, str>),
    /// Bytes.
    B(Vec<u8>),
}

/// The paths whose values are taken along while an item is converted. Prepared once, at cold start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedPaths {
    count: usize,
    root: Node,
}

/// An attribute on the way to wanted values, and the fields that its own value fills.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Node {
    name: String,
    fields: Vec<usize>,
    children: Vec<Node>,
}

/// DynamoDB's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// A string.
    S,
    /// A number.
    N,
    /// Bytes.
    B,
    /// True or false.
    Bool,
    /// Null.
    Null,
    /// A map.
    M,
    /// A list.
    L,
    /// A set of strings.
    Ss,
    /// A set of numbers.
    Ns,
    /// A set of byte strings.
    Bs,
}

/// Why there is no JSON of an item. It names the attribute, and holds neither values of the item nor names inside of
/// the attribute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {fault}", place(path))]
pub struct ImageError {
    /// Where in the item: `RegistrationNumber.*[2]`. Empty for the item itself.
    pub path: String,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with an attribute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// `{}`.
    #[error("no type")]
    NoType,
    /// `{"S": "", "N": "0"}`.
    #[error("more than one type")]
    SeveralTypes,
    /// A type that DynamoDB did not have when this was written.
    #[error("unknown type `{0}`")]
    UnknownType(String),
    /// A type and a value that do not belong together.
    #[error("of type `{0}`, but its value is {1}")]
    WrongValue(Type, &'static str),
    /// A number that JSON cannot show.
    #[error("not a number as JSON writes it")]
    Number,
    /// Bytes that are not standard base64.
    #[error("not standard base64 with padding")]
    Base64,
    /// A map that has a name twice.
    #[error("there twice")]
    RepeatedName,
    /// A set that has a member twice.
    #[error("a set with a member twice")]
    RepeatedMember,
    /// A key attribute of another type than a key can have.
    #[error("not a string, a number or bytes, and only they can be keys")]
    NotAKey,
    /// Something else than DynamoDB's JSON.
    #[error("not a typed value as DynamoDB writes it")]
    Malformed,
    /// More than [`DEPTH_LIMIT`] values inside each other.
    #[error("deeper than {DEPTH_LIMIT} levels")]
    Depth,
}

/// Converts a DynamoDB item (`NewImage` of a stream record: names and typed values) to JSON.
///
/// # Errors
///
/// [`ImageError`] if `raw` is not such an item; it names the attribute. Nothing is guessed, dropped or rounded.
pub fn convert<'v>(raw: &'v str, wanted: &WantedPaths) -> Result<Image<'v>, ImageError> {
    let mut writer = Writer::new(wanted, raw.len());
    let written = ScanPosition::new(raw.as_bytes()).read(&mut writer);
    writer.finish(written)
}

fn place(path: &str) -> String {
    if path.is_empty() { "the image".to_owned() } else { format!("attribute `{path}`") }
}

impl Scalar<'_> {
    /// The value as a key.
    pub fn to_key(&self) -> Key {
        match self {
            Self::S(text) => Key::S(text.as_ref().to_owned()),
            Self::N(number) => Key::N(number.as_ref().to_owned()),
            Self::B(bytes) => Key::B(bytes.clone()),
        }
    }

    /// Whether it is the empty string or no bytes.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::S(text) | Self::N(text) => text.is_empty(),
            Self::B(bytes) => bytes.is_empty(),
        }
    }
}

impl WantedPaths {
    /// Takes along the values at `paths`. A path leads through maps only; the same path may occur twice.
    pub fn new<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Self {
        let mut wanted = Self::default();
        for path in paths {
            wanted.root.insert(&path.0, wanted.count);
            wanted.count += 1;
        }
        wanted
    }
}

impl Node {
    fn insert(&mut self, names: &[String], field: usize) {
        let Some((name, rest)) = names.split_first() else {
            self.fields.push(field);
            return;
        };
        if let Some(child) = self.children.iter_mut().find(|child| child.name == *name) {
            return child.insert(rest, field);
        }
        let mut child = Node { name: name.clone(), ..Node::default() };
        child.insert(rest, field);
        self.children.push(child);
    }

    fn child(&self, name: &[u8]) -> Option<&Self> {
        self.children.iter().find(|child| child.name.as_bytes() == name)
    }
}

impl Type {
    #[inline]
    fn from_letter(tag: u8) -> Option<Self> {
        Some(match tag {
            b'S' => Self::S,
            b'N' => Self::N,
            b'B' => Self::B,
            b'M' => Self::M,
            b'L' => Self::L,
            _ => return None,
        })
    }

    fn from_tag(tag: &[u8]) -> Option<Self> {
        Some(match tag {
            b"S" => Self::S,
            b"N" => Self::N,
            b"B" => Self::B,
            b"BOOL" => Self::Bool,
            b"NULL" => Self::Null,
            b"M" => Self::M,
            b"L" => Self::L,
            b"SS" => Self::Ss,
            b"NS" => Self::Ns,
            b"BS" => Self::Bs,
            _ => return None,
        })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::S => "S",
            Self::N => "N",
            Self::B => "B",
            Self::Bool => "BOOL",
            Self::Null => "NULL",
            Self::M => "M",
            Self::L => "L",
            Self::Ss => "SS",
            Self::Ns => "NS",
            Self::Bs => "BS",
        })
    }
}

#[cfg(test)]
mod tests;
