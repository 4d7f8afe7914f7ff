//! Output that goes away quietly: a reader that leaves never fails a run.

use std::io::{ErrorKind, Write};

/// Writes whole lines until nobody reads them any more.
#[derive(Debug)]
pub(super) struct Lines<W> {
    out: Option<W>,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out: Some(out) }
    }

    /// Writes one line at once, so that lines of several threads or processes do not mix.
    pub(super) fn write(&mut self, line: &str) {
        let Some(out) = &mut self.out else {
            return;
        };
        let written = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
        // The run matters more than the talk about it. A full disk may have room again for the next line; a
        // closed pipe stays closed.
        if written.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
            self.out = None;
        }
    }

    #[cfg(test)]
    pub(super) fn into_inner(self) -> Option<W> {
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    /// Fails each write with the same error and counts them.
    struct Failing(ErrorKind, usize);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.1 += 1;
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_written_to_once() {
        let mut lines = Lines::new(Failing(ErrorKind::BrokenPipe, 0));
        lines.write("one");
        lines.write("two");
        assert!(lines.into_inner().is_none());
    }

    #[test]
    fn another_error_costs_only_its_line() {
        let mut lines = Lines::new(Failing(ErrorKind::StorageFull, 0));
        lines.write("one");
        lines.write("two");
        assert_eq!(lines.into_inner().unwrap().1, 2);
    }
}
