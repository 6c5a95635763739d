//! `reproduce`: the same built twice under different conditions; what differs is named.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use medic_build::BuiltPackage;
use medic_build::reproduce::{self, Compared, Content, Difference, ReproducePlan, Reproduced, Scratch, What};
use medic_build::sandbox::RunnerKind;
use medic_image::Image;
use medic_model::image::ImageDefinition;
use medic_model::{ImageName, PackageName};
use serde_json::{Value, json};

use super::build_image::assembled;
use super::context::Context;
use crate::arguments::BuildOptions;
use crate::failure::Failure;

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;
/// How many differences of one component or package are shown to people.
const SHOWN: usize = 20;

/// What follows the help.
pub const EXAMPLES: &str = "Examples:
  cargo xtask reproduce busybox                       one package, and all components that it takes
  cargo xtask reproduce nginx                         the image nginx: its packages, then the image itself
  cargo xtask reproduce package:nginx --arch arm64    the package of that name, for arm64

Exit codes: 0 the same bytes, 10 a difference, which is named; others: docs/exit-codes.md.";

/// `reproduce`.
#[derive(Debug, Args)]
pub struct Reproduce {
    /// Images or packages, such as nginx; where both have the name it is the image, unless written 'package:nginx'
    #[arg(required = true, value_name = "IMAGE|PACKAGE")]
    pub names: Vec<String>,
    /// What the second build's steps run in: bubblewrap or docker [default: the same as the first]
    #[arg(long)]
    pub second_runner: Option<RunnerKind>,
    /// Where the second build is made; it is removed afterwards [default: in memory where 6 GiB are free, else
    /// target/reproduce]
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
    /// Leave the second build where it was made, to have a look
    #[arg(long)]
    pub keep: bool,
    /// Write one JSON document to standard output when done
    #[arg(long)]
    pub json: bool,
    /// What to build with.
    #[command(flatten)]
    pub options: BuildOptions,
}

/// What is to be built twice.
struct Wanted {
    images: Vec<ImageDefinition>,
    /// Of the images, and others; each once.
    packages: Vec<PackageName>,
}

/// An image of both builds.
struct ComparedImage {
    name: ImageName,
    first: Image,
    second: Image,
}

impl ComparedImage {
    fn is_same(&self) -> bool {
        self.first.manifest.digest == self.second.manifest.digest
    }

    /// The names of the layers that differ.
    fn layers(&self) -> Vec<String> {
        let (first, second) = (self.first.table().rows, self.second.table().rows);
        let pairs = first.into_iter().zip(second);
        pairs.filter(|(first, second)| first.digest != second.digest).map(|(first, _)| first.name).collect()
    }
}

/// Carries the command out.
pub fn reproduce(arguments: &Reproduce) -> Result<(), Failure> {
    let context = Context::new(&arguments.options)?;
    let wanted = wanted(&context, &arguments.names)?;
    let mut scratch = Scratch::new(&place(&context, arguments)).map_err(medic_build::BuildError::from)?;
    if arguments.keep {
        scratch.keep();
    }
    let plan = context.reproduce_plan(arguments.second_runner, &scratch)?;
    announce(&context, &plan);
    let found = context.reproduce(&plan, &scratch, &wanted.packages)?;
    let images = wanted.images.iter().map(|image| compare_image(&context, image, &plan, &found));
    let images = images.collect::<Result<Vec<_>, Failure>>()?;
    let mut out = std::io::stdout();
    if arguments.json {
        writeln!(out, "{}", in_json(&context, &plan, &found, &images))?;
    } else {
        write!(out, "{}", in_words(&found, &images))?;
    }
    if arguments.keep {
        context.screen.line(&format!("kept: {}", scratch.path().display()));
    }
    if found.is_same() && images.iter().all(ComparedImage::is_same) {
        return Ok(());
    }
    let names = arguments.names.join(", ");
    Err(Failure::Different(format!("two builds of {names} gave different bytes: standard output says where")))
}

fn place(context: &Context, arguments: &Reproduce) -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    match &arguments.scratch {
        Some(folder) => std::path::absolute(folder).unwrap_or_else(|_| folder.clone()),
        None if reproduce::is_roomy_memory(&memory) => memory,
        None => context.environment.workspace.join("target/reproduce"),
    }
}

fn wanted(context: &Context, names: &[String]) -> Result<Wanted, Failure> {
    let mut wanted = Wanted { images: Vec::new(), packages: Vec::new() };
    for text in names {
        let (kind, name) = match text.split_once(':') {
            Some((kind @ ("image" | "package"), name)) => (Some(kind), name),
            _ => (None, text.as_str()),
        };
        let wrong = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
        let is_image = || context.environment.workspace.join(format!("images/{name}.yaml")).is_file();
        if kind == Some("image") || (kind.is_none() && is_image()) {
            let image = context.image(&name.parse::<ImageName>().map_err(|error| wrong(&error))?)?;
            wanted.packages.extend(image.packages.iter().cloned());
            wanted.images.push(image);
        } else {
            wanted.packages.push(name.parse().map_err(|error| wrong(&error))?);
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    wanted.packages.retain(|name| seen.insert(name.clone()));
    Ok(wanted)
}

fn announce(context: &Context, plan: &ReproducePlan) {
    context.screen.line("building twice; what is not the same for the second build:");
    for varied in &plan.varied {
        context.screen.line(&format!("  {:<21} {} -> {}", varied.condition, varied.first, varied.second));
    }
}

fn compare_image(
    context: &Context,
    definition: &ImageDefinition,
    plan: &ReproducePlan,
    found: &Reproduced,
) -> Result<ComparedImage, Failure> {
    let of = |packages: &[BuiltPackage]| -> Vec<BuiltPackage> {
        let own = |name: &PackageName| packages.iter().find(|package| package.name == *name).cloned();
        definition.packages.iter().filter_map(own).collect()
    };
    let first = assembled(context, definition, &of(&found.first), &plan.first, context.jobs)?;
    let second =
        assembled(context, definition, &of(&found.second), &plan.second, context.jobs.saturating_add(1))?;
    Ok(ComparedImage { name: definition.name.clone(), first, second })
}

fn in_words(found: &Reproduced, images: &[ComparedImage]) -> String {
    let mut text = String::new();
    for one in &found.components {
        text.push_str(&compared(&format!("{} {}", one.name, one.version), one));
    }
    for one in &found.packages {
        text.push_str(&compared(&format!("package {} {}", one.name, one.version), one));
    }
    for image in images {
        let name = format!("image {} {}", image.name, image.first.version);
        if image.is_same() {
            text.push_str(&format!("{name}: the same, {}\n", image.first.manifest.digest.oci()));
        } else {
            text.push_str(&format!("{name}: DIFFERENT in the layers {}\n", image.layers().join(", ")));
        }
    }
    text
}

fn compared<Name>(name: &str, one: &Compared<Name>) -> String {
    if one.differences.is_empty() {
        return format!("{name}: the same, {}\n", one.first);
    }
    let mut text = format!("{name}: DIFFERENT");
    if !one.because_of.is_empty() {
        let causes: Vec<_> = one.because_of.iter().map(ToString::to_string).collect();
        text.push_str(&format!(", as {} is", causes.join(" and ")));
    }
    text.push('\n');
    one.differences.iter().take(SHOWN).for_each(|difference| text.push_str(&difference_in_words(difference)));
    if let Some(more @ 1..) = one.differences.len().checked_sub(SHOWN) {
        text.push_str(&format!("  and {more} more\n"));
    }
    text
}

fn difference_in_words(difference: &Difference) -> String {
    let path = &difference.path;
    match &difference.what {
        What::OnlyFirst => format!("  {path}: only the first build made it\n"),
        What::OnlySecond => format!("  {path}: only the second build made it\n"),
        What::Type { first, second } => format!("  {path}: a {first}, then a {second}\n"),
        What::Mode { first, second } => format!("  {path}: mode {first:04o}, then {second:04o}\n"),
        What::Link { first, second } => format!("  {path}: a link to '{first}', then to '{second}'\n"),
        What::Content(content) => content_in_words(path, content),
    }
}

fn content_in_words(path: &str, content: &Content) -> String {
    let Content { offset, part, before, first, second, first_size, second_size } = content;
    let part = part.as_ref().map_or(String::new(), |part| format!(" ({part})"));
    let end = |bytes: &str| if bytes.is_empty() { "end of the file".to_owned() } else { bytes.to_owned() };
    format!(
        "  {path}: differs at offset {offset} = {offset:#x}{part}\n    first   {before} | {} (of {first_size} bytes)\n    \
         second  {before} | {} (of {second_size} bytes)\n",
        end(first),
        end(second)
    )
}

fn in_json(context: &Context, plan: &ReproducePlan, found: &Reproduced, images: &[ComparedImage]) -> Value {
    let conditions: Vec<_> = (plan.varied.iter())
        .map(|one| json!({"condition": one.condition, "first": one.first, "second": one.second}))
        .collect();
    let image = |one: &ComparedImage| {
        json!({
            "name": one.name,
            "version": one.first.version,
            "same": one.is_same(),
            "first": one.first.manifest.digest.oci(),
            "second": one.second.manifest.digest.oci(),
            "layers": one.layers(),
        })
    };
    json!({
        "format": FORMAT,
        "arch": context.arch,
        "same": found.is_same() && images.iter().all(ComparedImage::is_same),
        "conditions": conditions,
        "components": found.components.iter().map(compared_in_json).collect::<Vec<_>>(),
        "packages": found.packages.iter().map(compared_in_json).collect::<Vec<_>>(),
        "images": images.iter().map(image).collect::<Vec<_>>(),
    })
}

fn compared_in_json<Name: ToString>(one: &Compared<Name>) -> Value {
    json!({
        "name": one.name.to_string(),
        "version": one.version,
        "same": one.differences.is_empty(),
        "first": one.first,
        "second": one.second,
        "because_of": one.because_of,
        "differences": one.differences.iter().map(difference_in_json).collect::<Vec<_>>(),
    })
}

fn difference_in_json(difference: &Difference) -> Value {
    let path = &difference.path;
    match &difference.what {
        What::OnlyFirst => json!({"path": path, "kind": "only-first"}),
        What::OnlySecond => json!({"path": path, "kind": "only-second"}),
        What::Type { first, second } => {
            json!({"path": path, "kind": "type", "first": first, "second": second})
        }
        What::Mode { first, second } => {
            json!({"path": path, "kind": "mode", "first": format!("{first:04o}"), "second": format!("{second:04o}")})
        }
        What::Link { first, second } => {
            json!({"path": path, "kind": "link", "first": first, "second": second})
        }
        What::Content(content) => json!({"path": path, "kind": "content", "content": content}),
    }
}
