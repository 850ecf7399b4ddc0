//! Conditions as DynamoDB's expressions. Names and values stand beside them: names can be reserved words.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::store::port::{Bounds, Condition};
use crate::store::value::{Map, Value};

use super::attributes::of_map;

/// The names and values that an expression speaks of.
#[derive(Debug, Default)]
pub(super) struct Expression {
    names: Vec<String>,
    values: Vec<AttributeValue>,
}

impl Expression {
    /// What stands for an attribute's name.
    pub(super) fn name(&mut self, name: &str) -> String {
        let place = self.names.iter().position(|known| known == name);
        let place = place.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        format!("#n{place}")
    }

    /// What stands for a text.
    pub(super) fn text(&mut self, text: &str) -> String {
        self.value(AttributeValue::S(text.to_owned()))
    }

    /// What a query adds for a sort key within bounds: one condition, or nothing.
    pub(super) fn bounds(&mut self, name: &str, bounds: Bounds<'_>) -> String {
        match (bounds.from, bounds.to) {
            (None, None) => String::new(),
            (Some(from), None) => format!(" AND {} >= {}", self.name(name), self.text(from)),
            (None, Some(to)) => format!(" AND {} <= {}", self.name(name), self.text(to)),
            (Some(from), Some(to)) => {
                format!(" AND {} BETWEEN {} AND {}", self.name(name), self.text(from), self.text(to))
            }
        }
    }

    /// The condition, as text.
    pub(super) fn condition(&mut self, condition: &Condition) -> String {
        match condition {
            Condition::Absent(name) => format!("attribute_not_exists({})", self.name(name)),
            Condition::Present(name) => format!("attribute_exists({})", self.name(name)),
            Condition::Equals(name, value) => {
                let map = of_map(&Map::from([(String::new(), Value::clone(value))]));
                let value = map.into_values().next().unwrap_or(AttributeValue::Null(true));
                format!("{} = {}", self.name(name), self.value(value))
            }
            Condition::AtMost(name, limit) => {
                format!("{} <= {}", self.name(name), self.value(AttributeValue::N(limit.to_string())))
            }
            Condition::Any(conditions) => self.joined(conditions, " OR "),
            Condition::All(conditions) => self.joined(conditions, " AND "),
        }
    }

    /// DynamoDB refuses an empty list.
    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        let names = self.names.iter().enumerate().map(|(place, name)| (format!("#n{place}"), name.clone()));
        Some(names.collect()).filter(|names: &HashMap<_, _>| !names.is_empty())
    }

    /// DynamoDB refuses an empty list.
    pub(super) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        let values = self.values.iter().enumerate();
        let values = values.map(|(place, value)| (format!(":v{place}"), value.clone()));
        Some(values.collect()).filter(|values: &HashMap<_, _>| !values.is_empty())
    }

    fn value(&mut self, value: AttributeValue) -> String {
        self.values.push(value);
        format!(":v{}", self.values.len() - 1)
    }

    fn joined(&mut self, conditions: &[Condition], with: &str) -> String {
        let parts: Vec<String> =
            conditions.iter().map(|condition| format!("({})", self.condition(condition))).collect();
        parts.join(with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_names_its_attributes_beside_it() {
        let mut expression = Expression::default();
        let version = Condition::Equals("version", Value::from(7_u64));
        let all = Condition::All(vec![version, Condition::Present("version")]);
        let any = Condition::Any(vec![Condition::Absent("key"), Condition::AtMost("expires", 9), all]);
        assert_eq!(
            expression.condition(&any),
            "(attribute_not_exists(#n0)) OR (#n1 <= :v0) OR ((#n2 = :v1) AND (attribute_exists(#n2)))"
        );
        let names = [("#n0", "key"), ("#n1", "expires"), ("#n2", "version")];
        let names = names.map(|(alias, name)| (alias.to_owned(), name.to_owned()));
        assert_eq!(expression.names(), Some(HashMap::from(names)));
        let values = [(":v0", "9"), (":v1", "7")];
        let values = values.map(|(alias, digits)| (alias.to_owned(), AttributeValue::N(digits.to_owned())));
        assert_eq!(expression.values(), Some(HashMap::from(values)));
        assert_eq!(Expression::default().names(), None);
        assert_eq!(Expression::default().values(), None);
    }
}
