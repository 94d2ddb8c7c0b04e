//! Leaving files out of a tar archive that streams by.

use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use tar::{EntryType, Header};

use super::Ignore;
use crate::Context;

/// A tar archive is made of blocks of so many bytes.
const BLOCK: usize = 512;
/// Names and other additions to a header are no longer than this, in bytes.
const LONGEST: u64 = 1 << 20;

/// The same archive without what is ignored. Nothing but one header is held in memory; what is kept is
/// passed on as it came.
#[must_use]
pub fn filter(context: Context, ignore: Ignore) -> Context {
    if ignore.is_empty() {
        return context;
    }
    let filter = Filter {
        context,
        ignore,
        piece: Bytes::new(),
        additions: Additions::default(),
        left: 0,
        keep: false,
        over: false,
    };
    let next = async |mut filter: Filter| {
        let piece = filter.next().await?;
        Ok(piece.map(|piece| (piece, filter)))
    };
    stream::try_unfold(filter, next).boxed()
}

struct Filter {
    context: Context,
    ignore: Ignore,
    /// What has come and was not looked at yet.
    piece: Bytes,
    additions: Additions,
    /// So much of the file that streams by is still to come, with what fills its last block.
    left: u64,
    /// Whether that file is kept.
    keep: bool,
    /// Only what fills up the archive's end is to come.
    over: bool,
}

/// What stands before a header and adds to it.
#[derive(Default)]
struct Additions {
    blocks: BytesMut,
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Filter {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if self.over {
                return self.some().await;
            }
            if self.left > 0 {
                let Some(piece) = self.content().await? else { return Err(broken()) };
                if self.keep {
                    return Ok(Some(piece));
                }
                continue;
            }
            let Some(block) = self.exactly(BLOCK).await? else { return Ok(None) };
            if block.iter().all(|byte| *byte == 0) {
                self.over = true;
                return Ok(Some(block));
            }
            if let Some(kept) = self.header(block).await? {
                return Ok(Some(kept));
            }
        }
    }

    /// Looks at a header. What is to be passed on of it, with its additions.
    async fn header(&mut self, block: Bytes) -> io::Result<Option<Bytes>> {
        let header = Header::from_byte_slice(&block);
        let size = header.entry_size()?;
        match header.entry_type() {
            EntryType::XHeader | EntryType::GNULongName | EntryType::GNULongLink => {
                self.add(header, &block, size).await?;
                Ok(None)
            }
            // It is about all that follow.
            EntryType::XGlobalHeader => {
                (self.left, self.keep) = (padded(size), true);
                Ok(Some(block))
            }
            EntryType::GNUSparse => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the archive has a sparse file: make it without the option for those",
            )),
            _ => {
                let mut additions = std::mem::take(&mut self.additions);
                let path = additions.path.unwrap_or_else(|| header.path_bytes().into_owned());
                self.left = padded(additions.size.unwrap_or(size));
                self.keep = !self.ignore.excludes(plain(&String::from_utf8_lossy(&path)));
                additions.blocks.extend_from_slice(&block);
                Ok(self.keep.then(|| additions.blocks.freeze()))
            }
        }
    }

    async fn add(&mut self, header: &Header, block: &[u8], size: u64) -> io::Result<()> {
        if size > LONGEST {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the archive has an endless name",
            ));
        }
        let whole = usize::try_from(padded(size)).map_err(io::Error::other)?;
        let Some(content) = self.exactly(whole).await? else { return Err(broken()) };
        let text = content.get(..usize::try_from(size).map_err(io::Error::other)?);
        let text = text.unwrap_or_default();
        match header.entry_type() {
            EntryType::GNULongName => {
                let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
                self.additions.path = Some(text[..end].to_vec());
            }
            EntryType::XHeader => {
                for record in tar::PaxExtensions::new(text) {
                    let record = record?;
                    match record.key_bytes() {
                        b"path" => self.additions.path = Some(record.value_bytes().to_vec()),
                        b"size" => {
                            let size = record.value().ok().and_then(|size| size.parse().ok());
                            self.additions.size = size;
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        self.additions.blocks.extend_from_slice(block);
        self.additions.blocks.extend_from_slice(&content);
        Ok(())
    }

    /// What comes next, whatever it is.
    async fn some(&mut self) -> io::Result<Option<Bytes>> {
        while self.piece.is_empty() {
            match self.context.next().await {
                Some(piece) => self.piece = piece?,
                None => return Ok(None),
            }
        }
        Ok(Some(std::mem::take(&mut self.piece)))
    }

    /// What comes next of the file that streams by.
    async fn content(&mut self) -> io::Result<Option<Bytes>> {
        let Some(mut piece) = self.some().await? else { return Ok(None) };
        let length = usize::try_from(self.left).unwrap_or(usize::MAX);
        if piece.len() > length {
            self.piece = piece.split_off(length);
        }
        self.left -= piece.len() as u64;
        Ok(Some(piece))
    }

    /// The next so many bytes; none at the archive's end.
    async fn exactly(&mut self, length: usize) -> io::Result<Option<Bytes>> {
        let mut whole = BytesMut::new();
        while whole.len() < length {
            let Some(mut piece) = self.some().await? else {
                return if whole.is_empty() { Ok(None) } else { Err(broken()) };
            };
            let wanted = length - whole.len();
            if piece.len() > wanted {
                self.piece = piece.split_off(wanted);
            }
            if whole.is_empty() && piece.len() == length {
                return Ok(Some(piece));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Some(whole.freeze()))
    }
}

/// A size with what fills the last block.
fn padded(size: u64) -> u64 {
    size.next_multiple_of(BLOCK as u64)
}

/// A path as patterns have it.
fn plain(path: &str) -> &str {
    path.trim_start_matches("./").trim_matches('/')
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends in the middle of a file")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use futures_util::TryStreamExt;

    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        tar.append_pax_extensions([("comment", b"for the next one".as_slice())]).unwrap();
        for (name, content) in files {
            let mut header = Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o640);
            if name.ends_with('/') {
                header.set_entry_type(EntryType::Directory);
            }
            tar.append_data(&mut header, name, *content).unwrap();
        }
        tar.into_inner().unwrap()
    }

    async fn filtered(archive: &[u8], size: usize, text: &str) -> io::Result<Vec<u8>> {
        let pieces: Vec<_> =
            archive.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let ignore = Ignore::parse(text, "Dockerfile").unwrap();
        let pieces: Vec<Bytes> = filter(stream::iter(pieces).boxed(), ignore).try_collect().await?;
        Ok(pieces.concat())
    }

    fn files(archive: &[u8]) -> Vec<(String, usize)> {
        let mut archive = tar::Archive::new(archive);
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            found.push((name, content.len()));
        }
        found
    }

    #[tokio::test]
    async fn files_are_left_out_wherever_the_pieces_end() {
        let deep = format!("deep/{}/file", "x".repeat(150));
        let secret = format!("secret/{}/file", "y".repeat(150));
        let whole = archive(&[
            ("./Dockerfile", b"FROM scratch"),
            ("big", &[7; 5000]),
            ("secret/", b""),
            (&secret, &[1; 513]),
            (&deep, &[2; 512]),
            ("empty", b""),
        ]);
        for size in [1, 100, 511, 512, 513, 4096, whole.len()] {
            let kept = filtered(&whole, size, "secret\nDockerfile").await.unwrap();
            let expected = [("Dockerfile", 12), ("big", 5000), (&deep, 512), ("empty", 0)];
            let expected = expected.map(|(name, size)| (name.to_owned(), size));
            assert_eq!(files(&kept), expected, "pieces of {size}");
        }
        assert_eq!(filtered(&whole, 100, "nothing").await.unwrap(), whole);
        assert_eq!(filtered(&whole, 100, "").await.unwrap(), whole);
    }

    #[tokio::test]
    async fn an_archive_that_breaks_off_is_an_error() {
        let whole = archive(&[("big", &[7; 5000])]);
        let error = filtered(&whole[..3000], 100, "x").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(filtered(&whole[..700], 100, "big").await.is_err());
        assert!(filtered(&[65; 2048], 512, "x").await.is_err(), "it is no archive");
    }
}
