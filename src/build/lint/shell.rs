//! A shell text taken apart into words, as far as the rules for steps need it: which word is a command, in which line, and
//! whether it stands in quotes. Not a shell: whether a text can be run is asked of `sh -n`. (POSIX.1-2024, XCU 2.)

/// A word of a shell text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Its letters as they stand there, quotes included.
    pub text: String,
    /// Its line in the text, from 1.
    pub line: usize,
    /// Whether it is in the place of a command.
    pub is_command: bool,
    /// Which command of the text it belongs to, counted from 0.
    pub command: usize,
    /// The parts of it that are in no quotes.
    pub bare: String,
}

/// The words of a text, in their order. Comments and the bodies of here-documents are left out.
pub fn words(text: &str) -> Vec<Word> {
    let mut scan = Scan { letters: text.chars().collect(), ..Scan::default() };
    scan.all(None);
    scan.words.sort_by_key(|word| word.command);
    scan.words
}

#[derive(Default)]
struct Scan {
    letters: Vec<char>,
    at: usize,
    line: usize,
    words: Vec<Word>,
    commands: usize,
    /// Here-documents whose bodies begin in the next line: where each ends, and whether tabs are left out before that.
    here: Vec<(String, bool)>,
}

/// Words after which a command begins.
const OPENING: [&str; 10] = ["if", "then", "else", "elif", "while", "until", "do", "!", "{", "time"];

impl Scan {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += 1;
        if letter == '\n' {
            self.line += 1;
        }
        Some(letter)
    }

    /// Reads commands up to `end`, which is taken too, or to the end of the text.
    fn all(&mut self, end: Option<char>) {
        let mut command = self.new_command();
        let mut first = true;
        while let Some(letter) = self.peek() {
            match letter {
                _ if Some(letter) == end => {
                    self.next();
                    return;
                }
                ' ' | '\t' => drop(self.next()),
                '#' => self.comment(),
                '\n' => {
                    self.next();
                    self.here_bodies();
                    (command, first) = (self.new_command(), true);
                }
                ';' | '&' | '|' | '(' | ')' => {
                    self.next();
                    (command, first) = (self.new_command(), true);
                }
                '<' | '>' => self.redirection(),
                _ => {
                    let Word { text, line, bare, .. } = self.word(end);
                    let assigns = first && is_assignment(&text);
                    let opens = first && OPENING.contains(&text.as_str());
                    self.words.push(Word {
                        is_command: first && !assigns && !opens,
                        text,
                        line,
                        bare,
                        command,
                    });
                    if opens {
                        command = self.new_command();
                    } else if !assigns {
                        first = false;
                    }
                }
            }
        }
    }

    fn new_command(&mut self) -> usize {
        self.commands += 1;
        self.commands - 1
    }

    fn comment(&mut self) {
        while self.peek().is_some_and(|letter| letter != '\n') {
            self.next();
        }
    }

    /// `<`, `>`, `>>`, `<<END` and what belongs to it. What is redirected to is a word as any other.
    fn redirection(&mut self) {
        let is_here = self.letters.get(self.at..self.at + 2) == Some(&['<', '<']);
        while self.peek().is_some_and(|letter| matches!(letter, '<' | '>' | '&')) {
            self.next();
        }
        if !is_here {
            return;
        }
        let tabs = self.peek() == Some('-');
        if tabs {
            self.next();
        }
        while self.peek() == Some(' ') {
            self.next();
        }
        let end: String = self.word(None).text.chars().filter(|letter| !"'\"\\".contains(*letter)).collect();
        self.here.push((end, tabs));
    }

    fn here_bodies(&mut self) {
        for (end, tabs) in std::mem::take(&mut self.here) {
            while self.peek().is_some() {
                let mut line = String::new();
                while let Some(letter) = self.next().filter(|letter| *letter != '\n') {
                    line.push(letter);
                }
                if (if tabs { line.trim_start_matches('\t') } else { &line }) == end {
                    break;
                }
            }
        }
    }

    /// One word, with whatever is quoted or substituted in it.
    fn word(&mut self, end: Option<char>) -> Word {
        let (start, line) = (self.at, self.line + 1);
        let mut bare = String::new();
        while let Some(letter) = self.peek() {
            if Some(letter) == end || " \t\n;&|()<>".contains(letter) {
                break;
            }
            self.next();
            match letter {
                '\'' => while self.next().is_some_and(|letter| letter != '\'') {},
                '"' => self.double_quotes(),
                '\\' => drop(self.next()),
                '$' | '`' => {
                    bare.push(letter);
                    let start = self.at;
                    self.substitution(letter);
                    bare.extend(self.letters.get(start..self.at).unwrap_or_default());
                }
                _ => bare.push(letter),
            }
        }
        let text = self.letters.get(start..self.at).unwrap_or_default().iter().collect();
        Word { text, line, is_command: false, command: 0, bare }
    }

    fn double_quotes(&mut self) {
        while let Some(letter) = self.next() {
            match letter {
                '"' => return,
                '\\' => drop(self.next()),
                '$' | '`' => self.substitution(letter),
                _ => {}
            }
        }
    }

    /// What follows `$` or a backquote: a command in it is read as one.
    fn substitution(&mut self, opened: char) {
        match (opened, self.peek()) {
            ('`', _) => self.all(Some('`')),
            (_, Some('(')) => {
                self.next();
                if self.peek() == Some('(') { self.arithmetic() } else { self.all(Some(')')) }
            }
            (_, Some('{')) => while self.next().is_some_and(|letter| letter != '}') {},
            _ => {}
        }
    }

    fn arithmetic(&mut self) {
        let mut depth = 1_usize;
        while depth > 0
            && let Some(letter) = self.next()
        {
            match letter {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
        }
    }
}

fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else { return false };
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(text: &str) -> Vec<(usize, String)> {
        words(text).into_iter().filter(|word| word.is_command).map(|word| (word.line, word.text)).collect()
    }

    fn names(text: &str) -> Vec<String> {
        commands(text).into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn commands_are_told_from_their_words() {
        assert_eq!(names("A=1 make -j4; echo curl # wget\n"), ["make", "echo"]);
        assert_eq!(names("if ! grep -q x y; then exit 1; fi"), ["grep", "exit", "fi"]);
        assert_eq!(names("a | b && c || (d; e) & f"), ["a", "b", "c", "d", "e", "f"]);
        assert_eq!(names("echo 'curl x; wget'; echo \"a; b\""), ["echo", "echo"]);
        let nested = names("x=$(curl \"$(cat url)\") \"`date`\"");
        assert!(
            ["curl", "cat", "date"].iter().all(|name| nested.iter().any(|own| own == name)),
            "{nested:?}"
        );
        assert_eq!(names("x=$((1 + (2 * 3))) y"), ["y"]);
    }

    #[test]
    fn the_bodies_of_here_documents_are_no_commands() {
        let text = "cat > x <<END\ncurl a\nEND\ncat <<-'E' | tr a b\n\twget\n\tE\nmake\n";
        assert_eq!(
            commands(text),
            [(1, "cat".into()), (4, "cat".into()), (4, "tr".into()), (7, "make".into())]
        );
    }

    #[test]
    fn what_is_in_no_quotes_is_known() {
        let bare = |text: &str| words(text).pop().expect("a word").bare;
        assert_eq!(bare("cp x $DESTDIR\"$PREFIX\"/bin"), "$DESTDIR/bin");
        assert_eq!(bare("cp \"$DESTDIR\" '$A'b"), "b");
        assert_eq!(bare("x ${A:-b c}d"), "${A:-b c}d");
    }

    #[test]
    fn no_text_makes_it_fail() {
        for text in ["", "'", "\"", "$(", "`", "$((", "${", "<<", "<<'", "\\", "((((", "a\\\nb"] {
            let _ = words(text);
        }
    }
}
