//! Changing single values of a YAML text in place: comments, order, quotes, line ends and everything else stay as they are.
//!
//! The places come from a YAML parser that knows them (`saphyr-parser`); what comes out is parsed again by the one that reads
//! our documents, and must differ from what went in by these values only.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_yaml::Value;

/// A step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A key of a map.
    Key(String),
    /// A place in a list, from 0.
    At(usize),
}

/// A value that is to be another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The way to it.
    pub path: Vec<Step>,
    /// The new text.
    pub to: String,
}

/// Why a text cannot be changed so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It is no YAML that has such places.
    #[error("line {line}: it cannot be read as YAML: {message}")]
    Parse {
        /// From 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// There is no such value.
    #[error("there is no value '{0}', or it is not a single text")]
    Absent(String),
    /// A form that is not changed by a program.
    #[error("the value '{path}' on line {line} is {form}: change it by hand")]
    Form {
        /// The way to it.
        path: String,
        /// From 1.
        line: usize,
        /// What it is.
        form: &'static str,
    },
    /// The result would not say what was asked for.
    #[error("the text could not be changed so that only the values meant are others: change it by hand")]
    Other,
}

/// The way to a value, as people write it: `sources[0].urls[1]`.
pub fn shown(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.push_str(&format!(".{key}")),
            Step::At(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// A scalar of the text.
struct Scalar {
    path: Vec<Step>,
    /// Bytes.
    from: usize,
    to: usize,
    line: usize,
    style: ScalarStyle,
    in_flow: bool,
    /// It is an alias, or has an anchor that others refer to.
    shared: bool,
}

/// The text with these values in place of what is there.
///
/// # Errors
/// [`EditError`].
pub fn edit(text: &str, edits: &[Edit]) -> Result<String, EditError> {
    let scalars = scalars(text)?;
    let mut changes: Vec<(&Scalar, &Edit)> = Vec::new();
    for edit in edits {
        let absent = || EditError::Absent(shown(&edit.path));
        let scalar = scalars.iter().find(|scalar| scalar.path == edit.path).ok_or_else(absent)?;
        let form = match scalar.style {
            _ if scalar.shared => Some("an alias, or has an anchor"),
            ScalarStyle::Literal | ScalarStyle::Folded => Some("a text of several lines"),
            _ => None,
        };
        if let Some(form) = form {
            return Err(EditError::Form { path: shown(&edit.path), line: scalar.line, form });
        }
        changes.push((scalar, edit));
    }
    changes.sort_by_key(|(scalar, _)| scalar.from);
    let (mut new, mut last) = (String::with_capacity(text.len()), 0);
    for (scalar, edit) in changes {
        if scalar.from < last {
            return Err(EditError::Other);
        }
        new.push_str(&text[last..scalar.from]);
        new.push_str(&written(&edit.to, scalar));
        last = scalar.to;
    }
    new.push_str(&text[last..]);
    verify(text, &new, edits)?;
    Ok(new)
}

/// A value in the style of what was there; a plain one gets quotes where it would not be taken as a text.
fn written(value: &str, scalar: &Scalar) -> String {
    let single = || format!("'{}'", value.replace('\'', "''"));
    match scalar.style {
        ScalarStyle::SingleQuoted => single(),
        ScalarStyle::DoubleQuoted => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
        _ if is_plain(value, scalar.in_flow) => value.to_owned(),
        _ if value.contains('\'') => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
        // `"1.30"`: as the recipes have it.
        _ => format!("\"{}\"", value.replace('\\', "\\\\")),
    }
}

fn is_plain(value: &str, in_flow: bool) -> bool {
    let in_context = if in_flow { format!("[{value}]") } else { value.to_owned() };
    let wanted = Value::String(value.to_owned());
    match serde_yaml::from_str::<Value>(&in_context) {
        Ok(Value::Sequence(items)) if in_flow => items == [wanted],
        Ok(found) => !in_flow && found == wanted,
        Err(_) => false,
    }
}

/// That the new text says what the old one does but for the edits.
fn verify(old: &str, new: &str, edits: &[Edit]) -> Result<(), EditError> {
    let parse = |text: &str| serde_yaml::from_str::<Value>(text).map_err(|_| EditError::Other);
    let (mut expected, found) = (parse(old)?, parse(new)?);
    for edit in edits {
        let mut at = &mut expected;
        for step in &edit.path {
            at = match step {
                Step::Key(key) => at.get_mut(key.as_str()),
                Step::At(index) => at.get_mut(*index),
            }
            .ok_or_else(|| EditError::Absent(shown(&edit.path)))?;
        }
        *at = Value::String(edit.to.clone());
    }
    if expected == found { Ok(()) } else { Err(EditError::Other) }
}

/// Whether a key or value is expected next in a map; where in a list.
enum Level {
    Map { key: Option<String> },
    List { next: usize },
}

/// Every scalar that is a value, with its place.
fn scalars(text: &str) -> Result<Vec<Scalar>, EditError> {
    let bytes: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let byte = |index: usize| bytes.get(index).copied().unwrap_or(text.len());
    let mut found = Vec::new();
    let mut levels: Vec<(Level, bool)> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| EditError::Parse {
            line: error.marker().line(),
            message: error.info().to_owned(),
        })?;
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                let flow = matches!(text[byte(span.start.index())..].chars().next(), Some('{' | '['));
                let inside = levels.last().is_some_and(|(_, flow)| *flow);
                let level = match event {
                    Event::MappingStart(..) => Level::Map { key: None },
                    _ => Level::List { next: 0 },
                };
                levels.push((level, flow || inside));
            }
            Event::MappingEnd | Event::SequenceEnd => {
                levels.pop();
                advance(&mut levels);
            }
            Event::Alias(_) => {
                let path = path(&levels);
                let (from, to) = (byte(span.start.index()), byte(span.end.index()));
                let (line, style) = (span.start.line(), ScalarStyle::Plain);
                found.push(Scalar { path, from, to, line, style, in_flow: false, shared: true });
                advance(&mut levels);
            }
            Event::Scalar(value, style, anchor, _) => {
                if let Some((Level::Map { key: key @ None }, _)) = levels.last_mut() {
                    *key = Some(value.into_owned());
                    continue;
                }
                found.push(Scalar {
                    path: path(&levels),
                    from: byte(span.start.index()),
                    to: end(text, byte(span.start.index()), byte(span.end.index()), style),
                    line: span.start.line(),
                    style,
                    in_flow: levels.last().is_some_and(|(_, flow)| *flow),
                    shared: anchor != 0,
                });
                advance(&mut levels);
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Where a scalar ends. The parser's end is behind what follows a quoted one on its line: spaces, a remark.
fn end(text: &str, from: usize, to: usize, style: ScalarStyle) -> usize {
    let quote = match style {
        ScalarStyle::SingleQuoted => '\'',
        ScalarStyle::DoubleQuoted => '"',
        _ => return to,
    };
    let mut letters = text[from..to].char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        let escapes = match quote {
            '"' => letter == '\\',
            _ => letter == quote && letters.peek().is_some_and(|(_, next)| *next == quote),
        };
        if escapes {
            letters.next();
        } else if letter == quote {
            return from + at + 1;
        }
    }
    to
}

fn advance(levels: &mut [(Level, bool)]) {
    match levels.last_mut() {
        Some((Level::Map { key }, _)) => *key = None,
        Some((Level::List { next }, _)) => *next += 1,
        None => {}
    }
}

fn path(levels: &[(Level, bool)]) -> Vec<Step> {
    let step = |(level, _): &(Level, bool)| match level {
        Level::Map { key } => Step::Key(key.clone().unwrap_or_default()),
        Level::List { next } => Step::At(*next),
    };
    levels.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str, to: &str) -> Edit {
        let step = |part: &str| part.parse().map_or_else(|_| Step::Key(part.to_owned()), Step::At);
        Edit { path: path.split('/').map(step).collect(), to: to.to_owned() }
    }

    const RECIPE: &str = "# 1.0 stays in remarks\nname: x\nversion: 1.0.0   # 1.0.0\nreleased: '2026-01-01'\nsources:\n  # two\n  - sha256: \"00\"\n    urls: [https://a.example/x-1.0.0.tar.gz, 'https://b.example/x-1.0.0.tar.gz']\n    crate: {name: x, version: 1.0.0+2, file: \"ä-1.0.0\"}\n  - urls:\n      - https://c.example/#1.0.0\n    sha256:   00 \nsteps:\n  - name: version 1.0.0\n    run: |\n      echo 1.0.0\n";

    #[test]
    fn only_the_values_change() {
        let edits = [
            at("version", "1.1.0"),
            at("released", "2026-02-02"),
            at("sources/0/sha256", "11"),
            at("sources/0/urls/0", "https://a.example/x-1.1.0.tar.gz"),
            at("sources/0/urls/1", "https://b.example/x-1.1.0.tar.gz"),
            at("sources/0/crate/version", "1.1.0+3"),
            at("sources/0/crate/file", "ä-1.1.0"),
            at("sources/1/urls/0", "https://c.example/#1.1.0"),
            at("sources/1/sha256", "2b"),
        ];
        let expected = "# 1.0 stays in remarks\nname: x\nversion: 1.1.0   # 1.0.0\nreleased: '2026-02-02'\nsources:\n  # two\n  - sha256: \"11\"\n    urls: [https://a.example/x-1.1.0.tar.gz, 'https://b.example/x-1.1.0.tar.gz']\n    crate: {name: x, version: 1.1.0+3, file: \"ä-1.1.0\"}\n  - urls:\n      - https://c.example/#1.1.0\n    sha256:   2b \nsteps:\n  - name: version 1.0.0\n    run: |\n      echo 1.0.0\n";
        assert_eq!(edit(RECIPE, &edits).as_deref(), Ok(expected));
        let windows = RECIPE.replace('\n', "\r\n");
        assert_eq!(edit(&windows, &edits), Ok(expected.replace('\n', "\r\n")), "line ends stay");
    }

    #[test]
    fn a_remark_behind_a_quoted_value_stays() {
        for (old, new) in [
            ("version: \"1.0\" # a \"remark\"\nname: x\n", "version: \"1.1\" # a \"remark\"\nname: x\n"),
            ("version: '1.0'   # it's\nname: x\n", "version: '1.1'   # it's\nname: x\n"),
            ("{version: '1''0', name: x}\n", "{version: '1.1', name: x}\n"),
            ("version: \"1\\\"0\"\n", "version: \"1.1\"\n"),
        ] {
            assert_eq!(edit(old, &[at("version", "1.1")]).as_deref(), Ok(new), "{old}");
        }
    }

    #[test]
    fn a_value_that_would_be_no_text_gets_quotes() {
        for (to, line) in [
            ("1.30", "version: \"1.30\"   #"),
            ("2", "version: \"2\"   #"),
            ("1.1: x", "version: \"1.1: x\"   #"),
            ("1.30.6", "version: 1.30.6   #"),
            ("1e3", "version: \"1e3\"   #"),
        ] {
            let new = edit(RECIPE, &[at("version", to)]).expect("edited");
            assert!(new.contains(line), "{to}: {new}");
        }
        let new = edit(RECIPE, &[at("sources/0/crate/version", "1, 2")]).expect("edited");
        assert!(new.contains("version: \"1, 2\", file"), "{new}");
        let new = edit(RECIPE, &[at("released", "it's")]).expect("edited");
        assert!(new.contains("released: 'it''s'\n"), "{new}");
    }

    #[test]
    fn what_cannot_be_changed_is_said() {
        let refused = |text: &str, path: &str| edit(text, &[at(path, "x")]).expect_err("refused").to_string();
        assert!(refused(RECIPE, "nothing").contains("'nothing'"));
        assert!(refused(RECIPE, "sources/7/sha256").contains("sources[7].sha256"));
        assert!(refused(RECIPE, "sources").contains("sources"));
        assert!(refused(RECIPE, "steps/0/run").contains("several lines"));
        assert!(refused("a: &x 1\nb: *x\n", "b").contains("alias"));
        assert!(refused("a: &x 1\nb: *x\n", "a").contains("anchor"));
        assert!(refused("a: [", "a").contains("line"));
    }
}
