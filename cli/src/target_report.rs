//! Where the stack pushes clients' events itself, for people and programs: what leaves the account, where order ends, and
//! what becomes of what is refused.

use serde::Serialize;
use shared::config::{Client, OnRefused, Push, PushTarget, S3Target, WebhookTarget};
use shared::naming::Naming;

/// A client's target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetReport {
    /// The client's name.
    pub client: String,
    /// The kind, as the config has it: `webhook`, `lambda`, `sns`, `eventbridge`, `kinesis` or `s3`.
    pub kind: &'static str,
    /// The URL, without a query; the ARN; or the bucket and its prefix.
    pub target: String,
    /// The account that gets the events; none for a URL, and for a bucket if the stack's account isn't known.
    pub account: Option<String>,
    /// The region of the target; none for a URL and a bucket.
    pub region: Option<String>,
    /// Whether the URL's host may be one of a private network; none for what is no URL.
    pub is_internal: Option<bool>,
    /// Where tokens for the URL are had, without a query.
    pub token_url: Option<String>,
    /// Whether the target keeps the order of an aggregate's events.
    pub keeps_order: bool,
    /// After which time an event that fails counts as refused for good; none for never.
    pub give_up_after: Option<String>,
    /// What becomes of an event that is refused for good: `hold` or `skip`.
    pub on_refused: String,
    /// What becomes of an erased aggregate's objects: `delete` or `keep`; none for what is no bucket.
    pub on_erased: Option<&'static str>,
}

impl TargetReport {
    /// The target of a client that is pushed to. `naming` is where the stack is, if that is known.
    pub fn of(client: &Client, naming: Option<&Naming>) -> Option<Self> {
        let Push { target, on_refused, .. } = client.push.as_ref()?;
        let give_up_after = client.push.as_ref().and_then(Push::give_up_after_text);
        let shown = target.to_string();
        let shown = shown.strip_prefix(target.kind()).map_or(shown.as_str(), str::trim_start);
        let (is_internal, token_url) = match target {
            PushTarget::Webhook(WebhookTarget { url, oauth, .. }) => {
                (Some(url.is_internal), oauth.as_ref().map(|oauth| oauth.token_url.to_string()))
            }
            _ => (None, None),
        };
        let on_erased = match target {
            PushTarget::S3(S3Target { deletes_erased: true, .. }) => Some("delete"),
            PushTarget::S3(_) => Some("keep"),
            _ => None,
        };
        Some(Self {
            client: client.name.to_string(),
            kind: target.kind(),
            target: shown.to_owned(),
            account: account(target, naming),
            region: target.arn().map(|arn| arn.region.clone()),
            is_internal,
            token_url,
            keeps_order: target.keeps_order(),
            give_up_after,
            on_refused: on_refused.to_string(),
            on_erased,
        })
    }

    /// One line: `Billing: webhook https://hooks.example.com/marks (leaves AWS)`. `home` is the stack's account and region, if
    /// they are known.
    pub fn to_text(&self, home: Option<(&str, &str)>) -> String {
        let Self { client, kind, target, .. } = self;
        format!("{client}: {kind} {target} ({})", self.facts(home).join("; "))
    }

    /// What a reader of a plan must know of it.
    fn facts(&self, home: Option<(&str, &str)>) -> Vec<String> {
        let mut facts = vec![match (self.is_internal, &self.account, home) {
            (Some(false), ..) => "leaves AWS".to_owned(),
            (Some(true), ..) => "leaves AWS, perhaps for a private network".to_owned(),
            (None, Some(account), Some((own, _))) if account != own => {
                format!("leaves the account for {account}")
            }
            (None, Some(account), None) => format!("goes to account {account}"),
            (None, ..) => "stays in the account".to_owned(),
        }];
        if let (Some(region), Some((_, own))) = (&self.region, home)
            && region != own
        {
            facts.push(format!("in {region}"));
        }
        if let Some(url) = &self.token_url {
            facts.push(format!("with tokens from {url}"));
        }
        if !self.keeps_order {
            facts.push("order ends there".to_owned());
        }
        if let Some(time) = &self.give_up_after {
            facts.push(format!("what fails for {time} counts as refused"));
        }
        if self.on_refused != OnRefused::default().to_string() {
            facts.push("what it refuses is left out, with a rejection".to_owned());
        }
        match self.on_erased {
            Some("delete") => facts.push("an erased aggregate's objects are deleted".to_owned()),
            Some(_) => facts.push("an erased aggregate's objects are kept".to_owned()),
            None => {}
        }
        facts
    }
}

/// The account that gets the events of `target`; none for a URL, and for a bucket of the stack's if that isn't known.
pub fn account(target: &PushTarget, naming: Option<&Naming>) -> Option<String> {
    match target {
        PushTarget::S3(S3Target { account: Some(account), .. }) => Some(account.clone()),
        PushTarget::S3(_) => naming.map(|naming| naming.account.clone()),
        target => target.arn().map(|arn| arn.account.clone()),
    }
}
