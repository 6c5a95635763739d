//! Taking an image out of the daemon, as an archive.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use futures_util::StreamExt as _;

use super::{Docker, DockerError};

impl Docker {
    /// Writes the image of this tag to the file `path`, in the form of `docker save`; says whether the daemon has it.
    ///
    /// # Errors
    /// [`DockerError`]: the daemon fails, or the file cannot be written.
    pub fn save(&self, tag: &str, path: &Path) -> Result<bool, DockerError> {
        self.run(async {
            if self.image_id(tag).await?.is_none() {
                return Ok(false);
            }
            let unwritable = |source| DockerError::Archive { path: path.to_owned(), source };
            let mut file = fs::File::create(path).map_err(unwritable)?;
            let mut pieces = Box::pin(self.client.export_image(tag));
            while let Some(piece) = pieces.next().await {
                let piece = piece.map_err(self.error("an image was saved"))?;
                file.write_all(&piece).map_err(unwritable)?;
            }
            Ok(true)
        })
    }
}
