//! Taking on a role (AWS Security Token Service, 2011-06-15): a form is sent, and XML comes back.

use medic_repository::http::ask::{Answer, Question, ask};

use super::super::error::CredentialError;
use super::super::secret::{Secret, words};
use super::sign::ask_signed;
use super::{Context, Keys};

const VERSION: &str = "2011-06-15";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
/// What a session is called where nothing else was wished for; it is seen in AWS's logs.
const SESSION: &str = "medic-os";

/// A role that is to be taken on.
#[derive(Debug, Default)]
pub(super) struct Role<'a> {
    pub(super) arn: &'a str,
    pub(super) session: Option<&'a str>,
    pub(super) external_id: Option<&'a str>,
    pub(super) duration: Option<&'a str>,
}

/// With the token of a web identity.
pub(super) fn with_identity(
    context: Context<'_>,
    role: &Role<'_>,
    token: &Secret,
) -> Result<Keys, CredentialError> {
    let form = form("AssumeRoleWithWebIdentity", role, &[("WebIdentityToken", token.expose())]);
    ask_for_keys(context, "AssumeRoleWithWebIdentity", &form, None, &[token])
}

/// With the keys of somebody who may.
pub(super) fn with_keys(context: Context<'_>, role: &Role<'_>, keys: &Keys) -> Result<Keys, CredentialError> {
    let form = form("AssumeRole", role, &[]);
    ask_for_keys(context, "AssumeRole", &form, Some(keys), &keys.secrets())
}

fn form(action: &str, role: &Role<'_>, more: &[(&str, &str)]) -> Secret {
    let mut fields = vec![
        ("Action", action),
        ("Version", VERSION),
        ("RoleArn", role.arn),
        ("RoleSessionName", role.session.unwrap_or(SESSION)),
    ];
    fields.extend(role.external_id.map(|value| ("ExternalId", value)));
    fields.extend(role.duration.map(|value| ("DurationSeconds", value)));
    fields.extend(more);
    let mut form = String::new();
    for (name, value) in fields {
        if !form.is_empty() {
            form.push('&');
        }
        form.push_str(name);
        form.push('=');
        escape(value, &mut form);
    }
    Secret::new(form)
}

/// As a value in a form must be written.
pub(super) fn escape(value: &str, form: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            form.push(char::from(byte));
        } else {
            form.push_str(&format!("%{byte:02X}"));
        }
    }
}

fn ask_for_keys(
    context: Context<'_>,
    what: &'static str,
    form: &Secret,
    keys: Option<&Keys>,
    secrets: &[&Secret],
) -> Result<Keys, CredentialError> {
    let url = context.sources.aws.sts_endpoint.clone().unwrap_or_else(|| context.registry.sts());
    let failed = |why: String| CredentialError::Api { what, url: url.clone(), why };
    let body = form.expose().as_bytes();
    let question = Question { method: "POST", url: &url, headers: &[FORM], body, within: None };
    let answer = match keys {
        Some(keys) => ask_signed(context, "sts", keys, &question).map_err(failed)?,
        None => ask(&question, &context.sources.network)
            .map_err(|error| failed(words(&error.to_string(), secrets)))?,
    };
    let text = Secret::new(String::from_utf8_lossy(&answer.body));
    if answer.status != 200 {
        return Err(failed(refusal(&answer, text.expose(), secrets)));
    }
    let keys = || {
        Some(Keys {
            id: element(text.expose(), "AccessKeyId")?,
            secret: Secret::new(element(text.expose(), "SecretAccessKey")?),
            token: Some(Secret::new(element(text.expose(), "SessionToken")?)),
        })
    };
    keys().ok_or_else(|| failed("its answer holds no keys".to_owned()))
}

/// What an answer in XML that is no success says, without the secrets.
pub(super) fn refusal(answer: &Answer, text: &str, secrets: &[&Secret]) -> String {
    let of = |name: &str| words(&element(text, name).unwrap_or_default(), secrets);
    match (of("Code"), of("Message")) {
        (code, _) if code.is_empty() => format!("the server answers {}", answer.status),
        (code, message) if message.is_empty() => code,
        (code, message) => format!("{code}: {message}"),
    }
}

/// The text of the first element of a name that holds nothing but text.
fn element(text: &str, name: &str) -> Option<String> {
    let after = text.split_once(&format!("<{name}>"))?.1;
    let inside = after.split_once(&format!("</{name}>"))?.0.trim();
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    let plain = named.iter().fold(inside.to_owned(), |text, (name, sign)| text.replace(name, sign));
    (!plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_written_as_aws_wants_it() {
        let role =
            Role { arn: "arn:aws:iam::1:role/a b", session: None, external_id: Some("x&y"), duration: None };
        assert_eq!(
            form("AssumeRole", &role, &[("T", "a+/=")]).expose(),
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%20b&RoleSessionName=medic-os&ExternalId=x%26y&T=a%2B%2F%3D"
        );
    }

    #[test]
    fn an_element_is_found_or_not() {
        let text = "<a><Code>\n x &amp;lt; y </Code><Empty></Empty><Open>z";
        assert_eq!(element(text, "Code").as_deref(), Some("x &lt; y"));
        for none in ["Empty", "Open", "Missing", ""] {
            assert_eq!(element(text, none), None, "{none}");
        }
    }
}
