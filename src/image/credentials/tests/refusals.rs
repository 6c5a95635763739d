//! What AWS refuses, and that no text of it tells a secret.

use super::aws::keys;
use super::stub::Stub;
use super::*;

const SECRETS: [&str; 4] = ["SECRETkey", "SECRETsession", "SECRETjwt", "SECRETpassword"];

/// Sources with secrets in every place, whose requests all are answered with this.
fn answered(status: u16, body: &'static str) -> (Stub, Sources) {
    let stub = Stub::start(move |_| (status, body.to_owned()));
    let mut sources = keys(nothing(), "AKIA");
    sources.aws.secret_access_key = Some(Secret::new(SECRETS[0]));
    sources.aws.session_token = Some(Secret::new(SECRETS[1]));
    for endpoint in [&mut sources.aws.ecr_endpoint, &mut sources.aws.sts_endpoint] {
        *endpoint = Some(stub.url.clone());
    }
    (stub, sources)
}

/// The same, by a role that is taken on with a web identity.
fn by_identity(mut sources: Sources, folder: &Path) -> Sources {
    sources.aws.access_key_id = None;
    sources.aws.secret_access_key = None;
    sources.aws.role_arn = Some("arn:aws:iam::1:role/r".to_owned());
    std::fs::write(folder.join("jwt"), SECRETS[2]).expect("written");
    sources.aws.web_identity_token_file = Some(folder.join("jwt"));
    sources
}

#[track_caller]
fn says(sources: &Sources, texts: &[&str]) {
    let error = refused(sources, ECR);
    for text in texts {
        assert!(error.contains(text), "it does not say '{text}': {error}");
    }
    for secret in SECRETS {
        assert!(!error.contains(secret), "{error}");
    }
    assert!(!error.contains('\n') && error.len() < 700, "{error}");
}

#[test]
fn refusals_are_told_in_awss_words_with_what_helps() {
    let cases: [(u16, &str, &[&str]); 6] = [
        (
            400,
            r#"{"__type": "AccessDeniedException", "Message": "User: x is not authorized to perform: ecr:GetAuthorizationToken"}"#,
            &[
                "GetAuthorizationToken at http://127",
                "AccessDeniedException: User: x is not authorized",
                "least policy",
            ],
        ),
        (
            400,
            r#"{"__type": "ExpiredTokenException", "message": "The security token included in the request is expired"}"#,
            &["ExpiredTokenException", "get new credentials"],
        ),
        (
            400,
            // The real one repeats the request, with the session token.
            r#"{"__type": "InvalidSignatureException", "message": "The signature SECRETsession does not match.\n\nx-amz-security-token:SECRETsession"}"#,
            &["InvalidSignatureException: The signature *** does not match.", "this machine's clock"],
        ),
        (403, "<html>SECRETsession</html>", &["the server answers 403"]),
        (200, "{}", &["its answer holds no token"]),
        (
            200,
            r#"{"authorizationData": [{"authorizationToken": "SECRETpassword"}]}"#,
            &["its answer holds no token"],
        ),
    ];
    for (status, body, texts) in cases {
        let (_stub, sources) = answered(status, body);
        says(&sources, texts);
    }
}

#[test]
fn refusals_of_a_role_are_told_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases: [(u16, &str, &[&str]); 4] = [
        (
            403,
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>",
            &["AssumeRoleWithWebIdentity at http://127", "AccessDenied: Not authorized", "least policy"],
        ),
        (
            400,
            "<Error><Code>InvalidIdentityToken</Code><Message>SECRETjwt is no token</Message></Error>",
            &["InvalidIdentityToken: *** is no token"],
        ),
        (400, "nonsense SECRETjwt", &["the server answers 400"]),
        (200, "<AccessKeyId>A</AccessKeyId>", &["its answer holds no keys"]),
    ];
    for (status, body, texts) in cases {
        let (_stub, sources) = answered(status, body);
        says(&by_identity(sources, folder.path()), texts);
    }
}

/// Nobody leads away with what a request holds.
#[test]
fn a_redirection_is_not_followed() {
    let elsewhere = Stub::start(|_| (200, "{}".to_owned()));
    let place: &'static str = Box::leak(format!("{}/away", elsewhere.url).into_boxed_str());
    for status in [301, 302, 307, 308] {
        let (_stub, sources) = answered(status, place);
        says(&sources, &[&format!("the server answers {status}")]);
    }
    assert!(elsewhere.asked().is_empty(), "it was followed");
}

/// A server that fails for a moment is asked again; one that goes on is told of.
#[test]
fn a_failing_server_is_asked_four_times() {
    let (stub, sources) = answered(503, "SECRETsession");
    says(&sources, &["the server answers 503"]);
    assert_eq!(stub.asked().len(), 4);
    let mut sources = sources;
    sources.aws.ecr_endpoint = Some("not an address".to_owned());
    says(&sources, &["GetAuthorizationToken at not an address failed"]);
}

#[test]
fn no_value_shows_a_secret_when_it_is_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_stub, sources) = answered(200, "{}");
    let mut sources = by_identity(sources, folder.path());
    sources.given = given(None, "name", SECRETS[3]);
    sources.environment = given(None, "name", SECRETS[3]);
    sources.docker_text = Some(Secret::new(SECRETS[3]));
    sources.aws.secret_access_key = Some(Secret::new(SECRETS[0]));
    sources.aws.github_token = Some(Secret::new(SECRETS[2]));
    sources.aws.container_token = Some(Secret::new(SECRETS[2]));
    let shown = format!("{sources:?} {:#?}", Credentials::new(sources.clone()));
    assert!(shown.contains("name") && shown.contains("***"), "{shown}");
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn variables_are_read_as_awss_own_programs_read_them() {
    let of = |variables: &[(&str, &str)]| {
        let variables: Vec<(String, String)> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let variable =
            move |name: &str| variables.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
        AwsSources::of_variables(&variable, Some(Path::new("/home/x")))
    };
    let aws = of(&[("AWS_ACCESS_KEY_ID", ""), ("AWS_EC2_METADATA_DISABLED", "TRUE"), ("AWS_PROFILE", "p")]);
    assert_eq!(
        (aws.access_key_id, aws.is_instance_disabled, aws.profile),
        (None, true, Some("p".to_owned()))
    );
    assert_eq!(aws.config_file.as_deref(), Some(Path::new("/home/x/.aws/config")));
    assert_eq!(aws.credentials_file.as_deref(), Some(Path::new("/home/x/.aws/credentials")));
    let aws = of(&[("AWS_ENDPOINT_URL", "all"), ("AWS_ENDPOINT_URL_STS", "sts"), ("AWS_CONFIG_FILE", "/c")]);
    let endpoints =
        (aws.ecr_endpoint.as_deref(), aws.ecr_public_endpoint.as_deref(), aws.sts_endpoint.as_deref());
    assert_eq!(endpoints, (Some("all"), Some("all"), Some("sts")));
    assert_eq!(aws.config_file.as_deref(), Some(Path::new("/c")));
    let aws = of(&[("AWS_ENDPOINT_URL", "all"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]);
    assert_eq!((aws.ecr_endpoint, aws.sts_endpoint), (None, None));
}
