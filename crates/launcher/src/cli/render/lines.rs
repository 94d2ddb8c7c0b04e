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
    /// The container's name.
    pub(in crate::cli) container: String,
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

/// A log line; `named` says which container it is of.
pub(in crate::cli) fn log(line: &ContainerLine, named: bool, look: &Look) -> String {
    let text = printed(&line.line.text, look.colour);
    let text = match line.line.stream {
        LogStream::Stdout => text.into_owned(),
        LogStream::Stderr => look.paint(Style::new().yellow(), &text),
    };
    if !named {
        return format!("{text}\n");
    }
    let name = look.paint(Style::new().cyan(), &harmless(&line.container));
    format!("{name} | {text}\n")
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

    #[test]
    fn log_lines_name_their_container_where_there_are_several() {
        let line: ContainerLine = read(
            r#"{"container": "shop-v2-1", "at": "2026-11-24T11:00:00Z", "stream": "stderr", "text": "up"}"#,
        );
        assert_eq!(log(&line, true, &look()), "shop-v2-1 | up\n");
        assert_eq!(log(&line, false, &look()), "up\n");
    }

    #[test]
    fn log_lines_colour_a_terminal_and_do_nothing_else_to_it() {
        let line: ContainerLine = read(
            r#"{"container": "a", "at": "2026-11-24T11:00:00Z", "stream": "stdout", "text": "\u001b[32mup\u001b[2J\r"}"#,
        );
        assert_eq!(log(&line, false, &look()), "up\\x1b[2J\n");
        let coloured = Look { colour: true, ..look() };
        assert_eq!(log(&line, false, &coloured), "\u{1b}[32mup\\x1b[2J\u{1b}[0m\n");
    }
}
