//! A graph, from what was measured to lines.

use jiff::tz::TimeZone;
use launcher_model::route::Deployment;
use launcher_model::{ServiceName, Span, VersionNumber};
use launcher_telemetry::graph::{self, Curve, Graph, Mark, Role, Style};
use launcher_telemetry::graphite::Names;
use launcher_telemetry::{HostQuery, Line, Measure, Query};

use super::numbers::Numbers;
use super::picture::{Picture, Theme};
use super::subject::{HostKind, Kind, Subject};
use crate::App;
use crate::http::problem::Problem;
use crate::measured::{Standing, at_least, deployments, exist, lines, must_know_host, time};

/// Of how long a graph is when nobody says.
const RANGE: Span = Span::secs(900);

/// Of no shorter time there is anything to see.
const LEAST_RANGE: Span = Span::secs(10);

/// Its size when nobody says, and what is taken, in pixels.
const SIZE: (u32, u32) = (600, 180);
const SIZES: std::ops::RangeInclusive<u32> = 80..=2400;

/// As many versions are shown that were live before.
const MOST_BEFORE: usize = 3;

/// Pixels that a step has at least.
const STEP: u32 = 3;

/// The letters of pictures that bring their own.
const FONT: &[u8] =
    include_bytes!("../../../../web/node_modules/dejavu-fonts-ttf/ttf/DejaVuSans.ttf");

pub(super) async fn svg(
    app: &App,
    subject: Subject<'_>,
    picture: &Picture,
) -> Result<String, Problem> {
    let style = style(picture)?;
    Ok(graph::svg(&compose(app, subject, picture, &style).await?, &style))
}

/// What the same picture is drawn from.
pub(super) async fn numbers(
    app: &App,
    subject: Subject<'_>,
    picture: &Picture,
) -> Result<Numbers, Problem> {
    let style = style(picture)?;
    compose(app, subject, picture, &style).await.map(Numbers::from)
}

/// In the place of a graph that cannot be drawn: why.
pub(super) fn told(subject: Subject<'_>, picture: &Picture, why: &str) -> Result<String, Problem> {
    Ok(graph::told(&subject.title(), why, &style(picture)?))
}

pub(super) async fn png(
    app: &App,
    subject: Subject<'_>,
    picture: &Picture,
) -> Result<Vec<u8>, Problem> {
    let style = style(picture)?;
    let graph = compose(app, subject, picture, &style).await?;
    // It takes some milliseconds of a processor.
    let drawn = tokio::task::spawn_blocking(move || graph::png(&graph, &style, FONT)).await;
    Ok(drawn.map_err(|error| Problem::later(format!("the graph was not drawn: {error}")))??)
}

/// Graphite's own picture of the same.
pub(super) async fn by_graphite(
    app: &App,
    subject: Subject<'_>,
    picture: &Picture,
) -> Result<Vec<u8>, Problem> {
    let Some((graphite, web)) = app.telemetry.graphite_to_ask() else {
        return Err(Problem::missing(
            "there is no Graphite that could draw this; [graphite] url in the server's configuration names it",
        ));
    };
    let style = style(picture)?;
    let (title, targets) = targets(app, subject, picture, &graphite.names).await?;
    let (from, until) = span(app, picture)?;
    let mut query = vec![
        ("from", from.to_string()),
        ("until", until.to_string()),
        ("title", title),
        ("width", style.width.to_string()),
        ("height", style.height.to_string()),
        ("tz", style.zone.iana_name().unwrap_or("UTC").to_owned()),
        ("lineMode", "connected".to_owned()),
        ("hideLegend", "false".to_owned()),
        ("yMin", "0".to_owned()),
    ];
    let colours = match style.theme {
        graph::Theme::Dark => ("1a1d1f", "ecebe7"),
        graph::Theme::Auto | graph::Theme::Light => ("ffffff", "1c1b19"),
    };
    query.push(("bgcolor", colours.0.to_owned()));
    query.push(("fgcolor", colours.1.to_owned()));
    let target = |(name, label)| ("target", format!("alias({name},'{label}')"));
    query.extend(targets.into_iter().map(target));
    Ok(web.picture(&query).await?)
}

/// What stands on a picture of Graphite's, and what it shows: names, and what each is called.
async fn targets(
    app: &App,
    subject: Subject<'_>,
    picture: &Picture,
    names: &Names,
) -> Result<(String, Vec<(String, String)>), Problem> {
    match subject {
        Subject::Service(service, kind) => {
            let standing = Standing::of(app, service).await?;
            let of = |version| {
                let name = move |measure: &Measure| {
                    (names.of(service, version, *measure), format!("{version} {measure}"))
                };
                kind.measures().iter().map(name)
            };
            let span = span(app, picture)?;
            let (versions, _) = shown(app, service, picture, &standing, span).await?;
            let targets = versions.into_iter().flat_map(of).collect();
            Ok((format!("{service}: {}", kind.title()), targets))
        }
        Subject::Host(host, kind) => {
            must_be_of_host(app, host, picture).await?;
            let targets = kind.curves().into_iter();
            let targets =
                targets.map(|of| (names.of_host(host, of.measure), of.measure.to_string()));
            Ok((subject.title(), targets.collect()))
        }
    }
}

/// The versions that were asked for, or those that people look at; and the deployments of that time.
async fn shown(
    app: &App,
    service: &ServiceName,
    picture: &Picture,
    standing: &Standing,
    span: (i64, i64),
) -> Result<(Vec<VersionNumber>, Vec<Deployment>), Problem> {
    exist(app, service, &picture.versions).await?;
    let deployments = deployments(app, service, span).await?;
    let named = !picture.versions.is_empty();
    let mut versions = if named { picture.versions.clone() } else { standing.both() };
    if picture.past.unwrap_or(!named) {
        versions.extend(before(&deployments, &versions));
    }
    Ok((versions, deployments))
}

/// What was live in the time of these deployments, beside the versions that are shown anyway: the newest few
/// of it.
fn before(deployments: &[Deployment], shown: &[VersionNumber]) -> Vec<VersionNumber> {
    let mut before: Vec<VersionNumber> = Vec::new();
    for version in deployments.iter().rev().flat_map(|one| one.from.keys().rev()) {
        if before.len() < MOST_BEFORE && !shown.contains(version) && !before.contains(version) {
            before.push(*version);
        }
    }
    before
}

fn span(app: &App, picture: &Picture) -> Result<(i64, i64), Problem> {
    let until = time(picture.until.as_deref().unwrap_or("now"), app.now().as_second())?;
    Ok((until.saturating_sub(range(picture)?), until))
}

/// Of how many seconds it is.
fn range(picture: &Picture) -> Result<i64, Problem> {
    at_least("range", picture.range.unwrap_or(RANGE), LEAST_RANGE)
}

/// So many seconds a number is of, so that each has some pixels.
fn step((from, until): (i64, i64), style: &Style) -> i64 {
    ((until - from) / i64::from(style.width / STEP)).max(1)
}

async fn compose(
    app: &App,
    subject: Subject<'_>,
    picture: &Picture,
    style: &Style,
) -> Result<Graph, Problem> {
    match subject {
        Subject::Service(service, kind) => of_service(app, service, kind, picture, style).await,
        Subject::Host(host, kind) => of_host(app, host, kind, picture, style).await,
    }
}

async fn of_host(
    app: &App,
    host: &str,
    kind: HostKind,
    picture: &Picture,
    style: &Style,
) -> Result<Graph, Problem> {
    must_be_of_host(app, host, picture).await?;
    let (from, until) = span(app, picture)?;
    let curves = kind.curves();
    let measures: Vec<Measure> = curves.iter().map(|curve| curve.measure).collect();
    let (unit, step) = (measures[0].unit(), Some(step((from, until), style)));
    let query = HostQuery { host: host.to_owned(), measures, from, until, step };
    let measured = app.telemetry.of_host(&query).await?;
    let curves = curves.into_iter().zip(measured.lines).map(|(of, line)| Curve {
        label: of.label.to_owned(),
        role: of.role,
        thin: of.thin,
        values: line.values,
    });
    Ok(Graph {
        title: Subject::Host(host, kind).title(),
        unit,
        from: measured.from,
        until: measured.until,
        step: measured.step,
        curves: curves.collect(),
        marks: Vec::new(),
    })
}

async fn must_be_of_host(app: &App, host: &str, picture: &Picture) -> Result<(), Problem> {
    if !picture.versions.is_empty() {
        return Err(Problem::invalid("a graph of a host has no versions; leave them out"));
    }
    must_know_host(app, host).await
}

async fn of_service(
    app: &App,
    service: &ServiceName,
    kind: Kind,
    picture: &Picture,
    style: &Style,
) -> Result<Graph, Problem> {
    let standing = Standing::of(app, service).await?;
    let (from, until) = span(app, picture)?;
    let (versions, marks) = shown(app, service, picture, &standing, (from, until)).await?;
    let query = Query {
        service: service.clone(),
        versions,
        measures: kind.measures().to_vec(),
        from,
        until,
        step: Some(step((from, until), style)),
    };
    let measured = lines(app, &query).await?;
    let (from, until) = (measured.from, measured.until);
    let marks = marks.iter().map(|one| {
        let versions: Vec<String> = one.to.keys().map(ToString::to_string).collect();
        Mark { at: one.created_at.as_second(), label: versions.join(" + ") }
    });
    let unit = kind.measures()[0].unit();
    let mut curves: Vec<Curve> =
        measured.lines.into_iter().map(|line| curve(line, kind, &standing)).collect();
    // What is live is on top of what is past, and what waits on top of both.
    curves.sort_by_key(|curve| match curve.role {
        Role::Other => 0,
        Role::Live => 1,
        Role::Beside => 2,
    });
    let title = kind.title().to_owned();
    let marks = marks.collect();
    Ok(Graph { title, unit, from, until, step: measured.step, curves, marks })
}

fn curve(line: Line, kind: Kind, standing: &Standing) -> Curve {
    let thin = kind.measures().last() != Some(&line.measure);
    let which = if thin { short(line.measure) } else { "" };
    Curve {
        label: format!("{}{which}", line.version),
        role: role(line.version, standing),
        thin,
        values: line.values,
    }
}

fn short(measure: Measure) -> &'static str {
    match measure {
        Measure::LatencyP50 => " median",
        _ => "",
    }
}

fn role(version: VersionNumber, standing: &Standing) -> Role {
    if standing.live.contains(&version) {
        Role::Live
    } else if standing.beside == Some(version) {
        Role::Beside
    } else {
        Role::Other
    }
}

/// Makes sure that a picture can be drawn so.
///
/// # Errors
/// When its size, its time zone or its time makes no sense.
pub(crate) fn check(picture: &Picture) -> Result<(), Problem> {
    range(picture)?;
    style(picture).map(drop)
}

fn style(picture: &Picture) -> Result<Style, Problem> {
    let (width, height) = (picture.width.unwrap_or(SIZE.0), picture.height.unwrap_or(SIZE.1));
    if !SIZES.contains(&width) || !SIZES.contains(&height) {
        let (least, most) = (SIZES.start(), SIZES.end());
        return Err(Problem::invalid(format!("a graph is {least} to {most} pixels wide and high")));
    }
    let zone = match &picture.zone {
        None => TimeZone::system(),
        Some(name) => TimeZone::get(name).map_err(|_| {
            let shown: String = name.chars().take(40).collect();
            Problem::invalid(format!(
                "{shown:?} is no time zone: write its name, such as Europe/Berlin"
            ))
        })?,
    };
    let theme = match picture.theme {
        Theme::Auto => graph::Theme::Auto,
        Theme::Light => graph::Theme::Light,
        Theme::Dark => graph::Theme::Dark,
    };
    Ok(Style { width, height, theme, zone })
}
