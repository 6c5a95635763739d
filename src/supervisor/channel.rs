//! What init and a service's supervisor tell each other. Only hints and answers: whatever counts is in the shared table,
//! so a message lost with a process loses nothing.

/// From init to a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Look at what is wanted.
    Look,
    /// The adopted service has ended; the table tells how.
    Ended,
    /// Make the service re-read its settings, and answer under this number.
    Reload(u64),
}

/// From a supervisor to init.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Look at what is published.
    Changed,
    /// The reload of this number is done; an error tells why it failed.
    Reloaded(u64, Result<(), String>),
}

/// The longest message.
pub const MAX_MESSAGE: usize = 2048;

impl Order {
    /// As a message.
    pub fn encode(self) -> [u8; 9] {
        let (kind, ticket) = match self {
            Self::Look => (b'l', 0),
            Self::Ended => (b'e', 0),
            Self::Reload(ticket) => (b'r', ticket),
        };
        let mut message = [0; 9];
        message[0] = kind;
        message[1..].copy_from_slice(&ticket.to_le_bytes());
        message
    }

    /// From a message; none for one that is none.
    pub fn decode(message: &[u8]) -> Option<Self> {
        let (kind, ticket) = message.split_first()?;
        let ticket = u64::from_le_bytes(ticket.try_into().ok()?);
        match kind {
            b'l' => Some(Self::Look),
            b'e' => Some(Self::Ended),
            b'r' => Some(Self::Reload(ticket)),
            _ => None,
        }
    }
}

impl News {
    /// [`News::Changed`] as a message: it is told so often that no memory is asked for.
    pub const CHANGED: &[u8] = b"c";

    /// As a message; a reason is cut where it is too long.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Changed => Self::CHANGED.to_vec(),
            Self::Reloaded(ticket, result) => {
                let mut message = vec![if result.is_ok() { b'd' } else { b'f' }];
                message.extend(ticket.to_le_bytes());
                message.extend(result.as_ref().err().map_or(&[][..], |why| why.as_bytes()));
                message.truncate(MAX_MESSAGE);
                message
            }
        }
    }

    /// From a message; none for one that is none.
    pub fn decode(message: &[u8]) -> Option<Self> {
        let (kind, rest) = message.split_first()?;
        if *kind == b'c' {
            return Some(Self::Changed);
        }
        let (ticket, why) = rest.split_first_chunk::<8>()?;
        let ticket = u64::from_le_bytes(*ticket);
        match kind {
            b'd' => Some(Self::Reloaded(ticket, Ok(()))),
            b'f' => Some(Self::Reloaded(ticket, Err(String::from_utf8_lossy(why).into_owned()))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_way() {
        for order in [Order::Look, Order::Ended, Order::Reload(u64::MAX)] {
            assert_eq!(Order::decode(&order.encode()), Some(order));
        }
        for news in
            [News::Changed, News::Reloaded(7, Ok(())), News::Reloaded(8, Err("line 3: no".to_owned()))]
        {
            assert_eq!(News::decode(&news.encode()), Some(news));
        }
        assert!(News::Reloaded(1, Err("x".repeat(9999))).encode().len() <= MAX_MESSAGE);
        for bad in [&b""[..], b"x", b"r123", b"d1", b"z12345678"] {
            assert_eq!((Order::decode(bad), News::decode(bad)), (None, None));
        }
    }
}
