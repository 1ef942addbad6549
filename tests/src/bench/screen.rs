//! What a person at a terminal sees while it runs: on stderr, the results go to stdout.

use std::io::{self, IsTerminal as _, Write as _};

/// Where progress is shown.
pub(crate) struct Screen {
    terminal: bool,
}

impl Screen {
    /// Shows progress where stderr is a terminal.
    pub(crate) fn new() -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
        }
    }

    /// Shows nothing.
    #[cfg(test)]
    pub(crate) fn quiet() -> Self {
        Self { terminal: false }
    }

    /// Shows what goes on, in the place of what went on before.
    pub(crate) fn progress(&self, what: &str) {
        if self.terminal {
            // Progress that cannot be shown is no reason to stop; so below.
            let _ = write!(io::stderr(), "\r\x1b[2K{what}");
        }
    }

    /// Takes the line of progress away.
    pub(crate) fn settle(&self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }

    /// Says something that stays.
    pub(crate) fn note(&self, what: &str) {
        self.settle();
        let _ = writeln!(io::stderr(), "{what}");
    }
}
