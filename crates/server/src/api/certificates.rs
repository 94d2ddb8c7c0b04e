//! Certificates: those that an authority has issued, and those that edges read from files.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use launcher_model::ServiceName;
use launcher_model::event::{EventKind, NewEvent};

use super::views::CertificateView;
use crate::App;
use crate::auth::Principal;
use crate::http::extract::Path;
use crate::http::page::Page;
use crate::http::problem::Problem;

/// Lists the certificates that are ordered from the authority of `[acme]`, by service, and those that connected
/// edges read from files, by edge.
#[utoipa::path(get, path = "/certificates", tag = "infrastructure",
    responses((status = 200, body = Page<CertificateView>), (status = "4XX", body = Problem)))]
pub(super) async fn list(State(app): State<App>) -> Result<Answer<Page<CertificateView>>, Problem> {
    Ok(Answer(Page::whole(all(&app).await?)))
}

/// Has a service's certificate ordered anew, now, though it is not due. The one that there is stays until the other
/// is there. Answers at once; `asked_at` is gone from the list when there is an outcome.
#[utoipa::path(post, path = "/certificates/{service}/renew", tag = "infrastructure",
    params(("service" = String, Path)),
    responses((status = 202, body = CertificateView), (status = "4XX", body = Problem)))]
pub(super) async fn renew(
    State(app): State<App>,
    principal: Principal,
    Path(service): Path<ServiceName>,
) -> Result<(StatusCode, Answer<CertificateView>), Problem> {
    let view = asked(&app, &service, &principal.name).await?;
    Ok((StatusCode::ACCEPTED, Answer(view)))
}

/// All that there are, those of services first.
pub(crate) async fn all(app: &App) -> Result<Vec<CertificateView>, Problem> {
    let records = app.store.certificates().await?.into_iter();
    let ordered = records.map(|record| CertificateView::of(record, app.now()));
    let edges = app.control.hub().edges().into_iter();
    let in_files = edges.flat_map(|edge| {
        let files = edge.certificate_files.into_iter();
        files.map(move |file| CertificateView::in_file(&edge.name, file, app.now()))
    });
    Ok(ordered.chain(in_files).collect())
}

/// Asks for another certificate of a service.
///
/// # Errors
/// When none is ordered for it.
pub(crate) async fn asked(
    app: &App,
    service: &ServiceName,
    by: &str,
) -> Result<CertificateView, Problem> {
    if !app.settings.orders_certificates {
        return Err(Problem::refused(
            "no certificate is ordered: [acme] of the server's configuration says from which authority",
        ));
    }
    let text = format!("another certificate for {service} is asked for");
    let event = NewEvent::new(EventKind::CertificateAsked, text).service(service).by(by);
    let is_asked = app.store.ask_for_certificate(service, event, app.now()).await?;
    let view = all(app).await?.into_iter().find(|one| one.service.as_ref() == Some(service));
    view.filter(|_| is_asked).ok_or_else(|| {
        Problem::missing(format!(
            "no certificate is ordered for {service}; `launcher certificates` lists those that are"
        ))
    })
}
