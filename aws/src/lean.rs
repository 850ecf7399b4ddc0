//! The calls that every event makes, at the price of the wire: signed by the SDK's own signer, sent through the SDK's
//! own connector, without its orchestrator, which costs half of a call's processor time or more. (Figures:
//! `docs/performance.md`.)
//!
//! A call that fails fails as one of the SDK's does, so there is one classification of errors for both.

mod answer;
mod payload;
mod signer;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::HttpError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::error::ErrorMetadata;
use serde::de::DeserializeOwned;
use shared::send::Cause;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

pub(crate) use self::payload::Payload;
use self::signer::Signer;
use crate::access::Access;
use crate::connections::{CALL_TIMEOUT, Connections};

/// How many bytes of requests to one service are on their way at once, at most: an eighth of the least memory that a
/// function may have, 256 MB.
const IN_FLIGHT: u32 = 32 << 20;

/// How long a request waits for room among these: the rest of a call's time is for its connection and its answer.
const ROOM_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a function waits for a connection before there is a call.
const EARLY_TIMEOUT: Duration = Duration::from_secs(1);

/// Who asks, for AWS's own logs.
const USER_AGENT: &str = concat!("mark-event-queue/", env!("CARGO_PKG_VERSION"));

/// Why a call failed, as the SDK would say it.
pub(crate) type Failure = SdkError<ErrorMetadata, HttpResponse>;

/// A service that is called lean. Clones share everything.
#[derive(Clone)]
pub(crate) struct Caller(Arc<Inner>);

struct Inner {
    connections: Connections,
    /// What all requests have in common.
    template: HttpRequest,
    signer: Signer,
    in_flight: Semaphore,
    now: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

/// What distinguishes a service on the wire.
pub(crate) struct Service {
    /// Its name in signatures.
    pub(crate) name: &'static str,
    /// The headers that all requests to it have.
    pub(crate) headers: &'static [(&'static str, &'static str)],
}

impl Caller {
    /// A caller of the service at the URL `endpoint`.
    ///
    /// # Errors
    ///
    /// `endpoint` is no URL.
    pub(crate) fn try_new(access: &Access, service: &Service, endpoint: &str) -> Result<Self, Cause> {
        Self::at_time(access, service, endpoint, SystemTime::now)
    }

    fn at_time(
        access: &Access,
        service: &Service,
        endpoint: &str,
        now: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Result<Self, Cause> {
        let endpoint = format!("{}/", endpoint.trim_end_matches('/'));
        Ok(Self(Arc::new(Inner {
            connections: access.connections.clone(),
            template: Inner::template(&endpoint, service)?,
            signer: Signer::try_new(access.credentials.clone(), &access.region, service.name, &endpoint)?,
            in_flight: Semaphore::new(IN_FLIGHT as usize),
            now: Box::new(now),
        })))
    }

    /// Asks for `target`, the operation as `X-Amz-Target` names it. Returns what the answer's JSON says.
    ///
    /// # Errors
    ///
    /// [`Failure`]. An answer that cannot be read is a service's error without a code.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        target: &'static str,
        payload: Payload,
    ) -> Result<T, Failure> {
        let end = Instant::now() + CALL_TIMEOUT;
        let asked_at = (self.0.now)();
        let size = payload.len();
        let mut request = self.0.request(target, payload, asked_at).map_err(Failure::construction_failure)?;
        let connection = CaptureSmithyConnection::new();
        request.add_extension(connection.clone());
        let _room = self.room(size).await?;
        // A process that was frozen while it waited sends nothing that its caller planned long ago.
        if (self.0.now)().duration_since(asked_at).is_ok_and(|waited| waited > CALL_TIMEOUT) {
            return Err(Failure::construction_failure("the time of the call is over"));
        }
        let answer = async {
            let response = self.0.connections.connector().call(request).await;
            let response = response.map_err(Failure::dispatch_failure)?;
            if response.status().is_server_error() {
                // As the SDK does: the next call goes to another host, perhaps.
                connection.get().inspect(ConnectionMetadata::poison);
            }
            answer::read(response, asked_at).await
        };
        match timeout_at(end, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::timeout_error("no answer within the time of a call")),
        }
    }

    /// Makes a connection for a first call: asks for `/`, unsigned and without effect, and reads the answer to its end, whatever it
    /// says. What takes longer than [`EARLY_TIMEOUT`] is left to the call.
    pub(crate) async fn connect(&self) {
        let answer = async {
            let mut request = self.0.template.try_clone()?;
            request.set_method("GET").ok()?;
            let mut response = self.0.connections.connector().call(request).await.ok()?;
            ByteStream::new(response.take_body()).collect().await.ok()
        };
        let _ = timeout(EARLY_TIMEOUT, answer).await;
    }

    /// Room for a request of this many bytes. One that is larger than all room waits until it is alone.
    async fn room(&self, size: usize) -> Result<SemaphorePermit<'_>, Failure> {
        let size = u32::try_from(size).unwrap_or(IN_FLIGHT).min(IN_FLIGHT);
        if let Ok(room) = self.0.in_flight.try_acquire_many(size) {
            return Ok(room);
        }
        match timeout(ROOM_TIMEOUT, self.0.in_flight.acquire_many(size)).await {
            Ok(Ok(room)) => Ok(room),
            _ => Err(Failure::construction_failure("no room for the request among those on their way")),
        }
    }
}

impl Inner {
    /// A service's endpoint, with the headers that all requests have.
    fn template(endpoint: &str, service: &Service) -> Result<HttpRequest, HttpError> {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_method("POST")?;
        request.set_uri(endpoint)?;
        for (name, value) in service.headers {
            request.headers_mut().try_insert(*name, *value)?;
        }
        Ok(request)
    }

    fn request(&self, target: &'static str, payload: Payload, now: SystemTime) -> Result<HttpRequest, Cause> {
        let mut request = self.template.try_clone().ok_or("a request without a body can be copied")?;
        request.headers_mut().try_insert("content-length", payload.len().to_string())?;
        request.headers_mut().try_insert("x-amz-target", target)?;
        let headers: Vec<_> = request.headers().iter().collect();
        let signature = self.signer.sign(&headers, &payload.sha256, now)?;
        // What stands between here and the service may change it: it is not signed.
        request.headers_mut().try_insert("user-agent", USER_AGENT)?;
        for (name, value) in signature {
            request.headers_mut().try_insert(name, value)?;
        }
        *request.body_mut() = payload.into();
        Ok(request)
    }
}

// Neither bodies nor secrets belong in a log, whatever its level.
impl fmt::Debug for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Caller").field("endpoint", &self.0.template.uri()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
