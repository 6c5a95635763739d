//! Symbols and debugging information that nothing reads in an image.

use super::check::{Check, Exceptions, Finding, Level, Looks};
use super::content::{Content, list};

/// A program with symbols.
pub static UNSTRIPPED: Check = Check {
    id: "unstripped",
    title: "a program or shared library with symbols or debugging information",
    why: "Both are often larger than the program itself, nothing reads them in an image, and debugging information holds \
          paths of the build.",
    mend: "Link with -s (LDFLAGS has it), or run \"$STRIP\" on it in the step that installs.",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// An object with debugging information.
pub static DEBUG_INFO: Check = Check {
    id: "debug-info",
    title: "an object file or static library with debugging information",
    why: "It goes into every program that is linked with it, with the paths of the build in it. (Symbols of an object are \
          what it is linked by: they stay.)",
    mend: "Compile it without -g (CFLAGS has none: look for a build system that adds its own), or run \"$STRIP\" --strip-debug on it.",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// Looks at a file.
pub fn stripped(content: &Content<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(elf) = content.loaded() {
        let what = match (elf.symbols, elf.debug) {
            (0, 0) => None,
            (symbols, 0) => Some(format!("a symbol table of {symbols} bytes")),
            (0, debug) => Some(format!("{debug} bytes of debugging information")),
            (symbols, debug) => {
                Some(format!("a symbol table of {symbols} bytes and {debug} bytes of debugging information"))
            }
        };
        findings.extend(what.map(|what| UNSTRIPPED.finds(content.path, what)));
    }
    let objects = content.objects();
    let debug: Vec<_> = objects.iter().filter(|(_, elf)| elf.debug > 0).collect();
    if !debug.is_empty() {
        let bytes: u64 = debug.iter().map(|(_, elf)| elf.debug).sum();
        let names: Vec<_> = debug.iter().map(|(name, _)| *name).collect();
        let what = format!("{bytes} bytes of debugging information in {}", list(&names));
        findings.push(DEBUG_INFO.finds(content.path, what));
    }
    findings
}
