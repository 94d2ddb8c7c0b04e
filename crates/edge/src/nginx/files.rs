//! The directory of included files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The directory, which nobody else writes to.
#[derive(Debug, Clone)]
pub(super) struct Files(PathBuf);

/// Which files are to be read by nginx.
const CONF: &str = "conf";

impl Files {
    /// Makes the directory when it is not there.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let passed = dir.join("passed");
        fs::create_dir_all(&passed)?;
        // Workers run as another user and look in here.
        for dir in [dir, &passed] {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
        }
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            // What was being written when the process died.
            if path.extension().is_some_and(|extension| extension == "new") {
                fs::remove_file(path)?;
            }
        }
        Ok(Self(dir.to_owned()))
    }

    /// What nginx would read.
    pub(super) fn read(&self) -> io::Result<BTreeMap<String, String>> {
        let mut files = BTreeMap::new();
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != CONF) {
                continue;
            }
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            match fs::read(&path) {
                Ok(text) => {
                    files.insert(name.to_owned(), String::from_utf8_lossy(&text).into_owned());
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(files)
    }

    /// Makes the directory hold these files and no other that nginx would read. Each appears whole.
    pub(super) fn write(&self, wanted: &BTreeMap<String, String>) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let present = self.read()?;
        for (name, text) in wanted.iter().filter(|(name, text)| present.get(*name) != Some(text)) {
            write_whole(&self.0.join(name), text)?;
        }
        for name in present.keys().filter(|name| !wanted.contains_key(*name)) {
            fs::remove_file(self.0.join(name))?;
        }
        File::open(&self.0)?.sync_all()
    }

    /// Says that a configuration has been succeeded by another: requests that still come to its workers
    /// are handed on.
    pub(super) fn mark_passed(&self, stamp: &str) -> io::Result<()> {
        File::create(self.0.join("passed").join(stamp)).map(drop)
    }

    /// Takes back that a configuration has been succeeded.
    pub(super) fn unmark_passed(&self, stamp: &str) -> io::Result<()> {
        fs::create_dir_all(self.0.join("passed"))?;
        match fs::remove_file(self.0.join("passed").join(stamp)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Forgets what has been succeeded: no worker serves it any more.
    pub(super) fn forget_passed(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.0.join("passed"))? {
            fs::remove_file(entry?.path())?;
        }
        Ok(())
    }
}

fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_holds_what_is_wanted_and_nothing_else_that_nginx_reads() {
        let dir = launcher_testkit::Folder::new();
        let path = dir.path().join("include");
        let files = Files::open(&path).unwrap();
        let of = |texts: &[(&str, &str)]| -> BTreeMap<String, String> {
            texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        files.write(&of(&[("a.conf", "a"), ("b.conf", "b")])).unwrap();
        fs::write(path.join("stray.conf"), "stray").unwrap();
        fs::write(path.join("notes.txt"), "notes").unwrap();
        fs::write(path.join("half.new"), "half").unwrap();
        let files = Files::open(&path).unwrap();
        files.write(&of(&[("a.conf", "A"), ("c.conf", "c")])).unwrap();
        assert_eq!(files.read().unwrap(), of(&[("a.conf", "A"), ("c.conf", "c")]));
        assert!(path.join("notes.txt").exists() && !path.join("half.new").exists());

        files.mark_passed("one").unwrap();
        files.unmark_passed("one").unwrap();
        files.unmark_passed("one").unwrap();
        files.mark_passed("two").unwrap();
        files.forget_passed().unwrap();
        assert_eq!(fs::read_dir(path.join("passed")).unwrap().count(), 0);
    }
}
