//! `certificates`.

use std::time::Duration;

use launcher_server::api::views::CertificateView;
use reqwest::Method;

use super::{Context, NO_BODY};
use crate::cli::Failure;
use crate::cli::args::client::{Listing, RenewCertificate};
use crate::cli::client::RECONNECT;
use crate::cli::foreign::Shown;
use crate::cli::output::say;
use crate::cli::progress::Progress;
use crate::cli::render::certificates;

/// From one look at a certificate that is being ordered to the next: of an order that fails as the one before no
/// event tells.
const LOOK: Duration = Duration::from_millis(500);

pub(super) async fn list((context, listing): (Context, Listing)) -> Result<(), Failure> {
    let items = context.client.list(&["certificates"]).await?;
    let empty = "there is no certificate; `launcher up` and `launcher server` order them where their configuration has [acme], and [[certificates]] names those in files, see docs/tls.md";
    context.show(items, listing.json, empty, certificates::certificates)
}

pub(super) async fn renew((context, renew): (Context, RenewCertificate)) -> Result<(), Failure> {
    let service = renew.service.as_str();
    let path = ["certificates", service, "renew"];
    let asked: CertificateView = context.client.change(Method::POST, &path, &[], NO_BODY).await?;
    let progress = Progress::begin(format!("{service}: another certificate is being ordered"));
    let view = until_answered(&context, service).await?;
    drop(progress);
    if renew.json {
        context.out.json(&view)?;
    }
    let failed =
        view.failure.as_ref().filter(|failure| asked.asked_at.is_none_or(|at| failure.at >= at));
    match (failed, view.not_after) {
        (None, Some(until)) => {
            if !renew.json {
                say(&format!(
                    "{service}: there is another certificate, which counts until {until}"
                ));
            }
            Ok(())
        }
        (failed, _) => {
            let why = failed.map_or("the server does not say why", |failure| failure.why.as_str());
            Err(Failure::Senseless(format!(
                "{service}: there is no other certificate: {why}; correct that and renew it again, or wait until it is tried again"
            )))
        }
    }
}

/// Waits until nobody asks for a service's certificate any more; over a restart of the server.
async fn until_answered(context: &Context, service: &str) -> Result<CertificateView, Failure> {
    let (interval, mut left) = RECONNECT;
    loop {
        let pause = match context.client.list(&["certificates"]).await {
            Ok(all) => {
                let all = all.into_iter().filter_map(|one| serde_json::from_value(one).ok());
                let of_it = all.map(|Shown(one): Shown<CertificateView>| one);
                let found =
                    of_it.filter(|one| one.file.is_none()).find(|one| one.whose() == service);
                match found {
                    Some(view) if view.asked_at.is_none() => return Ok(view),
                    Some(_) => LOOK,
                    None => {
                        return Err(Failure::Senseless(format!(
                            "no certificate is ordered for {service} any more"
                        )));
                    }
                }
            }
            Err(failure) if failure.is_absence() && left > 0 => {
                left -= 1;
                interval
            }
            Err(failure) => return Err(failure),
        };
        tokio::time::sleep(pause).await;
    }
}
