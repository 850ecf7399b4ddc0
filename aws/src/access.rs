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
    /// Where the service is.
    pub place: Place,
    /// Shared by all clients of a process.
    pub connections: Connections,
}

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Where AWS has it in the region.
    Aws {
        /// Whether at its FIPS endpoint.
        use_fips: bool,
        /// Whether at its endpoint for IPv4 and IPv6.
        use_dual_stack: bool,
    },
    /// At this URL.
    Url(String),
}

/// There is no such endpoint.
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

impl Place {
    /// The endpoint that AWS has for all.
    pub const AWS: Self = Self::Aws { use_fips: false, use_dual_stack: false };

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
