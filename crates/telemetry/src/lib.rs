//! What is measured: gathered, kept, looked up, drawn.
//!
//! Everything measured is a sample, from wherever it comes: edges tell each second what they have carried,
//! agents what containers and hosts use; [access logs](access) tell what edges would. [`Gathered`] puts together what several have told of the same
//! time; a [store](embedded) keeps that in steps that grow with its age, and answers with [`Line`]s of
//! numbers, whichever store it is.

pub mod access;
pub mod embedded;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzz;
mod gathered;
pub mod graph;
pub mod graphite;
mod key;
mod measure;
pub mod otlp;
mod query;
mod telemetry;

pub use error::{Error, Result};
pub use gathered::{Clock, Gathered, Glance, Rejected};
pub use key::{Key, Value};
pub use measure::{Measure, Unit, UnknownMeasure};
pub use query::{Answer, HostAnswer, HostLine, HostQuery, Line, Query};
pub use telemetry::{KeptIn, Telemetry};
