//! Certificates that an authority has issued.

use axum::Json as Answer;
use axum::extract::State;

use super::views::CertificateView;
use crate::App;
use crate::http::page::Page;
use crate::http::problem::Problem;

/// Lists the certificates that are ordered from the authority of `[acme]`, by service.
#[utoipa::path(get, path = "/certificates", tag = "infrastructure",
    responses((status = 200, body = Page<CertificateView>), (status = "4XX", body = Problem)))]
pub(super) async fn list(State(app): State<App>) -> Result<Answer<Page<CertificateView>>, Problem> {
    Ok(Answer(Page::whole(all(&app).await?)))
}

/// All that there are, by service.
pub(crate) async fn all(app: &App) -> Result<Vec<CertificateView>, Problem> {
    let records = app.store.certificates().await?.into_iter();
    Ok(records.map(|record| CertificateView::of(record, app.now())).collect())
}
