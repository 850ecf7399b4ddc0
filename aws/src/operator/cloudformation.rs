//! CloudFormation: stacks, and what happens to them.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::{self, Capability, Stack, TemplateStage};

use super::{CallError, Target};

/// The template makes roles, and has transforms.
const CAPABILITIES: [Capability; 3] =
    [Capability::CapabilityIam, Capability::CapabilityNamedIam, Capability::CapabilityAutoExpand];

/// A stack as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeployedStack {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub id: String,
    /// `CREATE_COMPLETE`, ….
    pub status: String,
    /// The values that its parameters have.
    pub parameters: BTreeMap<String, String>,
    /// The values of its outputs.
    pub outputs: BTreeMap<String, String>,
    /// Its tags, which CloudFormation gives to what it makes.
    pub tags: BTreeMap<String, String>,
}

/// CloudFormation began or ended something with a resource of a stack, or with the stack itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackEvent {
    /// The event's own id.
    pub id: String,
    /// The resource's id; the stack's is its ARN.
    pub physical_id: String,
    /// What the resource is called in the template; the stack is called by its name.
    pub logical_id: String,
    /// Its type.
    pub kind: String,
    /// `CREATE_IN_PROGRESS`, ….
    pub status: String,
    /// What CloudFormation says about it.
    pub reason: Option<String>,
}

/// A parameter that a stack gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its value; nothing: the one that the stack has.
    pub value: Option<String>,
}

/// The stack called `name`, or with that id, if there is one.
///
/// # Errors
///
/// [`CallError`].
pub async fn describe(target: &Target, name: &str) -> Result<Option<DeployedStack>, CallError> {
    match target.cloudformation.describe_stacks().stack_name(name).send().await {
        Ok(found) => Ok(found.stacks.unwrap_or_default().into_iter().next().map(DeployedStack::from)),
        // CloudFormation has no code of its own for it.
        Err(error) if error.message().is_some_and(|message| message.contains("does not exist")) => Ok(None),
        Err(error) => Err(CallError::new("DescribeStacks", name, &error)),
    }
}

/// All stacks of the account and region; none if they may not be looked at.
pub async fn describe_all(target: &Target) -> Vec<DeployedStack> {
    let mut stacks = Vec::new();
    let mut pages = target.cloudformation.describe_stacks().into_paginator().send();
    while let Some(Ok(page)) = pages.next().await {
        stacks.extend(page.stacks.unwrap_or_default().into_iter().map(DeployedStack::from));
    }
    stacks
}

/// The text that `stack` was made from.
///
/// # Errors
///
/// [`CallError`].
pub async fn template(target: &Target, stack: &DeployedStack) -> Result<String, CallError> {
    let call = target.cloudformation.get_template().stack_name(&stack.id);
    let found = call.template_stage(TemplateStage::Original).send().await;
    let found = found.map_err(|error| CallError::new("GetTemplate", &stack.name, &error))?;
    Ok(found.template_body.unwrap_or_default())
}

/// The id of a resource of the stack called `stack`, by what the template calls it; nothing if it is not there, or may
/// not be looked at.
pub async fn physical_id(target: &Target, stack: &str, logical_id: &str) -> Option<String> {
    let call = target.cloudformation.describe_stack_resource().stack_name(stack);
    let found = call.logical_resource_id(logical_id).send().await.ok()?;
    found.stack_resource_detail?.physical_resource_id
}

/// The value that a stack of the account and region exports as `name`, if one does.
///
/// # Errors
///
/// [`CallError`].
pub async fn export(target: &Target, name: &str) -> Result<Option<String>, CallError> {
    let mut pages = target.cloudformation.list_exports().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| CallError::new("ListExports", name, &error))?;
        let exports = page.exports.unwrap_or_default();
        if let Some(export) = exports.into_iter().find(|export| export.name.as_deref() == Some(name)) {
            return Ok(export.value);
        }
    }
    Ok(None)
}

/// The newest event of the stack with this id.
///
/// # Errors
///
/// [`CallError`].
pub async fn newest_event(target: &Target, id: &str) -> Result<Option<String>, CallError> {
    let page = target.cloudformation.describe_stack_events().stack_name(id).send().await;
    let page = page.map_err(|error| CallError::new("DescribeStackEvents", id, &error))?;
    // The newest is the first.
    Ok(page.stack_events().first().and_then(|event| event.event_id.clone()))
}

/// The events of the stack with this id after the one called `last`, oldest first; all if that is none.
///
/// # Errors
///
/// [`CallError`].
pub async fn events_after(
    target: &Target,
    id: &str,
    last: Option<&str>,
) -> Result<Vec<StackEvent>, CallError> {
    let mut events = Vec::new();
    let mut pages = target.cloudformation.describe_stack_events().stack_name(id).into_paginator().send();
    // Newest first, many pages for an old stack: those that are known are not asked for.
    'pages: while let Some(page) = pages.next().await {
        let page = page.map_err(|error| CallError::new("DescribeStackEvents", id, &error))?;
        for event in page.stack_events.unwrap_or_default() {
            if event.event_id.is_some() && event.event_id.as_deref() == last {
                break 'pages;
            }
            events.push(StackEvent::from(event));
        }
    }
    events.reverse();
    Ok(events)
}

/// Begins to make the stack called `name`; answers its id.
///
/// # Errors
///
/// [`CallError`].
pub async fn create(
    target: &Target,
    name: &str,
    template_url: String,
    parameters: Vec<Parameter>,
) -> Result<String, CallError> {
    let call = target.cloudformation.create_stack().stack_name(name).template_url(template_url);
    let call = call.set_parameters(Some(parameters.into_iter().map(types::Parameter::from).collect()));
    let created = call.set_capabilities(Some(CAPABILITIES.to_vec())).send().await;
    let created = created.map_err(|error| CallError::new("CreateStack", name, &error))?;
    Ok(created.stack_id.unwrap_or_else(|| name.to_owned()))
}

/// Begins to change the stack called `name`. False if there is nothing to change.
///
/// # Errors
///
/// [`CallError`].
pub async fn update(
    target: &Target,
    name: &str,
    template_url: String,
    parameters: Vec<Parameter>,
) -> Result<bool, CallError> {
    let call = target.cloudformation.update_stack().stack_name(name).template_url(template_url);
    let call = call.set_parameters(Some(parameters.into_iter().map(types::Parameter::from).collect()));
    match call.set_capabilities(Some(CAPABILITIES.to_vec())).send().await {
        Ok(_) => Ok(true),
        // CloudFormation has no code of its own for it.
        Err(error)
            if error.message().is_some_and(|message| message.contains("No updates are to be performed")) =>
        {
            Ok(false)
        }
        Err(error) => Err(CallError::new("UpdateStack", name, &error)),
    }
}

/// Begins to delete `stack`.
///
/// # Errors
///
/// [`CallError`].
pub async fn delete(target: &Target, stack: &DeployedStack) -> Result<(), CallError> {
    let deleted = target.cloudformation.delete_stack().stack_name(&stack.id).send().await;
    deleted.map(drop).map_err(|error| CallError::new("DeleteStack", &stack.name, &error))
}

impl From<Stack> for DeployedStack {
    fn from(stack: Stack) -> Self {
        let parameters = stack.parameters.unwrap_or_default().into_iter();
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        let tags = stack.tags.unwrap_or_default().into_iter();
        Self {
            name: stack.stack_name.unwrap_or_default(),
            id: stack.stack_id.unwrap_or_default(),
            status: stack.stack_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            parameters: parameters
                .filter_map(|found| found.parameter_key.zip(found.parameter_value))
                .collect(),
            outputs: outputs.filter_map(|found| found.output_key.zip(found.output_value)).collect(),
            tags: tags.filter_map(|tag| tag.key.zip(tag.value)).collect(),
        }
    }
}

impl From<types::StackEvent> for StackEvent {
    fn from(event: types::StackEvent) -> Self {
        Self {
            id: event.event_id.unwrap_or_default(),
            physical_id: event.physical_resource_id.unwrap_or_default(),
            logical_id: event.logical_resource_id.unwrap_or_default(),
            kind: event.resource_type.unwrap_or_default(),
            status: event.resource_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            reason: event.resource_status_reason.filter(|reason| !reason.is_empty()),
        }
    }
}

impl From<Parameter> for types::Parameter {
    fn from(Parameter { name, value }: Parameter) -> Self {
        let is_kept = value.is_none().then_some(true);
        Self::builder().parameter_key(name).set_parameter_value(value).set_use_previous_value(is_kept).build()
    }
}
