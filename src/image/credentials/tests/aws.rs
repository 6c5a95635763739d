//! AWS's interfaces, as a server of our own answers in their place.

use super::stub::{Asked, Stub};
use super::*;

/// STS, ECR, the metadata of a container and an instance, and GitHub's identities, in one.
pub(super) struct Aws {
    pub(super) stub: Stub,
}

/// The keys that everything but ECR gives: their number says who gave them.
fn json_keys(id: &str) -> String {
    serde_json::json!({"Code": "Success", "AccessKeyId": id, "SecretAccessKey": "s", "Token": "t"})
        .to_string()
}

fn form<'a>(asked: &'a Asked, name: &str) -> &'a str {
    asked.body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or("")
}

/// The number of the key that a request was signed with.
fn signer(asked: &Asked) -> &str {
    let credential = asked.header("authorization").split("Credential=").nth(1).unwrap_or("");
    credential.split('/').next().unwrap_or("")
}

fn answer(asked: &Asked) -> (u16, String) {
    let token = asked.header("x-aws-ec2-metadata-token");
    match (&*asked.method, &*asked.path) {
        ("PUT", "/latest/api/token") if !asked.header("x-aws-ec2-metadata-token-ttl-seconds").is_empty() => {
            (200, "imds".to_owned())
        }
        ("GET", "/latest/meta-data/iam/security-credentials/") if token == "imds" => {
            (200, "role-1\n".to_owned())
        }
        ("GET", "/latest/meta-data/iam/security-credentials/role-1") if token == "imds" => {
            (200, json_keys("INSTANCE"))
        }
        ("GET", "/container") if asked.header("authorization") == "container token" => {
            (200, json_keys("CONTAINER"))
        }
        ("GET", "/github?x=1&audience=sts.amazonaws.com")
            if asked.header("authorization") == "Bearer job" =>
        {
            (200, r#"{"count": 1, "value": "jwt of github"}"#.to_owned())
        }
        ("POST", "/") if asked.body.starts_with("Action=AssumeRole") => {
            let role = form(asked, "RoleArn").rsplit("%2F").next().unwrap_or("").to_owned();
            let who = match form(asked, "WebIdentityToken") {
                "" => signer(asked).to_owned(),
                token => token.replace("%20", "_"),
            };
            let id = format!("{role}_BY_{who}_AS_{}", form(asked, "RoleSessionName"));
            let keys = format!(
                "<AccessKeyId>{id}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
            );
            (200, format!("<R><Credentials>{keys}</Credentials></R>"))
        }
        ("POST", "/") => {
            let login = STANDARD.encode(format!("AWS:{}", signer(asked)));
            match asked.header("x-amz-target") {
                "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken" => (
                    200,
                    serde_json::json!({"authorizationData": [{"authorizationToken": login}]}).to_string(),
                ),
                "SpencerFrontendService.GetAuthorizationToken" => {
                    (200, serde_json::json!({"authorizationData": {"authorizationToken": login}}).to_string())
                }
                target if target.ends_with(".CreateRepository") && asked.body.contains("there") => {
                    let code = "com.amazonaws.ecr#RepositoryAlreadyExistsException:http://x";
                    (400, serde_json::json!({"__type": code, "message": "it exists"}).to_string())
                }
                target if target.ends_with(".CreateRepository") => (200, "{}".to_owned()),
                _ => (400, "{}".to_owned()),
            }
        }
        _ => (401, String::new()),
    }
}

impl Aws {
    pub(super) fn start() -> Self {
        Self { stub: Stub::start(answer) }
    }

    /// Sources that lead to it, and have no keys.
    pub(super) fn sources(&self) -> Sources {
        let mut sources = nothing();
        let url = Some(self.stub.url.clone());
        sources.aws.ecr_endpoint.clone_from(&url);
        sources.aws.ecr_public_endpoint.clone_from(&url);
        sources.aws.sts_endpoint = url;
        sources
    }

    /// Sources with files of profiles.
    fn profiles(&self, folder: &Path, config: &str, credentials: &str, profile: Option<&str>) -> Sources {
        let mut sources = self.sources();
        for (name, text) in [("config", config), ("credentials", credentials)] {
            std::fs::write(folder.join(name), text).expect("written");
        }
        sources.aws.config_file = Some(folder.join("config"));
        sources.aws.credentials_file = Some(folder.join("credentials"));
        sources.aws.profile = profile.map(str::to_owned);
        sources
    }
}

/// With keys in the environment.
pub(super) fn keys(mut sources: Sources, id: &str) -> Sources {
    sources.aws.access_key_id = Some(id.to_owned());
    sources.aws.secret_access_key = Some(Secret::new("secret"));
    sources
}

#[track_caller]
fn by(sources: &Sources, signer: &str) {
    assert_eq!(found(sources, ECR).as_deref(), Some(&*format!("AWS:{signer}")));
}

#[test]
fn keys_in_the_environment_come_first_and_carry_their_session_token() {
    let aws = Aws::start();
    let mut sources = keys(aws.sources(), "AKIA");
    by(&sources, "AKIA");
    let asked = aws.stub.asked().pop().expect("asked");
    assert_eq!((asked.header("x-amz-security-token"), asked.header("x-amz-date")), ("", "20150830T123600Z"));
    assert!(asked.header("authorization").contains("/20150830/eu-west-1/ecr/aws4_request"), "{asked:?}");
    assert!(asked.header("authorization").contains("content-type;host;x-amz-date;x-amz-target"), "{asked:?}");
    sources.aws.session_token = Some(Secret::new("session"));
    by(&sources, "AKIA");
    assert_eq!(aws.stub.asked().pop().expect("asked").header("x-amz-security-token"), "session");
    sources.aws.secret_access_key = None;
    assert!(refused(&sources, ECR).contains("AWS_SECRET_ACCESS_KEY is not"));
}

#[test]
fn the_public_registry_has_an_interface_of_its_own() {
    let aws = Aws::start();
    let sources = keys(aws.sources(), "AKIA");
    assert_eq!(found(&sources, "public.ecr.aws").as_deref(), Some("AWS:AKIA"));
    let asked = aws.stub.asked().pop().expect("asked");
    assert!(asked.header("authorization").contains("/us-east-1/ecr-public/aws4_request"), "{asked:?}");
    let made = Credentials::new(sources).create_repository("public.ecr.aws", "alias/nginx", Tags::Immutable);
    assert_eq!(made.expect("made"), Made::New);
    assert_eq!(aws.stub.asked().pop().expect("asked").body, r#"{"repositoryName":"nginx"}"#);
}

#[test]
fn a_repository_that_is_there_is_no_failure() {
    let aws = Aws::start();
    let credentials = Credentials::new(keys(aws.sources(), "AKIA"));
    let make = |host, name| credentials.create_repository(host, name, Tags::Immutable).expect("made");
    assert_eq!(make(ECR, "new"), Made::New);
    assert_eq!(make(ECR, "there"), Made::Before);
    let asked = aws.stub.asked().len();
    assert_eq!(make(OTHER, "new"), Made::ByPushing);
    assert_eq!(aws.stub.asked().len(), asked);
    let error =
        credentials.create_repository("public.ecr.aws", "nginx", Tags::Immutable).expect_err("no alias");
    assert!(error.to_string().contains("<the registry's alias>/<repository>"), "{error}");
}

#[test]
fn a_role_is_taken_on_with_the_token_in_a_file_or_with_githubs() {
    let aws = Aws::start();
    let folder = tempfile::tempdir().expect("a folder");
    let mut sources = aws.sources();
    sources.aws.role_arn = Some("arn:aws:iam::123456789012:role/push".to_owned());
    sources.aws.github_url = Some(format!("{}/github?x=1", aws.stub.url));
    sources.aws.github_token = Some(Secret::new("job"));
    by(&sources, "push_BY_jwt_of_github_AS_medic-os");
    let file = folder.path().join("token");
    std::fs::write(&file, "jwt of file\n").expect("written");
    sources.aws.web_identity_token_file = Some(file.clone());
    sources.aws.role_session_name = Some("job-7".to_owned());
    by(&sources, "push_BY_jwt_of_file_AS_job-7");
    // A token is never part of an address, which servers write down.
    assert!(aws.stub.asked().iter().all(|asked| !asked.path.contains("jwt")));
    std::fs::remove_file(&file).expect("removed");
    let error = refused(&sources, ECR);
    assert!(error.contains("AWS_WEB_IDENTITY_TOKEN_FILE") && error.contains("token'"), "{error}");
    sources.aws.role_arn = None;
    assert!(refused(&sources, ECR).contains("AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not"));
    sources.aws.web_identity_token_file = None;
    assert!(refused(&sources, ECR).contains("GitHub would give this job an identity"));
    sources.aws.github_url = Some(format!("{}/elsewhere", aws.stub.url));
    sources.aws.role_arn = Some("arn".to_owned());
    assert!(refused(&sources, ECR).contains("the server that gives it answers 401"));
    sources.aws.github_url = None;
    assert!(refused(&sources, ECR).contains("id-token: write"));
}

#[test]
fn profiles_have_keys_roles_and_programs() {
    let aws = Aws::start();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("jwt"), "jwt").expect("written");
    let config = "[default]\nregion = eu-west-1\n\
        [profile role]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = keys\nrole_session_name = s\nexternal_id = e\n\
        [profile chain]\nrole_arn = arn:aws:iam::1:role/c\nsource_profile = role\n\
        [profile itself]\nrole_arn = arn:aws:iam::1:role/i\nsource_profile = itself\naws_access_key_id = OWN\naws_secret_access_key = x\n\
        [profile round]\nrole_arn = arn\nsource_profile = about\n[profile about]\nrole_arn = arn\nsource_profile = round\n\
        [profile web]\nrole_arn = arn:aws:iam::1:role/w\nweb_identity_token_file = JWT\n\
        [profile environment]\nrole_arn = arn:aws:iam::1:role/e\ncredential_source = Environment\n\
        [profile container]\nrole_arn = arn:aws:iam::1:role/c\ncredential_source = EcsContainer\n\
        [profile odd]\nrole_arn = arn\ncredential_source = Moon\n[profile alone]\nrole_arn = arn\n\
        [profile mfa]\nrole_arn = arn\nsource_profile = keys\nmfa_serial = m\n\
        [profile nobody]\nrole_arn = arn\nsource_profile = nothing\n[profile lost]\nrole_arn = arn\nsource_profile = gone\n\
        [profile process]\ncredential_process = printf '{\"Version\": 1, \"AccessKeyId\": \"%s\", \"SecretAccessKey\": \"x\"}' PROCESS\n\
        [profile fails]\ncredential_process = echo no key ring >&2; exit 3\n[profile noise]\ncredential_process = echo hunter2\n\
        [profile sso]\nsso_session = s\n[sso-session s]\nsso_start_url = u\n[profile half]\naws_access_key_id = x\n[profile nothing]\n\
        region = x\n";
    let config = config.replace("JWT", &folder.path().join("jwt").display().to_string());
    let credentials = "[keys]\naws_access_key_id = FILE\naws_secret_access_key = x\naws_session_token = t\n[default]\naws_access_key_id = DEFAULT\naws_secret_access_key = x\n";
    let of = |profile: Option<&str>| aws.profiles(folder.path(), &config, credentials, profile);
    by(&of(None), "DEFAULT");
    by(&of(Some("keys")), "FILE");
    by(&of(Some("role")), "r_BY_FILE_AS_s");
    by(&of(Some("chain")), "c_BY_r_BY_FILE_AS_s_AS_medic-os");
    by(&of(Some("itself")), "i_BY_OWN_AS_medic-os");
    by(&of(Some("web")), "w_BY_jwt_AS_medic-os");
    by(&of(Some("process")), "PROCESS");
    let external = aws.stub.asked().into_iter().find(|asked| form(asked, "ExternalId") == "e");
    assert!(external.is_some(), "the external number was not told");
    for (profile, text) in [
        ("gone", "no file has it; AWS_PROFILE names it"),
        ("round", "leads back to it"),
        ("environment", "there are no keys to take on its role with"),
        ("container", "there are no keys to take on its role with"),
        ("odd", "its credential_source is 'Moon'"),
        ("alone", "has a role_arn, and no source_profile"),
        ("mfa", "mfa_serial"),
        ("nobody", "there are no keys to take on its role with"),
        ("lost", "the profile 'gone' cannot be used: no file has it"),
        ("fails", "it ended with exit status: 3: no key ring"),
        ("noise", "its answer is not JSON"),
        ("sso", "aws configure export-credentials --profile sso"),
        ("half", "it has one of aws_access_key_id"),
        ("nothing", "the profile 'nothing' has no keys"),
    ] {
        let error = refused(&of(Some(profile)), ECR);
        assert!(error.contains(text) && !error.contains("hunter2"), "{profile}: {error}");
    }
    std::fs::create_dir(folder.path().join("folder")).expect("made");
    let mut sources = of(None);
    sources.aws.config_file = Some(folder.path().join("folder"));
    assert!(refused(&sources, ECR).contains("AWS_CONFIG_FILE"));
}

#[test]
fn containers_and_instances_give_keys_over_their_own_links() {
    let aws = Aws::start();
    let folder = tempfile::tempdir().expect("a folder");
    let mut sources = aws.sources();
    sources.aws.is_instance_disabled = false;
    sources.aws.instance_endpoint = Some(format!("{}/", aws.stub.url));
    // A proxy knows nothing of the machine's own links.
    let nobody = Some("http://127.0.0.1:1".to_owned());
    let direct = sources.network.clone();
    sources.network.http_proxy.clone_from(&nobody);
    by(&Sources { network: direct.clone(), ..sources.clone() }, "INSTANCE");
    assert!(
        refused(&sources, ECR).contains("GetAuthorizationToken"),
        "only AWS itself is asked through the proxy"
    );
    let asked = |path: &str| aws.stub.asked().iter().filter(|asked| asked.path == path).count();
    assert_eq!(asked("/latest/api/token"), 2, "the instance itself was asked directly");
    sources.network = direct;

    sources.aws.container_full_uri = Some(format!("{}/container", aws.stub.url));
    sources.aws.container_token = Some(Secret::new("container token"));
    by(&sources, "CONTAINER");
    let file = folder.path().join("token");
    std::fs::write(&file, "container token\n").expect("written");
    sources.aws.container_token_file = Some(file);
    sources.aws.container_token = Some(Secret::new("an older one"));
    by(&sources, "CONTAINER");
    sources.aws.container_token_file = None;
    assert!(
        refused(&sources, ECR)
            .contains("(AWS_CONTAINER_CREDENTIALS_FULL_URI) cannot be used: it answers 401")
    );
    sources.aws.container_full_uri = Some("http://example/container".to_owned());
    assert!(refused(&sources, ECR).contains("over plain http only"));
    // Where nobody answers, there is no instance.
    sources.aws.container_full_uri = None;
    sources.aws.instance_endpoint = Some("http://127.0.0.1:1".to_owned());
    assert!(refused(&sources, ECR).contains("no instance of AWS answers at http://127.0.0.1:1"));
}
