//! A share of a processor, as Lambda gives one to a function.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The period in which a share is given, in microseconds.
const PERIOD: u32 = 20_000;

/// A control group with one process in it. The group ends with this, when the process has ended or is in its parent.
pub(crate) struct Quota {
    folder: PathBuf,
    root: PathBuf,
    process: u32,
}

impl Quota {
    /// Gives `process` this share of one processor.
    ///
    /// # Errors
    ///
    /// There is no controller `cpu`, or it may not be used.
    pub(crate) fn of(process: u32, share: f64) -> io::Result<Self> {
        let first = Path::new("/sys/fs/cgroup/cpu");
        let root = if first.is_dir() { first } else { Path::new("/sys/fs/cgroup") };
        let folder = root.join(format!("mark-event-queue-{process}"));
        let why = |error: io::Error| {
            io::Error::new(error.kind(), format!("`{}`: {error}; run as root", folder.display()))
        };
        fs::create_dir(&folder).map_err(why)?;
        let quota = (f64::from(PERIOD) * share).round();
        if first.is_dir() {
            fs::write(folder.join("cpu.cfs_period_us"), PERIOD.to_string()).map_err(why)?;
            fs::write(folder.join("cpu.cfs_quota_us"), format!("{quota}")).map_err(why)?;
        } else {
            fs::write(folder.join("cpu.max"), format!("{quota} {PERIOD}")).map_err(why)?;
        }
        fs::write(folder.join("cgroup.procs"), process.to_string()).map_err(why)?;
        Ok(Self { folder, root: root.to_owned(), process })
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // A group with a process in it can't be removed; one that is left is empty, and does no harm.
        let _ = fs::write(self.root.join("cgroup.procs"), self.process.to_string());
        let _ = fs::remove_dir(&self.folder);
    }
}
