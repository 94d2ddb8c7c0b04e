//! What reads bytes that strangers send, and what must hold of it whatever they are.
//!
//! A [`Target`] is such a reader with its properties. `make fuzz` has libFuzzer look for bytes that break
//! them; the tests of this crate try mutations of the [seeds](Target::inputs), and everything that once
//! did. `docs/fuzzing.md` lists what is read where.

mod build;
mod edge;
mod engine;
mod fluent;
mod model;
mod notify;
mod pieces;
mod server;
mod telemetry;
mod upstream;

use std::io;
use std::path::PathBuf;

/// A reader, and what must hold of it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// By which it is chosen; its seeds are in a folder of that name.
    pub name: &'static str,
    /// Panics when something does not hold.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "access_log", run: telemetry::access_log },
    Target { name: "body_chunks", run: edge::body_chunks },
    Target { name: "codings", run: edge::codings },
    Target { name: "collector_answer", run: telemetry::collector_answer },
    Target { name: "container_log", run: engine::container_log },
    Target { name: "container_output", run: engine::container_output },
    Target { name: "cookies", run: edge::cookies },
    Target { name: "credentials", run: edge::credentials },
    Target { name: "dockerignore", run: engine::dockerignore },
    Target { name: "edge_messages", run: edge::messages },
    Target { name: "event_stream", run: edge::event_stream },
    Target { name: "fluent_frames", run: fluent::frames },
    Target { name: "fluent_handshake", run: fluent::handshake },
    Target { name: "forms", run: server::forms },
    Target { name: "git_packets", run: build::packets },
    Target { name: "git_push", run: build::push },
    Target { name: "graph_addresses", run: server::graph_addresses },
    Target { name: "graphite_answer", run: telemetry::graphite_answer },
    Target { name: "host", run: edge::host },
    Target { name: "irc", run: notify::irc },
    Target { name: "irc_message", run: notify::irc_message },
    Target { name: "jenkins", run: upstream::jenkins },
    Target { name: "launcher_toml", run: model::launcher_toml },
    Target { name: "nginx_log", run: edge::nginx_log },
    Target { name: "request_head", run: edge::request_head },
    Target { name: "request_path", run: model::request_path },
    Target { name: "response_head", run: edge::response_head },
    Target { name: "texts", run: model::texts },
    Target { name: "webhook", run: upstream::webhook },
    Target { name: "webhook_refusal", run: notify::webhook_refusal },
    Target { name: "websocket", run: edge::websocket },
];

impl Target {
    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TARGETS.iter().find(|target| target.name == name).copied()
    }

    /// Its seeds, and what once broke it, with the names of their files.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn inputs(&self) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut inputs = Vec::new();
        for kind in ["seeds", "regressions"] {
            let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
            let folder = root.join(kind).join(self.name);
            let Ok(files) = folder.read_dir() else { continue };
            for file in files {
                let path = file?.path();
                inputs.push((path.clone(), std::fs::read(path)?));
            }
        }
        inputs.sort();
        Ok(inputs)
    }
}
