//! A job of Jenkins in the place of building, testing and pushing here.
//!
//! The contract: the job builds `LAUNCHER_COMMIT` of `LAUNCHER_BRANCH`, and pushes the image to the service's
//! repository under the commit's whole id as its tag.

use std::time::Duration;

use launcher_model::build::Build;
use launcher_model::service::Jenkins;
use launcher_upstream::jenkins::{Job, Place, Waiting};
use tokio::time::{sleep, timeout};

use super::recorder::{Log, Outcome};
use crate::builds::Inner;
use crate::{Error, Result};

/// The pauses between two questions, the first and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(5)];
/// The parameter that names a run: of which build it is, of which service and commit.
const BUILD: &str = "LAUNCHER_BUILD";

/// Runs the job to its end.
pub(super) async fn run(
    inner: &Inner,
    build: &Build,
    settings: &Jenkins,
    log: &Log<'_>,
) -> Result<Outcome<()>> {
    let Some(commit) = &build.commit else {
        let why = "Jenkins builds commits, and this is a working copy; push it instead";
        return Err(Error::Source(why.to_owned()));
    };
    let job = Job::new(settings, inner.needed_secret(&settings.token).await?)?;
    let place = begin(inner, build, commit, settings, &job).await?;
    let mut following =
        Following { inner, build, job: &job, log, at: 0, rest: String::new(), pause: PAUSES[0] };
    match timeout(settings.timeout.duration(), following.finish(place)).await {
        Ok(ended) => ended,
        Err(_) => {
            stop(inner, build).await;
            let long = settings.timeout;
            Err(Error::Step(format!("the job took longer than [jenkins] timeout = \"{long}\"")))
        }
    }
}

/// Starts the job, unless a server before this one did.
async fn begin(
    inner: &Inner,
    build: &Build,
    commit: &str,
    settings: &Jenkins,
    job: &Job,
) -> Result<Place> {
    let kept = inner.store.build_job(build.id).await?;
    if let Some(place) = kept.as_deref().and_then(Place::read) {
        return Ok(place);
    }
    let name = name(build, commit);
    let place = match job.find(BUILD, &name).await? {
        Some(place) => place,
        None => {
            let mut parameters = settings.parameters.clone();
            let branch = build.branch.clone().unwrap_or_default();
            for (parameter, value) in
                [(BUILD, name), ("LAUNCHER_COMMIT", commit.to_owned()), ("LAUNCHER_BRANCH", branch)]
            {
                parameters.insert(parameter.to_owned(), value);
            }
            let place = job.start(&parameters).await?;
            launcher_fault::point("build.job_started");
            place
        }
    };
    inner.store.set_build_job(build.id, &place.to_text()).await?;
    Ok(place)
}

/// What the run of a build is recognized by.
fn name(build: &Build, commit: &str) -> String {
    format!("{} {} {commit}", build.service, build.id)
}

/// Stops the job of a build that is over, if it has one. What cannot be stopped runs on, and is not waited
/// for.
pub(super) async fn stop(inner: &Inner, build: &Build) {
    if let Err(error) = try_stop(inner, build).await {
        tracing::warn!(build = %build.id, %error, "a job of Jenkins could not be stopped");
    }
}

async fn try_stop(inner: &Inner, build: &Build) -> Result<()> {
    let known = inner.store.service(&build.service).await?;
    let Some(settings) = known.and_then(|known| known.spec.jenkins) else { return Ok(()) };
    let Some(commit) = &build.commit else { return Ok(()) };
    let job = Job::new(&settings, inner.needed_secret(&settings.token).await?)?;
    let kept = inner.store.build_job(build.id).await?;
    let place = match kept.as_deref().and_then(Place::read) {
        Some(place) => Some(place),
        // It may have been cancelled while Jenkins was starting it.
        None => job.find(BUILD, &name(build, commit)).await?,
    };
    match place {
        Some(place) => Ok(job.stop(place).await?),
        None => Ok(()),
    }
}

/// A run that is waited for.
struct Following<'a> {
    inner: &'a Inner,
    build: &'a Build,
    job: &'a Job,
    log: &'a Log<'a>,
    /// So much of its log is told.
    at: u64,
    /// The beginning of a line that is not whole yet.
    rest: String,
    pause: Duration,
}

impl Following<'_> {
    async fn finish(&mut self, place: Place) -> Result<Outcome<()>> {
        let number = match place {
            Place::Run(number) => number,
            Place::Queue(item) => self.begun(item).await?,
        };
        let page = self.job.page(number);
        self.log.line(format!("Jenkins runs it: {page}")).await;
        loop {
            // Asked before its log: what it printed at last is told too.
            let result = self.job.result(number).await;
            let Some(result) = self.bear(result).await? else { continue };
            let part = self.job.log(number, self.at).await;
            if let Some(part) = self.bear(part).await? {
                let more = part.next != self.at;
                self.at = part.next;
                self.tell(&part.text).await;
                if more {
                    self.pause = PAUSES[0];
                }
            }
            match result {
                None => self.wait().await,
                Some(result) => return self.end(&result, &page).await,
            }
        }
    }

    /// The number of the run, once it has its turn.
    async fn begun(&mut self, item: u64) -> Result<u64> {
        let mut told = String::new();
        loop {
            let waiting = self.job.waiting(item).await;
            match self.bear(waiting).await? {
                Some(Waiting::Begun(number)) => {
                    let place = Place::Run(number).to_text();
                    self.inner.store.set_build_job(self.build.id, &place).await?;
                    self.pause = PAUSES[0];
                    return Ok(number);
                }
                Some(Waiting::Cancelled) => {
                    let why = "somebody has taken the job out of Jenkins' queue";
                    return Err(Error::Step(why.to_owned()));
                }
                Some(Waiting::Still(why)) if why != told && !why.is_empty() => {
                    self.log.line(format!("Jenkins: {why}")).await;
                    told = why;
                }
                Some(Waiting::Still(_)) | None => {}
            }
            self.wait().await;
        }
    }

    async fn end(&mut self, result: &str, page: &str) -> Result<Outcome<()>> {
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            self.log.line(rest).await;
        }
        match result {
            "SUCCESS" => Ok(Outcome::new((), format!("Jenkins: {page}"))),
            result => Err(Error::Step(format!("Jenkins says {result}; see {page}"))),
        }
    }

    /// An answer; none when Jenkins was away for a moment, as while it is restarted.
    async fn bear<T>(&mut self, answer: launcher_upstream::Result<T>) -> Result<Option<T>> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.may_pass() => {
                tracing::info!(build = %self.build.id, %error, "Jenkins is asked again");
                self.wait().await;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn wait(&mut self) {
        sleep(self.pause).await;
        self.pause = (self.pause * 3 / 2).min(PAUSES[1]);
    }

    async fn tell(&mut self, text: &str) {
        self.rest.push_str(text);
        while let Some(end) = self.rest.find('\n') {
            let line: String = self.rest.drain(..=end).collect();
            self.log.line(line.trim_end()).await;
        }
    }
}
