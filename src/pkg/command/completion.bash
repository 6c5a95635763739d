# Completion for bash of pkg, its legacy names and certificate.
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
    "pkg") commands="install upgrade remove use rollback sync list search info files owns verify history diff-settings hold unhold gc doctor repo key update" kinds="command nothing" options="--root --json --no-wait -h --help -V --version" valued="--root" ;;
    "pkg install") kinds="archive" options="--downgrade --reinstall --dry-run -y --yes --script-timeout --ready-timeout --no-auto-rollback --data-restored --root --json --no-wait -h --help" valued="--script-timeout --ready-timeout --root" ;;
    "pkg upgrade") kinds="package" options="--dry-run -y --yes --script-timeout --ready-timeout --no-auto-rollback --data-restored --root --json --no-wait -h --help" valued="--script-timeout --ready-timeout --root" ;;
    "pkg remove") kinds="package" options="--purge --force --dry-run -y --yes --script-timeout --ready-timeout --no-auto-rollback --data-restored --root --json --no-wait -h --help" valued="--script-timeout --ready-timeout --root" ;;
    "pkg use") kinds="package version nothing" options="--dry-run -y --yes --script-timeout --ready-timeout --no-auto-rollback --data-restored --root --json --no-wait -h --help" valued="--script-timeout --ready-timeout --root" ;;
    "pkg rollback") kinds="package nothing" options="--dry-run -y --yes --script-timeout --ready-timeout --no-auto-rollback --data-restored --root --json --no-wait -h --help" valued="--script-timeout --ready-timeout --root" ;;
    "pkg sync") kinds="nothing" options="--dry-run -y --yes --script-timeout --ready-timeout --no-auto-rollback --data-restored --root --json --no-wait -h --help" valued="--script-timeout --ready-timeout --root" ;;
    "pkg list") kinds="nothing" options="--available --outdated --root --json --no-wait -h --help" valued="--root" ;;
    "pkg search") kinds="nothing nothing" options="--root --json --no-wait -h --help" valued="--root" ;;
    "pkg info") kinds="package nothing" options="--root --json --no-wait -h --help" valued="--root" ;;
    "pkg files") kinds="package nothing" options="--root --json --no-wait -h --help" valued="--root" ;;
    "pkg owns") kinds="file nothing" options="--root --json --no-wait -h --help" valued="--root" ;;
    "pkg verify") kinds="package" options="--repair --dry-run -y --yes --script-timeout --ready-timeout --no-auto-rollback --data-restored --root --json --no-wait -h --help" valued="--script-timeout --ready-timeout --root" ;;
    "pkg history") kinds="nothing" options="--root --json --no-wait -h --help" valued="--root" ;;
    "pkg diff-settings") kinds="package" options="--root --json --no-wait -h --help" valued="--root" ;;
    "pkg hold") kinds="package" options="--dry-run --root --json --no-wait -h --help" valued="--root" ;;
    "pkg unhold") kinds="held" options="--dry-run --root --json --no-wait -h --help" valued="--root" ;;
    "pkg gc") kinds="nothing" options="--dry-run -y --yes --script-timeout --ready-timeout --no-auto-rollback --data-restored --root --json --no-wait -h --help" valued="--script-timeout --ready-timeout --root" ;;
    "pkg doctor") kinds="nothing" options="--root --json --no-wait -h --help" valued="--root" ;;
    "pkg repo") commands="add remove list" kinds="command nothing" options="--root --json --no-wait -h --help" valued="--root" ;;
    "pkg repo add") kinds="nothing file nothing" options="--dry-run --root --json --no-wait -h --help" valued="--root" ;;
    "pkg repo remove") kinds="repository nothing" options="--dry-run --root --json --no-wait -h --help" valued="--root" ;;
    "pkg repo list") kinds="nothing" options="--root --json --no-wait -h --help" valued="--root" ;;
    "pkg key") commands="add remove list" kinds="command nothing" options="--root --json --no-wait -h --help" valued="--root" ;;
    "pkg key add") kinds="file nothing" options="--dry-run --root --json --no-wait -h --help" valued="--root" ;;
    "pkg key remove") kinds="key nothing" options="--dry-run --root --json --no-wait -h --help" valued="--root" ;;
    "pkg key list") kinds="nothing" options="--root --json --no-wait -h --help" valued="--root" ;;
    "pkg update") kinds="nothing" options="--dry-run --root --json --no-wait -h --help" valued="--root" ;;
    "certificate") commands="self-signed show" kinds="command nothing" options="-h --help -V --version" ;;
    "certificate self-signed") kinds="nothing" options="--out-cert --out-key --name --days --force -h --help" valued="--out-cert --out-key --name --days" ;;
    "certificate show") kinds="file nothing" options="--json -h --help" ;;
    esac
}
complete -F _medic_os_pkg pkg package-install package-remove package-update certificate
