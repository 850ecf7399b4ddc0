//! The config in the packages of a deployed stack.

use std::io::{Cursor, Read as _};

use aws::operator::cloudformation::{self, DeployedStack};
use aws::operator::s3::{self, Bucket};
use aws::operator::{CallError, Target};
use zip::ZipArchive;
use zip::result::ZipError;

use crate::functions::FANOUT;
use crate::package::CONFIG;
use crate::template::{self, CodePlace};

/// Why the config that a stack runs with isn't known.
#[derive(Debug, thiserror::Error)]
pub enum UnknownConfig {
    /// A call to AWS failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The template names no package on S3.
    #[error("the template of stack `{stack}` names no package on S3 for `{}`", FANOUT.logical_id)]
    NoPackage {
        /// The name of the stack.
        stack: String,
    },
    /// The package can't be read, or has no config.
    #[error("package `{package}` of stack `{stack}` has no readable `{CONFIG}`: {source}")]
    Unreadable {
        /// The name of the stack.
        stack: String,
        /// The package's place: `bucket/key`.
        package: String,
        /// The error of the zip.
        source: ZipError,
    },
}

/// Reads the text of `client-queues.toml` from the package of the fan-out that `stack` runs now.
///
/// # Errors
///
/// [`UnknownConfig`]: a call failed, or there is no such package or file.
pub async fn deployed_config(target: &Target, stack: &DeployedStack) -> Result<String, UnknownConfig> {
    let template = cloudformation::template(target, stack).await?;
    let Some(CodePlace { bucket, key, version }) = template::code_place(&template, FANOUT.logical_id) else {
        return Err(UnknownConfig::NoPackage { stack: stack.name.clone() });
    };
    // `arn:aws:cloudformation:region:account:stack/…`
    let owner = stack.id.split(':').nth(4).unwrap_or_default();
    let zip = s3::get_object(target, Bucket { name: &bucket, owner }, &key, version).await?;
    let package = format!("{bucket}/{key}");
    config_in(&zip).map_err(|source| UnknownConfig::Unreadable { stack: stack.name.clone(), package, source })
}

fn config_in(zip: &[u8]) -> Result<String, ZipError> {
    let mut text = String::new();
    ZipArchive::new(Cursor::new(zip))?.by_name(CONFIG)?.read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Package;

    #[test]
    fn the_config_is_read_from_the_package() {
        let package = Package::try_new(FANOUT, b"binary", "# Zo\u{eb}\n").unwrap();
        assert_eq!(config_in(&package.zip).unwrap(), "# Zo\u{eb}\n");
        assert!(config_in(b"no zip").is_err());
    }
}
