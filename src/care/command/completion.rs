//! Completion for bash, made from the command line's own types.

use clap::{Arg, Command, CommandFactory as _};

use super::MedicCore;

/// What comes before the table of commands.
const HEAD: &str = r#"# Completion for bash of medic-core.
# Made from src/care/command.rs: edit that, or src/care/command/completion.rs.
# shellcheck shell=bash

_medic_os_core() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} options=''
    # bash splits --room=FOLDER into three words.
    [ "$before" = = ] && before=${COMP_WORDS[COMP_CWORD - 2]}
    [ "$word" = = ] && word=''
    case $before in
    --room | --password-file)
        compopt -o filenames 2> /dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --database | --url | --user) return ;;
    esac
    if [ "$COMP_CWORD" = 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_medic_os_core_options "")" -- "$word")
        return
    fi
    options=$(_medic_os_core_options "${COMP_WORDS[1]}")
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
    elif [ -n "$options" ]; then
        compopt -o filenames 2> /dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
    fi
}

# What can stand behind a command, or in its place.
_medic_os_core_options() {
    case $1 in
"#;

/// What comes after it.
const TAIL: &str = r#"    esac
}
complete -F _medic_os_core medic-core
"#;

/// The script.
fn bash() -> String {
    let mut program = MedicCore::command();
    program.build();
    let commands: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
    let mut text = HEAD.to_owned();
    text.push_str(&row("", &format!("{} {}", commands.join(" "), options(&program))));
    for command in program.get_subcommands() {
        text.push_str(&row(command.get_name(), &options(command)));
    }
    text + TAIL
}

fn row(command: &str, words: &str) -> String {
    format!("    \"{command}\") echo \"{words}\" ;;\n")
}

fn options(command: &Command) -> String {
    let names = |arg: &Arg| {
        let short = arg.get_short().map(|letter| format!("-{letter}"));
        short.into_iter().chain(arg.get_long().map(|name| format!("--{name}"))).collect::<Vec<_>>()
    };
    let options = command.get_arguments().filter(|arg| !arg.is_positional());
    options.flat_map(names).collect::<Vec<_>>().join(" ")
}

/// The script's place in the sources, below this crate's folder; the recipe installs it.
const FILE: &str = "command/completion.bash";

#[test]
fn the_script_says_what_the_commands_say() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("MEDIC_OS_BLESS").is_some() {
        std::fs::write(&path, bash()).expect("written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, bash(), "{}: run the tests of medic-care with MEDIC_OS_BLESS=1", path.display());
}

/// Each option that takes a value is one of those that the script knows.
#[test]
fn the_script_knows_what_takes_a_value() {
    let mut program = MedicCore::command();
    program.build();
    for arg in program.get_subcommands().flat_map(Command::get_arguments) {
        let Some(name) = arg.get_long().filter(|_| arg.get_action().takes_values()) else { continue };
        assert!(HEAD.contains(&format!("--{name} |")) || HEAD.contains(&format!("--{name})")), "{name}");
    }
}
