//! What is sent to the engine for a build: a tar archive, in two parts, of which the second is the
//! same for every image.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tar::{Builder, EntryType, Header};

/// The directory that becomes the image's root.
pub(super) const ROOT: &str = "root";

/// What lies at a path in an image.
#[derive(Debug)]
pub(super) enum Entry {
    /// A file that may be executed.
    File(Vec<u8>),
    /// A symbolic link.
    Link(PathBuf),
}

/// The archive's beginning: the Dockerfile.
pub(super) fn beginning(dockerfile: &str) -> Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    let mut header = header(EntryType::Regular, 0o644);
    header.set_size(dockerfile.len() as u64);
    let added = archive.append_data(&mut header, "Dockerfile", dockerfile.as_bytes());
    added.context("cannot put the Dockerfile into the archive")?;
    // Taken out unfinished: what marks an archive's end stands at the end of the other part.
    Ok(std::mem::take(archive.get_mut()))
}

/// The archive's end: all files, at their absolute paths in the image.
pub(super) fn end(entries: &[(PathBuf, Entry)]) -> Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for (path, entry) in entries {
        let inside = Path::new(ROOT).join(path.strip_prefix("/").unwrap_or(path));
        let added = match entry {
            Entry::File(content) => {
                let mut header = header(EntryType::Regular, 0o755);
                header.set_size(content.len() as u64);
                archive.append_data(&mut header, inside, content.as_slice())
            }
            Entry::Link(target) => {
                let mut header = header(EntryType::Symlink, 0o777);
                header.set_size(0);
                archive.append_link(&mut header, inside, target)
            }
        };
        added.with_context(|| format!("cannot put {} into the archive", path.display()))?;
    }
    archive.into_inner().context("cannot end the archive")
}

/// Root's, and of no particular time: the same files are the same layer.
fn header(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}
