//! Where an operator's calls go, and the clients that make them.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use shared::text::with_sources;

use super::services::Services;
use super::{CallError, CallFault, Origin};
use crate::access::Endpoint;

pub use aws_config::SdkConfig;

/// Where AWS's services are, for all of AWS's tools.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may take.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// An AWS account and region, or an emulator of it. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Target {
    sdk_config: SdkConfig,
    origin: Origin,
    pub(super) cloudformation: aws_sdk_cloudformation::Client,
    pub(super) dynamodb: aws_sdk_dynamodb::Client,
    /// It repeats nothing: for tables that repeat their reads themselves, and for writes on a condition, which would be
    /// refused the second time.
    pub(super) dynamodb_once: aws_sdk_dynamodb::Client,
    pub(super) s3: aws_sdk_s3::Client,
    pub(super) sqs: aws_sdk_sqs::Client,
    pub(super) services: Arc<Services>,
}

/// Whose credentials a target has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account, twelve digits.
    pub account: String,
    /// `aws`, `aws-cn`, `aws-us-gov`, ….
    pub partition: String,
    /// The ARN of a user or of a role's session.
    pub arn: String,
}

/// Where calls go isn't known.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// No region anywhere.
    #[error(
        "no AWS region; set `AWS_REGION`, or `region` in the profile that `AWS_PROFILE` names; for `cargo local --stay`, set what it prints"
    )]
    NoRegion,
    /// The endpoint is no address.
    #[error("`{ENDPOINT}` is `{value}`; unset it, or write a URL that begins with `http://` or `https://`")]
    Endpoint {
        /// What it holds.
        value: String,
    },
    /// No credentials anywhere, or none that are valid.
    #[error(
        "no AWS credentials{}; {}",
        why(source),
        .origin.no_credentials()
    )]
    NoCredentials {
        /// Where they were looked for.
        origin: Box<Origin>,
        /// What the provider says.
        source: CredentialsError,
    },
}

impl Target {
    /// What the environment and the files of the AWS tools say, as with every one of them: region, profile,
    /// credentials (SSO, roles, processes, containers, instances), `AWS_ENDPOINT_URL`.
    ///
    /// # Errors
    ///
    /// [`TargetError`]: what is missing, before anything is asked for.
    pub async fn load() -> Result<Self, TargetError> {
        // The SDK panics if it is empty.
        check_endpoint(std::env::var(ENDPOINT).ok())?;
        let sdk_config = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts());
        Self::try_new(sdk_config.load().await, |name| std::env::var(name).ok()).await
    }

    /// An emulator at `endpoint`, such as `http://127.0.0.1:4566`.
    pub fn local(endpoint: &str, region: &str) -> Self {
        Self::local_as("test", endpoint, region)
    }

    /// The same with this access key, from which some emulators take the account.
    pub fn local_as(access_key: &str, endpoint: &str, region: &str) -> Self {
        let credentials = Credentials::new(access_key, "test", None, None, "local");
        let sdk_config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .endpoint_url(endpoint)
            .timeout_config(timeouts())
            .credentials_provider(SharedCredentialsProvider::new(credentials));
        Self::of_config(sdk_config.build(), Origin::default(), |_| None)
    }

    pub(super) fn of_config(
        sdk_config: SdkConfig,
        origin: Origin,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let endpoint = match sdk_config.endpoint_url() {
            Some(url) => Endpoint::Url(url.to_owned()),
            None => Endpoint::Aws {
                use_fips: sdk_config.use_fips().unwrap_or_default(),
                use_dual_stack: sdk_config.use_dual_stack().unwrap_or_default(),
            },
        };
        let dynamodb_once = aws_sdk_dynamodb::config::Builder::from(&sdk_config);
        let dynamodb_once = dynamodb_once.retry_config(RetryConfig::disabled());
        let s3 = aws_sdk_s3::config::Builder::from(&sdk_config)
            // An emulator has no name for each bucket.
            .force_path_style(sdk_config.endpoint_url().is_some());
        Self {
            cloudformation: aws_sdk_cloudformation::Client::new(&sdk_config),
            dynamodb: aws_sdk_dynamodb::Client::new(&sdk_config),
            dynamodb_once: aws_sdk_dynamodb::Client::from_conf(dynamodb_once.build()),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            sqs: aws_sdk_sqs::Client::new(&sdk_config),
            services: Arc::new(Services::new(&endpoint, variable)),
            sdk_config,
            origin,
        }
    }

    async fn try_new(
        sdk_config: SdkConfig,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, TargetError> {
        let region = sdk_config.region().map(AsRef::as_ref).unwrap_or_default();
        if region.is_empty() {
            return Err(TargetError::NoRegion);
        }
        let origin = Origin::new(region, sdk_config.endpoint_url(), &variable);
        let credentials = match sdk_config.credentials_provider() {
            Some(provider) => provider.provide_credentials().await,
            None => Err(CredentialsError::not_loaded("there is no provider")),
        };
        match credentials {
            Ok(_) => Ok(Self::of_config(sdk_config, origin, variable)),
            Err(source) => Err(TargetError::NoCredentials { origin: Box::new(origin), source }),
        }
    }

    /// What a client of any service is made from.
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.sdk_config
    }

    /// The target's region.
    pub fn region(&self) -> &str {
        self.sdk_config.region().map_or("", |region| region.as_ref())
    }

    /// Where all services are, if not where AWS has them.
    pub fn endpoint(&self) -> Option<&str> {
        self.sdk_config.endpoint_url()
    }

    /// Where region, endpoint and credentials came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The credentials that it has now, for calls about `subject`.
    pub(super) async fn credentials(&self, subject: &str) -> Result<Credentials, CallError> {
        let credentials = match self.sdk_config.credentials_provider() {
            Some(provider) => provider.provide_credentials().await.map_err(|error| with_sources(&error)),
            None => Err("there is no provider".to_owned()),
        };
        credentials.map_err(|reason| CallError {
            call: "credentials",
            subject: subject.to_owned(),
            fault: CallFault::Expired,
            reason,
        })
    }

    /// Whose credentials these are.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn caller(&self) -> Result<Caller, CallError> {
        let call = aws_sdk_sts::Client::new(&self.sdk_config).get_caller_identity();
        let found = call.send().await.map_err(|error| CallError::new("GetCallerIdentity", "STS", &error))?;
        let (account, arn) = (found.account.unwrap_or_default(), found.arn.unwrap_or_default());
        let partition = arn.split(':').nth(1).unwrap_or_default().to_owned();
        Ok(Caller { account, partition, arn })
    }
}

fn check_endpoint(value: Option<String>) -> Result<(), TargetError> {
    let is_url = |value: &String| value.starts_with("http://") || value.starts_with("https://");
    match value {
        Some(value) if !is_url(&value) => Err(TargetError::Endpoint { value }),
        _ => Ok(()),
    }
}

/// Without them, a call to what accepts a connection and never answers has no end.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build()
}

/// Why there are no credentials, where there should be some.
fn why(error: &CredentialsError) -> String {
    match error {
        // A list of all the places without any.
        CredentialsError::CredentialsNotLoaded(_) => String::new(),
        _ => format!(": {}", with_sources(error).trim_end_matches('.')),
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::future::ProvideCredentials as ProvideFuture;
    use expect_test::{Expect, expect};

    use super::*;

    #[test]
    fn an_endpoint_is_a_url_or_not_set() {
        for (value, expected) in [
            (None, None),
            (Some("http://127.0.0.1:4566"), None),
            (Some("https://emulator.example"), None),
            (
                Some(""),
                Some(
                    "`AWS_ENDPOINT_URL` is ``; unset it, or write a URL that begins with `http://` or `https://`",
                ),
            ),
            (
                Some("127.0.0.1:4566"),
                Some(
                    "`AWS_ENDPOINT_URL` is `127.0.0.1:4566`; unset it, or write a URL that begins with `http://` or `https://`",
                ),
            ),
        ] {
            let found = check_endpoint(value.map(str::to_owned)).err().map(|error| error.to_string());
            assert_eq!(found.as_deref(), expected, "{value:?}");
        }
    }

    /// A provider of credentials with a scripted answer.
    #[derive(Debug)]
    struct Provider(fn() -> Result<Credentials, CredentialsError>);

    impl ProvideCredentials for Provider {
        fn provide_credentials<'a>(&'a self) -> ProvideFuture<'a>
        where
            Self: 'a,
        {
            ProvideFuture::ready((self.0)())
        }
    }

    async fn check(region: Option<&str>, provider: Option<Provider>, expected: Expect) {
        let mut sdk_config = SdkConfig::builder().behavior_version(BehaviorVersion::latest());
        sdk_config.set_region(region.map(|name| Region::new(name.to_owned())));
        sdk_config.set_credentials_provider(provider.map(SharedCredentialsProvider::new));
        let found = Target::try_new(sdk_config.build(), |_| None).await;
        let shown = found.map_or_else(
            |error| error.to_string(),
            |target| format!("{} {:?}", target.region(), target.endpoint()),
        );
        expected.assert_eq(&shown);
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let found = || Some(Provider(|| Ok(Credentials::new("a", "b", None, None, "test"))));
        check(Some("eu-west-2"), found(), expect!["eu-west-2 None"]).await;
        check(None, found(), expect!["no AWS region; set `AWS_REGION`, or `region` in the profile that `AWS_PROFILE` names; for `cargo local --stay`, set what it prints"]).await;
        check(Some("eu-west-2"), None, expect!["no AWS credentials; looked for in `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, the profile `default` of `~/.aws/config` and `~/.aws/credentials`, `AWS_WEB_IDENTITY_TOKEN_FILE`, the role of a container or of an instance; sign in (`aws sso login`), or set `AWS_PROFILE`, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; for `cargo local --stay`, set what it prints"]).await;
        let nowhere = Provider(|| Err(CredentialsError::not_loaded("looked here\nand there")));
        check(Some("eu-west-2"), Some(nowhere), expect!["no AWS credentials; looked for in `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, the profile `default` of `~/.aws/config` and `~/.aws/credentials`, `AWS_WEB_IDENTITY_TOKEN_FILE`, the role of a container or of an instance; sign in (`aws sso login`), or set `AWS_PROFILE`, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; for `cargo local --stay`, set what it prints"]).await;
        let expired = Provider(|| Err(CredentialsError::provider_error("the token has expired")));
        check(Some("eu-west-2"), Some(expired), expect!["no AWS credentials: an error occurred while loading credentials: the token has expired; looked for in `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, the profile `default` of `~/.aws/config` and `~/.aws/credentials`, `AWS_WEB_IDENTITY_TOKEN_FILE`, the role of a container or of an instance; sign in (`aws sso login`), or set `AWS_PROFILE`, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; for `cargo local --stay`, set what it prints"]).await;
    }

    #[test]
    fn an_emulator_has_an_endpoint() {
        let target = Target::local("http://127.0.0.1:4566", "eu-west-2");
        assert_eq!((target.region(), target.endpoint()), ("eu-west-2", Some("http://127.0.0.1:4566")));
    }
}
