//! A setting that a deploy changes.

use std::borrow::Cow;

use serde::Serialize;

/// A setting that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The name of a template's parameter, or section and key of the config: `source.time`; for a client's,
    /// `client.filter`, `client.erasures`, `client.request_role` or `client.push` and whose.
    pub name: Cow<'static, str>,
    /// The value now; none in a new stack.
    pub old: Option<String>,
    /// The value after the deploy.
    pub new: String,
}
