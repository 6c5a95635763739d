//! Starting programs without copying the parent: the new process borrows its memory until it executes (vfork(2)).

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::limits::{Limit, Rlimit64, prlimit};
use crate::memory::right_behind_the_program;

/// A program with its arguments and its environment, ready for execve(2). Made once, started often.
#[derive(Debug)]
pub struct Program {
    path: CString,
    argv: Words,
    envp: Words,
}

/// Texts for execve(2), in one piece of memory: every service has its own, and small pieces have large margins.
#[derive(Debug)]
struct Words {
    // The pointers lead into the texts, whose bytes do not move when the box does.
    _texts: Box<[u8]>,
    pointers: Box<[*const c_char]>,
}

/// An ordinary program's user, group and further groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
}

/// Where the new process belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Group {
    /// In its parent's group and session.
    #[default]
    Parent,
    /// In a group of its own.
    Own,
    /// In a group of its own, which the terminal behind standard input, if it is one, belongs to from then on.
    Foreground,
    /// In a session of its own, without a terminal.
    Session,
}

/// A word in shared memory in which the new process enters its number before it executes anything.
///
/// It is a ticket: when the word is no longer `expected`, somebody else has taken over, and the process ends.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The word.
    pub word: &'a AtomicU64,
    /// What the word must be. Its lower half is 0; the process's number is put there.
    pub expected: u64,
}

/// What a new process is to be, beside its program.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Standard input; none is the parent's.
    pub stdin: Option<BorrowedFd<'a>>,
    /// Standard output; none is the parent's.
    pub stdout: Option<BorrowedFd<'a>>,
    /// Standard error; none is the parent's.
    pub stderr: Option<BorrowedFd<'a>>,
    /// One more descriptor, under this number.
    pub extra: Option<(BorrowedFd<'a>, u32)>,
    /// Its group.
    pub group: Group,
    /// Its user; none is the parent's.
    pub identity: Option<&'a Identity>,
    /// Its limits.
    pub limits: &'a [Limit],
    /// Its folder; none is the parent's.
    pub directory: Option<&'a CStr>,
    /// Its ticket.
    pub claim: Option<Claim<'a>>,
}

/// Why a program was not started.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {step}: {source}")]
pub struct SpawnError {
    /// The program.
    pub path: String,
    /// What failed.
    pub step: &'static str,
    /// Why.
    pub source: io::Error,
}

impl SpawnError {
    /// Whether the machine lacked processes or memory at the moment, so that trying again helps.
    pub fn is_transient(&self) -> bool {
        matches!(self.source.raw_os_error(), Some(libc::EAGAIN | libc::ENOMEM | libc::ENFILE | libc::EMFILE))
    }

    /// Whether the program is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self.source.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR))
    }
}

fn string(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| nul())
}

fn nul() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "a NUL in an argument or variable")
}

impl Words {
    fn new<T: AsRef<[u8]>>(words: impl IntoIterator<Item = T>) -> io::Result<Self> {
        let (mut texts, mut starts) = (Vec::new(), Vec::new());
        for word in words {
            let word = word.as_ref();
            if word.contains(&0) {
                return Err(nul());
            }
            starts.push(texts.len());
            texts.extend_from_slice(word);
            texts.push(0);
        }
        let texts = texts.into_boxed_slice();
        let pointers = starts.iter().map(|start| texts[*start..].as_ptr().cast());
        let pointers = pointers.chain([std::ptr::null()]).collect();
        Ok(Self { _texts: texts, pointers })
    }

    fn as_ptr(&self) -> *const *const c_char {
        self.pointers.as_ptr()
    }
}

impl Program {
    /// The program at `path`; `arguments` begin with its name, variables are `NAME=value`. A NUL in any of them is an error.
    pub fn new<A: AsRef<[u8]>, E: AsRef<[u8]>>(
        path: &Path,
        arguments: impl IntoIterator<Item = A>,
        environment: impl IntoIterator<Item = E>,
    ) -> io::Result<Self> {
        let path = string(path.as_os_str().as_bytes())?;
        Ok(Self { path, argv: Words::new(arguments)?, envp: Words::new(environment)? })
    }
}

struct Child<'a> {
    program: &'a Program,
    options: &'a Options<'a>,
    failed: Option<(&'static str, i32)>,
}

/// Enough for the few calls before exec.
const STACK: usize = 16 * 1024;

/// Memory that is there for one start only: on the parent's own stack its pages would stay.
struct Stack(*mut c_void);

impl Stack {
    fn new() -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping, where the kernel sees fit, touches no existing memory.
        let at = unsafe { libc::mmap(right_behind_the_program(), STACK, protection, flags, -1, 0) };
        if at == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Self(at)) }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new` with this length, and whoever ran on it has executed or ended.
        unsafe { libc::munmap(self.0, STACK) };
    }
}

/// Starts a program; gives its number. On error nothing runs. Nothing is allocated unless it fails.
///
/// Signals are unblocked and have their default dispositions in it, whatever this process does with them.
pub fn spawn(program: &Program, options: &Options<'_>) -> Result<u32, SpawnError> {
    let error = |step, source| SpawnError { path: program.path.to_string_lossy().into_owned(), step, source };
    let mut child = Child { program, options, failed: None };
    let stack = Stack::new().map_err(|source| error("cannot make a process", source))?;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the stack grows down from its end, which is aligned to a page. With CLONE_VFORK this thread stands still until the
    // child has executed or ended, so `stack` and `child` outlive its use of them, and nothing else runs in the shared memory.
    let pid = unsafe { libc::clone(begin, stack.0.byte_add(STACK), flags, (&raw mut child).cast()) };
    drop(stack);
    if pid < 0 {
        return Err(error("cannot make a process", io::Error::last_os_error()));
    }
    let pid = pid.unsigned_abs();
    if let Some((step, errno)) = child.failed {
        if let Some(claim) = options.claim {
            // Struck out before the number is given up (see `wait`).
            let entered = claim.expected | u64::from(pid);
            let _ = claim.word.compare_exchange(entered, claim.expected, Ordering::AcqRel, Ordering::Relaxed);
        }
        super::reap(pid);
        return Err(error(step, io::Error::from_raw_os_error(errno)));
    }
    Ok(pid)
}

extern "C" fn begin(child: *mut c_void) -> c_int {
    // SAFETY: `spawn` passes a `Child` that lives until this process has executed or ended.
    let child = unsafe { &mut *child.cast::<Child<'_>>() };
    let step = match prepare(child.options) {
        Ok(()) => {
            let program = child.program;
            // SAFETY: the path and both arrays are NUL-terminated and live.
            unsafe { libc::execve(program.path.as_ptr(), program.argv.as_ptr(), program.envp.as_ptr()) };
            "cannot be executed"
        }
        Err(step) => step,
    };
    // SAFETY: errno is this thread's own, shared with the parent, which stands still.
    let errno = unsafe { *libc::__errno_location() };
    child.failed = Some((step, errno));
    super::exit_now(127)
}

/// Everything between the clone and the exec. Raw system calls only: a C library's setuid() would signal the
/// parent's threads. `errno` holds the reason of an error.
fn prepare(options: &Options<'_>) -> Result<(), &'static str> {
    match options.group {
        Group::Parent => {}
        Group::Own | Group::Foreground => {
            // SAFETY: takes numbers only.
            check(unsafe { libc::setpgid(0, 0) }.into(), "cannot make a process group")?;
        }
        // SAFETY: takes nothing.
        Group::Session => check(unsafe { libc::setsid() }.into(), "cannot make a session")?,
    }
    if options.group == Group::Foreground {
        take_terminal();
    }
    reset_signals();
    // SAFETY: takes a number only.
    unsafe { libc::umask(0o022) };
    connect(options)?;
    for limit in options.limits {
        let wanted = Rlimit64 { soft: limit.soft, hard: limit.hard };
        // A limit above the hard one of an ordinary user: as high as it can be had.
        if prlimit(0, limit.resource, Some(&wanted)).is_err() {
            let held = prlimit(0, limit.resource, None).map_err(|_| "cannot read a resource limit")?;
            let wanted = Rlimit64 { soft: limit.soft.min(held.hard), hard: held.hard };
            prlimit(0, limit.resource, Some(&wanted)).map_err(|_| "cannot set a resource limit")?;
        }
    }
    if let Some(identity) = options.identity {
        take_identity(identity)?;
    }
    if let Some(directory) = options.directory {
        // SAFETY: the path is NUL-terminated and lives.
        check(unsafe { libc::chdir(directory.as_ptr()) }.into(), "cannot enter its folder")?;
    }
    options.claim.map_or(Ok(()), enter)
}

fn check(result: i64, step: &'static str) -> Result<(), &'static str> {
    if result < 0 { Err(step) } else { Ok(()) }
}

/// Without a terminal, or with one that is somebody else's, nothing happens: then there is no keyboard to be had.
fn take_terminal() {
    // SAFETY: these take numbers only. SIGTTOU would stop a background process that takes the terminal.
    unsafe {
        libc::signal(libc::SIGTTOU, libc::SIG_IGN);
        libc::tcsetpgrp(0, libc::getpgrp());
    }
}

fn reset_signals() {
    // SAFETY: SIG_DFL is valid for every signal; an invalid number is refused. The mask is initialised by sigemptyset.
    unsafe {
        for signal in 1..32 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none = MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
    }
}

fn connect(options: &Options<'_>) -> Result<(), &'static str> {
    let standard = [(options.stdin, 0), (options.stdout, 1), (options.stderr, 2)];
    let standard = standard.into_iter().filter_map(|(fd, number)| fd.map(|fd| (fd, number)));
    // The extra one last: its number may be that of another's source.
    let extra = options.extra.map(|(fd, number)| (fd, number.cast_signed()));
    for (fd, number) in standard.chain(extra) {
        let result = if fd.as_raw_fd() == number {
            // dup2 of a descriptor to itself would leave it closed on exec.
            // SAFETY: takes numbers only.
            unsafe { libc::fcntl(number, libc::F_SETFD, 0) }
        } else {
            // SAFETY: takes numbers only.
            unsafe { libc::dup2(fd.as_raw_fd(), number) }
        };
        check(result.into(), "cannot connect its input and output")?;
    }
    Ok(())
}

fn take_identity(identity: &Identity) -> Result<(), &'static str> {
    let groups = &identity.groups;
    // SAFETY: the list is as long as is said.
    let result = unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) };
    check(result, "cannot take its groups")?;
    let (gid, uid) = (identity.gid, identity.uid);
    // SAFETY: takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) }, "cannot become its group")?;
    // SAFETY: takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) }, "cannot become its user")
}

fn enter(claim: Claim<'_>) -> Result<(), &'static str> {
    // SAFETY: takes nothing; a raw call, since a C library may remember the parent's number.
    let pid = unsafe { libc::syscall(libc::SYS_getpid) }.cast_unsigned();
    let entered = claim.expected | pid;
    match claim.word.compare_exchange(claim.expected, entered, Ordering::AcqRel, Ordering::Relaxed) {
        Ok(_) => Ok(()),
        Err(_) => {
            // SAFETY: errno is this thread's own.
            unsafe { *libc::__errno_location() = libc::EEXIST };
            Err("another supervisor has taken over")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Children, Exit, Resource, child_ended, mark_of, reap};
    use super::*;
    use std::os::fd::AsFd;

    fn shell(script: &str) -> Program {
        Program::new(Path::new("/bin/sh"), ["sh", "-c", script], ["PATH=/usr/bin:/bin", "X=y"])
            .expect("no NUL")
    }

    fn wait(pid: u32) -> Exit {
        loop {
            if let Some(exit) = child_ended(pid) {
                reap(pid);
                return exit;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    #[test]
    fn a_program_runs_with_its_environment_group_and_limits() {
        let limits = [
            Limit { resource: Resource::OpenFiles, soft: 77, hard: 77 },
            Limit { resource: Resource::Mark, soft: 1 << 60, hard: 1 << 60 },
        ];
        let options =
            Options { group: Group::Session, limits: &limits, directory: Some(c"/"), ..Options::default() };
        let program = shell("[ $X = y ] && [ $(ulimit -n) = 77 ] && [ $(pwd) = / ] && sleep 0.3; exit $?");
        let pid = spawn(&program, &options).expect("started");
        assert_eq!(mark_of(pid), Some(1 << 60));
        let known = super::super::process(pid).expect("alive");
        assert_eq!((known.group, known.session), (pid, pid));
        assert_eq!(wait(pid), Exit::Code(0));
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_and_leaves_no_child() {
        let program = Program::new(Path::new("/no/such/program"), ["x"], [""; 0]).expect("no NUL");
        let error = spawn(&program, &Options::default()).expect_err("cannot run");
        assert!(error.is_not_found() && !error.is_transient(), "{error}");
        assert!(error.to_string().starts_with("/no/such/program: cannot be executed"), "{error}");
        assert!(Program::new(Path::new("/bin/sh"), ["a\0b"], [""; 0]).is_err());
        assert!(Program::new(Path::new("/bin/s\0h"), ["a"], [""; 0]).is_err());
    }

    #[test]
    fn a_claim_lets_one_process_in_and_no_other() {
        let word = AtomicU64::new(5 << 32);
        let claim = Claim { word: &word, expected: 5 << 32 };
        let options = Options { claim: Some(claim), ..Options::default() };
        let pid = spawn(&shell("exit 3"), &options).expect("started");
        assert_eq!(word.load(Ordering::Acquire), (5 << 32) | u64::from(pid));
        let error = spawn(&shell("exit 3"), &options).expect_err("taken");
        assert!(error.to_string().contains("taken over"), "{error}");
        assert_eq!(wait(pid), Exit::Code(3));

        // A program that cannot be executed strikes itself out.
        word.store(6 << 32, Ordering::Release);
        let options = Options { claim: Some(Claim { word: &word, expected: 6 << 32 }), ..Options::default() };
        let missing = Program::new(Path::new("/no/such/program"), ["x"], [""; 0]).expect("no NUL");
        spawn(&missing, &options).expect_err("cannot run");
        assert_eq!(word.load(Ordering::Acquire), 6 << 32);
    }

    #[test]
    fn output_goes_where_it_is_led_and_an_extra_descriptor_is_there() {
        let pipe = crate::pipe::Pipe::new().expect("pipe");
        let extra = crate::pipe::Pipe::new().expect("pipe");
        let options = Options {
            stdout: Some(pipe.writer.as_fd()),
            stderr: Some(pipe.writer.as_fd()),
            extra: Some((extra.writer.as_fd(), 9)),
            ..Options::default()
        };
        let pid = spawn(&shell("echo out; echo err >&2; echo ready >&9"), &options).expect("started");
        assert_eq!(wait(pid), Exit::Code(0));
        let mut buffer = [0; 32];
        let count = rustix::io::read(&pipe.reader, &mut buffer).expect("read");
        assert_eq!(&buffer[..count], b"out\nerr\n");
        let count = rustix::io::read(&extra.reader, &mut buffer).expect("read");
        assert_eq!(&buffer[..count], b"ready\n");
        assert_ne!(super::super::next_ended(), Children::Ended(pid, Exit::Code(0)));
    }
}
