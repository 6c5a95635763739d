//! The few lines of shell that stand between the builder and the sandbox's program: what must be set in the process
//! itself before it becomes another program.

use std::ffi::OsString;
use std::path::PathBuf;

/// `$1`: the umask. `$2`: kilobytes of data a process may have. `$3`: how many of the next arguments are files that `0` (the process itself) is
/// written to (control groups). Then the program.
const ENTER: &str = r#"
umask "$1"
ulimit -c 0
ulimit -d "$2" 2>/dev/null || :
groups=$3
shift 3
while [ "$groups" -gt 0 ]; do
  echo 0 > "$1" || exit 125
  shift
  groups=$((groups - 1))
done
exec "$@"
"#;

/// The arguments of `/bin/sh` that set a umask, forbid core dumps, limit data to `memory` bytes a process, enter the control
/// groups, and become `program`.
pub fn enter(umask: u32, memory: u64, groups: &[PathBuf], program: Vec<OsString>) -> Vec<OsString> {
    let fixed = ["-c", ENTER, "sandbox"].map(OsString::from);
    let numbers =
        [format!("{umask:03o}"), (memory >> 10).to_string(), groups.len().to_string()].map(OsString::from);
    let groups = groups.iter().map(|group| group.clone().into_os_string());
    fixed.into_iter().chain(numbers).chain(groups).chain(program).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_process_is_set_up_and_becomes_the_program() {
        let folder = tempfile::tempdir().expect("a folder");
        let groups = [folder.path().join("one group"), folder.path().join("two")];
        let report = "umask; ulimit -c; ulimit -d; echo \"$1\"";
        let program = ["/bin/sh", "-c", report, "x", "a b"].map(OsString::from).to_vec();
        let output =
            Command::new("/bin/sh").args(enter(0o027, 1 << 30, &groups, program)).output().expect("runs");
        let text = String::from_utf8(output.stdout).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines[1], lines[2], lines[3]), ("0027", "0", "1048576", "a b"));
        for group in groups {
            assert_eq!(fs_err::read_to_string(group).expect("written").trim(), "0");
        }
    }
}
