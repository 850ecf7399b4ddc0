//! Processes that end with this one: a child in a process group of its own, and what the child started.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A child in a process group of its own. Dropping it kills the whole group.
#[derive(Debug)]
pub struct Group {
    child: Child,
}

/// A running process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub id: u32,
    /// The program that it runs, as it was called.
    pub program: String,
}

impl Group {
    /// Starts `command`.
    ///
    /// # Errors
    ///
    /// As [`Command::spawn`].
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        command.process_group(0).spawn().map(|child| Self { child })
    }

    /// The number of the process, which is the group's number too.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the process ended; `None` while it runs.
    ///
    /// # Errors
    ///
    /// As [`Child::try_wait`].
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Kills the whole group. When this returns, the child has ended; what the child started may take a moment longer.
    pub fn end(&mut self) {
        // After a child was waited for, its number may be another process's.
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// The running processes that the process `id` has started, directly or not.
///
/// Empty where the system has no `/proc`.
pub fn descendants(id: u32) -> Vec<Process> {
    let table = table();
    let mut found = Vec::new();
    let mut parents = vec![id];
    while let Some(parent) = parents.pop() {
        for (child, of, program) in &table {
            if *of == parent {
                parents.push(*child);
                found.push(Process { id: *child, program: program.clone() });
            }
        }
    }
    found
}

/// Kills the process `id` and nothing else.
///
/// # Errors
///
/// When there is no such process, or it belongs to another user.
pub fn kill(id: u32) -> io::Result<()> {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(kill_process(id, Signal::KILL)?)
}

/// Kills everything that this process has started. The last act before an exit that runs no destructors.
pub fn kill_descendants() {
    for process in descendants(std::process::id()) {
        // It may have ended by itself meanwhile.
        let _ = kill(process.id);
    }
}

/// Number, parent's number and program of every process.
fn table() -> Vec<(u32, u32, String)> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| row(entry.file_name().to_str()?)).collect()
}

fn row(id: &str) -> Option<(u32, u32, String)> {
    let id = id.parse().ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // proc_pid_stat(5): the name in parentheses may hold anything; state and parent follow the last one.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    if state == "Z" {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    let arguments = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
    let program = arguments.split(|byte| *byte == 0).next().unwrap_or_default();
    Some((id, parent, String::from_utf8_lossy(program).into_owned()))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

    use super::*;

    #[test]
    fn dropping_a_group_ends_the_children_of_the_child_too() {
        let script = "sleep 600 & echo $!; wait";
        let mut command = Command::new("sh");
        let mut group = Group::spawn(command.args(["-c", script]).stdout(Stdio::piped())).unwrap();
        let mut line = String::new();
        BufReader::new(group.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let grandchild: u32 = line.trim().parse().unwrap();
        let found = descendants(group.id());
        assert_eq!(found.iter().map(|process| process.id).collect::<Vec<_>>(), [grandchild]);
        let id = group.id();
        drop(group);
        assert_eq!(row(&id.to_string()), None);
        // Its new parent may take a moment to wait for it; a zombie counts as ended.
        let ended = || row(&grandchild.to_string()).is_none();
        let start = std::time::Instant::now();
        while !ended() {
            assert!(start.elapsed().as_secs() < 10, "process {grandchild} still runs");
            std::thread::yield_now();
        }
    }
}
