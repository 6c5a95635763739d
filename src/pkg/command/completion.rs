//! Completion for bash, made from the command line's own types. Names are those of files below `/srv`, so nothing is started to complete
//! one.

use clap::{Arg, Command, CommandFactory as _};

use super::args::Pkg;

/// What comes before the table of commands.
const HEAD: &str = r#"# Completion for bash of pkg, its legacy names and certificate.
# Made from src/pkg/command/args.rs: edit that, or src/pkg/command/completion.rs.
# shellcheck shell=bash

# The names of files, without what comes before and after: _medic_os_pkg_names BEFORE AFTER.
_medic_os_pkg_names() {
    local path
    for path in "$1"*"$2"; do
        [ -e "$path" ] && path=${path#"$1"} && printf '%s\n' "${path%"$2"}"
    done
}

# What can stand where the cursor is. The table says of a command what its commands are, of which kind its words (the last one
# also of all that follow), what options there are, and which of these take a value.
_medic_os_pkg() {
    local word=${COMP_WORDS[COMP_CWORD]} path=${1##*/} root='' package='' count=0 index=1 before words='' files=''
    local commands kinds options valued list
    case $path in
    package-install | package-update) path="pkg install" ;;
    package-remove) path="pkg remove" ;;
    esac
    _medic_os_pkg_table "$path"
    while [ "$index" -lt "$COMP_CWORD" ]; do
        before=${COMP_WORDS[index]}
        if [[ " $valued " == *" $before "* ]]; then
            # bash splits --root=DIR into three words.
            [ "${COMP_WORDS[index + 1]-}" = = ] && index=$((index + 1))
            index=$((index + 1))
            [ "$before" = --root ] && root=${COMP_WORDS[index]-}
            if [ "$index" -ge "$COMP_CWORD" ]; then
                case $before in
                --root) mapfile -t COMPREPLY < <(compgen -d -- "${word#=}") ;;
                --out-cert | --out-key) mapfile -t COMPREPLY < <(compgen -f -- "${word#=}") ;;
                esac
                return
            fi
        elif [[ $before != -* && " $commands " == *" $before "* ]]; then
            path="$path $before"
            _medic_os_pkg_table "$path"
        elif [[ $before != -* ]]; then
            [ "$count" = 0 ] && package=$before
            count=$((count + 1))
        fi
        index=$((index + 1))
    done
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
        return
    fi
    read -ra list <<< "$kinds"
    case ${list[count < ${#list[@]} ? count : ${#list[@]} - 1]} in
    command) words=$commands ;;
    package) words=$(_medic_os_pkg_names "$root/srv/system/receipts/" .json) ;;
    held) words=$(_medic_os_pkg_names "$root/srv/system/holds/" "") ;;
    version) words=$(_medic_os_pkg_names "$root/srv/software/$package/v" "") ;;
    repository) words=$(_medic_os_pkg_names "$root/srv/settings/medic-os/repositories/" "") ;;
    key) words=$(_medic_os_pkg_names "$root/srv/settings/medic-os/keys/" .pub) ;;
    file) files=yes ;;
    archive) files=yes words=$(_medic_os_pkg_names "$root/srv/system/receipts/" .json) ;;
    esac
    # A folder gets its slash, a space in a name its backslash; a name of ours is no file.
    [ -n "$files" ] && compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(
        compgen -W "$words" -- "$word"
        [ -n "$files" ] && compgen -f -- "$word"
    )
}

_medic_os_pkg_table() {
    commands='' kinds=nothing options='' valued=''
    case $1 in
"#;

/// What comes after it.
const TAIL: &str = r#"    esac
}
complete -F _medic_os_pkg pkg package-install package-remove package-update certificate
"#;

/// The script.
fn bash() -> String {
    let mut text = HEAD.to_owned();
    for mut command in [Pkg::command(), crate::certificate::command_line()] {
        command.build();
        add(&command, &mut text);
    }
    text + TAIL
}

fn add(command: &Command, text: &mut String) {
    let path = command.get_bin_name().unwrap_or(command.get_name());
    let names = |arg: &Arg| {
        let short = arg.get_short().map(|letter| format!("-{letter}"));
        short.into_iter().chain(arg.get_long().map(|name| format!("--{name}"))).collect::<Vec<_>>()
    };
    let options = |wanted: fn(&Arg) -> bool| {
        let options = command.get_arguments().filter(|arg| !arg.is_positional() && wanted(arg));
        options.flat_map(names).collect::<Vec<_>>().join(" ")
    };
    let commands: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    let mut kinds: Vec<&str> = command.get_positionals().map(|arg| kind(path, arg)).collect();
    if !commands.is_empty() {
        kinds.push("command");
    }
    let repeats = |arg: &Arg| arg.get_num_args().is_some_and(|count| count.max_values() > 1);
    if !command.get_positionals().any(repeats) {
        kinds.push("nothing");
    }
    let row = [
        ("commands", commands.join(" ")),
        ("kinds", kinds.join(" ")),
        ("options", options(|_| true)),
        ("valued", options(|arg| arg.get_action().takes_values())),
    ];
    let row = row.iter().filter(|(_, words)| !words.is_empty());
    let row: String = row.map(|(name, words)| format!("{name}=\"{words}\" ")).collect();
    text.push_str(&format!("    \"{path}\") {row};;\n"));
    for inner in command.get_subcommands() {
        add(inner, text);
    }
}

/// What a word of a command is.
fn kind(path: &str, arg: &Arg) -> &'static str {
    match (path, arg.get_id().as_str()) {
        ("pkg install", "packages") => "archive",
        ("pkg unhold", "packages") => "held",
        (_, "packages" | "package") => "package",
        ("pkg use", "version") => "version",
        ("pkg repo remove", "name") => "repository",
        ("pkg key remove", "number") => "key",
        ("pkg owns", "path") | ("pkg repo add", "location") | ("pkg key add", "key") | (_, "file") => "file",
        ("pkg repo add", "name") | ("pkg search", "word") => "nothing",
        (path, id) => panic!("what is '{id}' of '{path}'?"),
    }
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
    assert_eq!(found, bash(), "{}: run the tests of medic-pkg with MEDIC_OS_BLESS=1", path.display());
}
