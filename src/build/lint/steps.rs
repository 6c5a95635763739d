//! The rules for what steps say.

use std::collections::BTreeSet;

use medic_model::ComponentName;
use medic_model::recipe::Recipe;

use super::remark::Remark;
use super::rules;
use super::shell::{Word, words};
use super::syntax::Text;
use super::workspace::{Defined, Workspace};
use crate::checks::Check;

/// A shell text of a recipe, and where it stands.
struct Step<'a> {
    run: &'a str,
    /// The line of the document in which its first line stands.
    line: usize,
}

/// The steps and the test, each with its place.
fn of(recipe: &Defined<Recipe>) -> Vec<Step<'_>> {
    let mut from = recipe.document.key("steps").0;
    let mut steps = Vec::new();
    for run in recipe.value.steps.iter().map(|step| step.run.as_str()) {
        let line = recipe.document.shell_text(run, from).unwrap_or(from);
        steps.push(Step { run, line });
        from = line;
    }
    if let Some(run) = &recipe.value.test {
        let from = recipe.document.key("test").0;
        steps.push(Step { run, line: recipe.document.shell_text(run, from).unwrap_or(from) });
    }
    steps
}

/// The shell texts, for whoever reads them as a shell does.
pub fn texts(recipe: &Defined<Recipe>) -> Vec<Text> {
    let text = |step: Step<'_>| Text {
        file: recipe.document.file.clone(),
        line: step.line,
        column: recipe.document.column(step.line),
        text: step.run.to_owned(),
    };
    of(recipe).into_iter().map(text).collect()
}

/// Looks at the steps of a recipe.
pub fn steps(workspace: &Workspace, recipe: &Defined<Recipe>) -> Vec<Remark> {
    let needed = closure(workspace, &recipe.value);
    let mut remarks = Vec::new();
    for step in of(recipe) {
        let words = words(step.run);
        let mut found = |rule: &'static Check, word: &Word, message: String| {
            let line = step.line + word.line - 1;
            remarks.push(recipe.remark(rule, (line, recipe.document.column(line)), message));
        };
        for (index, word) in words.iter().enumerate() {
            let arguments = || words.iter().skip(index + 1).take_while(|next| next.command == word.command);
            if word.is_command {
                of_command(word, &arguments().collect::<Vec<_>>(), &mut found);
            }
            of_word(word, &needed, &mut found);
        }
        if let Some(cd) = last_command(&words).filter(|word| word.text == "cd") {
            found(&rules::CD_WITHOUT_EFFECT, cd, "the step ends after this 'cd'".to_owned());
        }
    }
    remarks
}

fn of_command(command: &Word, arguments: &[&Word], found: &mut impl FnMut(&'static Check, &Word, String)) {
    let name = command.text.rsplit('/').next().unwrap_or_default();
    let first = arguments.first().map_or("", |word| word.text.as_str());
    let fetches = match name {
        "curl" | "wget" | "ftp" | "scp" | "rsync" => true,
        "git" => matches!(first, "clone" | "fetch" | "pull" | "submodule"),
        "pip" | "pip3" | "npm" | "yarn" | "gem" => matches!(first, "install" | "download" | "ci"),
        "go" => matches!(first, "get" | "install"),
        "cargo" => matches!(first, "install" | "fetch" | "update"),
        "apt" | "apt-get" | "apk" => true,
        _ => false,
    };
    if fetches {
        found(
            &rules::STEP_NETWORK,
            command,
            format!("'{}' wants a network", [name, first].join(" ").trim_end()),
        );
    }
    if matches!(name, "sudo" | "su" | "doas" | "chroot" | "mount") {
        found(&rules::STEP_PRIVILEGE, command, format!("'{name}' needs another user's rights"));
    }
    if matches!(name, "make" | "ninja" | "cargo" | "cmake" | "xargs") {
        let mut previous = "";
        for word in arguments {
            let text = word.text.as_str();
            let number = text
                .strip_prefix("-j")
                .or_else(|| text.strip_prefix("--jobs="))
                .or_else(|| matches!(previous, "-j" | "--jobs" | "-P").then_some(text));
            let fixed = number.is_some_and(|number| {
                number.starts_with(|c: char| c.is_ascii_digit()) && number != "1" || number.contains("nproc")
            });
            if fixed {
                found(
                    &rules::FIXED_JOBS,
                    word,
                    format!("'{name}' is given a number of jobs that is not $JOBS"),
                );
            }
            previous = text;
        }
    }
}

/// Paths that a step knows by a variable, with that variable.
const PLACES: [(&str, &str); 5] = [
    ("/usr/local", "nothing can be written there: install into $DESTDIR$PREFIX"),
    ("/build/out", "use $DESTDIR"),
    ("/srv/software/", "use $PREFIX, and $SYSROOT/<component> for another one's"),
    ("/home/", "a home folder is not there while building"),
    ("/root/", "a home folder is not there while building"),
];

fn of_word(
    word: &Word,
    needed: &BTreeSet<ComponentName>,
    found: &mut impl FnMut(&'static Check, &Word, String),
) {
    let text = word.text.as_str();
    for (path, message) in PLACES {
        let begins = text.match_indices(path).any(|(at, _)| {
            !text
                .get(..at)
                .and_then(|before| before.chars().next_back())
                .is_some_and(|c| c.is_alphanumeric() || "}_.-".contains(c))
        });
        if begins {
            found(&rules::STEP_PATH, word, format!("'{path}' is named: {message}"));
        }
    }
    for before in ["/sysroot/", "$SYSROOT/", "${SYSROOT}/", "$SYSROOT\"/"] {
        for (at, _) in text.match_indices(before) {
            let rest = text.get(at + before.len()..).unwrap_or_default();
            let end =
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || "._+-".contains(c))).unwrap_or(rest.len());
            if let Ok(name) = rest.get(..end).unwrap_or_default().parse::<ComponentName>()
                && !needed.contains(&name)
            {
                found(
                    &rules::UNDECLARED_NEED,
                    word,
                    format!("'{name}' is used, and 'needs' does not name it"),
                );
            }
        }
    }
    let unquoted =
        ["$DESTDIR", "${DESTDIR}", "$PREFIX", "${PREFIX}"].into_iter().find(|name| word.bare.contains(name));
    // A value that is assigned is never split.
    let assigned = text
        .split_once('=')
        .is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    if let Some(name) = unquoted.filter(|_| !assigned) {
        found(&rules::UNQUOTED, word, format!("{name} is in no quotes"));
    }
}

/// The command that a step ends with.
fn last_command(words: &[Word]) -> Option<&Word> {
    let last = words.iter().map(|word| word.command).max()?;
    words.iter().find(|word| word.command == last && word.is_command)
}

fn closure(workspace: &Workspace, recipe: &Recipe) -> BTreeSet<ComponentName> {
    let mut needed = BTreeSet::new();
    let mut open: Vec<&ComponentName> = recipe.needs.iter().collect();
    while let Some(need) = open.pop() {
        if needed.insert(need.clone()) {
            open.extend(workspace.known.get(need).iter().flat_map(|recipe| &recipe.needs));
        }
    }
    needed
}
