//! Compressing a response as it passes, with bounded memory.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::GzEncoder;
use launcher_model::service::Algorithm;
use zstd::stream::write::Encoder as ZstdEncoder;

/// Levels that cost about as much time as the network is worth: what is compressed is made for one client.
const GZIP: u32 = 5;
const BROTLI: u32 = 4;
const ZSTD: i32 = 3;

/// So many bits of what passed are remembered, by which memory is bounded: a quarter of a MiB. With zstd a
/// client may refuse more than 8 MiB (RFC 9659 §3).
const WINDOW: u32 = 18;

/// The room that brotli takes for what it puts out, in bytes.
const BROTLI_BUFFER: usize = 4 << 10;

/// What compresses one response.
pub(super) struct Coder {
    encoder: Encoder,
    /// Something went in that has not come out.
    behind: bool,
    /// What is written before a pause is sent in it.
    flushes: bool,
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
    Ended,
}

impl Coder {
    /// Begins, with a body of so many bytes where that is known. One that `flushes` sends what it has when
    /// nothing more comes for a while.
    pub(super) fn new(
        algorithm: Algorithm,
        length: Option<u64>,
        flushes: bool,
    ) -> io::Result<Self> {
        let out = Vec::new();
        let encoder = match algorithm {
            Algorithm::Gzip => Encoder::Gzip(GzEncoder::new(out, flate2::Compression::new(GZIP))),
            Algorithm::Br => {
                let (buffer, window) = (BROTLI_BUFFER, WINDOW);
                let writer = brotli::CompressorWriter::new(out, buffer, BROTLI, window);
                Encoder::Brotli(Box::new(writer))
            }
            Algorithm::Zstd => {
                let mut encoder = ZstdEncoder::new(out, ZSTD)?;
                encoder.window_log(WINDOW)?;
                // A small body gets by with small tables.
                encoder.set_pledged_src_size(length)?;
                Encoder::Zstd(encoder)
            }
        };
        Ok(Self { encoder, behind: false, flushes })
    }

    /// Takes a part. Returns what has come out, if only the beginning of it.
    pub(super) fn write(&mut self, part: &[u8]) -> io::Result<Option<Bytes>> {
        match &mut self.encoder {
            Encoder::Gzip(encoder) => encoder.write_all(part)?,
            Encoder::Brotli(encoder) => encoder.write_all(part)?,
            Encoder::Zstd(encoder) => encoder.write_all(part)?,
            Encoder::Ended => {}
        }
        self.behind |= !part.is_empty();
        Ok(self.out())
    }

    /// Nothing more comes for a while. Returns what is to be sent in the meantime.
    pub(super) fn pause(&mut self) -> io::Result<Option<Bytes>> {
        if !self.flushes || !self.behind {
            return Ok(None);
        }
        match &mut self.encoder {
            Encoder::Gzip(encoder) => encoder.flush()?,
            Encoder::Brotli(encoder) => encoder.flush()?,
            Encoder::Zstd(encoder) => encoder.flush()?,
            Encoder::Ended => {}
        }
        self.behind = false;
        Ok(self.out())
    }

    /// Ends. Returns the last that comes out; the second time there is nothing.
    pub(super) fn end(&mut self) -> io::Result<Option<Bytes>> {
        let out = match std::mem::replace(&mut self.encoder, Encoder::Ended) {
            Encoder::Gzip(encoder) => encoder.finish()?,
            Encoder::Brotli(encoder) => encoder.into_inner(),
            Encoder::Zstd(encoder) => encoder.finish()?,
            Encoder::Ended => Vec::new(),
        };
        Ok(Some(out).filter(|out| !out.is_empty()).map(Bytes::from))
    }

    fn out(&mut self) -> Option<Bytes> {
        let out = match &mut self.encoder {
            Encoder::Gzip(encoder) => encoder.get_mut(),
            Encoder::Brotli(encoder) => encoder.get_mut(),
            Encoder::Zstd(encoder) => encoder.get_mut(),
            Encoder::Ended => return None,
        };
        (!out.is_empty()).then(|| Bytes::from(std::mem::take(out)))
    }
}
