//! Why a component would be built again: the inputs of its action key, against those of its last result. Pure.

use serde::Serialize;

use crate::key::{FileInput, KeyInputs, SourceInput};

/// An input that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The input, as a packager calls it: `build root`, `need zlib`, `step compile, line 3`.
    pub input: String,
    /// What it was at the last build; nothing when it is new.
    pub old: Option<String>,
    /// What it is now; nothing when it is gone.
    pub new: Option<String>,
}

/// What differs between two sets of inputs, in the order in which a key lists them. Empty exactly when the keys are equal.
pub fn changes(old: &KeyInputs, new: &KeyInputs) -> Vec<Change> {
    let (old, new) = (named(old), named(new));
    let mut names: Vec<&String> = new.iter().chain(&old).map(|(name, _)| name).collect();
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    names.into_iter().filter_map(|name| change(name, find(&old, name), find(&new, name))).collect()
}

type Named = Vec<(String, String)>;

fn find<'a>(inputs: &'a Named, name: &str) -> Option<&'a str> {
    inputs.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

fn change(name: &str, old: Option<&str>, new: Option<&str>) -> Option<Change> {
    if old == new {
        return None;
    }
    if let (Some(old), Some(new)) = (old, new)
        && old.lines().count().max(new.lines().count()) > 1
    {
        return Some(first_line(name, old, new));
    }
    Some(Change { input: name.to_owned(), old: old.map(str::to_owned), new: new.map(str::to_owned) })
}

/// Of a longer text, the first line that differs. Texts that differ do so in one of their lines: these are all that is
/// between line feeds.
fn first_line(name: &str, old: &str, new: &str) -> Change {
    // A line that was added at the end had nothing before it, not an empty line.
    let both = (old.strip_suffix('\n'), new.strip_suffix('\n'));
    let (old, new) = if let (Some(old), Some(new)) = both { (old, new) } else { (old, new) };
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let shown = |lines: &[&str]| lines.get(same).map(|line| (*line).to_owned());
    Change { input: format!("{name}, line {}", same + 1), old: shown(&old), new: shown(&new) }
}

/// Every input by its name, in the order of [`KeyInputs`].
fn named(inputs: &KeyInputs) -> Named {
    let KeyInputs {
        builder,
        component,
        version,
        arch,
        toolchain,
        root,
        sources,
        patches,
        files,
        needs,
        environment,
        steps,
        test,
        licence_files,
    } = inputs;
    let mut all = vec![
        ("builder's format".to_owned(), builder.to_string()),
        ("component".to_owned(), component.to_string()),
        ("version".to_owned(), version.to_string()),
        ("architecture".to_owned(), arch.to_string()),
        ("toolchain".to_owned(), toolchain.to_string()),
        ("build root".to_owned(), root.to_string()),
    ];
    all.extend(
        sources.iter().enumerate().map(|(index, input)| (format!("source {}", index + 1), source(input))),
    );
    all.extend(patches.iter().map(|patch| (format!("patch {}", patch.path), file(patch))));
    all.extend(order("order of patches", patches.iter().map(|patch| patch.path.to_string())));
    all.extend(files.iter().map(|other| (format!("file {}", other.path), file(other))));
    all.extend(needs.iter().map(|(need, tree)| (format!("need {need}"), tree.to_string())));
    all.extend(environment.iter().map(|(name, value)| (format!("environment {name}"), value.clone())));
    all.extend(
        steps
            .iter()
            .enumerate()
            .map(|(at, step)| (format!("step {}", step_name(steps, at)), step.run.clone())),
    );
    all.extend(order("order of steps", steps.iter().map(|step| step.name.clone())));
    all.extend(test.iter().map(|test| ("test".to_owned(), test.clone())));
    all.extend(order("licence files", licence_files.iter().map(ToString::to_string)));
    all
}

/// A step's name; with its number where two have the same.
fn step_name(steps: &[medic_model::recipe::Step], at: usize) -> String {
    let name = &steps[at].name;
    match steps.iter().filter(|step| step.name == *name).count() {
        1 => name.clone(),
        _ => format!("{name} (number {})", at + 1),
    }
}

fn order(name: &str, names: impl Iterator<Item = String>) -> Option<(String, String)> {
    let names: Vec<String> = names.collect();
    (!names.is_empty()).then(|| (name.to_owned(), names.join(", ")))
}

fn file(input: &FileInput) -> String {
    let runnable = if input.runnable { ", runnable" } else { "" };
    format!("{}{runnable}", input.sha256)
}

fn source(input: &SourceInput) -> String {
    let folder = |into: &Option<medic_model::RelPath>| {
        into.as_ref().map_or(String::new(), |into| format!(" into {into}"))
    };
    match input {
        SourceInput::Archive { sha256, into, strip } => {
            format!("archive {sha256}{}, strip {strip}", folder(into))
        }
        SourceInput::File { sha256, path } => format!("file {sha256} as {path}"),
        SourceInput::Workspace { package, files } => format!("workspace package {package} {files}"),
        SourceInput::Crates { package, crates, into } => format!("crates of {package} {crates} into {into}"),
    }
}

#[cfg(test)]
mod tests {
    use medic_model::Sha256;
    use medic_model::recipe::Step;

    use super::*;
    use crate::key::tests::inputs;

    fn changed(change: impl FnOnce(&mut KeyInputs)) -> Vec<Change> {
        let mut new = inputs();
        change(&mut new);
        assert_eq!(changes(&inputs(), &new).is_empty(), inputs().key() == new.key());
        changes(&inputs(), &new)
    }

    fn one(change: impl FnOnce(&mut KeyInputs)) -> Change {
        let mut all = changed(change);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    #[test]
    fn nothing_changed() {
        assert!(changed(|_| ()).is_empty());
    }

    #[test]
    fn each_input_is_named_with_what_it_was_and_is() {
        let other = Sha256::from_bytes([9; 32]);
        let root = one(|inputs| inputs.root = other);
        assert_eq!(root.input, "build root");
        assert_eq!(root.old, Some(Sha256::from_bytes([2; 32]).to_string()));
        assert_eq!(root.new, Some(other.to_string()));
        assert_eq!(one(|inputs| inputs.builder += 1).input, "builder's format");
        assert_eq!(one(|inputs| inputs.toolchain = other).input, "toolchain");
        assert_eq!(one(|inputs| inputs.version = "2".parse().expect("a version")).input, "version");
        assert_eq!(one(|inputs| inputs.files[0].runnable = false).input, "file x.sh");
        assert_eq!(
            one(|inputs| inputs.sources[0] = SourceInput::Archive { sha256: other, into: None, strip: 0 })
                .input,
            "source 1"
        );
    }

    #[test]
    fn what_came_and_what_went() {
        let test = one(|inputs| inputs.test = Some("true".to_owned()));
        assert_eq!((test.old, test.new), (None, Some("true".to_owned())));
        let need = one(|inputs| inputs.needs.clear());
        assert_eq!((need.input.as_str(), need.new), ("need musl", None));
        assert_eq!(changed(|inputs| inputs.steps.clear()).len(), 2);
    }

    #[test]
    fn of_a_step_the_line_is_shown() {
        let long = one(|inputs| inputs.steps[0].run = "make\n\t\u{2}".to_owned());
        assert_eq!(long.input, "step build, line 2");
        assert_eq!((long.old.as_deref(), long.new.as_deref()), (Some("\t\u{1}"), Some("\t\u{2}")));
        let longer = one(|inputs| inputs.steps[0].run.push('\n'));
        assert_eq!(
            (longer.input.as_str(), longer.old, longer.new),
            ("step build, line 3", None, Some(String::new()))
        );
    }

    #[test]
    fn steps_of_one_name_are_told_apart() {
        let twice = |run: &str| {
            let mut inputs = inputs();
            inputs.steps.push(Step { name: "build".to_owned(), run: run.to_owned() });
            inputs
        };
        let all = changes(&twice("a"), &twice("b"));
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].input, "step build (number 2)");
    }

    #[test]
    fn another_order_is_a_change() {
        let with = |first: &str, second: &str| {
            let mut inputs = inputs();
            inputs.steps =
                [first, second].map(|name| Step { name: name.to_owned(), run: "x".to_owned() }).into();
            inputs
        };
        let all = changes(&with("a", "b"), &with("b", "a"));
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].input, "order of steps");
    }
}
