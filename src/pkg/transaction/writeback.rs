//! The disk at work while an archive is unpacked, so that there is little left to wait for at the end.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, Scope};

use medic_sys::files::Folder;

/// Bytes written after which the disk is told to begin.
const BATCH: u64 = 16 << 20;

/// Counts what is written, and has another thread send it to the disk. It hurries only: who wants to know that all is
/// durable syncs again, and is told what went wrong here.
pub(super) struct Writeback {
    batches: Option<SyncSender<()>>,
    waiting: u64,
}

impl Writeback {
    /// For what is written to the file system of `folder`.
    pub(super) fn new<'scope>(scope: &'scope Scope<'scope, '_>, folder: &'scope Folder) -> Self {
        let (batches, begun) = sync_channel(1);
        let run = move || begun.iter().for_each(|()| drop(folder.sync_filesystem()));
        let thread = Builder::new().spawn_scoped(scope, run);
        Self { batches: thread.is_ok().then_some(batches), waiting: 0 }
    }

    /// So many bytes were written.
    pub(super) fn written(&mut self, bytes: u64) {
        self.waiting += bytes;
        if self.waiting >= BATCH {
            self.waiting = 0;
            // One that is under way takes most of these with it.
            let _ = self.batches.as_ref().map(|batches| batches.try_send(()));
        }
    }
}
