//! `[client.push.webhook]`.

use std::borrow::Cow;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::arn::consists_of;
use super::rules::PushRules;
use super::{OAuth, SecretArn, WebUrl, WebhookTarget, headers};
use crate::config::findings::Report;
use crate::config::section::{Section, Value, section};
use crate::naming::Naming;

const OAUTH: &str = "client.push.webhook.oauth";

/// How long an answer may take by default, and at most: the function has 30 s for a batch, and needs some of them itself.
const TIMEOUT: u64 = 15;
const TIMEOUT_LIMIT: u64 = 20;

/// So that a request for a token has a bounded size.
const OAUTH_TEXT_LIMIT: usize = 1_024;

const NO_SECRET: &str =
    "missing; keep the key that signs in Secrets Manager or Systems Manager, and write its ARN";

/// The target; none if something is wrong, which is reported.
pub(super) fn read(
    mut section: Section<'_>,
    rules: &PushRules<'_>,
    report: &mut Report<'_>,
) -> Option<WebhookTarget> {
    let missing =
        "missing; write where events are posted to, as in `url = \"https://hooks.example.com/marks\"`";
    let url = url(&mut section, "url", missing, rules, report);
    let secret = secret(&mut section, "secret", NO_SECRET, rules.naming, report);
    let timeout = match section.integer("timeout", report) {
        Value::Absent => Some(TIMEOUT),
        Value::Wrong => None,
        Value::Is(seconds) => {
            let within = u64::try_from(*seconds.get_ref()).ok().filter(|it| (1..=TIMEOUT_LIMIT).contains(it));
            if within.is_none() {
                let message =
                    format_args!("is not among 1 to {TIMEOUT_LIMIT} (s); leave it out for {TIMEOUT}");
                section.report(seconds.span().start, "timeout", message, report);
            }
            within
        }
    };
    let headers = match section.take("headers") {
        None => Some(Vec::new()),
        Some(value) => headers::read(rules.whose, value, report),
    };
    let oauth = match section.take("oauth") {
        None => Some(None),
        Some(value) => read_oauth(value, rules, report).map(Some),
    };
    section.finish(report);
    Some(WebhookTarget {
        url: url?,
        secret: secret?,
        timeout: Duration::from_secs(timeout?),
        headers: headers?,
        oauth: oauth?,
    })
}

fn read_oauth(value: Spanned<DeValue<'_>>, rules: &PushRules<'_>, report: &mut Report<'_>) -> Option<OAuth> {
    let shape = "a section headed `[client.push.webhook.oauth]`";
    let mut section = section(OAUTH, rules.whose, value, shape, report)?;
    let missing =
        "missing; write where tokens are had, as in `token_url = \"https://login.example.com/oauth2/token\"`";
    let token_url = url(&mut section, "token_url", missing, rules, report);
    let missing = "missing; name the client that the token is for";
    let client_id = section.required("client_id", missing, report);
    let client_id = client_id.and_then(|text| oauth_text(&section, "client_id", &text, report));
    let missing =
        "missing; keep the client's secret in Secrets Manager or Systems Manager, and write its ARN";
    let client_secret = secret(&mut section, "client_secret", missing, rules.naming, report);
    let scope = optional(&mut section, "scope", report);
    let audience = optional(&mut section, "audience", report);
    section.finish(report);
    Some(OAuth {
        token_url: token_url?,
        client_id: client_id?,
        client_secret: client_secret?,
        scope: scope?,
        audience: audience?,
    })
}

fn url(
    section: &mut Section<'_>,
    key: &'static str,
    missing: &str,
    rules: &PushRules<'_>,
    report: &mut Report<'_>,
) -> Option<WebUrl> {
    let text = section.required(key, missing, report)?;
    section.parsed(key, &text, |text| WebUrl::try_new(text, rules.allowed_hosts), report)
}

fn secret(
    section: &mut Section<'_>,
    key: &'static str,
    missing: &str,
    naming: Option<&Naming>,
    report: &mut Report<'_>,
) -> Option<SecretArn> {
    let text = section.required(key, missing, report)?;
    let arn = section.parsed(key, &text, SecretArn::try_new, report)?;
    if let Some(naming) = naming
        && naming.partition != arn.partition()
    {
        let message = format_args!(
            "is in `{}`, the stack in `{}`; keep it in the stack's partition",
            arn.partition(),
            naming.partition
        );
        section.report(text.span().start, key, message, report);
        return None;
    }
    Some(arn)
}

/// The text of `key`, if there is one; none if it is wrong.
fn optional(section: &mut Section<'_>, key: &'static str, report: &mut Report<'_>) -> Option<Option<String>> {
    match section.text(key, report) {
        Value::Absent => Some(None),
        Value::Wrong => None,
        Value::Is(text) => oauth_text(section, key, &text, report).map(Some),
    }
}

/// What RFC 6749 takes (appendix A): visible ASCII and spaces.
fn oauth_text(
    section: &Section<'_>,
    key: &str,
    text: &Spanned<Cow<'_, str>>,
    report: &mut Report<'_>,
) -> Option<String> {
    let is_right = consists_of(text.get_ref(), OAUTH_TEXT_LIMIT, " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~");
    if !is_right {
        let message = format_args!(
            "is not what a token is asked for with; use 1 to {OAUTH_TEXT_LIMIT} characters of ASCII"
        );
        section.report(text.span().start, key, message, report);
    }
    is_right.then(|| text.get_ref().clone().into_owned())
}
