//! Where region, endpoint and credentials of a target came from: what an operator must look at when a call finds
//! nothing, no answer, or no welcome there.

use shared::text::shell_quoted;

use super::CallFault;

/// Where calls go and with whose credentials, and what said so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    region: String,
    /// `AWS_REGION`, say.
    region_from: String,
    /// The endpoint, if it isn't AWS's own, and what names it.
    endpoint: Option<(String, String)>,
    profile: String,
    /// Whether the environment has the credentials themselves.
    has_keys: bool,
}

const ENDPOINT: &str = "AWS_ENDPOINT_URL";

impl Origin {
    /// The origin of `region` and `endpoint` by the variables of the environment, in the SDK's order: what no variable says
    /// is the profile's.
    pub fn new(region: &str, endpoint: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let profile = variable("AWS_PROFILE").filter(|name| !name.is_empty());
        let profile = profile.unwrap_or_else(|| "default".to_owned());
        let from = |names: &[&str]| {
            let set = names.iter().find(|name| is_set(name));
            set.map_or_else(|| format!("the profile `{profile}`"), |name| format!("`{name}`"))
        };
        Self {
            region: region.to_owned(),
            region_from: from(&["AWS_REGION", "AWS_DEFAULT_REGION"]),
            endpoint: endpoint.map(|endpoint| (endpoint.to_owned(), from(&[ENDPOINT]))),
            has_keys: is_set("AWS_ACCESS_KEY_ID") && is_set("AWS_SECRET_ACCESS_KEY"),
            profile,
        }
    }

    /// What is asked, and what said so: for an answer that something isn't there.
    pub fn place(&self) -> String {
        let Self { region_from, endpoint, .. } = self;
        let endpoint = endpoint.as_ref();
        let endpoint =
            endpoint.map_or(String::new(), |(url, from)| format!(", endpoint `{url}` from {from}"));
        format!("region from {region_from}{endpoint}, credentials from {}", self.credentials())
    }

    /// What an operator can do about a call that failed, if it is where the call went, or with whose credentials.
    pub fn advice(&self, fault: CallFault) -> Option<String> {
        let Self { region, region_from, endpoint, .. } = self;
        match (fault, endpoint) {
            (CallFault::Offline, Some((url, from))) => Some(format!(
                "nothing answers at `{url}`, which {from} names; if that was `cargo local --stay`, it has ended: start it again, \
                 and set what it prints; if you mean AWS itself, take that out of {from}"
            )),
            (CallFault::Offline, None) => Some(format!(
                "AWS does not answer in `{region}`, the region of {region_from}; see whether that is a region, and the network \
                 with its proxy"
            )),
            (CallFault::Expired, _) => Some(format!("{} have expired; {}", self.whose(), self.renewal())),
            (CallFault::Unrecognized, Some((url, _))) => {
                Some(format!("`{url}` does not take {}; {}", self.whose(), self.renewal()))
            }
            (CallFault::Unrecognized, None) => Some(format!(
                "AWS does not take {}; if they are those of `cargo local --stay`, set its `{ENDPOINT}`, too; else {}",
                self.whose(),
                self.renewal()
            )),
            (CallFault::NotAllowed | CallFault::Missing | CallFault::Unreachable | CallFault::Refused, _) => {
                None
            }
        }
    }

    fn credentials(&self) -> String {
        if self.has_keys {
            "`AWS_ACCESS_KEY_ID`".to_owned()
        } else {
            format!("the profile `{}`", self.profile)
        }
    }

    fn whose(&self) -> String {
        format!("the credentials of {}", self.credentials())
    }

    /// How an operator gets other credentials.
    fn renewal(&self) -> String {
        if self.has_keys {
            let names = "`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`";
            return format!("set new ones ({names}), or unset these and take a profile");
        }
        format!("{} again, or renew them as your organisation does", self.sign_in())
    }

    /// The command by which many get their credentials.
    fn sign_in(&self) -> String {
        let is_default = self.profile == "default";
        let option =
            if is_default { String::new() } else { format!(" --profile {}", shell_quoted(&self.profile)) };
        format!("sign in (`aws sso login{option}`)")
    }

    /// Where credentials were looked for, the SDK's sources in its order, and how to have some.
    pub fn no_credentials(&self) -> String {
        format!(
            "looked for in `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, the profile `{}` of `~/.aws/config` and \
             `~/.aws/credentials`, `AWS_WEB_IDENTITY_TOKEN_FILE`, the role of a container or of an instance; {}, or set \
             `AWS_PROFILE`, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; for `cargo local --stay`, set what it prints",
            self.profile,
            self.sign_in()
        )
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn origin(endpoint: Option<&str>, variables: &[(&str, &str)]) -> Origin {
        Origin::new("eu-west-2", endpoint, |name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    const LOCAL: &[(&str, &str)] = &[
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
        ("AWS_REGION", "eu-west-2"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    const URL: Option<&str> = Some("http://127.0.0.1:4566");

    #[test]
    fn what_is_asked_is_named_with_what_said_so() {
        let check = |endpoint, variables: &[_], expected: Expect| {
            expected.assert_eq(&origin(endpoint, variables).place());
        };
        check(
            URL,
            LOCAL,
            expect![
                "region from `AWS_REGION`, endpoint `http://127.0.0.1:4566` from `AWS_ENDPOINT_URL`, credentials from `AWS_ACCESS_KEY_ID`"
            ],
        );
        check(
            None,
            &[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "eu-west-2"), ("AWS_PROFILE", "prod")],
            expect!["region from `AWS_DEFAULT_REGION`, credentials from the profile `prod`"],
        );
        check(
            URL,
            &[],
            expect![
                "region from the profile `default`, endpoint `http://127.0.0.1:4566` from the profile `default`, credentials from the profile `default`"
            ],
        );
    }

    #[test]
    fn a_call_that_went_wrong_leads_to_what_must_be_looked_at() {
        let profile = [("AWS_PROFILE", "prod")];
        let check = |fault, endpoint, variables: &[_], expected: Expect| {
            expected.assert_eq(&origin(endpoint, variables).advice(fault).unwrap_or_default());
        };
        check(
            CallFault::Offline,
            URL,
            LOCAL,
            expect![
                "nothing answers at `http://127.0.0.1:4566`, which `AWS_ENDPOINT_URL` names; if that was `cargo local --stay`, it has ended: start it again, and set what it prints; if you mean AWS itself, take that out of `AWS_ENDPOINT_URL`"
            ],
        );
        check(
            CallFault::Offline,
            URL,
            &profile,
            expect![
                "nothing answers at `http://127.0.0.1:4566`, which the profile `prod` names; if that was `cargo local --stay`, it has ended: start it again, and set what it prints; if you mean AWS itself, take that out of the profile `prod`"
            ],
        );
        check(
            CallFault::Offline,
            None,
            &profile,
            expect![
                "AWS does not answer in `eu-west-2`, the region of the profile `prod`; see whether that is a region, and the network with its proxy"
            ],
        );
        check(
            CallFault::Expired,
            None,
            &profile,
            expect![
                "the credentials of the profile `prod` have expired; sign in (`aws sso login --profile prod`) again, or renew them as your organisation does"
            ],
        );
        check(
            CallFault::Expired,
            None,
            &[],
            expect![
                "the credentials of the profile `default` have expired; sign in (`aws sso login`) again, or renew them as your organisation does"
            ],
        );
        check(
            CallFault::Expired,
            None,
            LOCAL,
            expect![
                "the credentials of `AWS_ACCESS_KEY_ID` have expired; set new ones (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`), or unset these and take a profile"
            ],
        );
        check(
            CallFault::Unrecognized,
            None,
            LOCAL,
            expect![
                "AWS does not take the credentials of `AWS_ACCESS_KEY_ID`; if they are those of `cargo local --stay`, set its `AWS_ENDPOINT_URL`, too; else set new ones (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`), or unset these and take a profile"
            ],
        );
        check(
            CallFault::Unrecognized,
            URL,
            &profile,
            expect![
                "`http://127.0.0.1:4566` does not take the credentials of the profile `prod`; sign in (`aws sso login --profile prod`) again, or renew them as your organisation does"
            ],
        );
        for fault in [CallFault::NotAllowed, CallFault::Missing, CallFault::Unreachable, CallFault::Refused] {
            assert_eq!(origin(URL, LOCAL).advice(fault), None, "{fault:?}");
        }
    }
}
