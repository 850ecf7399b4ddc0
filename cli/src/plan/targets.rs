//! Where events are pushed to after a deploy, and what of it changes.

use std::collections::BTreeSet;

use serde::Serialize;
use shared::config::{Client, Config, Push, PushTarget, SecretArn, WebhookTarget};
use shared::naming::Naming;
use shared::text::printable;

use super::{RunningStack, Setting};
use crate::target_report::TargetReport;

/// The key of a client's kind and target.
const TARGET: &str = "client.push";

/// A target after the deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedTarget {
    /// Whether the client's events don't go there now, or that isn't known.
    pub is_new: bool,
    /// The target.
    pub target: TargetReport,
}

/// The targets of `config`.
pub(super) fn planned(config: &Config, naming: &Naming, running: &RunningStack) -> Vec<PlannedTarget> {
    let planned = |client: &Client| {
        let target = TargetReport::of(client, Some(naming))?;
        let now = push_now(client, running.config.as_ref());
        let is_new = now.map(|push| push.target.to_string())
            != client.push.as_ref().map(|push| push.target.to_string());
        Some(PlannedTarget { is_new, target })
    };
    config.clients.iter().filter_map(planned).collect()
}

/// The text of all targets, for a stack in this account and region; empty if there is none.
pub(super) fn to_text(targets: &[PlannedTarget], account: &str, region: &str) -> String {
    if targets.is_empty() {
        return String::new();
    }
    let mut text = "Targets that the stack itself delivers events to:\n".to_owned();
    for PlannedTarget { is_new, target } in targets {
        let set_off = if *is_new { "NEW " } else { "    " };
        text += &format!("  {set_off}{}\n", target.to_text(Some((account, region))));
    }
    text
}

/// What a client's consumer, or its targets, have to do with a change of where its events go; none for other settings.
pub(super) fn handover(Setting { name, old, new }: &Setting) -> Option<String> {
    let client = name.strip_prefix(TARGET)?.strip_prefix(" of ")?;
    let old = old.as_deref().unwrap_or_default();
    if old.is_empty() {
        return Some(format!(
            "ATTENTION: from the deploy on the stack itself reads {client}'s queue; stop its consumer before, or each of them gets a \
             part of the events"
        ));
    }
    if new.is_empty() {
        return Some(format!(
            "ATTENTION: the stack no longer delivers {client}'s events to {}; they stay in its queue until a consumer reads them",
            printable(old)
        ));
    }
    Some(format!(
        "{client}'s new target gets what its old one has not taken, what waits in the queue included, and nothing from before"
    ))
}

fn push_now<'c>(client: &Client, running: Option<&'c Config>) -> Option<&'c Push> {
    let now = running?.clients.iter().find(|now| now.name == client.name)?;
    now.push.as_ref()
}

/// What changes for the clients that are in both configs.
pub(super) fn changes(old: &Config, config: &Config) -> Vec<Setting> {
    let of_client = |client: &Client| {
        let before = old.clients.iter().find(|before| before.name == client.name)?;
        Some(changes_of(&client.name.to_string(), before.push.as_ref(), client.push.as_ref()))
    };
    config.clients.iter().filter_map(of_client).flatten().collect()
}

fn changes_of(client: &str, old: Option<&Push>, new: Option<&Push>) -> Vec<Setting> {
    if old == new {
        return Vec::new();
    }
    let [old_values, new_values] = [old, new].map(|push| push.map(values).unwrap_or_default());
    let keys: BTreeSet<&str> = old_values.iter().chain(&new_values).map(|value| value.key).collect();
    let of_key = |key: &str| {
        let find = |values: &[Value]| values.iter().find(|value| value.key == key).cloned();
        let (old, new) = (find(&old_values), find(&new_values));
        let is_same = old.as_ref().map(|value| &value.whole) == new.as_ref().map(|value| &value.whole);
        let shown = |value: Option<Value>| value.map(|value| value.shown).unwrap_or_default();
        let (old, mut new) = (shown(old), shown(new));
        if old == new {
            new += " (changed)";
        }
        (!is_same).then(|| Setting { name: format!("{key} of {client}").into(), old: Some(old), new })
    };
    keys.into_iter().filter_map(of_key).collect()
}

/// A value of `[client.push]`.
#[derive(Clone, Debug)]
struct Value {
    key: &'static str,
    /// Without what may be a key: a URL's query, a header's value.
    shown: String,
    /// To compare by.
    whole: String,
}

/// All values of `push`, each with its key; a kind is shown with its target.
fn values(push: &Push) -> Vec<Value> {
    let plain = |key, text: String| Value { key, shown: text.clone(), whole: text };
    let Push { target, give_up_after: _, on_refused } = push;
    let mut values = vec![
        Value { key: TARGET, shown: target.to_string(), whole: whole(target) },
        plain("client.push.on_refused", on_refused.to_string()),
    ];
    values.extend(push.give_up_after_text().map(|time| plain("client.push.give_up_after", time)));
    match target {
        PushTarget::Webhook(WebhookTarget { url: _, secret, timeout, headers, oauth }) => {
            values.push(plain("client.push.webhook.secret", secret.to_string()));
            values.push(plain("client.push.webhook.timeout", format!("{} s", timeout.as_secs())));
            if !headers.is_empty() {
                let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
                let whole = format!("{headers:?}");
                values.push(Value { key: "client.push.webhook.headers", shown: names.join(", "), whole });
            }
            if let Some(oauth) = oauth {
                let (url, secret) = (&oauth.token_url, &oauth.client_secret);
                let shown = format!("{} at {url}", oauth.client_id);
                let whole = format!("{oauth:?} {}", url.path_and_query);
                values.push(Value { key: "client.push.webhook.oauth", shown, whole });
                values.push(plain("client.push.webhook.oauth.client_secret", SecretArn::to_string(secret)));
            }
        }
        PushTarget::Lambda(target) => {
            values.push(plain("client.push.lambda.batch", target.batch.to_string()));
        }
        PushTarget::Sns(target) => {
            let attributes = target.attributes.iter().map(|(name, path)| format!("{name} = {path}"));
            let attributes = attributes.collect::<Vec<_>>().join(", ");
            values.extend(
                Some(attributes)
                    .filter(|it| !it.is_empty())
                    .map(|it| plain("client.push.sns.attributes", it)),
            );
        }
        PushTarget::EventBridge(target) => {
            values.push(plain("client.push.eventbridge.source", target.source.clone()));
            let detail_type = target.detail_type.clone();
            values.extend(detail_type.map(|it| plain("client.push.eventbridge.detail_type", it)));
        }
        PushTarget::Kinesis(_) => {}
        PushTarget::S3(target) => {
            values.extend(target.account.clone().map(|it| plain("client.push.s3.account", it)));
            values.extend(target.kms_key.clone().map(|it| plain("client.push.s3.kms_key", it)));
            let on_erased = if target.deletes_erased { "delete" } else { "keep" };
            values.push(plain("client.push.s3.on_erased", on_erased.to_owned()));
        }
    }
    values
}

/// The target with the whole of its URL.
fn whole(target: &PushTarget) -> String {
    match target {
        PushTarget::Webhook(webhook) => format!("{target} {}", webhook.url.path_and_query),
        target => target.to_string(),
    }
}
