//! Parses arguments, runs the command and turns the result into an exit code.

use std::process::ExitCode;

use clap::Parser as _;
use tenantize::cli::Cli;
use tenantize::ui::Ui;
use tenantize::{command, logging};

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start(cli.output.verbose);
    let ui = Ui::new(cli.output.progress, cli.output.color);
    match command::run(&cli, &ui) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            ui.print_error(&error);
            error.exit_code()
        }
    }
}
