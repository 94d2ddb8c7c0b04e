//! Graphite: what is measured is written to carbon, and read back from its web application.
//!
//! Names are such as people type: `launcher.shop.v42.requests.5xx`. A number is the one that the API gives
//! for that second, so each is a rate, a level or a time, and averages of them are what they seem to be.

mod carbon;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod names;
mod protocol;
mod read;
mod web;

use crate::gathered::{Gathered, Reader};

pub use carbon::{Carbon, CarbonOptions, Counts};
pub use names::Names;
pub use protocol::{Point, Protocol};
pub use web::{Web, WebError, WebOptions};

/// A Graphite.
pub struct Graphite {
    /// What it calls what is measured.
    pub names: Names,
    /// Where it is told.
    pub carbon: Carbon,
    /// Where it is asked; none when nothing is read back.
    pub web: Option<Web>,
}

impl Graphite {
    /// Tells it what is measured, for ever.
    pub(crate) async fn run(&self, gathered: &Gathered, reader: &Reader) {
        let feed = gathered.follow(reader, |until| {
            while let Some((told, values)) = gathered.take_told(reader, until) {
                let (at, seconds) = told.span();
                let points = values.iter();
                let points =
                    points.flat_map(|(key, of)| self.names.points(key, of, at, seconds.into()));
                self.carbon.tell(at, points.collect());
            }
        });
        tokio::join!(feed, self.carbon.run());
    }
}
