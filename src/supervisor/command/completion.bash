# Completion for bash of the commands in /boot:  . /etc/bash_completion.d/medic-os
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
    supervisor-inspect) _medic_os_words "package" "--json --health -v --verbose --root -h --help" "--root" ;;
    supervisor-list) _medic_os_words "listed status nothing" "--json --root -h --help" "--root" ;;
    supervisor-start) _medic_os_words "package service" "--json --timeout --root -h --help" "--timeout --root" ;;
    supervisor-stop) _medic_os_words "package service" "--json --timeout --root -h --help" "--timeout --root" ;;
    supervisor-reread) _medic_os_words "nothing" "--json --root -h --help" "--root" ;;
    svc-up | svc-start) _medic_os_words "package service" "-f --force --json --timeout --root -h --help" "--timeout --root" ;;
    svc-down | svc-stop) _medic_os_words "package service" "--json --timeout --root -h --help" "--timeout --root" ;;
    svc-restart) _medic_os_words "package service" "--json --timeout --root -h --help" "--timeout --root" ;;
    svc-reload) _medic_os_words "package service" "--json --timeout --root -h --help" "--timeout --root" ;;
    svc-disable) _medic_os_words "package service" "--json --timeout --root -h --help" "--timeout --root" ;;
    svc-enable) _medic_os_words "package service" "--json --timeout --root -h --help" "--timeout --root" ;;
    svc-wait) _medic_os_words "package service" "--ready --down --timeout --json --root -h --help" "--timeout --root" ;;
    svc-log) _medic_os_words "package service" "-f --follow -n --lines --since --json --root -h --help" "-n --lines --since --root" ;;
    svc-stats) _medic_os_words "package" "--json --root -h --help" "--root" ;;
    init) _medic_os_words "command nothing" "--stop-timeout --root -h --help" "--stop-timeout --root" ;;
    esac
}
complete -F _medic_os supervisor-inspect supervisor-list supervisor-start supervisor-stop supervisor-reread svc-up svc-start svc-down svc-stop svc-restart svc-reload svc-disable svc-enable svc-wait svc-log svc-stats init
