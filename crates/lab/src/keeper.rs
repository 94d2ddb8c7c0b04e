//! Who takes a lab away, also when its process is killed.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::cannot_start;
use crate::folder::{self, Folder};
use crate::{Error, Result};

/// What it does.
const SCRIPT: &str = include_str!("keeper.sh");

/// The variable by which a lab's processes are known.
pub(crate) const MARK: &str = "LAUNCHER_LAB";

/// How long a lab may take to go.
const PATIENCE: Duration = Duration::from_secs(60);

/// The process beside a lab that takes it away when this is dropped, or nobody is there to drop it.
#[derive(Debug)]
pub(crate) struct Keeper {
    process: Child,
    folder: Folder,
}

impl Keeper {
    /// Starts the one of the lab that this is the directory of.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(folder: Folder) -> Result<Self> {
        let process = spawn(folder.mark(), folder.path(), Stdio::piped())?;
        Ok(Self { process, folder })
    }

    /// The lab's directory.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Has the lab taken away, and waits for that.
    ///
    /// # Errors
    /// When something of it stays.
    pub(crate) fn finish(&mut self) -> Result<()> {
        // That is what it waits for.
        drop(self.process.stdin.take());
        wait(&mut self.process, self.folder.path())
    }
}

impl Drop for Keeper {
    #[expect(clippy::print_stderr, reason = "who drops a lab cannot be told otherwise")]
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            eprintln!("{error}");
        }
    }
}

fn spawn(mark: &str, directory: &Path, until: Stdio) -> Result<Child> {
    Command::new("sh")
        .args(["-c", SCRIPT, "keeper", mark])
        .arg(directory)
        // It is none of the processes that it ends.
        .env_remove(MARK)
        .current_dir("/")
        .stdin(until)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // What a terminal sends to the lab is not for the keeper.
        .process_group(0)
        .spawn()
        .map_err(|why| cannot_start("sh", why))
}

fn wait(keeper: &mut Child, directory: &Path) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match keeper.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            Ok(Some(_)) | Err(_) => break,
        }
    }
    Err(Error::Left { left: directory.to_owned(), after: PATIENCE })
}

/// Takes away labs whose process and whose keeper were killed.
///
/// # Errors
/// When something of them stays.
pub(crate) fn sweep() -> Result<()> {
    for directory in folder::abandoned()? {
        let mark = directory.file_name().unwrap_or_default().to_string_lossy();
        wait(&mut spawn(&mark, &directory, Stdio::null())?, &directory)?;
    }
    Ok(())
}
