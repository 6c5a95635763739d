//! Sending an archive to the daemon, piece by piece.

use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::query_parameters::{ImportImageOptions, TagImageOptions};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use std::fs;

use super::{Docker, DockerError};
use crate::progress::{Event, Reporter};

/// How much is read and sent at a time.
const PIECE: usize = 256 << 10;
/// How often progress is reported.
const TICK: Duration = Duration::from_millis(100);

/// How far the sending is; shared with the stream, which the HTTP client owns.
#[derive(Debug, Default)]
struct Sending {
    done: u64,
    fault: Option<std::io::Error>,
}

impl Docker {
    /// Loads an archive, and sees to it that the daemon knows its image under all `tags`; the first must be one of the
    /// archive's own.
    ///
    /// # Errors
    /// [`DockerError`].
    pub fn load(&self, archive: &Path, tags: &[String], reporter: &dyn Reporter) -> Result<(), DockerError> {
        self.run(async {
            self.send(archive, reporter).await?;
            match tags.split_first() {
                Some((first, others)) => self.tag_all(first, others).await,
                None => Ok(()),
            }
        })
    }

    async fn send(&self, archive: &Path, reporter: &dyn Reporter) -> Result<(), DockerError> {
        let unreadable = |source| DockerError::Archive { path: archive.to_owned(), source };
        let file = fs::File::open(archive).map_err(unreadable)?;
        let total = file.metadata().map_err(unreadable)?.len();
        let sending = Arc::new(Mutex::new(Sending::default()));
        let pieces = stream::iter(Pieces { file, sending: Arc::clone(&sending) });
        let mut answers =
            Box::pin(self.client.import_image_stream(ImportImageOptions::default(), pieces, None));
        let report = || reporter.event(Event::Sent { done: read(&sending).done, total });
        loop {
            let answer = match tokio::time::timeout(TICK, answers.next()).await {
                Err(_) => {
                    report();
                    continue;
                }
                Ok(answer) => answer,
            };
            match answer {
                None => break,
                Some(Ok(info)) => {
                    let words = [&info.status, &info.stream]
                        .into_iter()
                        .flatten()
                        .find(|words| !words.trim().is_empty());
                    if let Some(words) = words {
                        reporter.event(Event::Loading { message: words.trim() });
                    }
                }
                Some(Err(error)) => {
                    if let Some(source) = read(&sending).fault.take() {
                        return Err(unreadable(source));
                    }
                    return Err(self.error("an image was loaded")(error));
                }
            }
        }
        report();
        Ok(())
    }

    /// containerd's image store takes one name from an archive; Docker's own takes all.
    async fn tag_all(&self, first: &str, others: &[String]) -> Result<(), DockerError> {
        let id = self.image_id(first).await?;
        for tag in others {
            if self.image_id(tag).await? != id
                && let Some((repository, tag)) = tag.rsplit_once(':')
            {
                let options =
                    TagImageOptions { repo: Some(repository.to_owned()), tag: Some(tag.to_owned()) };
                let failed = self.error("the image was tagged");
                self.client.tag_image(first, Some(options)).await.map_err(failed)?;
            }
        }
        Ok(())
    }
}

fn read(sending: &Mutex<Sending>) -> std::sync::MutexGuard<'_, Sending> {
    sending.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The archive in pieces.
struct Pieces {
    file: fs::File,
    sending: Arc<Mutex<Sending>>,
}

impl Iterator for Pieces {
    type Item = Result<Bytes, std::io::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut piece = vec![0; PIECE];
        let result = self.file.read(&mut piece);
        let mut sending = read(&self.sending);
        match result {
            Ok(0) => None,
            Ok(count) => {
                sending.done += count as u64;
                piece.truncate(count);
                Some(Ok(piece.into()))
            }
            Err(error) => {
                let copy = std::io::Error::new(error.kind(), error.to_string());
                sending.fault = Some(error);
                Some(Err(copy))
            }
        }
    }
}
