//! Where to deploy to, and the clients that go there.

use aws_credential_types::Credentials;

/// An AWS account and region, or an emulator of it.
#[derive(Clone, Debug)]
pub struct Target {
    region: String,
    /// Of all services; without it, each has its own of AWS.
    endpoint: Option<String>,
    credentials: Credentials,
}

/// A variable that says where to deploy to is not set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not set; it holds {holds}")]
pub struct TargetError {
    name: &'static str,
    holds: &'static str,
}

impl Target {
    /// An emulator at `endpoint`, such as `http://127.0.0.1:4566`.
    pub fn local(endpoint: &str, region: &str) -> Self {
        Self {
            region: region.to_owned(),
            endpoint: Some(endpoint.to_owned()),
            credentials: Credentials::new("test", "test", None, None, "local"),
        }
    }

    /// What the environment says, in the variables that all AWS tools read: `AWS_REGION` or `AWS_DEFAULT_REGION`,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, and, if set, `AWS_SESSION_TOKEN` and `AWS_ENDPOINT_URL`.
    ///
    /// # Errors
    ///
    /// [`TargetError`] names the variable that is missing.
    pub fn from_env() -> Result<Self, TargetError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The target's region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// A client of S3.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
            .region(aws_sdk_s3::config::Region::new(self.region.clone()))
            .credentials_provider(self.credentials.clone())
            // An emulator has no name for each bucket.
            .force_path_style(self.endpoint.is_some());
        config.set_endpoint_url(self.endpoint.clone());
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// A client of CloudFormation.
    pub fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        let mut config = aws_sdk_cloudformation::Config::builder()
            .behavior_version(aws_sdk_cloudformation::config::BehaviorVersion::latest())
            .region(aws_sdk_cloudformation::config::Region::new(self.region.clone()))
            .credentials_provider(self.credentials.clone());
        config.set_endpoint_url(self.endpoint.clone());
        aws_sdk_cloudformation::Client::from_conf(config.build())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, TargetError> {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        let needed = |name, holds| get(name).ok_or(TargetError { name, holds });
        let region = match get("AWS_DEFAULT_REGION") {
            Some(default) => get("AWS_REGION").unwrap_or(default),
            None => needed("AWS_REGION", "the region to deploy to, such as `eu-west-2`")?,
        };
        let access_key = needed("AWS_ACCESS_KEY_ID", "the access key to deploy with")?;
        let secret_key = needed("AWS_SECRET_ACCESS_KEY", "the secret key to deploy with")?;
        let credentials =
            Credentials::new(access_key, secret_key, get("AWS_SESSION_TOKEN"), None, "environment");
        Ok(Self { region, endpoint: get("AWS_ENDPOINT_URL"), credentials })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(variables: &str, expected: &Expect) {
        let value_of = |name: &str| {
            let mut pairs = variables.split(' ').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        };
        let found = match Target::from_variables(value_of) {
            Err(error) => error.to_string(),
            Ok(Target { region, endpoint, credentials }) => format!(
                "{region} {endpoint:?} {} {} {:?}",
                credentials.access_key_id(),
                credentials.secret_access_key(),
                credentials.session_token()
            ),
        };
        expected.assert_eq(&found);
    }

    #[test]
    fn a_target_follows_from_the_environment() {
        check(
            "AWS_REGION=eu-west-2 AWS_DEFAULT_REGION=other AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b",
            &expect!["eu-west-2 None a b None"],
        );
        check(
            "AWS_DEFAULT_REGION=eu-west-1 AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b AWS_SESSION_TOKEN=c \
             AWS_ENDPOINT_URL=http://127.0.0.1:1",
            &expect![[r#"eu-west-1 Some("http://127.0.0.1:1") a b Some("c")"#]],
        );
    }

    #[test]
    fn a_missing_variable_is_named() {
        check("", &expect!["`AWS_REGION` is not set; it holds the region to deploy to, such as `eu-west-2`"]);
        check(
            "AWS_REGION=r",
            &expect!["`AWS_ACCESS_KEY_ID` is not set; it holds the access key to deploy with"],
        );
        check(
            "AWS_REGION=r AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=",
            &expect!["`AWS_SECRET_ACCESS_KEY` is not set; it holds the secret key to deploy with"],
        );
    }
}
