//! The time of day as responses tell it.

use std::time::SystemTime;

/// A Date field, written anew when the thread's time has gone on.
#[derive(Debug, Default)]
pub(super) struct Date {
    /// The thread's time when it was written.
    at: Option<u64>,
    field: String,
}

impl Date {
    /// Writes the field as of `now`, which is the thread's time.
    pub(super) fn write(&mut self, now: u64, out: &mut Vec<u8>) {
        if self.at.replace(now) != Some(now) {
            self.field = format!("date: {}\r\n", httpdate::fmt_http_date(SystemTime::now()));
        }
        out.extend_from_slice(self.field.as_bytes());
    }
}
