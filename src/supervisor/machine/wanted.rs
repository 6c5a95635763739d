//! What is wanted of a service: set by init, obeyed by the service's supervisor. It fits a word of shared memory,
//! so no wish can be lost with a message or a process.

/// A wish. A later one has a higher generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Wanted {
    /// Counts the wishes. A running service of an earlier generation is started afresh when [`Aim::Up`] is wished again.
    pub generation: u32,
    /// What is wished.
    pub aim: Aim,
}

/// The state that is wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Aim {
    /// Nothing runs; the supervisor stays.
    #[default]
    Down,
    /// The service runs.
    Up,
    /// Nothing runs, and the supervisor ends.
    Leave,
    /// As `Leave`, without any grace: the container's time is over.
    LeaveNow,
}

impl Wanted {
    /// As a word.
    pub fn to_word(self) -> u64 {
        let aim = match self.aim {
            Aim::Down => 0,
            Aim::Up => 1,
            Aim::Leave => 2,
            Aim::LeaveNow => 3,
        };
        u64::from(self.generation) << 8 | aim
    }

    /// From a word; what no program of ours wrote is taken for `Down`, the harmless one.
    pub fn from_word(word: u64) -> Self {
        let aim = match word & 0xff {
            1 => Aim::Up,
            2 => Aim::Leave,
            3 => Aim::LeaveNow,
            _ => Aim::Down,
        };
        Self { generation: (word >> 8) as u32, aim }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_survives_the_word() {
        for aim in [Aim::Down, Aim::Up, Aim::Leave, Aim::LeaveNow] {
            for generation in [0, 1, u32::MAX] {
                let wanted = Wanted { generation, aim };
                assert_eq!(Wanted::from_word(wanted.to_word()), wanted);
            }
        }
        assert_eq!(Wanted::from_word(0), Wanted::default());
    }
}
