//! The real nginx image in the hands of tools that others wrote.

use std::path::Path;

use medic_tests::command::{Outcome, call, run};
use medic_tests::container::unique;
use medic_tests::xtask::{nginx_image, program, xtask};
use medic_tests::{Container, Scratch, wait_for};
use std::process::{Child, Command};
use std::time::Duration;

const CHECK_OCI: &str = "tests/support/check_oci.py";
const CHECK_TREE: &str = "tests/support/check_tree.py";

/// Debian's own Python, for which Debian packages what checks schemas.
fn check(script: &str, arguments: &[&str]) -> Outcome {
    run(Command::new("/usr/bin/python3").arg(script).args(arguments).current_dir(medic_tests::workspace()))
}

fn build(arguments: &[&str]) -> Outcome {
    xtask(&[&["build-image", "nginx"], arguments].concat()).success()
}

/// Podman with a place of its own, so that nothing of the machine is changed.
struct Podman {
    scratch: Scratch,
    /// What is there while it runs: of such a folder's path it takes 50 characters at most.
    run: tempfile::TempDir,
}

impl Podman {
    fn new(what: &str) -> Self {
        Self { scratch: Scratch::new(what), run: tempfile::tempdir().expect("a folder") }
    }

    fn storage(&self) -> [String; 6] {
        let below = |name: &str| self.scratch.join(name).to_string_lossy().into_owned();
        [
            "--root".to_owned(),
            below("root"),
            "--runroot".to_owned(),
            self.run.path().to_string_lossy().into_owned(),
            "--storage-driver".to_owned(),
            "vfs".to_owned(),
        ]
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(self.storage()).args(arguments);
        command
    }

    fn call(&self, program: &str, arguments: &[&str]) -> Outcome {
        run(&mut self.command(program, arguments))
    }
}

/// A server of ours, ended on drop.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn documents_are_as_the_schemas_of_the_specification_have_them() {
    nginx_image();
    let scratch = Scratch::new("schemas");
    for compression in ["gzip", "zstd"] {
        let layout = scratch.join(compression);
        let path = layout.to_string_lossy().into_owned();
        build(&["--compression", compression, "--output", &format!("oci:{path}")]);
        check(CHECK_OCI, &[&path]).success();
        // The same check finds what is wrong.
        let index = layout.join("index.json");
        let text = std::fs::read_to_string(&index).expect("there");
        for (from, to) in [
            ("\"schemaVersion\":2", "\"schemaVersion\":1"),
            ("sha256:", "sha256-"),
            ("\"size\":", "\"length\":"),
        ] {
            assert!(text.contains(from), "{text}");
            std::fs::write(&index, text.replacen(from, to, 1)).expect("written");
            let refused = check(CHECK_OCI, &[&path]);
            assert_ne!(refused.code, 0, "{to} was taken");
        }
    }
}

/// skopeo keeps the digest, umoci unpacks it, and what it unpacked is what the container's receipts say.
#[test]
fn skopeo_and_umoci_unpack_just_what_the_receipts_say() {
    let image = nginx_image();
    let scratch = Scratch::new("unpacked");
    let below = |name: &str| scratch.join(name).to_string_lossy().into_owned();
    let archive = format!("oci-archive:{}", image.archive.display());
    let layout = format!("oci:{}:latest", below("layout"));
    call("skopeo", &["copy", "--preserve-digests", &archive, &layout]).success();
    let digest = call("skopeo", &["inspect", "--format", "{{.Digest}}", &layout]).success();
    assert_eq!(digest.text(), image.digest);
    call("umoci", &["unpack", "--image", &format!("{}:latest", below("layout")), &below("bundle")]).success();
    let container = Container::serving(&image.reference, &[]);
    let from = format!("{}:/srv/system/receipts", container.inspect("{{.Id}}"));
    call("docker", &["cp", &from, &below("receipts")]).success();
    let root = below("bundle/rootfs");
    let compared = check(CHECK_TREE, &[&root, &below("receipts")]).success();
    println!("{}", compared.text());
    // The tar of the root file system has the same tree.
    build(&["--output", &format!("rootfs:{}", below("root.tar"))]);
    std::fs::create_dir(scratch.join("flat")).expect("made");
    call("tar", &["-C", &below("flat"), "-xpf", &below("root.tar")]).success();
    check(CHECK_TREE, &[&below("flat"), &below("receipts")]).success();
    let list = |root: &str| {
        call("find", &[root, "-mindepth", "1", "-printf", "%P %y %m %U:%G %l %T@\n"]).success().stdout
    };
    let sorted = |text: String| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(list(&below("flat"))), sorted(list(&root)));
    // The same check finds a file that is other than its receipt says.
    let file = Path::new(&root).join(format!("usr/lib/medic-os/nginx/v{}/x64/bin/nginx", image.version));
    let mut bytes = std::fs::read(&file).expect("there");
    bytes[100] ^= 1;
    std::fs::write(&file, bytes).expect("written");
    check(CHECK_TREE, &[&root, &below("receipts")]).ended_with(1).says("other bytes");
}

#[test]
fn podman_and_buildah_take_every_archive() {
    let image = nginx_image();
    let podman = Podman::new("podman");
    let below = |name: &str| podman.scratch.join(name).to_string_lossy().into_owned();
    let archive = image.archive.to_string_lossy().into_owned();
    build(&[
        "--output",
        &format!("docker-archive:{}", below("saved.tar")),
        "--output",
        &format!("oci:{}", below("layout")),
    ]);
    let config = call("skopeo", &["inspect", "--raw", &format!("oci-archive:{archive}")]).success();
    let manifest: serde_json::Value = serde_json::from_str(config.text()).expect("JSON");
    let id =
        manifest["config"]["digest"].as_str().expect("a digest").trim_start_matches("sha256:").to_owned();
    for load in [
        &["load", "--input", &below("saved.tar")][..],
        &["load", "--input", &archive],
        &["pull", &format!("oci-archive:{archive}")],
        &["pull", &format!("docker-archive:{}", below("saved.tar"))],
        &["pull", &format!("oci:{}", below("layout"))],
    ] {
        podman.call("podman", load).success();
        let images = podman.call("podman", &["images", "--quiet", "--no-trunc"]).success();
        assert_eq!(images.text(), format!("sha256:{id}"), "{load:?}");
        podman.call("podman", &["rmi", "--all", "--force"]).success();
    }
    let container = podman.call("buildah", &["from", &format!("oci-archive:{archive}")]).success();
    let container = container.text().lines().last().unwrap_or_default().to_owned();
    let entrypoint = podman
        .call("buildah", &["inspect", "--format", "{{.OCIv1.Config.Entrypoint}}", &container])
        .success();
    assert_eq!(entrypoint.text(), "[/boot/init]");
    podman.call("buildah", &["rm", &container]).success();
}

#[test]
fn podmans_socket_takes_the_image_and_an_absent_one_is_said() {
    nginx_image();
    let podman = Podman::new("podman-socket");
    // A socket's path must be short.
    let socket = format!("/tmp/{}.sock", unique("podman"));
    let host = format!("unix://{socket}");
    let load = || {
        run(Command::new(program())
            // Podman says that it is an old Docker, which could not read zstd; it can.
            .args(["build-image", "nginx", "--output", "podman", "--compression", "zstd"])
            .env("CONTAINER_HOST", &host)
            .current_dir(medic_tests::workspace()))
    };
    load().ended_with(7).says("no Podman answers at").says("podman system service");
    let mut service = podman.command("podman", &["system", "service", "--time=0", &host]);
    let _service = Server(service.spawn().expect("Podman starts"));
    wait_for("Podman's socket", Duration::from_secs(30), || {
        std::os::unix::net::UnixStream::connect(&socket).ok().map(drop)
    });
    let loaded = load().success();
    assert!(loaded.stdout.contains("Podman: medic-os/nginx:"), "{}", loaded.stdout);
    let images = podman.call("podman", &["images", "--format", "{{.Repository}}:{{.Tag}}"]).success();
    assert!(images.stdout.contains("medic-os/nginx:latest"), "{}", images.stdout);
    let again = load().success();
    assert!(again.stdout.contains("up to date"), "{}", again.stdout);
    drop(std::fs::remove_file(&socket));
}

/// A context of the docker command leads to the daemon, one that does not exist is named, and `ssh` is refused plainly.
#[test]
fn dockers_contexts_are_honoured() {
    nginx_image();
    let scratch = Scratch::new("contexts");
    let with = |variables: &[(&str, &str)]| {
        let mut command = Command::new(program());
        command.args(["build-image", "nginx", "--output", "docker"]).current_dir(medic_tests::workspace());
        command.env_remove("DOCKER_HOST").env("DOCKER_CONFIG", scratch.path());
        command.envs(variables.iter().copied());
        run(&mut command)
    };
    let docker = |arguments: &[&str]| {
        run(Command::new("docker")
            .args(arguments)
            .env("DOCKER_CONFIG", scratch.path())
            .env_remove("DOCKER_HOST"))
    };
    docker(&["context", "create", "here", "--docker", "host=unix:///var/run/docker.sock"]).success();
    docker(&["context", "create", "away", "--docker", "host=tcp://127.0.0.1:9"]).success();
    docker(&["context", "create", "far", "--docker", "host=ssh://far"]).success();
    with(&[("DOCKER_CONTEXT", "here")]).success();
    docker(&["context", "use", "away"]).success();
    with(&[]).ended_with(7).says("tcp://127.0.0.1:9");
    with(&[("DOCKER_HOST", "unix:///var/run/docker.sock")]).success();
    with(&[("DOCKER_CONTEXT", "far")]).ended_with(7).says("ssh is not supported");
    with(&[("DOCKER_CONTEXT", "absent")]).ended_with(7).says("there is no context 'absent'");
    scratch.write("config.json", "{");
    with(&[]).ended_with(7).says("config.json").says("is damaged");
    // Where Docker was not asked for, the image is there all the same.
    let unasked = run(Command::new(program())
        .args(["build-image", "nginx"])
        .env_remove("DOCKER_HOST")
        .env("DOCKER_CONFIG", scratch.path())
        .current_dir(medic_tests::workspace()));
    let unasked = unasked.success();
    assert!(unasked.stdout.contains("is damaged"), "{}", unasked.stdout);
    assert!(unasked.stdout.contains("the image is in target/images/"), "{}", unasked.stdout);
}

/// An authority, a server's certificate of it and a caller's, in a folder as `DOCKER_CERT_PATH` is.
fn certificates(folder: &Scratch) {
    let script = "set -eu
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca-key.pem -out ca.pem -days 2 -subj /CN=authority
sign() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1-key.pem -out $1.csr -subj /CN=$1
    printf \"$2\" > $1.ext
    openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile $1.ext -out $1.pem
}
sign server 'subjectAltName=IP:127.0.0.1'
sign caller 'extendedKeyUsage=clientAuth'
cp caller.pem cert.pem && cp caller-key.pem key.pem
";
    run(Command::new("sh").args(["-c", script]).current_dir(folder.path())).success();
}

#[test]
fn a_daemon_behind_tls_is_asked_with_certificates() {
    nginx_image();
    let (scratch, other) = (Scratch::new("tls"), Scratch::new("other-authority"));
    certificates(&scratch);
    certificates(&other);
    let mut proxy = Command::new("python3");
    proxy.arg(medic_tests::workspace().join("tests/support/tls_proxy.py")).arg(scratch.path());
    let mut proxy = Server(proxy.stdout(std::process::Stdio::piped()).spawn().expect("it starts"));
    let mut port = String::new();
    let out = proxy.0.stdout.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut port).expect("it says its port");
    let host = format!("tcp://127.0.0.1:{}", port.trim());
    let with = |folder: &Path, verify: &str| {
        run(Command::new(program())
            .args(["build-image", "nginx", "--output", "docker"])
            .env("DOCKER_HOST", &host)
            .env("DOCKER_TLS_VERIFY", verify)
            .env("DOCKER_CERT_PATH", folder)
            .current_dir(medic_tests::workspace()))
    };
    with(scratch.path(), "1").success();
    let stranger = with(other.path(), "1").ended_with(7);
    assert!(stranger.stderr.contains("certificate"), "{}", stranger.stderr);
    with(scratch.path(), "").ended_with(7);
    std::fs::remove_file(scratch.join("ca.pem")).expect("there");
    with(scratch.path(), "1").ended_with(7).says("ca.pem");
}
