//! What the demo shows: headings, commands, notes, and lines that are drawn over while they
//! change.

use std::{
    env,
    io::{IsTerminal as _, Write as _, stdout},
    thread,
    time::Duration,
};

/// The terminal, or the file that stands in for it.
pub(crate) struct Screen {
    terminal: bool,
    colour: bool,
}

/// How a piece of text looks on a terminal.
#[derive(Clone, Copy)]
pub(crate) enum Ink {
    /// Headings and results.
    Bold,
    /// What may be overlooked.
    Faint,
    /// What went well.
    Green,
    /// What got lost.
    Red,
    /// The host A.
    Blue,
    /// The host B.
    Magenta,
}

impl Screen {
    /// What stdout is. Colours obey `NO_COLOR`.
    pub(crate) fn new() -> Self {
        let terminal = stdout().is_terminal();
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            terminal,
            colour: terminal && !unwanted,
        }
    }

    /// `text` in `ink`.
    pub(crate) fn ink(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Bold => "1",
            Ink::Faint => "2",
            Ink::Green => "32",
            Ink::Red => "31",
            Ink::Blue => "34;1",
            Ink::Magenta => "35;1",
        };
        if self.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// Begins a section.
    pub(crate) fn heading(&self, title: &str) {
        let rule = "─".repeat(76_usize.saturating_sub(title.chars().count()));
        println!(
            "\n{} {}\n",
            self.ink(Ink::Bold, title),
            self.ink(Ink::Faint, &rule)
        );
        self.pause(Duration::from_millis(300));
    }

    /// Shows a line as it is.
    #[expect(
        clippy::unused_self,
        reason = "all that is shown goes through the screen"
    )]
    pub(crate) fn line(&self, text: &str) {
        println!("{text}");
    }

    /// Shows a remark.
    pub(crate) fn note(&self, text: &str) {
        println!("{}", self.ink(Ink::Faint, text));
    }

    /// Shows a command as it is typed on `host`.
    pub(crate) fn command(&self, host: &str, command: &str) {
        println!("{} {}", self.prompt(host), self.ink(Ink::Bold, command));
        self.pause(Duration::from_millis(250));
    }

    /// The prompt of a host or container, whose name begins with that of the host.
    pub(crate) fn prompt(&self, host: &str) -> String {
        self.ink(ink_of(host), &format!("{host} #"))
    }

    /// Shows what a command printed, indented and without its end.
    pub(crate) fn output(&self, text: &str) {
        for line in text.trim_end().lines() {
            println!("  {line}");
        }
    }

    /// Draws lines over those drawn last, `drawn` in number; on no terminal, draws nothing.
    /// Returns how many there are now.
    pub(crate) fn redraw(&self, drawn: usize, lines: &[String]) -> usize {
        if !self.terminal {
            return 0;
        }
        let mut text = String::new();
        if drawn > 0 {
            text += &format!("\u{1b}[{drawn}A");
        }
        for line in lines {
            text += &format!("\r\u{1b}[K{line}\n");
        }
        print!("{text}");
        // Whoever watches sees the next one.
        let _ = stdout().flush();
        lines.len()
    }

    /// Draws lines for the last time.
    pub(crate) fn settle(&self, drawn: usize, lines: &[String]) {
        if self.redraw(drawn, lines) == 0 {
            lines.iter().for_each(|line| println!("{line}"));
        }
    }

    /// Shows a line where nothing can be drawn over; a terminal shows the drawing instead.
    pub(crate) fn progress(&self, text: &str) {
        if !self.terminal {
            println!("{text}");
        }
    }

    /// Lets a person read; nobody reads a file while it is written.
    pub(crate) fn pause(&self, time: Duration) {
        if self.terminal {
            thread::sleep(time);
        }
    }
}

fn ink_of(host: &str) -> Ink {
    if host.contains(['a', 'A']) {
        Ink::Blue
    } else {
        Ink::Magenta
    }
}
