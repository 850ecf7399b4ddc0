//! Requests that change a mark.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::parameters::{MarkOfPath, Terms, etag};
use super::problem::Problem;
use super::{Shared, body, json};
use crate::mark::{Command, Entitle, Extend, Mark, Nominate, OnMark, Readdress};
use crate::store::port::DynamoDb;
use crate::store::{Erasure, Receipt, RequestId, Surroundings};

/// Says that a request was answered before, and nothing was done this time.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

type Body = Result<Bytes, BytesRejection>;

/// That a command was carried out.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReceiptBody {
    /// The mark.
    #[schema(example = "AFC F5")]
    mark: String,
    /// The version that it has now.
    version: u64,
    /// The event's id.
    event_id: String,
    /// The event's time, with nine digits of a fraction.
    #[schema(example = "2026-01-05T09:00:00.250000000Z")]
    create_time: String,
}

/// Creates the entitlement to a mark.
#[utoipa::path(
    post, path = "/mark/v1/entitlement", request_body = Entitle, params(super::described::TermsHeaders),
    responses(
        (status = 201, body = ReceiptBody, headers(("ETag", description = "The version"), ("Location", description = "The mark"))),
        super::described::CommandProblems
    )
)]
pub(super) async fn create<D: DynamoDb, S: Surroundings>(
    State(marks): State<Shared<D, S>>,
    terms: Terms,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut response = with_body(&marks, "create", terms, &headers, body, Command::CreateEntitlement).await?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// Changes the nominee's address.
#[utoipa::path(
    put, path = "/mark/v1/entitlement/address", request_body = Readdress, params(super::described::TermsHeaders),
    responses((status = 200, body = ReceiptBody), super::described::CommandProblems)
)]
pub(super) async fn address<D: DynamoDb, S: Surroundings>(
    State(marks): State<Shared<D, S>>,
    terms: Terms,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    with_body(&marks, "address", terms, &headers, body, Command::UpdateAddress).await
}

/// Names another nominee.
#[utoipa::path(
    put, path = "/mark/v1/entitlement/nominee", request_body = Nominate, params(super::described::TermsHeaders),
    responses((status = 200, body = ReceiptBody), super::described::CommandProblems)
)]
pub(super) async fn nominee<D: DynamoDb, S: Surroundings>(
    State(marks): State<Shared<D, S>>,
    terms: Terms,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    with_body(&marks, "nominee", terms, &headers, body, Command::UpdateNominee).await
}

/// Keeps the mark for longer.
#[utoipa::path(
    put, path = "/mark/v1/entitlement/extension", request_body = Extend, params(super::described::TermsHeaders),
    responses((status = 200, body = ReceiptBody), super::described::CommandProblems)
)]
pub(super) async fn extension<D: DynamoDb, S: Surroundings>(
    State(marks): State<Shared<D, S>>,
    terms: Terms,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    with_body(&marks, "extension", terms, &headers, body, Command::Extend).await
}

/// Issues a new certificate.
#[utoipa::path(
    put, path = "/mark/v1/entitlement/certificate/{mark}",
    params(super::described::MarkPath, super::described::TermsHeaders),
    responses((status = 200, body = ReceiptBody), super::described::CommandProblems)
)]
pub(super) async fn certificate<D: DynamoDb, S: Surroundings>(
    State(marks): State<Shared<D, S>>,
    MarkOfPath(mark): MarkOfPath,
    terms: Terms,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    without_body(&marks, "certificate", terms, &headers, body, Command::UpdateCertificate(OnMark { mark }))
        .await
}

/// Locks the mark: nothing changes until it is unlocked.
#[utoipa::path(
    put, path = "/mark/v1/lock/{mark}", params(super::described::MarkPath, super::described::TermsHeaders),
    responses((status = 200, body = ReceiptBody), super::described::CommandProblems)
)]
pub(super) async fn lock<D: DynamoDb, S: Surroundings>(
    State(marks): State<Shared<D, S>>,
    MarkOfPath(mark): MarkOfPath,
    terms: Terms,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    without_body(&marks, "lock", terms, &headers, body, Command::Lock(OnMark { mark })).await
}

/// Unlocks the mark.
#[utoipa::path(
    put, path = "/mark/v1/unlock/{mark}", params(super::described::MarkPath, super::described::TermsHeaders),
    responses((status = 200, body = ReceiptBody), super::described::CommandProblems)
)]
pub(super) async fn unlock<D: DynamoDb, S: Surroundings>(
    State(marks): State<Shared<D, S>>,
    MarkOfPath(mark): MarkOfPath,
    terms: Terms,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    without_body(&marks, "unlock", terms, &headers, body, Command::Unlock(OnMark { mark })).await
}

/// Forgets the mark: all of its events, and its state.
///
/// A mark with very many events takes several requests: as long as the answer is 202, send the same one again.
#[utoipa::path(
    delete, path = "/mark/v1/registrationNumber/{mark}",
    params(super::described::MarkPath, ("If-Match" = Option<String>, Header, description = "The version that it must have")),
    responses(
        (status = 204, description = "Nothing is left"),
        (status = 202, description = "It is being erased: send the request again"),
        super::described::CommandProblems
    )
)]
pub(super) async fn erase<D: DynamoDb, S: Surroundings>(
    State(marks): State<Shared<D, S>>,
    MarkOfPath(mark): MarkOfPath,
    terms: Terms,
) -> Result<Response, Problem> {
    match marks.erase(&mark, terms.expected).await? {
        Erasure::Done => Ok(StatusCode::NO_CONTENT.into_response()),
        Erasure::Unfinished => Ok(StatusCode::ACCEPTED.into_response()),
    }
}

async fn with_body<D: DynamoDb, S: Surroundings, T: DeserializeOwned>(
    marks: &Shared<D, S>,
    name: &str,
    terms: Terms,
    headers: &HeaderMap,
    body: Body,
    command: impl FnOnce(T) -> Command,
) -> Result<Response, Problem> {
    let body = body::bytes(body)?;
    let command = command(body::read(headers, &body)?);
    carry_out(marks, name, terms, &body, command).await
}

async fn without_body<D: DynamoDb, S: Surroundings>(
    marks: &Shared<D, S>,
    name: &str,
    terms: Terms,
    headers: &HeaderMap,
    body: Body,
    command: Command,
) -> Result<Response, Problem> {
    let body = body::bytes(body)?;
    body::read_nothing(headers, &body)?;
    carry_out(marks, name, terms, &body, command).await
}

async fn carry_out<D: DynamoDb, S: Surroundings>(
    marks: &Shared<D, S>,
    name: &str,
    terms: Terms,
    body: &[u8],
    command: Command,
) -> Result<Response, Problem> {
    let mark = command.mark().clone();
    let request = terms.key.map(|key| {
        let (key, digest) = (key.as_str().to_owned(), digest(name, &mark, body));
        RequestId { key, digest }
    });
    let receipt = marks.execute(&command, terms.expected, request.as_ref()).await?;
    Ok(answer(&mark, receipt))
}

fn answer(mark: &Mark, receipt: Receipt) -> Response {
    let Receipt { version, time, event_id, is_repeated } = receipt;
    let body = ReceiptBody { mark: mark.to_string(), version, event_id, create_time: time.to_string() };
    let location =
        format!("/mark/v1/registrationNumber/{}", utf8_percent_encode(mark.as_str(), NON_ALPHANUMERIC));
    let more = HeaderValue::from_str(&location).ok().map(|location| (LOCATION, location));
    appended(StatusCode::OK, &body, version, more, is_repeated)
}

/// That an event is appended, in a `body` of texts and numbers: the aggregate has this version, and perhaps the request was
/// answered before.
pub(super) fn appended(
    status: StatusCode,
    body: &impl Serialize,
    version: u64,
    more: Option<(HeaderName, HeaderValue)>,
    is_repeated: bool,
) -> Response {
    let mut response = json(status, serde_json::to_string(body).unwrap_or_default());
    let headers = response.headers_mut();
    headers.extend(HeaderValue::from_str(&etag(version)).ok().map(|tag| (ETAG, tag)));
    headers.extend(more);
    if is_repeated {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// What tells one request from another under the same key.
fn digest(name: &str, mark: &Mark, body: &[u8]) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{name}\n{mark}\n"));
    digest.update(body);
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
