//! Keys by a profile of AWS's files: a role, keys, or a program that gives some.

use std::process::Command;

use super::super::error::CredentialError;
use super::super::helper;
use super::super::secret::{Secret, words};
use super::files::{self, Profiles};
use super::sts::{self, Role};
use super::{Context, Keys, Origin, keys_in, metadata, of_environment, read_token};

/// So many profiles may lead to each other.
const MAX_DEPTH: usize = 10;

pub(super) fn keys(
    context: Context<'_>,
    looked_at: &mut Vec<String>,
) -> Result<Option<Origin>, CredentialError> {
    let wanted = context.sources.aws.profile.as_deref();
    let name = wanted.unwrap_or("default");
    let profiles = files::read(&context.sources.aws)?;
    if !profiles.contains_key(name) {
        return match wanted {
            // Somebody wished for just this one.
            Some(_) => Err(refused(name, "no file has it; AWS_PROFILE names it")),
            None => {
                looked_at.push("there is no profile 'default' in ~/.aws".to_owned());
                Ok(None)
            }
        };
    }
    let keys = of_profile(context, &profiles, name, &mut Vec::new())?;
    if keys.is_none() {
        looked_at.push(format!("the profile '{name}' has no keys"));
    }
    Ok(keys.map(|keys| (keys, format!("the profile '{name}'"))))
}

fn refused(name: &str, why: impl Into<String>) -> CredentialError {
    CredentialError::Keys { origin: format!("the profile '{name}'"), why: why.into() }
}

fn of_profile<'a>(
    context: Context<'_>,
    profiles: &'a Profiles,
    name: &'a str,
    way: &mut Vec<&'a str>,
) -> Result<Option<Keys>, CredentialError> {
    let profile = profiles.get(name).ok_or_else(|| refused(name, "no file has it"))?;
    let get = |setting: &str| profile.get(setting).map(Secret::expose).filter(|value| !value.is_empty());
    let own = || match (get("aws_access_key_id"), get("aws_secret_access_key")) {
        (Some(id), Some(secret)) => Ok(Some(Keys {
            id: id.to_owned(),
            secret: Secret::new(secret),
            token: get("aws_session_token").map(Secret::new),
        })),
        (None, None) => Ok(None),
        _ => {
            Err(refused(name, "it has one of aws_access_key_id and aws_secret_access_key, and not the other"))
        }
    };
    // A profile that names itself means its own keys.
    if way.last() == Some(&name) {
        return own();
    }
    if way.contains(&name) || way.len() == MAX_DEPTH {
        return Err(refused(name, "its 'source_profile' leads back to it, or on and on"));
    }
    way.push(name);
    if let Some(arn) = get("role_arn") {
        if get("mfa_serial").is_some() {
            return Err(refused(
                name,
                "it wants a code of a device (mfa_serial), which this program does not ask for",
            ));
        }
        let role = Role {
            arn,
            session: get("role_session_name"),
            external_id: get("external_id"),
            duration: get("duration_seconds"),
        };
        if let Some(path) = get("web_identity_token_file") {
            let token = read_token(path.as_ref(), &format!("the profile '{name}'"))?;
            return sts::with_identity(context, &role, &token).map(Some);
        }
        let source = match (get("source_profile"), get("credential_source")) {
            (Some(source), _) => of_profile(context, profiles, source, way)?,
            (None, Some(source)) => of_source(context, source, name)?,
            (None, None) => {
                return Err(refused(
                    name,
                    "it has a role_arn, and no source_profile, credential_source or web_identity_token_file",
                ));
            }
        };
        let source = source.ok_or_else(|| refused(name, "there are no keys to take on its role with"))?;
        return sts::with_keys(context, &role, &source).map(Some);
    }
    if let Some(keys) = own()? {
        return Ok(Some(keys));
    }
    if let Some(command) = get("credential_process") {
        return of_program(command, name).map(Some);
    }
    if get("sso_session").or_else(|| get("sso_start_url")).is_some() {
        let why = format!(
            "it signs in through a browser, which this program does not: run 'eval \"$(aws configure export-credentials --profile {name} --format env)\"' before"
        );
        return Err(refused(name, why));
    }
    Ok(None)
}

/// Where a profile says that the keys come from which its role is taken on with.
fn of_source(context: Context<'_>, source: &str, name: &str) -> Result<Option<Keys>, CredentialError> {
    let mut looked_at = Vec::new();
    let found = match source {
        "Environment" => of_environment(context, &mut looked_at)?,
        "EcsContainer" => metadata::of_container(context, &mut looked_at)?,
        "Ec2InstanceMetadata" => metadata::of_instance(context, &mut looked_at)?,
        _ => {
            let why = format!(
                "its credential_source is '{source}', and not Environment, EcsContainer or Ec2InstanceMetadata"
            );
            return Err(refused(name, why));
        }
    };
    Ok(found.map(|(keys, _)| keys))
}

/// Runs the program of a profile, as AWS's own programs do: by a shell, and with JSON as its answer.
fn of_program(command: &str, name: &str) -> Result<Keys, CredentialError> {
    let failed = |why: String| CredentialError::Keys {
        origin: format!("the credential_process of the profile '{name}'"),
        why,
    };
    let output = helper::run(Command::new("sh").args(["-c", command]), "")
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said = words(&String::from_utf8_lossy(&output.stderr), &[]);
        let said = if said.is_empty() { said } else { format!(": {said}") };
        return Err(failed(format!("it ended with {}{said}", output.status)));
    }
    keys_in(&output.stdout, "SessionToken")
        .ok_or_else(|| failed("its answer is not JSON with AccessKeyId and SecretAccessKey".to_owned()))
}
