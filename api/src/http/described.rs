//! What the description of the API says of several routes at once: parameters, and what can go wrong.

use utoipa::{IntoParams, IntoResponses};

use super::problem::Problem;

/// The mark in the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct MarkPath {
    /// The mark, percent-encoded.
    #[param(example = "AFC F5")]
    mark: String,
}

/// On which terms a command is carried out.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct TermsHeaders {
    /// The `ETag` of the version that the mark must have.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
    /// What tells this request from others, for a day: one that comes again is answered and not carried out again.
    #[param(rename = "Idempotency-Key")]
    idempotency_key: Option<String>,
}

/// What can go wrong with a command.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is only described")]
pub(super) enum CommandProblems {
    /// The request is malformed.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
    /// There is no such mark.
    #[response(status = 404, content_type = "application/problem+json")]
    Unknown(Problem),
    /// The mark does not allow it, or others were quicker.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
    /// The mark has another version.
    #[response(status = 412, content_type = "application/problem+json")]
    Version(Problem),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The body is not JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(Problem),
    /// The idempotency key was used for another request.
    #[response(status = 422, content_type = "application/problem+json")]
    Reused(Problem),
    /// The service is in trouble.
    #[response(status = 500, content_type = "application/problem+json")]
    Trouble(Problem),
    /// Too much at once, or no answer: again after `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Later(Problem),
}

/// What can go wrong with an event of another aggregate.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is only described")]
pub(super) enum EventProblems {
    /// The request is malformed.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
    /// Others were quicker.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
    /// The aggregate has another version.
    #[response(status = 412, content_type = "application/problem+json")]
    Version(Problem),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The body is not JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(Problem),
    /// The schema does not allow the body, or the idempotency key was used for another event.
    #[response(status = 422, content_type = "application/problem+json")]
    Refused(Problem),
    /// The service is in trouble.
    #[response(status = 500, content_type = "application/problem+json")]
    Trouble(Problem),
    /// Too much at once, or no answer: again after `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Later(Problem),
}

/// What can go wrong with a query.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is only described")]
pub(super) enum QueryProblems {
    /// A parameter is malformed.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
    /// There is none.
    #[response(status = 404, content_type = "application/problem+json")]
    Unknown(Problem),
    /// The mark is being erased.
    #[response(status = 409, content_type = "application/problem+json")]
    Erasing(Problem),
    /// The service is in trouble.
    #[response(status = 500, content_type = "application/problem+json")]
    Trouble(Problem),
    /// Too much at once, or no answer: again after `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Later(Problem),
}
