//! All of it together, as a server runs it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::embedded::{self, Embedded};
use crate::error::{Error, Result};
use crate::gathered::{CHUNK, Clock, Gathered, Reader};
use crate::graphite::{Graphite, Web};
use crate::key::Key;
use crate::measure::Measure;
use crate::otlp::Metrics;
use crate::query::{Answer, HostAnswer, HostLine, HostQuery, Line, Numbers, Query, Steps, Wanted};

/// So many seconds after a second has ended, everybody has told of it.
pub(crate) const TOLD_AFTER: i64 = 3;

/// Where what is measured is kept.
pub enum KeptIn<'f> {
    /// In a file that is kept below about `most_bytes`.
    File {
        /// The file.
        file: &'f Path,
        /// Its size, in bytes.
        most_bytes: u64,
    },
    /// In Graphite, which is asked for it.
    Graphite,
}

/// What is measured. Clones are the same.
#[derive(Clone)]
pub struct Telemetry {
    gathered: Arc<Gathered>,
    store: Store,
    graphite: Option<(Arc<Graphite>, Reader)>,
    otlp: Option<(Arc<Metrics>, Reader)>,
}

#[derive(Clone)]
enum Store {
    Embedded(Arc<Embedded>),
    Graphite(Arc<Graphite>, Web),
    /// What is told is known for some minutes.
    Nowhere,
}

impl Telemetry {
    /// Opens what was measured before. A Graphite is told what is measured, wherever it is kept. Where there
    /// can be no such file nothing is kept, as nothing that is served depends on it.
    ///
    /// # Errors
    /// When there is no Graphite to ask.
    pub async fn open(kept: KeptIn<'_>, graphite: Option<Graphite>, clock: Clock) -> Result<Self> {
        let gathered = Arc::new(Gathered::new(clock));
        let graphite = graphite.map(|graphite| (Arc::new(graphite), gathered.feed()));
        let store = match kept {
            KeptIn::File { file, most_bytes } => {
                match Embedded::open(file, Arc::clone(&gathered), most_bytes).await {
                    Ok(embedded) => Store::Embedded(Arc::new(embedded)),
                    Err(error) => {
                        tracing::error!(%error, "what is measured is not kept; it is shown for some minutes. See that the file can be written, and restart the server");
                        Store::Nowhere
                    }
                }
            }
            KeptIn::Graphite => {
                let (graphite, _) = graphite.clone().ok_or(Error::NoGraphite)?;
                let web = graphite.web.clone().ok_or(Error::NoGraphite)?;
                Store::Graphite(graphite, web)
            }
        };
        Ok(Self { gathered, store, graphite, otlp: None })
    }

    /// Has a collector told, too, what is measured from now on.
    #[must_use]
    pub fn with_otlp(mut self, metrics: Metrics) -> Self {
        self.otlp = Some((Arc::new(metrics), self.gathered.feed_of_news()));
        self
    }

    /// What tells a collector.
    #[must_use]
    pub fn otlp(&self) -> Option<&Metrics> {
        self.otlp.as_ref().map(|(metrics, _)| &**metrics)
    }

    /// The Graphite that is told what is measured.
    #[must_use]
    pub fn graphite(&self) -> Option<&Graphite> {
        self.graphite.as_ref().map(|(graphite, _)| &**graphite)
    }

    /// Where what is measured is told.
    #[must_use]
    pub fn gathered(&self) -> &Arc<Gathered> {
        &self.gathered
    }

    /// The Graphite that is told what is measured, and can be asked for it.
    #[must_use]
    pub fn graphite_to_ask(&self) -> Option<(&Graphite, &Web)> {
        let graphite = self.graphite()?;
        Some((graphite, graphite.web.as_ref()?))
    }

    /// Writes down what is told, and tells it on, for ever.
    pub async fn run(&self) {
        let writes = async {
            match &self.store {
                Store::Embedded(embedded) => self.write_for_ever(embedded).await,
                Store::Graphite(..) | Store::Nowhere => std::future::pending().await,
            }
        };
        let tells_graphite = async {
            match &self.graphite {
                Some((graphite, reader)) => graphite.run(&self.gathered, reader).await,
                None => std::future::pending().await,
            }
        };
        let tells_collector = async {
            match &self.otlp {
                Some((metrics, reader)) => metrics.run(&self.gathered, reader).await,
                None => std::future::pending().await,
            }
        };
        tokio::join!(writes, tells_graphite, tells_collector);
    }

    async fn write_for_ever(&self, embedded: &Embedded) {
        let mut rolled = 0;
        loop {
            let Some(start) = self.gathered.oldest_dirty() else {
                self.gathered.came.notified().await;
                continue;
            };
            let wait = start + CHUNK + TOLD_AFTER - self.gathered.now();
            if let Ok(wait @ 1..) = u64::try_from(wait) {
                tokio::time::sleep(Duration::from_secs(wait.min(CHUNK.unsigned_abs()))).await;
                continue;
            }
            let minute = self.gathered.now() / 60;
            let written = async {
                self.write_down().await?;
                if minute != rolled {
                    embedded.roll_up().await?;
                    rolled = minute;
                }
                Result::Ok(())
            };
            if let Err(error) = written.await {
                tracing::warn!(%error, "what is measured is not kept; it is tried again");
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        }
    }

    /// Writes down what has been told of the time that is over.
    ///
    /// # Errors
    /// When the file cannot be written. It can be tried again.
    pub async fn write_down(&self) -> Result<()> {
        self.write_until(self.gathered.now() - TOLD_AFTER).await
    }

    /// Writes down all that has been told, before the server stops, and gives a collector a moment to take
    /// it. What is told of the same time later is put with it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn flush(&self) -> Result<()> {
        let written = self.write_until(i64::MAX).await;
        if let Some((metrics, reader)) = &self.otlp {
            metrics.flush(&self.gathered, reader).await;
        }
        written
    }

    async fn write_until(&self, until: i64) -> Result<()> {
        let Store::Embedded(embedded) = &self.store else { return Ok(()) };
        while let Some((start, written)) = self.gathered.take_dirty(until) {
            let outcome = embedded.write(start, written).await;
            if outcome.is_err() {
                self.gathered.again(start);
            }
            outcome?;
        }
        Ok(())
    }

    /// Puts together what has become whole, and drops what is too old.
    ///
    /// # Errors
    /// When the file cannot be written. It can be tried again.
    pub async fn roll_up(&self) -> Result<()> {
        match &self.store {
            Store::Embedded(embedded) => embedded.roll_up().await,
            Store::Graphite(..) | Store::Nowhere => Ok(()),
        }
    }

    /// What was measured of versions.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn lines(&self, query: &Query) -> Result<Answer> {
        let steps = self.steps(&query.measures, (query.from, query.until), query.step);
        let asked = query.lines();
        let key = |(version, measure)| Key::of_version(&query.service, version, measure);
        let wanted: Vec<Wanted> = asked.iter().map(|one| (key(*one), one.1)).collect();
        let numbers = self.numbers(&wanted, &steps).await?;
        let line = |((version, measure), values): ((_, Measure), Numbers)| Line {
            version,
            measure,
            unit: measure.unit(),
            values,
        };
        let lines = asked.into_iter().zip(numbers).map(line).collect();
        let Steps { from, until, step, .. } = steps;
        Ok(Answer { from, until, step, lines })
    }

    /// What was measured of a host.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of_host(&self, query: &HostQuery) -> Result<HostAnswer> {
        let steps = self.steps(&query.measures, (query.from, query.until), query.step);
        let key = Key::Host(query.host.clone());
        let wanted: Vec<Wanted> =
            query.measures.iter().map(|measure| (key.clone(), *measure)).collect();
        let numbers = self.numbers(&wanted, &steps).await?;
        let line = |(measure, values): (&Measure, Numbers)| HostLine {
            measure: *measure,
            unit: measure.unit(),
            values,
        };
        let lines = query.measures.iter().zip(numbers).map(line).collect();
        let Steps { from, until, step, .. } = steps;
        Ok(HostAnswer { from, until, step, lines })
    }

    fn steps(&self, measures: &[Measure], span: (i64, i64), step: Option<i64>) -> Steps {
        let now = self.gathered.now();
        Steps::of(measures, span, step, (now, now - TOLD_AFTER))
    }

    async fn numbers(&self, wanted: &[Wanted], steps: &Steps) -> Result<Vec<Numbers>> {
        Ok(match &self.store {
            Store::Embedded(embedded) => embedded.numbers(wanted, steps).await?,
            Store::Graphite(graphite, web) => graphite.numbers(web, wanted, steps).await?,
            Store::Nowhere => embedded::numbers_in_memory(&self.gathered, wanted, steps),
        })
    }

    /// Bytes in use of the file; 0 when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn used(&self) -> Result<u64> {
        match &self.store {
            Store::Embedded(embedded) => embedded.used().await,
            Store::Graphite(..) | Store::Nowhere => Ok(0),
        }
    }
}
