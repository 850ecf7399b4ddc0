//! A pattern as it is written, in TOML or in JSON, each value with its place in the text.
//!
//! Numbers keep their digits: neither form goes through a float.

use std::fmt;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::json::{BodyError, Reader, Scalar, Shape};

/// How deep a tree is looked at: more than the deepest pattern, and little for a stack. TOML's headers can name any
/// depth.
const TREE_DEPTH_LIMIT: usize = 80;

/// A value and the byte of the text at which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) tree: Tree,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    Text(String),
    /// As JSON would write it, if it could: TOML has `inf` and `nan`.
    Number(String),
    Boolean(bool),
    Null,
    /// A date or time, which only TOML has.
    Date,
    List(Vec<Node>),
    /// In the order of the text.
    Section(Vec<Member>),
    /// Something below [`TREE_DEPTH_LIMIT`].
    TooDeep,
}

/// A key of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) key: String,
    /// Where the key begins.
    pub(super) at: usize,
    pub(super) value: Node,
}

impl Tree {
    /// What it is, in a finding.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Number(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::Null => "null",
            Self::Date => "a date or time",
            Self::List(_) => "a list",
            Self::Section(_) => "a section",
            Self::TooDeep => "too deep",
        }
    }
}

/// As JSON, in which keys are sorted and numbers have the digits that were written.
impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comma = |place: usize| if place == 0 { "" } else { "," };
        match &self.tree {
            Tree::Text(text) => write!(formatter, "{}", serde_json::Value::from(text.as_str())),
            Tree::Number(number) => formatter.write_str(number),
            Tree::Boolean(value) => write!(formatter, "{value}"),
            Tree::Null => formatter.write_str("null"),
            // No pattern has these.
            Tree::Date | Tree::TooDeep => formatter.write_str("…"),
            Tree::List(nodes) => {
                formatter.write_str("[")?;
                nodes
                    .iter()
                    .enumerate()
                    .try_for_each(|(place, node)| write!(formatter, "{}{node}", comma(place)))?;
                formatter.write_str("]")
            }
            Tree::Section(members) => {
                let mut sorted: Vec<&Member> = members.iter().collect();
                sorted.sort_by(|one, other| one.key.cmp(&other.key));
                formatter.write_str("{")?;
                sorted.iter().enumerate().try_for_each(|(place, Member { key, value, .. })| {
                    write!(formatter, "{}{}:{value}", comma(place), serde_json::Value::from(key.as_str()))
                })?;
                formatter.write_str("}")
            }
        }
    }
}

/// The tree of a value of a TOML file.
pub(super) fn from_toml(value: &Spanned<DeValue<'_>>) -> Node {
    node_from_toml(value, 0)
}

/// The tree of a JSON object.
pub(super) fn from_json(text: &str) -> Result<Node, BodyError> {
    let mut reader = Reader::new(text);
    if reader.shape() != Shape::Object {
        reader.skip()?;
        reader.end()?;
        return Err(BodyError::NotAnObject);
    }
    let node = node_from_json(&mut reader, 0)?;
    reader.end()?;
    Ok(node)
}

fn node_from_toml(value: &Spanned<DeValue<'_>>, depth: usize) -> Node {
    let tree = match value.get_ref() {
        DeValue::String(text) => Tree::Text(text.to_string()),
        DeValue::Integer(number) => Tree::Number(integer(number.as_str(), number.radix())),
        DeValue::Float(number) => Tree::Number(decimal(number.as_str())),
        DeValue::Boolean(value) => Tree::Boolean(*value),
        DeValue::Datetime(_) => Tree::Date,
        DeValue::Array(_) | DeValue::Table(_) if depth == TREE_DEPTH_LIMIT => Tree::TooDeep,
        DeValue::Array(entries) => Tree::List(list_from_toml(entries, depth)),
        DeValue::Table(table) => Tree::Section(section_from_toml(table, depth)),
    };
    Node { at: value.span().start, tree }
}

fn list_from_toml(entries: &DeArray<'_>, depth: usize) -> Vec<Node> {
    let mut nodes = Vec::with_capacity(entries.len());
    for entry in entries.iter() {
        let mut node = node_from_toml(entry, depth + 1);
        if is_null(&node.tree) {
            node.tree = Tree::Null;
        }
        nodes.push(node);
    }
    nodes
}

fn section_from_toml(table: &DeTable<'_>, depth: usize) -> Vec<Member> {
    let mut members: Vec<Member> = table
        .iter()
        .map(|(key, value)| Member {
            key: key.get_ref().to_string(),
            at: key.span().start,
            value: node_from_toml(value, depth + 1),
        })
        .collect();
    members.sort_by_key(|member| member.at);
    members
}

/// Whether it is `{ null = true }`, by which TOML says null in a list.
fn is_null(tree: &Tree) -> bool {
    let Tree::Section(members) = tree else {
        return false;
    };
    matches!(members.as_slice(), [Member { key, value: Node { tree: Tree::Boolean(true), .. }, .. }] if key == "null")
}

/// An integer of TOML in JSON's digits; one in another base that is too large stays as it is, and is no number then.
fn integer(digits: &str, radix: u32) -> String {
    if radix == 10 {
        return decimal(digits);
    }
    i128::from_str_radix(digits, radix)
        .map_or_else(|_| format!("{digits} to base {radix}"), |number| number.to_string())
}

/// A number of TOML as JSON writes it: without underscores, and without a plus in front.
fn decimal(digits: &str) -> String {
    digits.strip_prefix('+').unwrap_or(digits).replace('_', "")
}

fn node_from_json(reader: &mut Reader<'_>, depth: usize) -> Result<Node, BodyError> {
    let at = reader.position();
    let tree = match reader.shape() {
        Shape::Object | Shape::Array if depth == TREE_DEPTH_LIMIT => {
            reader.skip()?;
            Tree::TooDeep
        }
        Shape::Object => {
            let mut members = Vec::new();
            reader.object(|reader, name| {
                let value = node_from_json(reader, depth + 1)?;
                members.push(Member { key: name.decoded().into_owned(), at: name.at, value });
                Ok(())
            })?;
            Tree::Section(members)
        }
        Shape::Array => {
            let mut nodes = Vec::new();
            reader.array(|reader| {
                nodes.push(node_from_json(reader, depth + 1)?);
                Ok(())
            })?;
            Tree::List(nodes)
        }
        Shape::Scalar => match reader.scalar()? {
            Scalar::Text(literal) => Tree::Text(literal.decoded().into_owned()),
            Scalar::Number(number) => Tree::Number(number.to_owned()),
            Scalar::Boolean(value) => Tree::Boolean(value),
            Scalar::Null => Tree::Null,
        },
    };
    Ok(Node { at, tree })
}
