# Completion for bash of medic-core.
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
    "") echo "backup restore verify -h --help -V --version" ;;
    "backup") echo "--database --url --user --password-file --json -h --help" ;;
    "restore") echo "--database --url --user --password-file --merge --room --json -h --help" ;;
    "verify") echo "--room --json -h --help" ;;
    esac
}
complete -F _medic_os_core medic-core
