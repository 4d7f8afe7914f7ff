//! The version of a server.

use std::fmt;

/// A server's version as it numbers itself: 150018 is 15.18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerVersion {
    num: i32,
}

impl ServerVersion {
    /// The oldest major version supported: range scans over `ctid` came with it.
    pub const OLDEST: i32 = 14;

    /// Takes the number of `server_version_num`.
    #[must_use]
    pub const fn new(num: i32) -> Self {
        Self { num }
    }

    /// The major version: 15 of 15.18.
    #[must_use]
    pub const fn major(self) -> i32 {
        self.num / 10_000
    }

    /// Whether the server is of this major version or a later one.
    #[must_use]
    pub const fn at_least(self, major: i32) -> bool {
        self.major() >= major
    }

    /// Whether tenantize works with it.
    #[must_use]
    pub const fn is_supported(self) -> bool {
        self.at_least(Self::OLDEST)
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.major() >= 10 {
            write!(f, "{}.{}", self.major(), self.num % 10_000)
        } else {
            write!(f, "{}.{}", self.major(), self.num / 100 % 100)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_before_14_are_not_supported() {
        assert!(!ServerVersion::new(130_022).is_supported());
        assert!(!ServerVersion::new(80_002).is_supported());
        assert!(ServerVersion::new(140_000).is_supported());
        assert!(ServerVersion::new(180_001).at_least(17));
    }

    #[test]
    fn versions_are_shown_the_way_the_server_shows_them() {
        assert_eq!(ServerVersion::new(150_018).to_string(), "15.18");
        assert_eq!(ServerVersion::new(90_624).to_string(), "9.6");
    }
}
