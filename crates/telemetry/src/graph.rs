//! Graphs as pictures.

mod png;
mod scale;
mod svg;
mod words;

use jiff::tz::TimeZone;

use crate::measure::Unit;

pub use png::{NoPicture, png};
pub use svg::{svg, told};
pub use words::in_words;

/// What a picture shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// What is measured, in a few words.
    pub title: String,
    /// In what it is counted.
    pub unit: Unit,
    /// The second at which the first step begins, since 1970.
    pub from: i64,
    /// The first second after the last step.
    pub until: i64,
    /// The length of a step, in seconds.
    pub step: i64,
    /// What is drawn; the last of them on top.
    pub curves: Vec<Curve>,
    /// What happened.
    pub marks: Vec<Mark>,
}

/// One line of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Whose numbers these are.
    pub label: String,
    /// How it is told from the others.
    pub role: Role,
    /// It is thin, as what accompanies another one of the same role.
    pub thin: bool,
    /// One number for each step; none where nothing was measured.
    pub values: Vec<Option<f64>>,
}

/// What an environment is to production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is live.
    Live,
    /// It waits beside.
    Beside,
    /// It is something else.
    Other,
}

/// Something that happened at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// When, in seconds since 1970.
    pub at: i64,
    /// What.
    pub label: String,
}

/// How a picture is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Style {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Its colours.
    pub theme: Theme,
    /// In which its times are.
    pub zone: TimeZone,
}

/// Colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// What whoever looks at it prefers.
    #[default]
    Auto,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}
