//! The command line of `certificate`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Makes and shows TLS certificates.
#[derive(Debug, Parser)]
#[command(name = "certificate", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(super) struct Certificate {
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the file system said no
  2  wrong usage, or a name that no certificate can have
  4  no such file
  5  refused: a file is there already
  6  not a certificate";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a P-256 key and a certificate for it that it signs itself.
    SelfSigned(SelfSigned),
    /// Show subject, names and dates of a certificate.
    Show(Show),
}

#[derive(Debug, Args)]
pub(super) struct SelfSigned {
    /// Where the certificate goes, in PEM.
    #[arg(long, value_name = "FILE")]
    pub(super) out_cert: PathBuf,
    /// Where the key goes, in PEM, for its owner only.
    #[arg(long, value_name = "FILE")]
    pub(super) out_key: PathBuf,
    /// A DNS name or an IP address that it is for; the first is also its common name.
    #[arg(long, required = true)]
    pub(super) name: Vec<String>,
    /// How many days it is valid.
    #[arg(long, default_value_t = 825, value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub(super) days: u32,
    /// Replace files that are there.
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// A certificate in PEM; of a chain the first is shown.
    pub(super) file: PathBuf,
    /// Write it as JSON.
    #[arg(long)]
    pub(super) json: bool,
}
