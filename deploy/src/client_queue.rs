//! The queue that a stack makes for a client, as the stack's own template has it.

use std::collections::BTreeMap;

use aws::operator::Target;
use aws::operator::cloudformation::{self, DeployedStack};
use serde_yaml_ng::Value;

use crate::error::DeployError;
use crate::template::TemplateError;

/// The loop and the resource in it that make a queue for each client.
const LOOP: &str = "Fn::ForEach::ClientQueues";
const QUEUE: &str = "Queue${Client}";

/// What is not an attribute of a queue.
const OTHERS: [&str; 2] = ["QueueName", "Tags"];

/// The attributes of every queue that `stack` makes for a client, but for the policy, by SQS's names for them.
///
/// # Errors
///
/// [`DeployError::Call`]: the template can't be fetched. [`DeployError::Template`]: it has no such queue, or one that
/// this release can't read.
pub async fn client_queue_attributes(
    target: &Target,
    stack: &DeployedStack,
) -> Result<BTreeMap<String, String>, DeployError> {
    let template = cloudformation::template(target, stack).await?;
    Ok(attributes(&template, &stack.parameters)?)
}

/// The same of a template with these `parameters`. CloudFormation calls the attributes as SQS does.
fn attributes(
    template: &str,
    parameters: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, TemplateError> {
    let template: Value = serde_yaml_ng::from_str(template)
        .map_err(|error| TemplateError::Yaml { reason: error.to_string() })?;
    let each = template.get("Resources").and_then(|resources| resources.get(LOOP)?.get(2)?.get(QUEUE));
    let properties = each.and_then(|queue| queue.get("Properties")?.as_mapping());
    let no_queue = || TemplateError::Resource { logical_id: QUEUE.to_owned(), count: 0 };
    let scope = Scope { template: &template, parameters };
    let mut attributes = BTreeMap::new();
    for (name, value) in properties.ok_or_else(no_queue)? {
        let name = name.as_str().unwrap_or_default();
        if OTHERS.contains(&name) {
            continue;
        }
        let unreadable =
            || TemplateError::Property { logical_id: QUEUE.to_owned(), property: name.to_owned() };
        if let Text::Some(text) = scope.text(value).ok_or_else(unreadable)? {
            attributes.insert(name.to_owned(), text);
        }
    }
    Ok(attributes)
}

/// What a template's functions refer to.
#[derive(Clone, Copy)]
struct Scope<'t> {
    template: &'t Value,
    parameters: &'t BTreeMap<String, String>,
}

/// The value of a property.
#[derive(PartialEq)]
enum Text {
    Some(String),
    /// The property is left out: `AWS::NoValue`.
    NoValue,
}

impl Scope<'_> {
    /// The value of `value`. `None` for what is neither plain nor one of the functions that queues use.
    fn text(&self, value: &Value) -> Option<Text> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => number.to_string(),
            _ => {
                let (function, argument) = function(value)?;
                return match function.as_str() {
                    "Ref" => self.reference(argument.as_str()?),
                    "If" => {
                        let branch = if self.holds(argument.get(0)?.as_str()?)? { 1 } else { 2 };
                        self.text(argument.get(branch)?)
                    }
                    _ => None,
                };
            }
        };
        Some(Text::Some(text))
    }

    fn reference(&self, name: &str) -> Option<Text> {
        if name == "AWS::NoValue" {
            return Some(Text::NoValue);
        }
        if let Some(value) = self.parameters.get(name) {
            return Some(Text::Some(value.clone()));
        }
        self.text(self.template.get("Parameters")?.get(name)?.get("Default")?)
    }

    /// Whether the condition called `name` holds.
    fn holds(&self, name: &str) -> Option<bool> {
        self.is_true(self.template.get("Conditions")?.get(name)?)
    }

    fn is_true(&self, condition: &Value) -> Option<bool> {
        let (function, argument) = function(condition)?;
        match function.as_str() {
            "Not" => Some(!self.is_true(argument.get(0)?)?),
            "Equals" => Some(self.text(argument.get(0)?)? == self.text(argument.get(1)?)?),
            _ => None,
        }
    }
}

/// A function and its argument, in its short form, `!If […]`, or its long one.
fn function(value: &Value) -> Option<(String, &Value)> {
    match value {
        Value::Tagged(tagged) => {
            Some((tagged.tag.to_string().trim_start_matches('!').to_owned(), &tagged.value))
        }
        Value::Mapping(mapping) if mapping.len() == 1 => {
            let (name, argument) = mapping.iter().next()?;
            Some((name.as_str()?.trim_start_matches("Fn::").to_owned(), argument))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const TEMPLATE: &str = include_str!("../../template.yml");

    fn check(template: &str, key: Option<&str>, expected: &Expect) {
        let key = key.map(|key| ("KmsKeyArn".to_owned(), key.to_owned()));
        let found = attributes(template, &key.into_iter().collect());
        let text = match found {
            Ok(found) => found.iter().map(|(name, value)| format!("{name}={value}\n")).collect(),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn a_clients_queue_is_as_the_template_and_the_stacks_parameters_say() {
        let of_sqs = expect![[r#"
            DeduplicationScope=messageGroup
            FifoQueue=true
            FifoThroughputLimit=perMessageGroupId
            MaximumMessageSize=1048576
            MessageRetentionPeriod=1209600
            SqsManagedSseEnabled=true
            VisibilityTimeout=180
        "#]];
        check(TEMPLATE, None, &of_sqs);
        check(TEMPLATE, Some(""), &of_sqs);
        check(
            TEMPLATE,
            Some("arn:aws:kms:eu-west-2:111122223333:key/1"),
            &expect![[r#"
                DeduplicationScope=messageGroup
                FifoQueue=true
                FifoThroughputLimit=perMessageGroupId
                KmsMasterKeyId=arn:aws:kms:eu-west-2:111122223333:key/1
                MaximumMessageSize=1048576
                MessageRetentionPeriod=1209600
                VisibilityTimeout=180
            "#]],
        );
    }

    /// `sam deploy` writes a template so.
    #[test]
    fn functions_are_read_in_their_long_form() {
        let long = r#"{"Conditions": {"HasKey": {"Fn::Not": [{"Fn::Equals": [{"Ref": "KmsKeyArn"}, ""]}]}},
            "Resources": {"Fn::ForEach::ClientQueues": ["Client", {"Ref": "Clients"}, {"Queue${Client}": {"Properties": {
                "QueueName": {"Fn::Sub": "x"}, "FifoQueue": true,
                "SqsManagedSseEnabled": {"Fn::If": ["HasKey", {"Ref": "AWS::NoValue"}, true]},
                "KmsMasterKeyId": {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}}}}]}}"#;
        check(
            long,
            Some("arn"),
            &expect![[r#"
                FifoQueue=true
                KmsMasterKeyId=arn
            "#]],
        );
    }

    #[test]
    fn what_cannot_be_read_is_not_guessed() {
        check(
            "Resources: {}",
            None,
            &expect!["the template has 0 resources `Queue${Client}`; there must be one"],
        );
        check(
            &TEMPLATE.replace("VisibilityTimeout: 180\n", "VisibilityTimeout: !FindInMap [A, B, C]\n"),
            None,
            &expect![
                "resource `Queue${Client}` has a `VisibilityTimeout` that can't be read here; deploy with this version of `fanoutctl`, and try again"
            ],
        );
    }
}
