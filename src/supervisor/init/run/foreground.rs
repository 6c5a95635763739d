//! The command in the foreground: `docker run IMAGE COMMAND…`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use medic_sys::process::{Group, Limit, Options, Program, SpawnError, spawn};
use medic_sys::signal::{number, send};

use super::Init;
use crate::machine::Millis;
use crate::machine::fleet::Event;

/// As shells have it: the program is not there.
const NOT_FOUND: u8 = 127;
/// The program cannot be executed.
const NOT_EXECUTABLE: u8 = 126;

impl Init<'_> {
    pub(super) fn begin_foreground(&mut self, now: Millis) {
        if self.config.command.is_empty() || self.foreground != 0 {
            return;
        }
        match self.start_foreground() {
            Ok(pid) => {
                self.foreground = pid;
                self.tell(now, Event::CommandStarted);
            }
            Err((code, why)) => {
                self.fatal = Some(why);
                self.tell(now, Event::Stop(code));
            }
        }
    }

    fn start_foreground(&self) -> Result<u32, (u8, String)> {
        let name = &self.config.command[0];
        let path = self.find_program(name);
        let words = self.config.command.iter().map(|word| word.as_bytes());
        let environment = self.config.environment.iter();
        let environment = environment.map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat());
        let program = Program::new(&path, words, environment)
            .map_err(|error| (NOT_EXECUTABLE, format!("the command cannot be run: {error}")))?;
        let limits: Vec<Limit> = self.world.files.into_iter().collect();
        let options = Options { group: Group::Foreground, limits: &limits, ..Options::default() };
        spawn(&program, &options).map_err(|error: SpawnError| {
            let code = if error.is_not_found() { NOT_FOUND } else { NOT_EXECUTABLE };
            (code, format!("the command cannot be run: {error}"))
        })
    }

    /// The program of that name on the container's path; a name with a slash is a path.
    fn find_program(&self, name: &OsStr) -> PathBuf {
        if name.as_bytes().contains(&b'/') {
            return name.into();
        }
        let path = self.config.environment.iter().find(|(variable, _)| variable == "PATH");
        let path = path.map_or_else(|| "/boot:/usr/bin:/bin".into(), |(_, value)| value.clone());
        let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
        found.unwrap_or_else(|| name.into())
    }

    pub(super) fn stop_command(&mut self) {
        if self.foreground != 0 {
            let _ = send(self.foreground, number::TERM);
            let _ = send(self.foreground, number::CONT);
        }
    }
}
