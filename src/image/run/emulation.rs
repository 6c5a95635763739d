//! Whether this machine can run programs of another processor: by an emulator that its kernel knows.
//!
//! <https://docs.kernel.org/admin-guide/binfmt-misc.html>

use std::fs;
use std::path::Path;

use medic_model::Arch;

use super::RunError;

/// Where the kernel shows its emulators.
const REGISTERED: &str = "/proc/sys/fs/binfmt_misc";
/// What every ELF file begins with, in hexadecimal.
const ELF: &str = "7f454c46";
/// The hexadecimal digits of `e_machine` (`elf(5)`), two bytes at offset 18.
const MACHINE: std::ops::Range<usize> = 36..40;

/// That programs for `arch` run on this machine.
///
/// # Errors
/// [`RunError::Arch`], which says what is missing.
pub fn check(arch: Arch) -> Result<(), RunError> {
    let own = Arch::host() == Some(arch);
    if own || emulators(Path::new(REGISTERED)).iter().any(|text| emulates(text, arch)) {
        return Ok(());
    }
    Err(RunError::Arch(arch))
}

fn emulators(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect()
}

/// Whether an entry is that of an emulator for `arch`, which must be open already (flag F): it is not in the image.
fn emulates(entry: &str, arch: Arch) -> bool {
    let machine = match arch {
        Arch::X64 => "3e00",
        Arch::Arm64 => "b700",
    };
    let value = |key: &str| entry.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let magic = value("magic").unwrap_or_default();
    entry.starts_with("enabled")
        && value("flags:").is_some_and(|flags| flags.contains('F'))
        && value("offset") == Some("0")
        && magic.starts_with(ELF)
        && magic.get(MACHINE) == Some(machine)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "enabled
interpreter /usr/bin/qemu-aarch64-static
flags: OCF
offset 0
magic 7f454c460201010000000000000000000200b700
mask ffffffffffffff00fffffffffffffffffeffffff
";

    #[test]
    fn an_emulator_is_known_by_what_the_kernel_says_of_it() {
        assert!(emulates(ENTRY, Arch::Arm64));
        assert!(!emulates(ENTRY, Arch::X64));
        for (from, to) in [
            ("enabled", "disabled"),
            ("OCF", "OC"),
            ("offset 0", "offset 4"),
            ("b700", "b600"),
            ("7f454c46", "cafebabe"),
        ] {
            assert!(!emulates(&ENTRY.replacen(from, to, 1), Arch::Arm64), "{to} was taken");
        }
        assert!(!emulates("", Arch::Arm64));
    }

    #[test]
    fn this_machine_runs_its_own_programs() {
        let own = Arch::host().expect("one of ours");
        assert!(check(own).is_ok());
        assert!(emulators(Path::new("/nonexistent")).is_empty());
    }
}
