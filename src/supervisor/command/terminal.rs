//! What a command prints, and how: the legacy prefixes, in colour on a terminal only.

use std::io::Write;

/// Standard output and standard error.
pub struct Terminal<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Messages.
    pub err: &'a mut dyn Write,
    /// Whether results may be coloured.
    pub colour_out: bool,
    /// Whether messages may be coloured.
    pub colour_err: bool,
}

/// The prefixes and their colours (ECMA-48, SGR).
const PREFIXES: [(&str, &str); 5] =
    [("Info: ", "34"), ("Warning: ", "33"), ("Success: ", "32"), ("Fatal: ", "31"), ("Debug: ", "90")];

impl Terminal<'_> {
    /// A result. Who does not read it to its end is not an error of ours.
    pub fn print(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes());
        let _ = self.out.flush();
    }

    /// A message that already has its prefix, or has none.
    pub fn said(&mut self, line: &str) {
        let coloured = PREFIXES.iter().find_map(|(prefix, colour)| {
            let rest = line.strip_prefix(prefix)?;
            self.colour_err.then(|| format!("\x1b[{colour}m{prefix}\x1b[0m{rest}"))
        });
        self.error_line(coloured.as_deref().unwrap_or(line));
    }

    /// A line on standard error, at once and whole: others write there too.
    pub fn error_line(&mut self, line: &str) {
        let _ = self.err.write_all(format!("{}\n", line.trim_end_matches('\n')).as_bytes());
    }

    /// `Info: …`
    pub fn info(&mut self, text: &str) {
        self.said(&format!("Info: {text}"));
    }

    /// `Warning: …`
    pub fn warn(&mut self, text: &str) {
        self.said(&format!("Warning: {text}"));
    }

    /// `Success: …`
    pub fn success(&mut self, text: &str) {
        self.said(&format!("Success: {text}"));
    }

    /// `Fatal: …`
    pub fn fatal(&mut self, text: &str) {
        self.said(&format!("Fatal: {text}"));
    }

    /// A status, in the colour of how good it is, where results may be coloured.
    pub fn status(&self, text: &str) -> String {
        let colour = match text {
            "Up" => "32",
            "Failure" => "31",
            "Starting" | "Restarting" | "Waiting" | "Stopping" => "33",
            _ => "90",
        };
        if self.colour_out { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_only_where_it_is_wanted() {
        for (colour, expected) in [(false, "Fatal: no\nplain\n"), (true, "\x1b[31mFatal: \x1b[0mno\nplain\n")]
        {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut terminal =
                Terminal { out: &mut out, err: &mut err, colour_out: colour, colour_err: colour };
            terminal.fatal("no");
            terminal.said("plain");
            assert_eq!(terminal.status("Up"), if colour { "\x1b[32mUp\x1b[0m" } else { "Up" });
            assert_eq!(String::from_utf8(err).expect("UTF-8"), expected);
        }
    }
}
