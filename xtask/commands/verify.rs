//! `verify`: an image in a registry, beside a key, and beside what this checkout builds.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use medic_build::attest::image_build_type;
use medic_build::publish::registry::{Client, Reference, Scheme};
use medic_image::verify::{Check, Problem, Rebuilt, Verified, VerifiedImage, VerifySettings, compare};
use medic_model::ImageName;
use serde_json::{Value, json};

use super::build_image::build;
use super::context::Context;
use super::image_key;
use super::login::{Who, login_source};
use crate::arguments::BuildOptions;
use crate::environment::network;
use crate::failure::Failure;
use crate::progress::{Patience, Screen, screen};

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// What `--help` shows.
pub const EXAMPLES: &str = "Examples:
  cargo xtask verify registry.example/medic/nginx:1.30.6 --key ~/image-key.pub
  cargo xtask verify registry.example/medic/nginx:1.30.6 --key ~/image-key.pub --rebuild
                                                      and it is what this checkout builds, byte for byte
  cargo xtask verify registry.example/medic/nginx@sha256:4b1e… --key image.pub --json | jq '.checks[] | select(.ok | not)'";

/// `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// What is looked at: what this tag or digest leads to
    #[arg(value_name = "REGISTRY/REPOSITORY:TAG|@DIGEST")]
    pub reference: Reference,
    /// The public key that is trusted, as 'image-key' and 'cosign generate-key-pair' write it
    #[arg(long, value_name = "FILE.pub")]
    pub key: PathBuf,
    /// Ask for no SBOM and no provenance: for what was published with --no-attach, or signed by cosign alone
    #[arg(long)]
    pub no_attach: bool,
    /// Build the image from this checkout, for each architecture, and compare the digests
    #[arg(long)]
    pub rebuild: bool,
    /// The image of images/ that is built for --rebuild [default: the last part of the repository's name]
    #[arg(long, requires = "rebuild")]
    pub image: Option<ImageName>,
    /// Speak to the registry without TLS, also where it is not on this machine
    #[arg(long)]
    pub plain_http: bool,
    /// Who logs in to the registry.
    #[command(flatten)]
    pub who: Who,
    /// Write one JSON document to standard output
    #[arg(long)]
    pub json: bool,
    /// How many compilers may run at once [default: the number of processors]
    #[arg(long, short, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Fetch no source; what is missing is named at once
    #[arg(long)]
    pub offline: bool,
}

/// Carries the command out.
pub fn verify(arguments: &Verify) -> Result<(), Failure> {
    let key = image_key::read_public(&arguments.key)?;
    let name = match (arguments.reference.digest(), arguments.reference.tag()) {
        (Some(digest), _) => digest.oci(),
        (None, Some(tag)) => tag.to_string(),
        (None, None) => {
            let message =
                format!("'{0}' names no image: add a tag, such as {0}:1.0, or a digest", arguments.reference);
            return Err(Failure::Usage(message));
        }
    };
    let build_type = image_build_type();
    let settings = VerifySettings { key: &key, attached: !arguments.no_attach, build_type: &build_type };
    let mut verified = medic_image::verify::verify(&client(arguments)?, &name, settings)?;
    if arguments.rebuild {
        rebuild(arguments, &mut verified)?;
    }
    let mut out = std::io::stdout();
    if arguments.json {
        writeln!(out, "{}", answer(arguments, &key.id(), &verified))?;
    } else {
        write!(out, "{}", text(arguments, &verified))?;
    }
    match verified.problems().count() {
        0 => Ok(()),
        problems => Err(Failure::Unverified { reference: arguments.reference.to_string(), problems }),
    }
}

fn client(arguments: &Verify) -> Result<Client, Failure> {
    let (network, reference) = (network(), &arguments.reference);
    let unusable = |source| Failure::File { path: network.authorities.clone(), source };
    let scheme = if arguments.plain_http { Ok(Scheme::Http) } else { Scheme::of(reference.host(), &network) };
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let shown: Arc<dyn Screen> = Arc::from(screen(no_color));
    let credentials = Arc::new(arguments.who.credentials(&[reference.registry()])?);
    let login = login_source(&credentials, reference.registry())?;
    let scheme = scheme.map_err(unusable)?;
    Client::of(reference, scheme, &network, login, Arc::new(Patience(shown))).map_err(unusable)
}

/// Builds each image that was looked at, and adds what came of the comparison to the checks.
fn rebuild(arguments: &Verify, verified: &mut Verified) -> Result<(), Failure> {
    let name = match &arguments.image {
        Some(name) => name.clone(),
        None => {
            let last = arguments.reference.repository().rsplit('/').next().unwrap_or_default();
            let wrong = |error| {
                Failure::Usage(format!("which image of images/ is it? Name it with --image ({error})"))
            };
            last.parse().map_err(wrong)?
        }
    };
    for image in &verified.images {
        let result = rebuilt(arguments, &name, image)?;
        verified.checks.push(Check { of: image.digest.oci(), what: "rebuild", result });
    }
    Ok(())
}

fn rebuilt(
    arguments: &Verify,
    name: &ImageName,
    image: &VerifiedImage,
) -> Result<Result<String, Problem>, Failure> {
    let Some(arch) = image.arch else {
        return Ok(Err(Problem::Rebuilt(
            "it is for a machine that this builder builds nothing for".to_owned(),
        )));
    };
    let context = Context::new(&BuildOptions {
        arch: Some(arch),
        jobs: arguments.jobs,
        offline: arguments.offline,
        ..BuildOptions::default()
    })?;
    let built = build(&context, name)?;
    Ok(match compare(image, &built.image) {
        Rebuilt::Same => Ok(format!("the same, built for {arch} from this checkout")),
        Rebuilt::Different(words) => Err(Problem::Rebuilt(words.join("; "))),
    })
}

fn text(arguments: &Verify, verified: &Verified) -> String {
    let kind = if verified.is_index { "an index" } else { "an image" };
    let mut text = format!("{}: {kind}\n  {}\n", arguments.reference, verified.digest.oci());
    let mut of = verified.digest.oci();
    for check in &verified.checks {
        if check.of != of {
            text.push_str(&format!("  {}\n", check.of));
            of.clone_from(&check.of);
        }
        match &check.result {
            Ok(words) => text.push_str(&format!("    {}: good: {words}\n", check.what)),
            Err(problem) => text.push_str(&format!("    {}: WRONG: {problem}\n", check.what)),
        }
    }
    text
}

fn answer(arguments: &Verify, key: &str, verified: &Verified) -> Value {
    let checks: Vec<Value> = verified
        .checks
        .iter()
        .map(|check| match &check.result {
            Ok(words) => json!({"of": check.of, "what": check.what, "ok": true, "words": words}),
            Err(problem) => {
                json!({"of": check.of, "what": check.what, "ok": false, "words": problem.to_string(), "problem": problem.code()})
            }
        })
        .collect();
    let images: Vec<Value> = verified
        .images
        .iter()
        .map(|image| {
            let packages: Vec<Value> =
                image.packages.iter().map(|one| json!({"name": one.name, "version": one.version})).collect();
            json!({"digest": image.digest.oci(), "arch": image.arch, "revision": image.revision, "packages": packages})
        })
        .collect();
    json!({"format": FORMAT, "reference": arguments.reference.to_string(), "digest": verified.digest.oci(), "key": key,
           "verified": verified.problems().next().is_none(), "images": images, "checks": checks})
}
