//! Whether the account lets as many functions run at the same time as the stack can use.

use std::collections::BTreeMap;

use serde::Serialize;

const PARAMETER: &str = "FanOutMaximumConcurrency";

/// The template's default of [`PARAMETER`].
const DEFAULT: u32 = 6;

/// The converter, for a stream of one shard, and the catch-up.
const OTHERS: u32 = 2;

/// The mappings of push clients: the parameter with their names, that with how many batches of each are delivered at the same
/// time, and that one's default.
const PUSH: [(&str, &str, u32); 2] = [
    ("PushHttpClients", "PushHttpMaximumConcurrency", 2),
    ("PushAwsClients", "PushAwsMaximumConcurrency", 2),
];

/// The template's word for no push client.
const NO_CLIENT: &str = "00";

/// What consumers ask for, if some may: the `MaximumConcurrency` of the template's mapping.
const REQUESTS: (&str, u32) = ("RequestRoleArns", 2);

/// Fewer concurrent executions than the stack can use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConcurrencyShortage {
    /// What the account has for all functions without reserved concurrency.
    pub available: u32,
    /// What the functions of the stack use at most, if the stream has one shard.
    pub usable: u32,
}

impl ConcurrencyShortage {
    /// Compares what the account has with what the stack can use after a deploy that sets `parameters`. None: it
    /// suffices, or isn't known.
    pub(super) fn of(
        available: Option<u32>,
        parameters: &[(&'static str, String)],
        running: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let value = |name: &str| {
            let set = parameters.iter().find(|(set, _)| *set == name).map(|(_, value)| value);
            set.or_else(|| running.get(name))
        };
        let fan_outs = value(PARAMETER).and_then(|text| text.parse().ok()).unwrap_or(DEFAULT);
        let (roles, at_once) = REQUESTS;
        let requests = if value(roles).is_some_and(|roles| roles != "0") { at_once } else { 0 };
        let of_push = PUSH.map(|(clients, at_once, default)| {
            let names = value(clients).map_or(NO_CLIENT, String::as_str);
            let count = names.split(',').filter(|name| *name != NO_CLIENT).count();
            let at_once = value(at_once).and_then(|text| text.parse().ok()).unwrap_or(default);
            u32::try_from(count).unwrap_or(u32::MAX).saturating_mul(at_once)
        });
        let all = [OTHERS, requests].into_iter().chain(of_push);
        let usable = all.fold(fan_outs, u32::saturating_add);
        available.filter(|available| *available < usable).map(|available| Self { available, usable })
    }

    /// The text for people.
    pub(super) fn to_text(&self) -> String {
        let Self { available, usable } = self;
        format!(
            "ATTENTION: the account lets {available} functions run at the same time, and this stack alone can use {usable}: \
             Lambda will refuse calls, and events come late; raise the account's limit \"Concurrent executions\" (Service \
             Quotas, AWS Lambda), or lower `--fan-out-concurrency`"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_as_much_as_the_stack_can_use() {
        let usable = |available: Option<u32>, set: Option<&str>, running: Option<&str>| {
            let parameters: Vec<_> = set.iter().map(|value| (PARAMETER, (*value).to_owned())).collect();
            let running = running.iter().map(|value| (PARAMETER.to_owned(), (*value).to_owned())).collect();
            ConcurrencyShortage::of(available, &parameters, &running).map(|shortage| shortage.usable)
        };
        assert_eq!(usable(Some(7), None, None), Some(8));
        assert_eq!(usable(Some(8), None, None), None);
        assert_eq!(usable(Some(10), None, Some("20")), Some(22));
        assert_eq!(usable(Some(10), Some("8"), Some("20")), None);
        assert_eq!(usable(Some(0), Some("8"), None), Some(10));
        assert_eq!(usable(None, Some("1000"), None), None);
        for (roles, expected) in [("0", None), ("arn:aws:iam::111122223333:role/a", Some(10))] {
            let shortage =
                ConcurrencyShortage::of(Some(8), &[(REQUESTS.0, roles.to_owned())], &BTreeMap::new());
            assert_eq!(shortage.map(|shortage| shortage.usable), expected, "{roles}");
        }
        let push = |http: &str, aws: &str, at_once: &str| {
            let parameters =
                [("PushHttpClients", http), ("PushAwsClients", aws), ("PushAwsMaximumConcurrency", at_once)];
            let parameters = parameters.map(|(name, value)| (name, value.to_owned()));
            ConcurrencyShortage::of(Some(0), &parameters, &BTreeMap::new()).map(|shortage| shortage.usable)
        };
        assert_eq!(push("00", "00", "1000"), Some(8));
        assert_eq!(push("A,B,C", "D,E", "10"), Some(8 + 3 * 2 + 2 * 10));
    }
}
