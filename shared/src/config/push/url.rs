//! URLs that events and requests for tokens go to.

use super::WebUrl;
use super::host::{AllowedHosts, Host};
use crate::quoted::quoted;

/// The most characters of a URL: what is said to fit through everything on its way.
const LENGTH_LIMIT: usize = 2_000;

const SCHEME: &str = "https://";

impl WebUrl {
    /// The URL that `text` is, of a host among `hosts`; where those are not known, of any host.
    ///
    /// The error never repeats `text`: a query or a user may hold a secret.
    pub(super) fn try_new(text: &str, hosts: Option<&AllowedHosts>) -> Result<Self, String> {
        let rest = match text.split_at_checked(SCHEME.len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => rest,
            _ => {
                return Err(
                    "does not begin with `https://`; write the whole URL, of a host that speaks HTTPS"
                        .to_owned(),
                );
            }
        };
        if text.len() > LENGTH_LIMIT {
            return Err(format!("is longer than {LENGTH_LIMIT} characters; shorten it"));
        }
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
        if !text.bytes().all(is_legal) || !has_whole_escapes(text) {
            return Err("has a character that no URL has, or a `%` without two digits; percent-encode it, and write a \
                        host's name in its ASCII form"
                .to_owned());
        }
        if rest.contains('#') {
            return Err("has a fragment, which no server gets; delete the `#` and what follows it".to_owned());
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(
                "has a user or a password before its host; delete them, because requests are signed, or \
                        carry a token (`oauth`)"
                    .to_owned(),
            );
        }
        let (host, port) = host_and_port(authority)?;
        let host = Host::try_new(host).map_err(|error| error.to_string())?;
        let is_internal = match hosts {
            None => false,
            Some(hosts) => hosts.is_internal(&host).ok_or_else(|| {
                format!(
                    "host {} is not among `source.allowed_hosts`; add it if it may receive every event",
                    quoted(&host.to_text())
                )
            })?,
        };
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { host: host.to_text(), port, path_and_query: format!("{slash}{path}"), is_internal })
    }
}

fn host_and_port(authority: &str) -> Result<(&str, u16), String> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port = match port {
        None => Some(443),
        Some(port) if port.len() <= 5 && port.bytes().all(|digit| digit.is_ascii_digit()) => {
            port.parse().ok()
        }
        Some(_) => None,
    };
    match port {
        Some(port) if port > 0 => Ok((host, port)),
        _ => Err("has a port that is not among 1 to 65535; correct it, or leave it out for 443".to_owned()),
    }
}

/// Whether two hexadecimal digits follow each `%`.
fn has_whole_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|part| {
        let digits = part.get(..2);
        digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
    })
}
