//! What to do next to an environment's apps.
//!
//! Marathon chooses which task it ends when an app becomes smaller. So no app is made smaller than what
//! runs of it: tasks that run are ended by name, and only those that are released.

use std::collections::BTreeSet;

use super::snapshot::Standing;
use super::wire::app::{Doing, Task};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Create an app that cannot be placed on the hosts to avoid.
    Create { attempt: u32 },
    /// Have so many instances of an app.
    Scale { app: String, instances: u32 },
    /// End these tasks, and have as many fewer instances.
    Kill { tasks: Vec<String> },
    /// Remove an app, none of whose tasks is needed.
    Delete { app: String },
}

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) replicas: u16,
    pub(super) avoid: &'a BTreeSet<String>,
    pub(super) released: &'a BTreeSet<String>,
}

/// Plans for an environment's apps, the first one first. At most one step for each: the next one is planned
/// with what came of it.
pub(super) fn plan(wanted: Wanted<'_>, apps: &[&Standing]) -> Vec<Step> {
    let Some((newest, older)) = apps.split_last() else {
        return vec![Step::Create { attempt: 1 }];
    };
    let mut steps: Vec<_> = older.iter().filter_map(|app| clear(wanted, app)).collect();
    if suits(wanted, newest) {
        steps.extend(size(wanted, newest));
    } else {
        let attempt = newest.identity.attempt.saturating_add(1);
        steps.push(Step::Create { attempt });
    }
    steps
}

/// Whether an app's containers may stay where they are, and new ones come only where they may.
fn suits(wanted: Wanted<'_>, app: &Standing) -> bool {
    if wanted.avoid.is_subset(&app.identity.avoid) {
        return true;
    }
    let there = tasks(app).filter(|task| task.doing() != Doing::Ending).count();
    let none_is_there = tasks(app).all(|task| !wanted.avoid.contains(&task.host));
    none_is_there && there >= usize::from(wanted.replicas)
}

fn tasks(app: &Standing) -> impl Iterator<Item = &Task> {
    app.app.tasks.iter().filter(|task| task.is_there())
}

/// An app that another one has followed: its tasks go as they are released, and it with the last.
fn clear(wanted: Wanted<'_>, app: &Standing) -> Option<Step> {
    let running: Vec<_> = tasks(app).filter(|task| task.doing() == Doing::Running).collect();
    let (released, kept): (Vec<_>, Vec<_>) =
        running.into_iter().partition(|task| wanted.released.contains(&task.id));
    if kept.is_empty() {
        return Some(Step::Delete { app: app.app.id.clone() });
    }
    let tasks: Vec<_> = released.into_iter().map(|task| task.id.clone()).collect();
    (!tasks.is_empty()).then_some(Step::Kill { tasks })
}

/// The right number of instances.
fn size(wanted: Wanted<'_>, app: &Standing) -> Option<Step> {
    let (has, shall) = (app.app.instances, u32::from(wanted.replicas));
    let scale = |instances| Step::Scale { app: app.app.id.clone(), instances };
    if has <= shall {
        return (has < shall).then(|| scale(shall));
    }
    let surplus = has - shall;
    let released: Vec<_> = app
        .seats
        .iter()
        .rev()
        .filter_map(|(_, seat)| seat.task.as_ref())
        .filter(|task| task.doing() == Doing::Running && wanted.released.contains(&task.id))
        .take(usize::try_from(surplus).unwrap_or(usize::MAX))
        .map(|task| task.id.clone())
        .collect();
    if !released.is_empty() {
        return Some(Step::Kill { tasks: released });
    }
    // What does not run carries nothing: of that, Marathon may choose.
    let running = tasks(app).filter(|task| task.doing() == Doing::Running).count();
    let least = u32::try_from(running).unwrap_or(u32::MAX).max(shall);
    (least < has).then(|| scale(least))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use launcher_model::{ServiceName, VersionNumber};
    use proptest::prelude::*;

    use super::*;
    use crate::marathon::names::Identity;
    use crate::marathon::places::Places;
    use crate::marathon::wire::app::App;

    fn standing(attempt: u32, instances: u32, avoid: &[&str], tasks: &[(&str, &str)]) -> Standing {
        let tasks = tasks.iter().enumerate().map(|(index, (id, host))| Task {
            id: (*id).to_owned(),
            host: (*host).to_owned(),
            ports: vec![31000],
            slave_id: String::new(),
            state: Some(if *host == "-" { "TASK_STAGING" } else { "TASK_RUNNING" }.to_owned()),
            staged_at: Timestamp::from_second(i64::try_from(index).unwrap()).ok(),
            started_at: None,
            health_check_results: Vec::new(),
        });
        let id = format!("/launcher-x/shop/v1-{attempt}");
        let app = App { id, instances, tasks: tasks.collect(), ..App::default() };
        let identity = Identity {
            service: ServiceName::new("shop").unwrap(),
            version: VersionNumber(1),
            attempt,
            port: 8080,
            avoid: avoid.iter().copied().map(str::to_owned).collect(),
        };
        let seats = Places::default().assign(&app, Timestamp::UNIX_EPOCH);
        Standing { identity, app, seats, is_delayed: false }
    }

    fn steps(replicas: u16, avoid: &[&str], released: &[&str], apps: &[Standing]) -> Vec<Step> {
        let set = |texts: &[&str]| texts.iter().copied().map(str::to_owned).collect();
        let (avoid, released): (BTreeSet<_>, BTreeSet<_>) = (set(avoid), set(released));
        let wanted = Wanted { replicas, avoid: &avoid, released: &released };
        plan(wanted, &apps.iter().collect::<Vec<_>>())
    }

    fn scale(attempt: u32, instances: u32) -> Step {
        Step::Scale { app: format!("/launcher-x/shop/v1-{attempt}"), instances }
    }

    fn kill(tasks: &[&str]) -> Step {
        Step::Kill { tasks: tasks.iter().copied().map(str::to_owned).collect() }
    }

    const TWO: [(&str, &str); 2] = [("a", "h1"), ("b", "h2")];

    #[test]
    fn what_is_missing_is_created_and_what_is_as_wanted_is_left_alone() {
        assert_eq!(steps(2, &[], &[], &[]), [Step::Create { attempt: 1 }]);
        assert_eq!(steps(2, &[], &[], &[standing(1, 2, &[], &TWO)]), []);
        assert_eq!(steps(2, &[], &[], &[standing(1, 2, &[], &[("a", "h1")])]), []);
        // One that was stopped has no instances.
        assert_eq!(steps(2, &[], &[], &[standing(1, 0, &[], &[])]), [scale(1, 2)]);
    }

    #[test]
    fn exactly_the_released_ones_are_ended() {
        let three = [("a", "h1"), ("b", "h2"), ("c", "h3")];
        let app = || [standing(1, 3, &[], &three)];
        assert_eq!(steps(2, &[], &[], &app()), []);
        assert_eq!(steps(2, &[], &["c"], &app()), [kill(&["c"])]);
        assert_eq!(steps(2, &[], &["b", "c"], &app()), [kill(&["c"])], "one is too many, not two");
        assert_eq!(steps(3, &[], &["c"], &app()), []);
    }

    #[test]
    fn places_that_nothing_runs_in_are_given_up_at_once() {
        let app = [standing(1, 5, &[], &[("a", "h1"), ("b", "h2"), ("c", "h3"), ("d", "-")])];
        assert_eq!(steps(2, &[], &[], &app), [scale(1, 3)]);
        assert_eq!(steps(4, &[], &[], &app), [scale(1, 4)]);
    }

    #[test]
    fn a_host_to_avoid_is_left_by_a_second_app() {
        let first = || standing(1, 2, &[], &TWO);
        assert_eq!(steps(2, &["h1"], &[], &[first()]), [Step::Create { attempt: 2 }]);
        assert_eq!(steps(2, &["h3"], &[], &[first()]), [], "nothing is there");
        let missing = standing(1, 2, &[], &[("b", "h2")]);
        assert_eq!(steps(2, &["h1"], &[], &[missing]), [Step::Create { attempt: 2 }]);

        let second = || standing(2, 2, &["h1"], &[("c", "h2"), ("d", "h3")]);
        assert_eq!(steps(2, &["h1"], &[], &[first(), second()]), []);
        assert_eq!(steps(2, &["h1"], &["a"], &[first(), second()]), [kill(&["a"])]);
        let gone = [Step::Delete { app: "/launcher-x/shop/v1-1".to_owned() }];
        assert_eq!(steps(2, &["h1"], &["a", "b"], &[first(), second()]), gone);
        assert_eq!(
            steps(2, &["h1"], &["b"], &[standing(1, 1, &[], &[("b", "h2")]), second()]),
            gone
        );
        // The host is used again: what has left it does not come back.
        assert_eq!(steps(2, &[], &[], &[second()]), []);
        // Another host is to be left, too.
        let third = [Step::Create { attempt: 3 }];
        assert_eq!(steps(2, &["h1", "h2"], &[], &[second()]), third);
    }

    /// Instances, hosts to avoid, tasks with their hosts.
    type Simulated = (u32, BTreeSet<String>, Vec<(String, String)>);

    proptest! {
        /// Carried out again and again, a plan ends, with what is wanted, and has ended no task that ran
        /// and was not released.
        #[test]
        fn plans_come_to_an_end_and_end_nothing_that_serves(
            before in 0..6_u32,
            replicas in 1..6_u16,
            avoid_first in any::<bool>(),
        ) {
            let avoid: BTreeSet<String> = if avoid_first { ["h0".to_owned()].into() } else { BTreeSet::new() };
            let mut apps: BTreeMap<u32, Simulated> = BTreeMap::new();
            if before > 0 {
                let tasks = (0..before).map(|n| (format!("t{n}"), format!("h{}", n % 2))).collect();
                apps.insert(1, (before, BTreeSet::new(), tasks));
            }
            let mut quiet = false;
            for round in 0..30 {
                let all: Vec<_> = apps.iter().map(|(attempt, (instances, avoid, tasks))| {
                    let avoid: Vec<_> = avoid.iter().map(String::as_str).collect();
                    let tasks: Vec<_> = tasks.iter().map(|(id, host)| (id.as_str(), host.as_str())).collect();
                    standing(*attempt, *instances, &avoid, &tasks)
                }).collect();
                // As the control plane does it: what is above the number, or has a newer one beside it.
                let newest = apps.keys().next_back().copied();
                let released: BTreeSet<String> = all.iter().flat_map(|app| {
                    let is_newest = Some(app.identity.attempt) == newest;
                    app.seats.iter()
                        .filter(move |(slot, _)| !is_newest || **slot > replicas)
                        .filter_map(|(_, seat)| Some(seat.task.as_ref()?.id.clone()))
                }).collect();
                let wanted = Wanted { replicas, avoid: &avoid, released: &released };
                let steps = plan(wanted, &all.iter().collect::<Vec<_>>());
                quiet = steps.is_empty();
                for step in steps {
                    match step {
                        Step::Create { attempt } => {
                            prop_assert!(!apps.contains_key(&attempt));
                            apps.insert(attempt, (replicas.into(), avoid.clone(), Vec::new()));
                        }
                        Step::Scale { app, instances } => {
                            let attempt: u32 = app.rsplit('-').next().unwrap().parse().unwrap();
                            let app = apps.get_mut(&attempt).unwrap();
                            prop_assert!(u32::try_from(app.2.len()).unwrap() <= instances);
                            app.0 = instances;
                        }
                        Step::Kill { tasks } => {
                            prop_assert!(tasks.iter().all(|task| released.contains(task)));
                            for app in apps.values_mut() {
                                let had = app.2.len();
                                app.2.retain(|(id, _)| !tasks.contains(id));
                                app.0 -= u32::try_from(had - app.2.len()).unwrap();
                            }
                        }
                        Step::Delete { app } => {
                            let attempt: u32 = app.rsplit('-').next().unwrap().parse().unwrap();
                            let app = apps.remove(&attempt).unwrap();
                            prop_assert!(app.2.iter().all(|(id, _)| released.contains(id)));
                        }
                    }
                }
                // Marathon starts what is missing.
                for (attempt, (instances, avoid, tasks)) in &mut apps {
                    while u32::try_from(tasks.len()).unwrap() < *instances {
                        let host = if avoid.contains("h0") { "h1" } else { "h2" };
                        tasks.push((format!("n{attempt}-{round}-{}", tasks.len()), host.to_owned()));
                    }
                }
                if quiet { break }
            }
            prop_assert!(quiet, "{apps:?}");
            prop_assert_eq!(apps.len(), 1);
            let (instances, _, tasks) = apps.values().next().unwrap();
            prop_assert_eq!((*instances, tasks.len()), (u32::from(replicas), usize::from(replicas)));
            prop_assert!(tasks.iter().all(|(_, host)| !avoid.contains(host)));
        }
    }
}
