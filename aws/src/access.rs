//! Who calls AWS, where its services are, and over which connections: what the functions' clients are made from.

use aws_credential_types::Credentials;
use shared::send::Cause;

use crate::connections::Connections;

/// What a client of one service is made from.
#[derive(Clone, Debug)]
pub struct Access {
    /// Whose requests these are.
    pub credentials: Credentials,
    /// The service's region, which signatures name.
    pub region: String,
    /// Where the service is: one with a URL of its own needs an `Access` of its own.
    pub endpoint: Endpoint,
    /// Shared by all clients of a process.
    pub connections: Connections,
}

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Where AWS has it in the region.
    Aws {
        /// Whether it is the FIPS endpoint.
        use_fips: bool,
        /// Whether it is the dual-stack endpoint, for IPv4 and IPv6.
        use_dual_stack: bool,
    },
    /// At this URL.
    Url(String),
}

/// A service's endpoint can't be made of an [`Access`]: its region or its URL is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "{service} has no usable endpoint in `{region}`: {why}; correct or unset `AWS_ENDPOINT_URL`, \
     `AWS_USE_FIPS_ENDPOINT` or `AWS_USE_DUALSTACK_ENDPOINT`"
)]
pub struct NoEndpoint {
    pub(crate) service: &'static str,
    pub(crate) region: String,
    pub(crate) why: Cause,
}

impl NoEndpoint {
    pub(crate) fn of(service: &'static str, access: &Access, why: Cause) -> Self {
        Self { service, region: access.region.clone(), why }
    }
}

impl Endpoint {
    /// The standard endpoint of the region: neither FIPS nor dual-stack.
    pub const STANDARD: Self = Self::Aws { use_fips: false, use_dual_stack: false };

    pub(crate) fn url(&self) -> Option<String> {
        match self {
            Self::Aws { .. } => None,
            Self::Url(url) => Some(url.clone()),
        }
    }

    pub(crate) fn use_fips(&self) -> bool {
        matches!(self, Self::Aws { use_fips: true, .. })
    }

    pub(crate) fn use_dual_stack(&self) -> bool {
        matches!(self, Self::Aws { use_dual_stack: true, .. })
    }
}
