//! A message of the queue of requests, as Lambda delivers it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::control::ReplayRequest;
use shared::ids::{Group, ReplayId};
use tracing::warn;

/// A consumer's request, readable.
#[derive(Debug)]
pub(super) struct RequestRecord {
    /// Which message it is, for Lambda.
    pub(super) id: String,
    /// Which delivery it is, for SQS.
    pub(super) receipt_handle: Option<String>,
    /// For whom: the `MessageGroupId`. SQS doesn't say that the sender is this client.
    pub(super) client: String,
    /// Who sent it, as SQS knows: the id of a role, and the session's name.
    pub(super) sender: Option<String>,
    /// Which group.
    pub(super) group: Group,
    /// From which version on.
    pub(super) from: i64,
    /// The id of its replay: a message that is delivered twice is the same replay.
    pub(super) replay: ReplayId,
}

/// A message that is no request, whatever is done. Of what it has, only this is logged.
#[derive(Debug)]
pub(super) struct UnreadableRequest {
    client: Option<String>,
    sender: Option<String>,
    why: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Envelope<'p> {
    #[serde(borrow)]
    message_id: Cow<'p, str>,
    receipt_handle: Option<String>,
    #[serde(borrow)]
    body: Cow<'p, str>,
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attributes {
    message_group_id: Option<String>,
    sender_id: Option<String>,
}

impl RequestRecord {
    /// The request that `record` is.
    ///
    /// # Errors
    ///
    /// [`UnreadableRequest`]: it is none, and never will be.
    pub(super) fn read(record: &RawValue) -> Result<Self, UnreadableRequest> {
        // The error names no place: it is Lambda's own text.
        let envelope: Envelope<'_> = serde_json::from_str(record.get()).map_err(|_| UnreadableRequest {
            client: None,
            sender: None,
            why: "not a record of SQS".to_owned(),
        })?;
        let Envelope { message_id, receipt_handle, body, attributes } = envelope;
        let Attributes { message_group_id, sender_id: sender } = attributes;
        let unreadable =
            |why: String| UnreadableRequest { client: message_group_id.clone(), sender: sender.clone(), why };
        let request = ReplayRequest::try_from_body(&body).map_err(|error| unreadable(error.to_string()));
        let replay = ReplayId::try_new(&message_id).map_err(|error| unreadable(error.to_string()));
        let ((ReplayRequest { from, .. }, group), replay) = (request?, replay?);
        let Some(client) = message_group_id else {
            return Err(UnreadableRequest { client: None, sender, why: "no `MessageGroupId`".to_owned() });
        };
        let id = message_id.into_owned();
        Ok(Self { id, receipt_handle, client, sender, group, from, replay })
    }
}

impl UnreadableRequest {
    /// Logs it, without its body.
    pub(super) fn log(&self) {
        let Self { client, sender, why } = self;
        warn!(client, sender, why, "a consumer's request can't be carried out");
    }
}
