//! `init`: a `launcher.toml` from what is in a folder.

mod dockerfile;
mod find;
mod probe;
mod write;

use std::io::{ErrorKind, Write};
use std::path::Path;

use launcher_model::service::{self, ServiceSpec};

use super::Failure;
use super::args::client::{Init, ServerOptions};
use super::output::say;
use super::place;
use super::quoted::quoted;
use super::working_copy::SETTINGS;
use find::Found;
use probe::Seen;
use write::{LIKELY_PORT, Wanted};

pub(super) async fn init(wanted: Init) -> Result<(), Failure> {
    let Init { dir, name, force, no_probe } = wanted;
    let path = dir.join(SETTINGS);
    if !force && path.exists() {
        return Err(is_there(&path));
    }
    let found = Found::read(&dir, name)?;
    let mut wanted = from_file(&found);
    tell_found(&found, &wanted);
    if !no_probe {
        let seen = probe::probe(&dir, &read(&write::text(&found, &wanted))?, &found.facts).await?;
        take_in(&seen, &mut wanted);
    }
    let text = write::text(&found, &wanted);
    read(&text)?;
    save(&path, &text, force)?;
    say(&format!("wrote {}", shown(&path)));
    tell_next(&dir, &found);
    Ok(())
}

/// What the Dockerfile alone says.
fn from_file(found: &Found) -> Wanted {
    let (facts, check) = (&found.facts, found.facts.check.as_ref());
    let port = match (facts.ports.first(), check.and_then(|check| check.port)) {
        (Some(port), _) => (*port, "EXPOSE in the Dockerfile".to_owned()),
        (None, Some(port)) => (port, "HEALTHCHECK in the Dockerfile".to_owned()),
        (None, None) => (LIKELY_PORT, "a guess: the Dockerfile does not EXPOSE one".to_owned()),
    };
    let health =
        check.map(|check| (check.path.clone(), "HEALTHCHECK in the Dockerfile".to_owned()));
    Wanted { port, health }
}

fn tell_found(found: &Found, wanted: &Wanted) {
    let dockerfile = found.dockerfiles.first().map(String::as_str).unwrap_or_default();
    say(&format!("service     {}", found.name));
    say(&format!("Dockerfile  {dockerfile}{}", rest(&found.dockerfiles, "there are also")));
    let ports = rest(&found.facts.ports, "it exposes also");
    say(&format!("port        {} ({}){ports}", wanted.port.0, wanted.port.1));
    match &found.git {
        Some(git) => say(&format!("branch      {}", git.branch)),
        None => say("branch      main (git is not used here)"),
    }
}

fn rest<T: ToString>(all: &[T], words: &str) -> String {
    let rest: Vec<String> = all.iter().skip(1).map(T::to_string).collect();
    if rest.is_empty() { String::new() } else { format!("; {words} {}", rest.join(", ")) }
}

/// What was seen counts more than what is written.
fn take_in(seen: &Seen, wanted: &mut Wanted) {
    match seen {
        Seen::Listens { port, path } => {
            if *port != wanted.port.0 {
                say(&format!("nothing listens on port {}, but on {port}", wanted.port.0));
                wanted.port = (*port, "it listened there when it was tried".to_owned());
            }
            match path {
                Some((path, status)) => {
                    say(&format!("health      GET {path} answered {status}"));
                    let why = format!("it answered {status} when it was tried");
                    wanted.health = Some((path.clone(), why));
                }
                None => {
                    say(&format!(
                        "health      port {port} takes connections; no path answered 2xx"
                    ));
                    wanted.health = None;
                }
            }
        }
        Seen::Silent => say(&format!(
            "health      nothing listened on port {} within 10 s; correct port in {SETTINGS}, and see that the \
             application listens on 0.0.0.0",
            wanted.port.0
        )),
        Seen::Ended { code, last } => {
            say(&format!("health      it ended with status {code} when it was run alone:"));
            for line in last {
                say(&format!("  | {}", launcher_build::clean(line)));
            }
        }
        Seen::Untried(why) => say(&format!("health      not tried: {why}")),
    }
}

fn read(text: &str) -> Result<ServiceSpec, Failure> {
    Ok(service::read(SETTINGS, text)?)
}

fn save(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => is_there(path),
        _ => Failure::io(format!("write {}", shown(path)))(error),
    })
}

fn is_there(path: &Path) -> Failure {
    let path = shown(path);
    Failure::Senseless(format!("{path} is there already; edit it, or write it anew with --force"))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

fn tell_next(dir: &Path, found: &Found) {
    let here = shown(dir).is_empty();
    let file = shown(&dir.join(SETTINGS));
    let (word, folder) = (quoted(&file), quoted(&dir.display().to_string()));
    let apply = if here { String::new() } else { format!(" -f {word}") };
    say("next:");
    say(&format!("  launcher apply{apply}"));
    match &found.git {
        Some(git) if git.prefix.is_empty() => {
            let server = server();
            let (name, branch) = (&found.name, quoted(&git.branch));
            say(&format!("  git add {word} && git commit -m 'Deploy with Rocket Launcher'"));
            say(&format!(
                "  git push {server}/git/{name}.git {branch}    (the password is a token)"
            ));
        }
        Some(git) => {
            say(&format!("  launcher build --from {folder}"));
            say(&format!(
                "a push needs {SETTINGS} in the topmost folder of the repository, with build = {:?}",
                git.prefix.trim_end_matches('/')
            ));
        }
        None => {
            let from = if here { String::new() } else { format!(" --from {folder}") };
            say(&format!("  launcher build{from}"));
        }
    }
}

/// Where the server is, as far as is known.
fn server() -> String {
    let said = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    let (url, data) = (said("LAUNCHER_URL"), said("LAUNCHER_DATA").map(Into::into));
    let url = place::find_url(&ServerOptions { url, data, token_file: None });
    url.map_or_else(|_| "http://127.0.0.1:7070".to_owned(), |url| place::shown(&url))
}
