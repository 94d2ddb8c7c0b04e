//! What was measured of a service's environments.

use axum::Json as Answer;
use axum::extract::State;
use launcher_model::{ServiceName, Span};
use launcher_telemetry::{Measure, Query as Asked};
use serde::Deserialize;
use utoipa::IntoParams;

use super::views::{GraphView, MarkView, MetricsView};
use crate::App;
use crate::graphs::{Kind, Picture, Subject, Theme, check};
use crate::http::extract::{Path, Query};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::measured::{Standing, deployments, exist, lines, measures, span, step, versions};

/// What is answered when nothing is said: what people look at before they press.
const USUAL: [Measure; 7] = [
    Measure::Requests,
    Measure::Requests5xx,
    Measure::LatencyP50,
    Measure::LatencyP90,
    Measure::LatencyP99,
    Measure::Cpu,
    Measure::Memory,
];

/// Which numbers.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MetricsQuery {
    /// Of which versions, such as `41,42`; of what is live and what waits beside it when nothing is said.
    versions: Option<String>,
    /// What of them, such as `requests,latency_p99`; what people look at before they deploy when nothing is
    /// said.
    measures: Option<String>,
    /// From when on: `-15m`, seconds since 1970, or a time of RFC 3339; the last 15 minutes when nothing is
    /// said.
    from: Option<String>,
    /// Until when, as `from`; now when nothing is said.
    until: Option<String>,
    /// What each number is of, such as `10s`; as long as gives some hundred numbers when nothing is said.
    /// Steps are longer where nothing finer is kept.
    #[param(value_type = Option<String>)]
    step: Option<Span>,
}

/// Shows what was measured of a service's environments, side by side.
#[utoipa::path(get, path = "/services/{service}/metrics", tag = "metrics",
    params(("service" = String, Path), MetricsQuery),
    responses((status = 200, body = MetricsView), (status = "4XX", body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Path(service): Path<ServiceName>,
    Query(query): Query<MetricsQuery>,
) -> Result<Answer<MetricsView>, Problem> {
    let standing = Standing::of(&app, &service).await?;
    let now = app.now().as_second();
    let (from, until) = span(query.from.as_deref(), query.until.as_deref(), now)?;
    let versions = match &query.versions {
        Some(text) => versions(text)?,
        None => standing.both(),
    };
    exist(&app, &service, &versions).await?;
    let measures = match &query.measures {
        Some(text) => measures(text, Measure::OF_VERSIONS)?,
        None => USUAL.to_vec(),
    };
    let step = query.step.map(step).transpose()?;
    let asked = Asked { service: service.clone(), versions, measures, from, until, step };
    let measured = lines(&app, &asked).await?;
    let marks = deployments(&app, &service, (from, until)).await?;
    let marks = marks.iter().map(MarkView::new).collect();
    Ok(Answer(MetricsView { measured, deployments: marks }))
}

/// Which graphs.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct GraphsQuery {
    /// Of which versions, such as `41,42`; of what is live and what waits beside it when nothing is said.
    versions: Option<String>,
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

/// Lists addresses of graphs, which need no token: for chat and for wikis. Whoever has one sees that
/// graph, as it is when they look, and nothing else.
#[utoipa::path(get, path = "/services/{service}/graphs", tag = "metrics",
    params(("service" = String, Path), GraphsQuery),
    responses((status = 200, body = Page<GraphView>), (status = "4XX", body = Problem)))]
pub(super) async fn graphs(
    State(app): State<App>,
    Path(service): Path<ServiceName>,
    Query(query): Query<GraphsQuery>,
) -> Result<Answer<Page<GraphView>>, Problem> {
    Standing::of(&app, &service).await?;
    let versions = match &query.versions {
        Some(text) => versions(text)?,
        None => Vec::new(),
    };
    exist(&app, &service, &versions).await?;
    let GraphsQuery { range, width, height, theme, zone, .. } = query;
    let picture = Picture { versions, range, width, height, theme, zone, ..Picture::default() };
    check(&picture)?;
    let graphs = Kind::ALL.map(|kind| {
        GraphView::signed(&app, kind.name(), Subject::Service(&service, kind), &picture)
    });
    Ok(Answer(Page::whole(graphs.to_vec())))
}
