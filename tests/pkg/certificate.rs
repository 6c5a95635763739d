//! `/boot/certificate`: what it makes is what openssl says it is.

use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use crate::support::{Ended, PKG, World};

fn certificate(world: &World, args: &[&str]) -> Ended {
    let program: PathBuf = world.archives().join("certificate");
    let _ = symlink(PKG, &program);
    Ended::of(&Command::new(program).current_dir(world.root()).args(args).output().expect("it runs"))
}

fn openssl(world: &World, args: &[&str]) -> Option<Ended> {
    let run = Command::new("openssl").current_dir(world.root()).args(args).output();
    run.ok().map(|output| Ended::of(&output).ok())
}

const MAKE: [&str; 9] =
    ["self-signed", "--out-cert", "tls.crt", "--out-key", "tls.key", "--name", "web.example", "--days", "30"];

#[test]
fn a_certificate_is_made_with_its_names_and_dates() {
    let world = World::new();
    let mut args = MAKE.to_vec();
    args.extend(["--name", "127.0.0.1", "--name", "::1", "--name", "*.web.example"]);
    certificate(&world, &args).ok();
    let key = world.path("tls.key").metadata().expect("key");
    assert_eq!(
        (key.mode() & 0o777, world.path("tls.crt").metadata().expect("cert").mode() & 0o777),
        (0o600, 0o644)
    );
    let shown = certificate(&world, &["show", "tls.crt", "--json"]).ok().json();
    assert_eq!(shown["subject"], "CN=web.example");
    assert_eq!(shown["names"], serde_json::json!(["web.example", "127.0.0.1", "::1", "*.web.example"]));
    // The clock may have moved on by a second since.
    assert!([29, 30].map(serde_json::Value::from).contains(&shown["days_left"]), "{shown}");
    let text = certificate(&world, &["show", "tls.crt"]).ok().out;
    assert!(text.contains("Names       web.example, 127.0.0.1, ::1, *.web.example\n"), "{text}");
    let Some(openssl_says) = openssl(&world, &["x509", "-in", "tls.crt", "-noout", "-text"]) else { return };
    for line in [
        "DNS:web.example, IP Address:127.0.0.1",
        "DNS:*.web.example",
        "CN = web.example",
        "ASN1 OID: prime256v1",
        "CA:FALSE",
        "TLS Web Server Authentication",
    ] {
        let squeezed = |text: &str| text.replace(" = ", "=");
        assert!(
            squeezed(&openssl_says.out).contains(&squeezed(line)),
            "'{line}' is not in {}",
            openssl_says.out
        );
    }
    openssl(&world, &["verify", "-CAfile", "tls.crt", "-verify_hostname", "web.example", "tls.crt"]);
    let public = openssl(&world, &["pkey", "-in", "tls.key", "-pubout"]).map(|ended| ended.out);
    assert_eq!(
        public,
        openssl(&world, &["x509", "-in", "tls.crt", "-noout", "-pubkey"]).map(|ended| ended.out)
    );
}

#[test]
fn nothing_is_overwritten_unless_told() {
    let world = World::new();
    world.write("tls.key", "mine");
    certificate(&world, &MAKE).failed(5, "'tls.key' is there already");
    assert!(!world.exists("tls.crt"));
    certificate(&world, &[&MAKE[..], &["--force"]].concat()).ok();
    assert!(world.read("tls.key").contains("PRIVATE KEY"));
}

#[test]
fn wrong_names_files_and_days_are_told() {
    let world = World::new();
    let named = |name| ["self-signed", "--out-cert", "c", "--out-key", "k", "--name", name];
    certificate(&world, &named("a b")).failed(2, "'a b' is neither a DNS name nor an IP address");
    certificate(&world, &[&MAKE[..8], &["0"]].concat()).failed(2, "0 is not in 1..=36500");
    certificate(&world, &["self-signed", "--out-cert", "no/c", "--out-key", "no/k", "--name", "a"])
        .failed(4, "cannot open the folder 'no'");
    certificate(&world, &["show", "none"]).failed(4, "cannot read 'none'");
    world.write("text", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    certificate(&world, &["show", "text"]).failed(6, "'text' is not a certificate in PEM");
    world.write("text", "text");
    certificate(&world, &["show", "text"]).failed(6, "it has no '-----BEGIN CERTIFICATE-----'");
}
