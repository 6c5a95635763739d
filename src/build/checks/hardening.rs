//! What makes an attack on a program harder, where our toolchain can: the kernel and the linker do it, and it costs little.

use super::check::{Check, Exceptions, Finding, Level, Looks};
use super::content::{Content, list};
use super::elf::Kind;

/// A program at a fixed address.
pub static NO_PIE: Check = Check {
    id: "no-pie",
    title: "a program that is not position independent",
    why: "It stands at the same address in every process, so an attacker knows where its code is. A position-independent one \
          is put at a random address at each start.",
    mend: "Compile with -fPIE and link with -pie (for \"$CC\"; measured: a few per cent larger). A program that reads \
           nothing from the network, or whose size counts more, may declare an exception with the measured cost.",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// A stack that can be executed.
pub static EXECUTABLE_STACK: Check = Check {
    id: "executable-stack",
    title: "an executable stack",
    why: "What an attacker writes into a buffer on the stack can then be run. The kernel makes the stack executable when the \
          program has no PT_GNU_STACK, or has one that asks for it; an object of hand-written assembler that asks for it is enough.",
    mend: "Add .section .note.GNU-stack,\"\",%progbits to the assembler source, and link with -z noexecstack.",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// Memory that can be written and executed.
pub static WRITABLE_CODE: Check = Check {
    id: "writable-code",
    title: "a segment that can be both written and executed",
    why: "Any write to the wrong place there becomes code. Kernels with a strict policy refuse to load it.",
    mend: "Link without -N and without linker scripts that merge sections; look for a section with the flags WX (readelf -S).",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// Code that must be changed when it is loaded.
pub static TEXT_RELOCATIONS: Check = Check {
    id: "text-relocations",
    title: "code that must be written to be loaded",
    why: "The code cannot be shared between processes, and must be made writable while it is loaded; musl's loader and \
          kernels with a strict policy refuse that.",
    mend: "Compile all of it, assembler too, with -fPIC or -fPIE.",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// Tables of addresses that stay writable.
pub static NO_RELRO: Check = Check {
    id: "no-relro",
    title: "tables of addresses that stay writable (no RELRO, or lazy binding)",
    why: "A loader can write-protect what was relocated (PT_GNU_RELRO), and with -z now all of it, before the program runs; else \
          one wrong write to such a table diverts the next call. It is asked of whatever is relocated when it starts: \
          position-independent programs and shared libraries. (musl's loader does it. Its start-up code of a static \
          program does not: recipes/nginx/relro.c does it there.)",
    mend: "Link with -z relro -z now: our linker's default, so look for -z norelro or -z lazy.",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// Looks at a file.
pub fn hardening(content: &Content<'_>) -> Vec<Finding> {
    let path = content.path;
    let mut findings = Vec::new();
    let mut found = |check: &'static Check, what: &str| findings.push(check.finds(path, what));
    if let Some(elf) = content.loaded() {
        match elf.stack_is_executable {
            None => found(&EXECUTABLE_STACK, "it has no PT_GNU_STACK"),
            Some(true) => found(&EXECUTABLE_STACK, "its PT_GNU_STACK asks for an executable stack"),
            Some(false) => {}
        }
        if elf.writable_code {
            found(&WRITABLE_CODE, "a PT_LOAD segment with the flags RWE");
        }
        if elf.text_relocations {
            found(&TEXT_RELOCATIONS, "it has DT_TEXTREL");
        }
        if elf.kind == Kind::Program {
            found(&NO_PIE, "it is linked to a fixed address (ET_EXEC)");
        } else if !elf.relro {
            found(&NO_RELRO, "it has no PT_GNU_RELRO");
        } else if elf.binds_lazily && !elf.bind_now {
            found(&NO_RELRO, "its symbols are bound lazily (no DT_BIND_NOW)");
        }
    }
    let objects = content.objects();
    let asking: Vec<_> =
        objects.iter().filter(|(_, elf)| elf.asks_for_executable_stack).map(|(name, _)| *name).collect();
    if !asking.is_empty() {
        found(&EXECUTABLE_STACK, &format!("{} asks for an executable stack", list(&asking)));
    }
    findings
}
