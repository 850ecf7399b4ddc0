//! Servers over TLS, with certificates of their own.

use std::io;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use testkit::wire::scripted::{Arrival, Reaction, ScriptedServer};

/// Certificates of a server, and of who vouches for it.
#[derive(Clone)]
pub(crate) struct Certificates {
    /// The certificate of the authority, PEM.
    pub(crate) authority: String,
    config: Arc<ServerConfig>,
}

impl Certificates {
    /// Certificates for a server of this name.
    pub(crate) fn of(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let server_key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&server_key, &issuer).unwrap();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        Self { authority, config: Arc::new(config) }
    }

    /// A server with them that does with each request what `react` says.
    pub(crate) fn server(
        &self,
        react: impl Fn(&Arrival) -> Reaction + Send + Sync + 'static,
    ) -> ScriptedServer {
        let config = Arc::clone(&self.config);
        ScriptedServer::start(react, move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
            Ok(StreamOwned::new(connection, stream))
        })
    }
}
