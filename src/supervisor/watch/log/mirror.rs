//! The container's output, with a service's name before each line.

use std::io;

use medic_sys::output::{Output, WHOLE};

use crate::machine::Millis;

/// So long an output that nobody reads may hold up the service; then its lines are dropped there, and counted.
const PATIENCE: Millis = 1000;

/// The container's output, as one service's lines go there.
#[derive(Debug)]
pub struct Mirror<'a> {
    /// None: nothing is shown.
    output: Option<&'a Output>,
    prefix: String,
    waiting: Vec<u8>,
    /// Since when it takes nothing.
    stalled: Option<Millis>,
    lost: u64,
}

impl<'a> Mirror<'a> {
    /// Lines of the service `name`, to `output`.
    pub fn new(output: Option<&'a Output>, name: &str) -> Self {
        Self { output, prefix: format!("{name}: "), waiting: Vec::new(), stalled: None, lost: 0 }
    }

    /// Whether lines wait for room: then no more should be brought.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= WHOLE
    }

    /// When it should be tried again.
    pub fn retry_at(&self, now: Millis) -> Option<Millis> {
        self.stalled.map(|_| now + 100)
    }

    /// Takes one line. [`Mirror::flush`] writes it.
    pub fn line(&mut self, now: Millis, line: &[u8]) {
        if self.output.is_none() {
            return;
        }
        if self.waiting.len() + self.prefix.len() + line.len() + 1 > WHOLE {
            self.flush(now);
        }
        if self.is_hopeless(now) {
            self.lost += 1;
            return;
        }
        self.waiting.extend_from_slice(self.prefix.as_bytes());
        self.waiting.extend_from_slice(line);
        self.waiting.push(b'\n');
    }

    fn is_hopeless(&self, now: Millis) -> bool {
        self.stalled.is_some_and(|since| now.saturating_sub(since) >= PATIENCE)
    }

    /// Writes what there is room for.
    pub fn flush(&mut self, now: Millis) {
        let Some(output) = self.output else { return };
        if !self.waiting.is_empty() {
            self.write(now, output);
        }
        if self.waiting.is_empty() && self.lost > 0 {
            let note = format!("{}{} lines were not shown here: nobody read them\n", self.prefix, self.lost);
            if output.write(note.as_bytes()).is_ok() {
                (self.lost, self.stalled) = (0, None);
            }
        }
    }

    fn write(&mut self, now: Millis, output: &Output) {
        let mut written = 0;
        while written < self.waiting.len() {
            // Lines that fit into one write stay whole among those of other services.
            let rest = &self.waiting[written..];
            let window = &rest[..rest.len().min(WHOLE)];
            let end = window.iter().rposition(|byte| *byte == b'\n').map_or(window.len(), |at| at + 1);
            match output.write(&window[..end]) {
                Ok(count) => {
                    written += count;
                    self.stalled = None;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stalled.get_or_insert(now);
                    break;
                }
                // The output is gone for good; there is nobody to tell.
                Err(_) => written = self.waiting.len(),
            }
        }
        self.waiting.drain(..written);
        if self.is_hopeless(now) {
            self.lost += self.waiting.iter().filter(|byte| **byte == b'\n').count() as u64;
            self.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use medic_sys::output::read_waiting;
    use medic_sys::pipe::Pipe;
    use std::os::fd::AsFd;

    fn read(pipe: &Pipe) -> String {
        let mut buffer = vec![0; 1 << 17];
        let count = read_waiting(&pipe.reader, &mut buffer).expect("read").unwrap_or(0);
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    }

    #[test]
    fn lines_bear_the_services_name() {
        let pipe = Pipe::new().expect("pipe");
        let output = Output::of(pipe.writer.as_fd()).expect("opened");
        let mut mirror = Mirror::new(Some(&output), "p/s");
        mirror.line(0, b"one");
        mirror.line(0, b"");
        mirror.flush(0);
        assert_eq!(read(&pipe), "p/s: one\np/s: \n");
    }

    #[test]
    fn an_output_that_nobody_reads_loses_lines_after_a_second_and_says_how_many() {
        let pipe = Pipe::new().expect("pipe");
        let output = Output::of(pipe.writer.as_fd()).expect("opened");
        let mut mirror = Mirror::new(Some(&output), "p/s");
        let mut lines = 0;
        while mirror.retry_at(0).is_none() {
            mirror.line(0, &[b'x'; 1000]);
            lines += 1;
        }
        assert!(mirror.is_full() || !mirror.waiting.is_empty());
        // Within the second nothing is dropped.
        mirror.flush(999);
        assert_eq!(mirror.lost, 0);
        mirror.flush(1000);
        for now in 1001..1010 {
            mirror.line(now, b"dropped");
            lines += 1;
        }
        let mut seen = read(&pipe);
        mirror.flush(1011);
        seen += &read(&pipe);
        // Every line was shown, or is counted in a note.
        let (notes, shown): (Vec<&str>, Vec<&str>) =
            seen.lines().partition(|line| line.ends_with("nobody read them"));
        let counted: u64 = notes
            .iter()
            .map(|line| line.split(' ').nth(1).expect("a number").parse::<u64>().expect("a number"))
            .sum();
        assert!(counted > 0);
        assert_eq!((shown.len() as u64 + counted, mirror.lost), (lines, 0));
        mirror.line(2000, b"again");
        mirror.flush(2000);
        assert_eq!(read(&pipe), "p/s: again\n");
    }
}
