//! Whom the server runs as.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::unistd::{Uid, User};

use super::ServerError;

/// The user a server runs as.
#[derive(Clone, Debug)]
pub(super) enum Account {
    /// The one who runs this program.
    Own(Uid),
    /// Somebody else, since this program runs as root and `PostgreSQL` refuses that.
    Other(User),
}

impl Account {
    /// Chooses the user: our own, or when that is root whoever used sudo, else `postgres`, else `nobody`.
    pub(super) fn choose() -> Result<Self, ServerError> {
        let own = Uid::effective();
        if !own.is_root() {
            return Ok(Self::Own(own));
        }
        if let Some(user) = sudo_user()? {
            return Ok(Self::Other(user));
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = known(name, User::from_name(name))? {
                return Ok(Self::Other(user));
            }
        }
        Err(ServerError::NoOtherUser)
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Own(uid) => uid.to_string(),
            Self::Other(user) => user.name.clone(),
        }
    }

    pub(super) fn apply(&self, command: &mut Command) {
        if let Self::Other(user) = self {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
    }
}

fn sudo_user() -> Result<Option<User>, ServerError> {
    let uid = env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok()).map(Uid::from_raw);
    match uid {
        Some(uid) if !uid.is_root() => known(&uid.to_string(), User::from_uid(uid)),
        _ => Ok(None),
    }
}

fn known(name: &str, found: nix::Result<Option<User>>) -> Result<Option<User>, ServerError> {
    found.map_err(|errno| ServerError::Users { name: name.to_owned(), source: io::Error::from(errno) })
}
