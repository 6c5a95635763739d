//! Where something stands in a document, for findings: line and column, from 1.

use crate::definitions::locate;

/// A document with its text.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its file, relative to the workspace.
    pub file: String,
    /// Its text; empty when it cannot be read.
    pub text: String,
}

impl Document {
    /// Where `word` stands at or below a top-level key; else where the key does.
    pub fn word(&self, key: &str, word: &str) -> (usize, usize) {
        match locate(&self.text, key, word) {
            (1, 1) => self.key(key),
            place => place,
        }
    }

    /// Where a top-level key stands.
    pub fn key(&self, key: &str) -> (usize, usize) {
        let is_key =
            |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
        let line = self.text.lines().position(is_key);
        line.map_or((1, 1), |line| (line + 1, 1))
    }

    /// Where the first line of a shell text stands that is the value of some key; looked for from line `from` on. A text in a
    /// block (`run: |`) stands line by line in the document, indented; another one in the line of its key.
    pub fn shell_text(&self, shell: &str, from: usize) -> Option<usize> {
        let document: Vec<&str> = self.text.lines().map(str::trim).collect();
        let wanted: Vec<&str> = shell.lines().map(str::trim).collect();
        let first = from.saturating_sub(1);
        if let [one] = wanted.as_slice() {
            let has = |line: &&str| line.contains(one);
            return document.iter().skip(first).position(has).map(|at| first + at + 1);
        }
        let windows = document.get(first..)?.windows(wanted.len().max(1));
        windows.into_iter().position(|lines| lines == wanted).map(|at| first + at + 1)
    }

    /// The column of the first letter in a line.
    pub fn column(&self, line: usize) -> usize {
        let text = line.checked_sub(1).and_then(|at| self.text.lines().nth(at)).unwrap_or_default();
        text.len() - text.trim_start().len() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_texts_are_found_in_blocks_and_in_lines() {
        let text = "name: x\nsteps:\n  - name: a\n    run: |\n      one\n\n      two\n  - {name: b, run: make}\ntest: |\n  one\n\n  two\n";
        let document = Document { file: String::new(), text: text.to_owned() };
        assert_eq!(document.shell_text("one\n\ntwo\n", 1), Some(5));
        assert_eq!(document.shell_text("one\n\ntwo\n", 6), Some(10));
        assert_eq!(document.shell_text("make", 1), Some(8));
        assert_eq!(document.shell_text("absent\n", 1), None);
        assert_eq!((document.key("steps"), document.key("no"), document.column(5)), ((2, 1), (1, 1), 7));
        assert_eq!(document.word("name", "x"), (1, 7));
        assert_eq!(document.word("steps", "absent"), (2, 1));
    }
}
