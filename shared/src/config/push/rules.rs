//! What a `[client.push]` is checked against, and what is checked of targets in AWS.

use super::TargetArn;
use super::arn::ArnForm;
use super::host::AllowedHosts;
use crate::config::ClientView;
use crate::config::findings::Report;
use crate::config::section::Section;
use crate::naming::Naming;

/// What a `[client.push]` is checked against.
pub(in crate::config) struct PushRules<'a> {
    /// What begins each finding.
    pub(in crate::config) whose: &'a str,
    /// None: not known, so not checked.
    pub(in crate::config) allowed_accounts: Option<&'a [String]>,
    /// None: not known, so not checked.
    pub(in crate::config) allowed_hosts: Option<&'a AllowedHosts>,
    pub(in crate::config) naming: Option<&'a Naming>,
    /// What the client gets of each event; none if that is wrong.
    pub(in crate::config) view: Option<&'a ClientView>,
    /// Whether `[source]` says where events' names are.
    pub(in crate::config) has_names: bool,
}

/// The ARN of a target that may receive events; none if it is wrong, which is reported. A target may be in any region of the
/// stack's partition: the functions call it there.
pub(super) fn target_arn(
    section: &mut Section<'_>,
    key: &'static str,
    missing: &str,
    form: &ArnForm,
    rules: &PushRules<'_>,
    report: &mut Report<'_>,
) -> Option<TargetArn> {
    let text = section.required(key, missing, report)?;
    let arn = section.parsed(key, &text, |text| form.parse(text), report)?;
    let checked = check_account(&arn.account, rules).and(check_partition(&arn, rules));
    checked.map_err(|problem| section.report(text.span().start, key, problem, report)).ok()?;
    Some(arn)
}

/// Whether the account may receive events.
pub(super) fn check_account(account: &str, rules: &PushRules<'_>) -> Result<(), String> {
    let is_allowed = rules.allowed_accounts.is_none_or(|allowed| allowed.iter().any(|one| one == account));
    if is_allowed {
        return Ok(());
    }
    Err(format!(
        "account `{account}` is not among `source.allowed_accounts`; add it if it may receive every event"
    ))
}

/// Whether it is in the stack's partition, as far as that is known.
pub(super) fn check_partition(arn: &TargetArn, rules: &PushRules<'_>) -> Result<(), String> {
    match rules.naming {
        Some(naming) if naming.partition != arn.partition => Err(format!(
            "is in `{}`, the stack in `{}`; name one of the stack's partition",
            arn.partition, naming.partition
        )),
        _ => Ok(()),
    }
}
