//! The commands that change something: take the turn, plan, show or ask, carry out, tell the supervisor.

use std::time::Duration;

use medic_model::{PackageName, Version};
use medic_repository::Network;
use serde_json::Value;

use super::args::{self, Command, Pkg};
use super::{Failure, Voice, World, json, object, path, text, unready};
use crate::error::Error;
use crate::operation::{self, Operand, Permissions};
use crate::plan::{Change, Notice, Plan, Step};
use crate::reporter::{Event, Reporter};
use crate::repositories::{self, Offers, Opened};
use crate::root::Root;
use crate::services::{Renewal, Supervisor};
use crate::transaction::{Context, Materials, Session, Wait, carry_out};
use crate::{installed, paths, repair, verify};

type Planned = Result<(Plan, Materials), Error>;
type Planner<'a> = Box<dyn FnOnce(&Root, Option<&Session>, &Voice<'_>) -> Planned + 'a>;

pub(super) fn install(pkg: &Pkg, args: &args::Install, world: &mut World<'_>) -> Result<u8, Failure> {
    let operands = args.packages.iter().map(|text| Operand::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let permissions = Permissions {
        downgrade: args.downgrade,
        reinstall: args.reinstall,
        data_restored: args.change.data_restored,
    };
    let (now, network) = (world.now, world.network.clone());
    change(pkg, &args.change, world, |root, session, voice| {
        let operands = operands.into_iter().map(|operand| fetched(root, operand, &network, voice));
        let operands = operands.collect::<Result<Vec<_>, _>>()?;
        let repositories = opened(root, session, now, &network, voice)?;
        operation::install(
            root,
            &operands,
            Offers { opened: &repositories, reporter: voice },
            permissions,
            now,
        )
    })
}

pub(super) fn upgrade(pkg: &Pkg, args: &args::Upgrade, world: &mut World<'_>) -> Result<u8, Failure> {
    let (now, network) = (world.now, world.network.clone());
    change(pkg, &args.change, world, |root, session, voice| {
        let repositories = opened(root, session, now, &network, voice)?;
        operation::upgrade(root, &args.packages, Offers { opened: &repositories, reporter: voice }, now)
    })
}

/// What stands behind an address is got first: it is a file then.
fn fetched(root: &Root, operand: Operand, network: &Network, voice: &Voice<'_>) -> Result<Operand, Error> {
    match operand {
        Operand::Address { address, sha256 } => {
            let path = operation::download(root, &address, sha256, network, voice)?;
            Ok(Operand::File { path, location: Some(address) })
        }
        other => Ok(other),
    }
}

/// The repositories; what is seen of them is remembered, unless nothing may be written.
fn opened(
    root: &Root,
    session: Option<&Session>,
    now: u64,
    network: &Network,
    voice: &Voice<'_>,
) -> Result<Vec<Opened>, Error> {
    let opened = repositories::open_all(root, now, network, voice)?;
    if let Some(session) = session {
        repositories::remember(session, &opened)?;
    }
    Ok(opened)
}

pub(super) fn remove(pkg: &Pkg, args: &args::Remove, world: &mut World<'_>) -> Result<u8, Failure> {
    change(pkg, &args.change, world, |root, _, _| {
        let plan = operation::remove(root, &args.packages, args.purge, args.force)?;
        Ok((plan, Materials::default()))
    })
}

pub(super) fn collect(pkg: &Pkg, args: &args::Change, world: &mut World<'_>) -> Result<u8, Failure> {
    change(pkg, args, world, |root, _, _| Ok((operation::collect(root)?, Materials::default())))
}

pub(super) fn repair(pkg: &Pkg, args: &args::Verify, world: &mut World<'_>) -> Result<u8, Failure> {
    let (now, threads, network) = (world.now, world.threads, world.network.clone());
    change(pkg, &args.change, world, |root, session, voice| {
        let repositories = opened(root, session, now, &network, voice)?;
        let offers = Offers { opened: &repositories, reporter: voice };
        let names = if args.packages.is_empty() { installed::names(root)? } else { args.packages.clone() };
        let (mut plan, mut materials) = (Plan::default(), Materials::default());
        for name in names {
            let receipt = installed::required(root, &name)?;
            let report = verify::verify(root.path(), &receipt, threads(), voice)?;
            let (part, parts) = repair::repair(root, &receipt, &report.findings, offers, &network)?;
            plan.append(part);
            materials.archives.extend(parts.archives);
            materials.receipts.extend(parts.receipts);
        }
        Ok((plan, materials))
    })
}

pub(super) fn switch(
    pkg: &Pkg,
    package: &PackageName,
    version: Option<&Version>,
    args: &args::Change,
    world: &mut World<'_>,
) -> Result<u8, Failure> {
    let now = world.now;
    change(pkg, args, world, |root, _, _| {
        let version = match version {
            Some(version) => version.clone(),
            None => operation::rollback_target(root, package)?,
        };
        operation::switch(root, package, &version, args.data_restored, now)
    })
}

pub(super) fn sync(pkg: &Pkg, args: &args::Change, world: &mut World<'_>) -> Result<u8, Failure> {
    // Nothing to do is the usual case, and must need neither lock nor a volume that can be written to.
    if crate::sync::is_current(&Root::open(&pkg.root)?)? {
        return nothing(pkg, world);
    }
    let now = world.now;
    let result =
        change(pkg, args, world, |root, _, voice| crate::sync::plan(root, now, args.data_restored, voice));
    match result {
        Err(Failure::Error(error)) if matches!(&*error, Error::File(error) if error.is_read_only()) => {
            let (plan, _) = crate::sync::plan(&Root::open(&pkg.root)?, now, args.data_restored, &())?;
            Err(Error::ReadOnly { what: plan.summary() }.into())
        }
        result => result,
    }
}

fn nothing(pkg: &Pkg, world: &mut World<'_>) -> Result<u8, Failure> {
    if pkg.json {
        json(world.out, &changes(&Plan::default()))?;
    } else {
        Voice::new(&mut world.err).info("Nothing to do");
    }
    Ok(0)
}

/// Whether to wait for another `pkg`.
pub(super) fn wait(pkg: &Pkg) -> Wait {
    if pkg.no_wait { Wait::No } else { Wait::Yes }
}

fn change<'a>(
    pkg: &Pkg,
    args: &args::Change,
    world: &mut World<'_>,
    plan: impl FnOnce(&Root, Option<&Session>, &Voice<'_>) -> Planned + 'a,
) -> Result<u8, Failure> {
    // The program has the rest once, and not once for each command.
    change_by(pkg, args, world, Box::new(plan))
}

fn change_by(
    pkg: &Pkg,
    args: &args::Change,
    world: &mut World<'_>,
    plan: Planner<'_>,
) -> Result<u8, Failure> {
    let voice = Voice::new(&mut world.err);
    if args.dry_run {
        let (plan, _) = plan(&Root::open(&pkg.root)?, None, &voice)?;
        voice.erase();
        return show(pkg, &plan, world).map(|()| 0);
    }
    let holder = format!("PID {}", world.pid);
    let session = Session::begin(&pkg.root, &holder, wait(pkg), &voice)?;
    // At boot the supervisor itself waits for `sync`: it must not be asked for anything.
    let supervisor = match pkg.command {
        Command::Sync(_) => None,
        _ => Supervisor::find(session.root()),
    };
    if let (Some(supervisor), Some(finished)) = (&supervisor, session.recovered()) {
        supervisor.recover(finished, &voice);
    }
    let (plan, materials) = plan(session.root(), Some(&session), &voice)?;
    voice.erase();
    if plan.is_empty() {
        return nothing(pkg, world);
    }
    if !is_agreed(&plan, args, world.ask.as_deref_mut()) {
        voice.info("Nothing was done");
        return if pkg.json { nothing(pkg, world) } else { Ok(0) };
    }
    let id = format!("{:x}-{:x}", world.now, world.pid);
    let context = Context {
        root: session.root(),
        reporter: &voice,
        now: world.now,
        id: &id,
        script_limit: Duration::from_secs(args.script_timeout),
    };
    let mut renewal = None;
    if let Some(supervisor) = &supervisor {
        let limit = Duration::from_secs(args.ready_timeout);
        renewal = Some((supervisor, Renewal::prepare(supervisor, limit, &voice)?));
        supervisor.stop(&plan, &voice);
    }
    if let Err(error) = carry_out(context, &plan, materials) {
        if let Some(supervisor) = &supervisor {
            supervisor.start_again(&plan, &voice);
        }
        return Err(error.into());
    }
    // Whatever was got from afar is installed. A failure keeps it for the next try.
    forget_downloads(session.root(), &voice);
    if let Some((supervisor, mut renewal)) = renewal
        && let Some(unready) = renewal.forward(&plan)
    {
        let error = unready::answer(args, context, supervisor, &renewal, &plan, unready);
        if pkg.json {
            let mut value = changes(&plan);
            unready::shape(&error, &mut value);
            return Err(Failure::Changed(Box::new(error), value));
        }
        return Err(error.into());
    }
    if pkg.json {
        json(world.out, &changes(&plan))?;
    } else {
        voice.success(&done_words(&plan));
    }
    Ok(0)
}

fn forget_downloads(root: &Root, voice: &Voice<'_>) {
    let path = root.path_of(&paths::cache());
    match fs_err::remove_dir_all(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let text = format!("what was downloaded cannot be removed: {error}");
            voice.event(&Event::Warning { text: &text });
        }
        _ => {}
    }
}

/// Removing is asked about when somebody is there to answer.
fn is_agreed(plan: &Plan, args: &args::Change, ask: Option<&mut (dyn FnMut(&str) -> bool + '_)>) -> bool {
    let removes = plan.changes.iter().any(|change| change.to.is_none());
    match ask {
        Some(ask) if removes && !args.yes => ask(&format!("{}?", plan.summary())),
        _ => true,
    }
}

fn done_words(plan: &Plan) -> String {
    let mut words = plan.summary();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if words.is_empty() { "Finished".to_owned() } else { format!("{words}: finished") }
}

fn changes(plan: &Plan) -> Value {
    let version = |version: &Option<Version>| version.as_ref().map_or(Value::Null, |version| text(version));
    let change = |change: &Change| {
        object(&mut [
            ("package", text(&change.package)),
            ("from", version(&change.from)),
            ("to", version(&change.to)),
        ])
    };
    let notice = |notice: &Notice| object(&mut [("path", path(&notice.path)), ("text", text(&notice.text))]);
    object(&mut [
        ("changes", plan.changes.iter().map(change).collect()),
        ("notices", plan.notices.iter().map(notice).collect()),
    ])
}

/// `--dry-run`: the steps, in the order in which they would be done.
fn show(pkg: &Pkg, plan: &Plan, world: &mut World<'_>) -> Result<(), Failure> {
    if pkg.json {
        let value = serde_json::to_value(plan)
            .map_err(|error| medic_model::DocumentError::whole("the plan", error))?;
        return json(world.out, &value);
    }
    let mut text = String::new();
    for change in &plan.changes {
        text += &format!("{change}\n");
    }
    let bytes: u64 = plan.needs.iter().map(|need| need.bytes).sum();
    text += &format!("takes up to {}\n", medic_model::ByteSize(bytes));
    let lines = plan.before.iter().map(step).chain(
        plan.scripts
            .iter()
            .map(|script| format!("run     the '{}' script of '{}'", script.script, script.package)),
    );
    for line in lines.chain(["decide".to_owned()]).chain(plan.after.iter().map(step)) {
        text += &format!("  {line}\n");
    }
    for notice in &plan.notices {
        text += &format!("/{} {}\n", notice.path, notice.text);
    }
    world.out.write_all(text.as_bytes()).map_err(|_| Failure::Output)
}

fn step(step: &Step) -> String {
    let word = match step {
        Step::Folder { .. } => "folder",
        Step::Place { .. } => "place",
        Step::Clear { .. } => "clear",
        Step::Mode { .. } => "mode",
        Step::Remove { .. } => "remove",
    };
    format!("{word:<7} /{}", step.path())
}
