//! The kinds of checks T7..: of the server and what surrounds it.

use super::kinds;

kinds! {}
