//! One server for several processes: who comes first starts it, the others join.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::running::{self, Running};
use super::{ServerError, ServerOptions, place, url_in};

/// A server that lives until its last holder ends, whatever way, and its linger after that.
#[derive(Debug)]
pub struct SharedServer {
    directory: PathBuf,
    _lifeline: OwnedFd,
}

impl SharedServer {
    /// Returns the address of `database` for the superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url_in(&self.directory, database)
    }

    /// Returns the directory of its data, socket and log.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// Joins the server that the file `state` names, or starts one and writes its place there.
///
/// Who joins takes the server as it is: the options count for who starts it, so processes with different ones
/// need different files.
pub fn shared(state: &Path, options: &ServerOptions) -> Result<SharedServer, ServerError> {
    let failed = |source| ServerError::State { path: state.to_owned(), source };
    let mut file = locked(state).map_err(failed)?;
    let known = fs::read_to_string(state).map_err(failed)?;
    if let Some(server) = join(Path::new(known.trim())) {
        return Ok(server);
    }
    let parent = options.parent.clone().unwrap_or_else(place::parent_of_shared);
    let running = Running::start(options, &parent)?;
    let directory = running.directory.clone();
    let server = SharedServer { directory, _lifeline: running.into_lifeline() };
    file.set_len(0).and_then(|()| write!(file, "{}", server.directory.display())).map_err(failed)?;
    Ok(server)
}

fn locked(state: &Path) -> io::Result<File> {
    if let Some(folder) = state.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(state)?;
    file.lock()?;
    Ok(file)
}

/// Takes hold of the lifeline. Any failure means that nobody is at its other end any more.
fn join(directory: &Path) -> Option<SharedServer> {
    let mut lifeline = OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(directory.join("life")).ok()?;
    lifeline.write_all(b"+").ok()?;
    running::is_ready(directory).then(|| SharedServer { directory: directory.to_owned(), _lifeline: lifeline.into() })
}
