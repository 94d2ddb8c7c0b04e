//! A folder as a tar archive that streams: it is never whole in memory, nor on the disk.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use launcher_scheduler::dockerignore::Ignore;
use tar::{EntryType, Header};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

use super::Failure;
use super::foreign::harmless;

/// What git keeps for itself.
const GIT: &str = ".git";
/// So much is handed on at once, in bytes.
const PIECE: usize = 64 << 10;
/// So many pieces wait to be sent.
const WAITING: usize = 16;
/// A tar archive is made of blocks of so many bytes; each file has one of them before it.
const BLOCK: u64 = 512;

/// What is in a folder and belongs to what is built of it.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    entries: Vec<PathBuf>,
    /// About as long as its archive is, in bytes.
    pub(super) length: u64,
    /// What is no file, folder or link, and what it is.
    pub(super) skipped: Vec<(PathBuf, &'static str)>,
}

/// The archive in pieces, and how its packing ended.
pub(super) struct Packing {
    /// The pieces; an error where something could not be read.
    pub(super) pieces: ReceiverStream<io::Result<Bytes>>,
    /// Why it could not, in words.
    pub(super) end: JoinHandle<Result<(), Failure>>,
}

impl Folder {
    /// Looks at what is there.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub(super) fn read(root: &Path, ignore: &Ignore) -> Result<Self, Failure> {
        let mut folder = Self {
            root: root.to_owned(),
            entries: Vec::new(),
            length: 2 * BLOCK,
            skipped: Vec::new(),
        };
        folder.walk(Path::new(""), ignore)?;
        Ok(folder)
    }

    fn walk(&mut self, below: &Path, ignore: &Ignore) -> Result<(), Failure> {
        let place = self.root.join(below);
        let found = fs::read_dir(&place).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut names: Vec<_> = found
            .map_err(unreadable(&place))?
            .into_iter()
            .map(|entry| entry.file_name())
            .filter(|name| name != GIT)
            .collect();
        names.sort_unstable();
        for name in names {
            let path = below.join(name);
            let place = self.root.join(&path);
            let told = fs::symlink_metadata(&place).map_err(unreadable(&place))?;
            let text = path.to_string_lossy();
            if told.is_dir() && ignore.excludes_all_below(&text) {
                continue;
            }
            if !ignore.excludes(&text) {
                self.take(&path, &told);
            }
            if told.is_dir() {
                self.walk(&path, ignore)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &Path, told: &Metadata) {
        let kind = told.file_type();
        if kind.is_dir() || kind.is_symlink() || kind.is_file() {
            let content = if kind.is_file() { told.len() } else { 0 };
            self.length += BLOCK + content.next_multiple_of(BLOCK);
            self.entries.push(path.to_owned());
            return;
        }
        let what = if kind.is_socket() {
            "a socket"
        } else if kind.is_fifo() {
            "a pipe"
        } else {
            "a device"
        };
        self.skipped.push((path.to_owned(), what));
    }

    /// Begins to pack it.
    pub(super) fn pack(self) -> Packing {
        let (to, pieces) = mpsc::channel(WAITING);
        let end = tokio::task::spawn_blocking(move || {
            let out = Pieces { to: to.clone(), piece: BytesMut::new() };
            let packed = self.write(out);
            if let Err(failure) = &packed {
                // An archive that breaks off looks like a short one.
                let _ = to.blocking_send(Err(io::Error::other(failure.to_string())));
            }
            packed
        });
        Packing { pieces: ReceiverStream::new(pieces), end }
    }

    fn write(&self, out: impl Write) -> Result<(), Failure> {
        let mut archive = tar::Builder::new(out);
        for path in &self.entries {
            let place = self.root.join(path);
            add(&mut archive, path, &place).map_err(unreadable(&place))?;
        }
        let flushed = archive.into_inner().and_then(|mut out| out.flush());
        flushed.map_err(Failure::io("send what was packed"))
    }
}

fn unreadable(place: &Path) -> impl FnOnce(io::Error) -> Failure + use<> {
    let name = harmless(&place.to_string_lossy()).into_owned();
    move |source| Failure::Io {
        doing: format!("read {name}"),
        source,
        hint: Some("leave out what is not needed, in .dockerignore".to_owned()),
    }
}

/// Adds one entry. Who owns it does not go with it; its mode and its time do.
fn add<W: Write>(archive: &mut tar::Builder<W>, path: &Path, place: &Path) -> io::Result<()> {
    let told = fs::symlink_metadata(place)?;
    let mut header = Header::new_gnu();
    header.set_uid(0);
    header.set_gid(0);
    header.set_mode(told.mode() & 0o7777);
    header.set_mtime(u64::try_from(told.mtime()).unwrap_or_default());
    if told.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        return archive.append_link(&mut header, path, fs::read_link(place)?);
    }
    if told.is_dir() {
        header.set_entry_type(EntryType::Directory);
        header.set_size(0);
        let mut name = path.as_os_str().as_bytes().to_vec();
        name.push(b'/');
        let name: &std::ffi::OsStr = OsStrExt::from_bytes(&name);
        return archive.append_data(&mut header, name, io::empty());
    }
    let file = File::open(place)?;
    let length = file.metadata()?.len();
    header.set_entry_type(EntryType::Regular);
    header.set_size(length);
    archive.append_data(&mut header, path, Exactly { file, left: length })
}

/// A file of the length that its header tells, whatever is done to it meanwhile.
struct Exactly {
    file: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read(&mut buffer[..most])?;
        if read == 0 && most > 0 {
            return Err(io::Error::other("it became shorter while it was being sent"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// Where the archive is written to.
struct Pieces {
    to: mpsc::Sender<io::Result<Bytes>>,
    piece: BytesMut,
}

impl Write for Pieces {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(buffer);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = self.piece.split().freeze();
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody takes it any more");
        self.to.blocking_send(Ok(piece)).map_err(gone)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in ["Dockerfile", ".git/config", "sub/.git", "target/a/b", "src/main.rs"] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), path).unwrap();
        }
        fs::set_permissions(root.join("src/main.rs"), fs::Permissions::from_mode(0o750)).unwrap();
        symlink("/etc/passwd", root.join("leak")).unwrap();
        let long = "l".repeat(150);
        fs::write(root.join(&long), "long").unwrap();
        symlink("x".repeat(150), root.join("sub/far")).unwrap();
        folder
    }

    fn packed(folder: &Folder) -> Vec<(String, EntryType, u32, u64, Option<PathBuf>)> {
        let mut bytes = Vec::new();
        folder.write(&mut bytes).unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            (
                entry.path().unwrap().to_string_lossy().into_owned(),
                header.entry_type(),
                header.mode().unwrap(),
                header.uid().unwrap() + header.gid().unwrap(),
                entry.link_name().unwrap().map(|name| name.into_owned()),
            )
        });
        entries.collect()
    }

    #[test]
    fn all_that_belongs_to_a_folder_is_packed_as_it_is() {
        let tree = tree();
        let _socket = UnixListener::bind(tree.path().join("sub/app.sock")).unwrap();
        let ignore = Ignore::parse("target\n", "Dockerfile").unwrap();
        let folder = Folder::read(tree.path(), &ignore).unwrap();
        assert_eq!(folder.skipped, [(PathBuf::from("sub/app.sock"), "a socket")]);
        let entries = packed(&folder);
        let names: Vec<_> = entries.iter().map(|entry| entry.0.as_str()).collect();
        let long = "l".repeat(150);
        assert_eq!(names, ["Dockerfile", "leak", &long, "src/", "src/main.rs", "sub/", "sub/far"]);
        let of = |name: &str| entries.iter().find(|entry| entry.0 == name).unwrap();
        assert_eq!((of("src/main.rs").2, of("src/main.rs").3), (0o750, 0));
        let leak = (of("leak").1, of("leak").4.as_deref());
        assert_eq!(leak, (EntryType::Symlink, Some(Path::new("/etc/passwd"))));
        assert_eq!(of("sub/far").4, Some(PathBuf::from("x".repeat(150))));
    }

    #[test]
    fn what_is_taken_back_in_is_found_in_a_folder_that_is_left_out() {
        let tree = tree();
        let ignore = Ignore::parse("*\n!target/a\n", "Dockerfile").unwrap();
        let names: Vec<_> = packed(&Folder::read(tree.path(), &ignore).unwrap())
            .into_iter()
            .map(|entry| entry.0)
            .collect();
        assert_eq!(names, ["Dockerfile", "target/a/", "target/a/b"]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let tree = tree();
        let folder = Folder::read(tree.path(), &Ignore::default()).unwrap();
        fs::remove_file(tree.path().join("src/main.rs")).unwrap();
        let told = folder.write(io::sink()).unwrap_err().to_string();
        assert!(told.contains("src/main.rs: No such file"), "{told}");
        assert!(Folder::read(&tree.path().join("gone"), &Ignore::default()).is_err());
    }

    #[test]
    fn a_file_is_as_long_as_it_was_said_to_be() {
        let tree = tree();
        let path = tree.path().join("Dockerfile");
        let read = |left: u64| {
            let mut text = String::new();
            let mut exactly = Exactly { file: File::open(&path).unwrap(), left };
            exactly.read_to_string(&mut text).map(|_| text)
        };
        assert_eq!(read(6).unwrap(), "Docker");
        assert!(read(11).unwrap_err().to_string().contains("became shorter"));
    }
}
