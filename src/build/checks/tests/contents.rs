//! Build paths and secrets.

use super::*;

/// What the build-path check says of a text.
fn paths(text: impl AsRef<[u8]>) -> Option<String> {
    let (content, _) = content::Content::read("x", text.as_ref());
    build_paths::build_paths(&content, &["/var/builder/store/".to_owned()]).map(|finding| finding.what)
}

#[test]
fn paths_of_the_build_are_found_and_others_are_not() {
    for (text, path) in [
        ("prefix=/build/out/srv", "/build/out/srv"),
        ("\0/toolchain/bin/cc\0", "/toolchain/bin/cc"),
        ("-I/sysroot/zlib/include", "/sysroot/zlib/include"),
        ("-L/build/out", "/build/out"),
        ("(/home/ci/.cargo/x)", "/home/ci/.cargo/x"),
        ("\"/root/.cargo/registry\"", "/root/.cargo/registry"),
        ("x:/var/builder/store/trees/1", "/var/builder/store/trees/1"),
    ] {
        let found = paths(text);
        assert_eq!(found.as_deref(), Some(path), "{text}");
    }
    for text in [
        "/usr/share/build/x",
        "https://example.org/build/x",
        "~/build/x",
        "${HOME}/build/x",
        "/rootfs/x",
        "cd /home/",
        "root:x:0:0:root:/root:/bin/sh",
        "/building/x",
        "/srv/software/hello",
        "AI/build/x",
    ] {
        assert_eq!(paths(text), None, "{text}");
    }
    let many = paths("/build/a /build/b /build/c /build/d /build/a").expect("found");
    assert_eq!(many, "/build/a, /build/b, /build/c, 1 other paths");
}

/// What the check for secrets says of a file.
fn secrets(path: &str, text: &str) -> Vec<String> {
    secrets_of(path, text.as_bytes())
}

/// Put together here, so that this file holds no secret itself.
fn pem(label: &str) -> String {
    format!(
        "x\n-----BEGIN {label}-----\nMC4CAQAwBQYDK2VwBCIEIGbR1xCq3zq0hQn5w7YzK1m8s\n-----END {label}-----\n"
    )
}

#[test]
fn secrets_are_found() {
    let random = "4kZ9qT7wX2mB8nV5cR1yL6pD3fH0gJaSuEiO";
    for (text, says) in [
        (pem("PRIVATE KEY"), "a private key"),
        (pem("RSA PRIVATE KEY"), "a private key"),
        (pem("OPENSSH PRIVATE KEY"), "a private key"),
        (pem("PRIVATE KEY").replace('\n', "\\n"), "a private key"),
        (format!("key = {}{}", "AKIA", "3QZ7XN5T2WRV9KLM"), "an AWS access key id"),
        (format!("aws_secret_access_key = {random}ABCD"), "an AWS secret key"),
        (format!("token: {}{random}", "ghp_"), "a GitHub token"),
        (format!("//registry/:_authToken={random}"), "a token of an npm registry"),
        (
            format!("untrusted comment: {}\nRWRTY0Iy{random}{random}\n", "minisign encrypted secret key"),
            "minisign",
        ),
    ] {
        let found = secrets("share/x", &text);
        assert!(found.len() == 1 && found[0].contains(says), "{says}: {found:?}");
    }
    assert_eq!(secrets("home/.netrc", ""), ["a file of this name holds passwords of ftp and curl"]);
    assert_eq!(secrets("a/id_ed25519", "").len(), 1);
}

#[test]
fn what_only_looks_like_a_secret_is_none() {
    for text in [
        // Programs that read keys have the heading.
        format!("-----BEGIN {}-----\0-----END\0", "PRIVATE KEY"),
        format!("if line == \"-----BEGIN {}-----\" {{\n    begin();\n}}\n", "PRIVATE KEY"),
        pem("CERTIFICATE"),
        pem("PUBLIC KEY"),
        format!("{}{}", "AKIA", "IOSFODNN7EXAMPLE"),
        format!("{}{}", "AKIA", "AAAAAAAAAAAAAAAA"),
        format!("{}{}", "ghp_", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        "npm_config_registry_is_a_long_name_with_underscores".to_owned(),
        "aws_secret_access_key = \"\"".to_owned(),
    ] {
        assert_eq!(secrets("share/x", &text), [""; 0], "{text}");
    }
    assert_eq!(secrets("share/id_rsa.txt", ""), [""; 0]);
}
