//! Every check finds what it is for, and nothing in what is right: on files that this machine's own compiler made.

mod binaries;
mod contents;
mod trees;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::*;

/// `DESTDIR` of a component named `hello`, to be filled and checked.
struct Built {
    out: tempfile::TempDir,
}

impl Built {
    fn new() -> Self {
        let built = Self { out: tempfile::tempdir().expect("a folder") };
        fs::create_dir_all(built.prefix()).expect("made");
        built
    }

    fn prefix(&self) -> PathBuf {
        self.out.path().join("srv/software/hello/current/default")
    }

    /// A file below the prefix.
    fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let place = self.prefix().join(path);
        fs::create_dir_all(place.parent().expect("a folder")).expect("made");
        fs::write(&place, content).expect("written");
        place
    }

    /// Compiles a source to a file below the prefix.
    #[track_caller]
    fn compile(&self, path: &str, source: &str, flags: &str) -> PathBuf {
        let place = self.write(path, "");
        let text = self.out.path().with_extension(format!("{}.c", path.replace('/', "-")));
        fs::write(&text, source).expect("written");
        let compiled = Command::new("cc")
            .args(flags.split(' ').filter(|flag| !flag.is_empty()))
            .arg("-L")
            .arg(self.prefix().join("lib"))
            .arg("-o")
            .args([&place, &text])
            .output()
            .expect("cc runs");
        fs::remove_file(&text).expect("removed");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        place
    }

    /// What is found, with these exceptions (as YAML).
    fn findings_but(&self, exceptions: &str) -> Vec<Finding> {
        let recipe = format!(
            "name: hello\nversion: \"1\"\nreleased: 2026-01-01\nsummary: x\nhomepage: https://example.org\nlicence: Zlib\nsteps: [{{name: a, run: b}}]\nexceptions: [{exceptions}]\n"
        );
        let recipe = Recipe::from_yaml("recipe.yaml", &recipe).expect("valid");
        let arch = Arch::host().expect("one of ours");
        let own = vec!["/var/builder/store/".to_owned()];
        let subject = Subject { recipe: &recipe, arch, needs: Vec::new(), own };
        let home = "srv/software/hello/current/default".parse().expect("a path");
        after_steps(self.out.path(), &home, &subject).expect("it can be read")
    }

    fn findings(&self) -> Vec<Finding> {
        self.findings_but("")
    }

    /// The checks that find something, with where.
    fn found(&self) -> Vec<(&'static str, String)> {
        self.findings().into_iter().map(|finding| (finding.check.id, finding.path)).collect()
    }
}

fn file(check: &'static str, path: &str) -> (&'static str, String) {
    (check, path.to_owned())
}

#[test]
fn every_check_is_explained_and_has_one_name() {
    let mut names = BTreeSet::new();
    for check in table::all() {
        assert!(names.insert(check.id), "{} stands twice", check.id);
        assert!(check.id.parse::<medic_model::exception::CheckName>().is_ok(), "{}", check.id);
        for text in [check.why, check.mend] {
            assert!(text.len() > 10 && text.ends_with(['.', ')']), "{}: {text}", check.id);
        }
        assert!(!check.title.ends_with('.') && table::explain(check).contains(check.why));
    }
    assert_eq!(table::nearest("no-pei").as_deref(), Some("no-pie"));
}

#[test]
fn exceptions_cover_what_they_name_and_those_that_cover_nothing_are_found() {
    let built = Built::new();
    built.write("etc/a.conf", "path = /build/src\n");
    built.write("etc/b.conf", "path = /build/src\n");
    assert_eq!(built.found(), [file("build-path", "etc/a.conf"), file("build-path", "etc/b.conf")]);
    let one = built.findings_but("{check: build-path, path: etc/a.conf, reason: it is an example}");
    assert_eq!(one.iter().map(|finding| finding.path.as_str()).collect::<Vec<_>>(), ["etc/b.conf"]);
    assert_eq!(built.findings_but("{check: build-path, path: 'etc/*', reason: they are examples}"), []);
    assert_eq!(built.findings_but("{check: build-path, reason: they are all examples}"), []);
    let other = if Arch::host() == Some(Arch::X64) { "arm64" } else { "x64" };
    let stale = |exception: &str| {
        let all = format!("{{check: build-path, reason: they are examples}}, {exception}");
        built
            .findings_but(&all)
            .into_iter()
            .map(|finding| (finding.check.id, finding.path))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        stale("{check: unstripped, path: bin/x, reason: it is no more}"),
        [file("stale-exception", "bin/x")]
    );
    assert_eq!(
        stale("{check: no-such-check, path: bin/x, reason: mistaken name}"),
        [file("stale-exception", "bin/x")]
    );
    assert_eq!(stale(&format!("{{check: unstripped, arch: {other}, reason: elsewhere only}}")), []);
    // What a package shows is judged when it is packed, what lint shows by lint.
    assert_eq!(stale("{check: licence-missing, reason: it has none at all}"), []);
    assert_eq!(stale("{check: one-location, reason: upstream has no other}"), []);
}

#[test]
fn what_allows_no_exception_has_none() {
    let built = Built::new();
    std::os::unix::fs::symlink("/etc/passwd", built.prefix().join("link")).expect("linked");
    let found = built.findings_but("{check: link-leaves-tree, path: link, reason: it is meant so}");
    let found: Vec<_> = found.iter().map(|finding| finding.check.id).collect();
    assert_eq!(found, ["link-leaves-tree", "stale-exception"]);
}

#[test]
fn a_failure_explains_each_check_once_and_shows_how_to_declare_it() {
    let built = Built::new();
    for name in ["a", "b"] {
        built.write(name, "/build/src");
    }
    let findings =
        vec![("recipes/hello/recipe.yaml".to_owned(), built.findings()), ("other".to_owned(), Vec::new())];
    let text = ChecksFailed::of(findings).expect("two findings").to_string();
    assert_eq!(text.matches("why it matters").count(), 1, "{text}");
    assert!(text.starts_with("the checks on what was built have 2 findings\nbuild-path: "), "{text}");
    assert!(
        text.contains(
            "in recipes/hello/recipe.yaml: exceptions: [{check: build-path, path: 'a', reason: '…'}]"
        ),
        "{text}"
    );
    assert_eq!(ChecksFailed::of(vec![("x".to_owned(), Vec::new())]), None);
}

#[test]
fn a_change_of_an_exception_is_a_change_of_what_was_checked() {
    let exception = |text: &str| -> Vec<Exception> { serde_json::from_str(text).expect("valid") };
    let one = exception(r#"[{"check": "secret", "path": "a", "reason": "a key for tests"}]"#);
    assert_eq!(checked_with(&one, &[]), checked_with(&one, &[]));
    assert_ne!(checked_with(&one, &[]), checked_with(&[], &[]));
}
