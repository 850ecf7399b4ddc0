//! Where things are: the repository, and what this crate may write below Cargo's target directory.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root directory.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// The directory that everything of the local stack is written to.
pub fn directory() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    root().join(target).join("local")
}

/// The commit that is checked out, if git knows one.
pub fn commit() -> Option<String> {
    let git =
        Command::new("git").current_dir(root()).args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(git.stdout).ok().filter(|_| git.status.success())?;
    Some(commit.trim().to_owned())
}

/// A directory for this process alone, for as long as the value exists, so that several stacks can run at once.
#[derive(Debug)]
pub struct Slot {
    path: PathBuf,
    _lock: File,
}

impl Slot {
    /// Takes the first of `<parent>/<name>-1`, `<name>-2`, … that no running process has, and empties it.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made, locked or emptied.
    pub fn take(parent: &Path, name: &str) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        let mut number = 1_u32;
        loop {
            let lock = File::create(parent.join(format!("{name}-{number}.lock")))?;
            match lock.try_lock() {
                Ok(()) => {
                    let path = parent.join(format!("{name}-{number}"));
                    empty(&path)?;
                    return Ok(Self { path, _lock: lock });
                }
                Err(fs::TryLockError::WouldBlock) => number += 1,
                Err(fs::TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn empty(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir_all(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_in_use_is_left_alone_and_a_free_one_is_emptied() {
        let parent = directory().join("tests-of-slots");
        let first = Slot::take(&parent, "slot").unwrap();
        fs::write(first.path().join("file"), "text").unwrap();
        let second = Slot::take(&parent, "slot").unwrap();
        assert_ne!(first.path(), second.path());
        assert!(first.path().join("file").exists());
        let path = first.path().to_path_buf();
        drop(first);
        let again = Slot::take(&parent, "slot").unwrap();
        assert_eq!(again.path(), path);
        assert!(!path.join("file").exists());
    }
}
