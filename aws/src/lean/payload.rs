//! The body of a request, and its hash.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use sha2::{Digest as _, Sha256};
use shared::text::hex;

/// A body in two parts: the first is often shared by many requests.
pub(crate) struct Payload {
    pub(crate) parts: [Bytes; 2],
    /// Of both parts, in lower-case hexadecimal digits.
    pub(crate) sha256: String,
}

impl Payload {
    /// `start`, of which `hash` is the hash, and `end`.
    pub(crate) fn new(start: Bytes, hash: &Sha256, end: Bytes) -> Self {
        let sha256 = hex(&hash.clone().chain_update(&end).finalize());
        Self { parts: [start, end], sha256 }
    }

    /// The bytes of both parts.
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }
}

impl From<Vec<u8>> for Payload {
    fn from(text: Vec<u8>) -> Self {
        Self::new(Bytes::new(), &Sha256::new(), text.into())
    }
}

impl From<Payload> for SdkBody {
    fn from(payload: Payload) -> Self {
        let [start, end] = payload.parts;
        if start.is_empty() { end.into() } else { Self::from_body_1_x(Parts([start, end].into_iter())) }
    }
}

/// The bytes of a request: the parts are not copied.
struct Parts(std::array::IntoIter<Bytes, 2>);

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_slice().is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_slice().iter().map(|part| part.len() as u64).sum())
    }
}
