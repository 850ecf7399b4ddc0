//! A host that a push client's events go to, or that gives tokens for it: what DNS and TLS say of it. It is asked nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use shared::config::WebUrl;
use shared::exchange::NoAnswer;
use shared::text::{printable, with_sources};
use shared::time::Timestamp;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::certificate;
use crate::web::{Addresses, LookUp, WebSettings, by_the_system};

/// For each of the name, the connection and TLS, as the push function has for them together.
const LIMIT: Duration = Duration::from_secs(5);

/// What looks at hosts. Clones share what they trust.
#[derive(Clone)]
pub struct Hosts {
    trusted: Result<Arc<ClientConfig>, rustls::Error>,
    look_up: LookUp,
    is_loopback_allowed: bool,
}

/// How a host is, seen from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostState {
    /// Its addresses of which none may be asked.
    pub refused: Vec<IpAddr>,
    /// When its certificate ends, which is right for its name and trusted here; or why there is no connection. With an address
    /// that may be asked, this is the first of these.
    pub certificate: Result<Timestamp, NoAnswer>,
}

impl Hosts {
    /// Trusts the certificates that this machine trusts, as the push function does, and those of `settings`.
    pub fn new(settings: WebSettings) -> Self {
        let WebSettings { certificates, is_loopback_allowed, look_up } = settings;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let own = certificates.unwrap_or_default();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&own).filter_map(Result::ok));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let trusted = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)
            .map(|builder| Arc::new(builder.with_root_certificates(roots).with_no_client_auth()));
        let look_up = look_up.unwrap_or_else(|| Arc::new(by_the_system));
        Self { trusted, look_up, is_loopback_allowed }
    }

    /// Looks at the host of `url`.
    pub async fn look_at(&self, url: &WebUrl) -> HostState {
        let allowed =
            Addresses { is_internal: url.is_internal, is_loopback_allowed: self.is_loopback_allowed };
        let addresses = match self.addresses(&url.host).await {
            Ok(addresses) => addresses,
            Err(error) => return HostState { refused: Vec::new(), certificate: Err(error) },
        };
        let (asked, refused): (Vec<IpAddr>, Vec<IpAddr>) =
            addresses.into_iter().partition(|address| allowed.may_be_asked(*address));
        let certificate = match (asked.first(), refused.first()) {
            (Some(address), _) => self.certificate(url, *address).await,
            (None, Some(address)) => Err(NoAnswer::Address(address.to_string())),
            (None, None) => Err(NoAnswer::Name("the name has no address".to_owned())),
        };
        HostState { refused, certificate }
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NoAnswer> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let (look_up, name) = (Arc::clone(&self.look_up), host.to_owned());
        let found = timeout(LIMIT, tokio::task::spawn_blocking(move || look_up(&name))).await;
        match found {
            Ok(Ok(Ok(addresses))) => Ok(addresses),
            Ok(Ok(Err(error))) => Err(NoAnswer::Name(printable(&with_sources(&error)))),
            Ok(Err(error)) => Err(NoAnswer::Name(error.to_string())),
            Err(_) => Err(NoAnswer::Name(format!("no answer within {} s", LIMIT.as_secs()))),
        }
    }

    /// When the certificate ends that the host has at this address.
    async fn certificate(&self, url: &WebUrl, address: IpAddr) -> Result<Timestamp, NoAnswer> {
        let name =
            ServerName::try_from(url.host.clone()).map_err(|error| NoAnswer::Tls(error.to_string()))?;
        let connection = timeout(LIMIT, TcpStream::connect(SocketAddr::new(address, url.port))).await;
        let no_connection = |why: String| NoAnswer::Connection(format!("{address}: {why}"));
        let connection = match connection {
            Ok(connected) => connected.map_err(|error| no_connection(error.to_string()))?,
            Err(_) => return Err(no_connection(format!("no answer within {} s", LIMIT.as_secs()))),
        };
        let trusted = self.trusted.as_ref().map_err(|error| NoAnswer::Tls(error.to_string()))?;
        let connector = TlsConnector::from(Arc::clone(trusted));
        let encrypted = match timeout(LIMIT, connector.connect(name, connection)).await {
            Ok(encrypted) => encrypted.map_err(|error| NoAnswer::Tls(printable(&error.to_string())))?,
            Err(_) => return Err(NoAnswer::Tls(format!("no answer within {} s", LIMIT.as_secs()))),
        };
        let (_, session) = encrypted.get_ref();
        let own = session.peer_certificates().and_then(|chain| chain.first());
        let end = own.and_then(|own| certificate::end(own));
        end.ok_or_else(|| NoAnswer::Tls("its certificate says no end".to_owned()))
    }
}

impl std::fmt::Debug for Hosts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Hosts")
            .field("is_loopback_allowed", &self.is_loopback_allowed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
