//! What is kept of a build while it runs: its steps in the store, what they tell in its log.

use launcher_model::build::{Build, LogEntry, Step, StepKind, StepState};
use launcher_model::image::PinnedImage;
use launcher_store::BuildChange;

use crate::builds::Inner;
use crate::log::Writer;
use crate::{Error, Result};

/// Keeps one build's record.
pub(super) struct Recorder<'a> {
    inner: &'a Inner,
    pub(super) build: Build,
    log: Writer,
}

/// What came out of a step.
pub(super) struct Outcome<T> {
    /// For the steps that follow.
    pub(super) value: T,
    /// For people.
    pub(super) note: Option<String>,
    /// There was nothing to do.
    pub(super) skipped: bool,
    /// The image, as it is known from now on: kept with the step's end, so that no step is done whose
    /// image nobody knows.
    image: Option<PinnedImage>,
}

impl<T> Outcome<T> {
    pub(super) fn new(value: T, note: impl Into<String>) -> Self {
        Self { value, note: Some(note.into()), skipped: false, image: None }
    }

    pub(super) fn skipped(value: T, why: impl Into<String>) -> Self {
        Self { value, note: Some(why.into()), skipped: true, image: None }
    }

    /// The same, which has made this image.
    pub(super) fn with_image(self, image: PinnedImage) -> Self {
        Self { image: Some(image), ..self }
    }
}

impl<'a> Recorder<'a> {
    pub(super) fn new(inner: &'a Inner, build: Build, log: Writer) -> Self {
        Self { inner, build, log }
    }

    /// Whether a step was done, by this server or by one before it.
    pub(super) fn is_done(&self, kind: StepKind) -> bool {
        let done = |step: &&Step| step.kind == kind && step.finished_at.is_some();
        let failed = |step: &Step| matches!(step.state, StepState::Failed | StepState::Cancelled);
        self.build.steps.iter().any(|step| done(&step) && !failed(step))
    }

    /// Does a step, and keeps how it went.
    pub(super) async fn step<T>(
        &mut self,
        kind: StepKind,
        work: impl AsyncFnOnce(&Log<'_>) -> Result<Outcome<T>>,
    ) -> Result<T> {
        let began = self.inner.now();
        // What a server before this one has done stays done, also when an earlier step is repeated.
        self.build.steps.retain(|step| step.kind != kind);
        let state = StepState::Running;
        self.build.steps.push(Step {
            kind,
            state,
            started_at: began,
            finished_at: None,
            note: None,
        });
        self.build.steps.sort_by_key(|step| step.kind);
        self.log.put(LogEntry::Began { at: began, step: kind }).await;
        self.keep(None).await?;
        let log = Log { recorder: self, step: kind };
        let outcome = work(&log).await;
        let (state, note) = match &outcome {
            Ok(outcome) if outcome.skipped => (StepState::Skipped, outcome.note.clone()),
            Ok(outcome) => (StepState::Passed, outcome.note.clone()),
            Err(error @ Error::Moved { .. }) => (StepState::Skipped, Some(error.to_string())),
            Err(error) => (StepState::Failed, Some(error.in_one_line())),
        };
        let at = self.inner.now();
        let took = at.duration_since(began).as_millis();
        let took_ms = u64::try_from(took).unwrap_or_default();
        if let Some(step) = self.build.steps.iter_mut().find(|step| step.kind == kind) {
            (step.state, step.finished_at, step.note) = (state, Some(at), note.clone());
        }
        self.log.put(LogEntry::Ended { at, step: kind, state, took_ms, note }).await;
        self.keep(outcome.as_ref().ok().and_then(|outcome| outcome.image.clone())).await?;
        outcome.map(|outcome| outcome.value)
    }

    async fn keep(&self, image: Option<PinnedImage>) -> Result<()> {
        let steps = Some(self.build.steps.clone());
        let change = BuildChange { steps, image, ..BuildChange::default() };
        let store = &self.inner.store;
        match store.change_build(self.build.id, change, &[], self.inner.now()).await {
            Ok(_) => Ok(()),
            Err(launcher_store::Error::BuildOver { .. }) => {
                Err(Error::Refused("it was cancelled".to_owned()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The step that failed.
    pub(super) fn failed_step(&self) -> Option<StepKind> {
        let failed = |step: &&Step| step.state == StepState::Failed;
        self.build.steps.iter().find(failed).map(|step| step.kind)
    }

    /// Tells something of the build as a whole.
    pub(super) async fn note(&self, text: String) {
        self.log.put(LogEntry::Note { at: self.inner.now(), text }).await;
    }

    /// Waits until the log is written.
    pub(super) async fn close(self) {
        self.log.close().await;
    }
}

/// Where a step puts what it tells.
pub(super) struct Log<'a> {
    recorder: &'a Recorder<'a>,
    step: StepKind,
}

impl Log<'_> {
    /// One line.
    pub(super) async fn line(&self, text: impl Into<String>) {
        let entry =
            LogEntry::Line { at: self.recorder.inner.now(), step: self.step, text: text.into() };
        self.recorder.log.put(entry).await;
    }
}
