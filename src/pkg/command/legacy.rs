//! The names of the legacy system: `package-install`, `package-remove`, `package-update`.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;

use super::World;

/// The legacy exit code of wrong usage.
const USAGE: u8 = 111;

/// A legacy name.
#[derive(Debug)]
pub(super) struct Legacy {
    name: &'static str,
    /// What it is of `pkg`.
    command: &'static str,
    /// What follows it.
    operands: &'static str,
}

const NAMES: [Legacy; 3] = [
    Legacy { name: "package-install", command: "install", operands: "<package-file>..." },
    Legacy { name: "package-update", command: "install", operands: "[-f] <package-file>..." },
    Legacy { name: "package-remove", command: "remove", operands: "<package-name>..." },
];

/// The legacy command of that name.
pub(super) fn find(name: &OsStr) -> Option<&'static Legacy> {
    NAMES.iter().find(|legacy| name == legacy.name)
}

impl Legacy {
    /// The arguments of `pkg` that its own ones mean.
    pub(super) fn translate(&self, args: Vec<OsString>) -> Vec<OsString> {
        let mut translated: Vec<OsString> = ["pkg", self.command, "--yes"].map(OsString::from).into();
        let mut operands = args.into_iter().skip(1).peekable();
        if self.name == "package-update"
            && operands.next_if(|word| word == "-f" || word == "--force").is_some()
        {
            translated.extend(["--downgrade", "--reinstall"].map(OsString::from));
        }
        translated.extend(operands);
        translated
    }

    /// Tells what is wrong with the arguments, in the legacy way; the exit code.
    pub(super) fn usage(&self, error: &clap::Error, world: &mut World<'_>) -> u8 {
        // That there is nothing to do is told by the usage alone. The rest of clap's words is about another name.
        if error.kind() != clap::error::ErrorKind::MissingRequiredArgument {
            let why = error.to_string();
            let why = why.lines().next().unwrap_or_default();
            let _ = writeln!(world.err, "Fatal: {}", why.trim_start_matches("error: "));
        }
        let _ = writeln!(world.err, "Usage: {} {}", self.name, self.operands);
        USAGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legacy_names_mean_the_new_ones() {
        for (legacy, new) in [
            ("package-install a.pkg b.pkg", "pkg install --yes a.pkg b.pkg"),
            ("package-update a.pkg", "pkg install --yes a.pkg"),
            ("package-update -f a.pkg", "pkg install --yes --downgrade --reinstall a.pkg"),
            ("package-remove nginx", "pkg remove --yes nginx"),
            ("package-remove", "pkg remove --yes"),
        ] {
            let args: Vec<OsString> = legacy.split_whitespace().map(OsString::from).collect();
            let found = find(&args[0]).expect("a legacy name").translate(args);
            assert_eq!(found.join(OsStr::new(" ")).to_str(), Some(new));
        }
        assert!(find(OsStr::new("pkg")).is_none());
    }
}
