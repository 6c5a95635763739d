//! What goes wrong: a function of a seed, of the request, and of how often it was made. So the same seed gives the same faults in
//! whatever order several threads make their requests.

use medic_archive::digest::of_bytes;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset when so many bytes of the request have come.
    ResetRequest(usize),
    /// It is done, and the connection is reset when so many bytes of the answer have gone.
    ResetAnswer(usize),
    /// It is done, and the connection just ends after so many bytes of the answer.
    EndAnswer(usize),
    /// Nothing is done, and this is answered, with `Retry-After` where there is one.
    Status(u16, Option<&'static str>),
    /// From now on what was said of who asks is not good any more.
    Expire,
    /// The upload that it is about is forgotten.
    Forget,
    /// It is said that the bytes are not those of the digest.
    Corrupt,
}

/// Numbers of chance from a seed (splitmix64).
#[derive(Debug, Clone)]
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    /// True so many times of a hundred.
    pub fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }
}

/// The faults of a schedule.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    pub seed: u64,
    /// How many of a hundred requests have one.
    pub share: u64,
}

impl Schedule {
    /// What goes wrong with the `nth` request (from 0) of this kind.
    pub fn fault(&self, kind: &str, nth: u32) -> Option<Fault> {
        let digest = of_bytes(format!("{} {kind} {nth}", self.seed).as_bytes()).sha256;
        let mut first = [0; 8];
        first.copy_from_slice(&digest.as_bytes()[..8]);
        let mut chance = Chance(u64::from_le_bytes(first));
        if !chance.percent(self.share) {
            return None;
        }
        let (many, few) = (chance.below(30_000) as usize, chance.below(400) as usize);
        Some(match chance.below(14) {
            0 => Fault::ResetRequest(few),
            1 => Fault::ResetRequest(many),
            2 | 3 => Fault::ResetAnswer(few),
            4 => Fault::EndAnswer(few),
            5 => Fault::Status(429, Some("3")),
            6 => Fault::Status(503, Some("Thu, 01 Jan 1970 00:10:00 GMT")),
            7 => Fault::Status(503, None),
            8 => Fault::Status(500, None),
            9 => Fault::Status(502, None),
            10 | 11 => Fault::Expire,
            12 => Fault::Forget,
            _ => Fault::Corrupt,
        })
    }
}
