//! Docker's configuration and its helpers.

use super::*;

/// A helper that knows `registry.example`, and one other.
const HELPER: &str = r#"[ "$1" = get ] || exit 9
[ "$#" = 1 ] || exit 9
read -r server || [ -n "$server" ]
case $server in
    registry.example) echo '{"ServerURL":"registry.example","Username":"helped","Secret":"by itself"}' ;;
    https://index.docker.io/v1/) echo '{"Username":"hub","Secret":"by itself"}' ;;
    identity.example) echo '{"Username":"<token>","Secret":"identity"}' ;;
    broken.example) echo "the key ring is locked"; exit 1 ;;
    silent.example) exit 3 ;;
    odd.example) echo 'Secret: hunter2' ;;
    *) echo "credentials not found in native keychain"; exit 1 ;;
esac"#;

struct World {
    folder: tempfile::TempDir,
    sources: Sources,
}

/// A configuration file, and helpers `docker-credential-one` and `-two` in the search path.
fn world(config: &str) -> World {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["docker-credential-one", "docker-credential-two"] {
        program(folder.path(), name, HELPER);
    }
    let file = folder.path().join("config.json");
    std::fs::write(&file, config).expect("written");
    let search_path = folder.path().into();
    let sources = Sources { docker_file: Some(file), search_path, ..nothing() };
    World { folder, sources }
}

#[test]
fn logins_stand_in_the_configuration_as_docker_and_people_write_them() {
    let world = world(
        r#"{"auths": {"a.example": {"auth": "YTpi"}, "https://b.example/v1/": {"username": "b", "password": "c:d"},
            "c.example": {}, "d.example": {"auth": "YTpi", "identitytoken": "xyz"}}, "HttpHeaders": {"x": "y"}}"#,
    );
    assert_eq!(found(&world.sources, "a.example").as_deref(), Some("a:b"));
    assert_eq!(found(&world.sources, "b.example").as_deref(), Some("b:c:d"));
    assert_eq!(found(&world.sources, "c.example"), None);
    assert_eq!(found(&world.sources, "e.example"), None);
    let identity = Credentials::new(world.sources).login("d.example").expect("one");
    assert!(identity == Some(Login::of_identity("xyz")));
}

#[test]
fn helpers_are_asked_by_their_protocol() {
    let stored = r#"{"auths": {"registry.example": {"auth": "YTpi"}, "plain.example": {"auth": "YTpi"}}, "credsStore": "one"}"#;
    let world_of_store = world(stored);
    assert_eq!(found(&world_of_store.sources, OTHER).as_deref(), Some("helped:by itself"));
    assert_eq!(found(&world_of_store.sources, "docker.io").as_deref(), Some("hub:by itself"));
    // What the helper knows nothing of may stand in the file.
    assert_eq!(found(&world_of_store.sources, "plain.example").as_deref(), Some("a:b"));
    assert_eq!(found(&world_of_store.sources, "unknown.example"), None);
    let identity = Credentials::new(world_of_store.sources).login("identity.example").expect("one");
    assert!(identity == Some(Login::of_identity("identity")));

    let named = world(r#"{"credHelpers": {"registry.example": "two"}, "credsStore": "missing"}"#);
    assert_eq!(found(&named.sources, OTHER).as_deref(), Some("helped:by itself"));
}

#[test]
fn a_helper_that_fails_is_an_error_in_its_own_words_without_what_it_may_not_tell() {
    let world = world(r#"{"credsStore": "one"}"#);
    let says = |host: &str, text: &str| {
        let error = refused(&world.sources, host);
        assert!(error.contains(text) && error.contains(host), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    };
    says("broken.example", "'docker-credential-one' gave no login");
    says("broken.example", "the key ring is locked (exit status: 1)");
    says("silent.example", "it says no reason (exit status: 3)");
    says("odd.example", "not the JSON of a credential helper");
    // One that reads nothing of what it is told.
    program(world.folder.path(), "docker-credential-one", "exec <&-; exit 4");
    says(OTHER, "exit status: 4");
}

#[test]
fn a_helper_that_is_not_there_is_named_with_the_file_that_names_it() {
    for config in [
        r#"{"credsStore": "missing"}"#,
        r#"{"credHelpers": {"registry.example": "missing"}}"#,
        r#"{"credsStore": "../missing"}"#,
    ] {
        let world = world(config);
        let error = refused(&world.sources, OTHER);
        assert!(error.contains("missing', which '") && error.contains("config.json"), "{error}");
    }
    // What may not be started is none.
    let world = world(r#"{"credsStore": "plain"}"#);
    std::fs::write(world.folder.path().join("docker-credential-plain"), "").expect("written");
    assert!(refused(&world.sources, OTHER).contains("is not installed"));
}

#[test]
fn a_configuration_that_is_none_is_refused_without_being_quoted() {
    for (config, text) in [
        ("", "line 1, column 0"),
        ("hunter2", "line 1, column 1"),
        (r#"{"auths": {"registry.example": {"auth": 7, "password": "hunter2"}}}"#, "column"),
        (r#"{"auths": {"registry.example": "hunter2"}}"#, "column"),
        (r#"{"auths": {"registry.example": {"auth": "hunter2"}}}"#, "'name:password' in Base64"),
        (r#"{"auths": {"registry.example": {"auth": "aHVudGVyMg=="}}}"#, "'name:password' in Base64"),
    ] {
        let world = world(config);
        let error = refused(&world.sources, OTHER);
        assert!(error.contains("config.json'") && error.contains(text), "{config}: {error}");
        assert!(!error.contains("hunter2") && !error.contains("aHVudGVyMg"), "{error}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let unreadable = Sources { docker_file: Some(folder.path().to_owned()), ..nothing() };
    assert!(refused(&unreadable, OTHER).contains(&*folder.path().to_string_lossy()));
    let missing = Sources { docker_file: Some(folder.path().join("none")), ..nothing() };
    assert_eq!(found(&missing, OTHER), None);
}

#[test]
fn the_variable_is_read_before_the_file() {
    let mut world =
        world(r#"{"auths": {"registry.example": {"auth": "YTpi"}, "b.example": {"auth": "YTpi"}}}"#);
    let text = r#"{"auths": {"registry.example": {"auth": "eDp5"}}}"#;
    world.sources.docker_text = Some(Secret::new(text));
    assert_eq!(found(&world.sources, OTHER).as_deref(), Some("x:y"));
    assert_eq!(found(&world.sources, "b.example").as_deref(), Some("a:b"));
    world.sources.docker_text = Some(Secret::new("{"));
    assert!(refused(&world.sources, OTHER).contains("DOCKER_AUTH_CONFIG"));
}
