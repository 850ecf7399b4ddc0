//! The port by which a request reaches a target: one question, one answer. What a request says and what an answer means is
//! decided elsewhere, on values.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::config::WebUrl;

/// How much of a target's answer is read, in bytes. Its reason stands at the beginning.
pub const ANSWER_LIMIT: usize = 4_096;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A URL. The connection goes to an address that may be asked, and redirects are not followed.
    Web(WebUrl),
    /// A service of AWS in a region, at its own endpoint. The request is signed.
    Aws {
        /// As in signatures and endpoints: `sns`, `lambda`, `events`, `kinesis`, `s3`, `secretsmanager`, `ssm`; an operator asks `kms` and
        /// `monitoring`, too.
        service: &'static str,
        /// The region.
        region: String,
        /// With percent-encoding, `/` at the beginning, perhaps with a query.
        path_and_query: String,
    },
}

/// A request. `Debug` shows neither headers nor body: they may hold a secret or an event.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// `POST`, `PUT`, `GET`, `DELETE`.
    pub method: &'static str,
    /// Where to.
    pub place: Place,
    /// Names in lower case, each once. Host and content length are added.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How many bytes of the answer's body are read, at most: [`ANSWER_LIMIT`], unless it brings a list, a secret or a token.
    pub answer_limit: usize,
}

/// An answer, whatever its status. `Debug` shows the status alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its beginning, as much of it as the request wants and as came in time.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The host's name has no address, or can't be looked up.
    #[error("the name of the host can't be looked up: {0}")]
    Name(String),
    /// The host's address is none that may be asked.
    #[error(
        "the host has the address {0}, which may not be asked; a private one may, if `allowed_hosts` names the host with `internal = true`"
    )]
    Address(String),
    /// There is no connection.
    #[error("no connection: {0}")]
    Connection(String),
    /// The certificate is refused, or TLS fails otherwise.
    #[error("no TLS connection: {0}")]
    Tls(String),
    /// The time is over. The target may have taken the event.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The connection broke. The target may have taken the event.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// There can be no such request.
    #[error("no request can be made: {0}")]
    Request(String),
}

/// Asks a target.
pub trait Exchange {
    /// Sends `request` once, and reads the answer, all within `limit`. It neither retries nor follows redirects. An answer
    /// whose body doesn't end in time, or breaks off, is an answer: the target has said what became of the request.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`]. Texts in it have no header's value, no body and no query.
    fn exchange(&self, request: &Request, limit: Duration) -> impl Future<Output = Result<Answer, NoAnswer>>;
}

impl Answer {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Whether the target took it.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, place, headers: _, body, answer_limit: _ } = self;
        let place = match place {
            Place::Web(url) => url.host.as_str(),
            Place::Aws { service, .. } => service,
        };
        formatter
            .debug_struct("Request")
            .field("method", method)
            .field("place", &place)
            .field("bytes", &body.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}
