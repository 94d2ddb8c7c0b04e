//! The hosts: what they have, what of it is promised, and what runs on them.

use askama::Template;
use launcher_model::host::HostState;

use super::{List, Which};
use crate::App;
use crate::api::views::HostView;
use crate::http::problem::Problem;
use crate::pages::view::ago::Ago;
use crate::pages::view::mark::Mark;
use crate::pages::view::{bytes, escaped};
use crate::pages::visitor::Visitor;

#[derive(Template)]
#[template(path = "hosts_live.html")]
pub(super) struct Hosts {
    engine: String,
    lines: Vec<HostLine>,
    /// Why there are none to show.
    trouble: Option<String>,
}

/// A host.
pub(in crate::pages) struct HostLine {
    pub(in crate::pages) name: String,
    /// Its name as a part of an address.
    pub(in crate::pages) path: String,
    pub(in crate::pages) address: String,
    pub(in crate::pages) engine: String,
    pub(in crate::pages) mark: Mark,
    pub(in crate::pages) word: &'static str,
    /// That somebody has closed it.
    pub(in crate::pages) closed: Option<(String, Ago)>,
    pub(in crate::pages) cpus: String,
    pub(in crate::pages) memory: String,
    /// What runs on it: the service, its version, and how many.
    pub(in crate::pages) runs: Vec<(String, String, usize)>,
    pub(in crate::pages) owner: Option<String>,
}

impl List for Hosts {
    const NAME: &'static str = "hosts";

    async fn of(app: &App, _: Which, _: &Visitor) -> Result<Self, Problem> {
        let engine = app.control.engine().name.to_string();
        let (hosts, trouble) = match app.control.hosts().await {
            Ok(hosts) => (hosts, None),
            // What cannot be reached is no broken page.
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let lines = hosts.into_iter().map(|host| HostLine::new(HostView::new(host), app.now()));
        Ok(Self { engine, lines: lines.collect(), trouble })
    }

    fn mark(&self) -> Mark {
        if self.trouble.is_some() {
            return Mark::Trouble;
        }
        self.lines.iter().map(|line| line.mark).min().unwrap_or(Mark::Idle)
    }

    fn title(&self) -> String {
        "Hosts".to_owned()
    }
}

impl HostLine {
    pub(in crate::pages) fn new(view: HostView, now: jiff::Timestamp) -> Self {
        let (mark, word) = match view.state {
            // Green is what is live, and nothing else.
            HostState::Ready => (Mark::Idle, "ready"),
            HostState::Closed => (Mark::Closed, "closed"),
            HostState::Draining => (Mark::Moving, "draining"),
            HostState::Drained => (Mark::Closed, "drained"),
            HostState::Down => (Mark::Trouble, "down"),
        };
        let host = view.host;
        let used = f64::from(u32::try_from(host.promised.milli_cpus).unwrap_or(u32::MAX)) / 1e3;
        let runs = view.containers.into_iter();
        let runs = runs.map(|on| (on.service.to_string(), on.version.to_string(), on.running));
        Self {
            path: escaped(&host.name),
            name: host.name,
            address: host.address,
            engine: host.engine,
            mark,
            word,
            closed: view.closure.map(|closure| (closure.by, Ago::new(closure.since, now))),
            cpus: format!("{used} of {}", host.cpus),
            memory: format!("{} of {}", bytes(host.promised.memory), bytes(host.memory)),
            runs: runs.collect(),
            owner: view.notes.owner,
        }
    }
}
