//! Reading a command line.

use std::ffi::OsString;
use std::path::PathBuf;

use medic_model::Span;

use super::manual::{Command, Option_};

/// A command line, understood.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arguments {
    /// `-h`, `--help`
    pub help: bool,
    /// `--json`
    pub json: bool,
    /// `-f`, `--force`
    pub force: bool,
    /// `--health`
    pub health: bool,
    /// `-v`, `--verbose`
    pub verbose: bool,
    /// `-f`, `--follow`
    pub follow: bool,
    /// `-n`, `--lines N`
    pub lines: Option<usize>,
    /// `--since TIME`
    pub since: Option<String>,
    /// `--ready`
    pub ready: bool,
    /// `--down`
    pub down: bool,
    /// `--root DIR`
    pub root: Option<PathBuf>,
    /// `--timeout TIME`, `--stop-timeout TIME`
    pub timeout: Option<Span>,
    /// What is no option.
    pub words: Vec<OsString>,
}

impl Arguments {
    /// The words as text; what is no UTF-8 is no name, and shows as such in the error that follows.
    pub fn names(&self) -> Vec<String> {
        self.words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }
}

/// Reads the arguments of `command`; an error says what is wrong.
pub fn parse(command: &Command, arguments: Vec<OsString>) -> Result<Arguments, String> {
    let mut found = Arguments::default();
    let mut rest = arguments.into_iter();
    while let Some(word) = rest.next() {
        let Some(text) = word.to_str().filter(|text| text.starts_with('-') && *text != "-") else {
            found.words.push(word);
            // What follows a command belongs to the command.
            if command.takes_command {
                found.words.extend(rest);
                break;
            }
            continue;
        };
        if text == "--" {
            found.words.extend(rest);
            break;
        }
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) => (name, Some(OsString::from(value))),
            None => (text, None),
        };
        let option = command.option(name).ok_or_else(|| format!("unknown option '{text}'"))?;
        let value = match (option.takes_value(), attached) {
            (true, Some(value)) => value,
            (true, None) => rest.next().ok_or_else(|| format!("the option '{name}' needs a value"))?,
            (false, Some(_)) => return Err(format!("the option '{name}' takes no value")),
            (false, None) => OsString::new(),
        };
        set(&mut found, option, value)?;
    }
    if found.ready && found.down && !found.help {
        return Err("'--ready' and '--down' exclude each other".to_owned());
    }
    // Whoever asks for help need not have got the rest right.
    let count = found.words.len();
    if !found.help && !command.words.contains(&count) {
        return Err(match count {
            0 => "something is missing".to_owned(),
            _ if count < *command.words.start() => "something is missing".to_owned(),
            _ => format!("'{}' is too much", found.words[count - 1].to_string_lossy()),
        });
    }
    Ok(found)
}

fn set(found: &mut Arguments, option: Option_, value: OsString) -> Result<(), String> {
    match option {
        Option_::Help => found.help = true,
        Option_::Json => found.json = true,
        Option_::Force => found.force = true,
        Option_::Health => found.health = true,
        Option_::Verbose => found.verbose = true,
        Option_::Follow => found.follow = true,
        Option_::Ready => found.ready = true,
        Option_::Down => found.down = true,
        Option_::Since => found.since = Some(value.to_string_lossy().into_owned()),
        Option_::Lines => {
            let text = value.to_string_lossy();
            let number = text.parse().map_err(|_| format!("'{text}' is no number of lines"))?;
            found.lines = Some(number);
        }
        Option_::Root => found.root = Some(value.into()),
        Option_::Timeout | Option_::StopTimeout => {
            found.timeout = Some(value.to_string_lossy().parse().map_err(|error| format!("{error}"))?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;

    fn read(name: &str, words: &[&str]) -> Result<Arguments, String> {
        parse(find(name).expect("a command"), words.iter().map(OsString::from).collect())
    }

    #[test]
    fn options_stand_anywhere_before_a_command() {
        let found =
            read("svc-up", &["p", "-f", "s", "--json", "--root=/x", "--timeout", "3s"]).expect("good");
        assert_eq!(
            (found.names(), found.force, found.json),
            (vec!["p".to_owned(), "s".to_owned()], true, true)
        );
        assert_eq!((found.root, found.timeout), (Some("/x".into()), Some(Span::from_secs(3))));
        let found = read("init", &["--root", "/x", "sh", "-c", "--help"]).expect("good");
        assert_eq!(found.names(), ["sh", "-c", "--help"]);
        assert_eq!(read("svc-down", &["--", "-p"]).expect("good").names(), ["-p"]);
        assert!(read("svc-down", &["--help"]).expect("good").help);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |name: &str, words: &[&str]| read(name, words).expect_err("refused");
        assert_eq!(error("svc-up", &["--no-such", "p"]), "unknown option '--no-such'");
        assert_eq!(error("svc-down", &["-f", "p"]), "unknown option '-f'");
        assert_eq!(error("svc-up", &["p", "--root"]), "the option '--root' needs a value");
        assert_eq!(error("svc-up", &["p", "--json=1"]), "the option '--json' takes no value");
        assert_eq!(
            (error("svc-up", &[]), error("svc-reload", &["p"])),
            ("something is missing".into(), "something is missing".into())
        );
        assert_eq!(error("supervisor-list", &["p", "running", "x"]), "'x' is too much");
        assert!(error("svc-up", &["p", "--timeout", "soon"]).contains("not a length of time"));
    }
}
