//! Help texts and manual pages, from [`super::manual`].

use super::manual::{Command, MANUAL, Option_};

/// The width of help texts.
const WIDTH: usize = 80;

/// `Usage: svc-up [-f|--force] …`
pub fn usage(command: &Command) -> String {
    format!("Usage: {} {}", command.name, command.usage).trim_end().to_owned()
}

fn option_names(option: Option_) -> String {
    let names = option.names().join(", ");
    if option.takes_value() { format!("{names} {}", option.value()) } else { names }
}

fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let pad = " ".repeat(indent);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && indent + lines[last].len() + 1 + word.len() > width {
            lines.push(word.to_owned());
        } else {
            if !lines[last].is_empty() {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines.join(&format!("\n{pad}"))
}

fn table(rows: impl Iterator<Item = (String, String)> + Clone) -> String {
    let first = rows.clone().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.map(|(name, text)| format!("  {name:first$}  {}\n", wrapped(&text, first + 4, WIDTH))).collect()
}

/// What `--help` prints.
pub fn help(command: &Command) -> String {
    let paragraphs: Vec<String> =
        command.description.split("\n\n").map(|text| wrapped(text, 0, WIDTH)).collect();
    let options = command.options.iter().map(|option| (option_names(*option), option.meaning().to_owned()));
    let exits = command.exits.iter().map(|(code, meaning)| ((*code).to_owned(), (*meaning).to_owned()));
    let links = match command.links {
        [] => String::new(),
        links => format!("\nAlso known as {}.\n", links.join(", ")),
    };
    let example: String = command.example.trim_end().lines().map(example_line).collect();
    format!(
        "{}\n\n{}\n{links}\nOptions:\n{}\nExit codes:\n{}\nExample:\n{example}",
        usage(command),
        paragraphs.join("\n\n"),
        table(options),
        table(exits),
    )
}

fn example_line(line: &str) -> String {
    if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }
}

/// What `supervisor --help` prints.
pub fn overview() -> String {
    let rows = MANUAL.iter().map(|command| (command.name.to_owned(), command.summary.to_owned()));
    format!(
        "Usage: <command> [argument]..., or supervisor <command> [argument]...\n\n\
         One program with these names; each answers to --help:\n{}",
        table(rows)
    )
}

/// The page of `docs/commands/<name>.md`.
pub fn page(command: &Command) -> String {
    let rows = |rows: Vec<(String, &str)>| -> String {
        rows.into_iter()
            .map(|(name, meaning)| format!("| `{}` | {meaning} |\n", name.replace('|', "\\|")))
            .collect()
    };
    let options = command.options.iter().map(|option| (option_names(*option), option.meaning())).collect();
    let exits: String =
        command.exits.iter().map(|(code, meaning)| format!("| {code} | {meaning} |\n")).collect();
    let links = match command.links {
        [] => String::new(),
        links => format!("\nAlso known as `{}`.\n", links.join("`, `")),
    };
    format!(
        "# {name}\n\n{summary}.\n\n## Usage\n\n```\n{usage}\n```\n{links}\n{description}\n\n## Options\n\n| option | meaning |\n| --- | --- |\n{}\n\
         ## Exit codes\n\n| code | meaning |\n| --- | --- |\n{exits}\n## Example\n\n```console\n{example}\n```\n\n\
         <!-- Made from src/supervisor/command/manual.rs: edit that. -->\n",
        rows(options),
        name = command.name,
        summary = capital(command.summary),
        usage = usage(command).trim_start_matches("Usage: "),
        description = command
            .description
            .split("\n\n")
            .map(|text| wrapped(text, 0, 110))
            .collect::<Vec<_>>()
            .join("\n\n"),
        example = command.example.trim_end(),
    )
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// With `MEDIC_OS_BLESS` set the pages are written; without, they must be what the manual says.
    #[test]
    fn the_pages_say_what_the_commands_say() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands");
        for command in MANUAL {
            let path = folder.join(format!("{}.md", command.name));
            if std::env::var_os("MEDIC_OS_BLESS").is_some() {
                std::fs::create_dir_all(&folder).expect("made");
                std::fs::write(&path, page(command)).expect("written");
            }
            let found = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(
                found,
                page(command),
                "{}: run the tests of medic-supervisor with MEDIC_OS_BLESS=1",
                path.display()
            );
        }
    }

    #[test]
    fn help_fits_a_terminal_and_tells_everything() {
        for command in MANUAL {
            let text = help(command);
            assert!(text.starts_with(&format!("Usage: {}", command.name)), "{text}");
            for part in ["Options:", "Exit codes:", "Example:", "--help", "111"] {
                assert!(text.contains(part), "{part} is missing in:\n{text}");
            }
            let body = text.split("Example:").next().expect("split");
            for line in body.lines().skip(1) {
                assert!(line.chars().count() <= WIDTH + 20, "{line}");
            }
        }
        for command in MANUAL {
            assert!(overview().contains(command.name));
        }
    }
}
