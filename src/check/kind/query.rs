//! The kinds of checks T9..: of the queries that the application runs.

use super::kinds;

kinds! {}
