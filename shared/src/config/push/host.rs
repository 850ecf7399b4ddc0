//! Hosts of the internet and of private networks, and which of them may receive events.

use std::net::IpAddr;

use toml::Spanned;
use toml::de::DeValue;

use crate::config::findings::Report;
use crate::config::section::{Section, Value, wrong_type};
use crate::public_address::{is_internal, is_public};
use crate::quoted::quoted;

const KEY: &str = "source.allowed_hosts";

/// The most characters of a name, and of a label of it (RFC 1035, 2.3.4).
const NAME_LIMIT: usize = 253;
const LABEL_LIMIT: usize = 63;

/// A host: a name in lower case, or an address, which is always written the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// A name.
    Name(String),
    /// An address.
    Address(IpAddr),
}

/// Text that is not a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path",
    quoted(.0)
)]
pub(super) struct InvalidHost(String);

/// The hosts of `source.allowed_hosts`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::config) struct AllowedHosts(Vec<AllowedHost>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct AllowedHost {
    host: Host,
    /// Whether its address may be one of a private network.
    is_internal: bool,
}

impl Host {
    /// The host that `text` is. An address of version 6 may stand in brackets.
    pub(super) fn try_new(text: &str) -> Result<Self, InvalidHost> {
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address = match inner {
            Some(inner) => inner.parse().ok().filter(IpAddr::is_ipv6),
            None => text.parse().ok(),
        };
        if let Some(address) = address {
            return Ok(Self::Address(address));
        }
        let name = text.to_ascii_lowercase();
        if is_name(&name) { Ok(Self::Name(name)) } else { Err(InvalidHost(text.to_owned())) }
    }

    /// Lower case, an address of version 6 without brackets.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Address(address) => address.to_string(),
        }
    }
}

/// Whether it is a name of letters, digits and hyphens. A last label that is a number would be read as an address by
/// some (WHATWG URL, "ends in a number"): `127.1`, `0x7f.1`.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_LIMIT).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    let is_hexadecimal =
        last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let is_number = is_hexadecimal || last.bytes().all(|digit| digit.is_ascii_digit());
    text.len() <= NAME_LIMIT && !is_number && text.split('.').all(is_label)
}

impl AllowedHosts {
    /// Reads `source.allowed_hosts`; none if they are not known, which is reported.
    pub(in crate::config) fn read(
        value: Option<Spanned<DeValue<'_>>>,
        report: &mut Report<'_>,
    ) -> Option<Self> {
        let Some(value) = value else {
            return Some(Self::default());
        };
        let at = value.span().start;
        let entries = match value.into_inner() {
            DeValue::Array(entries) => entries,
            other => {
                report.add(at, KEY, wrong_type(&other, "a list in brackets, of hosts in quotes"));
                return None;
            }
        };
        let mut hosts: Vec<AllowedHost> = Vec::new();
        let mut is_complete = true;
        for entry in entries {
            let at = entry.span().start;
            match read_entry(entry, report) {
                Some(AllowedHost { host, .. }) if hosts.iter().any(|known| known.host == host) => {
                    let host = host.to_text();
                    report.add(
                        at,
                        KEY,
                        format_args!("{} is there twice; delete one of the two", quoted(&host)),
                    );
                }
                Some(allowed) => hosts.push(allowed),
                None => is_complete = false,
            }
        }
        is_complete.then_some(Self(hosts))
    }

    /// Whether `host` is internal; none if it is not among them.
    pub(super) fn is_internal(&self, host: &Host) -> Option<bool> {
        self.0.iter().find(|allowed| allowed.host == *host).map(|allowed| allowed.is_internal)
    }
}

/// `"host"`, or `{ host = "host", internal = true }`.
fn read_entry(entry: Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<AllowedHost> {
    let span = entry.span();
    let (text, is_internal) = match entry.into_inner() {
        DeValue::String(text) => (Spanned::new(span, text), false),
        DeValue::Table(table) => {
            let mut section = Section::new(KEY, Spanned::new(span, table));
            let host = section.required("host", "missing; name the host", report);
            let is_internal = section.boolean("internal", report);
            section.finish(report);
            match is_internal {
                Value::Absent => (host?, false),
                Value::Is(is_internal) => (host?, *is_internal.get_ref()),
                Value::Wrong => return None,
            }
        }
        other => {
            let shape = "text in quotes, or `{ host = \"…\", internal = true }`";
            report.add(span.start, KEY, wrong_type(&other, shape));
            return None;
        }
    };
    let at = text.span().start;
    let host = Host::try_new(text.get_ref()).map_err(|error| report.add(at, KEY, error)).ok()?;
    check_reachable(&host, is_internal).map_err(|problem| report.add(at, KEY, problem)).ok()?;
    Some(AllowedHost { host, is_internal })
}

/// Whether `host` can be one that the functions reach. A name says nothing of its address, which is looked at when it is
/// asked. Loopback as an internal host is a matter of `cargo local`, and refused elsewhere.
fn check_reachable(host: &Host, is_allowed_internal: bool) -> Result<(), String> {
    const REMEDY: &str = "write `{ host = \"…\", internal = true }` if it may receive events";
    match host {
        Host::Name(name) if is_allowed_internal || name.contains('.') => Ok(()),
        Host::Name(name) => Err(format!("{} is a name of a private network; {REMEDY}", quoted(name))),
        Host::Address(address) if is_public(*address) => Ok(()),
        Host::Address(address) if !is_internal(*address) && !address.is_loopback() => {
            Err(format!("`{address}` is no host's address; name the host that receives events"))
        }
        Host::Address(_) if is_allowed_internal => Ok(()),
        Host::Address(address) => Err(format!("`{address}` is no public address; {REMEDY}")),
    }
}
