//! What both functions do when Lambda starts them: logs, addresses, config, client; and the loop around a handler,
//! which writes each invocation's metrics.

mod invocations;
mod logs;
mod metrics;

use std::fmt;
use std::path::PathBuf;

use aws_credential_types::Credentials;

pub use self::invocations::{deadline, run, trace_header};
pub use self::logs::init_logging;
use crate::config::{Config, Findings};
use crate::place::{InvalidPlace, Place};
use crate::sqs::Sqs;

/// The config's name in the function's package.
const CONFIG: &str = "client-queues.toml";

const PARTITION_HOLDS: &str = "the stack's partition, such as `aws`";
const REGION_HOLDS: &str = "the function's region, such as `eu-west-2`";
const ACCOUNT_HOLDS: &str = "the stack's account, twelve digits";
const PREFIX_HOLDS: &str = "what all queue names begin with: up to 16 letters, digits and `-`, or nothing";

/// Why a function cannot start.
///
/// `Debug` shows what `Display` does, because that is how a `main` prints the error that it returns.
#[derive(thiserror::Error)]
pub enum ColdStartError {
    /// An environment variable that the function needs is not there.
    #[error("environment variable `{name}` is not set; it must hold {holds}")]
    MissingVariable {
        /// Its name.
        name: &'static str,
        /// What it holds.
        holds: &'static str,
    },
    /// An environment variable holds what it must not.
    #[error("environment variable `{name}` is `{value}`; it must hold {holds}")]
    InvalidVariable {
        /// Its name.
        name: &'static str,
        /// What it holds now. Never a secret.
        value: String,
        /// What it must hold.
        holds: &'static str,
    },
    /// The config is not where the package has it.
    #[error("`{}` cannot be read: {source}; it belongs into the function's package, beside the binary", path.display())]
    UnreadableConfig {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The config is wrong.
    #[error(transparent)]
    InvalidConfig(#[from] Findings),
}

/// Where the function runs, from `PARTITION`, `AWS_REGION`, `ACCOUNT_ID` and `QUEUE_PREFIX` (which may be unset).
///
/// # Errors
///
/// [`ColdStartError`] names the variable that is missing or wrong.
pub fn place() -> Result<Place, ColdStartError> {
    place_from(variable)
}

/// The config in the function's package, valid in `place`.
///
/// # Errors
///
/// [`ColdStartError`] names the file, or what is wrong in it with its line.
pub fn config(place: &Place) -> Result<Config, ColdStartError> {
    config_from(variable, place)
}

/// SQS in the function's region with the credentials of its role; at `AWS_ENDPOINT_URL_SQS` or `AWS_ENDPOINT_URL`,
/// if one is set.
///
/// Lambda puts the role's credentials into the environment when it starts an execution environment, and replaces
/// the execution environment before they expire: they are read once, and no provider chain is searched. (Only with
/// SnapStart are they elsewhere; these functions start too quickly to need it.)
///
/// # Errors
///
/// [`ColdStartError`] names the variable that is missing or wrong.
pub fn sqs() -> Result<Sqs, ColdStartError> {
    sqs_from(variable)
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn place_from(variable: impl Fn(&str) -> Option<String>) -> Result<Place, ColdStartError> {
    let set = |name, holds| checked(&variable, name, holds, |_| true);
    let partition = set("PARTITION", PARTITION_HOLDS)?;
    let region = set("AWS_REGION", REGION_HOLDS)?;
    let account = set("ACCOUNT_ID", ACCOUNT_HOLDS)?;
    let prefix = variable("QUEUE_PREFIX").unwrap_or_default();
    Place::try_new(&partition, &region, &account, &prefix).map_err(|wrong| match wrong {
        InvalidPlace::Partition(value) => invalid("PARTITION", value, PARTITION_HOLDS),
        InvalidPlace::Region(value) => invalid("AWS_REGION", value, REGION_HOLDS),
        InvalidPlace::Account(value) => invalid("ACCOUNT_ID", value, ACCOUNT_HOLDS),
        InvalidPlace::Prefix(value) => invalid("QUEUE_PREFIX", value, PREFIX_HOLDS),
    })
}

fn config_from(variable: impl Fn(&str) -> Option<String>, place: &Place) -> Result<Config, ColdStartError> {
    let package =
        checked(&variable, "LAMBDA_TASK_ROOT", "the directory of the function's package", |_| true)?;
    let path = PathBuf::from(package).join(CONFIG);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Config::try_from_toml(CONFIG, &text, Some(place))?),
        Err(source) => Err(ColdStartError::UnreadableConfig { path, source }),
    }
}

fn sqs_from(variable: impl Fn(&str) -> Option<String>) -> Result<Sqs, ColdStartError> {
    let region = checked(&variable, "AWS_REGION", REGION_HOLDS, |_| true)?;
    let access_key =
        checked(&variable, "AWS_ACCESS_KEY_ID", "the access key of the function's role", |_| true)?;
    let secret_key =
        checked(&variable, "AWS_SECRET_ACCESS_KEY", "the secret key of the function's role", |_| true)?;
    let token = variable("AWS_SESSION_TOKEN").filter(|token| !token.is_empty());
    let mut endpoint = None;
    for name in ["AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL"] {
        if endpoint.is_none() && variable(name).is_some_and(|url| !url.is_empty()) {
            endpoint =
                Some(checked(&variable, name, "a URL that begins with `http://` or `https://`", |url| {
                    url.starts_with("http://") || url.starts_with("https://")
                })?);
        }
    }
    let credentials = Credentials::new(access_key, secret_key, token, None, "environment");
    Ok(Sqs::new(credentials, &region, endpoint.as_deref()))
}

/// A variable that is set, not empty, and passes `is_valid`.
fn checked(
    variable: impl Fn(&str) -> Option<String>,
    name: &'static str,
    holds: &'static str,
    is_valid: impl Fn(&str) -> bool,
) -> Result<String, ColdStartError> {
    match variable(name) {
        Some(value) if value.is_empty() => Err(ColdStartError::MissingVariable { name, holds }),
        Some(value) if is_valid(&value) => Ok(value),
        Some(value) => Err(invalid(name, value, holds)),
        None => Err(ColdStartError::MissingVariable { name, holds }),
    }
}

fn invalid(name: &'static str, value: String, holds: &'static str) -> ColdStartError {
    ColdStartError::InvalidVariable { name, value, holds }
}

impl fmt::Debug for ColdStartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// What Lambda and the template set, but for what `changed` says.
    fn environment<'c>(changed: &'c [(&str, Option<&str>)]) -> impl Fn(&str) -> Option<String> + 'c {
        |name| {
            let set = [
                ("AWS_REGION", "eu-west-2"),
                ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
                ("AWS_SESSION_TOKEN", "token"),
                ("LAMBDA_TASK_ROOT", "/nowhere"),
                ("PARTITION", "aws"),
                ("ACCOUNT_ID", "123456789012"),
                ("QUEUE_PREFIX", "test-"),
            ];
            let changed = changed.iter().find(|(variable, _)| *variable == name);
            let value = changed.map_or_else(
                || set.iter().find(|(variable, _)| *variable == name).map(|(_, value)| *value),
                |(_, value)| *value,
            );
            value.map(str::to_owned)
        }
    }

    fn check(changed: &[(&str, Option<&str>)], expected: Expect) {
        let place = place_from(environment(changed)).map(|place| format!("{place:?}"));
        let sqs = sqs_from(environment(changed)).map(|_| "SQS".to_owned());
        let shown =
            |result: Result<String, ColdStartError>| result.unwrap_or_else(|error| format!("{error:?}"));
        expected.assert_eq(&format!("{}\n{}", shown(place), shown(sqs)));
    }

    #[test]
    fn variables_are_named_if_they_are_missing_or_wrong() {
        check(
            &[],
            expect![[r#"
            Place { partition: "aws", region: "eu-west-2", account: "123456789012", prefix: "test-" }
            SQS"#]],
        );
        check(
            &[("QUEUE_PREFIX", None), ("AWS_SESSION_TOKEN", None)],
            expect![[r#"
            Place { partition: "aws", region: "eu-west-2", account: "123456789012", prefix: "" }
            SQS"#]],
        );
        check(
            &[("QUEUE_PREFIX", Some("")), ("AWS_SESSION_TOKEN", Some(""))],
            expect![[r#"
            Place { partition: "aws", region: "eu-west-2", account: "123456789012", prefix: "" }
            SQS"#]],
        );
        check(
            &[("QUEUE_PREFIX", Some("a/b"))],
            expect![[r#"
                environment variable `QUEUE_PREFIX` is `a/b`; it must hold what all queue names begin with: up to 16 letters, digits and `-`, or nothing
                SQS"#]],
        );
        check(
            &[("PARTITION", None), ("AWS_ACCESS_KEY_ID", None)],
            expect![[r#"
            environment variable `PARTITION` is not set; it must hold the stack's partition, such as `aws`
            environment variable `AWS_ACCESS_KEY_ID` is not set; it must hold the access key of the function's role"#]],
        );
        check(
            &[("PARTITION", Some("azure")), ("AWS_SECRET_ACCESS_KEY", Some(""))],
            expect![[r#"
            environment variable `PARTITION` is `azure`; it must hold the stack's partition, such as `aws`
            environment variable `AWS_SECRET_ACCESS_KEY` is not set; it must hold the secret key of the function's role"#]],
        );
        check(
            &[("ACCOUNT_ID", Some("12345678901")), ("AWS_ENDPOINT_URL", Some("localhost:4566"))],
            expect![[r#"
                environment variable `ACCOUNT_ID` is `12345678901`; it must hold the stack's account, twelve digits
                environment variable `AWS_ENDPOINT_URL` is `localhost:4566`; it must hold a URL that begins with `http://` or `https://`"#]],
        );
        check(
            &[("ACCOUNT_ID", Some("12345678901x")), ("AWS_ENDPOINT_URL_SQS", Some("sqs"))],
            expect![[r#"
            environment variable `ACCOUNT_ID` is `12345678901x`; it must hold the stack's account, twelve digits
            environment variable `AWS_ENDPOINT_URL_SQS` is `sqs`; it must hold a URL that begins with `http://` or `https://`"#]],
        );
        check(
            &[("ACCOUNT_ID", Some("")), ("AWS_ENDPOINT_URL", Some(""))],
            expect![[r#"
            environment variable `ACCOUNT_ID` is not set; it must hold the stack's account, twelve digits
            SQS"#]],
        );
        check(
            &[("AWS_REGION", None)],
            expect![[r#"
            environment variable `AWS_REGION` is not set; it must hold the function's region, such as `eu-west-2`
            environment variable `AWS_REGION` is not set; it must hold the function's region, such as `eu-west-2`"#]],
        );
        check(
            &[("AWS_REGION", Some("EU West"))],
            expect![[r#"
                environment variable `AWS_REGION` is `EU West`; it must hold the function's region, such as `eu-west-2`
                SQS"#]],
        );
    }

    #[test]
    fn the_config_is_named_if_it_is_missing_or_wrong() {
        let package = std::env::temp_dir().join(format!("cold-start-{}", std::process::id()));
        std::fs::create_dir_all(&package).unwrap();
        let check = |root: Option<&str>, expected: Expect| {
            let changed = [("LAMBDA_TASK_ROOT", root)];
            let place = place_from(environment(&changed)).unwrap();
            let error = config_from(environment(&changed), &place).unwrap_err();
            expected.assert_eq(&error.to_string());
        };
        check(
            None,
            expect![
                "environment variable `LAMBDA_TASK_ROOT` is not set; it must hold the directory of the function's package"
            ],
        );
        check(
            Some("/nowhere"),
            expect![
                "`/nowhere/client-queues.toml` cannot be read: No such file or directory (os error 2); it belongs into the function's package, beside the binary"
            ],
        );
        std::fs::write(package.join(CONFIG), "[source]\nkeys = 1\n").unwrap();
        check(
            package.to_str(),
            expect![[r#"
            client-queues.toml:1: source.partition_key: missing; name an attribute of the event table
            client-queues.toml:1: source.group: missing; name an attribute of the event table
            client-queues.toml:1: client: no client is registered; add a section `[[client]]` with a `name`
            client-queues.toml:2: source.keys: unknown key; known here are `partition_key`, `sort_key`, `group`, `id`, `name`, `time`, `version`, `changes`, `allowed_accounts`"#]],
        );
        std::fs::remove_dir_all(&package).unwrap();
    }
}
