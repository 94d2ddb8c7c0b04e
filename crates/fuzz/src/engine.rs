//! What Docker passes on of containers, and what builds read of the source's own files.

use launcher_scheduler::dockerignore::Ignore;
use launcher_scheduler::fuzz::{Printed, Stream, log_lines};

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

/// Pieces of a log, each behind a byte for its stream and one for its length: a line is one, and no more is made of
/// bytes than there are. What has no times in it is the same in whatever pieces it comes.
pub(crate) fn container_log(bytes: &[u8]) {
    let plain = alike(bytes, |pieces| {
        let lines = log_lines(pieces.iter().map(|piece| (Stream::Stdout, *piece)), false);
        lines.into_iter().map(|line| line.text).collect::<Vec<_>>()
    });
    let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
    assert!((ends..=ends + 1).contains(&plain.len()));
    for stamped in [false, true] {
        let pieces = pieces(bytes);
        let most = ends + 2;
        let lines = log_lines(pieces.into_iter(), stamped);
        assert!(lines.len() <= most && lines.iter().all(|line| !line.text.contains('\n')));
        // What is no text takes three bytes for one.
        assert!(lines.iter().map(|line| line.text.len()).sum::<usize>() <= 3 * bytes.len());
        assert!(stamped || lines.iter().all(|line| line.at.is_none()));
    }
}

fn pieces(mut bytes: &[u8]) -> Vec<(Stream, &[u8])> {
    let mut pieces = Vec::new();
    while let [stream, length, rest @ ..] = bytes {
        let stream = match stream % 3 {
            0 => Stream::Stdout,
            1 => Stream::Stderr,
            _ => Stream::Console,
        };
        let (piece, behind) = rest.split_at(usize::from(*length).min(rest.len()));
        pieces.push((stream, piece));
        bytes = behind;
    }
    pieces
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
