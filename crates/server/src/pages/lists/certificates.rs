//! The certificates that are ordered from an authority: until when they count, and why one is missing.

use askama::Template;

use super::{List, Which};
use crate::App;
use crate::api::certificates;
use crate::api::views::{CertificateState, CertificateView};
use crate::http::problem::Problem;
use crate::pages::view::mark::Mark;
use crate::pages::visitor::Visitor;

#[derive(Template)]
#[template(path = "certificates_live.html")]
pub(super) struct Certificates {
    lines: Vec<CertificateLine>,
}

/// A certificate.
struct CertificateLine {
    service: String,
    mark: Mark,
    word: &'static str,
    names: String,
    until: String,
    renews: String,
    failure: Option<String>,
}

impl List for Certificates {
    const NAME: &'static str = "certificates";

    async fn of(app: &App, _: Which, _: &Visitor) -> Result<Self, Problem> {
        let lines = certificates::all(app).await?.into_iter().map(CertificateLine::new).collect();
        Ok(Self { lines })
    }

    fn mark(&self) -> Mark {
        self.lines.iter().map(|line| line.mark).min().map_or(Mark::Idle, |mark| mark)
    }

    fn title(&self) -> String {
        "Certificates".to_owned()
    }
}

impl CertificateLine {
    fn new(view: CertificateView) -> Self {
        let (mark, word) = match view.state {
            CertificateState::Valid => (Mark::Idle, "valid"),
            CertificateState::Failing => (Mark::Trouble, "valid, not renewed"),
            CertificateState::Expired => (Mark::Trouble, "has run out"),
            CertificateState::Missing => (Mark::Trouble, "missing"),
        };
        let day = |at: Option<jiff::Timestamp>| {
            at.map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
        };
        let failure = view
            .failure
            .map(|failure| format!("{} Tried again {}.", failure.why, day(Some(failure.again_at))));
        Self {
            service: view.service.to_string(),
            mark,
            word,
            names: view.names.join(", "),
            until: day(view.not_after),
            renews: day(view.renews_at),
            failure,
        }
    }
}
