//! The ARN of a role.

use std::fmt;

use super::parts::{InvalidNaming, check_account, check_partition};
use crate::quoted::quoted;

/// The most characters of a role's name, and of its path (IAM quotas).
const NAME_LIMIT: usize = 64;
const PATH_LIMIT: usize = 512;

/// The ARN of an IAM role, of any account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleArn {
    /// `aws`, ….
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// With its path, if it has one: `teams/billing-consumer`.
    pub name: String,
}

/// Text that is not the ARN of one role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRoleArn {
    /// Not an ARN of IAM at all.
    #[error("{} is not a role's ARN; write `arn:aws:iam::account:role/name`", quoted(.0))]
    Form(String),
    /// No such partition or account.
    #[error(transparent)]
    Naming(#[from] InvalidNaming),
    /// More than one role.
    #[error("{} has a wildcard; name one role", quoted(.0))]
    Wildcard(String),
    /// A whole account.
    #[error("{} is a whole account; name its role, as in `{role}`", quoted(.text))]
    Account {
        /// The text.
        text: String,
        /// What a role of this account looks like.
        role: String,
    },
    /// What somebody who has assumed the role is.
    #[error("{} is a role's session; write the role itself, `{role}` (with its path, if it has one)", quoted(.text))]
    Session {
        /// The text.
        text: String,
        /// The session's role, if it has no path.
        role: String,
    },
    /// A name that IAM refuses, or that a list can't hold.
    #[error(
        "{} is not a role's name; use up to {NAME_LIMIT} letters, digits and `+=.@_-`, with its path before it if it has one",
        quoted(.0)
    )]
    Name(String),
}

impl RoleArn {
    /// The ARN of a role from its text.
    ///
    /// # Errors
    ///
    /// [`InvalidRoleArn`]: what it is instead, or the first part of it that is wrong.
    pub fn try_new(text: &str) -> Result<Self, InvalidRoleArn> {
        if text.contains(['*', '?']) {
            return Err(InvalidRoleArn::Wildcard(text.to_owned()));
        }
        let form = || InvalidRoleArn::Form(text.to_owned());
        let parts: Vec<&str> = text.split(':').collect();
        let &["arn", partition, service, "", account, resource] = parts.as_slice() else {
            return Err(form());
        };
        check_partition(partition)?;
        check_account(account)?;
        let role = |name: &str| format!("arn:{partition}:iam::{account}:role/{name}");
        match (service, resource.split_once('/')) {
            ("iam", None) if resource == "root" => {
                Err(InvalidRoleArn::Account { text: text.to_owned(), role: role("name") })
            }
            ("sts", Some(("assumed-role", session))) => {
                let name = session.split_once('/').map_or(session, |(name, _)| name);
                Err(InvalidRoleArn::Session { text: text.to_owned(), role: role(name) })
            }
            ("iam", Some(("role", name))) if is_name(name) => {
                let [partition, account, name] = [partition, account, name].map(str::to_owned);
                Ok(Self { partition, account, name })
            }
            ("iam", Some(("role", name))) => Err(InvalidRoleArn::Name(name.to_owned())),
            _ => Err(form()),
        }
    }
}

/// Whether it is a role's name, perhaps with its path. IAM takes commas, too, but a stack's parameter is a list with commas
/// in it.
fn is_name(text: &str) -> bool {
    let (path, name) = text.rsplit_once('/').map_or(("", text), |(path, name)| (path, name));
    let is_legal = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=.@_-".contains(&byte))
    };
    let is_path = path.is_empty() && !text.starts_with('/') || path.split('/').all(is_legal);
    is_path && path.len() <= PATH_LIMIT && is_legal(name) && name.len() <= NAME_LIMIT
}

impl fmt::Display for RoleArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, account, name } = self;
        write!(formatter, "arn:{partition}:iam::{account}:role/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_of_any_account_and_partition_is_one() {
        for text in [
            "arn:aws:iam::123456789012:role/billing-consumer",
            "arn:aws-cn:iam::123456789012:role/teams/billing/Consumer_1+=.@-",
            &format!("arn:aws:iam::123456789012:role/{}", "r".repeat(64)),
        ] {
            assert_eq!(RoleArn::try_new(text).map(|arn| arn.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_role_says_what_to_write() {
        let too_long = format!("arn:aws:iam::123456789012:role/{}", "r".repeat(65));
        for (text, expected) in [
            ("", "`` is not a role's ARN; write `arn:aws:iam::account:role/name`"),
            (
                "billing-consumer",
                "`billing-consumer` is not a role's ARN; write `arn:aws:iam::account:role/name`",
            ),
            (
                "arn:aws:iam::123456789012:user/anna",
                "`arn:aws:iam::123456789012:user/anna` is not a role's ARN; write `arn:aws:iam::account:role/name`",
            ),
            (
                "arn:aws:iam::123456789012:role/*",
                "`arn:aws:iam::123456789012:role/*` has a wildcard; name one role",
            ),
            ("*", "`*` has a wildcard; name one role"),
            (
                "arn:aws:iam::123456789012:root",
                "`arn:aws:iam::123456789012:root` is a whole account; name its role, as in \
                 `arn:aws:iam::123456789012:role/name`",
            ),
            (
                "arn:aws:sts::123456789012:assumed-role/billing-consumer/session",
                "`arn:aws:sts::123456789012:assumed-role/billing-consumer/session` is a role's session; write the role itself, \
                 `arn:aws:iam::123456789012:role/billing-consumer` (with its path, if it has one)",
            ),
            ("arn:aws:iam::1234:role/a", "`1234` is not an account; write its twelve digits"),
            (
                "arn:aws:iam::123456789012:role/a,b",
                "`a,b` is not a role's name; use up to 64 letters, digits and `+=.@_-`, with its path before it if it has one",
            ),
        ] {
            assert_eq!(RoleArn::try_new(text).unwrap_err().to_string(), expected, "{text}");
        }
        for name in ["", "/", "a/", "/a", "a//b", "a b", "ë"] {
            let text = format!("arn:aws:iam::123456789012:role/{name}");
            assert!(matches!(RoleArn::try_new(&text), Err(InvalidRoleArn::Name(_))), "{text}");
        }
        assert!(matches!(RoleArn::try_new(&too_long), Err(InvalidRoleArn::Name(_))));
        assert!(RoleArn::try_new("arn:AWS:iam::123456789012:role/a").is_err());
    }
}
