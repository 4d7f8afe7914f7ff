//! What isolation costs: `cargo bench --bench isolation [-- PART…]`; without a part, all of them.
//!
//! - `overhead`: each context beside a query that filters by itself, on one server, in interleaved rounds;
//! - `skew`: the two forms of a policy where one tenant has most rows.
//!
//! Microseconds depend on the machine and on what else it does; compare lines of one run only.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark reports on standard output and may fail loudly")]

mod overhead;
mod skew;
mod stage;

fn main() {
    let parts: [(&str, fn()); 2] = [("overhead", overhead::run), ("skew", skew::run)];
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|wish| wish == name) {
            part();
        }
    }
}
