//! What must never be shipped: keys and passwords. Only what can hardly be anything else is found.

use aho_corasick::AhoCorasick;

use super::check::{Check, Exceptions, Finding, Level, Looks};
use super::content::Content;

/// A key or password.
pub static SECRET: Check = Check {
    id: "secret",
    title: "a private key, an access key or a token",
    why: "Whoever has the package or the image has it too, for ever: layers and mirrors are not taken back.",
    mend: "Remove it, and where it was real, revoke it now. A certificate's key is made at the first boot by a setup step. A test \
           key that upstream ships is better left out; where it must stay, declare it.",
    looks: Looks::AtTree,
    level: Level::Error,
    exceptions: Exceptions::Allowed,
};

/// Files in which programs keep passwords.
const NAMES: [(&str, &str); 10] = [
    (".netrc", "passwords of ftp and curl"),
    (".git-credentials", "passwords of git"),
    (".pypirc", "tokens of the Python package index"),
    (".pgpass", "passwords of PostgreSQL"),
    (".my.cnf", "passwords of MySQL"),
    (".htpasswd", "passwords of a web server"),
    ("id_rsa", "an SSH key"),
    ("id_ecdsa", "an SSH key"),
    ("id_ed25519", "an SSH key"),
    ("id_dsa", "an SSH key"),
];

/// A token: what it begins with, how many letters follow at least, and what it is.
struct Token {
    prefix: &'static str,
    letters: usize,
    alphabet: fn(u8) -> bool,
    what: &'static str,
}

/// Tokens whose form their makers published so that they can be found.
const TOKENS: [Token; 17] = [
    token("AKIA", 16, upper, "an AWS access key id"),
    token("ASIA", 16, upper, "a temporary AWS access key id"),
    token("ghp_", 36, alphanumeric, "a GitHub token"),
    token("gho_", 36, alphanumeric, "a GitHub token"),
    token("ghu_", 36, alphanumeric, "a GitHub token"),
    token("ghs_", 36, alphanumeric, "a GitHub token"),
    token("ghr_", 36, alphanumeric, "a GitHub token"),
    token("github_pat_", 60, word, "a GitHub token"),
    token("glpat-", 20, word, "a GitLab token"),
    token("npm_", 36, alphanumeric, "an npm token"),
    token("pypi-AgE", 50, word, "a token of the Python package index"),
    token("xoxb-", 40, word, "a Slack token"),
    token("xoxp-", 40, word, "a Slack token"),
    token("sk_live_", 24, alphanumeric, "a Stripe key"),
    token("AIza", 35, word, "a Google API key"),
    token("dckr_pat_", 27, word, "a Docker Hub token"),
    token("AGE-SECRET-KEY-1", 58, upper, "an age key"),
];

const fn token(prefix: &'static str, letters: usize, alphabet: fn(u8) -> bool, what: &'static str) -> Token {
    Token { prefix, letters, alphabet, what }
}

fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
}

/// What every secret begins with, made ready to be looked for at once.
#[derive(Debug)]
pub struct Secrets(AhoCorasick);

impl Secrets {
    /// Takes a moment: make it once for many files.
    pub fn new() -> Self {
        let tokens = TOKENS.iter().map(|token| token.prefix);
        let names = ASSIGNED.iter().map(|(name, ..)| *name);
        let all: Vec<&str> = tokens.chain(names).chain([PEM, MINISIGN]).collect();
        // Two dozen short texts are far from its limits.
        Self(AhoCorasick::new(all).unwrap_or_else(|error| unreachable!("{error}")))
    }

    /// Looks at a file: its name, then all of its bytes.
    pub fn find(&self, content: &Content<'_>) -> Vec<Finding> {
        let bytes = content.bytes;
        // Some begin with what others are, so a place may be found twice.
        let mut places: Vec<usize> = self.0.find_overlapping_iter(bytes).map(|found| found.start()).collect();
        places.dedup();
        secrets(content, places)
    }
}

fn secrets(content: &Content<'_>, places: Vec<usize>) -> Vec<Finding> {
    let name = content.path.rsplit('/').next().unwrap_or_default();
    let mut what: Vec<String> = NAMES
        .iter()
        .filter(|(known, _)| *known == name)
        .map(|(_, what)| format!("a file of this name holds {what}"))
        .collect();
    let bytes = content.bytes;
    for at in places {
        let rest = bytes.get(at..).unwrap_or_default();
        let inside_word = at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(|b| word(*b));
        let found = private_key(rest)
            .or_else(|| if inside_word { None } else { assigned(rest).or_else(|| known(rest)) });
        if let Some(found) = found {
            let place = match content.member_at(at) {
                Some(member) => format!("{found} in {member}"),
                None => format!("{found} at byte {at}"),
            };
            if what.len() < 5 {
                what.push(place);
            }
        }
    }
    if what.is_empty() { Vec::new() } else { vec![SECRET.finds(content.path, what.join(", "))] }
}

/// A token of a known form. One that a manual uses as its example is none.
fn known(rest: &[u8]) -> Option<&'static str> {
    TOKENS.iter().find_map(|token| {
        let letters = rest.strip_prefix(token.prefix.as_bytes())?;
        let length = letters.iter().position(|byte| !(token.alphabet)(*byte)).unwrap_or(letters.len());
        let letters = letters.get(..length)?;
        let exact = token.prefix != "AKIA" && token.prefix != "ASIA" || length == token.letters;
        let is_token =
            exact && length >= token.letters && is_random(letters) && !letters.ends_with(b"EXAMPLE");
        is_token.then_some(token.what)
    })
}

/// Whether letters look drawn by lot: many different ones, digits among them.
fn is_random(letters: &[u8]) -> bool {
    let mut seen = [false; 256];
    letters.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    let different = seen.iter().filter(|seen| **seen).count();
    different >= 8 && letters.iter().any(u8::is_ascii_digit) && letters.iter().any(u8::is_ascii_alphabetic)
}

/// Names to which a secret of a known length is assigned: the name, the letters, what it is.
const ASSIGNED: [(&str, usize, &str); 3] = [
    ("aws_secret_access_key", 40, "an AWS secret key"),
    ("AWS_SECRET_ACCESS_KEY", 40, "an AWS secret key"),
    ("_authToken=", 20, "a token of an npm registry"),
];

fn assigned(rest: &[u8]) -> Option<&'static str> {
    ASSIGNED.iter().find_map(|(name, letters, what)| {
        let after = rest.strip_prefix(name.as_bytes())?;
        let after: &[u8] = {
            let skipped = after.iter().take(5).take_while(|byte| b" =:\"'".contains(byte)).count();
            after.get(skipped..)?
        };
        let length = after
            .iter()
            .position(|byte| !(base64(*byte) || *byte == b'-' || *byte == b'_'))
            .unwrap_or(after.len());
        let value = after.get(..length)?;
        (length >= *letters && is_random(value) && !value.ends_with(b"EXAMPLEKEY")).then_some(*what)
    })
}

/// How a key in PEM begins.
const PEM: &str = "-----BEGIN ";
/// The first line of a secret key of minisign, with which repositories are signed.
const MINISIGN: &str = "minisign encrypted secret key";

/// A private key as PEM (RFC 7468) or minisign's: with the key itself, not the heading alone, which programs that read keys have.
fn private_key(rest: &[u8]) -> Option<&'static str> {
    if let Some(after) = rest.strip_prefix(MINISIGN.as_bytes()) {
        return has_key(after).then_some("a secret key of minisign");
    }
    let after = rest.strip_prefix(PEM.as_bytes())?;
    let label = after.get(..after.iter().take(40).position(|byte| *byte == b'-')?)?;
    let body = after.get(label.len()..)?.strip_prefix(b"-----")?;
    (label.ends_with(b"PRIVATE KEY") && has_key(body)).then_some("a private key")
}

/// Whether a line of base64 follows, after at most three lines that an old form has before it (RFC 1421: Proc-Type, DEK-Info).
fn has_key(body: &[u8]) -> bool {
    // Keys also stand in sources and JSON, where a line's end is spelled out.
    let text: Vec<u8> = String::from_utf8_lossy(body.get(..400.min(body.len())).unwrap_or_default())
        .replace("\\n", "\n")
        .replace('\r', "")
        .into_bytes();
    let mut lines = text.split(|byte| *byte == b'\n').skip(1).take(4);
    lines.any(|line| {
        let key = line.iter().take_while(|byte| base64(**byte)).count();
        key >= 32 && is_random(line.get(..key).unwrap_or_default())
    })
}
