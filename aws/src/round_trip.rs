//! A request to a target and its answer, by the SDK's own HTTP client: no retry, no redirect, no more of the answer than is
//! wanted.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use shared::exchange::{Answer, NoAnswer, Request};
use shared::text::printable;
use tokio::time::{Instant, timeout_at};

use crate::connections::never_connected;

/// Who asks.
const USER_AGENT: &str = concat!("mark-event-queue/", env!("CARGO_PKG_VERSION"));

/// How much of what the system says about a connection is repeated, in characters.
const WORDS_LIMIT: usize = 160;

/// That a host's address may not be asked.
#[derive(Debug)]
pub(crate) struct RefusedAddress(pub(crate) IpAddr);

/// The request on the wire: to `url`, with `more` headers than the request's own.
///
/// # Errors
///
/// [`NoAnswer::Request`]: what can be no URL or no header.
pub(crate) fn on_the_wire(
    request: &Request,
    url: &str,
    more: &[(&'static str, String)],
) -> Result<HttpRequest, NoAnswer> {
    let mut wire = HttpRequest::new(SdkBody::from(request.body.clone()));
    // The library's own words may repeat a header's value.
    let refused = |what: &str| NoAnswer::Request(what.to_owned());
    wire.set_method(request.method).map_err(|_| refused("the method is none"))?;
    wire.set_uri(url).map_err(|_| refused("the URL is none"))?;
    let own = request.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    for (name, value) in own.chain(more) {
        let shown = name.clone();
        let inserted = wire.headers_mut().try_insert(name, value);
        inserted.map_err(|_| refused(&format!("the header `{shown}` has what no header can have")))?;
    }
    if wire.headers().get("user-agent").is_none() {
        wire.headers_mut().insert("user-agent", USER_AGENT);
    }
    Ok(wire)
}

/// Sends what [`on_the_wire`] made, and reads at most `answer_limit` bytes of the answer, all within `limit`.
pub(crate) async fn send(
    connector: &SharedHttpConnector,
    mut wire: HttpRequest,
    limit: Duration,
    answer_limit: usize,
) -> Result<Answer, NoAnswer> {
    let end = Instant::now() + limit;
    let connection = CaptureSmithyConnection::new();
    wire.add_extension(connection.clone());
    // A connection that doesn't answer is not used again. (That of a request which is dropped would be, with HTTP/2.)
    let leave = || {
        let _none = connection.get().inspect(ConnectionMetadata::poison);
    };
    let mut response = match timeout_at(end, connector.call(wire)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(no_answer(&error, limit)),
        Err(_) => {
            leave();
            return Err(NoAnswer::Timeout(limit));
        }
    };
    let (body, is_whole) = read(&mut response, end, answer_limit).await;
    if !is_whole || response.status().is_server_error() {
        leave();
    }
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    Ok(Answer { status: response.status().as_u16(), headers: headers.collect(), body })
}

/// The beginning of the answer's body, and whether that is all.
async fn read(response: &mut HttpResponse, end: Instant, limit: usize) -> (Vec<u8>, bool) {
    let mut stream = ByteStream::new(response.take_body());
    let mut body = Vec::new();
    while body.len() < limit {
        match timeout_at(end, stream.try_next()).await {
            Ok(Ok(Some(piece))) => {
                let room = limit.saturating_sub(body.len());
                body.extend(piece.iter().take(room));
            }
            Ok(Ok(None)) => return (body, true),
            Ok(Err(_)) | Err(_) => return (body, false),
        }
    }
    (body, false)
}

/// What became of a request that has no answer.
fn no_answer(error: &ConnectorError, limit: Duration) -> NoAnswer {
    let refused = chain(error).find_map(|error| error.downcast_ref::<RefusedAddress>());
    if let Some(RefusedAddress(address)) = refused {
        return NoAnswer::Address(address.to_string());
    }
    let words = words(error);
    if chain(error).any(|error| error.is::<ResolveDnsError>()) {
        return NoAnswer::Name(words);
    }
    if never_connected(error) {
        // What rustls refuses comes as invalid data.
        let is_invalid = |error: &io::Error| error.kind() == io::ErrorKind::InvalidData;
        let is_tls = chain(error).any(|error| error.downcast_ref().is_some_and(is_invalid));
        return if is_tls { NoAnswer::Tls(words) } else { NoAnswer::Connection(words) };
    }
    if error.is_user() {
        NoAnswer::Request(words)
    } else if error.is_timeout() {
        NoAnswer::Timeout(limit)
    } else {
        NoAnswer::Broken(words)
    }
}

/// What lies at the bottom of an error. The layers above only say where they are.
fn words(error: &ConnectorError) -> String {
    let bottom = chain(error).last().map(ToString::to_string).unwrap_or_default();
    printable(&bottom).chars().take(WORDS_LIMIT).collect()
}

/// An error and what lies behind it, the payloads of I/O errors included: `source` passes them over.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|payload| payload as &(dyn Error + 'static)),
        None => error.source(),
    })
}

impl fmt::Display for RefusedAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the address {} may not be asked", self.0)
    }
}

impl Error for RefusedAddress {}
