//! That a service is closed to its users, or open again.

use launcher_model::ServiceName;
use launcher_server::api::views::{MaintainedView, MaintenanceSummary, MaintenanceView};

use super::Look;
use super::words::{ago, count};

/// What turning it on or off did.
pub(in crate::cli) fn changed(service: &ServiceName, view: &MaintainedView) -> String {
    let page = page(view.page_bytes);
    let mut text = match (&view.on, view.changed) {
        (Some(on), _) => {
            let already = if view.changed { "" } else { " already" };
            let again = on.retry_after;
            format!(
                "{service}: maintenance is on{already}; users get 503 with {page}, and are told to come again in {again}"
            )
        }
        (None, true) => format!("{service}: maintenance is off"),
        (None, false) => format!("{service}: maintenance is off already"),
    };
    let acknowledged = view.edges.iter().filter(|edge| edge.missing.is_none()).count() as u64;
    text.push_str(&match (view.edges.is_empty(), acknowledged) {
        (true, _) => "; no edge is connected: it counts from when one is\n".to_owned(),
        (false, edges) => format!("; {} acknowledged\n", count(edges, "edge")),
    });
    for edge in &view.edges {
        if let Some(why) = &edge.missing {
            text.push_str(&format!(
                "not acknowledged by {}: {why}; it serves as before until it has\n",
                edge.edge
            ));
        }
    }
    text
}

/// Whether it is on, and what users see then.
pub(in crate::cli) fn shown(service: &ServiceName, view: &MaintenanceView, look: &Look) -> String {
    let bytes = view.page.as_ref().map_or(0, String::len);
    match (&view.on, bytes) {
        (Some(on), _) => format!(
            "{service}: in maintenance {}; users get 503 with {}, and are told to come again in {}\n",
            since(on, look),
            page(bytes),
            on.retry_after
        ),
        (None, 0) => format!(
            "{service}: maintenance is off; `launcher maintenance {service} on --page FILE` shows users a page instead\n"
        ),
        (None, _) => format!(
            "{service}: maintenance is off; `launcher maintenance {service} on` shows users {} again\n",
            page(bytes)
        ),
    }
}

/// Since when a service is closed, by whom, and why.
pub(super) fn since(on: &MaintenanceSummary, look: &Look) -> String {
    let when = ago(on.since, look.now).trim_end_matches(" ago").to_owned();
    let when = if when == "now" { "since now".to_owned() } else { format!("for {when}") };
    let why = on.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    format!("{when}, by {}{why}", on.by)
}

fn page(bytes: usize) -> String {
    match bytes {
        0 => "a plain page".to_owned(),
        bytes => format!("your page of {}", count(bytes as u64, "byte")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, read};
    use super::*;

    fn shop() -> ServiceName {
        ServiceName::new("shop").unwrap()
    }

    #[test]
    fn turning_it_on_and_off_tells_what_users_get_and_which_edges_lag() {
        let mut view: MaintainedView = read(include_str!("fixtures/maintained.json"));
        let mut told = changed(&shop(), &view);
        (view.changed, view.page_bytes, view.edges) = (false, 0, Vec::new());
        told += &changed(&shop(), &view);
        view.on = None;
        told += &changed(&shop(), &view);
        insta::assert_snapshot!(told);
    }

    #[test]
    fn what_is_kept_is_told_in_a_sentence() {
        let view: MaintainedView = read(include_str!("fixtures/maintained.json"));
        let mut view = MaintenanceView { on: view.on, page: Some("<p>Back soon.</p>".into()) };
        let mut told = shown(&shop(), &view, &look());
        view.on = None;
        told += &shown(&shop(), &view, &look());
        view.page = None;
        told += &shown(&shop(), &view, &look());
        insta::assert_snapshot!(told);
    }
}
