//! The names of the legacy system: `package-install`, `package-remove`, `package-update`.

use std::ffi::{OsStr, OsString};

/// The legacy exit code of wrong usage.
pub(super) const USAGE: u8 = 111;

/// The arguments of `pkg` that a legacy command line means; any other is given back as it is. `Err`: what to say about a
/// wrong one.
pub(super) fn translate(name: &OsStr, args: Vec<OsString>) -> Result<Vec<OsString>, String> {
    let (words, operand): (&[&str], &str) = match name.to_str() {
        Some("package-install") => (&["install", "--yes"], "<package-file>..."),
        Some("package-update") => (&["install", "--yes"], "[-f] <package-file>..."),
        Some("package-remove") => (&["remove", "--yes"], "<package-name>..."),
        _ => return Ok(args),
    };
    let name = name.to_string_lossy();
    let mut translated = vec![OsString::from("pkg")];
    translated.extend(words.iter().map(OsString::from));
    let mut operands = args.into_iter().skip(1).peekable();
    if name == "package-update" && operands.next_if(|word| word == "-f" || word == "--force").is_some() {
        translated.extend(["--downgrade", "--reinstall"].map(OsString::from));
    }
    if operands.peek().is_none() {
        return Err(format!("Usage: {name} {operand}"));
    }
    translated.extend(operands);
    Ok(translated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<String, String> {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let name = args[0].clone();
        translate(&name, args).map(|args| args.join(OsStr::new(" ")).to_string_lossy().into_owned())
    }

    #[test]
    fn legacy_names_mean_the_new_ones() {
        for (legacy, new) in [
            ("package-install a.pkg b.pkg", "pkg install --yes a.pkg b.pkg"),
            ("package-update a.pkg", "pkg install --yes a.pkg"),
            ("package-update -f a.pkg", "pkg install --yes --downgrade --reinstall a.pkg"),
            ("package-remove nginx", "pkg remove --yes nginx"),
            ("pkg list", "pkg list"),
        ] {
            assert_eq!(words(legacy).as_deref(), Ok(new));
        }
        assert_eq!(words("package-remove"), Err("Usage: package-remove <package-name>...".to_owned()));
        assert_eq!(
            words("package-update -f"),
            Err("Usage: package-update [-f] <package-file>...".to_owned())
        );
    }
}
