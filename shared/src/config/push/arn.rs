//! The ARNs of targets, of secrets and of keys.

use super::{SecretArn, TargetArn};
use crate::naming::{InvalidNaming, check_account, check_partition, check_region};
use crate::quoted::quoted;

/// The most characters of a secret's name (Secrets Manager: CreateSecret), to whose ARN it adds a hyphen and six of its own.
const SECRET_NAME_LIMIT: usize = 512;
const SECRET_SUFFIX: usize = 6;

/// The most characters of a parameter's ARN (Systems Manager: PutParameter).
const PARAMETER_ARN_LIMIT: usize = 1_011;

/// What the ARNs of one kind of resource look like.
pub(super) struct ArnForm {
    /// The service in it: `sns`.
    pub(super) service: &'static str,
    /// What it names: `a topic`.
    pub(super) noun: &'static str,
    /// What to write.
    pub(super) example: &'static str,
    /// Whether what follows the account names such a resource. It has neither commas, which part the stack's lists, nor
    /// wildcards, which are more than one resource in a role's rights.
    pub(super) is_resource: fn(&str) -> bool,
    /// What to write for it.
    pub(super) names: &'static str,
}

/// Text that is not the ARN of such a resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidTargetArn {
    /// Not an ARN, or of another service.
    #[error("{} is not the ARN of {noun}; write `{example}`", quoted(.text))]
    Form {
        /// The text.
        text: String,
        /// What it should name.
        noun: &'static str,
        /// What to write.
        example: &'static str,
    },
    /// No such partition, region or account.
    #[error(transparent)]
    Naming(#[from] InvalidNaming),
    /// A name that the service refuses.
    #[error("{} does not name {noun}; write {names}", quoted(.resource))]
    Resource {
        /// What follows the account.
        resource: String,
        /// What it should name.
        noun: &'static str,
        /// What to write.
        names: &'static str,
    },
}

/// Text that is not the ARN of a secret. It may be the secret itself: nothing here repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidSecretArn {
    /// Not the ARN of what holds a secret.
    #[error(
        "is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager \
         and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or \
         `arn:aws:ssm:region:account:parameter/name`"
    )]
    Form,
    /// An ARN that is cut.
    #[error(
        "lacks the hyphen and the six characters at the end of a secret's ARN; write the whole ARN, because the function's right \
         names it"
    )]
    Suffix,
}

impl ArnForm {
    /// The ARN from its text: the first part of it, from the left, that is wrong is the error.
    pub(super) fn parse(&self, text: &str) -> Result<TargetArn, InvalidTargetArn> {
        let Self { service, noun, example, is_resource, names } = *self;
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let &["arn", partition, found, region, account, resource] = parts.as_slice() else {
            return Err(InvalidTargetArn::Form { text: text.to_owned(), noun, example });
        };
        if found != service {
            return Err(InvalidTargetArn::Form { text: text.to_owned(), noun, example });
        }
        check_partition(partition)?;
        check_region(region)?;
        check_account(account)?;
        if !is_resource(resource) {
            return Err(InvalidTargetArn::Resource { resource: resource.to_owned(), noun, names });
        }
        let [partition, region, account, resource] =
            [partition, region, account, resource].map(str::to_owned);
        Ok(TargetArn { partition, region, account, resource, text: text.to_owned() })
    }
}

impl SecretArn {
    /// The ARN of what holds a secret, from its text.
    pub(super) fn try_new(text: &str) -> Result<Self, InvalidSecretArn> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let &["arn", partition, service, region, account, resource] = parts.as_slice() else {
            return Err(InvalidSecretArn::Form);
        };
        let is_place =
            check_partition(partition).and(check_region(region)).and(check_account(account)).is_ok();
        if !is_place {
            return Err(InvalidSecretArn::Form);
        }
        match service {
            "secretsmanager" => {
                let name = resource.strip_prefix("secret:").ok_or(InvalidSecretArn::Form)?;
                if !consists_of(name, SECRET_NAME_LIMIT + 1 + SECRET_SUFFIX, "/_+=.@-") {
                    return Err(InvalidSecretArn::Form);
                }
                let is_whole = name.rsplit_once('-').is_some_and(|(name, suffix)| {
                    !name.is_empty()
                        && suffix.len() == SECRET_SUFFIX
                        && consists_of(suffix, SECRET_SUFFIX, "")
                });
                if is_whole {
                    Ok(Self::SecretsManager(text.to_owned()))
                } else {
                    Err(InvalidSecretArn::Suffix)
                }
            }
            "ssm" => {
                let name = resource.strip_prefix("parameter/").ok_or(InvalidSecretArn::Form)?;
                let is_name = name.split('/').all(|part| consists_of(part, PARAMETER_ARN_LIMIT, "_.-"));
                let is_right = is_name && text.len() <= PARAMETER_ARN_LIMIT;
                if is_right { Ok(Self::Parameter(text.to_owned())) } else { Err(InvalidSecretArn::Form) }
            }
            _ => Err(InvalidSecretArn::Form),
        }
    }

    /// The ARN.
    pub fn as_str(&self) -> &str {
        match self {
            Self::SecretsManager(arn) | Self::Parameter(arn) => arn,
        }
    }

    /// `aws`, ….
    pub(super) fn partition(&self) -> &str {
        self.part(1)
    }

    /// Where it is.
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// Whose it is: twelve digits.
    pub fn account(&self) -> &str {
        self.part(4)
    }

    fn part(&self, number: usize) -> &str {
        self.as_str().split(':').nth(number).unwrap_or_default()
    }
}

/// Whether `text` is one to `limit` ASCII letters, digits and `others`.
pub(super) fn consists_of(text: &str, limit: usize, others: &str) -> bool {
    (1..=limit).contains(&text.len())
        && text.chars().all(|character| character.is_ascii_alphanumeric() || others.contains(character))
}
