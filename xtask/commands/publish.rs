//! `publish`: an image, built if need be, into repositories of registries.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::Arc;

use clap::Args;
use medic_build::publish::Network;
use medic_build::publish::registry::{Client, Name, Reference, Scheme, Tag};
use medic_build::sandbox::RunnerKind;
use medic_image::credentials::Tags;
use medic_image::push::{Plan, PushError, Pushed, Release, Reporter, WantedTag, carry_out, look};
use medic_model::{Arch, ByteSize, ImageName};
use serde_json::{Value, json};

use super::attached::{Attachments, Signing};
use super::build_image::{BuiltImage, build, repairing};
use super::context::Context;
use super::login::{LoginOptions, login_source};
use crate::arguments::BuildOptions;
use crate::environment::network;
use crate::failure::Failure;
use crate::progress::{Patience, PushProgress, Screen, screen};

/// The version of the JSON answer's shape.
const FORMAT: u32 = 1;

/// What `--help` shows.
pub const EXAMPLES: &str = "Examples:
  cargo xtask publish nginx --to registry.example/medic/nginx --arch x64,arm64
                                                      under the image's version as tag
  cargo xtask publish nginx --to registry.example/medic/nginx --move-tag latest
                                                      and 'latest' leads to it from now on
  cargo xtask publish nginx --to localhost:5000/nginx:try --dry-run
  cargo xtask publish nginx --to a.example/nginx --to b.example/nginx --json | jq -r .digest";

/// `publish`.
#[derive(Debug, Args)]
pub struct Publish {
    /// An image of images/, such as nginx
    pub image: ImageName,
    /// Where it goes; may be given more than once [default tag: the image's version]
    #[arg(long, value_name = "REGISTRY/REPOSITORY[:TAG]", required = true)]
    pub to: Vec<Reference>,
    /// What it is built for; several become one index [default: this machine's]
    #[arg(long, value_name = "ARCH,…", value_delimiter = ',')]
    pub arch: Vec<Arch>,
    /// Set this tag as well, in each repository, even where it leads to another image; may be given more than once
    #[arg(long, value_name = "TAG")]
    pub move_tag: Vec<Tag>,
    /// A repository of the same registry that may have some of the layers: they are taken from there, not sent; may be
    /// given more than once
    #[arg(long, value_name = "REPOSITORY")]
    pub mount_from: Vec<String>,
    /// Speak to the registries without TLS, also where they are not on this machine
    #[arg(long)]
    pub plain_http: bool,
    /// Who signs, and what is attached.
    #[command(flatten)]
    pub signing: Signing,
    /// How registries are logged in to.
    #[command(flatten)]
    pub login: LoginOptions,
    /// Publish nothing; show what would be sent
    #[arg(long)]
    pub dry_run: bool,
    /// Write one JSON document to standard output
    #[arg(long)]
    pub json: bool,
    /// How many compilers may run at once [default: the number of processors]
    #[arg(long, short, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// How much memory the components that are built side by side may want together, such as '8 GiB' [default: what
    /// the machine has available]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<ByteSize>,
    /// After a build's failure go on with everything that does not depend on what failed
    #[arg(long, short)]
    pub keep_going: bool,
    /// Fetch no source; what is missing is named at once
    #[arg(long)]
    pub offline: bool,
    /// What build steps run in: bubblewrap or docker; both give the same bytes
    #[arg(long, default_value_t)]
    pub runner: RunnerKind,
}

/// Where the image goes.
struct Destination {
    /// Without a tag.
    repository: Reference,
    /// The tag that was named.
    tag: Option<Tag>,
    client: Client,
    /// Repositories of the same registry that may have some of the layers.
    others: Vec<String>,
}

/// What became of a destination.
struct Outcome {
    tags: Vec<Tag>,
    pushed: Pushed,
    /// Bytes that were sent of signatures and what else is attached.
    attached: u64,
}

/// Carries the command out.
pub fn publish(arguments: &Publish) -> Result<(), Failure> {
    let key = arguments.signing.key()?;
    let contexts = contexts(arguments)?;
    let no_color = contexts[0].environment.no_color;
    let screen: Arc<dyn Screen> = Arc::from(screen(no_color));
    let destinations = destinations(arguments, &network(), &screen)?;
    // Before anything is built: a registry that cannot be published to is said at once.
    for destination in &destinations {
        destination.reach()?;
    }
    let (built, outcomes) = repairing(&contexts[0], &arguments.image, || {
        let built: Vec<BuiltImage> =
            contexts.iter().map(|context| build(context, &arguments.image)).collect::<Result<_, _>>()?;
        let release = Release::of(&built.iter().map(|built| built.image.clone()).collect::<Vec<_>>())?;
        let attachments = arguments.signing.attachments(&contexts[0], &built, &release, key.as_ref())?;
        let outcomes = push(arguments, &built, &release, &attachments, &destinations, &*screen)?;
        Ok((built, outcomes))
    })?;
    let mut out = std::io::stdout();
    if arguments.json {
        return Ok(writeln!(out, "{}", answer(arguments, &built, &destinations, &outcomes))?);
    }
    Ok(write!(out, "{}", text(arguments, &built, &destinations, &outcomes))?)
}

/// One for each architecture.
fn contexts(arguments: &Publish) -> Result<Vec<Context>, Failure> {
    let mut archs: Vec<Option<Arch>> = arguments.arch.iter().copied().map(Some).collect();
    archs.sort();
    archs.dedup();
    if archs.is_empty() {
        archs.push(None);
    }
    let context = |arch| {
        Context::new(&BuildOptions {
            arch,
            jobs: arguments.jobs,
            memory: arguments.memory,
            keep_going: arguments.keep_going,
            offline: arguments.offline,
            runner: arguments.runner,
        })
    };
    archs.into_iter().map(context).collect()
}

fn destinations(
    arguments: &Publish,
    network: &Network,
    screen: &Arc<dyn Screen>,
) -> Result<Vec<Destination>, Failure> {
    let mut of_hosts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut destinations = Vec::new();
    let registries: Vec<&str> = arguments.to.iter().map(Reference::registry).collect();
    let credentials = Arc::new(arguments.login.who.credentials(&registries)?);
    for to in &arguments.to {
        if to.digest().is_some() {
            return Err(Failure::Usage(format!(
                "'{to}' has a digest: that comes from the image; name a tag, or nothing, which is the image's version"
            )));
        }
        let unusable = |source| Failure::File { path: network.authorities.clone(), source };
        let scheme = if arguments.plain_http { Ok(Scheme::Http) } else { Scheme::of(to.host(), network) };
        let patience = Arc::new(Patience(Arc::clone(screen)));
        let login = login_source(&credentials, to.registry())?;
        if !arguments.dry_run {
            let moved: Vec<&str> = arguments.move_tag.iter().map(Tag::as_str).collect();
            let tags = if moved.is_empty() { Tags::Immutable } else { Tags::ImmutableBut(&moved) };
            arguments.login.make_repository(&credentials, to.registry(), to.repository(), tags)?;
        }
        let client = Client::of(to, scheme.map_err(unusable)?, network, login, patience).map_err(unusable)?;
        let others = of_hosts.entry(to.registry()).or_insert_with(|| arguments.mount_from.clone());
        destinations.push(Destination {
            repository: to.without_tag(),
            tag: to.tag().cloned(),
            client,
            others: others.iter().filter(|other| *other != to.repository()).cloned().collect(),
        });
        others.push(to.repository().to_owned());
    }
    Ok(destinations)
}

impl Destination {
    fn location(&self) -> String {
        self.repository.to_string()
    }

    /// Asks for something, to be known and let in.
    fn reach(&self) -> Result<(), Failure> {
        let latest: Tag = "latest".parse().map_err(|error| Failure::Usage(format!("{error}")))?;
        let asked = self.client.resolve(Name::Tag(self.tag.as_ref().unwrap_or(&latest)));
        let failed = |source| PushError::Registry { location: self.location().into(), source };
        asked.map(drop).map_err(|source| failed(source).into())
    }

    /// The tags that it shall have: the one that was named, or the version's; and those that may be moved.
    fn wanted(&self, version: &Tag, moved: &[Tag]) -> Vec<WantedTag> {
        let own = self.tag.as_ref().unwrap_or(version);
        let mut tags = vec![WantedTag { tag: own.clone(), may_move: moved.contains(own) }];
        for tag in moved {
            if tags.iter().all(|known| known.tag != *tag) {
                tags.push(WantedTag { tag: tag.clone(), may_move: true });
            }
        }
        tags
    }
}

/// Plans everything, then carries it out: what one of the registries refuses is known before anything is sent to another.
fn push(
    arguments: &Publish,
    built: &[BuiltImage],
    release: &Release,
    attachments: &Attachments,
    destinations: &[Destination],
    screen: &dyn Screen,
) -> Result<Vec<Outcome>, Failure> {
    let version = built[0].image.version_tag().parse().map_err(|error| Failure::Usage(format!("{error}")))?;
    let mut plans = Vec::new();
    for destination in destinations {
        let wanted = destination.wanted(&version, &arguments.move_tag);
        let found = look(&destination.client, release, &wanted)?;
        let plan = Plan::new(release, &found, &wanted, &destination.location())?;
        plans.push((plan, wanted.into_iter().map(|tag| tag.tag).collect::<Vec<_>>()));
    }
    let shown = PushProgress(screen);
    // A log is told the result, and nothing on the way but what goes wrong.
    let reporter: &dyn Reporter = if std::io::stderr().is_terminal() { &shown } else { &() };
    let mut outcomes = Vec::new();
    for ((plan, tags), destination) in plans.into_iter().zip(destinations) {
        let (pushed, attached) = if arguments.dry_run {
            (plan.expected(), 0)
        } else {
            let (rest, tags) = plan.in_two();
            let mut pushed = carry_out(&rest, &destination.client, &destination.others, reporter)?;
            let attached = attachments.put(&destination.repository, &destination.client)?;
            let tagged = carry_out(&tags, &destination.client, &[], reporter)?;
            pushed.sent += tagged.sent;
            pushed.tags = tagged.tags;
            (pushed, attached)
        };
        outcomes.push(Outcome { tags, pushed, attached });
    }
    Ok(outcomes)
}

fn text(
    arguments: &Publish,
    built: &[BuiltImage],
    destinations: &[Destination],
    outcomes: &[Outcome],
) -> String {
    let image = &built[0].image;
    let archs: Vec<_> = built.iter().map(|built| built.image.arch.as_str()).collect();
    let done = outcomes
        .iter()
        .all(|outcome| outcome.pushed.sent + outcome.attached == 0 && outcome.pushed.tags.is_empty());
    let state = match (arguments.dry_run, done) {
        (_, true) => "up to date, nothing was done",
        (true, false) => "would be published",
        (false, false) => "published",
    };
    let mut text = format!("{} {} ({}): {state}\n", image.name, image.version, archs.join(", "));
    for (Destination { repository, .. }, Outcome { tags, pushed, attached }) in
        destinations.iter().zip(outcomes)
    {
        let names: Vec<_> = tags.iter().map(Tag::as_str).collect();
        let would = if arguments.dry_run { "would be sent" } else { "sent" };
        text.push_str(&format!("  {}\n", repository.with_digest(pushed.digest)));
        text.push_str(&format!(
            "    tags: {}; {} {would}, {} there already",
            names.join(", "),
            ByteSize(pushed.sent),
            ByteSize(pushed.there)
        ));
        if pushed.mounted > 0 {
            text.push_str(&format!(", {} from other repositories", ByteSize(pushed.mounted)));
        }
        if *attached > 0 {
            text.push_str(&format!("; {} of signatures, SBOM and provenance", ByteSize(*attached)));
        }
        text.push('\n');
    }
    text
}

fn answer(
    arguments: &Publish,
    built: &[BuiltImage],
    destinations: &[Destination],
    outcomes: &[Outcome],
) -> Value {
    let images: Vec<_> = built
        .iter()
        .map(|built| json!({"arch": built.image.arch, "digest": built.image.manifest.digest.oci()}))
        .collect();
    let places: Vec<_> = destinations
        .iter()
        .zip(outcomes)
        .map(|(destination, Outcome { tags, pushed, attached })| {
            let names = |tags: &[Tag]| tags.iter().map(|tag| tag.as_str().to_owned()).collect::<Vec<_>>();
            json!({"repository": destination.location(), "reference": destination.repository.with_digest(pushed.digest).to_string(),
                   "tags": names(tags), "set": names(&pushed.tags),
                   "sent": pushed.sent, "there": pushed.there, "mounted": pushed.mounted, "attached": attached})
        })
        .collect();
    json!({"format": FORMAT, "image": arguments.image, "version": built[0].image.version, "images": images,
           "digest": outcomes.first().map(|outcome| outcome.pushed.digest.oci()), "places": places, "dry_run": arguments.dry_run})
}

#[cfg(test)]
mod tests {
    use medic_build::publish::registry::LoginSource;

    use super::*;

    #[test]
    fn the_named_tag_or_the_version_is_set_and_those_that_may_move() {
        let tag = |text: &str| text.parse::<Tag>().expect("a tag");
        let network = Network { authorities: "/nonexistent".into(), ..Network::default() };
        let login: LoginSource = Arc::new(|| Ok(None));
        let waiting = Arc::new(medic_build::publish::registry::Machine);
        let client = Client::new(Scheme::Http, "localhost:1", "a", &network, login, waiting).expect("made");
        let reference: Reference = "localhost:1/a".parse().expect("good");
        let mut destination = Destination { repository: reference, tag: None, client, others: Vec::new() };
        let wanted = |destination: &Destination, moved: &[&str]| -> Vec<(String, bool)> {
            let moved: Vec<Tag> = moved.iter().map(|text| tag(text)).collect();
            let wanted = destination.wanted(&tag("1.0"), &moved);
            wanted.into_iter().map(|wanted| (wanted.tag.to_string(), wanted.may_move)).collect()
        };
        assert_eq!(wanted(&destination, &[]), [("1.0".to_owned(), false)]);
        assert_eq!(
            wanted(&destination, &["latest", "latest"]),
            [("1.0".to_owned(), false), ("latest".to_owned(), true)]
        );
        destination.tag = Some(tag("latest"));
        assert_eq!(wanted(&destination, &["latest"]), [("latest".to_owned(), true)]);
    }
}
