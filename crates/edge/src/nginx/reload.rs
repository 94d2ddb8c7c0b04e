//! Putting a configuration in force: written, taken by nginx, and seen to be served by everyone who takes
//! requests. Or else everything is as it was.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::files::Files;
use super::options::Options;
use super::process::{Master, Worker, Workers};
use super::render::Rendered;
use super::status;
use super::trial::{trial, words};

/// How long nginx may take until its new workers serve and its old ones take no more.
const WITHIN: Duration = Duration::from_secs(15);

/// How long after the first error in its log nginx may still take. It tries five times within 2.5 s to
/// have an address that is in use; what else it calls an emergency is its last word.
const AFTER_ERROR: Duration = Duration::from_millis(150);
const WHILE_IT_TRIES: Duration = Duration::from_secs(3);

/// How often is looked whether old workers have been told to end. nginx tells them 100 ms after the new
/// ones have begun, and sends no word of it.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The one who changes what nginx serves. Whoever has it does so alone.
#[derive(Debug)]
pub(super) struct Reloader {
    options: Options,
    files: Files,
    /// What nginx serves, or would when it is started.
    in_force: Option<Rendered>,
    /// Somebody has changed the files, and nginx may have read them so.
    is_in_doubt: bool,
}

/// How a configuration came into force.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum InForce {
    /// It is what was served before.
    Already,
    /// It is what was served before, but nginx does not say so any more: its owner has changed its
    /// configuration, or it is very busy.
    Unanswered,
    /// nginx has reloaded.
    Reloaded,
    /// nginx does not run; it is there for when it is started.
    WhenStarted,
}

impl Reloader {
    pub(super) fn new(options: Options, files: Files) -> Self {
        Self { options, files, in_force: None, is_in_doubt: false }
    }

    /// Puts a configuration in force. One that has not been `tried` is, before anything is written.
    ///
    /// # Errors
    /// Why not, in nginx's own words where it has some. Then all is as before.
    pub(super) async fn put(&mut self, wanted: &Rendered, tried: bool) -> Result<InForce, String> {
        let cannot = |error: io::Error| {
            format!("the files in {} cannot be changed: {error}", self.options.include.display())
        };
        let before = self.on_disk(Files::read).await.map_err(cannot)?;
        let master = Master::find(&self.options.pid);
        let served = match master {
            Ok(_) => status::stamp(self.options.internal).await,
            Err(_) => None,
        };
        let was_in_force = self.in_force.as_ref() == Some(wanted);
        if before == wanted.files && !self.is_in_doubt {
            let how = match (&master, &served) {
                (Err(_), _) => Some(InForce::WhenStarted),
                (Ok(_), Some(served)) => (*served == wanted.stamp).then_some(InForce::Already),
                (Ok(_), None) => was_in_force.then_some(InForce::Unanswered),
            };
            if let Some(how) = how {
                self.in_force = Some(wanted.clone());
                return Ok(how);
            }
        }
        let back_to = if was_in_force {
            let include = self.options.include.display();
            if !self.is_in_doubt {
                tracing::warn!(
                    "the files in {include} are not as they were written; they are written again"
                );
            }
            self.is_in_doubt = true;
            wanted.files.clone()
        } else {
            before
        };
        if !tried && !was_in_force {
            trial(&self.options, &wanted.files).await?;
        }
        let stamp = wanted.stamp.clone();
        let texts = wanted.files.clone();
        let written = self.on_disk(move |files| {
            files.unmark_passed(&stamp)?;
            files.write(&texts)
        });
        written.await.map_err(cannot)?;
        launcher_fault::point("edge.nginx_written");
        let Ok(master) = master else {
            self.is_in_force(wanted);
            return Ok(InForce::WhenStarted);
        };
        if was_in_force {
            trial(&self.options, &wanted.files).await?;
        }
        if let Err(why) = self.reload(master, &wanted.stamp).await {
            return Err(self.put_back(back_to, served, why).await);
        }
        self.is_in_force(wanted);
        if let Some(old) = served.filter(|old| *old != wanted.stamp) {
            let marked = self.on_disk(move |files| files.mark_passed(&old)).await;
            marked.map_err(|error| {
                format!(
                    "nginx serves the new configuration, but old workers cannot be told: {error}"
                )
            })?;
        }
        launcher_fault::point("edge.nginx_reloaded");
        Ok(InForce::Reloaded)
    }

    /// Removes the marks of configurations that no worker serves any more.
    pub(super) async fn forget_passed(&self) -> io::Result<()> {
        let workers = Master::find(&self.options.pid).map(Master::workers).unwrap_or_default();
        if workers.leaving.is_empty() {
            self.on_disk(Files::forget_passed).await?;
        }
        Ok(())
    }

    fn is_in_force(&mut self, wanted: &Rendered) {
        self.in_force = Some(wanted.clone());
        self.is_in_doubt = false;
    }

    /// Has the old files be read again. Returns why that was necessary.
    async fn put_back(
        &self,
        before: BTreeMap<String, String>,
        served: Option<String>,
        not_taken: NotTaken,
    ) -> String {
        let NotTaken { why, is_refused } = not_taken;
        if let Err(error) = self.on_disk(move |files| files.write(&before)).await {
            return format!("{why}; and the files before it cannot be written again: {error}");
        }
        let (Ok(master), Some(served), false) =
            (Master::find(&self.options.pid), served, is_refused)
        else {
            return why;
        };
        // It may take the new files yet.
        match self.reload(master, &served).await {
            Ok(()) => why,
            Err(again) => {
                format!("{why}; and going back to the configuration before: {}", again.why)
            }
        }
    }

    /// Tells the master to read its configuration, and waits until everyone who takes requests serves
    /// the one of this stamp.
    async fn reload(&self, master: Master, stamp: &str) -> Result<(), NotTaken> {
        let before = master.workers().serving;
        let mut log = ErrorLog::from_now_on(master);
        master.reload().map_err(|error| NotTaken {
            why: format!("nginx cannot be told to reload: {error}; the edge must run as root or as nginx's own user"),
            is_refused: true,
        })?;
        let began = Instant::now();
        let mut first_error = None;
        let mut said = String::new();
        let mut next_read = Instant::now();
        loop {
            if is_taken_over(&master.workers(), &before)
                && status::stamp(self.options.internal).await.as_deref() == Some(stamp)
            {
                return Ok(());
            }
            let now = Instant::now();
            if now >= next_read {
                next_read = now + LOOK_EVERY * 10;
                said.push_str(&log.errors());
                if !said.is_empty() {
                    first_error.get_or_insert(now);
                }
                if !master.is_alive() {
                    let why = format!("nginx ended as it reloaded: {}", words(&said));
                    return Err(NotTaken { why, is_refused: true });
                }
            }
            let patience = if tries_again(&said) { WHILE_IT_TRIES } else { AFTER_ERROR };
            if now >= began + WITHIN || first_error.is_some_and(|first| now >= first + patience) {
                return Err(NotTaken::after(&said));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let files = self.files.clone();
        let done = tokio::task::spawn_blocking(move || work(&files)).await;
        done.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

/// A configuration that did not come into force.
struct NotTaken {
    why: String,
    /// Nor will it.
    is_refused: bool,
}

impl NotTaken {
    /// nginx has not come up with it in time, and has said this.
    fn after(said: &str) -> Self {
        let is_refused = !said.is_empty();
        let why = if is_refused {
            format!("nginx did not take the new configuration: {}", words(said))
        } else {
            let within = WITHIN.as_secs();
            format!(
                "nginx did not serve the new configuration within {within} s; see its error log"
            )
        };
        Self { why, is_refused }
    }
}

/// Whether nginx is about to try again what it could not do.
fn tries_again(said: &str) -> bool {
    said.contains("bind() to ") && !said.contains("still could not bind")
}

/// Whether others serve than `before`, and none of those takes connections any more.
fn is_taken_over(now: &Workers, before: &HashSet<Worker>) -> bool {
    !now.serving.is_empty() && now.serving.is_disjoint(before)
}

/// What nginx writes to its logs from some moment on.
struct ErrorLog(Vec<(PathBuf, u64)>);

impl ErrorLog {
    fn from_now_on(master: Master) -> Self {
        let length = |path: &PathBuf| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let files = master.log_files().into_iter();
        Self(
            files
                .map(|path| {
                    let length = length(&path);
                    (path, length)
                })
                .collect(),
        )
    }

    /// The errors that have come since the last time.
    fn errors(&mut self) -> String {
        let mut errors = String::new();
        for (path, at) in &mut self.0 {
            let mut new = Vec::new();
            let read = File::open(path).and_then(|mut file| {
                file.seek(SeekFrom::Start(*at))?;
                file.take(1 << 20).read_to_end(&mut new)
            });
            *at += read.unwrap_or(0) as u64;
            for line in String::from_utf8_lossy(&new).lines() {
                if line.contains("[emerg]") {
                    errors.push_str(line);
                    errors.push('\n');
                }
            }
        }
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_have_taken_over_when_no_old_one_takes_connections() {
        let of = |pids: &[i32]| pids.iter().copied().map(Worker).collect::<HashSet<_>>();
        let workers = |serving, leaving| Workers { serving: of(serving), leaving: of(leaving) };
        let before = of(&[1, 2]);
        assert!(!is_taken_over(&workers(&[1, 2], &[]), &before));
        assert!(!is_taken_over(&workers(&[2, 3, 4], &[1]), &before));
        assert!(!is_taken_over(&workers(&[], &[1, 2]), &before));
        assert!(is_taken_over(&workers(&[3, 4], &[1]), &before));
    }
}
