//! `apply`.

use std::io::Read;
use std::path::Path;

use launcher_model::service::{self, ServiceSpec};
use launcher_server::api::views::{PutView, PutWord};
use reqwest::Method;
use serde_json::Value;

use super::Context;
use crate::cli::Failure;
use crate::cli::args::client::Apply;
use crate::cli::output::say;
use crate::cli::render::changes::changes;

pub(super) async fn apply((context, apply): (Context, Apply)) -> Result<(), Failure> {
    let (name, text) = read(&apply.file)?;
    let spec = service::read(&name, &text)?;
    let service = spec.service.name.clone();
    let (client, path) = (&context.client, ["services", service.as_str()]);
    let answer: Value = if apply.dry_run {
        client.change(Method::PUT, &path, &[("dry_run", "true")], Some(&spec)).await?
    } else {
        client.change_seen(&path, apply.seen, &spec).await?
    };
    if apply.listing.json {
        return context.out.json(&answer);
    }
    let view: PutView = context.understand(answer)?;
    context.out.text(&changes(service.as_str(), &view, apply.dry_run, &context.look))?;
    for unset in &view.unset_secrets {
        say(unset);
    }
    match (view.outcome, apply.dry_run) {
        (PutWord::Unchanged, _) => {}
        (_, true) => say(&match view.changed_at {
            None => "nothing was changed; run it without --dry-run to change this".to_owned(),
            Some(seen) => format!(
                "nothing was changed; run it with --seen {seen} instead of --dry-run to change exactly this"
            ),
        }),
        (PutWord::Created, false) => {
            say(&first_version(&context, &spec));
        }
        (PutWord::Changed, false) => {
            say(
                "what edges do with hostnames, paths and traffic counts from now on; versions that exist keep the other settings that they were launched with",
            );
        }
    }
    Ok(())
}

/// How a service that was created a moment ago gets its first version.
fn first_version(context: &Context, spec: &ServiceSpec) -> String {
    let service = &spec.service.name;
    if spec.service.build.is_none() {
        return format!("launch its first version: `launcher launch {service} --image REF`");
    }
    let url = context.client.url();
    format!(
        "make its first version: commit, and `git push {url}/git/{service}.git main`; or without git: `launcher build`"
    )
}

/// The file's name, as mistakes in it are told by, and its text.
fn read(file: &Path) -> Result<(String, String), Failure> {
    if file == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().lock().read_to_string(&mut text);
        read.map_err(Failure::io("read the service from standard input"))?;
        return Ok(("standard input".to_owned(), text));
    }
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|source| Failure::Io {
        doing: format!("read {name}"),
        source,
        hint: Some("name the service's file with -f FILE".to_owned()),
    })?;
    Ok((name, text))
}
