//! What the fill costs: `cargo bench --bench fill -- PART [OPTION…]`; `scripts/bench` runs all parts.
//!
//! - `peers`: the usual ways beside this one, on one server, in turn;
//! - `stripes`: stripes, segments, workers and ideas, one at a time;
//! - `scale`: memory and time of the tool with a big CSV map and many tables;
//! - `backup`: copies beside `CREATE TABLE AS`;
//! - `live`: an application at work before and during a run: how long it waits;
//! - `report`: tables and the picture of `docs/performance.md`, from the results of the others.
//!
//! Seconds depend on the machine and on what else it does; compare lines of one run only.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark reports on standard output and may fail loudly")]

mod args;
mod backup;
mod live;
mod parts;
mod peers;
mod picture;
mod record;
mod report;
mod scale;
mod stage;
mod stripes;
mod table;
mod tool;
mod ways;

use clap::Parser as _;

fn main() {
    let args = args::Args::parse();
    match args.part {
        args::Part::Peers(options) => peers::run(&options),
        args::Part::Stripes(options) => stripes::run(&options),
        args::Part::Scale(options) => scale::run(&options),
        args::Part::Live(options) => live::run(&options),
        args::Part::Backup(options) => backup::run(&options),
        args::Part::Report(options) => report::run(&options),
    }
}
