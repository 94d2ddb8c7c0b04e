//! OTLP: an OpenTelemetry collector is told what is measured, and what was deployed, launched and built
//! (<https://opentelemetry.io/docs/specs/otlp/>, over HTTP, with Protocol Buffers).
//!
//! What is counted is told as differences, each number once: [`Metrics`]. What has happened is told as
//! [`Trace`]s that are made of what was written down of it, when it is over: [`Traces`].

mod answer;
mod collector;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod headers;
mod histogram;
mod metrics;
mod points;
mod queue;
mod sender;
mod spans;
mod traces;
mod words;

pub use collector::{Collector, CollectorError, CollectorOptions, Pace};
pub use headers::{Headers, InvalidHeader};
pub use histogram::Shape;
pub use metrics::Metrics;
pub use sender::Counts;
pub use spans::{Launch, Names, Trace};
pub use traces::Traces;
