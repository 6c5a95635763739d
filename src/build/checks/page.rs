//! The page docs/checks.md. A test holds the file equal to it.

use super::check::{Check, Exceptions, Level, Looks};
use super::table::{BUILT, ON_EXCEPTIONS, when};
use crate::lint::rules;

const HEAD: &str = "\
# Checks

<!-- Made from src/build/checks and src/build/lint/rules.rs; `cargo xtask lint --page > docs/checks.md` writes it. -->

Everything that was built is checked: a component's tree after its steps, before it is kept; and again when a package is
packed, together with the components that are linked into it, the scripts and the settings. A finding fails the component
or the package with exit code 5; all findings are listed, and the work folder is kept until the next run. A package that is
in the store is checked again when a check or an exception changed, which compiles nothing.

`cargo xtask lint` checks recipes, packages and images without building. It ends with 3 when there is an error;
warnings are shown only. `cargo xtask lint --explain ID` shows what this page says of one check.

## Exceptions

What is meant is declared in the recipe, or in `package.yaml` for what belongs to the package (its scripts, settings, licence
texts), always with a reason:

```yaml
exceptions:
  - check: no-pie
    path: bin/busybox
    reason: reads nothing from the network; position-independent code makes it 9 % larger
```

`path` is a file as findings name it: below `$PREFIX`, or for a package's own files `scripts/…` and `settings/…`. `*` stands for
any letters of one part, `**` for any number of parts. Without `path` it is every file. `arch: arm64` limits it to one architecture. An exception
that no finding needs is a finding itself. Exceptions are no input of the action key: a change of one compiles nothing.
";

/// The page.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n## What was built\n");
    BUILT.iter().chain(&ON_EXCEPTIONS).for_each(|check| page.push_str(&section(check)));
    page.push_str("\n## Recipes, packages and images\n");
    rules::ALL.iter().for_each(|check| page.push_str(&section(check)));
    page
}

fn section(check: &Check) -> String {
    let exception = match check.exceptions {
        Exceptions::Allowed => "possible".to_owned(),
        Exceptions::Never(why) => format!("none, as {why}"),
    };
    let level = match check.level {
        Level::Error => "error",
        Level::Warning => "warning",
    };
    let when = match check.looks {
        Looks::AtDefinitions => format!("A{} {level}.", if level == "error" { "n" } else { "" }),
        looks => format!("Looked for {}.", when(looks)),
    };
    format!(
        "\n### {}\n\n{}.\n\n{}\n\n**What to do:** {}\n\n{when} Exception: {exception}.\n",
        check.id,
        capital(check.title),
        check.why,
        check.mend
    )
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_as_the_table_says() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/checks.md");
        let written = std::fs::read_to_string(file).unwrap_or_default();
        assert!(written == page(), "docs/checks.md is out of date: cargo xtask lint --page > docs/checks.md");
    }
}
