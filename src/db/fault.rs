//! What an error of the database means for the one who could try again.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};

use super::phrase;

/// The class of a database error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A lock did not come in time, 55P03.
    LockTimeout,
    /// The server broke a deadlock, 40P01.
    Deadlock,
    /// A concurrent change won, 40001 or two schema changes at one catalog row.
    Serialization,
    /// The statement was ended by a timeout or by a person, 57014.
    StatementTimeout,
    /// The connection is gone, 08xxx and 57P01 to 57P03.
    ConnectionLost,
    /// Everything else: trying again would not help.
    Other,
}

impl Fault {
    /// Classifies an error.
    ///
    /// Diesel tells the kind of a closed connection and of a serialization failure; the rest is recognised by its
    /// message in the languages `PostgreSQL` is translated to, and a deadlock in any other by its detail.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error {
            Error::DatabaseError(kind, information) => Self::of_database_error(*kind, information.as_ref()),
            Error::RollbackErrorOnCommit { rollback_error, commit_error } => match Self::of(rollback_error) {
                Self::ConnectionLost => Self::ConnectionLost,
                _ => Self::of(commit_error),
            },
            // Diesel lost track of the connection, which happens when the network fails in BEGIN or COMMIT.
            Error::BrokenTransactionManager => Self::ConnectionLost,
            _ => Self::Other,
        }
    }

    /// Whether the same transaction may succeed when it is repeated on the same connection.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::LockTimeout | Self::Deadlock | Self::Serialization)
    }

    fn of_database_error(kind: DatabaseErrorKind, information: &dyn DatabaseErrorInformation) -> Self {
        let message = information.message();
        match kind {
            DatabaseErrorKind::ClosedConnection => Self::ConnectionLost,
            DatabaseErrorKind::SerializationFailure => Self::Serialization,
            DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::Unknown => Self::of_message(message, information.details()),
            _ => Self::Other,
        }
    }

    fn of_message(message: &str, details: Option<&str>) -> Self {
        let is = |phrases: &[&str]| phrases.contains(&message.trim());
        let holds = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
        if is(&phrase::LOCK_TIMEOUT) || message.starts_with(phrase::LOCK_TAKEN) {
            Self::LockTimeout
        } else if is(&phrase::DEADLOCK) || details.is_some_and(tells_of_a_deadlock) {
            Self::Deadlock
        } else if is(&phrase::CANCELLED) {
            Self::StatementTimeout
        } else if is(&phrase::CATALOG_RACE) {
            Self::Serialization
        } else if holds(&phrase::CONNECTION_GONE) {
            Self::ConnectionLost
        } else {
            Self::Other
        }
    }
}

/// Something that can be asked what kind of database fault it is.
pub trait HasFault {
    /// The class of the fault.
    fn fault(&self) -> Fault;
}

impl HasFault for Error {
    fn fault(&self) -> Fault {
        Fault::of(self)
    }
}

/// The detail of a deadlock has a line per process, each with the name of a lock mode, which no language translates.
fn tells_of_a_deadlock(details: &str) -> bool {
    let waits = |line: &str| {
        ["ShareLock", "ExclusiveLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock"]
            .iter()
            .any(|mode| line.contains(mode))
    };
    details.lines().count() >= 2 && details.lines().all(waits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: DatabaseErrorKind, message: &str) -> Fault {
        Fault::of(&Error::DatabaseError(kind, Box::new(message.to_owned())))
    }

    #[test]
    fn every_language_says_the_same() {
        for message in phrase::LOCK_TIMEOUT {
            assert_eq!(fault(DatabaseErrorKind::Unknown, message), Fault::LockTimeout, "{message}");
        }
        for message in phrase::DEADLOCK {
            assert_eq!(fault(DatabaseErrorKind::Unknown, message), Fault::Deadlock, "{message}");
        }
        for message in phrase::CANCELLED {
            assert_eq!(fault(DatabaseErrorKind::Unknown, message), Fault::StatementTimeout, "{message}");
        }
    }

    #[test]
    fn a_deadlock_in_an_unknown_language_is_known_by_its_detail() {
        let detail = "Proses 1 menunggu ShareLock pada transaksi 2; dihalangi 3.\nProses 3 menunggu AccessExclusiveLock; dihalangi 1.";
        assert_eq!(Fault::of_message("kebuntuan", Some(detail)), Fault::Deadlock);
        assert_eq!(Fault::of_message("lain", Some("Key (id)=(1) already exists.")), Fault::Other);
    }

    #[test]
    fn a_lost_connection_is_known_by_kind_by_message_and_by_a_broken_transaction() {
        assert_eq!(fault(DatabaseErrorKind::ClosedConnection, "anything"), Fault::ConnectionLost);
        let eof = "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally";
        assert_eq!(fault(DatabaseErrorKind::UnableToSendCommand, eof), Fault::ConnectionLost);
        assert_eq!(Fault::of(&Error::BrokenTransactionManager), Fault::ConnectionLost);
        let too_many = "number of parameters must be between 0 and 65535";
        assert_eq!(fault(DatabaseErrorKind::UnableToSendCommand, too_many), Fault::Other);
    }

    #[test]
    fn a_broken_rule_is_nothing_to_repeat() {
        assert_eq!(fault(DatabaseErrorKind::UniqueViolation, "deadlock detected"), Fault::Other);
        assert!(!Fault::Other.is_transient() && Fault::Deadlock.is_transient());
    }
}
