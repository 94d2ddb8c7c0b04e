//! Why a place is empty, in one sentence that a person understands.

use super::places::Failed;
use super::wire::app::App;
use super::wire::queue::{Offers, Queued, Stage};

/// Why nothing runs in a place of `app`. None when Marathon does not say so.
pub(super) fn sentence(
    app: &App,
    queued: Option<&Queued>,
    failed: Option<&Failed>,
    failures: u32,
) -> Option<String> {
    let queued = queued?;
    let delay = &queued.delay;
    if !delay.overdue && delay.time_left_seconds > 0 {
        return Some(delayed(delay.time_left_seconds, failed, failures));
    }
    let Some(offers) = &queued.processed_offers_summary else {
        return Some("no host has offered what it needs yet".to_owned());
    };
    if offers.processed_offers_count == 0 {
        let why = "no host offers anything: are there agents, and may Marathon's role use them?";
        return Some(why.to_owned());
    }
    unused(app, offers)
}

fn delayed(seconds: u32, failed: Option<&Failed>, failures: u32) -> String {
    let times = match failures {
        0 | 1 => "it failed".to_owned(),
        many => format!("it failed {many} times"),
    };
    match failed.map(|failed| failed.failure.message.trim()).filter(|words| !words.is_empty()) {
        Some(words) => format!("starts again in {seconds} s after {times}: {words}"),
        None => format!("starts again in {seconds} s after {times}"),
    }
}

/// What the last offers lacked: the last stage of the funnel that declined any is how far the best of
/// them came.
fn unused(app: &App, offers: &Offers) -> Option<String> {
    let stages = &offers.reject_summary_last_offers;
    let looked_at = stages.iter().map(|stage| stage.processed).max().unwrap_or(0);
    let last = stages.iter().rev().find(|stage| stage.declined > 0)?;
    let what = what(&last.reason, app);
    let ruled_out: u32 = stages
        .iter()
        .take_while(|stage| stage.reason != last.reason)
        .filter(|stage| is_rule(&stage.reason))
        .map(|stage| stage.declined)
        .sum();
    Some(match ruled_out {
        0 => format!("{what} ({} looked at)", hosts(looked_at)),
        some => format!("{what} ({} looked at, {some} of them ruled out before)", hosts(looked_at)),
    })
}

fn hosts(number: u32) -> String {
    if number == 1 { "1 host".to_owned() } else { format!("{number} hosts") }
}

/// What a stage asks for that no size of a host would change.
fn is_rule(reason: &str) -> bool {
    matches!(
        reason,
        "UnfulfilledRole"
            | "UnfulfilledConstraint"
            | "NoCorrespondingReservationFound"
            | "AgentMaintenance"
    )
}

fn what(reason: &str, app: &App) -> String {
    match reason {
        "UnfulfilledRole" => "no host offers its resources to Marathon's role".to_owned(),
        "UnfulfilledConstraint" => {
            "no host is one that [placement] admits, or whose turn it is to have one more"
                .to_owned()
        }
        "NoCorrespondingReservationFound" => "no host has the reservation that it needs".to_owned(),
        "AgentMaintenance" => "every host that would do is in maintenance".to_owned(),
        "InsufficientCpus" if app.cpus == 1.0 => "no host has 1 CPU free".to_owned(),
        "InsufficientCpus" => format!("no host has {} CPUs free", app.cpus),
        "InsufficientMemory" => format!("no host has {} MiB of memory free", app.mem),
        "InsufficientDisk" => "no host has the disk space free that it needs".to_owned(),
        "InsufficientGpus" => "no host has the GPUs free that it needs".to_owned(),
        "InsufficientPorts" => "no host has a port free".to_owned(),
        "DeclinedScarceResources" => "hosts with GPUs are kept for what needs them".to_owned(),
        other => format!("Marathon declines every offer for the reason {other}"),
    }
}

/// How a task failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Its program ended with this status.
    Exited(i64),
    /// It could not be started; why.
    NotStarted(String),
}

/// What an agent says of a container that it could not make, of which other failures' words may be a part.
const NOT_STARTED: [&str; 4] = [
    "Failed to launch container",
    "Failed to run docker container",
    "Failed to start container",
    "Failed to fetch",
];

/// How a task failed, as far as its failure says so. Agents run `docker run`, which ends with a status of its
/// own when there is no program to run: that is believed of a container that nobody has seen run.
pub(super) fn end(message: &str, has_run: bool) -> Option<End> {
    let message = message.trim();
    if NOT_STARTED.iter().any(|beginning| message.starts_with(beginning)) {
        return Some(End::NotStarted(message.to_owned()));
    }
    let status = exit_status(message)?;
    let why = match status {
        125 => "the agent's Docker refused to run it",
        126 => "its command cannot be run",
        127 => "its command does not exist in the image",
        _ => return Some(End::Exited(status)),
    };
    if has_run {
        return Some(End::Exited(status));
    }
    Some(End::NotStarted(format!("{why} (`docker run` ended with {status})")))
}

/// The status that a task exited with, when its failure says one: `… exited with status 3`.
fn exit_status(message: &str) -> Option<i64> {
    let (_, rest) = message.rsplit_once("exited with status ")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// Whether a task was ended because it used more memory than it may.
pub(super) fn is_out_of_memory(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    ["memory limit exceeded", "out of memory", "oomkilled", "oom-killed"]
        .iter()
        .any(|sign| lower.contains(sign))
}

impl Stage {
    /// For tests.
    #[cfg(test)]
    fn of(reason: &str, declined: u32, processed: u32) -> Self {
        Self { reason: reason.to_owned(), declined, processed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marathon::wire::app::TaskFailure;
    use crate::marathon::wire::queue::Delay;

    fn app() -> App {
        App { cpus: 2.0, mem: 256.0, ..App::default() }
    }

    fn waiting(stages: Vec<Stage>) -> Queued {
        let offers = Offers { processed_offers_count: 7, reject_summary_last_offers: stages };
        let delay = Delay { time_left_seconds: 0, overdue: true };
        Queued { app: None, count: 1, delay, processed_offers_summary: Some(offers) }
    }

    fn told(stages: &[(&str, u32, u32)]) -> String {
        let stages = stages.iter().map(|(reason, d, p)| Stage::of(reason, *d, *p)).collect();
        sentence(&app(), Some(&waiting(stages)), None, 0).unwrap()
    }

    #[test]
    fn what_hosts_lack_is_said_in_words() {
        assert_eq!(
            told(&[("UnfulfilledRole", 0, 3), ("InsufficientCpus", 3, 3)]),
            "no host has 2 CPUs free (3 hosts looked at)"
        );
        assert_eq!(
            told(&[
                ("UnfulfilledConstraint", 2, 3),
                ("InsufficientCpus", 0, 1),
                ("InsufficientMemory", 1, 1)
            ]),
            "no host has 256 MiB of memory free (3 hosts looked at, 2 of them ruled out before)"
        );
        assert_eq!(
            told(&[("UnfulfilledConstraint", 1, 1), ("InsufficientCpus", 0, 0)]),
            "no host is one that [placement] admits, or whose turn it is to have one more (1 host looked at)"
        );
        assert_eq!(
            told(&[("SomethingNew", 1, 2)]),
            "Marathon declines every offer for the reason SomethingNew (2 hosts looked at)"
        );
        // All offers of the last round were taken by others.
        assert_eq!(sentence(&app(), Some(&waiting(Vec::new())), None, 0), None);
    }

    #[test]
    fn an_app_that_no_host_offers_anything_to_is_told() {
        let mut queued = waiting(Vec::new());
        queued.processed_offers_summary = Some(Offers::default());
        let told = sentence(&app(), Some(&queued), None, 0).unwrap();
        assert!(told.starts_with("no host offers anything"), "{told}");
        queued.processed_offers_summary = None;
        let told = sentence(&app(), Some(&queued), None, 0).unwrap();
        assert_eq!(told, "no host has offered what it needs yet");
    }

    #[test]
    fn what_failed_is_said_to_start_again() {
        let mut queued = waiting(Vec::new());
        queued.delay = Delay { time_left_seconds: 12, overdue: false };
        let failure = TaskFailure {
            task_id: "x".to_owned(),
            host: String::new(),
            message: "Failed to pull the image".to_owned(),
            state: "TASK_FAILED".to_owned(),
            timestamp: None,
        };
        let failed = Failed { failure, started: None };
        assert_eq!(
            sentence(&app(), Some(&queued), Some(&failed), 3).unwrap(),
            "starts again in 12 s after it failed 3 times: Failed to pull the image"
        );
        assert_eq!(
            sentence(&app(), Some(&queued), None, 1).unwrap(),
            "starts again in 12 s after it failed"
        );
    }

    #[test]
    fn the_status_is_read_from_the_words_of_a_failure() {
        for (message, status) in [
            ("Container exited with status 3", Some(3)),
            ("Command exited with status 137: killed", Some(137)),
            ("Command terminated with signal Killed", None),
            ("exited with status ", None),
        ] {
            assert_eq!(exit_status(message), status, "{message}");
        }
        assert_eq!(end("Container exited with status 3", false), Some(End::Exited(3)));
        assert_eq!(end("Container exited with status 127", true), Some(End::Exited(127)));
        for (message, words) in [
            ("Container exited with status 127", "does not exist in the image"),
            ("Failed to launch container: 'docker pull x': exited with status 1", "docker pull x"),
        ] {
            let Some(End::NotStarted(why)) = end(message, false) else { panic!("{message}") };
            assert!(why.contains(words), "{why}");
        }
        assert!(is_out_of_memory("Memory limit exceeded: Requested: 128MB"));
        assert!(!is_out_of_memory("Container exited with status 1"));
    }
}
