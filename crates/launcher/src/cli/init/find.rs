//! What is in an application's folder.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use launcher_model::ServiceName;
use launcher_model::name::{InvalidName, SERVICE_NAME_MAX};

use super::dockerfile::{self, Facts};
use crate::cli::Failure;

/// Where Dockerfiles are looked for, besides others of the same kind in the folder itself.
const DOCKERFILES: [&str; 7] = [
    "Dockerfile",
    "Containerfile",
    "docker/Dockerfile",
    "docker/Containerfile",
    ".docker/Dockerfile",
    "deploy/Dockerfile",
    "build/Dockerfile",
];

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    /// The service's name.
    pub(super) name: ServiceName,
    /// Dockerfiles, from the folder; the first one is taken.
    pub(super) dockerfiles: Vec<String>,
    /// What that one says.
    pub(super) facts: Facts,
    /// What git says; none where there is no git.
    pub(super) git: Option<Git>,
}

/// A working copy.
#[derive(Debug)]
pub(super) struct Git {
    /// The branch that is checked out.
    pub(super) branch: String,
    /// Where the folder is in it; empty for the topmost one.
    pub(super) prefix: String,
}

impl Found {
    /// Looks at a folder.
    ///
    /// # Errors
    /// When it cannot be read, or there is nothing to build in it.
    pub(super) fn read(folder: &Path, name: Option<ServiceName>) -> Result<Self, Failure> {
        let shown = folder.display();
        let real = folder.canonicalize().map_err(Failure::io(format!("read {shown}")))?;
        let dockerfiles = dockerfiles(&real).map_err(Failure::io(format!("read {shown}")))?;
        let Some(first) = dockerfiles.first() else {
            return Err(Failure::Senseless(format!(
                "there is no Dockerfile in {shown}; write one that starts your application, such as\n  \
                 FROM docker.io/library/node:22-slim\n  COPY . /app\n  EXPOSE 8080\n  CMD [\"node\", \"/app/server.js\"]\n\
                 or name an image that exists under [service] in launcher.toml: image = \"registry.example.com/shop\""
            )));
        };
        let text = fs::read_to_string(real.join(first));
        let text = text.map_err(Failure::io(format!("read {}", folder.join(first).display())))?;
        let Some(facts) = dockerfile::read(&text) else {
            return Err(Failure::Senseless(format!(
                "{} has no FROM, so that there is nothing to build; its first line may be FROM docker.io/library/node:22-slim",
                folder.join(first).display()
            )));
        };
        let called = real.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = match name {
            Some(name) => name,
            None => service_name(&called.unwrap_or_default())
                .map_err(|error| Failure::Senseless(format!("{error}; give one with --name")))?,
        };
        Ok(Self { name, dockerfiles, facts, git: git(&real) })
    }
}

fn dockerfiles(folder: &Path) -> std::io::Result<Vec<String>> {
    let known = DOCKERFILES.iter().map(|name| (*name).to_owned());
    let mut found: Vec<_> = known.filter(|name| is_taken(&folder.join(name))).collect();
    let mut others = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let alike = name.starts_with("Dockerfile.") || name.ends_with(".Dockerfile");
        if alike && !name.ends_with(".dockerignore") && entry.path().is_file() {
            others.push(name);
        }
    }
    others.sort_unstable();
    found.extend(others);
    Ok(found)
}

/// Whether there is something of that name that is no folder; whatever it is, somebody means it.
fn is_taken(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| !found.is_dir())
}

/// The nearest name that a service may have.
fn service_name(text: &str) -> Result<ServiceName, InvalidName> {
    let mut name = String::new();
    for c in text.to_ascii_lowercase().chars() {
        match c {
            'a'..='z' => name.push(c),
            '0'..='9' if !name.is_empty() => name.push(c),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    name.truncate(SERVICE_NAME_MAX);
    let name = name.trim_end_matches('-');
    ServiceName::new(if name.is_empty() { "app" } else { name })
}

fn git(folder: &Path) -> Option<Git> {
    let branch = said(folder, &["symbolic-ref", "--quiet", "--short", "HEAD"])?;
    let prefix = said(folder, &["rev-parse", "--show-prefix"]).unwrap_or_default();
    Some(Git { branch, prefix })
}

fn said(folder: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_folder_has_a_name_for_a_service() {
        let long = format!("{}-{}", "a".repeat(39), "b".repeat(20));
        let cut = "a".repeat(39);
        for (folder, name) in [
            ("shop", "shop"),
            ("My Shop", "my-shop"),
            ("shop_2.0", "shop-2-0"),
            ("2048", "app"),
            ("3d-viewer", "d-viewer"),
            ("--shop--", "shop"),
            ("größe", "gr-e"),
            ("", "app"),
            (&long, &cut),
        ] {
            assert_eq!(service_name(folder).unwrap().as_str(), name, "{folder}");
        }
    }

    #[test]
    fn dockerfiles_are_found_where_they_usually_are() {
        let folder = tempfile::tempdir().unwrap();
        let told = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "FROM scratch\nEXPOSE 80\n").unwrap();
            dockerfiles(folder.path()).unwrap()
        };
        let error = Found::read(folder.path(), None).unwrap_err().to_string();
        assert!(error.contains("there is no Dockerfile in"), "{error}");
        let unusable = |name: &str, words: &str| {
            let error = Found::read(folder.path(), None).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(words), "{error}");
            fs::remove_file(folder.path().join(name)).unwrap();
        };
        fs::write(folder.path().join("Dockerfile"), [0xff, 0xfe, b'F']).unwrap();
        unusable("Dockerfile", "UTF-8");
        fs::write(folder.path().join("Dockerfile"), "# FROM scratch\n").unwrap();
        unusable("Dockerfile", "has no FROM");
        std::os::unix::fs::symlink("nowhere", folder.path().join("Dockerfile")).unwrap();
        unusable("Dockerfile", "No such file");
        assert_eq!(told("Dockerfile.dev.dockerignore"), Vec::<String>::new());
        assert_eq!(told("web.Dockerfile"), ["web.Dockerfile"]);
        assert_eq!(told("docker/Dockerfile")[0], "docker/Dockerfile");
        assert_eq!(told("Containerfile")[0], "Containerfile");
        assert_eq!(told("Dockerfile")[0], "Dockerfile");
        let found = Found::read(folder.path(), Some(ServiceName::new("shop").unwrap())).unwrap();
        assert_eq!((found.name.as_str(), &found.facts.ports[..]), ("shop", &[80][..]));
    }
}
