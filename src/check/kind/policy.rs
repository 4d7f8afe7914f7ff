//! The kinds of checks T2..: of what the policies say.

use super::kinds;

kinds! {
    "T202" Error After "every permissive policy asks for the tenant, or a fence does"
        "permissive policies are combined by OR: one that is open opens the table"
        "create the fence again, or drop the policy" in "T202.sql";
    "T216" Error After "a fence stands on every table"
        "the next permissive policy somebody adds opens the table"
        "create the restrictive policy for everyone and every command again" in "T216.sql";
}
