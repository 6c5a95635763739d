//! `/boot/certificate`: a self-signed certificate for a service that was given none, and a look into certificates.
//!
//! A key is P-256 (RFC 5480), a certificate X.509 version 3 (RFC 5280). The key is written first, so that a certificate
//! never stands without its key.

mod args;
mod error;
mod self_signed;
mod show;

use std::ffi::OsString;
use std::io::Write as _;

use clap::Parser as _;
use medic_sys::files::write_durable;

use crate::command::World;
use args::{Certificate, Command};

pub use error::CertificateError;
pub use self_signed::{Pair, self_signed};
pub(crate) use show::date;
pub use show::{Shown, read};

/// The command line, as its help and its manual page show it.
#[cfg(test)]
pub(crate) fn command_line() -> clap::Command {
    <Certificate as clap::CommandFactory>::command()
}

/// Runs what `args` say (the program's own name first) and gives the exit code.
pub fn run(args: Vec<OsString>, world: &mut World<'_>) -> u8 {
    let parsed = match Certificate::try_parse_from(args) {
        Ok(parsed) => parsed,
        Err(error) => return crate::command::usage(&error, world),
    };
    let done = match &parsed.command {
        Command::SelfSigned(args) => make(args, world),
        Command::Show(args) => show::show(args, world),
    };
    match done {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(world.err, "Fatal: {error}");
            error.exit_code()
        }
    }
}

fn make(args: &args::SelfSigned, world: &mut World<'_>) -> Result<(), CertificateError> {
    for path in [&args.out_key, &args.out_cert] {
        if !args.force && path.symlink_metadata().is_ok() {
            return Err(CertificateError::Exists { path: path.clone() });
        }
    }
    let pair = self_signed(&args.name, args.days, world.now)?;
    write_durable(&args.out_key, pair.key.as_bytes(), 0o600)?;
    write_durable(&args.out_cert, pair.certificate.as_bytes(), 0o644)?;
    Ok(())
}
