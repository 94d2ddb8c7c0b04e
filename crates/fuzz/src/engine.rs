//! What Docker passes on of containers, and what builds read of the source's own files.

use launcher_scheduler::dockerignore::Ignore;
use launcher_scheduler::fuzz::Printed;

use crate::pieces::alike;

/// What a command prints is the same in whatever pieces it comes, and no more than came.
pub(crate) fn container_output(bytes: &[u8]) {
    let (_, stdout, stderr) = alike(bytes, |pieces| {
        let mut read = Printed::default();
        let good = pieces.iter().all(|piece| read.take(piece));
        (good, read.stdout, read.stderr)
    });
    assert!(stdout.len() + stderr.len() <= bytes.len());
}

/// Patterns, and behind an empty line paths: what the builder needs is kept whatever they say, and where
/// a folder is left out with all in it, so is all in it.
pub(crate) fn dockerignore(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (patterns, paths) = text.split_once("\n\n").unwrap_or((text, "a\na/b\nDockerfile"));
    let Ok(ignore) = Ignore::parse(patterns, "Dockerfile") else { return };
    for kept in ["Dockerfile", ".dockerignore", "Dockerfile.dockerignore"] {
        assert!(!ignore.excludes(kept), "{kept}");
    }
    let bare = patterns.strip_prefix('\u{feff}').unwrap_or(patterns);
    let commented = format!("# nothing\n\n{bare}\n#");
    let commented = Ignore::parse(&commented, "Dockerfile");
    for path in paths.lines() {
        let excluded = ignore.excludes(path);
        if ignore.is_empty() {
            assert!(!excluded);
        }
        if ignore.excludes_all_below(path) {
            assert!(excluded && ignore.excludes(&format!("{path}/a/b")), "{path}");
        }
        assert_eq!(commented.as_ref().map(|ignore| ignore.excludes(path)), Ok(excluded), "{path}");
    }
}
