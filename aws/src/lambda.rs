//! What each function does when Lambda starts it: logs, addresses, config, clients; and the loop around a handler,
//! which writes each invocation's metrics.

mod event_source;
mod invocations;
mod logs;
mod metrics;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use aws_credential_types::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use shared::config::{Config, Findings};
use shared::naming::{InvalidNaming, Naming};

pub use self::event_source::{EventSource, event_source, other_event_source, rejected_queue};
pub use self::invocations::{deadline, metrics_writer, run, trace_header};
pub use self::logs::init_logging;
use crate::access::{Access, Endpoint, NoEndpoint};
use crate::connections::Connections;
use crate::dynamodb::{self, EventsTable, LedgerTable};
use crate::host_name;
use crate::signed::{self, Signed, SignedService};
use crate::sqs::Sqs;
use crate::web::{Web, WebSettings};

/// The config's name in the function's package.
const CONFIG: &str = "client-queues.toml";

const PARTITION_HOLDS: &str = "the stack's partition, such as `aws`";
const REGION_HOLDS: &str = "the function's region, such as `eu-west-2`";
const ACCOUNT_HOLDS: &str = "the stack's account, twelve digits";
const PREFIX_HOLDS: &str = "what all queue names begin with: up to 16 letters, digits and `-`, or nothing";

/// Why a function cannot start.
///
/// `Debug` shows what `Display` does, because that is how a `main` prints the error that it returns.
#[derive(thiserror::Error)]
pub enum ColdStartError {
    /// An environment variable that the function needs is not there.
    #[error("environment variable `{name}` is not set; it must hold {holds}")]
    MissingVariable {
        /// Its name.
        name: &'static str,
        /// What it holds.
        holds: &'static str,
    },
    /// An environment variable holds what it must not.
    #[error("environment variable `{name}` is `{value}`; it must hold {holds}")]
    InvalidVariable {
        /// Its name.
        name: &'static str,
        /// What it holds now. Never a secret.
        value: String,
        /// What it must hold.
        holds: &'static str,
    },
    /// The config is not where the package has it.
    #[error("`{}` cannot be read: {source}; it belongs into the function's package, beside the binary", path.display())]
    UnreadableConfig {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The config is wrong.
    #[error(transparent)]
    InvalidConfig(#[from] Findings),
    /// A service has no endpoint as it is asked for.
    #[error(transparent)]
    NoEndpoint(#[from] NoEndpoint),
    /// A setting of a stack on one's own machine, somewhere else.
    #[error(
        "environment variable `{name}` is for a stack on this machine, with `AWS_ENDPOINT_URL` a loopback address; unset it"
    )]
    LocalOnly {
        /// The variable.
        name: &'static str,
    },
    /// The certificates of a stack on one's own machine can't be read.
    #[error("`PUSH_LOCAL_CA` names `{}`, which is no readable file of PEM certificates; correct or unset it", path.display())]
    UnreadableCertificates {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// A service has no FIPS endpoint.
    #[error("`{service}` has no FIPS endpoint in `{region}`; unset `AWS_USE_FIPS_ENDPOINT`")]
    NoFips {
        /// The service.
        service: &'static str,
        /// Where.
        region: String,
    },
    /// An endpoint of one's own is no FIPS endpoint, and none for IPv4 and IPv6.
    #[error("environment variables `{url}` and `{variant}` exclude each other; unset one of them")]
    TwoEndpoints {
        /// The variable with a URL.
        url: &'static str,
        /// The one that asks for an endpoint of AWS's.
        variant: &'static str,
    },
}

/// The tables that fan-out and catch-up work on.
#[derive(Clone, Debug)]
pub struct Tables {
    /// How far each group got.
    pub ledger: LedgerTable,
    /// Where events come from.
    pub events: EventsTable,
}

/// Where the function runs, from `PARTITION`, `AWS_REGION`, `ACCOUNT_ID` and `QUEUE_PREFIX` (which may be unset).
///
/// # Errors
///
/// [`ColdStartError`] names the variable that is missing or wrong.
pub fn naming() -> Result<Naming, ColdStartError> {
    naming_from(variable)
}

/// The config in the function's package, checked against `naming`.
///
/// # Errors
///
/// [`ColdStartError`] names the file, or what is wrong in it with its line.
pub fn config(naming: &Naming) -> Result<Config, ColdStartError> {
    config_from(variable, naming)
}

/// SQS in the function's region with the credentials of its role; at `AWS_ENDPOINT_URL_SQS` or `AWS_ENDPOINT_URL`,
/// if one is set, or at the endpoint that `AWS_USE_FIPS_ENDPOINT` and `AWS_USE_DUALSTACK_ENDPOINT` ask for.
///
/// Lambda puts the role's credentials into the environment when it starts an execution environment, and replaces
/// the execution environment before they expire: they are read once, and no provider chain is searched. (Only with
/// SnapStart are they elsewhere; these functions start too quickly to need it.)
///
/// # Errors
///
/// [`ColdStartError`]: a variable that is missing or wrong, two that exclude each other, or an endpoint that the
/// service does not have.
pub fn sqs(connections: &Connections) -> Result<Sqs, ColdStartError> {
    sqs_from(variable, connections)
}

/// The ledger's table and the event table, from `LEDGER_TABLE` and `EVENT_TABLE`, in the function's region with the
/// credentials of its role; at `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL`, if one is set, or at the endpoint
/// that `AWS_USE_FIPS_ENDPOINT` and `AWS_USE_DUALSTACK_ENDPOINT` ask for.
///
/// # Errors
///
/// [`ColdStartError`]: a variable that is missing or wrong, two that exclude each other, or an endpoint that the
/// service does not have.
pub fn tables(config: &Config, connections: &Connections) -> Result<Tables, ColdStartError> {
    tables_from(variable, config, connections)
}

/// The ledger's table, from `LEDGER_TABLE`, for a function that reads no events; otherwise as [`tables`].
///
/// # Errors
///
/// As [`tables`].
pub fn ledger(connections: &Connections) -> Result<LedgerTable, ColdStartError> {
    ledger_from(variable, connections).map(|(ledger, _)| ledger)
}

/// The services that are push targets, with the credentials of the function's role; each at its own `AWS_ENDPOINT_URL_…` or at
/// `AWS_ENDPOINT_URL`, if one is set, or at the endpoint that `AWS_USE_FIPS_ENDPOINT` and `AWS_USE_DUALSTACK_ENDPOINT` ask
/// for.
///
/// # Errors
///
/// [`ColdStartError`]: a variable that is missing or wrong, two that exclude each other, or an endpoint that a service does
/// not have.
pub fn signed() -> Result<Signed, ColdStartError> {
    signed_from(variable, signed::TARGETS)
}

/// URLs, and the services that keep secrets, as [`signed`] has its. `PUSH_LOCAL_CA` names a file with certificates that are
/// trusted besides the system's, and `PUSH_LOCAL_LOOPBACK` (`true`) lets loopback addresses be asked: only on a stack on
/// one's own machine, which `AWS_ENDPOINT_URL` shows.
///
/// # Errors
///
/// [`ColdStartError`], as for [`signed`], or that one of the local variables is set elsewhere.
pub fn web() -> Result<Web, ColdStartError> {
    web_from(variable)
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn naming_from(variable: impl Fn(&str) -> Option<String>) -> Result<Naming, ColdStartError> {
    let set = |name, holds| checked(&variable, name, holds, |_| true);
    let partition = set("PARTITION", PARTITION_HOLDS)?;
    let region = set("AWS_REGION", REGION_HOLDS)?;
    let account = set("ACCOUNT_ID", ACCOUNT_HOLDS)?;
    let prefix = variable("QUEUE_PREFIX").unwrap_or_default();
    Naming::try_new(&partition, &region, &account, &prefix).map_err(|wrong| match wrong {
        InvalidNaming::Partition(value) => invalid("PARTITION", value, PARTITION_HOLDS),
        InvalidNaming::Region(value) => invalid("AWS_REGION", value, REGION_HOLDS),
        InvalidNaming::Account(value) => invalid("ACCOUNT_ID", value, ACCOUNT_HOLDS),
        InvalidNaming::Prefix(value) => invalid("QUEUE_PREFIX", value, PREFIX_HOLDS),
    })
}

fn config_from(variable: impl Fn(&str) -> Option<String>, naming: &Naming) -> Result<Config, ColdStartError> {
    let package =
        checked(&variable, "LAMBDA_TASK_ROOT", "the directory of the function's package", |_| true)?;
    let path = PathBuf::from(package).join(CONFIG);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Config::try_from_toml(CONFIG, &text, Some(naming))?),
        Err(source) => Err(ColdStartError::UnreadableConfig { path, source }),
    }
}

fn sqs_from(
    variable: impl Fn(&str) -> Option<String>,
    connections: &Connections,
) -> Result<Sqs, ColdStartError> {
    Ok(Sqs::try_new(&access(&variable, "AWS_ENDPOINT_URL_SQS", connections)?)?)
}

fn tables_from(
    variable: impl Fn(&str) -> Option<String>,
    config: &Config,
    connections: &Connections,
) -> Result<Tables, ColdStartError> {
    let (ledger, client) = ledger_from(&variable, connections)?;
    let events = checked(&variable, "EVENT_TABLE", "the event table's name", |_| true)?;
    Ok(Tables { ledger, events: EventsTable::new(client, events, &config.source) })
}

/// The ledger, and the client that it shares with the event table.
fn ledger_from(
    variable: impl Fn(&str) -> Option<String>,
    connections: &Connections,
) -> Result<(LedgerTable, aws_sdk_dynamodb::Client), ColdStartError> {
    let ledger = checked(&variable, "LEDGER_TABLE", "the name of the ledger's table", |_| true)?;
    let access = access(&variable, "AWS_ENDPOINT_URL_DYNAMODB", connections)?;
    let client = dynamodb::client(&access);
    Ok((LedgerTable::try_new_lean(&access, client.clone(), ledger)?, client))
}

fn signed_from(
    variable: impl Fn(&str) -> Option<String>,
    services: &[SignedService],
) -> Result<Signed, ColdStartError> {
    let (credentials, region) = credentials(&variable)?;
    let mut endpoints = Vec::new();
    for service in services {
        let endpoint = endpoint(&variable, service.endpoint_variable)?;
        if host_name::url(service.name, &region, &endpoint).is_none() {
            return Err(ColdStartError::NoFips { service: service.name, region });
        }
        endpoints.push((*service, endpoint));
    }
    Ok(Signed::new(credentials, endpoints, Connections::waiting()))
}

fn web_from(variable: impl Fn(&str) -> Option<String>) -> Result<Web, ColdStartError> {
    const CERTIFICATES: &str = "PUSH_LOCAL_CA";
    const LOOPBACK: &str = "PUSH_LOCAL_LOOPBACK";
    let secrets = signed_from(&variable, signed::SECRETS)?;
    // All that the function talks to is on this machine: each service's own variable comes before the one for all.
    let own = ["AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_DYNAMODB"].into_iter();
    let own = own.chain(signed::SECRETS.iter().map(|service| service.endpoint_variable));
    let is_local = variable("AWS_ENDPOINT_URL").is_some_and(|url| is_loopback(&url))
        && own.filter_map(&variable).filter(|url| !url.is_empty()).all(|url| is_loopback(&url));
    let local = |name: &'static str| {
        let value = variable(name).filter(|value| !value.is_empty());
        if value.is_some() && !is_local { Err(ColdStartError::LocalOnly { name }) } else { Ok(value) }
    };
    let certificates = match local(CERTIFICATES)?.map(PathBuf::from) {
        Some(path) => Some(certificates(path)?),
        None => None,
    };
    let is_loopback_allowed = match local(LOOPBACK)? {
        None => false,
        Some(value) if value == "true" => true,
        Some(value) => return Err(invalid(LOOPBACK, value, "`true`, or nothing")),
    };
    Ok(Web::new(secrets, WebSettings { certificates, is_loopback_allowed, look_up: None }))
}

/// The certificates in a file.
fn certificates(path: PathBuf) -> Result<Vec<u8>, ColdStartError> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let is_certificate = |rest: &str| {
        let digits = rest.split_once(END).map(|(digits, _)| digits.split_whitespace().collect::<String>());
        digits.is_some_and(|digits| STANDARD.decode(digits).is_ok_and(|bytes| !bytes.is_empty()))
    };
    let mut rests = text.split(BEGIN).skip(1).peekable();
    if rests.peek().is_some() && rests.all(is_certificate) {
        Ok(text.into_bytes())
    } else {
        Err(ColdStartError::UnreadableCertificates { path })
    }
}

/// Whether the URL's host is this machine.
fn is_loopback(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    !authority.contains('@')
        && (host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()))
}

/// What the client of a service needs. `endpoint_variable` is the service's own.
fn access(
    variable: impl Fn(&str) -> Option<String>,
    endpoint_variable: &'static str,
    connections: &Connections,
) -> Result<Access, ColdStartError> {
    let (credentials, region) = credentials(&variable)?;
    let endpoint = endpoint(&variable, endpoint_variable)?;
    Ok(Access { credentials, region, endpoint, connections: connections.clone() })
}

/// Whose requests these are, and in which region.
fn credentials(variable: impl Fn(&str) -> Option<String>) -> Result<(Credentials, String), ColdStartError> {
    let region = checked(&variable, "AWS_REGION", REGION_HOLDS, |_| true)?;
    let access_key =
        checked(&variable, "AWS_ACCESS_KEY_ID", "the access key of the function's role", |_| true)?;
    let secret_key =
        checked(&variable, "AWS_SECRET_ACCESS_KEY", "the secret key of the function's role", |_| true)?;
    let token = variable("AWS_SESSION_TOKEN").filter(|token| !token.is_empty());
    Ok((Credentials::new(access_key, secret_key, token, None, "environment"), region))
}

/// Where the service is that has `endpoint_variable` for itself.
fn endpoint(
    variable: impl Fn(&str) -> Option<String>,
    endpoint_variable: &'static str,
) -> Result<Endpoint, ColdStartError> {
    const FIPS: &str = "AWS_USE_FIPS_ENDPOINT";
    const DUAL_STACK: &str = "AWS_USE_DUALSTACK_ENDPOINT";
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let is_true = |name| {
        let is_valid = |value: &str| ["true", "false"].contains(&value.to_ascii_lowercase().as_str());
        let value =
            is_set(name).then(|| checked(&variable, name, "`true` or `false`", is_valid)).transpose()?;
        Ok::<_, ColdStartError>(value.is_some_and(|value| value.eq_ignore_ascii_case("true")))
    };
    let (use_fips, use_dual_stack) = (is_true(FIPS)?, is_true(DUAL_STACK)?);
    let Some(url) = [endpoint_variable, "AWS_ENDPOINT_URL"].into_iter().find(|name| is_set(name)) else {
        return Ok(Endpoint::Aws { use_fips, use_dual_stack });
    };
    let excluded = [(FIPS, use_fips), (DUAL_STACK, use_dual_stack)];
    if let Some((variant, _)) = excluded.into_iter().find(|(_, is_asked)| *is_asked) {
        return Err(ColdStartError::TwoEndpoints { url, variant });
    }
    let is_url = |url: &str| url.starts_with("http://") || url.starts_with("https://");
    checked(&variable, url, "a URL that begins with `http://` or `https://`", is_url).map(Endpoint::Url)
}

/// A variable that is set, not empty, and passes `is_valid`.
fn checked(
    variable: impl Fn(&str) -> Option<String>,
    name: &'static str,
    holds: &'static str,
    is_valid: impl Fn(&str) -> bool,
) -> Result<String, ColdStartError> {
    match variable(name) {
        Some(value) if value.is_empty() => Err(ColdStartError::MissingVariable { name, holds }),
        Some(value) if is_valid(&value) => Ok(value),
        Some(value) => Err(invalid(name, value, holds)),
        None => Err(ColdStartError::MissingVariable { name, holds }),
    }
}

fn invalid(name: &'static str, value: String, holds: &'static str) -> ColdStartError {
    ColdStartError::InvalidVariable { name, value, holds }
}

impl fmt::Debug for ColdStartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests;
