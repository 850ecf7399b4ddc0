//! The values of the template's parameters in a deploy.

use std::collections::{BTreeMap, BTreeSet};

use aws::operator::cloudformation::Parameter;

/// The values for a template with the parameters `names`. A parameter that is not `set` keeps the value that the stack
/// has; if the stack has none, it is left out, and gets the template's default.
///
/// A parameter that is set, but that the template does not have, is refused by CloudFormation.
pub(crate) fn parameters(
    names: &BTreeSet<String>,
    set: &[(&'static str, String)],
    deployed: Option<&BTreeMap<String, String>>,
) -> Vec<Parameter> {
    let has_value = |name: &str| deployed.is_some_and(|deployed| deployed.contains_key(name));
    let is_set = |name: &str| set.iter().any(|(found, _)| *found == name);
    let new =
        set.iter().map(|(name, value)| Parameter { name: (*name).to_owned(), value: Some(value.clone()) });
    let kept = names.iter().filter(|name| has_value(name) && !is_set(name));
    new.chain(kept.map(|name| Parameter { name: name.clone(), value: None })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(set: &[(&'static str, &str)], deployed: Option<&str>, expected: &str) {
        let names = ["Clients", "LogRetentionDays", "QueuePrefix"].map(str::to_owned).into();
        let set: Vec<_> = set.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let deployed = deployed
            .map(|names| names.split_whitespace().map(|name| (name.to_owned(), "old".to_owned())).collect());
        let found = parameters(&names, &set, deployed.as_ref());
        let texts = found
            .iter()
            .map(|Parameter { name, value }| format!("{name}={}", value.as_deref().unwrap_or("(as it is)")));
        assert_eq!(texts.collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn a_new_stack_gets_what_is_set_and_defaults() {
        check(&[], None, "");
        check(&[("Clients", "A,B"), ("LogRetentionDays", "7")], None, "Clients=A,B LogRetentionDays=7");
    }

    #[test]
    fn a_stack_keeps_what_is_not_set() {
        check(&[("Clients", "A")], Some("Clients QueuePrefix"), "Clients=A QueuePrefix=(as it is)");
        check(
            &[],
            Some("Clients QueuePrefix LogRetentionDays"),
            "Clients=(as it is) LogRetentionDays=(as it is) QueuePrefix=(as it is)",
        );
    }

    #[test]
    fn a_parameter_that_only_the_stack_or_only_the_template_has_is_left_out() {
        check(&[], Some("Gone QueuePrefix"), "QueuePrefix=(as it is)");
        check(&[("Clients", "A")], Some(""), "Clients=A");
    }
}
