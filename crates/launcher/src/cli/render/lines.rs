//! Events and log lines: one line each, as they come.

use console::Style;
use jiff::tz::TimeZone;
use launcher_model::event::{Event, EventKind};
use launcher_scheduler::{LogLine, LogStream};
use serde::Deserialize;

use super::Look;
use crate::cli::foreign::{harmless, printed};

/// A line of a container's log, as the API sends it.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct ContainerLine {
    /// The container's id.
    pub(in crate::cli) id: String,
    /// The beginning of it.
    pub(in crate::cli) short: String,
    /// The host that it ran on; empty where that is not known.
    pub(in crate::cli) host: String,
    /// The line.
    #[serde(flatten)]
    pub(in crate::cli) line: LogLine,
}

/// An event in a line, its time in a person's own zone.
pub(in crate::cli) fn event(event: &Event, zone: &TimeZone, look: &Look) -> String {
    let at = event.at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let at = look.paint(Style::new().dim(), &at);
    let service = event.service.as_ref().map(|service| format!("{service}: ")).unwrap_or_default();
    let service = look.paint(Style::new().bold(), &service);
    let text = match tone(event.kind) {
        Some(style) => look.paint(style, &event.text),
        None => event.text.clone(),
    };
    format!("{at}  {service}{text}\n")
}

fn tone(kind: EventKind) -> Option<Style> {
    use EventKind as K;
    match kind {
        K::EnvironmentFailed
        | K::EnvironmentTroubled
        | K::DeploymentAborted
        | K::EngineLost
        | K::EdgeLost => Some(Style::new().red()),
        K::ContainerLost | K::ContainerUnhealthy | K::MaintenanceOn => Some(Style::new().yellow()),
        K::EnvironmentReady | K::DeploymentLive => Some(Style::new().green()),
        _ => None,
    }
}

/// How a log is laid out: each container has its colour, for as long as it lasts and wherever it is shown.
#[derive(Debug)]
pub(in crate::cli) struct LogLook {
    look: Look,
    times: Option<TimeZone>,
    /// The host of the first line; once there is another one, each line names its own.
    host: Option<String>,
    hosts: bool,
}

impl LogLook {
    /// With the time of each line, or without.
    pub(in crate::cli) fn new(look: Look, times: bool) -> Self {
        Self { look, times: times.then(TimeZone::system), host: None, hosts: false }
    }

    /// Whether lines have to say where they come from.
    fn names_hosts(&mut self, host: &str) -> bool {
        let first = self.host.get_or_insert_with(|| host.to_owned());
        self.hosts |= *first != host;
        self.hosts
    }
}

/// Colours that are told from each other on light and on dark ground; red and yellow mean something.
const COLOURS: [fn(Style) -> Style; 5] =
    [Style::cyan, Style::green, Style::magenta, Style::blue, |style| style.cyan().bold()];

/// A container's own colour.
fn colour(id: &str) -> Style {
    let sum = id.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    COLOURS[sum % COLOURS.len()](Style::new())
}

/// A line of a log: `TIME CONTAINER | TEXT`, with `!` where it was printed to standard error.
pub(in crate::cli) fn log(line: &ContainerLine, log: &mut LogLook) -> String {
    let hosts = log.names_hosts(&line.host);
    let look = &log.look;
    let text = printed(&line.line.text, look.colour);
    let (mark, text) = match line.line.stream {
        LogStream::Stdout => ("|", text.into_owned()),
        LogStream::Stderr => ("!", look.paint(Style::new().yellow(), &text)),
    };
    let at = log.times.as_ref().zip(line.line.at).map(|(zone, at)| {
        let at = at.to_zoned_datetime(zone.clone());
        look.paint(Style::new().dim(), &format!("{} ", at.strftime("%Y-%m-%d %H:%M:%S.%3f")))
    });
    let mut name = harmless(&line.short).into_owned();
    if hosts && !line.host.is_empty() {
        name = format!("{name}@{}", harmless(&line.host));
    }
    let name = look.paint(colour(&line.id), &name);
    format!("{}{name} {mark} {text}\n", at.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, read};
    use super::*;

    #[test]
    fn events_are_told_in_a_line_each() {
        let events: Vec<Event> = read(include_str!("fixtures/events.json"));
        let lines: String = events.iter().map(|one| event(one, &TimeZone::UTC, &look())).collect();
        insta::assert_snapshot!(lines);
    }

    fn line(id: &str, host: &str, stream: &str, text: &str) -> ContainerLine {
        let line = serde_json::json!({
            "container": format!("shop-v2-{id}"), "id": id, "short": id, "slot": 1, "host": host,
            "at": "2026-11-24T11:00:00.0123Z", "stream": stream, "text": text,
        });
        serde_json::from_value(line).unwrap()
    }

    fn plain(times: bool) -> LogLook {
        LogLook { times: times.then_some(TimeZone::UTC), ..LogLook::new(look(), false) }
    }

    #[test]
    fn log_lines_say_when_and_where_they_were_printed() {
        let mut log_look = plain(true);
        let first = log(&line("0f3c", "alpha", "stdout", "up"), &mut log_look);
        assert_eq!(first, "2026-11-24 11:00:00.012 0f3c | up\n");
        let second = log(&line("77ab", "beta", "stderr", "down"), &mut log_look);
        assert_eq!(second, "2026-11-24 11:00:00.012 77ab@beta ! down\n");
        assert_eq!(log(&line("0f3c", "", "stdout", ""), &mut plain(false)), "0f3c | \n");
    }

    #[test]
    fn log_lines_colour_a_terminal_and_do_nothing_else_to_it() {
        let line = line("a", "", "stdout", "\u{1b}[32mup\u{1b}[2J\r");
        assert_eq!(log(&line, &mut plain(false)), "a | up\\x1b[2J\n");
        let mut coloured = plain(false);
        coloured.look.colour = true;
        let text = log(&line, &mut coloured);
        assert!(text.ends_with(" | \u{1b}[32mup\\x1b[2J\u{1b}[0m\n"), "{text:?}");
        assert!(text.starts_with("\u{1b}["), "{text:?}");
    }

    #[test]
    fn a_container_keeps_its_colour() {
        let of = |id: &str| format!("{:?}", colour(id));
        assert_eq!(of("0f3cba2e91d7"), of("0f3cba2e91d7"));
        let colours: std::collections::BTreeSet<String> =
            (0..100).map(|number| of(&format!("{number:x}"))).collect();
        assert_eq!(colours.len(), COLOURS.len());
    }
}
