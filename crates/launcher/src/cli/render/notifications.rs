//! Who is told what happens.

use comfy_table::Color;
use launcher_server::api::views::NotificationView;

use super::words::{ago, count, until};
use super::{Columns, Look, alarming, plain};

/// All targets, and under them why some cannot be told.
pub(in crate::cli) fn targets(targets: &[NotificationView], look: &Look) -> String {
    let header = ["TARGET", "KIND", "SERVICES", "EVENTS", "STATE", "TOLD", "WAITING", "GIVEN UP"];
    let mut columns = Columns::new(look, &header);
    for target in targets {
        let state = match target.failing_since {
            None => plain("told").fg(Color::Green),
            Some(_) => plain("failing").fg(Color::Red),
        };
        columns.row([
            plain(&target.name),
            plain(&target.kind),
            plain(target.services.join(", ")),
            plain(target.events.join(", ")),
            state,
            plain(target.told),
            plain(waiting(target.waiting)),
            alarming(plain(target.given_up), target.given_up > 0),
        ]);
    }
    targets.iter().fold(columns.text(), |text, target| text + &trouble(target, look))
}

/// What is counted goes up to a thousand.
fn waiting(events: u64) -> String {
    if events >= 1_000 { "1000 or more".to_owned() } else { events.to_string() }
}

fn trouble(target: &NotificationView, look: &Look) -> String {
    let Some(since) = target.failing_since else { return String::new() };
    let why = target.last_error.as_deref().unwrap_or("it is not known why");
    let failed = ago(since, look.now);
    let next = target.next_try.map(|at| format!(", tried again {}", until(at, look.now)));
    format!("{}: failing since {failed}: {why}{}\n", target.name, next.unwrap_or_default())
}

/// What `doctor` says of targets that fail; none when none does.
pub(in crate::cli) fn failing(targets: &[NotificationView], look: &Look) -> Option<String> {
    let failing = targets.iter().filter_map(|target| {
        let since = ago(target.failing_since?, look.now);
        let why = target.last_error.as_deref().unwrap_or("it is not known why");
        let waiting = count(target.waiting, "event");
        Some(format!("{} since {since}, {waiting} waiting ({why})", target.name))
    });
    let failing: Vec<_> = failing.collect();
    (!failing.is_empty()).then(|| failing.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, read};
    use super::*;

    #[test]
    fn targets_are_listed_with_what_is_wrong() {
        let all: Vec<NotificationView> = read(include_str!("fixtures/notifications.json"));
        insta::assert_snapshot!(targets(&all, &look()));
        assert_eq!(
            failing(&all, &look()).unwrap(),
            "team since 20 min ago, 3 events waiting (it answered 503: Service Unavailable)"
        );
        assert_eq!(failing(&all[..1], &look()), None);
    }
}
