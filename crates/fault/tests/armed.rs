//! A process that is told to die does so where it was told, and once.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus};

const SIGKILL: i32 = 9;

/// What the child reaches: `first`, then `again` three times, then `last`, a line on disk after each.
fn story(progress: &Path) {
    let mut lines = String::new();
    for name in ["first", "again", "again", "again", "last"] {
        launcher_fault::point(name);
        lines.push_str(name);
        lines.push('\n');
        fs::write(progress, &lines).unwrap();
    }
}

/// Runs the story in a process of its own: this test binary, with the same test, and a variable that
/// makes the test be the child.
fn run_story(test: &str, dir: &Path) -> (ExitStatus, Vec<String>) {
    let progress = dir.join("progress");
    let _ = fs::remove_file(&progress);
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env("STORY_PROGRESS", &progress)
        .env("LAUNCHER_FAULT_FILE", dir.join("fault"))
        .env("LAUNCHER_FAULT_TRACE", dir.join("trace"))
        .output()
        .unwrap()
        .status;
    let lines = fs::read_to_string(&progress).unwrap_or_default();
    (status, lines.lines().map(str::to_owned).collect())
}

fn is_child() -> bool {
    let Some(progress) = std::env::var_os("STORY_PROGRESS") else { return false };
    story(Path::new(&progress));
    true
}

#[test]
fn dies_at_the_named_point_and_only_once() {
    if is_child() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("fault"), "last\n").unwrap();

    let (status, lines) = run_story("dies_at_the_named_point_and_only_once", dir.path());
    assert_eq!(status.signal(), Some(SIGKILL));
    assert_eq!(lines, ["first", "again", "again", "again"]);
    assert!(!dir.path().join("fault").exists());

    let (status, lines) = run_story("dies_at_the_named_point_and_only_once", dir.path());
    assert!(status.success());
    assert_eq!(lines.len(), 5);
}

#[test]
fn dies_the_nth_time() {
    if is_child() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("fault"), "again:3").unwrap();
    let (status, lines) = run_story("dies_the_nth_time", dir.path());
    assert_eq!(status.signal(), Some(SIGKILL));
    assert_eq!(lines, ["first", "again", "again"]);
}

#[test]
fn lives_when_the_order_is_for_another_point() {
    if is_child() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for order in ["", "las", "last.not", "last:", "again:4", "first:x"] {
        fs::write(dir.path().join("fault"), order).unwrap();
        let (status, lines) = run_story("lives_when_the_order_is_for_another_point", dir.path());
        assert!(status.success(), "died for the order {order:?}");
        assert_eq!(lines.len(), 5);
        assert!(dir.path().join("fault").exists());
    }
}

#[test]
fn the_trace_names_each_point_once() {
    if is_child() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (status, _) = run_story("the_trace_names_each_point_once", dir.path());
    assert!(status.success());
    let trace = fs::read_to_string(dir.path().join("trace")).unwrap();
    assert_eq!(trace, "first\nagain\nlast\n");
}
