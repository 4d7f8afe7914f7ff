//! A started server and the lifeline that keeps it.

use std::env;
use std::fs;
use std::io::{self, PipeWriter};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::account::Account;
use super::place;
use super::{Installation, ServerError, ServerOptions};

const WATCHDOG: &str = include_str!("watchdog.sh");
/// Exit status of the watchdog when it cannot make the directory.
const NO_DIRECTORY: i32 = 73;
/// A start takes a second; on a saturated disk it was seen to take four.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(4);
const LOG_LINES: usize = 8;

/// Throw-away means: no byte has to survive a crash.
const SETTINGS: [(&str, &str); 13] = [
    ("listen_addresses", ""),
    ("port", "5432"),
    ("unix_socket_permissions", "0700"),
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("max_connections", "200"),
    ("max_wal_size", "1GB"),
    ("checkpoint_timeout", "1h"),
    ("log_min_messages", "warning"),
    // in the data directory: the system's own place would keep it after a kill, and is tiny in containers
    ("dynamic_shared_memory_type", "mmap"),
];

/// A server that answers. Dropped, it ends soon afterwards; stopped, it has ended.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) directory: PathBuf,
    pub(super) installation: Installation,
    life: PipeWriter,
    watchdog: Child,
}

impl Running {
    pub(super) fn start(options: &ServerOptions, parent: &Path) -> Result<Self, ServerError> {
        let installation = Installation::find(options.major)?;
        let account = Account::choose()?;
        let directory = place::new_directory(parent)?;
        let (watchdog, life) =
            watch(&installation, &directory, options, &account).map_err(|source| ServerError::Watchdog { user: account.name(), source })?;
        let mut server = Self { directory, installation, life, watchdog };
        match server.wait_until_ready(&account) {
            Ok(()) => Ok(server),
            Err(error) => {
                server.stop();
                Err(error)
            }
        }
    }

    /// Ends the server and waits until its directory is gone.
    pub(super) fn stop(self) {
        let Self { life, mut watchdog, .. } = self;
        drop(life);
        if let Err(error) = watchdog.wait() {
            tracing::warn!(%error, "cannot wait for the embedded server to end");
        }
    }

    /// Gives up the child and keeps the lifeline alone: the server may now outlive this value by its linger.
    pub(super) fn into_lifeline(self) -> OwnedFd {
        self.life.into()
    }

    fn wait_until_ready(&mut self, account: &Account) -> Result<(), ServerError> {
        let begun = Instant::now();
        while !is_ready(&self.directory) {
            let ended = self.watchdog.try_wait().ok().flatten();
            if ended.is_some_and(|status| status.code() == Some(NO_DIRECTORY)) {
                return Err(ServerError::Directory { directory: self.directory.clone(), user: account.name() });
            }
            if ended.is_some() || has_ended(&self.directory) || begun.elapsed() > PATIENCE {
                return Err(ServerError::NotReady {
                    version: self.installation.version.clone(),
                    directory: self.directory.clone(),
                    log: last_lines(&self.directory.join("log")),
                });
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

/// Tells whether the server in `directory` takes connections, without asking it.
pub(super) fn is_ready(directory: &Path) -> bool {
    let state = fs::read_to_string(directory.join("data/postmaster.pid")).unwrap_or_default();
    // the file stays behind when the server is killed; the watchdog's note does not lie
    state.lines().nth(7).is_some_and(|status| status.starts_with("ready")) && !has_ended(directory)
}

fn has_ended(directory: &Path) -> bool {
    directory.join("exit").exists()
}

/// Starts the watchdog in a process group of its own: Ctrl-C at the terminal is for us, and the server goes when we go.
fn watch(installation: &Installation, directory: &Path, options: &ServerOptions, account: &Account) -> io::Result<(Child, PipeWriter)> {
    let (lifeline, life) = io::pipe()?;
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", WATCHDOG, "tenantize-server"])
        .arg(&installation.bin)
        .arg(directory)
        .arg(whole_seconds(options.linger).to_string())
        .arg(configuration(directory, &options.settings))
        .env_clear()
        .env("PATH", path())
        .envs(env::var_os("LD_LIBRARY_PATH").map(|path| ("LD_LIBRARY_PATH", path)))
        .envs([("LC_ALL", "C"), ("TZ", "UTC")])
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::from(lifeline))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    account.apply(&mut shell);
    Ok((shell.spawn()?, life))
}

fn path() -> String {
    format!("{}:/usr/bin:/bin", env::var("PATH").unwrap_or_default())
}

fn whole_seconds(linger: Duration) -> u64 {
    linger.as_secs() + u64::from(linger.subsec_nanos() > 0)
}

fn configuration(directory: &Path, more: &[(String, String)]) -> String {
    let own = [("unix_socket_directories".to_owned(), directory.display().to_string())];
    let ours = SETTINGS.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    // the last line of a name counts, so the caller may change any of ours
    let lines = ours.chain(own).chain(more.iter().cloned()).map(|(name, value)| format!("{name} = {}", quoted(&value)));
    lines.chain([String::new()]).collect::<Vec<_>>().join("\n")
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', "''"))
}

fn last_lines(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_of_the_caller_comes_last_and_cannot_break_out_of_its_quotes() {
        let more = [("fsync".to_owned(), "on".to_owned()), ("cluster_name".to_owned(), r"a'b\c".to_owned())];
        let text = configuration(Path::new("/tmp/tnz-1"), &more);
        assert!(text.ends_with("fsync = 'on'\ncluster_name = 'a''b\\\\c'\n"), "{text}");
        assert!(text.contains("unix_socket_directories = '/tmp/tnz-1'\n"), "{text}");
    }

    #[test]
    fn a_linger_is_never_rounded_down() {
        assert_eq!(whole_seconds(Duration::ZERO), 0);
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(5)), 5);
    }
}
