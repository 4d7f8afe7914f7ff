//! What people see: messages on standard error, data on standard output.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;

use crate::error::{Error, causes};
use crate::progress::style::{Palette, Stream};
use crate::progress::{ColorMode, ProgressMode, Reporter, reporter};

/// The terminal, or what stands in for it.
pub struct Ui {
    progress: ProgressMode,
    color: ColorMode,
}

impl Ui {
    /// Decides about colours once.
    #[must_use]
    pub fn new(progress: ProgressMode, color: ColorMode) -> Self {
        color.apply();
        Self { progress, color }
    }

    /// Colours of standard output.
    #[must_use]
    pub fn palette(&self) -> Palette {
        self.color.palette(Stream::Out)
    }

    /// A reporter for one run.
    #[must_use]
    pub fn reporter(&self) -> Arc<dyn Reporter> {
        reporter(self.progress, self.color)
    }

    /// Writes data to standard output. A reader that has gone away is no error.
    pub fn out(&self, text: &str) -> Result<(), Error> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::system("cannot write to standard output")(error)),
            _ => Ok(()),
        }
    }

    /// Cuts the lines of a table to the width of the terminal; elsewhere they stay whole.
    #[must_use]
    pub fn fit(&self, text: &str) -> String {
        let Some((_, width)) = console::Term::stdout().size_checked() else { return text.to_owned() };
        let prose = |line: &str| ["  detail:", "  effect:", "  remedy:"].iter().any(|word| line.starts_with(word));
        let cut = |line: &str| match line {
            line if line.starts_with("  ") && !prose(line) => console::truncate_str(line, usize::from(width), "…").into_owned(),
            line => line.to_owned(),
        };
        text.lines().map(|line| cut(line) + "\n").collect()
    }

    /// Writes a line for people. There is nobody to tell when it fails.
    pub fn say(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Asks before a change; without a terminal the answer must have been given by `--yes`.
    pub fn confirm(&self, question: &str) -> Result<(), Error> {
        if !io::stdin().is_terminal() {
            return Err(Error::Usage { message: "nobody can be asked: standard input is no terminal".into(), hint: "say --yes".into() });
        }
        let _ = write!(io::stderr(), "{question} [y/N] ");
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map_err(Error::system("cannot read the answer"))?;
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
        Err(Error::Usage { message: "not confirmed; nothing was changed".into(), hint: "answer y, or say --yes".into() })
    }

    /// Prints an error with its causes and what to do next.
    pub fn print_error(&self, error: &Error) {
        let palette = self.color.palette(Stream::Err);
        self.say(&format!("{} {error}", palette.bad("error:")));
        for cause in causes(error) {
            self.say(&format!("  cause: {}", cause.replace('\n', "\n         ")));
        }
        if let Some(hint) = error.hint() {
            self.say(&format!("{} {hint}", palette.strong("hint:")));
        }
    }
}
