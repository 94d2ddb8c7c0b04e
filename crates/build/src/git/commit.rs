//! Reading what was pushed.

use std::process::Stdio;

use futures_util::StreamExt;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use super::Repository;
use super::command::{git, not_run, output};
use crate::{Error, Result};
use launcher_scheduler::Context;

/// What is told of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its whole id.
    pub id: String,
    /// The first line of its message.
    pub subject: String,
    /// The name of its author; none where it names nobody.
    pub author: Option<String>,
}

/// The longest subject, and the longest name of an author, that is kept, in characters.
const LONGEST: usize = 200;

/// Reads a commit.
///
/// # Errors
/// When there is none.
pub async fn read(repository: &Repository, id: &str) -> Result<Commit> {
    let mut command = git(repository.directory());
    command.args(["show", "--no-patch", "--format=%H%x00%an%x00%s", "--end-of-options", id]);
    let told = output("reading a commit", &mut command).await?;
    let told = String::from_utf8_lossy(&told);
    let mut parts = told.trim_end().splitn(3, '\0');
    let mut part = || parts.next().unwrap_or_default();
    let short = |text: &str| text.chars().take(LONGEST).collect::<String>();
    let (id, author, subject) = (part().to_owned(), short(part().trim()), short(part()));
    Ok(Commit { id, subject, author: Some(author).filter(|author| !author.is_empty()) })
}

/// The commit that a branch is at; none when there is no such branch.
///
/// # Errors
/// When git fails.
pub async fn head_of(repository: &Repository, branch: &str) -> Result<Option<String>> {
    let mut command = git(repository.directory());
    let name = format!("refs/heads/{branch}");
    command.args(["for-each-ref", "--format=%(objectname) %(refname)", "--", &name]);
    let told = output("reading a branch", &mut command).await?;
    let told = String::from_utf8_lossy(&told);
    let mut heads = told.lines().filter_map(|line| line.split_once(' '));
    Ok(heads.find(|(_, found)| *found == name).map(|(id, _)| id.to_owned()))
}

/// Removes a branch. None is no error.
///
/// # Errors
/// When git fails.
pub async fn remove_branch(repository: &Repository, branch: &str) -> Result<()> {
    let mut command = git(repository.directory());
    command.args(["update-ref", "-d", &format!("refs/heads/{branch}")]);
    output("removing a branch", &mut command).await.map(drop)
}

/// Whether there is a file, or a link, of this path in a commit.
///
/// # Errors
/// When git fails.
pub async fn has(repository: &Repository, commit: &str, path: &str) -> Result<bool> {
    let listed = listed(repository, commit, path).await?;
    Ok(listed.split('\0').any(|entry| ["100", "120"].iter().any(|mode| entry.starts_with(mode))))
}

/// What git lists of a path: `100644 blob ID\tPATH` for a file, `120000 blob …` for a link.
async fn listed(repository: &Repository, commit: &str, path: &str) -> Result<String> {
    let mut list = git(repository.directory());
    list.args(["ls-tree", "-z", "--end-of-options", commit, "--", path]);
    let listed = output("looking for a file", &mut list).await?;
    Ok(String::from_utf8_lossy(&listed).into_owned())
}

/// A file of a commit; none when there is no file of this path, and an error when it is longer than `most`.
///
/// # Errors
/// When git fails, or the file is too long.
pub async fn file(
    repository: &Repository,
    commit: &str,
    path: &str,
    most: usize,
) -> Result<Option<Vec<u8>>> {
    let listed = listed(repository, commit, path).await?;
    // Links and folders are no files.
    let Some(entry) = listed.split('\0').find_map(|entry| entry.strip_prefix("100")) else {
        return Ok(None);
    };
    let id = entry.split([' ', '\t']).nth(2).unwrap_or_default();
    let mut command = git(repository.directory());
    let mut child = command
        .args(["cat-file", "blob", id])
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| not_run("reading a file", &error))?;
    let out = child.stdout.take().ok_or(Error::Protocol("no output"))?;
    let mut content = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    out.take(limit)
        .read_to_end(&mut content)
        .await
        .map_err(|error| not_run("reading a file", &error))?;
    if content.len() > most {
        let most = format!("{} KiB", most >> 10);
        return Err(Error::TooLarge { what: path.to_owned(), most, advice: "make it shorter" });
    }
    Ok(Some(content))
}

/// The files of a commit under a folder (`.` for all), as a tar archive.
///
/// # Errors
/// When git cannot be run; that the folder is not there is an error of the stream.
pub fn archive(repository: &Repository, commit: &str, folder: &str) -> Result<Context> {
    let folder = folder.trim_matches('/').trim_start_matches("./");
    let tree = match folder {
        "" | "." => commit.to_owned(),
        folder => format!("{commit}:{folder}"),
    };
    let mut command = git(repository.directory());
    let mut child = command
        .args(["archive", "--format=tar", "--end-of-options", &tree])
        .spawn()
        .map_err(|error| not_run("reading the source", &error))?;
    let mut words = child.stderr.take();
    let out = child.stdout.take().ok_or(Error::Protocol("no output"))?;
    let stream = async_stream::stream! {
        let mut pieces = ReaderStream::with_capacity(out, 64 << 10);
        while let Some(piece) = pieces.next().await {
            yield piece;
        }
        // An archive that breaks off looks like a short one: how git ended must be known.
        match child.wait().await {
            Ok(status) if status.success() => {}
            Ok(_) => {
                let mut why = String::new();
                if let Some(words) = &mut words {
                    let _ = words.read_to_string(&mut why).await;
                }
                yield Err(std::io::Error::other(why.trim().to_owned()));
            }
            Err(error) => yield Err(error),
        }
    };
    Ok(Box::pin(stream))
}
