//! Why there is no solution: every need and conflict that takes part in the proof, in the words of the packages.

use pubgrub::{DerivationTree, External, Ranges};

use super::pool::Candidate;
use super::provider::{Id, Provider, ROOT};

type Tree = DerivationTree<Id, Ranges<u32>, String>;

/// The facts of a proof, one on each line, each once.
pub(super) fn explain(provider: &Provider<'_>, tree: &Tree) -> String {
    let mut lines = Vec::new();
    collect(provider, tree, &mut lines);
    // A proof goes from its ground upwards; people start at what they have asked for.
    lines.reverse();
    lines.join("; ")
}

fn collect(provider: &Provider<'_>, tree: &Tree, lines: &mut Vec<String>) {
    match tree {
        DerivationTree::Derived(derived) => {
            collect(provider, &derived.cause1, lines);
            collect(provider, &derived.cause2, lines);
        }
        DerivationTree::External(fact) => {
            if let Some(line) = words(provider, fact).filter(|line| !lines.contains(line)) {
                lines.push(line);
            }
        }
    }
}

fn words(provider: &Provider<'_>, fact: &External<Id, Ranges<u32>, String>) -> Option<String> {
    match fact {
        External::FromDependencyOf(ROOT, _, id, _) => Some(match wish(provider, *id) {
            Some(wish) => wish,
            None => format!("'{}' is installed", provider.name(*id)?),
        }),
        External::FromDependencyOf(id, _, other, _) if provider.choice(*id).is_some() => {
            let need = provider.choice(*id)?.need;
            let package = provider.package(*other).filter(|package| *package.name != need.name)?;
            Some(format!("'{}' provides '{need}'", package.name))
        }
        External::FromDependencyOf(id, set, other, needed) => {
            let package = provider.package(*id)?;
            let ordinals = (1..).zip(&package.versions).filter(|(ordinal, _)| set.contains(ordinal));
            let (_, candidate) = ordinals.last()?;
            let fact = relation(provider, candidate, *other)?;
            let ground = match provider.package(*other) {
                None if provider.choice(*other).is_some_and(|choice| choice.options.is_empty()) => {
                    ", which nothing that there is provides".to_owned()
                }
                None if provider.choice(*other).is_some() => String::new(),
                None => ", which neither is installed nor in a repository".to_owned(),
                Some(_) if *needed != Ranges::empty() => String::new(),
                Some(other) => {
                    let at = provider.pool.find(other.name)?;
                    format!(", and of '{}' {}", other.name, provider.versions(at))
                }
            };
            Some(format!("'{}' {} {fact}{ground}", package.name, candidate.version))
        }
        External::NoVersions(..) | External::NotRoot(..) | External::Custom(..) => None,
    }
}

fn wish(provider: &Provider<'_>, id: Id) -> Option<String> {
    let name = provider.name(id)?;
    let wish = provider.wishes.iter().find(|wish| wish.name == *name)?;
    Some(format!("'{}' is asked for", medic_model::Dependency { name: name.clone(), req: wish.req.clone() }))
}

fn relation(provider: &Provider<'_>, candidate: &Candidate<'_>, other: Id) -> Option<String> {
    if let Some(choice) = provider.choice(other) {
        return Some(format!("needs '{}'", choice.need));
    }
    let name = provider.name(other)?;
    if let Some(need) = candidate.depends.iter().find(|need| need.name == *name) {
        return Some(format!("needs '{need}'"));
    }
    let package = provider.package(other)?;
    let conflict = candidate.conflicts.iter().find(|conflict| package.meeting(conflict).next().is_some())?;
    let provides = if conflict.name == *name { String::new() } else { format!(", which '{name}' provides") };
    Some(format!("conflicts with '{conflict}'{provides}"))
}
