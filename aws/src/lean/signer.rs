//! Signatures, version 4 (IAM User Guide, "Create a signed AWS API request"): keys and codes by the SDK's own signer.
//! What is signed is written here, for the one kind of request that there is: a POST without parameters. The key is
//! made once a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use aws_smithy_types::date_time::{DateTime, Format};
use sha2::{Digest as _, Sha256};
use shared::send::Cause;
use shared::text::hex;

/// Signs requests to one service at one endpoint.
pub(super) struct Signer {
    credentials: Credentials,
    region: String,
    service: &'static str,
    /// As the `Host` header has it.
    host: String,
    path: String,
    last: Mutex<Option<Arc<Stamp>>>,
}

/// What the signatures of a second have in common.
struct Stamp {
    second: Duration,
    /// Such as `20150830T123600Z`.
    time: String,
    /// Such as `20150830/us-east-1/sqs/aws4_request`.
    scope: String,
    key: Vec<u8>,
}

impl Signer {
    /// # Errors
    ///
    /// `endpoint` is no URL of a host, or has a path that signatures write otherwise.
    pub(super) fn try_new(
        credentials: Credentials,
        region: &str,
        service: &'static str,
        endpoint: &str,
    ) -> Result<Self, Cause> {
        let (scheme, rest) = endpoint.split_once("://").ok_or("the endpoint is not a URL")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let default_port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
        let host = host.strip_suffix(default_port).unwrap_or(host);
        if host.is_empty() || host.ends_with(':') || host.contains(['@', '?', '#']) {
            return Err("the endpoint must be a host, perhaps with a port and a path".into());
        }
        let is_plain = |part: &str| {
            let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            !["", ".", ".."].contains(&part) && part.bytes().all(is_unreserved)
        };
        if !path.is_empty() && !path.strip_suffix('/').unwrap_or(path).split('/').all(is_plain) {
            return Err("the endpoint's path must be of letters, digits, `-`, `.`, `_` and `~`".into());
        }
        Ok(Self {
            credentials,
            region: region.to_owned(),
            service,
            host: host.to_owned(),
            path: format!("/{path}"),
            last: Mutex::default(),
        })
    }

    /// The headers that sign a POST to the endpoint, of a body with this hash in lower-case hexadecimal digits.
    /// `others` are all others that are signed, except for the host; their names are in lower case, each one once, and
    /// their values have no spaces around them, and not two in a row.
    ///
    /// # Errors
    ///
    /// There is no such time.
    pub(super) fn sign(
        &self,
        others: &[(&str, &str)],
        sha256: &str,
        now: SystemTime,
    ) -> Result<Vec<(&'static str, String)>, Cause> {
        let stamp = self.stamp(now)?;
        let token = self.credentials.session_token().map(|token| ("x-amz-security-token", token));
        let own = [("host", self.host.as_str()), ("x-amz-date", stamp.time.as_str())];
        let mut headers: Vec<_> = others.iter().copied().chain(own).chain(token).collect();
        headers.sort_unstable();
        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");

        let mut request = format!("POST\n{}\n\n", self.path);
        for part in headers.iter().flat_map(|(name, value)| [name, ":", value, "\n"]) {
            request.push_str(part);
        }
        request.extend(["\n", &names, "\n", sha256]);
        let Stamp { time, scope, key, .. } = &*stamp;
        let request = hex(&Sha256::digest(request));
        let signature =
            calculate_signature(key, format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{request}").as_bytes());
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.credentials.access_key_id()
        );
        let own = [("x-amz-date", time.clone()), ("authorization", authorization)];
        Ok(own.into_iter().chain(token.map(|(name, token)| (name, token.to_owned()))).collect())
    }

    fn stamp(&self, now: SystemTime) -> Result<Arc<Stamp>, Cause> {
        let second = Duration::from_secs(now.duration_since(SystemTime::UNIX_EPOCH)?.as_secs());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stamp) = last.as_ref().filter(|stamp| stamp.second == second) {
            return Ok(Arc::clone(stamp));
        }
        let time = SystemTime::UNIX_EPOCH + second;
        let mut text = DateTime::from(time).fmt(Format::DateTime)?;
        text.retain(|character| !['-', ':'].contains(&character));
        let date = text.split('T').next().unwrap_or_default();
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let key =
            generate_signing_key(self.credentials.secret_access_key(), time, &self.region, self.service);
        let stamp = Arc::new(Stamp { second, time: text, scope, key: key.as_ref().to_vec() });
        *last = Some(Arc::clone(&stamp));
        Ok(stamp)
    }
}

#[cfg(test)]
mod tests {
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4;

    use super::*;

    /// 30 August 2015, 12:36:00 UTC: the instant of AWS's examples.
    const NOW: Duration = Duration::from_secs(1_440_938_160);
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

    fn check(headers: &[(&str, &str)], sha256: &str, token: Option<&str>, signed: &str, signature: &str) {
        let token = token.map(str::to_owned);
        let credentials = Credentials::new("AKIDEXAMPLE", SECRET_KEY, token.clone(), None, "test");
        let signer =
            Signer::try_new(credentials, "us-east-1", "service", "https://example.amazonaws.com/").unwrap();
        let now = SystemTime::UNIX_EPOCH + NOW;
        let found = signer.sign(headers, sha256, now);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={signed}, Signature={signature}"
        );
        let date = ("x-amz-date", "20150830T123600Z".to_owned());
        let token = token.map(|token| ("x-amz-security-token", token));
        let expected = [date, ("authorization", authorization)].into_iter().chain(token);
        assert_eq!(found.unwrap(), expected.collect::<Vec<_>>());
    }

    /// Those of AWS's published suite (`aws-signing-test-suite/v4` in the AWS C Auth library) that are POSTs of a path
    /// without parameters, by their names there.
    #[test]
    fn aws_own_examples_are_signed_as_published() {
        // post-vanilla, post-header-key-case
        check(
            &[],
            EMPTY,
            None,
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        );
        // post-header-key-sort
        check(
            &[("my-header1", "value1")],
            EMPTY,
            None,
            "host;my-header1;x-amz-date",
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        );
        // post-header-value-case
        check(
            &[("my-header1", "VALUE1")],
            EMPTY,
            None,
            "host;my-header1;x-amz-date",
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
        );
        // post-sts-header-before
        check(
            &[],
            EMPTY,
            Some(TOKEN),
            "host;x-amz-date;x-amz-security-token",
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
        );
        // post-x-www-form-urlencoded: there the body's hash is a header, too.
        let sha256 = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";
        check(
            &[
                ("content-type", "application/x-www-form-urlencoded"),
                ("content-length", "13"),
                ("x-amz-content-sha256", sha256),
            ],
            sha256,
            None,
            "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
            "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        );
    }

    #[test]
    fn seconds_and_days_have_their_own_signatures() {
        let credentials = || Credentials::new("AKIDEXAMPLE", SECRET_KEY, None, None, "test");
        let signer = || Signer::try_new(credentials(), "us-east-1", "service", "http://a/").unwrap();
        let (one, noon) = (signer(), SystemTime::UNIX_EPOCH + NOW);
        for seconds in [0, 0, 1, 86_400, 1] {
            let now = noon + Duration::from_secs(seconds);
            let [found, expected] = [&one, &signer()].map(|signer| signer.sign(&[], EMPTY, now).unwrap());
            assert_eq!(found, expected, "{seconds}");
        }
        assert!(one.sign(&[], EMPTY, SystemTime::UNIX_EPOCH - NOW).is_err());
    }

    /// The SDK's signer, for the same request.
    fn by_the_sdk(endpoint: &str, sha256: &str, now: SystemTime) -> Vec<(&'static str, String)> {
        let identity = Credentials::new("AKIDEXAMPLE", SECRET_KEY, Some("t".to_owned()), None, "test").into();
        let body = SignableBody::Precomputed(sha256.to_owned());
        let headers = [("x-amz-target", "A.B"), ("content-type", "c")];
        let request = SignableRequest::new("POST", endpoint, headers.into_iter(), body).unwrap();
        let params = v4::SigningParams::builder().identity(&identity).region("us-east-1").name("service");
        let params = params.time(now).settings(SigningSettings::default()).build().unwrap().into();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        instructions.into_parts().0.iter().map(|header| (header.name(), header.value().to_owned())).collect()
    }

    #[test]
    fn an_endpoint_is_signed_as_the_sdk_signs_it_or_refused() {
        let now = SystemTime::UNIX_EPOCH + NOW;
        let new = |endpoint| {
            let credentials = Credentials::new("AKIDEXAMPLE", SECRET_KEY, Some("t".to_owned()), None, "test");
            Signer::try_new(credentials, "us-east-1", "service", endpoint)
        };
        for endpoint in [
            "https://sqs.eu-west-2.amazonaws.com/",
            "https://sqs.eu-west-2.amazonaws.com:443/",
            "https://localhost:80/",
            "http://localhost:80/",
            "http://127.0.0.1:4566/",
            "http://[::1]:4566/",
            "http://localhost/a/b-1.2_~/",
        ] {
            let headers = [("x-amz-target", "A.B"), ("content-type", "c")];
            let found = new(endpoint).unwrap().sign(&headers, EMPTY, now).unwrap();
            assert_eq!(found, by_the_sdk(endpoint, EMPTY, now), "{endpoint}");
        }
        for endpoint in [
            "localhost",
            "http://",
            "http:///a",
            "http://me@a/",
            "http://a/b c/",
            "http://a/%20/",
            "http://a//b/",
            "http://a/b//",
            "http://a?x=y",
            "http://a#b/",
            "http://a:",
            "http://a/../",
        ] {
            assert!(new(endpoint).is_err(), "{endpoint}");
        }
    }
}
