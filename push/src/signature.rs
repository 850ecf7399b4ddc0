//! Signatures of webhooks, by Standard Webhooks 1.0.0 (<https://github.com/standard-webhooks/standard-webhooks>, "Signature
//! scheme"): symmetric, `v1`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// The fewest bytes of a key ("Signature scheme": 24 to 64 bytes).
const KEY_MINIMUM: usize = 24;

/// The keys that sign: of the current secret, and of the one before, while it is being replaced.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SigningKeys(Vec<Vec<u8>>);

/// A text that is no secret for signatures. It says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidSecret {
    /// Nothing, or more than two.
    #[error("it must hold one secret, or two with white space between them, and holds {0}")]
    Count(usize),
    /// One doesn't begin as it should.
    #[error("a secret must begin with `{PREFIX}`")]
    Prefix,
    /// One isn't base64.
    #[error("what follows `{PREFIX}` must be base64")]
    Base64,
    /// One is too short.
    #[error("what follows `{PREFIX}` must be base64 of {KEY_MINIMUM} bytes or more, and is of {0}")]
    Short(usize),
}

impl SigningKeys {
    /// The keys in `text`, one `whsec_…` or two with white space between them; and those in `previous`.
    pub(crate) fn try_new(text: &str, previous: Option<&str>) -> Result<Self, InvalidSecret> {
        let mut keys = keys(text)?;
        // One that never could sign was never used.
        for key in previous.and_then(|previous| self::keys(previous).ok()).into_iter().flatten() {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        Ok(Self(keys))
    }

    /// The value of `webhook-signature` for a body that is sent under this id at this time, in seconds since 1970.
    pub(crate) fn sign(&self, id: &str, seconds: u64, body: &[u8]) -> String {
        let signatures = self.0.iter().filter_map(|key| {
            // HMAC takes a key of any length.
            let mut code = Hmac::<Sha256>::new_from_slice(key).ok()?;
            code.update(format!("{id}.{seconds}.").as_bytes());
            code.update(body);
            Some(format!("v1,{}", STANDARD.encode(code.finalize().into_bytes())))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

fn keys(text: &str) -> Result<Vec<Vec<u8>>, InvalidSecret> {
    let secrets: Vec<_> = text.split_whitespace().collect();
    if !(1..=2).contains(&secrets.len()) {
        return Err(InvalidSecret::Count(secrets.len()));
    }
    let key = |secret: &str| {
        let digits = secret.strip_prefix(PREFIX).ok_or(InvalidSecret::Prefix)?;
        let key = STANDARD.decode(digits).map_err(|_| InvalidSecret::Base64)?;
        if key.len() < KEY_MINIMUM { Err(InvalidSecret::Short(key.len())) } else { Ok(key) }
    };
    secrets.into_iter().map(key).collect()
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("SigningKeys").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries (`standard-webhooks`, `libraries/python/tests/test_webhooks.py`).
    #[test]
    fn the_published_example_is_signed_as_published() {
        let keys = SigningKeys::try_new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", None).unwrap();
        let signature = keys.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_key_signs_once() {
        let secret = |byte| format!("whsec_{}", STANDARD.encode([byte; 24]));
        let count = |text: &str, previous: Option<&str>| {
            let keys = SigningKeys::try_new(text, previous).unwrap();
            keys.sign("1", 2, b"{}").split(' ').count()
        };
        let both = format!("{}\n{}\n", secret(1), secret(2));
        assert_eq!(count(&secret(1), None), 1);
        assert_eq!(count(&both, None), 2);
        assert_eq!(count(&secret(1), Some(&secret(2))), 2);
        assert_eq!(count(&both, Some(&secret(2))), 2);
    }

    #[test]
    fn what_is_no_secret_is_refused_and_not_shown() {
        for (text, expected) in [
            ("", InvalidSecret::Count(0)),
            ("a b c", InvalidSecret::Count(3)),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", InvalidSecret::Prefix),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", InvalidSecret::Base64),
            ("whsec_", InvalidSecret::Short(0)),
            ("whsec_c2VjcmV0", InvalidSecret::Short(6)),
        ] {
            assert_eq!(SigningKeys::try_new(text, None), Err(expected), "{text}");
        }
    }
}
