//! The first page of a large installation: how soon it is there, and how heavy it is.

use anyhow::Result;
use launcher_model::event::{EventKind, NewEvent};
use launcher_testkit::many;

use super::large::Large;
use super::scratch;
use crate::Settings;
use crate::report::{Better, Figure};
use crate::statistics::quantile;

/// Home with 200 services of 10 environments each, as a browser fetches it; between two looks something
/// happens each time, and a page that is open fetches the row of it.
pub(super) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let directory = scratch()?;
    let large = Large::start(directory.path()).await?;
    let (app, visitor) = (&large.app, &large.visitor);
    let (mut pages, mut rows) = (Vec::new(), Vec::new());
    for turn in 0..if settings.quick { 30 } else { 500 } {
        let service = many::name(turn * 7 % many::SERVICES);
        let event = NewEvent::new(EventKind::EnvironmentPinned, "something happened");
        app.store.record(&[event.service(&service)], app.now()).await?;
        pages.push(visitor.times("/").await?);
        rows.push(visitor.times(&format!("/live/home?only={service}")).await?);
    }
    for (what, times) in [("a page", &pages), ("a row", &rows)] {
        let [median, p99] = [0.5, 0.99].map(|share| quantile(times, share));
        eprintln!("  {what}: median {median:.1} ms, p99 {p99:.1} ms");
    }
    let weight = visitor.weight().await?;
    Ok(vec![
        Figure::new("home_p99", "ms", Better::Lower, quantile(&pages, 0.99)),
        Figure::new("home_weight", "KiB", Better::Lower, weight as f64 / 1024.0),
    ])
}
