//! A log's text: its steps, and its lines made fit for a terminal. Pure.

use std::ops::Range;

use super::{END, HEADING};

/// The parts of a log, each by the name of its heading, with where its text is; the first and the last heading are none. A
/// step can write such a line itself: this is for looking at, and nothing is decided by it.
pub fn steps(text: &[u8]) -> Vec<(String, Range<usize>)> {
    let mut parts: Vec<(String, Range<usize>)> = Vec::new();
    let mut at = 0;
    for (number, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let (start, end) = (at, at + line.len());
        at = end;
        let Some(name) = line.strip_prefix(HEADING.as_bytes()) else { continue };
        if let Some((_, range)) = parts.last_mut() {
            range.end = range.end.min(start);
        }
        let name = String::from_utf8_lossy(name).trim_end().to_owned();
        if number > 0 && !name.starts_with(END) {
            parts.push((name, end..text.len()));
        }
    }
    parts
}

/// Whether a log, or what is known of its end, says that the build is over.
pub fn is_ended(text: &[u8]) -> bool {
    let line = text.strip_suffix(b"\n").map(|text| text.rsplit(|byte| *byte == b'\n').next().unwrap_or(text));
    line.is_some_and(|line| line.starts_with(format!("{HEADING}{END}").as_bytes()))
}

/// A line as it would have been seen on a terminal that knows no control characters: a log can hold colours and worse.
pub fn printable(line: &str) -> String {
    // What was overwritten by a carriage return was not seen either.
    let line = line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or_default();
    let mut plain = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\u{1b}' => skip_sequence(&mut rest),
            '\t' => plain.push_str("    "),
            letter if letter.is_control() || is_direction(letter) => plain.push('\u{fffd}'),
            letter => plain.push(letter),
        }
    }
    plain
}

/// Characters that make a line be read in another order than it is written in.
fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A terminal's control sequence (ECMA-48): `[`, parameters and a letter (5.4); or one of those that open a string, such
/// as a window's title, up to the bell or the string's terminator (5.6); else one character.
fn skip_sequence(rest: &mut std::str::Chars<'_>) {
    match rest.as_str().chars().next() {
        Some('[') => {
            rest.next();
            while rest.next().is_some_and(|letter| !('\u{40}'..='\u{7e}').contains(&letter)) {}
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(letter) = rest.next() {
                if letter == '\u{7}' || (letter == '\u{1b}' && rest.as_str().starts_with('\\')) {
                    if letter == '\u{1b}' {
                        rest.next();
                    }
                    return;
                }
            }
        }
        Some(_) => drop(rest.next()),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &[u8] =
        b"==== zlib 1.3.2 x64 (x)\n==== configure\none\ntwo\n==== compile\n\xff\n==== end: built in 1.0 s\n";

    #[test]
    fn each_step_has_its_text() {
        let text = |range: Range<usize>| String::from_utf8_lossy(&LOG[range]).into_owned();
        let parts: Vec<_> = steps(LOG).into_iter().map(|(name, range)| (name, text(range))).collect();
        let expected = [("configure", "one\ntwo\n"), ("compile", "\u{fffd}\n")];
        assert_eq!(parts, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
        assert!(steps(b"").is_empty() && steps(b"==== zlib").is_empty());
        assert_eq!(steps(b"==== zlib\n==== test"), [("test".to_owned(), 19..19)], "cut off in a heading");
    }

    #[test]
    fn only_the_last_line_ends_a_log() {
        assert!(is_ended(LOG));
        assert!(!is_ended(&LOG[..LOG.len() - 1]), "the line is not whole yet");
        assert!(!is_ended(b"==== end: built in 1.0 s\nmore\n") && !is_ended(b""));
        assert!(is_ended(b"==== end: failed\n"));
    }

    #[test]
    fn a_line_cannot_harm_a_terminal() {
        assert_eq!(printable("\u{1b}[31mred\u{1b}[0m\tx\u{7}"), "red    x\u{fffd}");
        assert_eq!(printable("10%\r50%\r100%\r"), "100%");
        assert_eq!(printable("\u{1b}["), "");
        assert_eq!(printable("a\u{1b}]0;title\u{7}b\u{1b}]52;c;eA==\u{1b}\\c"), "abc");
        assert_eq!(printable("a\u{1b}Pdevice"), "a");
        assert_eq!(printable("a\u{1b}cb\u{9b}31m"), "ab\u{fffd}31m");
        assert_eq!(printable("ab\u{202e}cd"), "ab\u{fffd}cd");
        assert_eq!(printable("naïve – ok"), "naïve – ok");
    }
}
