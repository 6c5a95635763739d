//! The files of an image as one tar, as its container sees them: all layers put one over the other.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::assemble::{Image, Written};
use crate::error::ImageError;
use crate::layers::use_plain_layer;
use crate::overlay::{Member, Overlay};

/// Where a member's bytes are: in which layer's plain tar, from where on.
struct Place {
    layer: usize,
    at: u64,
    header: tar::Header,
    target: Option<Vec<u8>>,
}

impl Image {
    /// Writes the files of all layers to the file `path` as one tar, in place of what is there: sorted, each with the owner, mode and
    /// time that it has in its layer. The same image gives the same bytes, however its layers are compressed.
    ///
    /// # Errors
    /// [`ImageError`]: the file cannot be written, a layer in the store is damaged. What was at `path` is then still there.
    pub fn write_rootfs(&self, path: &Path) -> Result<Written, ImageError> {
        self.write_file(path, self.identity("rootfs"), |file, path| self.write_flat(file, path))
    }

    fn write_flat(&self, to: &mut dyn Write, path: &Path) -> Result<(), ImageError> {
        let scratch = self.store.scratch()?;
        let mut overlay = Overlay::new();
        let mut files = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let plain = scratch.path().join(format!("{index}.tar"));
            use_plain_layer(&self.store, layer, self.compression, |tar| {
                let mut file = fs::File::create_new(&plain).map_err(ImageError::on("write", &plain))?;
                io::copy(tar, &mut file).map(drop).map_err(ImageError::on("write", &plain))
            })?;
            let read = ImageError::on("read the layer", &plain);
            let mut file = fs::File::open(&plain).map_err(&read)?;
            overlay.add(members(&mut file, index).map_err(&read)?);
            files.push(file);
        }
        let failed = ImageError::on("write", path);
        let mut builder = tar::Builder::new(to);
        for (name, place) in overlay.into_nodes() {
            append(&mut builder, &name, place, &mut files).map_err(&failed)?;
        }
        builder.finish().map_err(&failed)
    }
}

fn members(file: &mut fs::File, layer: usize) -> io::Result<Vec<Member<Place>>> {
    let mut found = Vec::new();
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).trim_end_matches('/').to_owned();
        let target = entry.link_name_bytes().map(std::borrow::Cow::into_owned);
        let is_folder = entry.header().entry_type().is_dir();
        let value = Place { layer, at: entry.raw_file_position(), header: entry.header().clone(), target };
        found.push(Member { path, is_folder, value });
    }
    Ok(found)
}

fn append<W: Write>(
    builder: &mut tar::Builder<W>,
    name: &str,
    place: Place,
    files: &mut [fs::File],
) -> io::Result<()> {
    let Place { layer, at, mut header, target } = place;
    if let Some(target) = target {
        let target = String::from_utf8_lossy(&target).into_owned();
        return builder.append_link(&mut header, name, target);
    }
    if header.entry_type().is_dir() {
        return builder.append_data(&mut header, format!("{name}/"), io::empty());
    }
    let file = &mut files[layer];
    file.seek(SeekFrom::Start(at))?;
    let size = header.entry_size()?;
    builder.append_data(&mut header, name, file.take(size))
}
