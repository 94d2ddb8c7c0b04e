//! An application's folder: its settings, and what its image is built of.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use launcher_build::{LONGEST_SETTINGS, MOST_SENT};
use launcher_model::ServiceName;
use launcher_model::service;
use launcher_scheduler::dockerignore::Ignore;

use super::Failure;
use super::output::say;
use super::pack::Folder;

/// The file with a service's settings.
pub(super) const SETTINGS: &str = "launcher.toml";

/// A folder that can be built.
#[derive(Debug)]
pub(super) struct WorkingCopy {
    /// Whose source it is.
    pub(super) service: ServiceName,
    /// The text of its settings.
    pub(super) settings: String,
    /// What its image is built of.
    pub(super) context: Folder,
}

impl WorkingCopy {
    /// Reads a folder; it must be of the service that was named.
    ///
    /// # Errors
    /// When it is of another one, or nothing can be built of it.
    pub(super) fn read(folder: &Path, named: Option<&ServiceName>) -> Result<Self, Failure> {
        let (name, settings) = settings(folder)?;
        let spec = service::read(&name, &settings)?;
        let service = spec.service.name;
        if let Some(named) = named.filter(|named| **named != service) {
            return Err(Failure::Senseless(format!(
                "{name} is of the service {service}, and not of {named}; leave the name out, or say where {named} is with --from DIR"
            )));
        }
        let built = spec.service.build.ok_or_else(|| {
            Failure::Senseless(format!(
                "{name} does not say what to build: write build = \".\" under [service], beside a Dockerfile"
            ))
        })?;
        let root = inside(folder, &built)?;
        let context = context(&root, &spec.build.dockerfile)?;
        Ok(Self { service, settings, context })
    }
}

fn settings(folder: &Path) -> Result<(String, String), Failure> {
    let path = folder.join(SETTINGS);
    let name = path.strip_prefix(".").unwrap_or(&path).display().to_string();
    let text = fs::read_to_string(&path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => Failure::Senseless(format!(
            "there is no {name}; `launcher init` writes one, or say where the application is with --from DIR"
        )),
        _ => Failure::Io { doing: format!("read {name}"), source, hint: None },
    })?;
    if text.len() > LONGEST_SETTINGS {
        let most = LONGEST_SETTINGS >> 10;
        return Err(Failure::Senseless(format!(
            "{name} is longer than {most} KiB; make it shorter"
        )));
    }
    Ok((name, text))
}

/// The folder that is built. Git would not follow a link there either.
fn inside(folder: &Path, built: &str) -> Result<PathBuf, Failure> {
    let root = folder.join(built);
    let real = |path: &Path| {
        path.canonicalize().map_err(|source| Failure::Io {
            doing: format!("read {}, which is to be built", path.display()),
            source,
            hint: Some(format!("see build under [service] in {SETTINGS}")),
        })
    };
    let (outer, inner) = (real(folder)?, real(&root)?);
    if !inner.starts_with(&outer) {
        return Err(Failure::Senseless(format!(
            "{} leads out of {}; build a folder that is in it",
            root.display(),
            folder.display()
        )));
    }
    Ok(inner)
}

/// What is in a folder that is built, without what its `.dockerignore` leaves out.
pub(super) fn context(root: &Path, dockerfile: &str) -> Result<Folder, Failure> {
    if !root.join(dockerfile).is_file() {
        return Err(Failure::Senseless(format!(
            "there is no {dockerfile} in {}; write one, or name another file under [build] in {SETTINGS}: dockerfile = \"…\"",
            root.display()
        )));
    }
    let context = Folder::read(root, &ignored(root, dockerfile)?)?;
    for (path, what) in &context.skipped {
        say(&format!("{} is {what}, and left out", path.display()));
    }
    if context.length > MOST_SENT {
        return Err(Failure::Senseless(format!(
            "{} is larger than {} GiB; leave out what is not needed, in .dockerignore",
            root.display(),
            MOST_SENT >> 30
        )));
    }
    Ok(context)
}

fn ignored(root: &Path, dockerfile: &str) -> Result<Ignore, Failure> {
    for name in Ignore::files(dockerfile) {
        let path = root.join(&name);
        match fs::read(&path) {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text);
                return Ignore::parse(&text, dockerfile)
                    .map_err(|error| Failure::Senseless(format!("{}: {error}", path.display())));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::io(format!("read {}", path.display()))(error)),
        }
    }
    Ok(Ignore::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn refused(files: &[(&str, &str)], named: &str) -> String {
        let folder = folder(files);
        let named = ServiceName::new(named).unwrap();
        WorkingCopy::read(folder.path(), Some(&named)).unwrap_err().to_string()
    }

    const BUILT: &str = "[service]\nname = \"shop\"\nport = 8080\nbuild = \"web\"\n";

    #[test]
    fn what_cannot_be_built_is_told() {
        let plain = "[service]\nname = \"shop\"\nport = 8080\n";
        let large = "#".repeat(LONGEST_SETTINGS + 1);
        for (files, named, told) in [
            (&[][..], "shop", "`launcher init` writes one"),
            (&[("launcher.toml", "[service\n")], "shop", "launcher.toml:1"),
            (&[("launcher.toml", &large)], "shop", "longer than 256 KiB"),
            (&[("launcher.toml", plain)], "shop", "does not say what to build"),
            (&[("launcher.toml", plain)], "blog", "is of the service shop, and not of blog"),
            (&[("launcher.toml", BUILT)], "shop", "which is to be built"),
            (&[("launcher.toml", BUILT), ("web/a", "")], "shop", "there is no Dockerfile in"),
            (
                &[("launcher.toml", BUILT), ("web/Dockerfile", ""), ("web/.dockerignore", "[")],
                "shop",
                "line 1 of .dockerignore",
            ),
        ] {
            let said = refused(files, named);
            assert!(said.contains(told), "{said}");
        }
    }

    #[test]
    fn a_link_does_not_lead_out_of_the_folder() {
        let (app, other) = (folder(&[("launcher.toml", BUILT)]), folder(&[("Dockerfile", "")]));
        std::os::unix::fs::symlink(other.path(), app.path().join("web")).unwrap();
        let said = WorkingCopy::read(app.path(), None).unwrap_err().to_string();
        assert!(said.contains("leads out of"), "{said}");
    }

    #[test]
    fn what_is_too_large_is_told_before_it_is_sent() {
        let app = folder(&[("launcher.toml", BUILT), ("web/Dockerfile", "")]);
        // It has a length, and no content on the disk.
        fs::File::create(app.path().join("web/large")).unwrap().set_len(MOST_SENT).unwrap();
        let said = WorkingCopy::read(app.path(), None).unwrap_err().to_string();
        assert!(said.contains("larger than 4 GiB"), "{said}");
        fs::write(app.path().join("web/.dockerignore"), "large\n").unwrap();
        assert!(WorkingCopy::read(app.path(), None).is_ok());
    }
}
