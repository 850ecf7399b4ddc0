//! How AWS is reached: one pool of connections, one TLS stack and one set of times for all clients of a process.

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_types::timeout::TimeoutConfig;

/// For a connection. Inside a region one takes milliseconds; a second is a packet lost twice.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// For a connection to another region, on the other side of the world.
const FAR_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// For an answer once the request is on its way. SQS and DynamoDB answer in
/// milliseconds; what takes longer than this is better asked again.
const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// For a call as a whole, however slowly its answer trickles in. It bounds how far a call that starts just before a
/// deadline can overrun it.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The connections of a process, or of a test. Clones share them. There is none before the first call.
#[derive(Clone, Debug)]
pub struct Connections {
    connector: Arc<OnceLock<SharedHttpConnector>>,
    connect_timeout: Duration,
    /// For an answer, if all have the same time.
    read_timeout: Option<Duration>,
}

impl Connections {
    /// Connections to any region, on which each call brings its own time for an answer.
    pub fn waiting() -> Self {
        Self { connector: Arc::default(), connect_timeout: FAR_CONNECT_TIMEOUT, read_timeout: None }
    }

    /// The connector: the SDK's own, with the settings that the SDK gives it.
    pub(crate) fn connector(&self) -> &SharedHttpConnector {
        self.connector.get_or_init(|| {
            let mut settings = HttpConnectorSettings::builder().connect_timeout(self.connect_timeout);
            settings.set_read_timeout(self.read_timeout);
            let connector = Connector::builder()
                .connector_settings(settings.build())
                .proxy_config(ProxyConfig::from_env())
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc));
            SharedHttpConnector::new(connector.build())
        })
    }

    /// The same for the SDK's clients. Their own times for connections and answers do not count.
    pub(crate) fn http_client(&self) -> SharedHttpClient {
        let connections = self.clone();
        http_client_fn(move |_, _| connections.connector().clone())
    }

    /// Connections that are no network's.
    #[cfg(test)]
    pub(crate) fn through(connector: SharedHttpConnector) -> Self {
        Self { connector: Arc::new(OnceLock::from(connector)), ..Self::waiting() }
    }
}

impl Default for Connections {
    fn default() -> Self {
        Self { connector: Arc::default(), connect_timeout: CONNECT_TIMEOUT, read_timeout: Some(READ_TIMEOUT) }
    }
}

/// The bounds of the SDK's calls, besides those of the connections.
pub(crate) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().operation_timeout(CALL_TIMEOUT).build()
}

/// Whether the error came while a connection was being made: name, TCP or TLS. Then nothing was asked.
pub(crate) fn never_connected(error: &(dyn Error + 'static)) -> bool {
    let mut chain = std::iter::successors(Some(error), |error| (*error).source());
    chain.any(|error| {
        error.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|error| error.is_connect())
    })
}

#[cfg(test)]
mod tests {
    use shared::ledger::times;

    use super::*;

    #[test]
    fn a_call_takes_as_long_as_the_ledger_reckons_with() {
        assert_eq!(CALL_TIMEOUT, times::CALL_LIMIT);
        assert!(CONNECT_TIMEOUT + READ_TIMEOUT <= CALL_TIMEOUT);
    }
}
