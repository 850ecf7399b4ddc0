//! Requests to an HTTP API behind API Gateway, signed as `AWS_IAM` wants it.

use std::time::Duration;

use shared::exchange::{Answer, Exchange as _, NoAnswer, Place, Request};

use super::{CallError, Target};
use crate::access::Endpoint;
use crate::connections::Connections;
use crate::signed::{Signed, SignedService};

/// How API Gateway is called in signatures (API Gateway Developer Guide, "Control access for HTTP APIs with AWS IAM").
const SERVICE: SignedService = SignedService { name: "execute-api", endpoint_variable: "" };

/// How much of an answer is read, in bytes.
const ANSWER_LIMIT: usize = 1 << 20;

/// An HTTP API, as a target's credentials call it. Clones share their connections.
#[derive(Clone, Debug)]
pub struct HttpApi {
    signed: Signed,
    region: String,
}

/// A request to an HTTP API.
#[derive(Clone, Debug)]
pub struct ApiRequest<'r> {
    /// `POST`, `PUT`, `GET`, `DELETE`.
    pub method: &'static str,
    /// Percent-encoded, `/` at the beginning, perhaps with a query.
    pub path_and_query: &'r str,
    /// Names in lower case, each once.
    pub headers: &'r [(&'static str, &'r str)],
    /// The body.
    pub body: &'r str,
}

impl HttpApi {
    /// The API whose paths begin at `url`, with the credentials of `target`.
    ///
    /// # Errors
    ///
    /// [`CallError`]: there are no credentials any more.
    pub async fn try_new(target: &Target, url: &str) -> Result<Self, CallError> {
        let credentials = target.credentials("the API").await?;
        let endpoints = vec![(SERVICE, Endpoint::Url(url.to_owned()))];
        let signed = Signed::new(credentials, endpoints, Connections::waiting());
        Ok(Self { signed, region: target.region().to_owned() })
    }

    /// Sends `request` once; the answer must come within `limit`.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`].
    pub async fn send(&self, request: &ApiRequest<'_>, limit: Duration) -> Result<Answer, NoAnswer> {
        let headers = request.headers.iter();
        let request = Request {
            method: request.method,
            place: Place::Aws {
                service: SERVICE.name,
                region: self.region.clone(),
                path_and_query: request.path_and_query.to_owned(),
            },
            headers: headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: request.body.as_bytes().to_vec(),
            answer_limit: ANSWER_LIMIT,
        };
        self.signed.exchange(&request, limit).await
    }
}
