//! Programs, libraries and objects, as this machine's compiler makes them.

use super::*;

const PROGRAM: &str = "int answer = 42; int main(void) { return answer; }\n";
/// No C library is needed for what is only looked at.
const BARE: &str = "-nostdlib -ffreestanding -fno-stack-protector -Wl,-e,main -Wl,--build-id=none";
/// As our own toolchain makes programs.
const GOOD: &str = "-static-pie -fPIE -s -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack";

fn program(flags: &str) -> Built {
    let built = Built::new();
    built.compile("bin/hello", PROGRAM, &format!("{BARE} {flags}"));
    built
}

#[test]
fn a_good_program_passes() {
    assert_eq!(program(GOOD).findings(), []);
}

#[test]
fn each_weakness_of_a_program_is_found() {
    let but = |from: &str, to: &str| GOOD.replace(from, to);
    for (flags, check) in [
        (but("-s ", ""), "unstripped"),
        (but("-s ", "-g "), "unstripped"),
        (but("-static-pie -fPIE", "-static -no-pie -fno-pie"), "no-pie"),
        (but("noexecstack", "execstack"), "executable-stack"),
        (but("-Wl,-z,relro", "-Wl,-z,norelro"), "no-relro"),
    ] {
        assert_eq!(program(&flags).found(), [file(check, "bin/hello")], "{flags}");
    }
    let writable = program("-static -no-pie -fno-pie -s -Wl,-N -Wl,-z,noexecstack");
    assert!(writable.found().contains(&file("writable-code", "bin/hello")), "{:?}", writable.found());
}

#[test]
fn what_a_program_needs_must_be_there() {
    let built = Built::new();
    let library = "int answer(void) { return 42; }\n";
    let shared = format!("{BARE} -shared -fPIC -s -Wl,-z,now");
    let place = built.compile("lib/libanswer.so.1", library, &format!("{shared} -Wl,-soname,libanswer.so.1"));
    let link = "int answer(void); int main(void) { return answer(); }\n";
    let flags =
        format!("{BARE} -pie -fPIE -s -Wl,-z,now -l:libanswer.so.1 -Wl,-dynamic-linker,/lib/ld-mine.so");
    // Libraries come after what needs them.
    built.write("link.c", link);
    let program = built.prefix().join("bin/hello");
    fs::create_dir_all(built.prefix().join("bin")).expect("made");
    let compiled = Command::new("cc")
        .args(flags.split(' ').filter(|flag| !flag.starts_with("-l:")))
        .arg(built.prefix().join("link.c"))
        .arg(&place)
        .arg("-o")
        .arg(&program)
        .output()
        .expect("cc runs");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    fs::remove_file(built.prefix().join("link.c")).expect("removed");
    let found = built.findings();
    let of = |id: &str| found.iter().filter(|finding| finding.check.id == id).collect::<Vec<_>>();
    assert_eq!(of("dynamic").len(), 2, "{found:?}");
    let [needed] = of("needed-library")[..] else { panic!("{found:?}") };
    assert_eq!((needed.path.as_str(), needed.what.as_str()), ("bin/hello", "nothing provides ld-mine.so"));
    built.write("lib/ld-mine.so", "");
    fs::remove_file(&place).expect("removed");
    let needed: Vec<_> =
        built.findings().into_iter().filter(|finding| finding.check.id == "needed-library").collect();
    assert_eq!(needed.len(), 1);
    assert_eq!(needed[0].what, "nothing provides libanswer.so.1");
}

#[test]
fn a_library_is_relocated_without_writing_to_its_code_and_bound_at_once() {
    let built = Built::new();
    let meant = "{check: dynamic, reason: shared libraries are what is tested}";
    let calls = "int other(void); int answer(void) { return other() + 1; }\n";
    let flags = format!("{BARE} -shared -fPIC -s -Wl,-z,noexecstack");
    built.compile("lib/lazy.so", calls, &format!("{flags} -fplt -Wl,-z,lazy"));
    built.compile("lib/now.so", calls, &format!("{flags} -fplt -Wl,-z,now"));
    let text = "__asm__(\".text\\n.globl place\\nplace: .quad place\\n\");\n";
    built.compile("lib/text.so", text, &format!("{flags} -Wl,-z,now -Wl,-z,notext"));
    let found: Vec<_> = built.findings_but(meant).into_iter().map(|f| (f.check.id, f.path)).collect();
    assert_eq!(found, [file("no-relro", "lib/lazy.so"), file("text-relocations", "lib/text.so")]);
}

/// A static library of two objects that are compiled with these flags.
fn archive(flags: &str, source: &str) -> Built {
    let built = Built::new();
    for name in ["one", "two"] {
        built.compile(&format!("{name}.o"), source, &format!("-c -ffreestanding {flags}"));
    }
    let made = Command::new("ar")
        .current_dir(built.prefix())
        .args(["rcs", "libx.a", "one.o", "two.o"])
        .status()
        .expect("ar runs");
    assert!(made.success());
    for name in ["one.o", "two.o"] {
        fs::remove_file(built.prefix().join(name)).expect("removed");
    }
    built
}

#[test]
fn the_members_of_a_static_library_are_looked_at() {
    let source = "static int answer = 42; int f(void) { return answer; }\n";
    assert_eq!(archive("-fPIC", source).findings(), [], "symbols of an object are no fault");
    let debug = archive("-fPIC -g -fdebug-prefix-map=/=x/", source).findings();
    let [finding] = &debug[..] else { panic!("{debug:?}") };
    assert_eq!(finding.check.id, "debug-info");
    assert!(finding.what.ends_with("in one.o, two.o"), "{}", finding.what);
    let stack = "__asm__(\".section .note.GNU-stack,\\\"x\\\",%progbits\\n\");\n";
    let asks = archive("", stack).findings();
    assert!(asks.iter().any(|finding| finding.check.id == "executable-stack"), "{asks:?}");
    let path = archive("", "const char *path = \"/build/src/x.c\";\n").findings();
    let [finding] = &path[..] else { panic!("{path:?}") };
    assert_eq!(finding.what, "/build/src/x.c (in one.o, two.o)");
    let rust = archive("", "int x;\n");
    rust.write("lib.rmeta", "/home/you/example");
    let added = Command::new("ar").current_dir(rust.prefix()).args(["q", "libx.a", "lib.rmeta"]).status();
    assert!(added.expect("ar runs").success());
    fs::remove_file(rust.prefix().join("lib.rmeta")).expect("removed");
    assert_eq!(rust.findings(), [], "what only rustc reads goes into no program");
}

#[test]
fn what_is_for_another_machine_is_found() {
    let built = Built::new();
    let place = built.compile("lib/x.o", "int x;\n", "-c");
    let mut bytes = fs::read(&place).expect("there");
    bytes[18] = if Arch::host() == Some(Arch::X64) { 183 } else { 62 };
    fs::write(&place, bytes).expect("written");
    let found = built.findings();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].check.id, "wrong-arch");
}

#[test]
fn what_cannot_be_read_is_found_and_nothing_panics() {
    let built = Built::new();
    let program = fs::read(program(GOOD).prefix().join("bin/hello")).expect("there");
    built.write("cut", &program[..70]);
    built.write("short", b"\x7fELF");
    built.write(
        "archive",
        b"!<arch>\nnonsense that is long enough to be taken for the header of a member, as it were",
    );
    built.write("thin", b"!<thin>\n");
    let found: Vec<_> = built.found();
    let damaged = ["archive", "cut", "short", "thin"].map(|path| file("damaged-binary", path));
    assert_eq!(found, damaged);
    for at in 0..program.len().min(400) {
        let mut changed = program.clone();
        changed[at] ^= 0xff;
        drop(elf::Elf::read(&changed));
        drop(elf::Elf::read(&program[..at]));
    }
}
