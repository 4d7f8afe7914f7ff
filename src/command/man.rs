//! Completions and the man page, from the same grammar as the program.

use clap::CommandFactory as _;

use super::Context;
use crate::cli::Cli;
use crate::error::Error;

pub(super) fn completions(cx: &Context<'_>, shell: clap_complete::Shell) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tenantize", &mut script);
    cx.ui.out(&String::from_utf8_lossy(&script))
}

pub(super) fn man(cx: &Context<'_>) -> Result<(), Error> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(Error::system("cannot write the man page"))?;
    cx.ui.out(&String::from_utf8_lossy(&page))
}
