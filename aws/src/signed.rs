//! Requests to AWS's services that are push targets or keep secrets: signed by the SDK's own signer, sent without its
//! clients.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::identity::Identity;
use shared::exchange::{Answer, Exchange, NoAnswer, Place, Request};

use crate::access::Endpoint;
use crate::connections::Connections;
use crate::host_name;
use crate::round_trip::{on_the_wire, send};

/// A service that may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedService {
    /// As in signatures and in the names of its hosts.
    pub name: &'static str,
    /// The environment variable with a URL of its own.
    pub endpoint_variable: &'static str,
}

/// The services that are targets.
pub const TARGETS: &[SignedService] = &[
    SignedService { name: "lambda", endpoint_variable: "AWS_ENDPOINT_URL_LAMBDA" },
    SignedService { name: "sns", endpoint_variable: "AWS_ENDPOINT_URL_SNS" },
    SignedService { name: "events", endpoint_variable: "AWS_ENDPOINT_URL_EVENTBRIDGE" },
    SignedService { name: "kinesis", endpoint_variable: "AWS_ENDPOINT_URL_KINESIS" },
    SignedService { name: "s3", endpoint_variable: "AWS_ENDPOINT_URL_S3" },
];

/// The services that keep secrets.
pub const SECRETS: &[SignedService] = &[
    SignedService { name: "secretsmanager", endpoint_variable: "AWS_ENDPOINT_URL_SECRETS_MANAGER" },
    SignedService { name: "ssm", endpoint_variable: "AWS_ENDPOINT_URL_SSM" },
];

/// Asks services of AWS, in any region. It has no code for a URL. Clones share their connections.
#[derive(Clone)]
pub struct Signed {
    identity: Identity,
    endpoints: Vec<(SignedService, Endpoint)>,
    connections: Connections,
    now: fn() -> SystemTime,
}

/// Where a request goes, and the headers that sign it.
struct SignedUrl {
    url: String,
    headers: Vec<(&'static str, String)>,
}

impl Signed {
    /// Asks these services with these credentials. `connections` must have [no time](Connections::waiting) of their own for
    /// an answer: each request brings one.
    pub fn new(
        credentials: Credentials,
        endpoints: Vec<(SignedService, Endpoint)>,
        connections: Connections,
    ) -> Self {
        Self { identity: credentials.into(), endpoints, connections, now: SystemTime::now }
    }

    fn signed(
        &self,
        request: &Request,
        service: &'static str,
        region: &str,
        path_and_query: &str,
    ) -> Result<SignedUrl, NoAnswer> {
        let refused = |what: String| NoAnswer::Request(what);
        let known = self.endpoints.iter().find(|(known, _)| known.name == service);
        let (_, endpoint) = known.ok_or_else(|| refused(format!("this function doesn't ask `{service}`")))?;
        let endpoint = host_name::url(service, region, endpoint);
        let endpoint =
            endpoint.ok_or_else(|| refused(format!("`{service}` has no such endpoint in `{region}`")))?;
        let url = format!("{endpoint}{path_and_query}");

        let mut settings = SigningSettings::default();
        if service == "s3" {
            // S3 takes paths as they are, and wants the body's hash in a header.
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let params = SigningParams::builder().identity(&self.identity).region(region).name(service);
        let params = params.time((self.now)()).settings(settings).build();
        let params = params.map_err(|_| refused("the signature lacks something".to_owned()))?.into();
        let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let body = SignableBody::Bytes(&request.body);
        // The signer's words may repeat a header's value.
        let unsignable =
            |_| refused("it can't be signed: a header or the path has what can't be sent".to_owned());
        let signable =
            SignableRequest::new(request.method, url.as_str(), headers, body).map_err(unsignable)?;
        let (instructions, _) = sign(signable, &params).map_err(unsignable)?.into_parts();
        let (headers, _) = instructions.into_parts();
        let headers = headers.iter().map(|header| (header.name(), header.value().to_owned()));
        Ok(SignedUrl { headers: headers.collect(), url })
    }
}

impl Exchange for Signed {
    async fn exchange(&self, request: &Request, limit: Duration) -> Result<Answer, NoAnswer> {
        let Place::Aws { service, region, path_and_query } = &request.place else {
            return Err(NoAnswer::Request("this function asks no URL".to_owned()));
        };
        let SignedUrl { url, headers } = self.signed(request, service, region, path_and_query)?;
        let wire = on_the_wire(request, &url, &headers)?;
        send(self.connections.connector(), wire, limit, request.answer_limit).await
    }
}

// No credentials in a log.
impl fmt::Debug for Signed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Signed").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
