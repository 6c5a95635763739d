//! Which kind of archive some bytes start.

/// The kinds that can be unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Tar,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
    Zip,
}

impl Format {
    /// The kind of an archive that starts with these bytes (512 of them where there are that many).
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        const MAGIC: [(&[u8], Format); 6] = [
            (b"\x1f\x8b", Format::Gzip),
            (b"BZh", Format::Bzip2),
            (b"\xfd7zXZ\0", Format::Xz),
            (b"\x28\xb5\x2f\xfd", Format::Zstd),
            (b"PK\x03\x04", Format::Zip),
            (b"PK\x05\x06", Format::Zip),
        ];
        let known = MAGIC.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, format)| *format);
        known.or_else(|| is_tar(start).then_some(Self::Tar))
    }
}

/// A tar has no magic in its oldest form, so its first header's checksum decides.
fn is_tar(start: &[u8]) -> bool {
    if start.len() < 512 {
        return false;
    }
    let header = tar::Header::from_byte_slice(start);
    let mut copy = header.clone();
    copy.set_cksum();
    matches!((header.cksum(), copy.cksum()), (Ok(said), Ok(is)) if said == is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_decides() {
        assert_eq!(Format::of(b"\x1f\x8b\x08"), Some(Format::Gzip));
        assert_eq!(Format::of(b"#!/bin/sh\n"), None);
        assert_eq!(Format::of(&[0; 512]), None, "zeros are no header");
        let mut header = tar::Header::new_old();
        header.set_size(0);
        header.set_cksum();
        assert_eq!(Format::of(header.as_bytes()), Some(Format::Tar));
    }
}
