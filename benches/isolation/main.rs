//! What isolation costs: `cargo bench --bench isolation [-- PART…]`; without a part, all of them.
//!
//! - `overhead`: each context beside a query that filters by itself, on one server, in interleaved rounds;
//! - `skew`: the two forms of a policy where one tenant has most rows;
//! - `attacks [TABLES]`: every attack of `verify` on many tables.
//!
//! Microseconds depend on the machine and on what else it does; compare lines of one run only.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark reports on standard output and may fail loudly")]

mod attacks;
mod overhead;
mod skew;
mod stage;

fn main() {
    let parts: [(&str, fn()); 3] = [("attacks", attacks::run), ("overhead", overhead::run), ("skew", skew::run)];
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let named = |name: &str| parts.iter().any(|(part, _)| *part == name);
    let wanted: Vec<String> = wanted.into_iter().filter(|wish| named(wish)).collect();
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|wish| wish == name) {
            part();
        }
    }
}
