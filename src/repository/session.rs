//! Who asks a registry: nobody, or someone with a login; as the registry wants to hear it.
//!
//! A registry that wants to know answers 401 and says how: `Basic`, with the login itself, or `Bearer`, with a token that another
//! server gives for the login, or to anybody.

use std::cell::RefCell;
use std::io::{self, ErrorKind};

use serde_json::Value;
use ureq::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use crate::http::{Failure, request, whole};

/// The most bytes of an answer with a token.
const MAX_TOKEN: u64 = 1 << 20;
/// What an identity token begins with here; docker has it as the user's name.
#[cfg(feature = "publish")]
const IDENTITY: &str = "<token>:";

/// A name and a password: `name:password` in Base64, as a docker configuration keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct Login(pub String);

#[cfg(feature = "publish")]
impl Login {
    /// An identity token, in whose place the server that gives tokens for a registry gives one (OAuth 2.0, as `docker login` keeps it
    /// for some registries).
    pub fn of_identity(token: &str) -> Self {
        // A colon is never in Base64.
        Self(format!("{IDENTITY}{token}"))
    }

    /// The token of [`Self::of_identity`].
    fn identity(&self) -> Option<&str> {
        self.0.strip_prefix(IDENTITY)
    }
}

impl Login {
    /// The login for a registry (`host` or `host:port`) in a docker configuration:
    /// `{"auths": {"registry.example": {"auth": "…"}}}`. Helpers that it names are not started.
    ///
    /// # Errors
    /// It is no JSON.
    pub fn in_docker_config(text: &[u8], host: &str) -> io::Result<Option<Self>> {
        let config = json(text);
        if config.is_null() {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "it is no JSON document, as 'docker login' writes one",
            ));
        }
        // 'docker login' writes the host alone, and some older programs an address.
        for (key, login) in config["auths"].as_object().into_iter().flatten() {
            let key = key.strip_prefix("https://").unwrap_or(key);
            let login = login["auth"].as_str().unwrap_or_default();
            if key.split('/').next() == Some(host) && !login.is_empty() {
                return Ok(Some(Self(login.to_owned())));
            }
        }
        Ok(None)
    }
}

/// What is said of who asks, for as long as one registry is asked.
pub struct Session {
    login: Option<Login>,
    authorization: RefCell<Option<String>>,
}

impl Session {
    /// Of someone with a login, or of nobody.
    pub fn new(login: Option<Login>) -> Self {
        Self { login, authorization: RefCell::new(None) }
    }

    /// What was good for the last request.
    pub(crate) fn authorization(&self) -> Option<String> {
        self.authorization.borrow().clone()
    }

    /// What the registry wants to hear, by its answer 401.
    pub(crate) fn answer(&self, agent: &Agent, response: &Response<Body>) -> Result<String, Failure> {
        let challenge = response.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let challenge = challenge.unwrap_or_default();
        let answer = if challenge.starts_with("Bearer ") || challenge.starts_with("bearer ") {
            format!("Bearer {}", self.token(agent, challenge)?)
        } else {
            let login = self.login.as_ref().ok_or_else(|| self.refused())?;
            #[cfg(feature = "publish")]
            if login.identity().is_some() {
                let text = "the registry wants a name and a password, and there is an identity token for it";
                return Err(Failure::final_of(io::Error::new(ErrorKind::PermissionDenied, text)));
            }
            format!("Basic {}", login.0)
        };
        self.authorization.replace(Some(answer.clone()));
        Ok(answer)
    }

    /// Asks the server that the registry names for a token.
    fn token(&self, agent: &Agent, challenge: &str) -> Result<String, Failure> {
        let unusable = || {
            let text = "the registry wants a token and does not say clearly where it is to be had";
            Failure::final_of(io::Error::new(ErrorKind::PermissionDenied, text))
        };
        let mut url = parameter(challenge, "realm").ok_or_else(unusable)?.to_owned();
        let mut sign = if url.contains('?') { '&' } else { '?' };
        for name in ["service", "scope"] {
            if let Some(value) = parameter(challenge, name) {
                url.push(sign);
                url.push_str(name);
                url.push('=');
                escape(value, &mut url);
                sign = '&';
            }
        }
        let response = self.ask_for_token(agent, &url)?;
        match response.status() {
            StatusCode::OK => {}
            status if status.is_client_error() => return Err(self.refused()),
            status => {
                let text = format!("the server that gives tokens for the registry answers {status}");
                return Err(Failure::transient_of(io::Error::other(text)));
            }
        }
        let answer = json(&whole(response, MAX_TOKEN)?);
        let token = answer["token"].as_str().or_else(|| answer["access_token"].as_str());
        token.map(str::to_owned).ok_or_else(unusable)
    }

    fn ask_for_token(&self, agent: &Agent, url: &str) -> Result<Response<Body>, Failure> {
        #[cfg(feature = "publish")]
        if let Some(token) = self.login.as_ref().and_then(Login::identity) {
            return exchange(agent, url, token);
        }
        let login = self.login.as_ref().map(|login| format!("Basic {}", login.0));
        let headers: Vec<_> = login.iter().map(|login| (AUTHORIZATION, login.as_str())).collect();
        request(agent, url, &headers)
    }

    /// It is known who asks, and that is not enough.
    pub(crate) fn refused(&self) -> Failure {
        let text = match self.login {
            None => {
                "the registry wants a login, or has no such repository; a login stands where 'docker login' puts it, or for pkg in /srv/settings/medic-os/registry.json"
            }
            Some(_) => "the registry refuses the login, or has no such repository",
        };
        Failure::final_of(io::Error::new(ErrorKind::PermissionDenied, text))
    }
}

/// Gives an identity token for one that a registry takes; what the address asks for goes where OAuth 2.0 has it, into the body.
#[cfg(feature = "publish")]
fn exchange(agent: &Agent, url: &str, token: &str) -> Result<Response<Body>, Failure> {
    let (address, asked) = url.split_once('?').unwrap_or((url, ""));
    let mut form = format!("{asked}&grant_type=refresh_token&client_id=medic-os&refresh_token=");
    escape(token, &mut form);
    let form = form.trim_start_matches('&');
    // Nothing leads elsewhere with it.
    let request = agent.post(address).config().max_redirects(0).build();
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    request.send(form).map_err(Failure::of)
}

/// A JSON document, or null where it is none.
pub(crate) fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap_or_default()
}

/// As a value in an address must be written (RFC 3986, section 3.4).
fn escape(value: &str, url: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/,".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push('%');
            url.push(char::from(DIGITS[usize::from(byte >> 4)]));
            url.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

/// A value of a challenge such as `Bearer realm="https://…",service="…"`.
fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = challenge.split_once(' ')?.1;
    // Values hold commas, and never a quotation mark.
    loop {
        let (key, value) = rest.split_once('=')?;
        let (value, after) = value.strip_prefix('"')?.split_once('"')?;
        if key.trim_start_matches([',', ' ']) == name {
            return Some(value);
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_taken_apart() {
        let challenge =
            r#"Bearer realm="https://auth.example/token",service="a b", scope="repository:x/y:pull,push""#;
        assert_eq!(parameter(challenge, "realm"), Some("https://auth.example/token"));
        assert_eq!(parameter(challenge, "service"), Some("a b"));
        assert_eq!(parameter(challenge, "scope"), Some("repository:x/y:pull,push"));
        for (bad, name) in
            [("", "realm"), ("Bearer", "realm"), ("Bearer realm=\"x", "realm"), (challenge, "error")]
        {
            assert_eq!(parameter(bad, name), None, "{bad:?}");
        }
    }

    #[test]
    fn a_login_is_found_by_its_host() {
        let text =
            br#"{"auths": {"https://one.example/v1/": {"auth": "b25l"}, "two.example:5000": {"auth": "dHdv"},
            "three.example": {}, "four.example": {"auth": ""}}, "credsStore": "desktop"}"#;
        let login = |host: &str| Login::in_docker_config(text, host).expect("JSON").map(|login| login.0);
        assert_eq!(login("one.example").as_deref(), Some("b25l"));
        assert_eq!(login("two.example:5000").as_deref(), Some("dHdv"));
        for none in ["two.example", "three.example", "four.example", "example", ""] {
            assert_eq!(login(none), None, "{none}");
        }
        for empty in ["{}", "[]", r#"{"auths": []}"#, r#"{"auths": {"x": 7}}"#] {
            assert!(Login::in_docker_config(empty.as_bytes(), "x").expect("JSON").is_none(), "{empty}");
        }
        assert!(Login::in_docker_config(b"{", "x").is_err());
    }

    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

    /// OAuth 2.0 (RFC 6749, section 6), as the registries of the distribution specification have it.
    #[test]
    fn an_identity_token_is_exchanged_in_the_body_of_a_request() {
        use std::io::{BufRead, BufReader, Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let server = std::thread::spawn(move || {
            let mut asked = Vec::new();
            // The registry's challenge, and the server of tokens.
            for answer in [
                "401 X\r\nWWW-Authenticate: Bearer realm=\"URL/token?a=b\",service=\"s\",scope=\"repository:x:push\"\r\nContent-Length: 0",
                "200 OK\r\nContent-Length: 21",
            ] {
                let (mut stream, own) = (listener.accept().expect("a client").0, listener.local_addr());
                let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
                let (mut head, mut length) = (String::new(), 0);
                while !head.ends_with("\r\n\r\n") {
                    let mut line = String::new();
                    reader.read_line(&mut line).expect("read");
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a number");
                    }
                    head.push_str(&line);
                }
                let mut body = String::new();
                reader.take(length).read_to_string(&mut body).expect("read");
                asked.push((head, body));
                let answer = answer.replace("URL", &format!("http://{}", own.expect("bound")));
                write!(stream, "HTTP/1.1 {answer}\r\nConnection: close\r\n\r\n").expect("written");
                if answer.starts_with("200") {
                    write!(stream, "{{\"access_token\": \"t\"}} ").expect("written");
                }
            }
            asked
        });
        let agent = crate::http::agent(&url, &crate::Network::default(), PATIENCE).expect("one");
        let session = Session::new(Some(Login::of_identity("a+b/c=")));
        let Ok(challenge) = request(&agent, &url, &[]) else { panic!("no challenge") };
        let Ok(answer) = session.answer(&agent, &challenge) else { panic!("no token") };
        assert_eq!(answer, "Bearer t");
        let (head, body) = server.join().expect("no panic").pop().expect("asked");
        assert!(
            head.starts_with("POST /token HTTP/1.1") && !head.to_lowercase().contains("authorization"),
            "{head}"
        );
        assert_eq!(
            body,
            "a=b&service=s&scope=repository:x:push&grant_type=refresh_token&client_id=medic-os&refresh_token=a%2Bb/c%3D"
        );
    }

    #[test]
    fn a_value_is_written_as_an_address_wants_it() {
        let mut url = String::new();
        escape("a b&c=d/e:f,\u{e9}", &mut url);
        assert_eq!(url, "a%20b%26c%3Dd/e:f,%C3%A9");
    }
}
