//! Another certificate, or none that can be used, while clients work.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use medic_tests::Scratch;
use medic_tests::command::call;
use medic_tests::http::certificate;
use medic_tests::medic_core::Core;

const PAIR: &str = "/srv/settings/medic-core/nginx/private/default";

/// A certificate and its key in a folder, by openssl.
fn make(scratch: &Scratch, name: &str, days: &str) {
    let (key, out) = (scratch.join(&format!("{name}.key")), scratch.join(&format!("{name}.crt")));
    let (key, out) = (key.to_string_lossy().into_owned(), out.to_string_lossy().into_owned());
    let subject = format!("/CN={name}");
    let kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let mut all = kind.to_vec();
    all.extend(["-keyout", &key, "-out", &out, "-subj", &subject, "-days", days]);
    call("openssl", &all).success();
}

fn put(core: &Core, scratch: &Scratch, certificate: &str, key: &str) {
    for (from, to) in [(format!("{certificate}.crt"), "crt"), (format!("{key}.key"), "key")] {
        let to = format!("{}:{PAIR}.{to}", core.container.name);
        call("docker", &["cp", &scratch.join(&from).to_string_lossy(), &to]).success();
    }
}

#[test]
fn a_reload_takes_another_certificate_without_dropping_a_request() {
    let scratch = Scratch::new("certificates");
    let core = Core::serving("secret", &[]);
    core.must_put("/load", "");
    ["one", "two"].into_iter().for_each(|name| make(&scratch, name, "90"));
    let over = AtomicBool::new(false);
    let requests = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                scope.spawn({
                    let (core, over) = (&core, &over);
                    move || load(core, worker, over)
                })
            })
            .collect();
        let slow = upload(&core);
        for round in 0..6 {
            let name = ["one", "two"][round % 2];
            put(&core, &scratch, name, name);
            core.container.exec(&["svc-reload", "medic-core", "nginx"]).success();
            shows(&core, name);
        }
        over.store(true, Ordering::Relaxed);
        finished(slow);
        workers.into_iter().map(|worker| worker.join().expect("it did not panic")).sum::<usize>()
    });
    assert!(requests > 50, "only {requests} requests were made meanwhile");
}

/// Writes and reads until it is over: every answer must be the right one.
fn load(core: &Core, worker: usize, over: &AtomicBool) -> usize {
    let mut made = 0;
    while !over.load(Ordering::Relaxed) {
        let path = format!("/load/{worker}-{made}");
        // nginx tells an HTTP/2 connection that is new when the reload comes to go elsewhere, with no request taken: a browser then does.
        let answer = core.request("PUT", &path, &["--http1.1", "--data-binary", "{}"]);
        assert_eq!(answer.status, 201, "{path}: {}", answer.body);
        made += 1;
    }
    made
}

/// An upload that takes longer than a few reloads.
fn upload(core: &Core) -> std::process::Child {
    let text = format!("{{\"text\": \"{}\"}}", "x".repeat(400_000));
    let who = format!("admin:{}", core.password);
    let mut curl = Command::new("curl")
        .args(["--silent", "--insecure", "--noproxy", "*", "--user", &who, "--request", "PUT"])
        .args([
            "--header",
            "Expect:",
            "--limit-rate",
            "100k",
            "--data-binary",
            "@-",
            "--write-out",
            "%{http_code}",
        ])
        .args(["--output", "/dev/null", &core.url("/load/slow")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl is installed");
    let mut input = curl.stdin.take().expect("piped");
    std::io::Write::write_all(&mut input, text.as_bytes()).expect("curl takes all of it before it sends");
    curl
}

fn finished(upload: std::process::Child) {
    let output = upload.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "201", "the slow upload was cut off");
}

/// New connections get the new certificate.
fn shows(core: &Core, name: &str) {
    let (started, address) = (Instant::now(), core.container.address(443));
    while !certificate(&address).contains(&format!("CN = {name}")) {
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "it does not show {name}: {}",
            certificate(&address)
        );
    }
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_and_one_that_ends_soon_is_told() {
    let scratch = Scratch::new("bad-certificates");
    let core = Core::serving("secret", &[]);
    for (name, days) in [("good", "90"), ("other", "90"), ("soon", "9")] {
        make(&scratch, name, days);
    }
    put(&core, &scratch, "good", "good");
    core.container.exec(&["svc-reload", "medic-core", "nginx"]).success();
    shows(&core, "good");

    put(&core, &scratch, "other", "good");
    let refused = core.container.exec(&["svc-reload", "medic-core", "nginx"]);
    assert_ne!(refused.code, 0, "a key that does not fit was taken");
    let said = refused.stdout + &refused.stderr + &core.container.logs();
    assert!(said.contains(&format!("the key {PAIR}.key does not fit the certificate {PAIR}.crt")), "{said}");
    shows(&core, "good");
    assert_eq!(core.request("GET", "/_up", &[]).status, 200);

    put(&core, &scratch, "soon", "soon");
    core.container.exec(&["svc-reload", "medic-core", "nginx"]).success();
    shows(&core, "soon");
    let said = core.container.logs();
    assert!(said.contains("Warning: the certificate of nginx ends in 8 days"), "{said}");
    let health = ["supervisor-inspect", "--health", "--verbose"];
    let told = core.container.exec(&health).success().stdout;
    assert!(told.contains("\nWarning: medic-core: the certificate of nginx ends in 8 days"), "{told}");
    put(&core, &scratch, "good", "good");
    core.container.exec(&["svc-reload", "medic-core", "nginx"]).success();
    let told = core.container.exec(&health).success().stdout;
    assert!(!told.contains("Warning"), "{told}");
}

#[test]
fn a_certificate_comes_from_where_the_environment_says() {
    let scratch = Scratch::new("given-certificate");
    make(&scratch, "given", "90");
    let mount = format!("{}:/run/secrets:ro", scratch.path().display());
    let files = ["TLS_CERTIFICATE_FILE=/run/secrets/given.crt", "TLS_KEY_FILE=/run/secrets/given.key"];
    let core = Core::serving("secret", &["--volume", &mount, "--env", files[0], "--env", files[1]]);
    shows(&core, "given");
    assert_ne!(
        core.container.shell(&format!("test -e {PAIR}.key")).code,
        0,
        "a key that nobody needs was made"
    );
}
