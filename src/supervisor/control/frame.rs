//! The frames. Everything from outside is parsed here and nowhere else; what is not well formed is refused whole.
//!
//! ```text
//! 0..2    "MS"
//! 2       version, 1
//! 3       1 request, 2 answer
//! 4..8    length of the whole frame
//! 8..16   number of the request, the asker's own
//!   request                        answer
//! 16      what is asked for        what came of it
//! 17      1: force                 0
//! 18, 19  lengths of the names     0
//! 20..28  time limit in ms, or 0   a time in ms
//! 28..    package, then service    a text, at most 2,000 bytes
//! ```
//! Numbers are little endian.

use medic_model::{PackageName, ServiceName};

use crate::machine::fleet::{Operation, Outcome};

/// The version of the protocol.
pub const VERSION: u8 = 1;
/// The longest frame.
pub const MAX_FRAME: usize = 2048;
const HEADER: usize = 28;
const MAX_TEXT: usize = 2000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The asker's number.
    pub tag: u64,
    /// What.
    pub what: What,
    /// In place of the time that the definition gives.
    pub within: Option<u64>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Something of a service.
    Service {
        /// What.
        operation: Operation,
        /// The package.
        package: PackageName,
        /// The service.
        service: ServiceName,
        /// Whether what stands in the way is to be removed.
        force: bool,
    },
    /// Read again what is installed.
    Reread,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The asker's number.
    pub tag: u64,
    /// The answer.
    pub outcome: Outcome,
}

/// Why a frame is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Too short, too long, or not what it says it is.
    #[error("a frame on the control socket is not well formed")]
    Malformed,
    /// Another version of the protocol.
    #[error(
        "a frame on the control socket has version {0}, and this program speaks version {VERSION}: restart the container"
    )]
    Version(u8),
}

const OPERATIONS: [(u8, Operation); 8] = [
    (1, Operation::Supervise),
    (2, Operation::Unsupervise),
    (3, Operation::Up),
    (4, Operation::Down),
    (5, Operation::Restart),
    (6, Operation::Reload),
    (7, Operation::Disable),
    (8, Operation::Enable),
];
const REREAD: u8 = 9;

const OUTCOMES: [(u8, Outcome); 14] = [
    (0, Outcome::Done),
    (1, Outcome::AlreadyUp),
    (2, Outcome::AlreadyDown),
    (3, Outcome::IsDown),
    (4, Outcome::Disabled),
    (5, Outcome::AlreadyDisabled),
    (6, Outcome::NotDisabled),
    (7, Outcome::Unsupervised),
    (8, Outcome::AlreadySupervised),
    (9, Outcome::NotRunning),
    (10, Outcome::NoSuchService),
    (11, Outcome::Overtaken),
    (12, Outcome::ShuttingDown),
    (13, Outcome::Busy),
];
const TIMED_OUT: u8 = 14;
const FAILED: u8 = 15;

struct Header {
    tag: u64,
    code: u8,
    flag: u8,
    lengths: [u8; 2],
    number: u64,
}

fn write(kind: u8, header: &Header, rest: &[&[u8]]) -> Vec<u8> {
    let length = HEADER + rest.iter().map(|part| part.len()).sum::<usize>();
    let mut frame = Vec::with_capacity(length);
    frame.extend(b"MS");
    frame.extend([VERSION, kind]);
    frame.extend((length as u32).to_le_bytes());
    frame.extend(header.tag.to_le_bytes());
    frame.extend([header.code, header.flag, header.lengths[0], header.lengths[1]]);
    frame.extend(header.number.to_le_bytes());
    rest.iter().for_each(|part| frame.extend_from_slice(part));
    frame
}

fn read(kind: u8, frame: &[u8]) -> Result<(Header, &[u8]), FrameError> {
    let (header, rest) = frame.split_first_chunk::<HEADER>().ok_or(FrameError::Malformed)?;
    let number = |from: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&header[from..from + 8]);
        u64::from_le_bytes(bytes)
    };
    let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    if &header[..2] != b"MS" || header[3] != kind || length as usize != frame.len() || frame.len() > MAX_FRAME
    {
        return Err(FrameError::Malformed);
    }
    if header[2] != VERSION {
        return Err(FrameError::Version(header[2]));
    }
    let lengths = [header[18], header[19]];
    Ok((Header { tag: number(8), code: header[16], flag: header[17], lengths, number: number(20) }, rest))
}

impl Ask {
    /// As a frame.
    pub fn encode(&self) -> Vec<u8> {
        let number = self.within.unwrap_or(0);
        match &self.what {
            What::Reread => {
                write(1, &Header { tag: self.tag, code: REREAD, flag: 0, lengths: [0, 0], number }, &[])
            }
            What::Service { operation, package, service, force } => {
                let code =
                    OPERATIONS.iter().find(|(_, known)| known == operation).map_or(0, |(code, _)| *code);
                let names = [package.as_str().as_bytes(), service.as_str().as_bytes()];
                // A name has at most 64 bytes.
                let lengths = names.map(|name| name.len() as u8);
                write(1, &Header { tag: self.tag, code, flag: u8::from(*force), lengths, number }, &names)
            }
        }
    }

    /// From a frame.
    ///
    /// # Errors
    /// It is not well formed, or of another version.
    pub fn decode(frame: &[u8]) -> Result<Self, FrameError> {
        let (header, rest) = read(1, frame)?;
        let within = (header.number > 0).then_some(header.number);
        let [package, service] = header.lengths.map(usize::from);
        if header.flag > 1 || rest.len() != package + service {
            return Err(FrameError::Malformed);
        }
        if header.code == REREAD && rest.is_empty() && header.flag == 0 {
            return Ok(Self { tag: header.tag, what: What::Reread, within });
        }
        let known = OPERATIONS.iter().find(|(code, _)| *code == header.code);
        let operation = known.map(|(_, operation)| *operation).ok_or(FrameError::Malformed)?;
        let name =
            |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| FrameError::Malformed);
        let (package, service) = rest.split_at(package);
        let package = name(package)?.parse().map_err(|_| FrameError::Malformed)?;
        let service = name(service)?.parse().map_err(|_| FrameError::Malformed)?;
        let what = What::Service { operation, package, service, force: header.flag == 1 };
        Ok(Self { tag: header.tag, what, within })
    }
}

impl Reply {
    /// As a frame; a text that is too long is cut.
    pub fn encode(&self) -> Vec<u8> {
        let (code, number, text) = match &self.outcome {
            Outcome::TimedOut(within) => (TIMED_OUT, *within, ""),
            Outcome::Failed(why) => (FAILED, 0, why.as_str()),
            plain => {
                let known = OUTCOMES.iter().find(|(_, outcome)| outcome == plain);
                (known.map_or(FAILED, |(code, _)| *code), 0, "")
            }
        };
        let text = &text.as_bytes()[..text.len().min(MAX_TEXT)];
        write(2, &Header { tag: self.tag, code, flag: 0, lengths: [0, 0], number }, &[text])
    }

    /// From a frame.
    ///
    /// # Errors
    /// It is not well formed, or of another version.
    pub fn decode(frame: &[u8]) -> Result<Self, FrameError> {
        let (header, rest) = read(2, frame)?;
        let outcome = match header.code {
            TIMED_OUT => Outcome::TimedOut(header.number),
            FAILED => Outcome::Failed(String::from_utf8_lossy(rest).into_owned()),
            code => {
                let known = OUTCOMES.iter().find(|(known, _)| *known == code);
                known.map(|(_, outcome)| outcome.clone()).ok_or(FrameError::Malformed)?
            }
        };
        Ok(Self { tag: header.tag, outcome })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_survive_the_way() {
        let service = |operation, force| What::Service {
            operation,
            package: "p".repeat(64).parse().expect("name"),
            service: "s".parse().expect("name"),
            force,
        };
        for (_, operation) in OPERATIONS {
            for (force, within) in [(false, None), (true, Some(u64::MAX))] {
                let ask = Ask { tag: 7, what: service(operation, force), within };
                assert_eq!(Ask::decode(&ask.encode()), Ok(ask));
            }
        }
        let reread = Ask { tag: u64::MAX, what: What::Reread, within: Some(1) };
        assert_eq!(Ask::decode(&reread.encode()), Ok(reread));
        let outcomes = OUTCOMES.into_iter().map(|(_, outcome)| outcome);
        let long =
            [Outcome::TimedOut(5000), Outcome::Failed("ä".repeat(3000)), Outcome::Failed(String::new())];
        for outcome in outcomes.chain(long) {
            let frame = Reply { tag: 1, outcome: outcome.clone() }.encode();
            assert!(frame.len() <= MAX_FRAME);
            let read = Reply::decode(&frame).expect("well formed");
            match (&read.outcome, &outcome) {
                (Outcome::Failed(read), Outcome::Failed(sent)) => assert!(sent.starts_with(read)),
                (read, sent) => assert_eq!(read, sent),
            }
        }
    }

    #[test]
    fn another_version_is_named() {
        let mut frame = Ask { tag: 0, what: What::Reread, within: None }.encode();
        frame[2] = 9;
        assert_eq!(Ask::decode(&frame), Err(FrameError::Version(9)));
    }

    proptest! {
        /// Whatever comes, it is refused or understood: and what is understood says the same again.
        #[test]
        fn nothing_from_outside_does_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), place in 0usize..60, value: u8) {
            let _ = (Ask::decode(&bytes), Reply::decode(&bytes));
            let what = What::Service {
                operation: Operation::Up,
                package: "nginx".parse().expect("name"),
                service: "nginx".parse().expect("name"),
                force: false,
            };
            let mut frame = Ask { tag: 3, what, within: None }.encode();
            if let Some(byte) = frame.get_mut(place) {
                *byte = value;
            }
            if let Ok(ask) = Ask::decode(&frame) {
                prop_assert_eq!(ask.encode(), frame);
            }
        }
    }
}
