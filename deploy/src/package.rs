//! A function's package: a zip of its binary and the config. The same content gives the same bytes.

use std::io::{Cursor, Write as _};

use sha2::{Digest as _, Sha256};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::functions::{Built, Function, Profile};

/// The file that the runtime `provided.al2023` starts (AWS Lambda Developer Guide, "Custom runtimes").
const BOOTSTRAP: &str = "bootstrap";

/// The file in which the functions look for the config.
pub(crate) const CONFIG: &str = "client-queues.toml";

/// Levels of Deflate: its default, and the quickest, which takes half of the time and makes a dev binary a third
/// larger. Tests package dev binaries of 45 MB for every stack.
const SMALL: i64 = 6;
const QUICK: i64 = 1;

/// A function, ready to upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The function that the code is of.
    pub function: Function,
    /// The key in a bucket: the crate's name and the zip's digest, as `catchup/<digest>.zip`.
    pub key: String,
    /// The content of the zip file.
    pub zip: Vec<u8>,
}

/// The error of files that could not be packed.
#[derive(Debug, thiserror::Error)]
#[error("`{binary}` could not be packed")]
pub struct PackageError {
    binary: &'static str,
    source: ZipError,
}

impl Package {
    /// Packs `bootstrap`, the function's binary, with `config`, the text of `client-queues.toml`.
    ///
    /// # Errors
    ///
    /// [`PackageError`]: the binary is too long for a zip.
    pub fn try_new(function: Function, bootstrap: &[u8], config: &str) -> Result<Self, PackageError> {
        Self::with_level(function, bootstrap, Some(config), SMALL)
    }

    /// As [`Self::try_new`], with `bootstrap` the content of `built.binary`; `config` is nothing for a function that reads none.
    /// A dev build is packed quickly.
    ///
    /// # Errors
    ///
    /// As [`Self::try_new`].
    pub fn of_built(built: &Built, bootstrap: &[u8], config: Option<&str>) -> Result<Self, PackageError> {
        let level = match built.profile {
            Profile::Dev => QUICK,
            Profile::Release => SMALL,
        };
        Self::with_level(built.function, bootstrap, config, level)
    }

    fn with_level(
        function: Function,
        bootstrap: &[u8],
        config: Option<&str>,
        level: i64,
    ) -> Result<Self, PackageError> {
        let mut files = vec![(BOOTSTRAP, 0o755, bootstrap)];
        files.extend(config.map(|config| (CONFIG, 0o644, config.as_bytes())));
        let zip = zipped(&files, level).map_err(|source| PackageError { binary: function.binary, source })?;
        let digest: String = Sha256::digest(&zip).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { function, key: format!("{}/{digest}.zip", function.package), zip })
    }
}

fn zipped(files: &[(&str, u32, &[u8])], level: i64) -> Result<Vec<u8>, ZipError> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, content) in files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(level))
            // With today's date, the same content would have other bytes.
            .last_modified_time(DateTime::DEFAULT)
            .unix_permissions(*mode);
        writer.start_file(*name, options)?;
        writer.write_all(content)?;
    }
    Ok(writer.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use zip::ZipArchive;

    use super::*;
    use crate::functions::{CATCH_UP, CONVERTER, FANOUT};

    const BINARY: &[u8] = b"\x7fELF\0\xff not really";
    const CONFIG_TEXT: &str = "# Zo\u{eb}\n";

    fn package(function: Function, bootstrap: &[u8], config: &str) -> Package {
        Package::try_new(function, bootstrap, config).unwrap()
    }

    #[test]
    fn a_package_holds_the_binary_to_run_and_the_config() {
        let mut archive = ZipArchive::new(Cursor::new(package(FANOUT, BINARY, CONFIG_TEXT).zip)).unwrap();
        let mut found = Vec::new();
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            let date = file.last_modified().unwrap();
            found.push((
                file.name().unwrap().into_owned(),
                file.unix_mode().unwrap() & 0o777,
                date.year(),
                content,
            ));
        }
        let expected = [
            ("bootstrap".to_owned(), 0o755, 1980, BINARY.to_vec()),
            ("client-queues.toml".to_owned(), 0o644, 1980, CONFIG_TEXT.as_bytes().to_vec()),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_release_package_is_smaller_than_one_that_is_made_quickly() {
        let binary: Vec<u8> = (0..100_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        let built = |profile| {
            let built = Built { function: FANOUT, binary: "fanout".into(), profile };
            Package::of_built(&built, &binary, Some(CONFIG_TEXT)).unwrap()
        };
        let (quick, small) = (built(Profile::Dev), built(Profile::Release));
        assert_eq!(small, package(FANOUT, &binary, CONFIG_TEXT));
        assert!(small.zip.len() < quick.zip.len() && quick.zip.len() < binary.len());
        let mut content = Vec::new();
        let mut archive = ZipArchive::new(Cursor::new(quick.zip)).unwrap();
        archive.by_name(BOOTSTRAP).unwrap().read_to_end(&mut content).unwrap();
        assert_eq!(content, binary);
    }

    #[test]
    fn the_key_follows_from_the_content() {
        let reference = package(FANOUT, BINARY, CONFIG_TEXT);
        let (folder, digest) = reference.key.strip_suffix(".zip").unwrap().split_once('/').unwrap();
        assert_eq!((folder, digest.len()), ("fanout", 64));

        assert_eq!(package(FANOUT, BINARY, CONFIG_TEXT), reference);
        assert_ne!(package(FANOUT, b"other", CONFIG_TEXT).key, reference.key);
        assert_ne!(package(FANOUT, BINARY, "other").key, reference.key);
        assert_eq!(package(CONVERTER, BINARY, CONFIG_TEXT).key, format!("converter/{digest}.zip"));
        assert_eq!(package(CATCH_UP, BINARY, CONFIG_TEXT).key, format!("catchup/{digest}.zip"));
    }
}
