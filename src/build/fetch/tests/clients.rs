//! Registries through their client programs: stand-ins that behave as the real ones, and git itself.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use medic_archive::Tree;
use medic_model::ByteSize;
use medic_model::recipe::{GitTree, Location, PypiFile, RegistryPackage};

use super::server::{Does, Server};
use super::{Bench, content, source};
use crate::fetch::{FetchError, Reason};

fn script(bench: &Bench, name: &str, text: &str) -> std::ffi::OsString {
    let path = bench.root.path().join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("mode");
    path.into()
}

fn npm() -> Location {
    Location::Npm(RegistryPackage { name: "@scope/thing".to_owned(), version: "1.2.3".to_owned() })
}

#[test]
fn npm_packs() {
    let (mut bench, bytes) = (Bench::new(), content(5000));
    let tarball = bench.root.path().join("tarball");
    std::fs::write(&tarball, &bytes).expect("written");
    let text = format!(
        "case \"$*\" in 'pack '*'@scope/thing@1.2.3') cp {} scope-thing-1.2.3.tgz;; *) exit 9;; esac",
        tarball.display()
    );
    bench.access.programs.npm = script(&bench, "npm", &text);
    bench.arrives(&source(&bytes, [npm()]));
    assert!(bench.partials().is_empty(), "{:?}", bench.partials());
}

#[test]
fn a_client_that_is_not_there_or_fails() {
    let mut bench = Bench::new();
    bench.access.programs.npm = "no-such-npm".into();
    let (reasons, text) = bench.fails(&source(b"x", [npm()]));
    assert!(matches!(reasons[..], [Reason::NoProgram(_)]), "{reasons:?}");
    assert!(text.contains("'no-such-npm' is not installed"), "{text}");
    bench.access.programs.npm =
        script(&bench, "npm", "echo first; echo 'npm error: no such version' >&2; exit 3");
    let (reasons, text) = bench.fails(&source(b"x", [npm()]));
    assert!(matches!(reasons[..], [Reason::Client { .. }]), "{reasons:?}");
    assert!(text.contains("no such version") && text.contains('3'), "{text}");
    bench.access.programs.npm = script(&bench, "npm", "true");
    let (reasons, _) = bench.fails(&source(b"x", [npm()]));
    assert!(matches!(reasons[..], [Reason::Absent]), "{reasons:?}");
}

#[test]
fn a_client_that_writes_without_end_is_ended() {
    let mut bench = Bench::new();
    bench.access.programs.npm = script(&bench, "npm", "exec cat /dev/zero > big.tgz");
    let mut wanted = source(b"x", [npm()]);
    wanted.max_size = ByteSize(1000);
    let (reasons, _) = bench.fails(&wanted);
    assert!(matches!(reasons[..], [Reason::TooLarge { .. }]), "{reasons:?}");
    assert!(bench.partials().is_empty(), "its folder is removed: {:?}", bench.partials());
}

#[test]
fn a_client_that_hangs_is_ended_with_its_children() {
    let mut bench = Bench::new();
    let mark = bench.root.path().join("mark");
    bench.access.programs.npm =
        script(&bench, "npm", &format!("(sleep 2; touch {}) & sleep 60", mark.display()));
    bench.limits.client_stall = Duration::from_millis(400);
    let since = Instant::now();
    let (reasons, _) = bench.fails(&source(b"x", [npm()]));
    assert!(matches!(reasons[..], [Reason::Stalled(_)]), "{reasons:?}");
    bench.limits.client_stall = Duration::from_secs(60);
    let wanted = source(b"x", [npm()]);
    let error = std::thread::scope(|scope| {
        let fetching = scope.spawn(|| bench.fetch(&[&wanted]));
        std::thread::sleep(Duration::from_millis(300));
        bench.cancel.store(true, Ordering::Relaxed);
        fetching.join().expect("no panic").expect_err("stopped")
    });
    assert!(matches!(error, FetchError::Cancelled), "{error}");
    assert!(since.elapsed() < Duration::from_secs(10));
    std::thread::sleep(Duration::from_millis(2200));
    assert!(!mark.exists(), "a child of the client lived on");
}

#[test]
fn what_could_be_an_option_is_not_given_to_a_client() {
    let mut bench = Bench::new();
    let mark = bench.root.path().join("mark");
    let text = format!("touch {}", mark.display());
    bench.access.programs.npm = script(&bench, "npm", &text);
    bench.access.programs.git = script(&bench, "git", &text);
    bench.access.programs.python = script(&bench, "python", &text);
    bench.access.cargo_home = Some(bench.root.path().to_owned());
    let package = || RegistryPackage { name: "--x".to_owned(), version: "1".to_owned() };
    let places = [
        Location::Npm(package()),
        Location::Crate(package()),
        Location::Pypi(PypiFile {
            name: "x".to_owned(),
            version: "1".to_owned(),
            file: "../x.whl".to_owned(),
        }),
        Location::Git(GitTree { url: "--upload-pack=x".to_owned(), commit: "0".repeat(40) }),
        Location::Git(GitTree { url: "ext::sh -c x".to_owned(), commit: "0".repeat(40) }),
    ];
    let (reasons, _) = bench.fails(&source(b"x", places));
    assert!(reasons.iter().all(|reason| matches!(reason, Reason::Address(_))), "{reasons:?}");
    assert!(!mark.exists());
}

fn wheel() -> Location {
    Location::Pypi(PypiFile {
        name: "Zig_Lang".to_owned(),
        version: "1.0".to_owned(),
        file: "ziglang-1.0-py3-none-any.whl".to_owned(),
    })
}

#[test]
fn a_wheel_comes_from_the_index_that_pip_is_configured_for() {
    let (mut bench, server, bytes) = (Bench::new(), Server::start(), content(200_000));
    bench.access.programs.python =
        script(&bench, "python", &format!("echo {}/; echo /no/links", server.url("/simple")));
    server.put("/files/ziglang-1.0-py3-none-any.whl", &bytes, [Does::Truncate(100_000), Does::Serve]);
    let page = "<a href=\"../../files/ziglang-1.0-py3-none-any.whl#sha256=00\">x</a>";
    server.put("/simple/zig-lang/", b"", [Does::Page(page.to_owned())]);
    bench.arrives(&source(&bytes, [wheel()]));
    assert_eq!(server.requests()[2].1.as_deref(), Some("bytes=100000-"), "it resumes");
}

#[test]
fn a_wheel_comes_through_pip_where_the_index_cannot_be_read() {
    let (mut bench, server, bytes) = (Bench::new(), Server::start(), content(5000));
    let file = bench.root.path().join("wheel");
    std::fs::write(&file, &bytes).expect("written");
    server.put("/simple/zig-lang/", b"", [Does::Status(401, "")]);
    let text = format!(
        "case \"$*\" in\n-c*) echo {};;\n*'pip download'*'--require-hashes'*'--abi none --platform any') \
         grep -q 'Zig_Lang==1.0 --hash=sha256:{}' requirements.txt && cp {} to/ziglang-1.0-py3-none-any.whl;;\n*) exit 9;;\nesac",
        server.url("/simple"),
        super::sha256(&bytes),
        file.display()
    );
    bench.access.programs.python = script(&bench, "python", &text);
    bench.arrives(&source(&bytes, [wheel()]));
}

#[test]
fn a_crate_comes_from_cargos_cache_or_cargo_fills_it() {
    let (mut bench, bytes) = (Bench::new(), content(5000));
    let home = bench.root.path().join("cargo-home");
    let cache = home.join("registry/cache/index-0123");
    std::fs::create_dir_all(&cache).expect("made");
    let place =
        |name: &str| Location::Crate(RegistryPackage { name: name.to_owned(), version: "1.0.0".to_owned() });
    let (reasons, _) = bench.fails(&source(&bytes, [place("known")]));
    assert!(matches!(reasons[..], [Reason::NotConfigured(_)]), "{reasons:?}");
    bench.access.cargo_home = Some(home);
    bench.access.programs.cargo = "no-such-cargo".into();
    std::fs::write(cache.join("known-1.0.0.crate"), &bytes).expect("written");
    bench.arrives(&source(&bytes, [place("known")]));
    let other = content(6000);
    let prepared = bench.root.path().join("prepared");
    std::fs::write(&prepared, &other).expect("written");
    let text = format!(
        "grep -q 'package = \"new\", version = \"=1.0.0\"' Cargo.toml && cp {} \"$CARGO_HOME\"/registry/cache/index-0123/new-1.0.0.crate",
        prepared.display()
    );
    bench.access.programs.cargo = script(&bench, "cargo", &text);
    bench.arrives(&source(&other, [place("new")]));
}

fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@t.invalid", "-c", "commit.gpgsign=false"])
        .args(args)
        .current_dir(folder)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

fn repository(root: &Path) -> (PathBuf, String) {
    let folder = root.join("repository");
    std::fs::create_dir_all(folder.join("src")).expect("made");
    git(&folder, &["init", "--quiet", "-b", "main"]);
    // Attributes that would change what an archive holds.
    std::fs::write(folder.join(".gitattributes"), "version export-subst\nsecret export-ignore\n")
        .expect("written");
    std::fs::write(folder.join("version"), "$Format:%H$\n").expect("written");
    std::fs::write(folder.join("secret"), "kept\n").expect("written");
    std::fs::write(folder.join("src/run"), "#!/bin/sh\n").expect("written");
    std::fs::set_permissions(folder.join("src/run"), std::fs::Permissions::from_mode(0o755)).expect("mode");
    std::os::unix::fs::symlink("src/run", folder.join("link")).expect("linked");
    git(&folder, &["add", "."]);
    git(&folder, &["commit", "--quiet", "-m", "one"]);
    let commit = git(&folder, &["rev-parse", "HEAD"]);
    std::fs::write(folder.join("version"), "later\n").expect("written");
    git(&folder, &["commit", "--quiet", "-am", "two"]);
    (folder, commit)
}

#[test]
fn a_commit_is_the_canonical_tar_of_its_tree() {
    let bench = Bench::new();
    let (folder, commit) = repository(bench.root.path());
    let checkout = bench.root.path().join("checkout");
    git(bench.root.path(), &["clone", "--quiet", &folder.display().to_string(), "checkout"]);
    git(&checkout, &["checkout", "--quiet", &commit]);
    std::fs::remove_dir_all(checkout.join(".git")).expect("removed");
    let expected = Tree::scan(&checkout).expect("scan").write(Vec::new(), 0).expect("written");
    let place =
        Location::Git(GitTree { url: format!("file://{}", folder.display()), commit: commit.clone() });
    assert_eq!(bench.arrives(&source(&expected, [place])), expected);
    let missing = GitTree { url: format!("file://{}", folder.display()), commit: "1".repeat(40) };
    let (reasons, text) = bench.fails(&source(b"x", [Location::Git(missing)]));
    assert!(matches!(reasons[..], [Reason::Client { .. }]), "{reasons:?}");
    assert!(text.contains("git"), "{text}");
}
