//! Asking nginx whether it would take a configuration, before any of it is where nginx reads it.
//!
//! The whole configuration is tried, the user's own part too, with our files as they would be. For that
//! the main file is copied into a directory of the trial, and so is every included file on the way to
//! our `include` line, which there names the files to be tried. All else stays where it is. nginx takes
//! relative paths from the directory of its main file, so beside the copy stand links to whatever stands
//! beside the original.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::options::Options;
use super::scan::includes;

/// How long nginx may take to read its configuration.
const WITHIN: Duration = Duration::from_secs(30);

/// Files that include each other are not followed deeper than this.
const DEEPEST: usize = 16;

/// Tries a configuration with these files in place of those that are included now.
///
/// # Errors
/// What nginx says against it, or why it could not be asked.
pub(super) async fn trial(
    options: &Options,
    files: &BTreeMap<String, String>,
) -> Result<(), String> {
    let folder = Folder::new(&options.data_dir).map_err(|error| {
        format!("a configuration cannot be tried in the data directory: {error}")
    })?;
    let copy = tokio::task::spawn_blocking({
        let (options, files, root) = (options.clone(), files.clone(), folder.0.clone());
        move || lay_out(&options, &files, &root)
    });
    let conf =
        copy.await.map_err(|error| format!("a configuration cannot be tried: {error}"))??;
    let mut command = Command::new(&options.binary);
    command.arg("-t").arg("-q").arg("-c").arg(&conf);
    if let Some(prefix) = &options.prefix {
        command.arg("-p").arg(prefix);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let binary = options.binary.display();
    let output = tokio::time::timeout(WITHIN, command.output())
        .await
        .map_err(|_| format!("{binary} -t had no answer within {} s", WITHIN.as_secs()))?
        .map_err(|error| format!("{binary} cannot be run: {error}; name it with --nginx-binary"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = words(&String::from_utf8_lossy(&output.stderr));
    Err(format!("nginx refuses the configuration: {}", folder.as_if_in_place(options, &words)))
}

/// What of nginx's output says why: its errors, or all of it when it calls nothing an error.
pub(super) fn words(output: &str) -> String {
    let is_grave = |line: &&str| ["[emerg]", "[alert]", "[crit]"].iter().any(|l| line.contains(l));
    let mut lines: Vec<&str> = output.lines().filter(is_grave).collect();
    if lines.is_empty() {
        lines = output.lines().collect();
    }
    let mut plain: Vec<String> = lines.into_iter().map(plain).collect();
    // It says the same several times when it tries several times.
    plain.dedup();
    plain.join("; ")
}

/// A line of nginx's without when it was and who said it:
/// `2026/01/31 12:00:00 [emerg] 4711#4711: no such thing`, or `nginx: [emerg] no such thing`.
fn plain(line: &str) -> String {
    let line = line.trim().trim_start_matches("nginx: ");
    let Some((_, leveled)) = line.split_once('[') else { return line.to_owned() };
    let Some((level, text)) = leveled.split_once("] ") else { return line.to_owned() };
    let is_who = |who: &str| who.bytes().all(|b| b.is_ascii_digit() || b == b'#');
    let text = match text.split_once(": ") {
        Some((who, rest)) if is_who(who) => rest,
        _ => text,
    };
    format!("[{level}] {text}")
}

/// A directory that goes when the trial is over.
struct Folder(PathBuf);

impl Folder {
    fn new(data_dir: &Path) -> io::Result<Self> {
        let number: u64 = rand::random();
        let path = data_dir.join("trials").join(format!("{number:016x}"));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// Names the files as they will be called, not as they were for the trial.
    fn as_if_in_place(&self, options: &Options, words: &str) -> String {
        let conf_dir = options.conf.parent().unwrap_or(Path::new("/"));
        let name = |path: &Path| path.display().to_string();
        words
            .replace(&name(&self.0.join(OURS)), &name(&options.include))
            .replace(&name(&self.0.join(BESIDE)), &name(conf_dir))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove what was tried");
        }
    }
}

/// Removes what trials have left that did not come to their end.
pub(super) fn clear(data_dir: &Path) {
    let _ = fs::remove_dir_all(data_dir.join("trials"));
}

/// Where the files to be tried are.
const OURS: &str = "ours";
/// Where the copy of the main file is, and links to what stands beside the original.
const BESIDE: &str = "main";
/// Where copies of other files are.
const COPIES: &str = "copies";

fn lay_out(
    options: &Options,
    files: &BTreeMap<String, String>,
    root: &Path,
) -> Result<PathBuf, String> {
    let failed = |error: io::Error| format!("a configuration cannot be tried: {error}");
    let conf_dir = options.conf.parent().unwrap_or(Path::new("/"));
    let (ours, beside, copies) = (root.join(OURS), root.join(BESIDE), root.join(COPIES));
    for dir in [&ours, &beside, &copies] {
        fs::create_dir(dir).map_err(failed)?;
    }
    for (name, text) in files {
        fs::write(ours.join(name), text).map_err(failed)?;
    }
    let mut copying = Copying {
        include: fs::canonicalize(&options.include).map_err(failed)?,
        conf_dir,
        ours: &ours,
        copies: &copies,
        copied: 0,
    };
    let Some(text) = copying.rewrite(&options.conf, DEEPEST)? else {
        let include = options.include.display();
        return Err(format!(
            "{} does not include the edge's files; add the line \"include {include}/*.conf;\" to its http block",
            options.conf.display()
        ));
    };
    for entry in fs::read_dir(conf_dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if Some(entry.file_name().as_os_str()) != options.conf.file_name() {
            symlink(entry.path(), beside.join(entry.file_name())).map_err(failed)?;
        }
    }
    let conf = beside.join(options.conf.file_name().unwrap_or("nginx.conf".as_ref()));
    fs::write(&conf, text).map_err(failed)?;
    Ok(conf)
}

struct Copying<'c> {
    /// The directory that is stood in for.
    include: PathBuf,
    conf_dir: &'c Path,
    ours: &'c Path,
    copies: &'c Path,
    copied: usize,
}

impl Copying<'_> {
    /// The text of a file with our files in it as they are to be tried; `None` when it does not lead to
    /// them.
    fn rewrite(&mut self, path: &Path, depth: usize) -> Result<Option<String>, String> {
        let text = fs::read(path).map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut out = String::new();
        let mut done = 0;
        for include in includes(&text) {
            if let Some(instead) = self.include(&include.pattern, depth)? {
                out.push_str(&text[done..include.at.start]);
                out.push_str(&instead);
                done = include.at.end;
            }
        }
        if done == 0 {
            return Ok(None);
        }
        out.push_str(&text[done..]);
        Ok(Some(out))
    }

    /// What stands in place of an include line; `None` when it may stay.
    fn include(&mut self, pattern: &str, depth: usize) -> Result<Option<String>, String> {
        let whole = self.conf_dir.join(pattern);
        let dir = whole.parent().unwrap_or(Path::new("/"));
        if fs::canonicalize(dir).is_ok_and(|dir| dir == self.include) {
            let last = whole.file_name().unwrap_or("*.conf".as_ref());
            return Ok(Some(line(&self.ours.join(last))));
        }
        if depth == 0 {
            return Ok(None);
        }
        let files = matching(&whole);
        let mut instead = String::new();
        let mut leads_to_ours = false;
        for file in &files {
            // One that nginx cannot read either is nginx's to complain about.
            match self.rewrite(file, depth - 1).ok().flatten() {
                None => instead.push_str(&line(file)),
                Some(text) => {
                    leads_to_ours = true;
                    self.copied += 1;
                    let copy = self.copies.join(format!("{}.conf", self.copied));
                    fs::write(&copy, text).map_err(|e| format!("{}: {e}", copy.display()))?;
                    instead.push_str(&line(&copy));
                }
            }
        }
        Ok(leads_to_ours.then_some(instead))
    }
}

fn line(path: &Path) -> String {
    let path = path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
    format!("include \"{path}\";\n")
}

/// The files that nginx finds by a pattern (glob(3)).
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let options = glob::MatchOptions {
        require_literal_separator: true,
        require_literal_leading_dot: true,
        case_sensitive: true,
    };
    let found = glob::glob_with(&pattern.to_string_lossy(), options);
    found.into_iter().flatten().flatten().filter(|path| path.is_file()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_is_quoted_with_its_errors_alone() {
        let said = "nginx: [warn] conflicting server name \"a\"\n\
                    nginx: [emerg] unknown directive \"x\" in /a.conf:1\n\
                    nginx: configuration file /nginx.conf test failed\n";
        assert_eq!(words(said), "[emerg] unknown directive \"x\" in /a.conf:1");
        assert_eq!(words("nginx: invalid option: \"x\"\n"), "invalid option: \"x\"");
        let logged = "2026/01/31 12:00:00 [emerg] 4711#4711: bind() to [::]:80 failed: in use\n";
        assert_eq!(words(logged), "[emerg] bind() to [::]:80 failed: in use");
    }
}
