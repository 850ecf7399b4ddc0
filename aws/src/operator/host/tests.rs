//! Handshakes with servers on this machine, and addresses that get none.

use std::io::{self, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use expect_test::{Expect, expect};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

const HOST: &str = "hooks.example.com";

/// A server with a certificate, and what vouches for it.
struct Server {
    port: u16,
    authority: String,
    /// The bytes of each connection that came through the handshake, when it has ended.
    received: std::sync::mpsc::Receiver<usize>,
}

fn server(name: &str) -> Server {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let server_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2050, 3, 1);
    let certificate = params.signed_by(&server_key, &issuer).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, received) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            let mut bytes = Vec::new();
            // That the peer goes without a farewell is no matter here.
            let _ = stream.read_to_end(&mut bytes);
            if !stream.conn.is_handshaking() && sender.send(bytes.len()).is_err() {
                return;
            }
        }
    });
    Server { port, authority, received }
}

fn hosts(addresses: &'static [&'static str], authority: Option<&str>) -> Hosts {
    let look_up: LookUp = Arc::new(|name| match name {
        HOST => Ok(addresses.iter().map(|address| address.parse().unwrap()).collect()),
        _ => Err(io::Error::other("no such name")),
    });
    let certificates = authority.map(|pem| pem.as_bytes().to_vec());
    Hosts::new(WebSettings { certificates, is_loopback_allowed: authority.is_some(), look_up: Some(look_up) })
}

fn url(host: &str, port: u16, is_internal: bool) -> WebUrl {
    WebUrl { host: host.to_owned(), port, path_and_query: "/?key=secret".to_owned(), is_internal }
}

fn shown(state: &HostState) -> String {
    let HostState { refused, certificate } = state;
    let certificate = match certificate {
        Ok(end) => format!("until {}", end.to_text()),
        Err(error) => error.to_string(),
    };
    format!("{refused:?} {certificate}")
}

#[tokio::test]
async fn a_handshake_says_when_the_certificate_ends_and_nothing_is_sent() {
    let Server { port, authority, received } = server(HOST);
    let seen = hosts(&["127.0.0.1"], Some(&authority)).look_at(&url(HOST, port, false)).await;
    expect!["[] until 2050-03-01T00:00:00Z"].assert_eq(&shown(&seen));
    assert_eq!(received.recv().unwrap(), 0);
    // The others are not tried, and said.
    let both = hosts(&["169.254.169.254", "127.0.0.1"], Some(&authority));
    let seen = both.look_at(&url(HOST, port, true)).await;
    expect!["[169.254.169.254] until 2050-03-01T00:00:00Z"].assert_eq(&shown(&seen));
    assert_eq!(received.recv().unwrap(), 0);
}

#[tokio::test]
async fn a_certificate_of_another_name_or_of_nobody_known_is_none() {
    let (other, known) = (server("other.example.com"), server(HOST));
    let check = async |server: &Server, authority: &Server, expected: Expect| {
        let hosts = hosts(&["127.0.0.1"], Some(&authority.authority));
        let seen = hosts.look_at(&url(HOST, server.port, false)).await;
        expected.assert_eq(&shown(&seen));
    };
    check(&other, &other, expect![[r#"[] no TLS connection: invalid peer certificate: certificate not valid for name "hooks.example.com"; certificate is only valid for DnsName("other.example.com")"#]]).await;
    check(&known, &other, expect!["[] no TLS connection: invalid peer certificate: BadSignature"]).await;
}

#[tokio::test]
async fn what_may_not_be_asked_gets_no_connection() {
    let check = async |addresses, host, is_internal, expected: Expect| {
        let seen = hosts(addresses, None).look_at(&url(host, 1, is_internal)).await;
        expected.assert_eq(&shown(&seen));
    };
    check(&["127.0.0.1", "10.0.0.1"], HOST, false, expect!["[127.0.0.1, 10.0.0.1] the host has the address 127.0.0.1, which may not be asked; a private one may, if `allowed_hosts` names the host with `internal = true`"]).await;
    check(&["169.254.169.254"], HOST, true, expect!["[169.254.169.254] the host has the address 169.254.169.254, which may not be asked; a private one may, if `allowed_hosts` names the host with `internal = true`"]).await;
    check(&[], "::1", true, expect!["[::1] the host has the address ::1, which may not be asked; a private one may, if `allowed_hosts` names the host with `internal = true`"]).await;
    check(&[], HOST, false, expect!["[] the name of the host can't be looked up: the name has no address"])
        .await;
    check(
        &[],
        "unknown.example.com",
        false,
        expect!["[] the name of the host can't be looked up: no such name"],
    )
    .await;
}

#[tokio::test]
async fn a_port_that_nothing_listens_on_has_no_connection() {
    let Server { authority, .. } = server(HOST);
    let seen = hosts(&["127.0.0.1"], Some(&authority)).look_at(&url(HOST, 1, false)).await;
    expect!["[] no connection: 127.0.0.1: Connection refused (os error 111)"].assert_eq(&shown(&seen));
}
