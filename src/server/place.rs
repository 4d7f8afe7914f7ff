//! Where a server's directory is made.

use std::env;
use std::iter;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use super::ServerError;

/// A path longer than this is no address of a socket (104 bytes on macOS, 108 on Linux, with room for the end mark).
const LONGEST_SOCKET: usize = 99;
const SOCKET: &str = ".s.PGSQL.5432";
/// Containers often have 64 MB there, which a test run fills at once.
const ENOUGH_MEMORY: u128 = 2 << 30;

/// Returns a name in `parent` that nobody has, or the error that its socket could not be reached.
pub(super) fn new_directory(parent: &Path) -> Result<PathBuf, ServerError> {
    let random: String = iter::repeat_with(fastrand::alphanumeric).take(8).collect();
    let directory = parent.join(format!("tnz-{random}"));
    if socket_fits(&directory) { Ok(directory) } else { Err(ServerError::PathTooLong(directory)) }
}

/// Returns where a server of many short tests is best kept: in memory when there is enough of it.
pub(super) fn parent_of_shared() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if statvfs(memory).is_ok_and(|room| u128::from(room.blocks_available()) * u128::from(room.fragment_size()) >= ENOUGH_MEMORY) {
        return memory.to_owned();
    }
    match env::var_os("TMPDIR").map(PathBuf::from) {
        Some(named) if socket_fits(&named.join("tnz-12345678")) => named,
        _ => parent_of_private(),
    }
}

/// Returns where everybody may write, with the shortest name.
pub(super) fn parent_of_private() -> PathBuf {
    PathBuf::from("/tmp")
}

fn socket_fits(directory: &Path) -> bool {
    directory.join(SOCKET).as_os_str().len() <= LONGEST_SOCKET
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_whose_socket_nobody_could_reach_is_refused() {
        let long = PathBuf::from("/tmp").join("x".repeat(90));
        assert!(matches!(new_directory(&long), Err(ServerError::PathTooLong(_))));
        assert!(new_directory(Path::new("/tmp")).is_ok());
    }

    #[test]
    fn two_servers_never_get_the_same_directory() {
        let name = || new_directory(Path::new("/tmp")).unwrap();
        assert_ne!(name(), name());
    }
}
