//! A layer looked through while it comes by: its bytes, what they unpack to, and the packages in it. Nothing is written.

use std::io::{self, BufReader, ErrorKind, Read};

use medic_archive::digest::DigestReader;
use medic_model::{PackageName, Version};

use super::Source;
use super::problem::{Fault, Problem};
use super::read::{Descriptor, stream};

/// The most bytes that a layer may unpack to.
const MAX_PLAIN: u64 = 64 << 30;
/// The largest window of a zstd layer, as a power of two: what decoders give without being asked.
const WINDOW_LOG: u32 = 27;

/// A package of an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
}

/// Compares a layer with what is said of it: digest and size by `descriptor`, what it unpacks to by the configuration. Gives the packages
/// whose bundles are in it.
pub(super) fn look(
    source: &dyn Source,
    what: &str,
    descriptor: &Descriptor,
    diff_id: &str,
) -> Result<Vec<Listed>, Fault> {
    let (mut packages, mut found) = (Vec::new(), String::new());
    stream(source, what, descriptor, &mut |reader| {
        packages.clear();
        let plain = plain(reader, &descriptor.media_type)?;
        let mut plain = DigestReader::new(plain.take(MAX_PLAIN + 1));
        let mut archive = tar::Archive::new(&mut plain);
        // Long names and other extensions are members like others then, whose content is passed over: they would be kept in memory.
        for entry in archive.entries()?.raw(true) {
            let entry = entry?;
            packages.extend(bundled(&entry.path_bytes()));
        }
        io::copy(&mut plain, &mut io::sink())?;
        let digested = plain.finish();
        if digested.size > MAX_PLAIN {
            let message = format!("it unpacks to more than {MAX_PLAIN} bytes");
            return Err(io::Error::new(ErrorKind::FileTooLarge, message));
        }
        found = digested.sha256.oci();
        Ok(())
    })?;
    if found != diff_id {
        let expected = diff_id.escape_debug().to_string();
        return Err(Problem::WrongLayer { what: what.to_owned(), expected, found }.into());
    }
    Ok(packages)
}

/// A layer's tar, by its media type (layer.md; those of Docker end alike).
fn plain<'a>(reader: &'a mut dyn Read, media_type: &str) -> io::Result<Box<dyn Read + 'a>> {
    let buffered = BufReader::with_capacity(64 << 10, reader);
    if media_type.ends_with("gzip") {
        Ok(Box::new(flate2::bufread::MultiGzDecoder::new(buffered)))
    } else if media_type.ends_with("zstd") {
        let mut decoder = zstd::Decoder::with_buffer(buffered)?;
        decoder.window_log_max(WINDOW_LOG)?;
        Ok(Box::new(decoder))
    } else if media_type.ends_with("tar") {
        Ok(Box::new(buffered))
    } else {
        let message = format!("'{}' is no layer's media type that is known", media_type.escape_debug());
        Err(io::Error::new(ErrorKind::Unsupported, message))
    }
}

/// The package whose bundle's manifest this path is: `usr/lib/medic-os/<package>/v<version>/manifest.json`.
fn bundled(path: &[u8]) -> Option<Listed> {
    let path = std::str::from_utf8(path).ok()?;
    let path = path.strip_prefix("./").unwrap_or(path);
    let rest = path.strip_prefix(medic_model::layout::BUNDLE)?.strip_prefix('/')?;
    let (name, rest) = rest.split_once('/')?;
    let version = rest.strip_suffix("/manifest.json")?.strip_prefix('v')?;
    Some(Listed { name: name.parse().ok()?, version: version.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_known_by_the_path_of_their_manifest() {
        let found = |path: &str| bundled(path.as_bytes()).map(|one| format!("{} {}", one.name, one.version));
        for path in
            ["usr/lib/medic-os/nginx/v1.2+x/manifest.json", "./usr/lib/medic-os/nginx/v1.2+x/manifest.json"]
        {
            assert_eq!(found(path).as_deref(), Some("nginx 1.2+x"), "{path}");
        }
        for none in [
            "usr/lib/medic-os/nginx/v1/x64/manifest.json",
            "usr/lib/medic-os/nginx/manifest.json",
            "usr/lib/medic-os/nginx/1/manifest.json",
            "usr/lib/medic-os/../v1/manifest.json",
            "srv/usr/lib/medic-os/nginx/v1/manifest.json",
            "usr/lib/medic-osnginx/v1/manifest.json",
            "",
        ] {
            assert_eq!(found(none), None, "{none}");
        }
        assert_eq!(bundled(b"usr/lib/medic-os/\xff/v1/manifest.json"), None);
    }
}
