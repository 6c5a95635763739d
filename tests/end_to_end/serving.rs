//! The image serves HTTP and HTTPS, and is what it says it is.

use medic_tests::Container;
use medic_tests::http::{certificate, get, get_with};
use medic_tests::xtask::nginx_image;

#[test]
fn a_page_from_storage_is_served_over_http_and_https() {
    let image = nginx_image();
    let container = Container::serving(
        &image.reference,
        &["--hostname", "shop.example", "--env", "NGINX_TLS_NAMES=www.example, 192.0.2.7"],
    );
    container.shell("echo 'from storage' > /srv/storage/nginx/nginx/www/hello.txt").success();

    let plain = get(&format!("http://{}/hello.txt", container.address(80)));
    assert_eq!((plain.status, plain.body.as_str()), (200, "from storage\n"));

    let secure =
        get_with(&format!("https://{}/hello.txt", container.address(443)), &["--insecure", "--http2"]);
    assert_eq!((secure.status, secure.body.as_str(), secure.version.as_str()), (200, "from storage\n", "2"));

    let shown = certificate(&container.address(443));
    for name in [
        "DNS:localhost",
        "DNS:shop.example",
        "DNS:www.example",
        "IP Address:127.0.0.1",
        "IP Address:192.0.2.7",
    ] {
        assert!(shown.contains(name), "the certificate does not name {name}:\n{shown}");
    }
    assert_eq!(get(&format!("http://{}/no-such-page", container.address(80))).status, 404);
}

#[test]
fn old_tls_is_refused() {
    let container = Container::serving(&nginx_image().reference, &[]);
    let url = format!("https://{}/", container.address(443));
    assert_eq!(get_with(&url, &["--insecure", "--tlsv1.2", "--tls-max", "1.2"]).status, 200);
    assert_eq!(get_with(&url, &["--insecure", "--tlsv1.3"]).status, 200);
    assert_eq!(
        get_with(&url, &["--insecure", "--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"])
            .status,
        0
    );
}

#[test]
fn the_certificate_is_made_once_and_is_not_in_the_image() {
    let image = nginx_image();
    let first = Container::serving(&image.reference, &[]);
    let second = Container::serving(&image.reference, &[]);
    let before = certificate(&first.address(443));
    assert_ne!(before, certificate(&second.address(443)), "two containers share a key: it is in the image");
    first.stop();
    first.start_again();
    first.wait_until_serving();
    assert_eq!(before, certificate(&first.address(443)), "a restart made another certificate");
    let mode = first.shell("stat -c %a /srv/settings/nginx/nginx/private/default.key").success();
    assert_eq!(mode.text(), "600");
}

#[test]
fn workers_are_unprivileged_and_as_many_as_the_container_may_use() {
    let container = Container::serving(&nginx_image().reference, &["--cpus", "1"]);
    let workers = container.shell("ps -o user,args | grep 'nginx: worker' | grep -v grep").success();
    let users: Vec<&str> = workers.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(users, ["nginx"], "{}", workers.stdout);
}

#[test]
fn the_image_says_what_it_is() {
    let image = nginx_image();
    let container = Container::start(&image.reference, &[]);
    let config = container.inspect("{{json .Config}}");
    let config: serde_json::Value = serde_json::from_str(&config).expect("JSON");
    assert_eq!(config["Entrypoint"], serde_json::json!(["/boot/init"]));
    assert_eq!(config["ExposedPorts"], serde_json::json!({"80/tcp": {}, "443/tcp": {}}));
    assert_eq!(config["Volumes"], serde_json::json!({"/srv": {}}));
    assert_eq!(config["Labels"]["org.opencontainers.image.version"], image.version.as_str());
    for label in ["title", "source", "revision", "licenses"] {
        let text = config["Labels"][format!("org.opencontainers.image.{label}")].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "the label {label} is missing: {config}");
    }
    assert!(config["Healthcheck"]["Test"].to_string().contains("supervisor-inspect"), "{config}");
    let path = config["Env"].to_string();
    assert!(path.contains("PATH=/boot:"), "{path}");
}

#[test]
fn the_image_is_smaller_than_4_mb_and_becomes_healthy() {
    let image = nginx_image();
    assert!(image.compressed_size < 4_000_000, "{} bytes", image.compressed_size);
    let container = Container::serving(&image.reference, &[]);
    medic_tests::wait_for("healthy", std::time::Duration::from_secs(40), || {
        (container.inspect("{{.State.Health.Status}}") == "healthy").then_some(())
    });
}
