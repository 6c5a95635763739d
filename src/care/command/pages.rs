//! The page `docs/commands/medic-core.md`, made from the command line's own types.

use std::path::Path;

use clap::{Command, CommandFactory as _};

use super::MedicCore;

/// The page: what `--help` says of the program and of each command.
fn page() -> String {
    let mut program = MedicCore::command();
    program.build();
    let about = |command: &Command| command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut text = format!("# medic-core\n\n{}.\n\n{}", about(&program), help(&program));
    for command in program.get_subcommands() {
        text.push_str(&format!("\n## medic-core {}\n\n{}", command.get_name(), help(command)));
    }
    text + "\n<!-- Made from src/care/command.rs: edit that. -->\n"
}

fn help(command: &Command) -> String {
    let help = command.clone().render_long_help().to_string();
    let lines: String = help.trim().lines().map(|line| format!("{}\n", line.trim_end())).collect();
    format!("```text\n{lines}```\n")
}

/// With `MEDIC_OS_BLESS` set the page is written; without, it must be what the commands say.
#[test]
fn the_page_says_what_the_commands_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands/medic-core.md");
    if std::env::var_os("MEDIC_OS_BLESS").is_some() {
        std::fs::write(&path, page()).expect("written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, page(), "{}: run the tests of medic-care with MEDIC_OS_BLESS=1", path.display());
}

/// Every exit code that an error has is in the help and in the table of all of them.
#[test]
fn exit_codes_are_told() {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/exit-codes.md");
    let table = std::fs::read_to_string(table).expect("it is there");
    let (_, table) = table.split_once("## `medic-core`").expect("a section");
    for code in [0, 2, 3, 4, 5, 6, 7] {
        assert!(table.contains(&format!("\n| {code} |")), "docs/exit-codes.md: {code}");
        assert!(super::EXIT_CODES.contains(&format!("\n  {code}   ")), "--help: {code}");
    }
}
