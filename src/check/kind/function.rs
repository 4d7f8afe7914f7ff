//! The kinds of checks T3..: of functions.

use super::kinds;

kinds! {
    "T304" Error Always "nothing sets the tenant or switches security off beforehand"
        "a session that names no tenant has one all the same, or none of the policies"
        "ALTER ROLE … RESET, ALTER DATABASE … RESET, or ALTER FUNCTION … RESET" in "T304.sql";
}
