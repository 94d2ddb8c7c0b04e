//! What agents tell of their hosts.

use axum::Json as Answer;
use axum::extract::State;
use launcher_model::measure::{HostReports, ReportsTaken};

use crate::App;
use crate::http::extract::{Json, Path};
use crate::http::problem::Problem;

/// Takes in what a host and our containers on it have used, as `launcher agent` measures it. A report of a time
/// that the host has reported of before is not taken again.
#[utoipa::path(post, path = "/hosts/{host}/reports", tag = "infrastructure",
    params(("host" = String, Path)), request_body = HostReports,
    responses((status = 200, body = ReportsTaken), (status = "4XX", body = Problem)))]
pub(crate) async fn take(
    State(app): State<App>,
    Path(host): Path<String>,
    Json(reports): Json<HostReports>,
) -> Result<Answer<ReportsTaken>, Problem> {
    app.reports.must_know(&host, &app.control).await?;
    Ok(Answer(app.reports.take_all(&host, reports, app.now())?))
}
