//! Which programs a build root has, as far as that is known without making it: the names of its Debian packages tell.

use medic_model::recipe::Recipe;
use medic_model::roots::BuildRoot;

use super::remark::Remark;
use super::rules;
use super::workspace::{Defined, Workspace};

/// Debian packages whose programs have other names than the package.
const PROGRAMS: [(&str, &[&str]); 18] = [
    ("autoconf", &["autoconf", "autoreconf", "autoheader"]),
    ("automake", &["aclocal", "automake"]),
    ("binutils", &["ar", "as", "ld", "nm", "objcopy", "objdump", "ranlib", "readelf", "strings", "strip"]),
    ("bzip2", &["bunzip2", "bzcat", "bzip2"]),
    ("cargo-web", &["cargo"]),
    (
        "coreutils",
        &[
            "base64",
            "basename",
            "cat",
            "chmod",
            "chown",
            "cp",
            "cut",
            "date",
            "dd",
            "dirname",
            "echo",
            "env",
            "expr",
            "head",
            "id",
            "install",
            "join",
            "ln",
            "ls",
            "md5sum",
            "mkdir",
            "mktemp",
            "mv",
            "nproc",
            "od",
            "paste",
            "printf",
            "readlink",
            "realpath",
            "rm",
            "rmdir",
            "seq",
            "sha256sum",
            "sha512sum",
            "sleep",
            "sort",
            "split",
            "stat",
            "tac",
            "tail",
            "tee",
            "test",
            "timeout",
            "touch",
            "tr",
            "true",
            "truncate",
            "uname",
            "uniq",
            "wc",
            "yes",
        ],
    ),
    ("dash", &["dash", "sh"]),
    ("diffutils", &["cmp", "diff", "diff3", "sdiff"]),
    ("erlang-base", &["erl", "erlc", "escript"]),
    ("findutils", &["find", "xargs"]),
    ("gettext", &["msgfmt", "msgmerge", "xgettext"]),
    ("grep", &["egrep", "fgrep", "grep"]),
    ("gzip", &["gunzip", "gzip", "zcat"]),
    ("libtool", &["libtoolize"]),
    ("pkgconf", &["pkg-config", "pkgconf"]),
    ("python3-minimal", &["python3"]),
    ("rustc-web", &["rustc", "rustdoc"]),
    ("xz-utils", &["unxz", "xz", "xzcat"]),
];

/// Looks at the root that a recipe asks for, and at its tools.
pub fn tools(workspace: &Workspace, recipe: &Defined<Recipe>) -> Vec<Remark> {
    let Some(roots) = &workspace.roots else { return Vec::new() };
    let name = &recipe.value.root;
    let Some(root) = roots.roots.get(name) else {
        let known: Vec<&str> = roots.roots.keys().map(String::as_str).collect();
        let message = format!("recipes/build-roots.yaml has no root '{name}'; it has: {}", known.join(", "));
        return vec![recipe.remark(&rules::UNKNOWN_NAME, recipe.document.word("root", name), message)];
    };
    let unknown =
        recipe.value.tools.iter().filter(|tool| !workspace.wrappers.contains(tool) && !has(root, tool));
    unknown
        .map(|tool| {
            let place = recipe.document.word("tools", tool);
            let message = format!("no package of the build root '{name}' is known to have '{tool}'");
            recipe.remark(&rules::UNKNOWN_TOOL, place, message)
        })
        .collect()
}

fn has(root: &BuildRoot, tool: &str) -> bool {
    let linked = root.links.keys().any(|path| path.file_name() == tool);
    let in_package = |package: &String| {
        package == tool || PROGRAMS.iter().any(|(name, programs)| name == package && programs.contains(&tool))
    };
    linked || root.packages.iter().any(in_package)
}
