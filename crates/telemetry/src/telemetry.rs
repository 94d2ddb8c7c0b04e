//! All of it together, as a server runs it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use launcher_model::{ServiceName, VersionNumber};

use crate::embedded::Embedded;
use crate::error::Result;
use crate::gathered::{CHUNK, Clock, Gathered};
use crate::key::Key;
use crate::measure::{Kind, Measure};
use crate::query::{Answer, Line, Query, Steps};

/// So many seconds after a second has ended, everybody has told of it.
const TOLD_AFTER: i64 = 3;

/// What is measured. Clones are the same.
#[derive(Clone)]
pub struct Telemetry {
    gathered: Arc<Gathered>,
    embedded: Arc<Embedded>,
}

impl Telemetry {
    /// Opens what was measured before, in a file that is kept below about `most_bytes`.
    ///
    /// # Errors
    /// When there can be no such file.
    pub async fn open(file: &Path, most_bytes: u64, clock: Clock) -> Result<Self> {
        let gathered = Arc::new(Gathered::new(clock));
        let embedded = Embedded::open(file, Arc::clone(&gathered), most_bytes).await?;
        Ok(Self { gathered, embedded: Arc::new(embedded) })
    }

    /// Where what is measured is told.
    #[must_use]
    pub fn gathered(&self) -> &Arc<Gathered> {
        &self.gathered
    }

    /// Writes down what is told, for ever.
    pub async fn run(&self) {
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
                    self.embedded.roll_up().await?;
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

    /// Writes down all that has been told, before the server stops. What is told of the same time later is
    /// put with it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn flush(&self) -> Result<()> {
        self.write_until(i64::MAX).await
    }

    async fn write_until(&self, until: i64) -> Result<()> {
        while let Some((start, written)) = self.gathered.take_dirty(until) {
            let outcome = self.embedded.write(start, written).await;
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
        self.embedded.roll_up().await
    }

    /// What was measured.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn lines(&self, query: &Query) -> Result<Answer> {
        let now = self.gathered.now();
        let steps = Steps::of(query, now, now - TOLD_AFTER);
        let mut lines = Vec::new();
        for version in &query.versions {
            for kind in [Kind::Traffic, Kind::Usage] {
                let measures = query.measures.iter().filter(|measure| measure.kind() == kind);
                let measures: Vec<Measure> = measures.copied().collect();
                lines.extend(self.of(&query.service, *version, kind, &measures, &steps).await?);
            }
        }
        let Steps { from, until, step, .. } = steps;
        Ok(Answer { from, until, step, lines })
    }

    async fn of(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        kind: Kind,
        measures: &[Measure],
        steps: &Steps,
    ) -> Result<Vec<Line>> {
        if measures.is_empty() {
            return Ok(Vec::new());
        }
        let key = match kind {
            Kind::Traffic => Key::Traffic(service.clone(), version),
            Kind::Usage => Key::Usage(service.clone(), version),
        };
        let Steps { level, from, until, step } = *steps;
        let found = self.embedded.read(&key, level, (from, until), step).await?;
        let seconds = u32::try_from(step).unwrap_or(u32::MAX);
        let line = |measure: Measure| {
            let value = |at| match found.get(&at) {
                Some(value) => measure.of(value, seconds),
                None => measure.of_nothing(),
            };
            let values = steps.starts().map(value).collect();
            Line { version, measure, unit: measure.unit(), values }
        };
        Ok(measures.iter().map(|measure| line(*measure)).collect())
    }

    /// Bytes in use of the file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn used(&self) -> Result<u64> {
        self.embedded.used().await
    }
}
