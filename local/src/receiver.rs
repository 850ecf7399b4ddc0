//! A receiver of webhooks on this machine: HTTPS with a certificate of its own, signatures checked, and broken on demand.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::serve::Listener;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde::Serialize;
use sha2::Sha256;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

use crate::check::ReceivedEvent;

/// The name that its certificate is for.
pub const HOST: &str = "localhost";

/// The key that requests are signed with, as Standard Webhooks writes it.
pub const SECRET: &str = "whsec_bWFyay1ldmVudC1xdWV1ZSwgb24gdGhpcyBtYWNoaW5l";

/// How long a connection may take until it is encrypted.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// A receiver that runs until it is dropped.
#[derive(Debug)]
pub struct Receiver {
    port: u16,
    authority: String,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

/// What a receiver took for one client.
#[derive(Debug)]
pub struct Inbox(mpsc::UnboundedReceiver<ReceivedEvent>);

/// How a receiver answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// It takes everything.
    #[default]
    Well,
    /// It is down: 503 to everything.
    Down,
    /// It refuses the events of one group: 400.
    Refuses(String),
}

/// What a receiver counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Requests that it took.
    pub taken: usize,
    /// Requests that it answered with an error, as it was told.
    pub refused: usize,
    /// Requests without a right signature.
    pub unsigned: usize,
}

#[derive(Debug)]
struct Shared {
    mood: Mutex<Mood>,
    taken: AtomicUsize,
    refused: AtomicUsize,
    unsigned: AtomicUsize,
    /// By the path of a client's URL.
    inboxes: Mutex<HashMap<String, mpsc::UnboundedSender<ReceivedEvent>>>,
}

/// Accepts connections that are encrypted.
struct Encrypted {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Receiver {
    /// Starts a receiver on a free port of the loopback interface.
    ///
    /// # Errors
    ///
    /// [`io::Error`]: there is no free port, or no certificate can be made.
    pub async fn start() -> io::Result<Self> {
        let (authority, config) = certificates().map_err(io::Error::other)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            mood: Mutex::default(),
            taken: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            unsigned: AtomicUsize::new(0),
            inboxes: Mutex::default(),
        });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let encrypted = Encrypted { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
        let server = tokio::spawn(async move {
            // It ends with the program only.
            let _ = axum::serve(encrypted, router).await;
        });
        Ok(Self { port, authority, shared, server })
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL for a client of this name.
    pub fn url(&self, client: &str) -> String {
        format!("https://{HOST}:{}/{client}", self.port)
    }

    /// What it takes for a client of this name from now on. Before that it answers 404.
    pub fn inbox(&self, client: &str) -> Inbox {
        let (sender, events) = mpsc::unbounded_channel();
        let mut inboxes = self.shared.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        inboxes.insert(format!("/{client}"), sender);
        Inbox(events)
    }

    /// The certificate of the authority that its own is signed by, PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Lets it answer otherwise from now on.
    pub fn set_mood(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// What it has counted so far.
    pub fn counts(&self) -> Counts {
        let Shared { taken, refused, unsigned, .. } = &*self.shared;
        let count = |counted: &AtomicUsize| counted.load(Ordering::Relaxed);
        Counts { taken: count(taken), refused: count(refused), unsigned: count(unsigned) }
    }
}

impl Inbox {
    /// The next events that were taken, in order; none if none comes within `wait`.
    pub async fn take(&mut self, wait: Duration) -> Vec<ReceivedEvent> {
        let first = timeout(wait, self.0.recv()).await.ok().flatten();
        let mut events: Vec<ReceivedEvent> = first.into_iter().collect();
        while let Ok(event) = self.0.try_recv() {
            events.push(event);
        }
        events
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // Who connects and says nothing holds up nobody for long.
            if let Ok((stream, address)) = self.listener.accept().await
                && let Ok(Ok(stream)) = timeout(HANDSHAKE, self.acceptor.accept(stream)).await
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A request: it is checked first, as docs/push.md tells receivers to.
async fn receive(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_signed(header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"), &body) {
        shared.unsigned.fetch_add(1, Ordering::Relaxed);
        return StatusCode::UNAUTHORIZED;
    }
    let group = header("event-group").to_owned();
    let mood = shared.mood.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let refusal = match mood {
        Mood::Well => None,
        Mood::Down => Some(StatusCode::SERVICE_UNAVAILABLE),
        Mood::Refuses(refused) => (refused == group).then_some(StatusCode::BAD_REQUEST),
    };
    if let Some(refusal) = refusal {
        shared.refused.fetch_add(1, Ordering::Relaxed);
        return refusal;
    }
    let inboxes = shared.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(inbox) = inboxes.get(uri.path()) else { return StatusCode::NOT_FOUND };
    shared.taken.fetch_add(1, Ordering::Relaxed);
    let text = |name: &str| Some(header(name)).filter(|text| !text.is_empty()).map(str::to_owned);
    let body = String::from_utf8_lossy(&body).into_owned();
    let event = ReceivedEvent { group, event_id: text("webhook-id"), version: text("event-version"), body };
    // Nobody listens any more when the program ends.
    let _ = inbox.send(event);
    StatusCode::NO_CONTENT
}

/// Whether one of the signatures is that of the request (Standard Webhooks, "Verifying signatures").
fn is_signed(id: &str, timestamp: &str, signatures: &str, body: &[u8]) -> bool {
    let key = SECRET.strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok()).unwrap_or_default();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return false };
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    signatures
        .split(' ')
        .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
        .any(|signature| mac.clone().verify_slice(&signature).is_ok())
}

/// An authority's certificate, PEM, and what a server with one of its certificates needs.
fn certificates() -> Result<(String, ServerConfig), Box<dyn std::error::Error + Send + Sync>> {
    let mut of_authority = CertificateParams::new(Vec::new())?;
    of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    let authority = of_authority.self_signed(&key)?.pem();
    let issuer = Issuer::new(of_authority, key);
    let own_key = KeyPair::generate()?;
    let own = CertificateParams::new(vec![HOST.to_owned()])?.signed_by(&own_key, &issuer)?;
    let private = PrivateKeyDer::Pkcs8(own_key.serialize_der().into());
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![own.der().clone()], private)?;
    Ok((authority, config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_signed_over_id_time_and_body() {
        let key = STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(b"1.1700000000.{}");
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let check = |id, time, signatures: &str, body: &str, expected| {
            assert_eq!(is_signed(id, time, signatures, body.as_bytes()), expected, "{signatures}");
        };
        check("1", "1700000000", &signature, "{}", true);
        check("1", "1700000000", &format!("v1,AAAA {signature}"), "{}", true);
        check("2", "1700000000", &signature, "{}", false);
        check("1", "1700000001", &signature, "{}", false);
        check("1", "1700000000", &signature, "{} ", false);
        check("1", "1700000000", &signature.replace("v1", "v2"), "{}", false);
        check("1", "1700000000", "", "{}", false);
    }
}
