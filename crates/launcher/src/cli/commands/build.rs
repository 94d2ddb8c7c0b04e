//! `build`: a working copy, without git.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use launcher_model::ServiceName;
use launcher_model::build::Build;
use launcher_server::api::views::VersionView;
use serde_json::Value;

use super::builds::{Told, follow, passed};
use super::{Context, number};
use crate::cli::Failure;
use crate::cli::args::client::SendIn;
use crate::cli::output::say;
use crate::cli::pack::{Folder, Packing};
use crate::cli::progress::Progress;
use crate::cli::quoted::quoted;
use crate::cli::working_copy::{SETTINGS, WorkingCopy};

pub(super) async fn build((context, what): (Context, SendIn)) -> Result<(), Failure> {
    let SendIn { service, from, branch, no_wait, listing } = what;
    let copy = WorkingCopy::read(&from, service.as_ref())?;
    // Asked first: whoever is refused in the middle of a long body does not always hear why.
    let known = context.client.get::<Value>(&["services", copy.service.as_str()]).await;
    known.map_err(|why| explained(why, &copy.service, &from))?;
    let value = send(&context, copy, branch.as_deref()).await?;
    let build: Build = context.understand(value.clone())?;
    let id = build.id;
    say(&format!("build {id} of {}; `launcher builds cancel {id}` ends it", build.service));
    if no_wait {
        say(&format!("`launcher builds log {id}` shows how far it is"));
        return if listing.json { context.out.json(&value) } else { Ok(()) };
    }
    follow(&context, id, Told::Said).await?;
    if listing.json {
        let last = context.client.get_as_it_is(&["builds", &id.to_string()]).await?;
        context.out.json(&last)?;
    }
    let built = passed(&context, id).await?;
    match built.version {
        Some(version) if !listing.json => {
            let path = ["services", built.service.as_str(), "versions", &number(version)];
            let view: VersionView = context.client.get(&path).await?;
            context.out.line(&format!("{version} {}", view.environment.preview_url))
        }
        _ => Ok(()),
    }
}

/// A service has to be there before it is built.
fn explained(why: Failure, service: &ServiceName, from: &Path) -> Failure {
    match why {
        Failure::Refused { status: 404, .. } => {
            let file = from.join(SETTINGS);
            let file = file.strip_prefix(".").unwrap_or(&file).display().to_string();
            let option =
                if file == SETTINGS { String::new() } else { format!(" -f {}", quoted(&file)) };
            Failure::Senseless(format!(
                "there is no service {service}; create it with `launcher apply{option}`, and build it again"
            ))
        }
        why => why,
    }
}

async fn send(
    context: &Context,
    copy: WorkingCopy,
    branch: Option<&str>,
) -> Result<Value, Failure> {
    let WorkingCopy { service, settings, context: folder } = copy;
    let mut parts = vec![("settings", settings.as_str())];
    parts.extend(branch.map(|branch| ("branch", branch)));
    let Sending { pieces, end, _shown } = Sending::begin(folder);
    let path = ["services", service.as_str(), "builds"];
    let sent = context.client.send(&path, &parts, pieces).await;
    let packed = end.await.map_err(|error| Failure::io("pack the folder")(error.into()))?;
    match (sent, packed) {
        // What could not be read is the reason, and not that the server was left waiting for it.
        (Err(Failure::NotSent { .. }), Err(why)) if !nobody_took_it(&why) => Err(why),
        (sent, _) => sent,
    }
}

fn nobody_took_it(why: &Failure) -> bool {
    matches!(why, Failure::Io { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe)
}

/// A folder that is being sent, and what is shown of it on a terminal.
struct Sending {
    pieces: futures_util::stream::BoxStream<'static, std::io::Result<bytes::Bytes>>,
    end: tokio::task::JoinHandle<Result<(), Failure>>,
    _shown: Arc<Progress>,
}

impl Sending {
    fn begin(folder: Folder) -> Self {
        let whole = rough(folder.length);
        let shown = Arc::new(Progress::begin(format!("sending {whole}")));
        let Packing { pieces, end } = folder.pack();
        let (sent, progress) = (AtomicU64::new(0), Arc::clone(&shown));
        let pieces = pieces.inspect(move |piece| {
            if let Ok(piece) = piece {
                let length = piece.len() as u64;
                let sent = sent.fetch_add(length, Ordering::Relaxed) + length;
                progress.show(format!("sending {} of {whole}", rough(sent)));
            }
        });
        Self { pieces: pieces.boxed(), end, _shown: shown }
    }
}

/// A number of bytes as people read it.
fn rough(bytes: u64) -> String {
    match bytes {
        0..=0xF_FFFF => format!("{} KiB", bytes >> 10),
        0x10_0000..=0x3FFF_FFFF => format!("{} MiB", bytes >> 20),
        _ => format!("{}.{} GiB", bytes >> 30, ((bytes >> 20) & 0x3FF) * 10 / 1024),
    }
}
