//! What the checks want to know of an ELF file, read once. Sources: the System V ABI (gABI 4.1), chapters 4 and 5, and
//! `elf.h` for what GNU added.

use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{Dyn as _, FileHeader, ProgramHeader as _, SectionHeader as _};
use object::{Endianness, FileKind};

/// An ELF file, as far as it is checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elf {
    /// What it is.
    pub kind: Kind,
    /// `e_machine`.
    pub machine: u16,
    /// The program that loads it (`PT_INTERP`).
    pub interpreter: Option<String>,
    /// The libraries it asks for (`DT_NEEDED`).
    pub needed: Vec<String>,
    /// Whether the stack may be executed: what `PT_GNU_STACK` says, where there is one.
    pub stack_is_executable: Option<bool>,
    /// Whether a section `.note.GNU-stack` asks for an executable stack.
    pub asks_for_executable_stack: bool,
    /// Whether there is a `PT_GNU_RELRO`.
    pub relro: bool,
    /// Whether all symbols are bound before the program starts (`DT_BIND_NOW`, `DF_BIND_NOW`, `DF_1_NOW`).
    pub bind_now: bool,
    /// Whether there are symbols to be bound at their first call (`DT_JMPREL`).
    pub binds_lazily: bool,
    /// Whether it has a segment that may be both written and executed.
    pub writable_code: bool,
    /// Whether its code must be written to be relocated (`DT_TEXTREL`, `DF_TEXTREL`).
    pub text_relocations: bool,
    /// Bytes of the symbol table that is not loaded (`.symtab`).
    pub symbols: u64,
    /// Bytes of debugging information (`.debug_*`, `.zdebug_*`).
    pub debug: u64,
}

/// What kind of ELF file it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// A program at a fixed address (`ET_EXEC`).
    Program,
    /// A program that can be loaded anywhere (`ET_DYN` with `DF_1_PIE` or an interpreter).
    PieProgram,
    /// A shared library (any other `ET_DYN`).
    Library,
    /// An object file, to be linked (`ET_REL`).
    Object,
    /// Something else, such as a core dump.
    #[default]
    Other,
}

impl Elf {
    /// Reads one. `None` for a file that is none; an error says what is wrong with one that begins as such.
    pub fn read(bytes: &[u8]) -> Option<Result<Self, String>> {
        if !bytes.starts_with(b"\x7fELF") {
            return None;
        }
        let elf = match FileKind::parse(bytes) {
            Ok(FileKind::Elf32) => read::<FileHeader32<Endianness>>(bytes),
            Ok(FileKind::Elf64) => read::<FileHeader64<Endianness>>(bytes),
            Ok(_) => return Some(Err("its class is neither 32 nor 64 bits".to_owned())),
            Err(error) => Err(error),
        };
        Some(elf.map_err(|error| error.to_string()))
    }

    /// Whether it is loaded to be run: a program or a shared library.
    pub fn is_loaded(&self) -> bool {
        matches!(self.kind, Kind::Program | Kind::PieProgram | Kind::Library)
    }

    /// Whether something else must be loaded with it.
    pub fn is_dynamic(&self) -> bool {
        self.kind == Kind::Library || self.interpreter.is_some() || !self.needed.is_empty()
    }
}

fn read<H: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> object::read::Result<Elf> {
    let header = H::parse(bytes)?;
    let endian = header.endian()?;
    let mut found = Elf { machine: header.e_machine(endian).0, ..Elf::default() };
    let mut pie = false;
    let segments = header.program_headers(endian, bytes)?;
    for segment in segments {
        let flags = segment.p_flags(endian);
        let executable = flags.contains(elf::PF_X);
        match segment.p_type(endian) {
            elf::PT_LOAD => found.writable_code |= executable && flags.contains(elf::PF_W),
            elf::PT_GNU_STACK => found.stack_is_executable = Some(executable),
            elf::PT_GNU_RELRO => found.relro = true,
            elf::PT_INTERP => found.interpreter = segment.interpreter(endian, bytes)?.map(text),
            elf::PT_DYNAMIC => pie = dynamic::<H>(segments, segment, endian, bytes, &mut found)?,
            _ => {}
        }
    }
    found.kind = match header.e_type(endian) {
        elf::ET_EXEC => Kind::Program,
        elf::ET_DYN if pie || found.interpreter.is_some() => Kind::PieProgram,
        elf::ET_DYN => Kind::Library,
        elf::ET_REL => Kind::Object,
        _ => Kind::Other,
    };
    let sections = header.sections(endian, bytes)?;
    for section in sections.iter() {
        let name = sections.section_name(endian, section)?;
        let size: u64 = section.sh_size(endian).into();
        if section.sh_type(endian) == elf::SHT_SYMTAB {
            found.symbols += size;
        } else if name.starts_with(b".debug_") || name.starts_with(b".zdebug_") {
            found.debug += size;
        } else if name == b".note.GNU-stack" {
            found.asks_for_executable_stack |= section.sh_flags(endian).contains(elf::SHF_EXECINSTR);
        }
    }
    Ok(found)
}

/// Reads the dynamic segment; gives whether it says that this is a program.
fn dynamic<H: FileHeader<Endian = Endianness>>(
    segments: &[H::ProgramHeader],
    segment: &H::ProgramHeader,
    endian: Endianness,
    bytes: &[u8],
    found: &mut Elf,
) -> object::read::Result<bool> {
    let entries = segment.dynamic(endian, bytes)?.unwrap_or_default();
    let entries = entries.iter().map(|entry| (entry.tag(endian), entry.val(endian)));
    let entries: Vec<_> = entries.take_while(|(tag, _)| *tag != elf::DT_NULL).collect();
    let strings = entries.iter().find(|(tag, _)| *tag == elf::DT_STRTAB).map_or(0, |(_, value)| *value);
    let has = |value: u64, flag: u64| value & flag != 0;
    let mut pie = false;
    for (tag, value) in entries {
        match tag {
            elf::DT_NEEDED => {
                found.needed.extend(string::<H>(segments, endian, bytes, strings.saturating_add(value)));
            }
            elf::DT_TEXTREL => found.text_relocations = true,
            elf::DT_BIND_NOW => found.bind_now = true,
            elf::DT_JMPREL => found.binds_lazily = true,
            elf::DT_FLAGS => {
                found.text_relocations |= has(value, elf::DF_TEXTREL.0);
                found.bind_now |= has(value, elf::DF_BIND_NOW.0);
            }
            elf::DT_FLAGS_1 => {
                found.bind_now |= has(value, elf::DF_1_NOW.0);
                pie = has(value, elf::DF_1_PIE.0);
            }
            _ => {}
        }
    }
    Ok(pie)
}

/// The text that stands in memory at `address`.
fn string<H: FileHeader<Endian = Endianness>>(
    segments: &[H::ProgramHeader],
    endian: Endianness,
    bytes: &[u8],
    address: u64,
) -> Option<String> {
    segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD).find_map(|segment| {
        let start = address.checked_sub(segment.p_vaddr(endian).into())?;
        let rest = segment.data(endian, bytes).ok()?.get(usize::try_from(start).ok()?..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        Some(text(&rest[..end]))
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
