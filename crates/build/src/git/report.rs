//! What git says became of a push ("report-status" in its `gitprotocol-pack`).

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};

use super::pkt::{self, Packet};
use crate::Result;

/// The channel of git's answer itself.
const ANSWER: u8 = 1;

/// Collects the names of the references that were changed, out of what git answers.
#[derive(Debug, Default)]
pub(super) struct Report {
    inner: BytesMut,
    /// References that are now as the push wanted them.
    pub(super) changed: BTreeSet<String>,
}

impl Report {
    /// Takes in a packet of the answer.
    pub(super) fn take(&mut self, packet: &Bytes, sideband: bool) -> Result<()> {
        if sideband {
            let Some((&ANSWER, data)) = packet.split_first() else { return Ok(()) };
            self.inner.extend_from_slice(data);
            while let Some(inner) = pkt::take(&mut self.inner)? {
                if let Packet::Data(line) = inner {
                    self.line(&line);
                }
            }
        } else {
            self.line(packet);
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        if let Some(name) = line.trim_end().strip_prefix("ok ") {
            self.changed.insert(name.to_owned());
        }
    }
}

/// The answer to a push that nothing is done of.
pub(super) fn refusal(updates: &[super::RefUpdate], why: &str, sideband: bool) -> Bytes {
    let mut report = BytesMut::new();
    pkt::put(&mut report, b"unpack ok\n");
    for update in updates {
        pkt::put(&mut report, format!("ng {} {why}\n", update.name).as_bytes());
    }
    report.extend_from_slice(pkt::FLUSH);
    if !sideband {
        return report.freeze();
    }
    let mut out = BytesMut::new();
    for piece in report.chunks(pkt::LONGEST - 1) {
        let mut packet = vec![ANSWER];
        packet.extend_from_slice(piece);
        pkt::put(&mut out, &packet);
    }
    out.extend_from_slice(pkt::FLUSH);
    out.freeze()
}
