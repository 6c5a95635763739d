//! What a program needs beside itself, and the machine it is for.

use std::collections::BTreeSet;

use medic_model::Arch;
use object::elf::{EM_AARCH64, EM_X86_64};

use super::check::{Check, Exceptions, Finding, Level, Looks};
use super::content::{Content, Form, list};
use super::elf::Elf;

/// A program that needs a loader.
pub static DYNAMIC: Check = Check {
    id: "dynamic",
    title: "a program or shared library that is linked dynamically",
    why: "Images have no dynamic loader and no C library: programs are static (musl). A dynamic one does not start there \
          (\"not found\", though the file exists), and no shared library can be loaded.",
    mend: "Link it with $LDFLAGS (which has -static), and configure libraries with --enable-static --disable-shared. Where \
           a program must load plug-ins, ship loader and libraries and declare it.",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// A library that is not there.
pub static NEEDED: Check = Check {
    id: "needed-library",
    title: "a shared library or loader that nothing provides",
    why: "The loader refuses to start the program: it looks for the library and finds none.",
    mend: "Ship the library (a component of the same package), or link statically.",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// For another machine.
pub static WRONG_ARCH: Check = Check {
    id: "wrong-arch",
    title: "a program, library or object for another architecture",
    why: "A build system that asks the machine it runs on, or takes the machine's own compiler, makes something that cannot \
          run where it is installed.",
    mend: "Compile with \"$CC\", and configure with --host=\"$TARGET\". A tool that runs during the build is compiled by \
           /toolchain/bin/hostcc and not installed.",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// Looks at a file. `provided` are the names of all files that a loader could find.
pub fn linking(content: &Content<'_>, arch: Arch, provided: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(elf) = content.loaded()
        && elf.is_dynamic()
    {
        findings.push(DYNAMIC.finds(content.path, describe(elf)));
        findings.extend(missing(elf, provided).map(|what| NEEDED.finds(content.path, what)));
    }
    findings.extend(wrong_arch(content, arch));
    findings
}

fn describe(elf: &Elf) -> String {
    let needed: Vec<&str> = elf.needed.iter().map(String::as_str).collect();
    match (&elf.interpreter, needed.is_empty()) {
        (Some(loader), true) => format!("it is loaded by {loader}"),
        (Some(loader), false) => format!("it is loaded by {loader} and needs {}", needed.join(", ")),
        (None, false) => format!("a shared library that needs {}", needed.join(", ")),
        (None, true) => "a shared library".to_owned(),
    }
}

/// What the program needs and nothing provides. One finding for all, as one exception is for all.
pub fn missing(elf: &Elf, provided: &BTreeSet<String>) -> Option<String> {
    let loader = elf.interpreter.iter().map(|path| path.rsplit('/').next().unwrap_or(path));
    let missing: Vec<&str> = loader
        .chain(elf.needed.iter().map(String::as_str))
        .filter(|name| !provided.contains(*name))
        .collect();
    (!missing.is_empty()).then(|| format!("nothing provides {}", missing.join(", ")))
}

fn wrong_arch(content: &Content<'_>, arch: Arch) -> Option<Finding> {
    let right = match arch {
        Arch::X64 => EM_X86_64,
        Arch::Arm64 => EM_AARCH64,
    };
    let own: Vec<(&str, &Elf)> = match &content.form {
        Form::Elf(elf) => vec![("it", elf)],
        _ => content.objects(),
    };
    let wrong: Vec<_> = own.into_iter().filter(|(_, elf)| elf.machine != right.0).collect();
    let (_, first) = wrong.first()?;
    let names: Vec<_> = wrong.iter().map(|(name, _)| *name).collect();
    let what = format!("{} is for {}, not for {arch}", list(&names), machine(first.machine));
    Some(WRONG_ARCH.finds(content.path, what))
}

fn machine(number: u16) -> String {
    match object::elf::Machine(number) {
        EM_X86_64 => "x64".to_owned(),
        EM_AARCH64 => "arm64".to_owned(),
        _ => format!("the ELF machine number {number}"),
    }
}
