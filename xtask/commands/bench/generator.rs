//! A tree of files as software has it, the same for the same seed: texts of a vocabulary, machine code of a few hundred
//! instructions, and some that is compressed already. Not random: a compressor makes about a third of it.

use std::fs;
use std::path::Path;

use super::measure::BenchError;

/// Numbers that follow from a seed (xorshift64*, Vigna 2016).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// One below a limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// One below a limit, small ones far more often: about as words are used in a language.
    fn skewed(&mut self, limit: u64) -> u64 {
        let bound = self.below(limit) + 1;
        let bound = self.below(bound) + 1;
        self.below(bound)
    }
}

/// What files are made of.
#[derive(Debug)]
struct Material {
    words: Vec<Vec<u8>>,
    instructions: Vec<Vec<u8>>,
}

impl Material {
    fn new(random: &mut Random) -> Self {
        let syllables = [
            b"co", b"ne", b"ta", b"ri", b"st", b"en", b"al", b"or", b"un", b"ma", b"it", b"pe", b"lo", b"se",
        ];
        let word = |random: &mut Random| {
            let count = 1 + random.below(5);
            (0..count).flat_map(|_| *syllables[random.below(14) as usize]).collect()
        };
        let instruction = |random: &mut Random| {
            let length = 2 + random.below(4);
            (0..length).map(|_| random.next() as u8).collect()
        };
        Self {
            words: (0..6000).map(|_| word(random)).collect(),
            instructions: (0..700).map(|_| instruction(random)).collect(),
        }
    }

    fn text(&self, random: &mut Random, size: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(size + 16);
        let mut column = 0;
        while text.len() < size {
            let word = &self.words[random.skewed(self.words.len() as u64) as usize];
            text.extend_from_slice(word);
            column += word.len() + 1;
            let end = column > 60 + random.below(30) as usize;
            text.push(if end { b'\n' } else { b' ' });
            if end {
                column = 0;
                text.extend(std::iter::repeat_n(b' ', 4 * random.below(4) as usize));
            }
        }
        text.truncate(size);
        text
    }

    fn code(&self, random: &mut Random, size: usize) -> Vec<u8> {
        let mut code = b"CODE".to_vec();
        while code.len() < size {
            code.extend_from_slice(
                &self.instructions[random.skewed(self.instructions.len() as u64) as usize],
            );
            // An operand: often small, sometimes an address.
            match random.below(4) {
                0 => code.extend_from_slice(&(random.below(64) as u32).to_le_bytes()),
                1 => code.extend_from_slice(&(0x40_0000 + random.skewed(1 << 20) as u32).to_le_bytes()),
                _ => code.push(random.below(32) as u8),
            }
        }
        code.truncate(size);
        code
    }
}

/// Writes so many files of so many bytes together into a folder.
pub fn tree(folder: &Path, files: u64, bytes: u64) -> Result<(), BenchError> {
    tree_of(0x6d65_6469_636f_7321, folder, files, bytes)
}

/// The same with a seed of one's own.
pub fn tree_of(seed: u64, folder: &Path, files: u64, bytes: u64) -> Result<(), BenchError> {
    let mut random = Random::new(seed);
    let material = Material::new(&mut random);
    let mean = (bytes / files.max(1)).max(16);
    let mut left = bytes;
    for number in 0..files {
        let above =
            folder.join(format!("lib/part-{:03}", number / 250)).join(format!("module-{}", number / 25 % 10));
        fs::create_dir_all(&above).map_err(BenchError::file(&above))?;
        // Most files are small, and a few hold most of the bytes.
        let size = match random.below(100) {
            0 => mean * 40,
            1..=9 => mean * 3,
            _ => mean * (1 + random.below(40)) / 64,
        };
        let size = if number + 1 == files { left } else { size.min(left) };
        left -= size;
        let (ending, content) = match random.below(20) {
            0 => ("gz", (0..size).map(|_| random.next() as u8).collect()),
            1..=10 => ("txt", material.text(&mut random, size as usize)),
            _ => ("bin", material.code(&mut random, size as usize)),
        };
        let path = above.join(format!("file-{number}.{ending}"));
        fs::write(&path, content).map_err(BenchError::file(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_of_the_size_asked_for_and_always_the_same() {
        let made = || {
            let folder = tempfile::tempdir().expect("a folder");
            tree(folder.path(), 300, 600_000).expect("written");
            let mut files = Vec::new();
            let mut open = vec![folder.path().to_owned()];
            while let Some(at) = open.pop() {
                for entry in fs::read_dir(at).expect("a folder") {
                    let path = entry.expect("an entry").path();
                    if path.is_dir() {
                        open.push(path)
                    } else {
                        files.push((
                            path.strip_prefix(folder.path()).expect("below").to_owned(),
                            fs::read(&path).expect("read"),
                        ))
                    }
                }
            }
            files.sort();
            files
        };
        let first = made();
        assert_eq!(
            (first.len(), first.iter().map(|(_, content)| content.len()).sum::<usize>()),
            (300, 600_000)
        );
        assert!(first == made());
    }
}
