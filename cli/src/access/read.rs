//! Reads a policy. Where IAM takes one value or a list, it is a list here.

use serde_json::{Map, Value};

/// Text that is not a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a policy: {0}")]
pub struct InvalidPolicy(String);

/// One statement, with IAM's optional elements filled in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statement {
    /// The `Sid`, or else the statement's number, counted from 1.
    pub(super) name: String,
    pub(super) effect: Effect,
    /// The principals that it is about. Services and other kinds of identity are left out: the sender is a role.
    pub(super) principals: Scope,
    pub(super) actions: Scope,
    pub(super) resources: Scope,
    pub(super) conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// The principals that a statement is about, or the actions or resources, as patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Only(Vec<String>),
    AllBut(Vec<String>),
}

/// One operator and key of a statement's `Condition`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// `StringEquals`, `ForAllValues:ArnLikeIfExists`, ….
    pub(super) operator: String,
    /// In lower case: IAM compares keys without regard to case.
    pub(super) key: String,
    pub(super) values: Vec<String>,
}

pub(super) fn statements(text: &str) -> Result<Vec<Statement>, InvalidPolicy> {
    let policy: Value = serde_json::from_str(text).map_err(|error| InvalidPolicy(error.to_string()))?;
    let Some(statements) = policy.get("Statement") else {
        return Err(InvalidPolicy("it has no `Statement`".to_owned()));
    };
    let statements = match statements {
        Value::Array(statements) => statements.iter().collect(),
        one => vec![one],
    };
    statements.into_iter().enumerate().map(|(index, value)| statement(index + 1, value)).collect()
}

fn statement(number: usize, value: &Value) -> Result<Statement, InvalidPolicy> {
    let invalid = |what: &str| InvalidPolicy(format!("statement {number} {what}"));
    let statement = value.as_object().ok_or_else(|| invalid("is no object"))?;
    let effect = match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return Err(invalid("has no `Effect`")),
    };
    let name = statement.get("Sid").and_then(Value::as_str).filter(|sid| !sid.is_empty());
    let scope = |only: &str, all_but: &str| match (statement.get(only), statement.get(all_but)) {
        (Some(value), _) => Some(Scope::Only(names(value))),
        (None, Some(value)) => Some(Scope::AllBut(names(value))),
        (None, None) => None,
    };
    Ok(Statement {
        name: name.map_or_else(|| number.to_string(), str::to_owned),
        effect,
        principals: scope("Principal", "NotPrincipal").unwrap_or(Scope::Only(Vec::new())),
        actions: scope("Action", "NotAction").ok_or_else(|| invalid("has no `Action`"))?,
        resources: scope("Resource", "NotResource").ok_or_else(|| invalid("has no `Resource`"))?,
        conditions: statement.get("Condition").and_then(Value::as_object).map(conditions).unwrap_or_default(),
    })
}

/// The patterns of actions or resources, or the principals, of which only those of AWS can be a role.
fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Object(kinds) => kinds.get("AWS").map(texts).unwrap_or_default(),
        other => texts(other),
    }
}

fn conditions(operators: &Map<String, Value>) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        for (key, values) in keys.as_object().into_iter().flatten() {
            let (operator, key) = (operator.clone(), key.to_ascii_lowercase());
            conditions.push(Condition { operator, key, values: texts(values) });
        }
    }
    conditions
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Bool(_) | Value::Number(_) => vec![value.to_string()],
        Value::Null | Value::Object(_) => Vec::new(),
    }
}
