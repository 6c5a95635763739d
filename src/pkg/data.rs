//! Data that older versions cannot use.
//!
//! A package says with `data_compatible_from` which version is the oldest that can use what it stores. When such a version is installed,
//! `srv/system/data/<pkg>` keeps that in mind, for as long as the storage is there: after a removal, too.

use medic_model::{DocumentError, Manifest, PackageName, RelPath, Version};

use crate::error::Error;
use crate::paths;
use crate::plan::{Content, Gone, Look, Observed, Over, Plan, Step};
use crate::root::Root;

fn folder() -> RelPath {
    paths::path(format!("{}/data", paths::system()))
}

/// The mark: `srv/system/data/<pkg>`.
pub fn mark(package: &PackageName) -> RelPath {
    paths::path(format!("{}/{package}", folder()))
}

/// The oldest version that can use the package's data; none when any can.
///
/// # Errors
/// The mark cannot be read or understood.
pub fn compatible_from(root: &Root, package: &PackageName) -> Result<Option<Version>, Error> {
    let path = mark(package);
    let Some(text) = root.read(&path, 4096)? else { return Ok(None) };
    let version = String::from_utf8_lossy(&text).trim().parse();
    let file = || root.path_of(&path).display().to_string();
    version.map(Some).map_err(|error| DocumentError::whole(&file(), error).into())
}

/// What becomes of the mark when a version becomes current.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark<'a> {
    Stays,
    Becomes(&'a Version),
    Goes,
    /// The version cannot use the data, which only this and later ones can.
    Refuses(&'a Version),
}

/// Decides from the mark, a version, what that declares, and whether the data is that of a backup. The mark only goes up: that a later
/// version declares nothing makes no older one fit.
fn decide<'a>(
    marked: Option<&'a Version>,
    version: &Version,
    declared: Option<&'a Version>,
    restored: bool,
) -> Mark<'a> {
    match (marked, declared) {
        (Some(from), _) if version < from && !restored => Mark::Refuses(from),
        (Some(from), None) if version < from => Mark::Goes,
        (Some(from), Some(declared)) if version < from || declared > from => Mark::Becomes(declared),
        (None, Some(declared)) => Mark::Becomes(declared),
        _ => Mark::Stays,
    }
}

/// Before a version becomes current: refuses one that cannot use the data, unless the data is that of a backup which it can use. Adds to
/// the plan what becomes of the mark.
///
/// # Errors
/// [`Error::Data`]; the mark cannot be read.
pub fn guard(root: &Root, manifest: &Manifest, restored: bool, plan: &mut Plan) -> Result<(), Error> {
    let (package, version) = (&manifest.name, &manifest.version);
    let marked = compatible_from(root, package)?;
    let path = mark(package);
    match decide(marked.as_ref(), version, manifest.data_compatible_from.as_ref(), restored) {
        Mark::Stays => {}
        Mark::Refuses(from) => {
            let (package, version, from) = (package.clone(), version.clone(), from.clone());
            return Err(Error::Data { package, version, from });
        }
        Mark::Goes => plan.after.push(Step::Remove { path, gone: Gone::All }),
        Mark::Becomes(declared) => {
            if root.look(&folder())? == Observed::Absent {
                plan.before.push(Step::Folder { path: folder(), mode: 0o755 });
            }
            let content = Content::Text { text: format!("{declared}\n") };
            plan.after.push(Step::Place { path, content, over: Over::Ours });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_goes_up_and_comes_down_only_with_a_backup() {
        let version = |text: &str| text.parse::<Version>().expect("version");
        let [one, two, three] = ["1", "2", "3"].map(version);
        for (marked, new, declared, restored, expected) in [
            (None, &one, None, false, Mark::Stays),
            (None, &two, Some(&two), false, Mark::Becomes(&two)),
            (Some(&two), &three, None, false, Mark::Stays),
            (Some(&two), &three, Some(&two), false, Mark::Stays),
            (Some(&two), &three, Some(&one), false, Mark::Stays),
            (Some(&two), &three, Some(&three), false, Mark::Becomes(&three)),
            (Some(&two), &one, None, false, Mark::Refuses(&two)),
            (Some(&two), &one, Some(&one), false, Mark::Refuses(&two)),
            (Some(&two), &one, None, true, Mark::Goes),
            (Some(&two), &one, Some(&one), true, Mark::Becomes(&one)),
            (Some(&two), &two, None, true, Mark::Stays),
        ] {
            let found = decide(marked, new, declared, restored);
            assert_eq!(found, expected, "{marked:?} {new} {declared:?} {restored}");
        }
    }
}
