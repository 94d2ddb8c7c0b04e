//! The files of those who may look at previews.
//!
//! nginx's workers read them for each request, so what changes in one needs no reload. They hold hashes of
//! passwords, and are for the workers' group alone.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::options::Options;
use super::process::Master;

/// The directory, which has one file for each service that asks for a login.
#[derive(Debug)]
pub(super) struct Logins {
    dir: PathBuf,
    pid: PathBuf,
    /// What went wrong the last time, so that it is told once.
    failed: Mutex<Option<String>>,
}

impl Logins {
    pub(super) fn new(options: &Options) -> Self {
        Self { dir: options.logins(), pid: options.pid.clone(), failed: Mutex::default() }
    }

    /// Makes the directory hold these files, by name, and no others.
    pub(super) fn hold(&self, wanted: &BTreeMap<String, String>) {
        let failed = self.write(wanted).err().map(|error| error.to_string());
        let mut before = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = failed.as_ref().filter(|_| failed != *before) {
            let path = self.dir.display();
            tracing::error!(%path, %error, "the logins of previews cannot be written; nobody may look at them");
        }
        *before = failed;
    }

    fn write(&self, wanted: &BTreeMap<String, String>) -> io::Result<()> {
        if wanted.is_empty() && !self.dir.exists() {
            return Ok(());
        }
        fs::create_dir_all(&self.dir)?;
        let group = self.group();
        give(&File::open(&self.dir)?, group, 0o750)?;
        for (name, text) in wanted {
            let path = self.dir.join(name);
            if fs::read(&path).ok().as_deref() == Some(text.as_bytes()) {
                give(&File::open(&path)?, group, 0o640)?;
            } else {
                write_whole(&path, text, group)?;
            }
        }
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(OsStr::to_str);
            if name.is_none_or(|name| !wanted.contains_key(name)) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// The group of nginx's workers, while there are some.
    fn group(&self) -> Option<u32> {
        let workers = Master::find(&self.pid).ok()?.workers();
        workers.serving.into_iter().find_map(|worker| worker.group())
    }
}

/// Each file appears whole, and is nobody else's at any time.
fn write_whole(path: &Path, text: &str, group: Option<u32>) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    give(&file, group, 0o640)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(beside, path)
}

/// Gives a file to a group with these rights, if it has not got them.
fn give(file: &File, group: Option<u32>, mode: u32) -> io::Result<()> {
    let now = file.metadata()?;
    if let Some(group) = group.filter(|group| *group != now.gid()) {
        fchown(file, None, Some(group))?;
    }
    if now.mode() & 0o7777 != mode {
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_holds_what_is_wanted_for_nobody_else() {
        let folder = launcher_testkit::Folder::new();
        let dir = folder.path().join("logins");
        let logins =
            Logins { dir: dir.clone(), pid: folder.path().join("pid"), failed: Mutex::default() };
        let of = |texts: &[(&str, &str)]| -> BTreeMap<String, String> {
            texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        logins.write(&of(&[])).unwrap();
        assert!(!dir.exists(), "nothing is made where nothing is wanted");
        logins.write(&of(&[("shop", "a:b\n"), ("cart", "")])).unwrap();
        let first = fs::metadata(dir.join("shop")).unwrap().ino();
        fs::set_permissions(dir.join("shop"), fs::Permissions::from_mode(0o666)).unwrap();
        logins.write(&of(&[("shop", "a:b\n")])).unwrap();
        let shop = fs::metadata(dir.join("shop")).unwrap();
        assert_eq!((shop.ino(), shop.mode() & 0o777), (first, 0o640), "it was not written again");
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o750);
        assert!(!dir.join("cart").exists());
        logins.write(&of(&[("shop", "a:c\n")])).unwrap();
        assert_eq!(fs::read_to_string(dir.join("shop")).unwrap(), "a:c\n");
    }
}
