//! Every source of a login, with real helpers and real servers on the loopback address.

mod aws;
mod docker;
mod order;
mod refusals;
mod stub;

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use medic_repository::Network;

use super::*;

/// A registry of AWS.
const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
/// Another.
const OTHER: &str = "registry.example";

/// No sources at all.
fn nothing() -> Sources {
    Sources {
        given: None,
        environment: None,
        docker_text: None,
        docker_file: None,
        search_path: OsString::new(),
        aws: AwsSources { is_instance_disabled: true, ..AwsSources::default() },
        network: Network::default(),
        clock: || SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160),
    }
}

fn given(host: Option<&str>, name: &str, password: &str) -> Option<Given> {
    let (host, name, password) = (host.map(str::to_owned), name.to_owned(), Secret::new(password));
    Some(Given { host, name, password, origin: "a test" })
}

/// `name:password` of the login that there is.
fn found(sources: &Sources, host: &str) -> Option<String> {
    let login = Credentials::new(sources.clone()).login(host).unwrap_or_else(|error| panic!("{error}"))?;
    let decoded = STANDARD.decode(&login.0).expect("Base64");
    Some(String::from_utf8(decoded).expect("UTF-8"))
}

/// Why there is none.
fn refused(sources: &Sources, host: &str) -> String {
    match Credentials::new(sources.clone()).login(host) {
        Ok(_) => panic!("there is a login for {host}, or none is needed"),
        Err(error) => error.to_string(),
    }
}

/// A program of the shell in a folder.
fn program(folder: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
}
