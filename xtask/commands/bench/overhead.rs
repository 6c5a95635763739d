//! A component built by the builder, and the same commands run by hand in the same sandbox: the sources unpacked by tar, the
//! compiler's cache copied, each step started in `bwrap` with the arguments that the builder uses.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use medic_build::definitions::Definitions;
use medic_build::report::Silent;
use medic_build::sandbox::{Bubblewrap, ControlGroup, SandboxPlan};
use medic_build::{BuildError, Settings, build_components, build_components_by, fetch};
use medic_model::ComponentName;
use medic_model::recipe::Recipe;

use super::figure::{Row, Target};
use super::measure::{BenchError, Series, run, time};
use super::recorder::{Recorder, host};
use super::workspace::{Scratch, beside, with_toolchain, write};
use crate::commands::context::Context;
use crate::failure::Failure;

/// What the text of our aims says.
const MOST: f64 = 1.03;
/// The steps of the component that has many.
const STEPS: usize = 30;

/// The benchmark.
pub fn rows(context: &Context, quick: bool) -> Result<Vec<Row>, Failure> {
    let scratch = Scratch::new(&context.environment.workspace)?;
    let real = context.settings();
    // The compiler and the build root are made ready in the user's store, once.
    let zlib = name("zlib")?;
    build_components(real, std::slice::from_ref(&zlib), &Silent)?;
    let many = Settings { workspace: many_steps(context, &scratch)?, ..real.clone() };
    let runs = if quick { 2 } else { 5 };
    Ok(vec![
        row("zlib: three steps", Target::Ratio(MOST), &scratch, real, &zlib, runs)?,
        row("a small program a step, thirty steps", Target::None, &scratch, &many, &name("steps")?, runs)?,
    ])
}

fn name(text: &str) -> Result<ComponentName, Failure> {
    text.parse().map_err(|error| Failure::Usage(format!("{error}")))
}

/// A workspace with one recipe that compiles the same small program in each of many steps.
fn many_steps(context: &Context, scratch: &Scratch) -> Result<PathBuf, Failure> {
    let folder = scratch.fresh("workspace")?;
    with_toolchain(&context.environment.workspace, &folder)?;
    let mut recipe = "name: steps\nversion: \"1\"\nreleased: 2026-01-01\nsummary: Many steps\nhomepage: https://example.org\n\
                      licence: MIT\nfiles: [step.c]\nsteps:\n"
        .to_owned();
    for step in 1..=STEPS {
        // Writing to a text cannot fail.
        let _ = write!(
            recipe,
            "  - name: step {step}\n    run: |\n      mkdir -p \"$DESTDIR$PREFIX/bin\"\n      \"$CC\" $CFLAGS -fPIE -DSTEP={step} $LDFLAGS -pie \
             -o \"$DESTDIR$PREFIX/bin/step-{step}\" ../files/step.c\n"
        );
    }
    write(&folder.join("recipes/steps/recipe.yaml"), recipe)?;
    write(
        &folder.join("recipes/steps/step.c"),
        "#include <stdio.h>\nint main(void) { return printf(\"%d\\n\", STEP) < 0; }\n",
    )?;
    Ok(folder)
}

fn row(
    case: &str,
    target: Target,
    scratch: &Scratch,
    settings: &Settings,
    name: &ComponentName,
    runs: usize,
) -> Result<Row, Failure> {
    let hand = ByHand::record(scratch, settings, name)?;
    let (mut ours, mut theirs) = (Series::default(), Series::default());
    for _ in 0..runs {
        let fresh = beside(settings, &scratch.fresh("store")?)?;
        ours.push(time(|| build_components(&fresh, std::slice::from_ref(name), &Silent).map(drop))?);
        theirs.push(hand.run(scratch)?);
    }
    Ok(Row {
        case: case.to_owned(),
        ours: ours.time(),
        peer: Some(("by hand".to_owned(), theirs.time())),
        target,
    })
}

/// A build as a person would do it.
#[derive(Debug)]
struct ByHand {
    /// The shell text.
    script: PathBuf,
    /// The folder that the recorded build worked in, which the script fills again: the sandboxes' mounts name it.
    work: PathBuf,
    /// What all its steps run in, with the limits of the first; a folder of the kernel's, removed with this.
    _group: Option<ControlGroup>,
}

impl ByHand {
    /// Builds a component once, and writes down what was done.
    fn record(scratch: &Scratch, settings: &Settings, name: &ComponentName) -> Result<Self, Failure> {
        let keep = scratch.fresh("kept")?;
        let recorder = Recorder::new(&keep);
        let store = beside(settings, &scratch.fresh("recorded")?)?;
        build_components_by(&recorder, &store, std::slice::from_ref(name), &Silent)?;
        let own = |plan: &SandboxPlan| {
            host(plan, "/steps")
                .is_some_and(|at| at.starts_with(store.store.join("work").join(name.as_str())))
        };
        let plans: Vec<_> = recorder.plans().into_iter().filter(own).collect();
        let Some(work) = plans.first().and_then(|plan| host(plan, "/build")?.parent().map(Path::to_owned))
        else {
            return Err(BenchError::Failed {
                what: "recording a build".to_owned(),
                message: "no step was run".to_owned(),
            }
            .into());
        };
        let definitions = Definitions::new(&settings.workspace);
        let recipe = definitions.recipe(name).map_err(BuildError::from)?;
        let script = keep.join("by-hand");
        let group = plans.first().and_then(|plan| ControlGroup::new(&plan.limits));
        let places = Places {
            folder: &definitions.recipe_folder(name),
            store: &store.store,
            work: &work,
            keep: &keep,
        };
        let text = text(&recipe, &places, &plans, group.as_ref()).map_err(BenchError::file(&script))?;
        write(&script, text)?;
        Ok(Self { script, work, _group: group })
    }

    fn run(&self, scratch: &Scratch) -> Result<super::measure::Sample, BenchError> {
        if self.work.exists() {
            std::fs::remove_dir_all(&self.work).map_err(BenchError::file(&self.work))?;
        }
        let result = scratch.fresh("result")?;
        run(Command::new("/bin/sh").arg("-eu").arg(&self.script).arg(result)).map_err(|error| {
            let log = std::fs::read_to_string(self.work.join("log")).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(5).collect();
            let said = last.into_iter().rev().collect::<Vec<_>>().join(" | ");
            BenchError::Failed { what: "the build by hand".to_owned(), message: format!("{error} {said}") }
        })
    }
}

/// One word of a shell text, whatever is in it.
fn word(text: impl AsRef<std::ffi::OsStr>) -> String {
    let text = String::from_utf8_lossy(text.as_ref().as_bytes()).into_owned();
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Where what a build by hand takes is.
#[derive(Debug, Clone, Copy)]
struct Places<'a> {
    /// The recipe's folder.
    folder: &'a Path,
    /// The store with the sources.
    store: &'a Path,
    /// What is filled.
    work: &'a Path,
    /// The steps and the compiler's cache.
    keep: &'a Path,
}

/// The shell text.
fn text(
    recipe: &Recipe,
    places: &Places<'_>,
    plans: &[SandboxPlan],
    group: Option<&ControlGroup>,
) -> std::io::Result<String> {
    let Places { folder, store, work, keep } = *places;
    let (source, place) = (work.join("build/src"), |below: &str| word(work.join(below)));
    let mut lines = vec![format!(
        "mkdir -p {} {} {} {} {} {}",
        word(&source),
        place("build/out"),
        place("build/files"),
        place("files"),
        place("patches"),
        place("sysroot")
    )];
    for file in recipe.file_sources().filter(|file| file.unpack) {
        let into = file.into.as_ref().map_or_else(|| source.clone(), |into| source.join(into));
        lines.push(format!("mkdir -p {}", word(&into)));
        let archive = fetch::path_of(store, &file.sha256);
        lines.push(format!(
            "tar --no-same-owner -xf {} -C {} --strip-components={}",
            word(archive),
            word(into),
            file.strip
        ));
    }
    for (files, to) in [(&recipe.patches, "patches"), (&recipe.files, "files")] {
        lines.extend(files.iter().map(|file| format!("cp {} {}", word(folder.join(file)), place(to))));
    }
    lines.push(format!("cp -R {} {}", word(keep.join("steps")), place("steps")));
    if keep.join("cache").is_dir() {
        lines.push(format!("cp -R {} {}", word(keep.join("cache")), place("build/.zig-cache")));
    }
    for plan in plans {
        let sysroot = plan.mounts.iter().filter_map(|mount| mount.guest.strip_prefix("/sysroot/"));
        lines.extend(sysroot.map(|need| format!("mkdir -p {}", word(work.join("sysroot").join(need)))));
        let line: Vec<String> = Bubblewrap.command_line(plan, group)?.iter().map(word).collect();
        lines.push(format!("{} </dev/null >>{} 2>&1", line.join(" "), place("log")));
    }
    let out = work.join("build/out").join(format!("srv/software/{}/current/default", recipe.name));
    lines.push(format!("cp -R {}/. \"$1\"", word(out)));
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word() {
        let output = Command::new("sh")
            .args(["-c", &format!("printf %s {}", word("a 'b' $c\n`d`"))])
            .output()
            .expect("runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "a 'b' $c\n`d`");
    }
}
