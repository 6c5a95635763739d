//! A `Cargo.toml` (the Cargo book, "The Manifest Format"), and how it is reduced.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fs_err as fs;
use toml::{Table, Value};

use super::WorkspaceError;

/// The tables of dependencies that are needed to build a package.
const NEEDED: [&str; 2] = ["dependencies", "build-dependencies"];
/// The keys of a package's manifest that only its tests need.
const FOR_TESTS: [&str; 4] = ["dev-dependencies", "test", "bench", "example"];
/// The keys of a root manifest that count for the whole workspace.
const FOR_ALL: [&str; 4] = ["workspace", "profile", "patch", "replace"];

#[derive(Debug)]
pub(super) struct Manifest {
    path: PathBuf,
    table: Table,
}

impl Manifest {
    pub(super) fn read(path: &Path) -> Result<Self, WorkspaceError> {
        let text = fs::read_to_string(path).map_err(WorkspaceError::Disk)?;
        let table = text.parse().map_err(|error: toml::de::Error| wrong(path, error.message()))?;
        Ok(Self { path: path.to_owned(), table })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn name(&self) -> Result<&str, WorkspaceError> {
        self.package_name().ok_or_else(|| wrong(&self.path, "it has no [package] with a name"))
    }

    pub(super) fn package_name(&self) -> Option<&str> {
        self.table.get("package")?.get("name")?.as_str()
    }

    /// The workspace's members, as written.
    pub(super) fn members(&self) -> Vec<String> {
        let members = self.table.get("workspace").and_then(|workspace| workspace.get("members"));
        let list = members.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// The names (as a registry has them) of the packages that building this one takes.
    pub(super) fn needs(&self, root: &Self) -> BTreeSet<String> {
        self.dependencies().map(|(key, value)| root.real_name(key, value)).collect()
    }

    /// The keys of `[workspace.dependencies]` that it inherits.
    pub(super) fn inherited(&self) -> BTreeSet<String> {
        self.dependencies().filter(|(_, value)| is_inherited(value)).map(|(key, _)| key.to_owned()).collect()
    }

    /// Every dependency that building takes: those for some platforms only, too.
    fn dependencies(&self) -> impl Iterator<Item = (&str, &Value)> {
        let platforms = self.table.get("target").and_then(Value::as_table).into_iter();
        let platforms = platforms.flat_map(|targets| targets.values().filter_map(Value::as_table));
        let tables = std::iter::once(&self.table).chain(platforms);
        tables.flat_map(|table| {
            let named = NEEDED.iter().filter_map(|name| table.get(*name).and_then(Value::as_table));
            named.flat_map(|table| table.iter().map(|(key, value)| (key.as_str(), value)))
        })
    }

    /// The package behind a dependency's key, which `package = "…"` may give another name.
    fn real_name(&self, key: &str, value: &Value) -> String {
        let inherited = || self.table.get("workspace")?.get("dependencies")?.get(key);
        let value = if is_inherited(value) { inherited() } else { Some(value) };
        let name = value.and_then(|value| value.get("package")).and_then(Value::as_str);
        name.unwrap_or(key).to_owned()
    }

    /// The manifest without what only tests need.
    pub(super) fn reduced(&self) -> Result<String, WorkspaceError> {
        self.text(&without_tests(self.table.clone()))
    }

    /// The root's manifest with these members, and of the workspace's dependencies those that are used.
    pub(super) fn reduced_root(
        &self,
        members: &[&str],
        used: &BTreeSet<String>,
        with_package: bool,
    ) -> Result<String, WorkspaceError> {
        let mut table = without_tests(self.table.clone());
        if !with_package {
            table.retain(|key, _| FOR_ALL.contains(&key));
        }
        if let Some(Value::Table(workspace)) = table.get_mut("workspace") {
            let members = members.iter().map(|member| Value::from(*member)).collect();
            workspace.insert("members".to_owned(), Value::Array(members));
            workspace.remove("default-members");
            workspace.remove("exclude");
            if let Some(Value::Table(dependencies)) = workspace.get_mut("dependencies") {
                dependencies.retain(|key, _| used.contains(key));
            }
        }
        self.text(&table)
    }

    fn text(&self, table: &Table) -> Result<String, WorkspaceError> {
        toml::to_string(table).map_err(|error| wrong(&self.path, &error.to_string()))
    }
}

fn is_inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

fn without_tests(mut table: Table) -> Table {
    table.retain(|key, _| !FOR_TESTS.contains(&key));
    if let Some(Value::Table(targets)) = table.get_mut("target") {
        for target in targets.iter_mut().filter_map(|(_, target)| target.as_table_mut()) {
            target.remove("dev-dependencies");
        }
    }
    table
}

fn wrong(path: &Path, message: &str) -> WorkspaceError {
    WorkspaceError::Manifest { path: path.to_owned(), message: message.to_owned() }
}
