//! Signing a request to AWS (Signature Version 4), by AWS's own library.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use medic_repository::http::ask::{Answer, Question, ask};

use super::super::secret::words;
use super::{Context, Keys};

/// For what a signature is good.
#[derive(Debug, Clone, Copy)]
struct Scope<'a> {
    region: &'a str,
    /// The interface's name, such as `ecr`.
    service: &'a str,
    time: SystemTime,
}

/// Asks an interface of AWS as whoever has the keys. The error is why there is no answer, and holds no secret.
pub(super) fn ask_signed(
    context: Context<'_>,
    service: &str,
    keys: &Keys,
    question: &Question<'_>,
) -> Result<Answer, String> {
    let scope = Scope { region: context.registry.region(), service, time: (context.sources.clock)() };
    let signed = headers(question, keys, scope)?;
    let signed = signed.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let all: Vec<_> = question.headers.iter().copied().chain(signed).collect();
    let answer = ask(&Question { headers: &all, ..*question }, &context.sources.network);
    answer.map_err(|error| words(&error.to_string(), &keys.secrets()))
}

/// The headers that a question must have beside its own for its signature's sake; their values are secrets. The error is why there are
/// none.
fn headers(question: &Question<'_>, keys: &Keys, scope: Scope<'_>) -> Result<Vec<(String, String)>, String> {
    let token = keys.token.as_ref().map(|token| token.expose().to_owned());
    let identity = Credentials::new(&keys.id, keys.secret.expose(), token, None, "medic-os").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(scope.time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let headers = question.headers.iter().copied();
    let body = SignableBody::Bytes(question.body);
    // What it says of a value that cannot stand in a header does not quote it.
    let unusable = |_| "the keys or the request hold characters that a request cannot have".to_owned();
    let request = SignableRequest::new(question.method, question.url, headers, body).map_err(unusable)?;
    let (instructions, _) = sign(request, &parameters).map_err(unusable)?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::secret::Secret;
    use super::*;

    fn keys(token: Option<&str>) -> Keys {
        Keys {
            id: "AKIDEXAMPLE".to_owned(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            token: token.map(Secret::new),
        }
    }

    /// AWS's published test suite of Signature Version 4: its cases of the shape that our requests have.
    #[test]
    fn signatures_are_those_of_the_published_test_suite() {
        // 2015-08-30T12:36:00Z
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        let scope = Scope { region: "us-east-1", service: "service", time };
        // Name, method, path, headers, body, session token, signature.
        type Case<'a> =
            (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], &'a [u8], Option<&'a str>, &'a str);
        let cases: [Case<'_>; 8] = [
            (
                "get-vanilla",
                "GET",
                "",
                &[],
                b"",
                None,
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-vanilla-query-order-key-case",
                "GET",
                "?Param2=value2&Param1=value1",
                &[],
                b"",
                None,
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "get-vanilla-with-session-token",
                "GET",
                "",
                &[],
                b"",
                Some("6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"),
                "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
            ),
            (
                "get-header-value-trim",
                "GET",
                "",
                &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
                b"",
                None,
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
            (
                "post-vanilla",
                "POST",
                "",
                &[],
                b"",
                None,
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-header-key-sort",
                "POST",
                "",
                &[("My-Header1", "value1")],
                b"",
                None,
                "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
            ),
            (
                "post-header-value-case",
                "POST",
                "",
                &[("My-Header1", "VALUE1")],
                b"",
                None,
                "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
            ),
            (
                "post-x-www-form-urlencoded, without the digest as a header",
                "POST",
                "",
                &[("Content-Type", "application/x-www-form-urlencoded")],
                b"Param1=value1",
                None,
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ];
        for (name, method, query, headers, body, token, signature) in cases {
            let url = &format!("https://example.amazonaws.com/{query}");
            let question = Question { method, url, headers, body, within: None };
            let signed = super::headers(&question, &keys(token), scope).expect("signed");
            let of = |wanted: &str| {
                signed.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
            };
            assert_eq!(of("x-amz-date"), Some("20150830T123600Z"), "{name}");
            assert_eq!(of("x-amz-security-token"), token, "{name}");
            let authorization = of("authorization").expect("signed");
            let begin = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ";
            assert!(authorization.starts_with(begin), "{name}: {authorization}");
            assert!(authorization.ends_with(&format!("Signature={signature}")), "{name}: {authorization}");
        }
    }

    #[test]
    fn keys_that_no_header_can_hold_are_refused_without_being_shown() {
        let question = Question { method: "GET", url: "https://a/", headers: &[], body: b"", within: None };
        let scope = Scope { region: "r", service: "s", time: SystemTime::UNIX_EPOCH };
        let error = headers(&question, &keys(Some("line\nfeed")), scope).expect_err("refused");
        assert!(!error.contains("line") && error.contains("characters"), "{error}");
    }
}
