//! Images that the builder has built go into a real registry, and come out of it with the digests that they had.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use medic_tests::cloud::{self, Cloud};
use medic_tests::command::{Outcome, call};
use medic_tests::fixture::Fixture;
use medic_tests::registry::{LOGIN, LOGIN_IN_BASE64, Registry, Setup};
use medic_tests::stalling::Stalling;
use medic_tests::xtask::nginx_image;
use medic_tests::{Scratch, run, run_mark, wait_for};
use serde_json::{Value, json};

const REGISTRY: i32 = 9;
const MUST_NOT: i32 = 11;

const IMAGE: &str = "name: hello
title: Hello
description: Says hello once a second
version_of: hello
packages: [hello, world]
links:
  /app: {package: hello, path: bin}
entrypoint: [/app/hello]
";

fn parsed(outcome: &Outcome) -> Value {
    serde_json::from_str(outcome.text()).unwrap_or_else(|error| panic!("{error}: {}", outcome.stdout))
}

/// Bytes that nothing makes smaller, of a seed.
fn noise(mut state: u64, size: usize) -> Vec<u8> {
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

/// Adds a file of noise to a component of a workspace.
fn add_noise(fixture: &Fixture, name: &str, size: usize) {
    let (recipe, file) = (format!("recipes/{name}/recipe.yaml"), format!("recipes/{name}/noise"));
    std::fs::write(fixture.join(&file), noise(size as u64, size)).expect("written");
    let digest = call("sha256sum", &[&fixture.join(&file).to_string_lossy()]).success();
    let digest = digest.text().split(' ').next().unwrap_or_default().to_owned();
    let source = format!("  - sha256: {digest}\n    path: {file}\n    unpack: false\nsteps:");
    fixture.change(&recipe, "steps:", &source);
    let text = std::fs::read_to_string(fixture.join(&recipe)).expect("there");
    let copied = "      mkdir -p \"$DESTDIR$PREFIX/share\"\n      cp noise \"$DESTDIR$PREFIX/share/noise\"\n";
    fixture.write(&recipe, &format!("{text}{copied}"));
}

/// A workspace with an image of two packages that no other test builds, each with so many bytes that nothing makes smaller.
fn workspace(name: &str, sizes: [usize; 2]) -> Fixture {
    let fixture = Fixture::new(name);
    let mark = format!("      # {name} {}\n      mkdir", run_mark());
    fixture.change("recipes/hello/recipe.yaml", "      mkdir", &mark);
    let recipe = std::fs::read_to_string(fixture.join("recipes/hello/recipe.yaml")).expect("there");
    let other = recipe.replace("name: hello", "name: world").replace("bin/hello\"", "bin/world\"");
    fixture.write("recipes/world/recipe.yaml", &other);
    fixture.write("packages/world/package.yaml", "name: world\nsummary: The rest\ncomponents: [world]\n");
    add_noise(&fixture, "hello", sizes[0]);
    add_noise(&fixture, "world", sizes[1]);
    fixture.write("images/hello.yaml", IMAGE);
    fixture
}

/// `publish`, with certificates and logins as given, or with none.
fn publish(fixture: &Fixture, arguments: &[&str], trusted: Option<&Path>, logins: Option<&Path>) -> Outcome {
    let mut command = fixture.command(&["publish", "hello"]);
    command.args(arguments).env("DOCKER_CONFIG", logins.unwrap_or(Path::new("/nonexistent")));
    if let Some(trusted) = trusted {
        command.env("SSL_CERT_FILE", trusted);
    }
    run(&mut command)
}

/// A docker configuration with this login, in a folder of its own.
fn logins(scratch: &Scratch, host: &str, login: &str) -> std::path::PathBuf {
    let folder = scratch.join(&format!("docker-{login}"));
    std::fs::create_dir_all(&folder).expect("writable");
    let config = json!({"auths": {host: {"auth": login}}});
    std::fs::write(folder.join("config.json"), config.to_string()).expect("written");
    folder
}

/// The layers of the image, with their sizes, by digest.
fn layers(fixture: &Fixture) -> Vec<(String, u64)> {
    let built = parsed(&fixture.xtask(&["build-image", "hello", "--json", "--output=oci:layout"]).success());
    let layers = built["layers"].as_array().expect("layers").iter();
    layers
        .map(|layer| {
            let digest = layer["digest"].as_str().expect("a digest").to_owned();
            (digest, layer["compressed"].as_u64().expect("a size"))
        })
        .collect()
}

/// The tags of a repository, but for those that lead to what is attached to images.
fn tags(registry: &Registry, name: &str) -> Vec<String> {
    registry.tags(name).into_iter().filter(|tag| !tag.starts_with("sha256-")).collect()
}

/// The names of the blobs of a layout.
fn blobs(layout: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(layout.join("blobs/sha256")).expect("a layout");
    entries.map(|entry| entry.expect("read").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn an_image_goes_through_tls_and_a_login_and_comes_out_with_its_digests() {
    let fixture = workspace("published", [200_000, 300_000]);
    let scratch = Scratch::new("published-registry");
    let registry = Registry::start(
        &scratch.join("registry"),
        Setup { login: Some(LOGIN), has_tls: true, certificate: None },
    );
    let host = registry.host();
    let to = format!("--to={host}/medic/hello");
    let certificate = registry.certificate();
    let trusted = Some(&*certificate);
    let good = logins(&scratch, &host, LOGIN_IN_BASE64);
    let wrong = logins(&scratch, &host, "bWVkaWM6c2VzYW1l");
    // What is wrong with the registry is said before anything is built.
    publish(&fixture, &[&to], None, Some(&good)).ended_with(REGISTRY).says("certificate");
    publish(&fixture, &[&to], trusted, None).ended_with(REGISTRY).says("the registry wants a login");
    let refused = publish(&fixture, &[&to], trusted, Some(&wrong)).ended_with(REGISTRY);
    let refused = refused.says("the registry refuses the login");
    assert!(!refused.stderr.contains("sesame") && !refused.stderr.contains("bWVkaWM"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("built"), "{}", refused.stderr);
    let planned = parsed(&publish(&fixture, &[&to, "--dry-run", "--json"], trusted, Some(&good)).success());
    assert_eq!(tags(&registry, "medic/hello"), [""; 0]);

    let first = parsed(&publish(&fixture, &[&to, "--json"], trusted, Some(&good)).success());
    let digest = first["digest"].as_str().expect("a digest").to_owned();
    let places = |answer: &Value| {
        let mut places = answer["places"].clone();
        // What is attached is made anew each time, and not planned.
        places[0]["attached"].take();
        places
    };
    assert_eq!(places(&first), places(&planned), "what was planned is what was done");
    assert_eq!(first["places"][0]["reference"], format!("{host}/medic/hello@{digest}"));
    assert_eq!(tags(&registry, "medic/hello"), ["1.0"]);

    // The layout that the builder writes, and one that skopeo makes of what is in the registry.
    let before = layers(&fixture);
    let folder = certificate.parent().expect("a folder").join("trusted");
    std::fs::create_dir_all(&folder).expect("writable");
    std::fs::copy(&certificate, folder.join("ca.crt")).expect("copied");
    let folder = folder.display().to_string();
    let login = format!("{}:{}", LOGIN.0, LOGIN.1);
    let reference = format!("docker://{host}/medic/hello:1.0");
    let inspected = call(
        "skopeo",
        &["inspect", "--cert-dir", &folder, "--creds", &login, "--format", "{{.Digest}}", &reference],
    );
    assert_eq!(inspected.success().text(), digest);
    let copy = fixture.join("copy");
    let to_copy = format!("oci:{}:1.0", copy.display());
    call(
        "skopeo",
        &[
            "copy",
            "--preserve-digests",
            "--src-cert-dir",
            &folder,
            "--src-creds",
            &login,
            &reference,
            &to_copy,
        ],
    )
    .success();
    assert_eq!(blobs(&copy), blobs(&fixture.join("layout")));

    let again = parsed(&publish(&fixture, &[&to, "--json"], trusted, Some(&good)).success());
    assert_eq!((&again["places"][0]["sent"], &again["digest"]), (&0.into(), &first["digest"]), "{again}");
    let said = publish(&fixture, &[&to], trusted, Some(&good)).success();
    assert!(said.stdout.contains("up to date, nothing was done"), "{said:?}");

    // The same login from standard input, which no list of processes shows.
    let password = scratch.join("password");
    std::fs::write(&password, format!("{}\n", LOGIN.1)).expect("written");
    let mut command =
        fixture.command(&["publish", "hello", &to, "--username", LOGIN.0, "--password-stdin", "--json"]);
    command.env("DOCKER_CONFIG", "/nonexistent").env("SSL_CERT_FILE", &certificate);
    let given = run(command.stdin(std::fs::File::open(&password).expect("there"))).success();
    assert!(!format!("{given:?}").contains(LOGIN.1), "{given:?}");
    assert_eq!(parsed(&given)["digest"], first["digest"]);

    // One package changes.
    fixture.change("recipes/hello/hello.c", "hello, world", "hello, moon");
    let program = fixture.join("recipes/hello/hello.c").display().to_string();
    let text = std::fs::read_to_string(fixture.join("recipes/hello/recipe.yaml")).expect("there");
    let known = text.split("sha256: ").nth(1).and_then(|rest| rest.get(..64)).expect("a digest").to_owned();
    let new = call("sha256sum", &[&program]).success().text()[..64].to_owned();
    fixture.change("recipes/hello/recipe.yaml", &known, &new);
    let taken = publish(&fixture, &[&to], trusted, Some(&good)).ended_with(MUST_NOT);
    let taken = taken.says(&digest).says("--move-tag");
    assert_eq!(taken.stderr.matches("sha256:").count(), 2, "{}", taken.stderr);
    let tagged = format!("{to}:1.1");
    let second =
        parsed(&publish(&fixture, &[&tagged, "--json", "--move-tag=latest"], trusted, Some(&good)).success());
    assert_eq!(tags(&registry, "medic/hello"), ["1.0", "1.1", "latest"]);
    let changed: Vec<(String, u64)> =
        layers(&fixture).into_iter().filter(|layer| !before.contains(layer)).collect();
    assert_eq!(changed.len(), 1, "only the package's layer is another: {changed:?}");
    let sent = second["places"][0]["sent"].as_u64().expect("bytes");
    let size_of = |digest: &Value| {
        let digits = digest.as_str().expect("a digest").trim_start_matches("sha256:").to_owned();
        (std::fs::metadata(registry.blob(&digits)).expect("a blob").len(), registry.blob(&digits))
    };
    let (manifest, path) = size_of(&second["digest"]);
    let document: Value = serde_json::from_slice(&std::fs::read(path).expect("read")).expect("JSON");
    let (config, _) = size_of(&document["config"]["digest"]);
    println!(
        "one package changed: {sent} bytes sent = layer {} + config {config} + 3 × manifest {manifest}",
        changed[0].1
    );
    // The manifest goes by its digest, and by each of the two tags.
    assert_eq!(sent, changed[0].1 + config + 3 * manifest);
    assert!(second["places"][0]["there"].as_u64() > Some(0), "{second}");
}

#[test]
fn several_architectures_become_one_index_and_several_places_get_the_same() {
    let fixture = workspace("architectures", [1000, 2000]);
    let scratch = Scratch::new("architectures-registry");
    let registry = Registry::start(&scratch.join("registry"), Setup::default());
    let host = registry.host();
    let to = [format!("--to={host}/one/hello"), format!("--to={host}/two/hello:edge")];
    let arguments = [&*to[0], &*to[1], "--arch=arm64,x64", "--json"];
    let answer = parsed(&publish(&fixture, &arguments, None, None).success());
    let digest = answer["digest"].as_str().expect("a digest");
    assert_eq!(
        (tags(&registry, "one/hello"), tags(&registry, "two/hello")),
        (vec!["1.0".into()], vec!["edge".into()])
    );
    // What the first repository has is not sent to the second.
    let (sent, mounted) = (&answer["places"][1]["sent"], &answer["places"][1]["mounted"]);
    println!("to a second repository: {sent} bytes sent, {mounted} mounted");
    assert!(mounted.as_u64() > sent.as_u64(), "{answer}");
    let inspect = |name: &str| {
        let reference = format!("docker://{host}/{name}");
        call("skopeo", &["inspect", "--tls-verify=false", "--raw", &reference]).success().stdout
    };
    let raw = inspect("one/hello:1.0");
    assert_eq!(raw, inspect("two/hello:edge"));
    let index: Value = serde_json::from_str(&raw).expect("JSON");
    let platforms: Vec<_> = index["manifests"].as_array().expect("an index").iter().collect();
    assert_eq!(platforms.len(), 2, "{index}");
    for (number, arch) in ["amd64", "arm64"].into_iter().enumerate() {
        assert_eq!(platforms[number]["platform"]["architecture"], arch);
        assert_eq!(platforms[number]["digest"], answer["images"][number]["digest"]);
    }
    let copy = fixture.join("copy");
    let to_copy = format!("oci:{}:1.0", copy.display());
    let reference = format!("docker://{host}/one/hello:1.0");
    call("skopeo", &["copy", "--all", "--preserve-digests", "--src-tls-verify=false", &reference, &to_copy])
        .success();
    assert!(blobs(&copy).contains(digest.trim_start_matches("sha256:")));
    let again = parsed(&publish(&fixture, &[&*to[0], "--arch=x64,arm64", "--json"], None, None).success());
    assert_eq!((&again["digest"], &again["places"][0]["sent"]), (&answer["digest"], &0.into()));

    // Another store: the compiler, the build roots and fetched files are those of the first, and all that is built is made anew.
    let store = scratch.join("store");
    std::fs::create_dir_all(&store).expect("writable");
    for kept in ["sources", "toolchains", "roots"] {
        std::os::unix::fs::symlink(fixture.store().join(kept), store.join(kept)).expect("linked");
    }
    let fixture = fixture.with_store(store.clone());
    let to = format!("--to={host}/three/hello");
    let anew = publish(&fixture, &[&to, "--arch=x64,arm64", "--json"], None, None).success();
    assert_eq!(parsed(&anew)["digest"], answer["digest"], "the same index from two stores");
    let results = std::fs::read_dir(store.join("results")).expect("a folder").count();
    assert_eq!(results, 4, "two components for two architectures were built there");
}

/// A command, by somebody with nothing but a user's keys.
fn with_keys(cloud: &Cloud<Registry>, fixture: &Fixture, who: &str, arguments: &[&str]) -> Outcome {
    let of = |what: &str| cloud.made[who][what].as_str().expect("a key").to_owned();
    let mut command = fixture.command(arguments);
    cloud.lead(&mut command);
    command.env("HOME", fixture.join("home")).env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("AWS_ACCESS_KEY_ID", of("id")).env("AWS_SECRET_ACCESS_KEY", of("secret"));
    let outcome = run(&mut command);
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    for secret in [&*of("secret"), cloud::LOGIN.1, cloud::LOGIN_IN_BASE64] {
        assert!(!said.contains(secret), "a secret was told: {said}");
    }
    outcome
}

#[test]
fn an_image_goes_to_ecr_with_keys_alone_and_is_verified_there() {
    let fixture = workspace("ecr", [100_000, 200_000]);
    let scratch = Scratch::new("ecr-registry");
    let cloud = Cloud::start(|certificate, key| {
        let setup =
            Setup { login: Some(cloud::LOGIN), has_tls: false, certificate: Some((certificate, key)) };
        let registry = Registry::start(&scratch.join("registry"), setup);
        let port = registry.port();
        (registry, port)
    });
    let (key, public) = (scratch.join("key").display().to_string(), scratch.join("key.pub"));
    fixture.xtask(&["image-key", &key, "--plain"]).success();
    let to = format!("--to={}/medic/hello", cloud::HOST);
    let arguments = [
        "publish",
        "hello",
        &to,
        "--arch=x64,arm64",
        "--create-repository",
        "--move-tag=latest",
        "--sign",
        &key,
        "--json",
    ];
    let first = parsed(&with_keys(&cloud, &fixture, "publisher", &arguments).success());
    let digest = first["digest"].as_str().expect("a digest");
    let made = cloud.repository("medic/hello");
    assert_eq!(made["imageTagMutability"], "IMMUTABLE_WITH_EXCLUSION", "{made}");
    assert_eq!(made["imageTagMutabilityExclusionFilters"][0]["filter"], "latest", "{made}");
    assert_eq!(made["imageScanningConfiguration"]["scanOnPush"], true, "{made}");
    for tag in ["1.0", "latest"] {
        let link = std::fs::read_to_string(cloud.registry.tag("medic/hello", tag)).expect("a tag");
        assert_eq!(link, digest, "{tag}");
    }
    let again = parsed(&with_keys(&cloud, &fixture, "publisher", &arguments).success());
    let place = &again["places"][0];
    assert_eq!(
        (&place["sent"], &place["attached"], &again["digest"]),
        (&0.into(), &0.into(), &first["digest"])
    );
    let reference = format!("{}/medic/hello:1.0", cloud::HOST);
    let verify = ["verify", &reference, "--key", &public.display().to_string(), "--json"];
    let verified = parsed(&with_keys(&cloud, &fixture, "publisher", &verify).success());
    assert_eq!((&verified["verified"], &verified["digest"]), (&true.into(), &first["digest"]), "{verified}");
    let hosts = cloud.hosts();
    assert!(
        !hosts.is_empty() && hosts.iter().all(|host| *host == format!("{}:443", cloud::HOST)),
        "{hosts:?}"
    );
}

#[test]
fn a_killed_publisher_has_moved_no_tag_and_the_next_one_goes_on() {
    let fixture = workspace("killed-publisher", [3_000_000, 2_000_000]);
    let scratch = Scratch::new("killed-registry");
    let registry = Registry::start(&scratch.join("registry"), Setup::default());
    fixture.xtask(&["build-image", "hello", "--output=archive:out.tar"]).success();
    // Each of the large layers has a connection of its own: the smaller one comes through, and the other does not.
    let stalling = Stalling::before(&registry.host(), 2_500_000);
    let mut killed = fixture
        .command(&["publish", "hello", "--to", &format!("{}/hello", stalling.host())])
        .env("DOCKER_CONFIG", "/nonexistent")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    wait_for("the push is under way", Duration::from_secs(300), || stalling.is_stalled().then_some(()));
    let all = layers(&fixture);
    let kept = || -> u64 {
        let blob = |digest: &str| std::fs::metadata(registry.blob(digest.trim_start_matches("sha256:")));
        all.iter().filter_map(|(digest, _)| blob(digest).ok()).map(|meta| meta.len()).sum()
    };
    wait_for("a layer is there", Duration::from_secs(60), || (kept() > 1_000_000).then_some(()));
    killed.kill().expect("it runs");
    killed.wait().expect("a child");
    assert_eq!(tags(&registry, "hello"), [""; 0]);
    let kept = kept();
    assert!(kept < all.iter().map(|(_, size)| size).sum(), "{kept} bytes: all of it");
    let to = format!("--to={}/hello", registry.host());
    let answer = parsed(&publish(&fixture, &[&to, "--json"], None, None).success());
    println!("killed after {kept} bytes of layers were there; then {}", answer["places"][0]);
    assert_eq!(tags(&registry, "hello"), ["1.0"]);
    assert!(answer["places"][0]["there"].as_u64() >= Some(kept), "{answer}");
    let reference = format!("docker://{}/hello:1.0", registry.host());
    let found = call("skopeo", &["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &reference]);
    assert_eq!(found.success().text(), answer["digest"]);
}

#[test]
fn nginx_is_published_as_it_is_built() {
    let image = nginx_image();
    let scratch = Scratch::new("nginx-registry");
    let registry = Registry::start(&scratch.join("registry"), Setup::default());
    let to = format!("{}/medic/nginx", registry.host());
    let publish = || {
        let mut command = Command::new(medic_tests::xtask::program());
        command.args(["publish", "nginx", "--json", "--to", &to]).current_dir(medic_tests::workspace());
        parsed(&run(command.env("DOCKER_CONFIG", "/nonexistent")).success())
    };
    let first = publish();
    assert_eq!(first["digest"], image.digest.as_str());
    let again = publish();
    println!(
        "nginx: {} bytes sent, and {} the second time",
        first["places"][0]["sent"], again["places"][0]["sent"]
    );
    assert_eq!(again["places"][0]["sent"], 0);
    let reference = format!("docker://{to}:{}", image.version);
    let found = call("skopeo", &["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &reference]);
    assert_eq!(found.success().text(), image.digest);
}

#[test]
fn what_cannot_be_published_to_is_said() {
    let fixture = workspace("nowhere", [10, 20]);
    for (to, text) in [
        ("nginx", "names no registry"),
        ("team/nginx:1", "names no registry"),
        ("https://registry.example/a", "without 'https://'"),
        ("registry.example:99999/a", "not the name of a registry"),
        ("registry.example/UPPER", "not the name of a repository"),
        ("registry.example/a:b+c", "is not a tag"),
        ("registry.example/a@sha256:12", "is not a digest"),
        (&format!("registry.example/a@sha256:{}", "0".repeat(64)), "has a digest"),
    ] {
        publish(&fixture, &[&format!("--to={to}")], None, None).ended_with(2).says(text);
    }
    publish(&fixture, &["--to=localhost:1/a", "--move-tag=a b"], None, None)
        .ended_with(2)
        .says("is not a tag");
    publish(&fixture, &["--to=localhost:1/a", "--arch=m68k"], None, None)
        .ended_with(2)
        .says("not an architecture");
    // Nobody listens; and a name that nobody has (RFC 6761, section 6.4).
    let nobody = publish(&fixture, &["--to=127.0.0.1:1/a"], None, None).ended_with(REGISTRY);
    nobody.says("127.0.0.1:1/a").says("refused");
    publish(&fixture, &["--to=registry.invalid/a"], None, None).ended_with(REGISTRY).says("registry.invalid");
}

#[test]
fn a_full_disk_is_named_and_nothing_is_published() {
    let scratch = Scratch::new("full-publisher");
    let registry = Registry::start(&scratch.join("registry"), Setup::default());
    let fixture = workspace("full-publisher-workspace", [2_000_000, 1000]);
    fixture.xtask(&["build-package", "hello", "world"]).success();
    // A place for the archive that is too small for it.
    let images = fixture.join("target/images");
    std::fs::create_dir_all(&images).expect("writable");
    let images = images.display().to_string();
    call("mount", &["-t", "tmpfs", "-o", "size=1m", "tmpfs", &images]).success();
    let outcome = publish(&fixture, &[&format!("--to={}/hello", registry.host())], None, None);
    call("umount", &[&images]).success();
    outcome.ended_with(6).says("full").says("hello-");
    assert_eq!(tags(&registry, "hello"), [""; 0]);
}
