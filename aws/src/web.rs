//! Requests to URLs that an operator wrote down: the connection goes to an address that was checked, and nowhere else. No
//! proxy, no redirect.

use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};
use shared::config::WebUrl;
use shared::exchange::{Answer, Exchange, NoAnswer, Place, Request};
use shared::public_address::{is_internal, is_public};

use crate::round_trip::{RefusedAddress, on_the_wire, send};
use crate::signed::Signed;

/// For a connection: name, TCP and TLS. A target may be on the other side of the world.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection is kept that nobody uses: shorter than servers and what stands before them keep theirs.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Looks a name up.
pub type LookUp = Arc<dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync>;

/// What is otherwise on a machine of one's own.
#[derive(Clone, Default)]
pub struct WebSettings {
    /// Certificates, PEM, that are trusted besides those of the system.
    pub certificates: Option<Vec<u8>>,
    /// Whether loopback addresses may be asked.
    pub is_loopback_allowed: bool,
    /// Who looks names up; `None`: the system.
    pub look_up: Option<LookUp>,
}

/// Asks URLs, and the services that keep the secrets for it. Clones share their connections.
#[derive(Clone)]
pub struct Web {
    secrets: Signed,
    public: Reach,
    internal: Reach,
}

/// Which addresses may be asked, and the connections to them: those to hosts that are internal are kept apart.
#[derive(Clone)]
struct Reach {
    addresses: Addresses,
    connector: SharedHttpConnector,
}

/// Which addresses may be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    pub(crate) is_internal: bool,
    pub(crate) is_loopback_allowed: bool,
}

/// Looks names up, and gives only addresses that may be asked: the connection goes to one of these.
#[derive(Clone)]
struct CheckedLookUp {
    addresses: Addresses,
    look_up: LookUp,
}

impl Web {
    /// Asks URLs; and `secrets`, whatever is no URL.
    ///
    /// # Panics
    ///
    /// The certificates are no PEM.
    pub fn new(secrets: Signed, settings: WebSettings) -> Self {
        let WebSettings { certificates, is_loopback_allowed, look_up } = settings;
        let look_up = look_up.unwrap_or_else(|| Arc::new(by_the_system));
        let reach = |is_internal| {
            let addresses = Addresses { is_internal, is_loopback_allowed };
            let look_up = CheckedLookUp { addresses, look_up: Arc::clone(&look_up) };
            Reach { addresses, connector: connector(look_up, certificates.as_deref()) }
        };
        Self { secrets, public: reach(false), internal: reach(true) }
    }

    async fn ask(&self, request: &Request, url: &WebUrl, limit: Duration) -> Result<Answer, NoAnswer> {
        let reach = if url.is_internal { &self.internal } else { &self.public };
        let address = url.host.parse::<IpAddr>().ok();
        // An address is not looked up.
        if let Some(address) = address.filter(|address| !reach.addresses.may_be_asked(*address)) {
            return Err(NoAnswer::Address(address.to_string()));
        }
        let host = match address {
            Some(IpAddr::V6(address)) => format!("[{address}]"),
            _ => url.host.clone(),
        };
        let wire = on_the_wire(request, &format!("https://{host}:{}{}", url.port, url.path_and_query), &[])?;
        send(&reach.connector, wire, limit, request.answer_limit).await
    }
}

impl Exchange for Web {
    async fn exchange(&self, request: &Request, limit: Duration) -> Result<Answer, NoAnswer> {
        match &request.place {
            Place::Web(url) => self.ask(request, url, limit).await,
            Place::Aws { .. } => self.secrets.exchange(request, limit).await,
        }
    }
}

impl Addresses {
    pub(crate) fn may_be_asked(self, address: IpAddr) -> bool {
        let is_reachable = if self.is_internal { is_internal(address) } else { is_public(address) };
        is_reachable || self.is_loopback_allowed && address.is_loopback()
    }
}

impl ResolveDns for CheckedLookUp {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        let (name, look_up, addresses) = (name.to_owned(), Arc::clone(&self.look_up), self.addresses);
        DnsFuture::new(async move {
            let found = tokio::task::spawn_blocking(move || look_up(&name)).await;
            let found = found.map_err(ResolveDnsError::new)?.map_err(ResolveDnsError::new)?;
            let (asked, refused): (Vec<IpAddr>, Vec<IpAddr>) =
                found.into_iter().partition(|address| addresses.may_be_asked(*address));
            match refused.first() {
                Some(address) if asked.is_empty() => Err(ResolveDnsError::new(RefusedAddress(*address))),
                None if asked.is_empty() => Err(ResolveDnsError::new("the name has no address")),
                _ => Ok(asked),
            }
        })
    }
}

/// As `getaddrinfo` has it, in its order.
pub(crate) fn by_the_system(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

fn connector(look_up: CheckedLookUp, certificates: Option<&[u8]>) -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
    let trusted = TrustStore::default();
    let trusted = match certificates {
        Some(certificates) => trusted.with_pem_certificate(certificates),
        None => trusted,
    };
    let connector = Connector::builder()
        .connector_settings(settings)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    let connector = match TlsContext::builder().with_trust_store(trusted).build() {
        Ok(context) => connector.tls_context(context),
        // There is nothing in it that could fail. Without it, no certificate but the system's is trusted.
        Err(_) => connector,
    };
    SharedHttpConnector::new(connector.build_with_resolver(look_up))
}

impl fmt::Debug for Web {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_loopback_allowed = &self.public.addresses.is_loopback_allowed;
        formatter
            .debug_struct("Web")
            .field("is_loopback_allowed", is_loopback_allowed)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CheckedLookUp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CheckedLookUp").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
