//! The built program, run as a person would run it.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use super::sheltered;

/// A call of the program, in preparation.
pub(crate) struct Cli(Command);

impl Cli {
    pub(crate) fn new() -> Self {
        Self(sheltered(env!("CARGO_BIN_EXE_tenantize")))
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.0.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.0.current_dir(directory);
        self
    }

    /// Runs the program to its end.
    pub(crate) fn run(self) -> Output {
        self.spawn().wait()
    }

    /// Starts the program; what it prints goes to files, so it never waits for a reader.
    pub(crate) fn spawn(mut self) -> Spawned {
        let [stdout, stderr] = [(), ()].map(|()| tempfile::tempfile().unwrap());
        let command = format!("{:?}", self.0);
        self.0.stdin(Stdio::null()).stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap());
        let child = self.0.spawn().unwrap_or_else(|error| panic!("cannot run {command}: {error}"));
        Spawned { command, child, stdout, stderr }
    }
}

/// The program while it runs; killed when dropped.
pub(crate) struct Spawned {
    command: String,
    child: Child,
    stdout: File,
    stderr: File,
}

impl Spawned {
    /// Sends a signal, such as `SIGINT` for Ctrl-C or `SIGKILL`.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        signal::kill(pid, signal).unwrap();
    }

    /// The same, if it has not ended by itself.
    pub(crate) fn signal_if_running(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        // Until it is waited for, its number is nobody else's.
        let _ = signal::kill(pid, signal);
    }

    /// What it has printed so far on standard error.
    pub(crate) fn stderr_so_far(&self) -> String {
        // Not `read`: it would move the place where the program writes.
        let mut bytes = vec![0; usize::try_from(self.stderr.metadata().unwrap().len()).unwrap()];
        self.stderr.read_exact_at(&mut bytes, 0).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Tells whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Output {
        let status = self.child.wait().unwrap();
        Output { command: self.command.clone(), status, stdout: whole(&mut self.stdout), stderr: whole(&mut self.stderr) }
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        // an error means that it has ended already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn whole(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// What a run of the program left. Its `Display` shows all of it, for assertions.
pub(crate) struct Output {
    pub(crate) command: String,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Returns the exit code, none when a signal ended it.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    pub(crate) fn ok(&self) -> bool {
        self.status.success()
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, status, stdout, stderr } = self;
        write!(f, "{command}\n{status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}
