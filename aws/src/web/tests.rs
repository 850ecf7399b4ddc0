//! Which addresses are asked.

use aws_credential_types::Credentials;
use expect_test::{Expect, expect};
use shared::exchange::ANSWER_LIMIT;

use super::*;
use crate::connections::Connections;

fn secrets() -> Signed {
    Signed::new(
        Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"),
        Vec::new(),
        Connections::waiting(),
    )
}

/// A look-up that knows one name.
fn look_up(known: &'static str, addresses: &'static [&'static str]) -> LookUp {
    Arc::new(move |name| {
        if name != known {
            return Err(io::Error::other("no such name"));
        }
        Ok(addresses.iter().map(|address| address.parse().unwrap()).collect())
    })
}

fn request(host: &str, is_internal: bool) -> Request {
    let url =
        WebUrl { host: host.to_owned(), port: 1, path_and_query: "/?key=secret".to_owned(), is_internal };
    Request {
        method: "POST",
        place: Place::Web(url),
        headers: vec![("authorization".to_owned(), "Bearer secret".to_owned())],
        body: b"{}".to_vec(),
        answer_limit: ANSWER_LIMIT,
    }
}

async fn check(addresses: &'static [&'static str], host: &str, is_internal: bool, expected: Expect) {
    let settings =
        WebSettings { look_up: Some(look_up("hooks.example.com", addresses)), ..Default::default() };
    let answer =
        Web::new(secrets(), settings).exchange(&request(host, is_internal), Duration::from_secs(5)).await;
    let shown = answer.unwrap_err().to_string();
    assert!(!shown.contains("secret"), "{shown}");
    expected.assert_eq(&shown);
}

#[tokio::test]
async fn an_address_that_may_not_be_asked_is_refused_however_it_is_named() {
    let name = "hooks.example.com";
    check(&["169.254.169.254"], name, false, expect!["the host has the address 169.254.169.254, which may not be asked; a private one may, if `allowed_hosts` names the host with `internal = true`"]).await;
    check(&["127.0.0.1", "10.0.0.1"], name, false, expect!["the host has the address 127.0.0.1, which may not be asked; a private one may, if `allowed_hosts` names the host with `internal = true`"]).await;
    check(&["169.254.169.254"], name, true, expect!["the host has the address 169.254.169.254, which may not be asked; a private one may, if `allowed_hosts` names the host with `internal = true`"]).await;
    check(&["::ffff:127.0.0.1"], name, true, expect!["the host has the address ::ffff:127.0.0.1, which may not be asked; a private one may, if `allowed_hosts` names the host with `internal = true`"]).await;
    check(&[], "127.0.0.1", false, expect!["the host has the address 127.0.0.1, which may not be asked; a private one may, if `allowed_hosts` names the host with `internal = true`"]).await;
    check(
        &[],
        "::1",
        true,
        expect![
            "the host has the address ::1, which may not be asked; a private one may, if `allowed_hosts` names the host with `internal = true`"
        ],
    )
    .await;
    check(&[], "::ffff:10.0.0.1", false, expect!["the host has the address ::ffff:10.0.0.1, which may not be asked; a private one may, if `allowed_hosts` names the host with `internal = true`"]).await;
}

#[tokio::test]
async fn a_name_that_is_none_is_said() {
    check(
        &[],
        "hooks.example.com",
        false,
        expect![["the name of the host can't be looked up: the name has no address"]],
    )
    .await;
    check(
        &[],
        "other.example.com",
        false,
        expect![["the name of the host can't be looked up: no such name"]],
    )
    .await;
}

/// Addresses that may be asked are asked, and none besides: nothing listens there.
#[tokio::test]
async fn only_what_was_checked_is_connected_to() {
    let settings = WebSettings {
        is_loopback_allowed: true,
        look_up: Some(look_up("hooks.example.com", &["169.254.169.254", "127.0.0.1"])),
        ..Default::default()
    };
    let web = Web::new(secrets(), settings);
    for host in ["hooks.example.com", "127.0.0.1"] {
        let answer = web.exchange(&request(host, false), Duration::from_secs(5)).await;
        assert!(matches!(answer, Err(NoAnswer::Connection(_))), "{answer:?}");
    }
}

/// What `getaddrinfo` takes for an address, and is not written as one: no certificate has such a name, or what comes of it is
/// checked.
#[tokio::test]
async fn other_forms_of_addresses_are_asked_no_more() {
    for (host, expected) in [
        ("127.1", "no connection: invalid dns name"),
        ("2130706433", "no connection: invalid dns name"),
        ("0177.0.0.1", "no connection: invalid dns name"),
        (
            "0x7f000001",
            "the host has the address 127.0.0.1, which may not be asked; a private one may, if `allowed_hosts` names the host with `internal = true`",
        ),
    ] {
        let settings =
            WebSettings { look_up: Some(look_up("0x7f000001", &["127.0.0.1"])), ..Default::default() };
        let answer =
            Web::new(secrets(), settings).exchange(&request(host, false), Duration::from_secs(5)).await;
        assert_eq!(answer.unwrap_err().to_string(), expected, "{host}");
    }
}

#[test]
fn internal_is_private_and_loopback_is_a_setting() {
    let asked = |address: &str, is_internal, is_loopback_allowed| {
        Addresses { is_internal, is_loopback_allowed }.may_be_asked(address.parse().unwrap())
    };
    for (address, public, internal, local) in [
        ("8.8.8.8", true, true, true),
        ("10.0.0.1", false, true, false),
        ("fd12::1", false, true, false),
        ("127.0.0.1", false, false, true),
        ("::1", false, false, true),
        ("169.254.169.254", false, false, false),
        ("0.0.0.0", false, false, false),
    ] {
        let found = [asked(address, false, false), asked(address, true, false), asked(address, false, true)];
        assert_eq!(found, [public, internal, local], "{address}");
    }
}
