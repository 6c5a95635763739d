//! Completion for bash, made from [`super::manual`]: packages and services are those whose scripts are there, so nothing is started
//! to complete a name.

use super::manual::{Command, MANUAL, Option_, Verb};

/// What comes before the table of commands.
const HEAD: &str = r#"# Completion for bash of the commands in /boot:  . /etc/bash_completion.d/medic-os
# Made from src/supervisor/command/manual.rs: edit that.
# shellcheck shell=bash

# Packages with services.
_medic_os_packages() {
    local path
    for path in "$1"/srv/scripts/*/run; do
        [ -d "$path" ] && path=${path%/run} && printf '%s\n' "${path##*/}"
    done
}

# The services of a package.
_medic_os_services() {
    local path
    for path in "$1/srv/scripts/$2/run"/*; do
        [ -e "$path" ] && printf '%s\n' "${path##*/}"
    done
}

# _medic_os_words KINDS OPTIONS WITH_VALUE: what can stand where the cursor is. KINDS are what words are, the last one also
# of all that follow: package, service, listed (a package, or all), status, command or nothing.
_medic_os_words() {
    local kinds=($1) word=${COMP_WORDS[COMP_CWORD]} root= package= count=0 index=1 before kind words=
    while [ "$index" -lt "$COMP_CWORD" ]; do
        before=${COMP_WORDS[index]}
        if [[ " $3 " == *" $before "* ]]; then
            # bash splits --root=DIR into three words.
            [ "${COMP_WORDS[index + 1]-}" = = ] && index=$((index + 1))
            index=$((index + 1))
            [ "$before" = --root ] && root=${COMP_WORDS[index]-}
            if [ "$index" -ge "$COMP_CWORD" ]; then
                [ "$before" = --root ] && mapfile -t COMPREPLY < <(compgen -d -- "${word#=}")
                return
            fi
        elif [[ $before != -* ]]; then
            [ "$count" = 0 ] && package=$before
            count=$((count + 1))
        fi
        index=$((index + 1))
    done
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$2" -- "$word")
        return
    fi
    kind=${kinds[count < ${#kinds[@]} ? count : ${#kinds[@]} - 1]}
    case $kind in
    package) words=$(_medic_os_packages "$root") ;;
    service) words=$(_medic_os_services "$root" "$package") ;;
    listed) words="all $(_medic_os_packages "$root")" ;;
    status) words="watched expected unexpected enabled disabled running ready restarting down failed" ;;
    command) mapfile -t COMPREPLY < <(compgen -c -- "$word") && return ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

_medic_os() {
    case ${1##*/} in
"#;

/// What comes after it.
const TAIL: &str = "    esac\n}\n";

/// The script.
pub fn bash() -> String {
    let mut text = HEAD.to_owned();
    for command in MANUAL {
        let names = [&[command.name], command.links].concat();
        let options = |wanted: fn(&Option_) -> bool| {
            let options = command.options.iter().filter(|option| wanted(option));
            options.flat_map(|option| option.names()).copied().collect::<Vec<_>>().join(" ")
        };
        text.push_str(&format!(
            "    {}) _medic_os_words \"{}\" \"{}\" \"{}\" ;;\n",
            names.join(" | "),
            words(command),
            options(|_| true),
            options(|option| option.takes_value()),
        ));
    }
    text.push_str(TAIL);
    let names = MANUAL.iter().flat_map(|command| [&[command.name], command.links].concat());
    text.push_str(&format!("complete -F _medic_os {}\n", names.collect::<Vec<_>>().join(" ")));
    text
}

/// What the words of a command are, first to last.
fn words(command: &Command) -> &'static str {
    match command.verb {
        Verb::Init => "command nothing",
        Verb::Reread => "nothing",
        Verb::Inspect | Verb::Stats => "package",
        Verb::List => "listed status nothing",
        Verb::Log | Verb::Wait | Verb::Act(_) => "package service",
    }
}

/// The script's place in the sources, below this crate's folder; the recipe installs it.
const FILE: &str = "command/completion.bash";

#[test]
fn the_script_says_what_the_manual_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("MEDIC_OS_BLESS").is_some() {
        std::fs::write(&path, bash()).expect("written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, bash(), "{}: run the tests of medic-supervisor with MEDIC_OS_BLESS=1", path.display());
}
