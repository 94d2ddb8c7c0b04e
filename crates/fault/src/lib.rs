//! Named points at which a test build can be told to die.
//!
//! The program is crash-only: it has no shutdown that matters, so it must survive a `kill -9` between
//! any two of its steps. A step that changes the outside world (a row, a file, a container, a message
//! to an edge) has a [`point`] before or after it:
//!
//! ```
//! launcher_fault::point("switch.committed");
//! ```
//!
//! In a normal build that is nothing at all. With the feature `armed`, two environment variables, read
//! once per process, tell the points what to do:
//!
//! - `LAUNCHER_FAULT_FILE` names a file. When it exists and holds `NAME` or `NAME:N`, the process
//!   deletes it and sends itself SIGKILL as it reaches that point for the first or the N-th time since
//!   the file was written. The file may appear while the program runs. As it is gone before the
//!   process is, the next start lives on: one file is one death.
//!   When it holds `pause NAME`, the process renames it to end in `.reached` as it reaches that point,
//!   and goes on when that file is gone: meanwhile a test can pull a cable.
//! - `LAUNCHER_FAULT_TRACE` names a file to which each process appends the name of every point that it
//!   reaches, once, one a line. A test runs its story with it, and then again once per name that it
//!   found, dying there; a point that is added later is covered without a list to keep.
//!
//! Names read `subject.what_has_just_happened`, are unique, and hold no colon and no white space.

#[cfg(feature = "armed")]
mod armed;

/// Dies here, in a test build that was told to; the [crate] says how.
#[cfg(feature = "armed")]
pub fn point(name: &'static str) {
    armed::reach(name);
}

/// Dies here, in a test build that was told to; the [crate] says how. In this build it is nothing.
#[cfg(not(feature = "armed"))]
#[inline(always)]
pub fn point(_name: &'static str) {}
