//! The commands that speak with a lab that runs.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use launcher_lab::{Error, Lab};

use crate::control::{self, Answer, Change, Question, Source};
use crate::show;

/// `status`.
pub(crate) fn status(lab: Option<&str>, json: bool) -> Result<()> {
    let Answer::Status(status) = ask(lab, &Question::Status)? else { return strange() };
    if json {
        println!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        print!("{}", show::table(&status));
    }
    Ok(())
}

/// `cut`, `mend`, `kill`, `revive`, and what concerns the engine.
pub(crate) fn change(lab: Option<&str>, host: &str, change: Change) -> Result<()> {
    ask(lab, &Question::Change(host.to_owned(), change))?;
    let now = match change {
        Change::Cut => "is cut off, and runs on",
        Change::Mend => "is connected",
        Change::Kill => "is down",
        Change::Revive => "is up",
        Change::StopEngine => "has no engine",
        Change::StartEngine => "has its engine",
    };
    eprintln!("{host} {now}");
    Ok(())
}

/// `push`.
pub(crate) fn push(lab: Option<&str>, name: &str, image: &str) -> Result<()> {
    let source = source(image)?;
    let Answer::Pushed(name) = ask(lab, &Question::Push(name.to_owned(), source))? else {
        return strange();
    };
    println!("{name}");
    Ok(())
}

/// What is meant: a folder, or an image of this machine's engine.
fn source(image: &str) -> Result<Source> {
    let path = Path::new(image);
    if path.is_dir() {
        let folder = std::path::absolute(path).with_context(|| format!("cannot find {image}"))?;
        return Ok(Source::Folder(folder));
    }
    let first = path.components().next();
    let names_folder =
        |first| matches!(first, Component::RootDir | Component::CurDir | Component::ParentDir);
    if !first.is_some_and(names_folder) {
        return Ok(Source::Local(image.to_owned()));
    }
    let trouble = if path.exists() { "is no folder" } else { "is not there" };
    bail!(
        "{image} {trouble}; name a folder with a Dockerfile, or an image that this machine's engine has"
    )
}

/// `exec`: becomes the command.
pub(crate) fn exec(lab: Option<&str>, host: &str, command: &[String]) -> Result<()> {
    let Answer::Entry(entry) = ask(lab, &Question::Entry(host.to_owned()))? else {
        return strange();
    };
    let mut words = entry.iter().chain(command);
    let program = words.next().context("the lab does not tell what leads into its hosts")?;
    let why = Command::new(program).args(words).exec();
    Err(why).with_context(|| format!("cannot start {program}"))
}

fn ask(lab: Option<&str>, question: &Question) -> Result<Answer> {
    let directory = find(lab)?;
    let doing = || format!("cannot speak with the lab in {}", directory.display());
    let mut stream = UnixStream::connect(control::socket(&directory))
        .with_context(|| format!("{}; it may still be coming up", doing()))?;
    stream.write_all(&serde_json::to_vec(question)?).with_context(doing)?;
    stream.shutdown(Shutdown::Write).with_context(doing)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).with_context(doing)?;
    if answer.is_empty() {
        bail!("the lab has ended");
    }
    match serde_json::from_slice(&answer).with_context(doing)? {
        Answer::Refused(why) => bail!(why),
        answer => Ok(answer),
    }
}

/// The directory of the lab that is meant.
fn find(wanted: Option<&str>) -> Result<PathBuf> {
    if !rustix::process::geteuid().is_root() {
        return Err(Error::NotRoot.into());
    }
    let mut labs = Lab::running()?;
    // Those of tests take no commands.
    labs.retain(|lab| control::socket(lab).exists());
    let name = |lab: &PathBuf| lab.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(wanted) = wanted {
        let known = labs.iter().map(name).collect::<Vec<_>>();
        let found = labs.into_iter().find(|lab| name(lab) == wanted);
        return found.with_context(|| no_such(wanted, &known));
    }
    match labs.as_slice() {
        [] => bail!("no lab runs here; start one with `make lab` in another terminal"),
        [lab] => Ok(lab.clone()),
        several => {
            let names = several.iter().map(name).collect::<Vec<_>>().join(", ");
            bail!("several labs run here: {names}; say which with --lab NAME")
        }
    }
}

/// What is said when no lab of a name takes commands.
fn no_such(wanted: &str, known: &[String]) -> String {
    match known {
        [] => format!("there is no lab {wanted}, and no other runs; start one with `make lab`"),
        [one] => format!("there is no lab {wanted}; there is {one}"),
        several => format!("there is no lab {wanted}; there are {}", several.join(", ")),
    }
}

fn strange() -> Result<()> {
    bail!("the lab does not speak the language of this program; is it of another release?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_is_no_image() {
        for missing in ["../nope", "./nope", "/nope/at/all"] {
            let told = source(missing).unwrap_err().to_string();
            assert!(told.starts_with(&format!("{missing} is not there; ")), "{told}");
        }
        let told = source("/proc/self/status").unwrap_err().to_string();
        assert!(told.starts_with("/proc/self/status is no folder; "), "{told}");
        for image in ["shop:1", "team/shop", "registry.example.com/shop:1"] {
            assert!(matches!(source(image), Ok(Source::Local(name)) if name == image), "{image}");
        }
        assert!(matches!(source("/"), Ok(Source::Folder(_))));
    }

    #[test]
    fn which_labs_there_are_is_told_in_a_sentence() {
        let known = ["lab-a".to_owned(), "lab-b".to_owned()];
        assert_eq!(no_such("x", &known), "there is no lab x; there are lab-a, lab-b");
        assert_eq!(no_such("x", &known[..1]), "there is no lab x; there is lab-a");
        assert!(no_such("x", &[]).contains("`make lab`"));
    }
}
