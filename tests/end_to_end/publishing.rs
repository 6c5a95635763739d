//! A package that the builder has built goes into a repository, signed.

use medic_tests::command::call;
use medic_tests::fixture::Fixture;
use medic_tests::xtask::nginx_image;
use medic_tests::{Container, Network};
use serde_json::Value;

#[test]
fn a_package_is_built_and_published() {
    let fixture = Fixture::new("publishing");
    let path = |name: &str| fixture.join(name).display().to_string();
    let (key, folder) = (path("key"), path("stable"));
    fixture.xtask(&["repo", "key", &key]).success();
    let publish = |name: &str| {
        let outcome = fixture.xtask(&["repo", "publish", &folder, name, "--key", &key, "--json"]).success();
        serde_json::from_str::<Value>(outcome.text()).expect("JSON")
    };
    let answer = publish("hello");
    assert_eq!((&answer["repository"], &answer["index"]), (&"stable".into(), &1.into()), "{answer}");
    let package = &answer["packages"][0];
    let name = format!("hello-v1.0-{}.pkg.tar.zst", package["arch"].as_str().expect("an architecture"));
    // The archive that the builder has in its store, under the digest that the index gives it.
    let published = fixture.join("stable/packages").join(&name);
    let bytes = std::fs::read(&published).expect("published");
    assert_eq!(bytes, std::fs::read(fixture.package()).expect("built"));
    let digest = call("sha256sum", &[&published.display().to_string()]).success();
    assert!(digest.stdout.starts_with(package["sha256"].as_str().expect("a digest")), "{answer}");
    let public = format!("{key}.pub");
    call("minisign", &["-V", "-p", &public, "-m", &path("stable/index-1.json")]).success();
    // Once more, from the store: nothing new is listed.
    let again = publish("hello");
    assert_eq!(
        (&again["index"], &again["listed"], &again["packages"][0]["new"]),
        (&2.into(), &1.into(), &false.into())
    );
    let missing = fixture.xtask(&["repo", "publish", &folder, "nothing", "--key", &key]);
    assert_eq!(missing.code, 3, "{}", missing.stderr);
    assert!(missing.stderr.contains("nothing"), "{}", missing.stderr);
}

const HOST: &str = "packages.example";

/// nginx of one container serves the repository that another one installs from, upgrades, and goes back.
#[test]
fn a_repository_is_served_by_nginx_and_installed_from() {
    let fixture = Fixture::new("served");
    let path = |name: &str| fixture.join(name).display().to_string();
    let (key, folder) = (path("key"), path("stable"));
    fixture.xtask(&["repo", "key", &key]).success();
    let publish = || {
        fixture.xtask(&["repo", "publish", &folder, "hello", "--key", &key]).success();
    };
    publish();

    let image = &nginx_image().reference;
    let network = Network::new();
    let names = format!("NGINX_TLS_NAMES={HOST}");
    let server =
        Container::serving(image, &["--network", &network.name, "--network-alias", HOST, "--env", &names]);
    let serve = || {
        let www = format!("{}:/srv/storage/nginx/nginx/www/", server.name);
        call("docker", &["cp", &folder, &www]).success();
    };
    serve();
    let client = Container::serving(image, &["--network", &network.name]);
    call("docker", &["cp", &format!("{key}.pub"), &format!("{}:/tmp/key.pub", client.name)]).success();
    let secure = format!("https://{HOST}/stable");
    let untrusted = client.exec(&["pkg", "repo", "add", "stable", &secure]).ended_with(6);
    assert!(untrusted.stderr.contains("key"), "{}", untrusted.stderr);
    client.exec(&["pkg", "key", "add", "/tmp/key.pub"]).success();
    // The certificate is one that the server has made for itself.
    let unknown = client.exec(&["pkg", "repo", "add", "stable", &secure]);
    assert!(unknown.code != 0 && unknown.stderr.contains("certificate"), "{}", unknown.stderr);
    let certificate = server.shell("cat /srv/settings/nginx/nginx/private/default.crt").success().stdout;
    client.shell(&format!("echo '{certificate}' > /tmp/server.crt")).success();
    let known = |command: &str| client.shell(&format!("SSL_CERT_FILE=/tmp/server.crt {command}"));
    known(&format!("pkg repo add stable {secure}")).success();

    let available = known("pkg list --available").success().stdout;
    assert!(available.contains("hello") && available.contains("1.0"), "{available}");
    known("pkg install --yes hello").success();
    assert!(client.shell("supervisor-inspect hello").success().stdout.contains("Status: Up"));
    client.exec(&["pkg", "verify", "hello"]).success();

    fixture.change("recipes/hello/recipe.yaml", "\"1.0\"", "\"1.1\"");
    publish();
    serve();
    known("pkg update").success();
    let outdated = known("pkg list --outdated").success().stdout;
    assert!(outdated.contains("1.1"), "{outdated}");
    known("pkg upgrade --yes").success();
    let link = client.shell("readlink /srv/software/hello/current").success();
    assert_eq!(link.text(), "v1.1");

    // A version whose service ends at once: it is taken back, and the one before serves on.
    fixture.change("recipes/hello/recipe.yaml", "\"1.1\"", "\"1.2\"");
    fixture.change("packages/hello/scripts/run/hello", "exec", "exit 3; exec");
    publish();
    serve();
    let rolled_back = known("pkg upgrade --yes --ready-timeout 5").ended_with(11);
    assert!(rolled_back.stderr.contains("rolled back"), "{}", rolled_back.stderr);
    let link = client.shell("readlink /srv/software/hello/current").success();
    assert_eq!(link.text(), "v1.1");
    assert!(client.shell("supervisor-inspect hello").success().stdout.contains("Status: Up"));
    client.exec(&["pkg", "verify"]).success();
}
