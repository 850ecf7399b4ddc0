//! A statement's conditions (IAM User Guide, "IAM JSON policy elements: Condition operators", and "AWS global condition
//! context keys").

use super::pattern::{arn_matches, matches};
use super::read::Condition;
use super::{SendRequest, Truth};

/// The value of a condition key in the request of a role that sends over TLS.
enum RequestKey {
    Is(String),
    /// A role's request does not have the key.
    Absent,
    Unknown,
}

/// Whether a condition's value, the first argument, admits the request's.
type Comparison = fn(&str, &str) -> bool;

/// Whether all `conditions` hold for `sending`.
pub(super) fn hold(conditions: &[Condition], sending: &SendRequest<'_>) -> Truth {
    conditions.iter().fold(Truth::Yes, |truth, condition| truth.and(|| holds(condition, sending)))
}

/// Whether one of `conditions` fixes the caller or its place: AWS takes such a statement for not public (Amazon S3 User
/// Guide, "The meaning of public").
pub(super) fn narrows(conditions: &[Condition]) -> bool {
    conditions.iter().any(|condition| {
        let operator = condition.operator.trim_start_matches("ForAnyValue:");
        let names =
            ["StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "IpAddress"];
        let is_fixed = condition.values.iter().all(|value| value.chars().any(|character| character != '*'));
        names.contains(&operator) && identifies(&condition.key) && is_fixed
    })
}

fn identifies(key: &str) -> bool {
    const KEYS: &str = "aws:principalaccount aws:principalarn aws:principalorgid aws:principalorgpaths \
                        aws:principalservicename aws:sourceaccount aws:sourcearn aws:sourceip aws:sourceorgid \
                        aws:sourceorgpaths aws:sourceowner aws:sourcevpc aws:sourcevpce aws:userid aws:username \
                        aws:vpcsourceip";
    KEYS.split(' ').any(|named| named == key) || key.starts_with("aws:principaltag/")
}

fn holds(condition: &Condition, sending: &SendRequest<'_>) -> Truth {
    let Condition { operator, key, values } = condition;
    let unclear = || Truth::Unclear(format!("`{operator}` of `{key}`"));
    let value = match request_key(key, sending) {
        RequestKey::Unknown => return unclear(),
        RequestKey::Is(value) => Some(value),
        RequestKey::Absent => None,
    };
    if operator == "Null" {
        let must_be_absent = values.iter().any(|value| value == "true");
        return Truth::from(value.is_none() == must_be_absent);
    }
    let (name, if_exists) =
        operator.strip_suffix("IfExists").map_or((operator.as_str(), false), |name| (name, true));
    let Some((comparison, is_negated)) = comparison(name) else {
        return unclear();
    };
    let Some(value) = value else {
        return Truth::from(is_negated || if_exists);
    };
    if values.iter().any(|value| value.contains("${")) {
        return unclear();
    }
    let is_one = values.iter().any(|wanted| comparison(wanted, &value));
    Truth::from(is_one != is_negated)
}

fn request_key(key: &str, sending: &SendRequest<'_>) -> RequestKey {
    match key {
        "aws:principalarn" => RequestKey::Is(sending.role.to_owned()),
        "aws:principalaccount" => RequestKey::Is(sending.account.to_owned()),
        "aws:principaltype" => RequestKey::Is("AssumedRole".to_owned()),
        "aws:requestedregion" => RequestKey::Is(sending.to.region().to_owned()),
        "aws:securetransport" => RequestKey::Is("true".to_owned()),
        "aws:principalisawsservice" | "aws:viaawsservice" => RequestKey::Is("false".to_owned()),
        // Only an AWS service that calls in its own name has these.
        "aws:sourceaccount" | "aws:sourcearn" | "aws:sourceorgid" | "aws:principalservicename" => {
            RequestKey::Absent
        }
        _ => RequestKey::Unknown,
    }
}

/// How an operator compares, and whether it is negated (`StringNotEquals`).
fn comparison(operator: &str) -> Option<(Comparison, bool)> {
    let positive = operator.replacen("StringNot", "String", 1).replacen("ArnNot", "Arn", 1);
    let comparison: Comparison = match positive.as_str() {
        "StringEquals" => |wanted, value| wanted == value,
        "StringEqualsIgnoreCase" | "Bool" => str::eq_ignore_ascii_case,
        "StringLike" => matches,
        "ArnEquals" | "ArnLike" => arn_matches,
        _ => return None,
    };
    Some((comparison, positive != operator))
}
