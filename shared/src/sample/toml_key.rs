//! Names as keys of TOML.

use crate::text::toml_literal;

/// `path` as a dotted TOML key: a name that holds a dot is quoted.
pub(super) fn dotted(path: &[String]) -> String {
    path.iter().map(|name| key(name)).collect::<Vec<_>>().join(".")
}

/// `name` as a TOML key.
fn key(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !name.is_empty() && name.bytes().all(is_bare) { name.to_owned() } else { toml_literal(name) }
}
