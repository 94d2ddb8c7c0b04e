//! What BuildKit tells of a build, as its `control.proto` has it (moby.buildkit.v1, `StatusResponse`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message;

/// Changes since the message before.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(message, repeated, tag = "1")]
    pub(super) vertexes: Vec<Vertex>,
    #[prost(message, repeated, tag = "2")]
    pub(super) statuses: Vec<VertexStatus>,
    #[prost(message, repeated, tag = "3")]
    pub(super) logs: Vec<VertexLog>,
}

/// A step.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Vertex {
    #[prost(string, tag = "1")]
    pub(super) digest: String,
    #[prost(string, tag = "3")]
    pub(super) name: String,
    #[prost(bool, tag = "4")]
    pub(super) cached: bool,
    #[prost(message, optional, tag = "5")]
    pub(super) started: Option<Time>,
    #[prost(message, optional, tag = "6")]
    pub(super) completed: Option<Time>,
    #[prost(string, tag = "7")]
    pub(super) error: String,
}

/// A part of a step, such as a layer that is pulled.
#[derive(Clone, PartialEq, Message)]
pub(super) struct VertexStatus {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) vertex: String,
    #[prost(message, optional, tag = "8")]
    pub(super) completed: Option<Time>,
}

/// What a step prints.
#[derive(Clone, PartialEq, Message)]
pub(super) struct VertexLog {
    #[prost(string, tag = "1")]
    pub(super) vertex: String,
    #[prost(message, optional, tag = "2")]
    pub(super) at: Option<Time>,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) text: Vec<u8>,
}

/// A point in time (google.protobuf.Timestamp).
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Time {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

impl Time {
    /// Seconds since another time; none when this one is not later.
    pub(super) fn since(self, other: Self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a difference of some minutes")]
        let seconds = self.seconds.saturating_sub(other.seconds) as f64;
        (seconds + f64::from(self.nanos.saturating_sub(other.nanos)) / 1e9).max(0.0)
    }
}

/// Reads the base64 in which the engine packs a message; none when it is something else.
pub(super) fn read(text: &str) -> Option<Status> {
    Status::decode(STANDARD.decode(text).ok()?.as_slice()).ok()
}
