//! The parts that a place is made of, and which forms they have.

use crate::quoted::quoted;

/// The partitions and their DNS suffixes (the endpoint rules of the AWS SDKs).
const PARTITIONS: [(&str, &str); 8] = [
    ("aws", "amazonaws.com"),
    ("aws-cn", "amazonaws.com.cn"),
    ("aws-eusc", "amazonaws.eu"),
    ("aws-iso", "c2s.ic.gov"),
    ("aws-iso-b", "sc2s.sgov.gov"),
    ("aws-iso-e", "cloud.adc-e.uk"),
    ("aws-iso-f", "csp.hci.ic.gov"),
    ("aws-us-gov", "amazonaws.com"),
];

/// The most characters of a stack's prefix: a client's queue has 16 letters of its own, up to 40 of the client
/// and `.fifo`, and SQS takes 80.
const PREFIX_LIMIT: usize = 16;

/// The part of a [`Naming`](super::Naming) that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNaming {
    /// Not a partition whose DNS suffix is known.
    #[error("partition {} is unknown; known are {}", quoted(.0), known_partitions())]
    Partition(String),
    /// Not of a region's form.
    #[error("{} is not a region; write its code, as in `eu-west-2`", quoted(.0))]
    Region(String),
    /// Not of an account's form.
    #[error("{} is not an account; write its twelve digits", quoted(.0))]
    Account(String),
    /// Too long, or with other characters.
    #[error("{} is not a prefix; use up to {PREFIX_LIMIT} letters, digits and hyphens, or none", quoted(.0))]
    Prefix(String),
}

pub(crate) fn check_partition(text: &str) -> Result<(), InvalidNaming> {
    let is_known = PARTITIONS.iter().any(|(partition, _)| *partition == text);
    if is_known { Ok(()) } else { Err(InvalidNaming::Partition(text.to_owned())) }
}

/// Words, hyphens and a number at the end: new regions come without a release of this code.
pub(crate) fn check_region(text: &str) -> Result<(), InvalidNaming> {
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_region = text.rsplit_once('-').is_some_and(|(words, number)| {
        is_number(number) && words.contains('-') && words.split('-').all(is_word)
    });
    if is_region { Ok(()) } else { Err(InvalidNaming::Region(text.to_owned())) }
}

pub(crate) fn check_account(text: &str) -> Result<(), InvalidNaming> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account { Ok(()) } else { Err(InvalidNaming::Account(text.to_owned())) }
}

pub(crate) fn check_prefix(text: &str) -> Result<(), InvalidNaming> {
    let is_legal = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_legal && text.len() <= PREFIX_LIMIT { Ok(()) } else { Err(InvalidNaming::Prefix(text.to_owned())) }
}

/// What the names of AWS's services end in, in this partition.
pub(super) fn dns_suffix(partition: &str) -> &'static str {
    let known = PARTITIONS.iter().find(|(known, _)| *known == partition);
    known.map_or("amazonaws.com", |(_, suffix)| suffix)
}

fn known_partitions() -> String {
    PARTITIONS.map(|(partition, _)| format!("`{partition}`")).join(", ")
}
