//! Who is asked before whom.

use super::aws::{Aws, keys};
use super::*;

/// All sources at once for both registries; each is taken away, and the next one counts.
#[test]
fn sources_are_asked_in_the_documented_order() {
    let aws = Aws::start();
    let folder = tempfile::tempdir().expect("a folder");
    program(folder.path(), "docker-credential-own", r#"echo '{"Username":"own helper","Secret":"x"}'"#);
    program(folder.path(), "docker-credential-all", r#"echo '{"Username":"all helper","Secret":"x"}'"#);
    let config = |text: &str| {
        let path = folder.path().join("config.json");
        std::fs::write(&path, text.replace("HOST", ECR)).expect("written");
        path
    };
    let auths = r#""auths": {"HOST": {"auth": "ZmlsZTp4"}, "registry.example": {"auth": "ZmlsZTp4"}}"#;
    let all = format!(
        r#"{{{auths}, "credsStore": "all", "credHelpers": {{"HOST": "own", "registry.example": "own"}}}}"#
    );
    let mut sources = Sources {
        given: given(None, "given", "x"),
        environment: given(None, "environment", "x"),
        docker_file: Some(config(&all)),
        search_path: folder.path().into(),
        ..aws.sources()
    };
    sources.aws.access_key_id = Some("AKIA".to_owned());
    sources.aws.secret_access_key = Some(Secret::new("secret"));
    let both = |sources: &Sources| {
        let name = |host| found(sources, host).expect("a login").split(':').next().expect("one").to_owned();
        (name(ECR), name(OTHER))
    };
    let pair = |ecr: &str, other: &str| (ecr.to_owned(), other.to_owned());
    assert_eq!(both(&sources), pair("given", "given"));
    sources.given = given(Some(OTHER), "given", "x");
    assert_eq!(both(&sources), pair("environment", "given"));
    sources.given = None;
    assert_eq!(both(&sources), pair("environment", "environment"));
    sources.environment = given(Some(OTHER), "environment", "x");
    assert_eq!(both(&sources), pair("own helper", "environment"));
    sources.environment = None;
    assert_eq!(both(&sources), pair("own helper", "own helper"));
    config(&format!(r#"{{{auths}, "credsStore": "all"}}"#));
    // Its token comes before what was put away.
    assert_eq!(both(&sources), pair("AWS", "all helper"));
    sources.aws.access_key_id = None;
    sources.aws.secret_access_key = None;
    assert_eq!(both(&sources), pair("all helper", "all helper"));
    config(&format!("{{{auths}}}"));
    assert_eq!(both(&sources), pair("file", "file"));
    config("{}");
    assert_eq!((found(&sources, OTHER), found(&sources, "public.ecr.aws")), (None, None));
    let error = refused(&sources, ECR);
    for part in [
        ECR,
        "AWS_ACCESS_KEY_ID is not set",
        "AWS_ROLE_ARN is not set",
        "no profile 'default'",
        "docs/registries.md",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

/// A token expires, and the callback is asked again in the middle of a push.
#[test]
fn a_login_is_got_anew_each_time() {
    let aws = Aws::start();
    let credentials = Credentials::new(keys(aws.sources(), "AKIA"));
    for _ in 0..2 {
        credentials.login(ECR).expect("a login");
    }
    assert_eq!(aws.stub.asked().len(), 2);
    // As one that pushes asks.
    let ask = || -> std::io::Result<Option<Login>> { Ok(credentials.login(ECR)?) };
    assert!(ask().is_ok_and(|login| login.is_some()));
}
