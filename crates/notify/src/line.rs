//! What happened, in one line: who, what, how it went, and where to see more.

mod deployment;

use launcher_model::event::EventKind;

use crate::links::Links;
use crate::news::News;
use crate::rule::is_bad;
use crate::words::{harmless, shortened};

/// The longest line, in characters without its link: what is longer is read on the page.
const LONGEST: usize = 600;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What happened; no control characters.
    pub text: String,
    /// Where to see more.
    pub link: String,
    /// Something is broken.
    pub bad: bool,
}

impl Line {
    /// The line of an event.
    #[must_use]
    pub fn of(news: &News, links: &Links) -> Self {
        let event = &news.event;
        let text = match &news.deployment {
            Some(deployment) => deployment::told(event.kind, deployment),
            None => None,
        };
        let text = text.unwrap_or_else(|| plain(news));
        Self::new(&text, links.of(event), is_bad(event.kind))
    }

    /// A line that tells something else.
    pub(crate) fn new(text: &str, link: String, bad: bool) -> Self {
        let text = shortened(harmless(text).trim(), LONGEST).into_owned();
        Self { text, link, bad }
    }

    /// That there were more, which are not told one by one.
    pub(crate) fn folded(events: u64, links: &Links) -> Self {
        let event = if events == 1 { "event" } else { "events" };
        Self::new(&format!("… and {events} more {event}"), links.home(), false)
    }

    /// All of it, as plain text.
    #[must_use]
    pub fn plain(&self) -> String {
        format!("{} — {}", self.text, self.link)
    }
}

/// The event's own sentence, with whose it is and who did it where it does not say so.
fn plain(news: &News) -> String {
    let event = &news.event;
    if let (EventKind::VersionLaunched, Some(version)) = (event.kind, &news.version) {
        return launched(version);
    }
    let says = |word: &str| {
        let mut words = event.text.split(|c: char| c.is_whitespace() || ",:;".contains(c));
        words.any(|said| said == word)
    };
    let mut text = match &event.service {
        Some(service) if !says(service.as_str()) => match event.version {
            Some(version) if event.text.starts_with(&format!("{version} ")) => {
                format!("{service} {}", event.text)
            }
            _ => format!("{service}: {}", event.text),
        },
        _ => event.text.clone(),
    };
    if let Some(by) = event.by.as_deref().filter(|by| !says(by)) {
        text.push_str(&format!(", by {by}"));
    }
    text
}

fn launched(version: &launcher_model::version::Version) -> String {
    let (by, service, number) = (&version.created_by, &version.service, version.number);
    let mut text = format!("{by} launched {service} {number} from {}", version.image.requested);
    let commit = version.commit.as_deref().map(|commit| shortened(commit, 12));
    match (version.branch.as_deref(), commit) {
        (Some(branch), Some(commit)) => text.push_str(&format!(" ({branch}, {commit})")),
        (Some(one), None) => text.push_str(&format!(" ({one})")),
        (None, Some(one)) => text.push_str(&format!(" ({one})")),
        (None, None) => {}
    }
    text
}

#[cfg(test)]
mod tests;
