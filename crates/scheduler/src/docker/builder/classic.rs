//! The builder that every engine has had from the beginning.

use std::collections::HashMap;

use bollard::auth::DockerCredentials;
use bollard::models::BuildInfo;
use bollard::query_parameters::{BuildImageOptions, BuildImageOptionsBuilder};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use launcher_model::image::Digest;
use secrecy::ExposeSecret;
use tokio::sync::mpsc;

use super::super::Engine;
use super::super::connection::Call;
use super::report::Report;
use super::telling;
use super::text::Text;
use super::watched::Watched;
use crate::{BuildOrder, Building, Context, Error, RegistryLogin, Result};

/// The name under which Docker Hub's login is looked for.
const HUB: &str = "https://index.docker.io/v1/";

pub(super) async fn build(
    engine: &Engine,
    order: &BuildOrder,
    context: Context,
) -> Result<BoxStream<'static, Result<Building>>> {
    let timeout = order.settings.timeout.duration();
    // The head of the answer comes with the first line, which may wait for the whole of the files.
    let call = engine.connection.call("building an image").await?.patient(timeout);
    let options = options(engine, order);
    let logins = logins(&order.logins);
    Ok(telling(|to| async move {
        let work = Box::pin(run(call, options, logins, context, to));
        let in_time = tokio::time::timeout(timeout, work).await;
        in_time.unwrap_or(Err(Error::BuildOverdue(timeout)))
    }))
}

fn options(engine: &Engine, order: &BuildOrder) -> BuildImageOptions {
    let settings = &order.settings;
    let options = BuildImageOptionsBuilder::new()
        .dockerfile(&settings.dockerfile)
        .t(&engine.image_name(order))
        .labels(&engine.image_labels(order))
        .buildargs(&settings.args.clone().into_iter().collect())
        // Containers of steps go, also when a step fails.
        .rm(true)
        .forcerm(true);
    match &settings.target {
        Some(target) => options.target(target).build(),
        None => options.build(),
    }
}

fn logins(logins: &HashMap<String, RegistryLogin>) -> Option<HashMap<String, DockerCredentials>> {
    let known = logins.iter().map(|(registry, login)| {
        let registry = if registry == "docker.io" { HUB } else { registry };
        let credentials = DockerCredentials {
            username: Some(login.username.clone()),
            password: Some(login.password.expose_secret().to_owned()),
            serveraddress: Some(registry.to_owned()),
            ..DockerCredentials::default()
        };
        (registry.to_owned(), credentials)
    });
    Some(known.collect()).filter(|known: &HashMap<_, _>| !known.is_empty())
}

async fn run(
    call: Call,
    options: BuildImageOptions,
    logins: Option<HashMap<String, DockerCredentials>>,
    context: Context,
    to: mpsc::Sender<Result<Building>>,
) -> Result<Building> {
    let (context, fault) = Watched::new(context);
    let body = bollard::body_try_stream(context);
    let mut told = call.api.build_image(options, logins, Some(body));
    let mut output = Printed::default();
    while let Some(piece) = told.next().await {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => return Err(fault.or_else(|| output.fail(call.fail(error)))),
        };
        for line in output.take(piece) {
            let _ = to.send(Ok(Building::Line(line))).await;
        }
    }
    match output.image.take() {
        Some(image) => Ok(Building::Built { image }),
        None => Err(fault.or_else(|| output.fail(no_image()))),
    }
}

fn no_image() -> Error {
    let why = "the engine ended its answer without an image".to_owned();
    Error::Refused { doing: "building an image", why }
}

/// What the engine has printed.
#[derive(Default)]
struct Printed {
    text: Text,
    report: Report,
    image: Option<Digest>,
}

impl Printed {
    /// The lines that a piece of output completes.
    fn take(&mut self, piece: BuildInfo) -> Vec<String> {
        if let Some(id) = piece.aux.and_then(|aux| aux.id) {
            self.image = Digest::new(id).ok();
        }
        if let Some(status) = piece.status {
            return self.pulling(piece.id, status, piece.progress_detail.is_some());
        }
        let lines = self.text.add(piece.stream.as_deref().unwrap_or_default().as_bytes());
        for line in &lines {
            self.note(line);
        }
        lines.into_iter().filter(|line| !line.is_empty()).collect()
    }

    fn note(&mut self, line: &str) {
        match line.strip_prefix("Step ").and_then(|rest| rest.split_once(" : ")) {
            Some((_number, step)) => self.report.begin(step),
            // What the builder itself says of a step.
            None if line.starts_with(" --->") || line.starts_with("Removing intermediate") => {}
            None => self.report.line(line),
        }
    }

    /// A base image is pulled: a line for each part that is there, none for each percent.
    fn pulling(&mut self, part: Option<String>, status: String, counts: bool) -> Vec<String> {
        let steps = ["Waiting", "Pulling fs layer", "Verifying Checksum", "Download complete"];
        if (counts && status != "Pull complete") || steps.contains(&status.as_str()) {
            return Vec::new();
        }
        vec![match part {
            Some(part) => format!("{part}: {status}"),
            None => status,
        }]
    }

    fn fail(mut self, error: Error) -> Error {
        match error {
            Error::Refused { why, .. } => {
                if let Some(rest) = self.text.rest() {
                    self.note(&rest);
                }
                self.report.fail(&why)
            }
            other => other,
        }
    }
}
