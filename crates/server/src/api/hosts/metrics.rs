//! What was measured of a host.

use axum::Json as Answer;
use axum::extract::State;
use launcher_model::Span;
use launcher_telemetry::{HostAnswer, HostQuery as Asked, Measure};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::api::views::GraphView;
use crate::graphs::{HostKind, Picture, Subject, Theme, check};
use crate::http::extract::{Path, Query};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::measured::{measures, must_know_host, span, step};

/// Which numbers.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HostMetricsQuery {
    /// What of it, such as `cpu,memory`; all that is measured of hosts when nothing is said.
    measures: Option<String>,
    /// From when on: `-15m`, seconds since 1970, or a time of RFC 3339; the last 15 minutes when nothing is
    /// said.
    from: Option<String>,
    /// Until when, as `from`; now when nothing is said.
    until: Option<String>,
    /// What each number is of, such as `1m`; as long as gives some hundred numbers when nothing is said, and
    /// `10s` at least. Steps are longer where nothing finer is kept.
    #[param(value_type = Option<String>)]
    step: Option<Span>,
}

/// Shows what was measured of a host, by an agent on it or by the server.
#[utoipa::path(get, path = "/hosts/{host}/metrics", tag = "metrics",
    params(("host" = String, Path), HostMetricsQuery),
    responses((status = 200, body = HostAnswer), (status = "4XX", body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(host): Path<String>,
    Query(query): Query<HostMetricsQuery>,
) -> Result<Answer<HostAnswer>, Problem> {
    must_know_host(&app, &host).await?;
    let now = app.now().as_second();
    let (from, until) = span(query.from.as_deref(), query.until.as_deref(), now)?;
    let measures = match &query.measures {
        Some(text) => measures(text, Measure::OF_HOSTS)?,
        None => Measure::OF_HOSTS.to_vec(),
    };
    let step = query.step.map(step).transpose()?;
    let asked = Asked { host, measures, from, until, step };
    Ok(Answer(app.telemetry.of_host(&asked).await?))
}

/// Which graphs.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HostGraphsQuery {
    /// Of how long, such as `1h`, up to the moment when they are looked at.
    #[param(value_type = Option<String>)]
    range: Option<Span>,
    /// How wide, in pixels: 80 to 2400.
    width: Option<u32>,
    /// How high, in pixels: 80 to 2400.
    height: Option<u32>,
    /// `light`, `dark`, or `auto`: what whoever looks prefers, and light where it is a PNG.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    theme: Theme,
    /// The time zone of what stands under them, such as `Europe/Berlin`; the server's when nothing is said.
    zone: Option<String>,
}

/// Lists addresses of graphs of a host, which need no token: for chat and for wikis.
#[utoipa::path(get, path = "/hosts/{host}/graphs", tag = "metrics",
    params(("host" = String, Path), HostGraphsQuery),
    responses((status = 200, body = Page<GraphView>), (status = "4XX", body = Problem)))]
pub(crate) async fn graphs(
    State(app): State<App>,
    Path(host): Path<String>,
    Query(query): Query<HostGraphsQuery>,
) -> Result<Answer<Page<GraphView>>, Problem> {
    must_know_host(&app, &host).await?;
    let HostGraphsQuery { range, width, height, theme, zone } = query;
    let picture = Picture { range, width, height, theme, zone, ..Picture::default() };
    check(&picture)?;
    let graphs = HostKind::ALL
        .map(|kind| GraphView::signed(&app, kind.name(), Subject::Host(&host, kind), &picture));
    Ok(Answer(Page::whole(graphs.to_vec())))
}
