//! BuildKit, as engines have it built in.

mod cache;
mod progress;
mod session;
mod trace;

use std::collections::BTreeMap;
use std::sync::Arc;

use bollard::errors::Error as EngineError;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http_body_util::BodyExt;
use hyper::{Method, Request, header};
use launcher_model::image::Digest;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::sync::mpsc;

use self::progress::Progress;
use self::session::Session;
use super::super::connection::{Call, Connection};
use super::super::{Engine, ImageBuilder};
use super::watched::{Fault, Watched};
use super::{telling, wire};
use crate::{BuildOrder, Building, Context, Error, Result};

/// A line of an answer is no longer than this, in bytes.
const LONGEST: usize = 16 << 20;

/// BuildKit, ready for one build.
pub(super) struct BuildKit {
    connection: Arc<Connection>,
    call: Call,
    session: Session,
    cache: u64,
}

impl BuildKit {
    /// Opens a session. None when the engine has no BuildKit, or none is wanted.
    pub(super) async fn open(engine: &Engine, order: &BuildOrder) -> Result<Option<Self>> {
        if engine.builder == ImageBuilder::Classic {
            return Ok(None);
        }
        let call = engine.connection.call("building an image").await?;
        let session = Session::open(&engine.connection, &call, &order.logins).await;
        let found = session.map_err(|error| call.fail(error))?;
        if found.is_none() && engine.builder == ImageBuilder::BuildKit {
            return Err(Error::Unsupported {
                engine: "this Docker Engine",
                what: "build with BuildKit: let it build with `builder = \"auto\"` in [docker]",
            });
        }
        let connection = Arc::clone(&engine.connection);
        Ok(found.map(|session| Self { connection, call, session, cache: engine.cache }))
    }

    pub(super) fn build(
        self,
        engine: &Engine,
        order: &BuildOrder,
        context: Context,
    ) -> BoxStream<'static, Result<Building>> {
        let timeout = order.settings.timeout.duration();
        let path = self.path(engine, order);
        telling(|to| async move {
            let work = Box::pin(self.run(path, context, to));
            let in_time = tokio::time::timeout(timeout, work).await;
            tokio::spawn(self.trim());
            in_time.unwrap_or(Err(Error::BuildOverdue(timeout)))
        })
    }

    fn path(&self, engine: &Engine, order: &BuildOrder) -> String {
        let (settings, labels) = (&order.settings, engine.image_labels(order));
        let mut query = vec![
            ("version", "2".to_owned()),
            ("session", self.session.id.clone()),
            ("buildid", self.session.id.clone()),
            ("dockerfile", settings.dockerfile.clone()),
            ("t", engine.image_name(order)),
            ("buildargs", json(&settings.args)),
            ("labels", json(&labels.iter().collect())),
            ("rm", "1".to_owned()),
        ];
        query.extend(settings.target.clone().map(|target| ("target", target)));
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        let version = self.call.api.client_version();
        format!("/v{}.{}/build?{}", version.major_version, version.minor_version, query.join("&"))
    }

    /// Nobody waits for it: the next build does it again.
    async fn trim(self) {
        if let Err(error) = cache::trim(&self.connection, &self.call, self.cache).await {
            tracing::warn!(%error, "the engine's build cache is not trimmed");
        }
    }

    async fn run(
        &self,
        path: String,
        context: Context,
        to: mpsc::Sender<Result<Building>>,
    ) -> Result<Building> {
        let (context, fault) = Watched::new(context);
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, "docker")
            .header(header::CONTENT_TYPE, "application/x-tar")
            .body(wire::pieces(context.boxed()))
            .map_err(|error| self.call.fail(error.into()))?;
        let failed = |error| fault.or_else(|| self.call.fail(error));
        let answer = wire::send(&self.connection, request).await.map_err(failed)?;
        if !answer.response.status().is_success() {
            let refusal = wire::refusal(answer).await;
            return Err(fault.or_else(|| self.call.fail(refusal)));
        }
        self.listen(answer, &fault, &to).await
    }

    async fn listen(
        &self,
        mut answer: wire::Answer,
        fault: &Fault,
        to: &mpsc::Sender<Result<Building>>,
    ) -> Result<Building> {
        let (mut lines, mut progress, mut image) = (Lines::default(), Progress::default(), None);
        while let Some(frame) = answer.response.frame().await {
            let frame = frame.map_err(|error| fault.or_else(|| self.call.fail(error.into())))?;
            lines.add(&frame.into_data().unwrap_or_default());
            while let Some(line) = lines.next().map_err(|error| self.call.fail(error))? {
                match read(&line).map_err(|error| self.call.fail(error))? {
                    Told::Trace(trace) => {
                        for line in progress.take(&trace) {
                            let _ = to.send(Ok(Building::Line(line))).await;
                        }
                    }
                    Told::Image(id) => image = Some(id),
                    Told::Failed(why) => return Err(fault.or_else(|| progress.fail(&why))),
                    Told::Else => {}
                }
            }
        }
        match image {
            Some(image) => Ok(Building::Built { image }),
            None => {
                Err(fault.or_else(|| progress.fail("the engine ended its answer without an image")))
            }
        }
    }
}

fn json<K: serde::Serialize + Ord>(map: &BTreeMap<K, impl serde::Serialize>) -> String {
    serde_json::to_string(map).unwrap_or_default()
}

/// The answer, cut into lines of JSON.
#[derive(Default)]
struct Lines(BytesMut);

impl Lines {
    fn add(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(piece);
    }

    fn next(&mut self) -> std::result::Result<Option<Bytes>, EngineError> {
        loop {
            let Some(end) = self.0.iter().position(|byte| *byte == b'\n') else {
                if self.0.len() > LONGEST {
                    let why = "the engine's answer has no lines".to_owned();
                    return Err(EngineError::DockerStreamError { error: why });
                }
                return Ok(None);
            };
            let line = self.0.split_to(end + 1).freeze();
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }
}

/// What one line of the answer tells.
enum Told {
    Trace(trace::Status),
    Image(Digest),
    Failed(String),
    Else,
}

fn read(line: &[u8]) -> std::result::Result<Told, EngineError> {
    #[derive(Deserialize)]
    struct Line {
        id: Option<String>,
        aux: Option<serde_json::Value>,
        error: Option<String>,
    }
    #[derive(Deserialize)]
    struct Made {
        #[serde(rename = "ID")]
        id: String,
    }
    let line: Line = serde_json::from_slice(line).map_err(EngineError::from)?;
    if let Some(why) = line.error {
        return Ok(Told::Failed(why));
    }
    Ok(match (line.id.as_deref(), line.aux) {
        (Some("moby.buildkit.trace"), Some(serde_json::Value::String(text))) => {
            trace::read(&text).map_or(Told::Else, Told::Trace)
        }
        (Some("moby.image.id"), Some(made)) => {
            let made = serde_json::from_value(made).ok().map(|made: Made| Digest::new(made.id));
            made.and_then(std::result::Result::ok).map_or(Told::Else, Told::Image)
        }
        _ => Told::Else,
    })
}
