//! Which of its environment's places a task fills.
//!
//! Marathon numbers nothing. So an app's tasks are given places here: one that is seen for the first time
//! takes the lowest place that is free, in the order in which they were staged, and keeps it while it
//! lives. When the app has become smaller than a place's number, whoever holds that moves to the lowest
//! one that is free; but not in an app that another one has followed: there each place is one that is still
//! served until its follower runs.
//!
//! No rule could number tasks by what Marathon tells of them alone, so that a task keeps its number when
//! others come and go: it is remembered, and only here. After a restart they are numbered in the order of
//! their staging, which is the same as before where none was replaced. Nothing outlives a restart that
//! knows places by their numbers: routes name containers.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::wire::app::{App, Doing, Task, TaskFailure};

/// One that ran so long before it died counts as the first one that did.
const STEADY: SignedDuration = SignedDuration::from_secs(60);

/// What is remembered of the places of all apps.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<String, AppPlaces>);

#[derive(Debug, Default)]
struct AppPlaces {
    seats: BTreeMap<u16, Seat>,
    /// The last failure that was counted.
    failure: Option<String>,
}

/// One place of one app.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Seat {
    /// Who fills it.
    pub(super) task: Option<Task>,
    /// Who filled it before, and failed.
    pub(super) failed: Option<Failed>,
    /// How many filled it before.
    pub(super) replaced: u32,
    /// How many of those failed one soon after the other.
    pub(super) failures: u32,
    /// Since when its agent cannot be reached.
    pub(super) lost: Option<Timestamp>,
}

/// A task that failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failed {
    /// Its end, as Marathon tells it.
    pub(super) failure: TaskFailure,
    /// When it was started, if that was seen.
    pub(super) started: Option<Timestamp>,
}

impl Places {
    /// Gives each task of an app its place. What comes out is all places that are filled, and those up to
    /// the number of instances.
    pub(super) fn assign(&mut self, app: &App, now: Timestamp) -> BTreeMap<u16, Seat> {
        self.seat(app, now, true)
    }

    /// The same for an app that another one has followed: who is in it keeps its place to the end.
    pub(super) fn assign_followed(&mut self, app: &App, now: Timestamp) -> BTreeMap<u16, Seat> {
        self.seat(app, now, false)
    }

    fn seat(&mut self, app: &App, now: Timestamp, closes_up: bool) -> BTreeMap<u16, Seat> {
        let places = self.0.entry(app.id.clone()).or_default();
        let wanted = u16::try_from(app.instances).unwrap_or(u16::MAX);
        let left = places.empty(app);
        places.count_known_failure(app, &left);
        places.fill(app);
        places.count_unknown_failure(app, wanted);
        if closes_up {
            places.close_up(wanted);
        }
        places.notice_lost(now);
        places.seats.retain(|slot, seat| *slot <= wanted || seat.task.is_some());
        let mut all = places.seats.clone();
        for slot in 1..=wanted {
            all.entry(slot).or_default();
        }
        all
    }

    /// Forgets apps that are no more.
    pub(super) fn keep(&mut self, apps: &HashSet<&str>) {
        self.0.retain(|app, _| apps.contains(app.as_str()));
    }
}

impl AppPlaces {
    /// Renews what is known of tasks that are there, and empties the places of the others, which come out.
    fn empty(&mut self, app: &App) -> Vec<(u16, Task)> {
        let there: HashMap<_, _> = app
            .tasks
            .iter()
            .filter(|task| task.is_there())
            .map(|task| (task.id.as_str(), task))
            .collect();
        let mut left = Vec::new();
        for (slot, seat) in &mut self.seats {
            let Some(task) = seat.task.take() else { continue };
            match there.get(task.id.as_str()) {
                Some(task) => seat.task = Some((*task).clone()),
                None => {
                    seat.replaced += 1;
                    left.push((*slot, task));
                }
            }
        }
        left
    }

    /// Marathon tells an app's last failure: that of one that has just left its place.
    fn count_known_failure(&mut self, app: &App, left: &[(u16, Task)]) {
        let Some(failure) = self.news(app) else { return };
        let Some((slot, task)) = left.iter().find(|(_, task)| task.id == failure.task_id) else {
            return;
        };
        self.count(*slot, failure, task.started_at);
    }

    /// Or that of a task that was never seen: it was meant for the lowest place that is still empty.
    fn count_unknown_failure(&mut self, app: &App, wanted: u16) {
        let Some(failure) = self.news(app) else { return };
        let there = |seat: &Seat| seat.task.as_ref().is_some_and(|t| t.id == failure.task_id);
        // What failed before the app was last asked to run says nothing of now.
        let is_old = failure.timestamp.zip(app.version).is_some_and(|(at, version)| at < version);
        if is_old || self.seats.values().any(there) {
            return;
        }
        if let Some(slot) = self.lowest_empty().filter(|slot| *slot <= wanted) {
            self.seats.entry(slot).or_default().replaced += 1;
            self.count(slot, failure, None);
        }
    }

    /// A failure that was not counted yet.
    fn news<'a>(&self, app: &'a App) -> Option<&'a TaskFailure> {
        let last = app.last_task_failure.as_ref();
        last.filter(|failure| self.failure.as_ref() != Some(&failure.task_id))
    }

    fn count(&mut self, slot: u16, failure: &TaskFailure, started: Option<Timestamp>) {
        self.failure = Some(failure.task_id.clone());
        let ran = failure.timestamp.zip(started).map(|(end, start)| end.duration_since(start));
        let seat = self.seats.entry(slot).or_default();
        seat.failures = if ran.is_some_and(|ran| ran >= STEADY) { 1 } else { seat.failures + 1 };
        seat.failed = Some(Failed { failure: failure.clone(), started });
    }

    /// Seats those that have no place yet.
    fn fill(&mut self, app: &App) {
        let seated: HashSet<_> =
            self.seats.values().filter_map(|seat| Some(seat.task.as_ref()?.id.clone())).collect();
        let mut new: Vec<_> =
            app.tasks.iter().filter(|task| task.is_there() && !seated.contains(&task.id)).collect();
        new.sort_by(|a, b| {
            let order = |task: &Task| task.staged_at.unwrap_or(Timestamp::MAX);
            order(a).cmp(&order(b)).then_with(|| a.id.cmp(&b.id))
        });
        for task in new {
            let Some(slot) = self.lowest_empty() else { return };
            self.seats.entry(slot).or_default().task = Some(task.clone());
        }
    }

    /// Moves who holds a place that is no more to one that is empty, or to that of one whose agent cannot
    /// be reached: a replacement may be there before Marathon gives that one up.
    fn close_up(&mut self, wanted: u16) {
        let above: Vec<_> = self.seats.range(wanted.saturating_add(1)..).map(|(s, _)| *s).collect();
        for slot in above {
            let doing = self.seats.get(&slot).and_then(|seat| Some(seat.task.as_ref()?.doing()));
            if !matches!(doing, Some(Doing::Starting | Doing::Running)) {
                continue;
            }
            let lost = |slot: &u16| {
                let task = self.seats.get(slot).and_then(|seat| seat.task.as_ref());
                task.is_none_or(|task| task.doing() == Doing::Unreachable)
            };
            let Some(to) = (1..=wanted).find(lost) else { return };
            let (here, there) = (self.seats.remove(&slot), self.seats.remove(&to));
            self.seats.extend(here.map(|seat| (to, seat)));
            self.seats.extend(there.map(|seat| (slot, seat)));
        }
    }

    fn notice_lost(&mut self, now: Timestamp) {
        for seat in self.seats.values_mut() {
            let doing = seat.task.as_ref().map(Task::doing);
            seat.lost = (doing == Some(Doing::Unreachable)).then(|| seat.lost.unwrap_or(now));
        }
    }

    fn lowest_empty(&self) -> Option<u16> {
        (1..=u16::MAX).find(|slot| self.seats.get(slot).is_none_or(|seat| seat.task.is_none()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn app(instances: u32, tasks: &[(&str, i64, &str)]) -> App {
        let tasks = tasks.iter().map(|(id, staged, state)| Task {
            id: (*id).to_owned(),
            host: "a1".to_owned(),
            ports: vec![31000],
            slave_id: String::new(),
            state: Some((*state).to_owned()),
            staged_at: Timestamp::from_second(*staged).ok(),
            started_at: Timestamp::from_second(*staged + 1).ok(),
            health_check_results: Vec::new(),
        });
        App { id: "/a".to_owned(), instances, tasks: tasks.collect(), ..App::default() }
    }

    fn failing(mut app: App, task: &str, at: i64) -> App {
        app.last_task_failure = Some(TaskFailure {
            task_id: task.to_owned(),
            host: "a1".to_owned(),
            message: "Container exited with status 3".to_owned(),
            state: "TASK_FAILED".to_owned(),
            timestamp: Timestamp::from_second(at).ok(),
        });
        app
    }

    fn filled(seats: &BTreeMap<u16, Seat>) -> Vec<(u16, String)> {
        seats
            .iter()
            .filter_map(|(slot, seat)| Some((*slot, seat.task.as_ref()?.id.clone())))
            .collect()
    }

    fn pairs(pairs: &[(u16, &str)]) -> Vec<(u16, String)> {
        pairs.iter().map(|(slot, id)| (*slot, (*id).to_owned())).collect()
    }

    const RUNS: &str = "TASK_RUNNING";

    #[test]
    fn tasks_are_numbered_as_they_were_staged() {
        let tasks = [("c", 1, RUNS), ("b", 3, RUNS), ("a", 3, RUNS), ("d", 2, "TASK_FAILED")];
        let seats = Places::default().assign(&app(4, &tasks), Timestamp::UNIX_EPOCH);
        assert_eq!(filled(&seats), pairs(&[(1, "c"), (2, "a"), (3, "b")]));
        assert_eq!(seats.len(), 4, "the fourth place is empty, and there");
    }

    #[test]
    fn who_replaces_one_that_died_takes_its_place() {
        let mut places = Places::default();
        let now = Timestamp::UNIX_EPOCH;
        places.assign(&app(3, &[("a", 1, RUNS), ("b", 2, RUNS), ("c", 3, RUNS)]), now);
        let without = failing(app(3, &[("a", 1, RUNS), ("c", 3, RUNS)]), "b", 10);
        let seats = places.assign(&without, now);
        let seat = &seats[&2];
        assert_eq!((seat.replaced, seat.failures), (1, 1));
        assert_eq!(seat.failed.as_ref().unwrap().started, Timestamp::from_second(3).ok());

        let next = failing(app(3, &[("a", 1, RUNS), ("c", 3, RUNS), ("d", 11, RUNS)]), "b", 10);
        let seats = places.assign(&next, now);
        assert_eq!(filled(&seats), pairs(&[(1, "a"), (2, "d"), (3, "c")]));
        // It ran long, so that its end counts as the first.
        let seats = places.assign(&failing(without, "d", 100), now);
        assert_eq!((seats[&2].replaced, seats[&2].failures), (2, 1));
    }

    #[test]
    fn failures_that_were_too_fast_to_be_seen_are_counted() {
        let mut places = Places::default();
        let now = Timestamp::UNIX_EPOCH;
        for (index, task) in ["x", "y", "y", "z"].into_iter().enumerate() {
            let seats = places.assign(&failing(app(1, &[]), task, 10), now);
            let expected = [1, 2, 2, 3][index];
            assert_eq!((seats[&1].failures, seats[&1].replaced), (expected, expected));
        }
    }

    #[test]
    fn what_failed_before_the_app_was_last_asked_to_run_is_not_told() {
        let mut old = failing(app(1, &[]), "x", 10);
        old.version = Timestamp::from_second(20).ok();
        let seats = Places::default().assign(&old, Timestamp::UNIX_EPOCH);
        assert_eq!(seats[&1], Seat::default());
    }

    #[test]
    fn a_smaller_app_has_no_place_above_its_number() {
        let mut places = Places::default();
        let now = Timestamp::UNIX_EPOCH;
        places.assign(&app(3, &[("a", 1, RUNS), ("b", 2, RUNS), ("c", 3, RUNS)]), now);
        // The second died while the app became smaller.
        let seats = places.assign(&app(2, &[("a", 1, RUNS), ("c", 3, RUNS)]), now);
        assert_eq!(filled(&seats), pairs(&[(1, "a"), (2, "c")]));
        // One that is told to end stays where it is.
        let ending = app(1, &[("c", 3, "TASK_KILLING")]);
        assert_eq!(filled(&places.assign(&ending, now)), pairs(&[(2, "c")]));
    }

    #[test]
    fn who_is_in_an_app_that_is_followed_keeps_its_place() {
        let mut places = Places::default();
        let now = Timestamp::UNIX_EPOCH;
        places.assign(&app(3, &[("a", 1, RUNS), ("b", 2, RUNS), ("c", 3, RUNS)]), now);
        let without = app(2, &[("a", 1, RUNS), ("c", 3, RUNS)]);
        assert_eq!(filled(&places.assign_followed(&without, now)), pairs(&[(1, "a"), (3, "c")]));
        let alone = app(1, &[("c", 3, RUNS)]);
        assert_eq!(filled(&places.assign_followed(&alone, now)), pairs(&[(3, "c")]));
    }

    #[test]
    fn who_replaces_one_that_is_lost_has_its_place() {
        let mut places = Places::default();
        let now = Timestamp::UNIX_EPOCH;
        places.assign(&app(2, &[("a", 1, RUNS), ("b", 2, RUNS)]), now);
        let tasks = [("a", 1, "TASK_UNREACHABLE"), ("b", 2, RUNS), ("c", 3, RUNS)];
        let seats = places.assign(&app(2, &tasks), now);
        assert_eq!(filled(&seats), pairs(&[(1, "c"), (2, "b"), (3, "a")]));
        assert_eq!(seats[&3].lost, Some(now));
    }

    #[test]
    fn who_is_lost_is_lost_since_it_was_first_seen_so() {
        let mut places = Places::default();
        let lost = app(1, &[("a", 1, "TASK_UNREACHABLE")]);
        let first = Timestamp::from_second(100).unwrap();
        for at in [first, Timestamp::from_second(200).unwrap()] {
            assert_eq!(places.assign(&lost, at)[&1].lost, Some(first));
        }
        let seats = places.assign(&app(1, &[("a", 1, RUNS)]), first);
        assert_eq!(seats[&1].lost, None);
    }

    proptest! {
        /// While the number of instances stays, a task keeps its place as long as it lives, no two share
        /// one, and none is above the number unless there are more tasks than that.
        #[test]
        fn a_task_keeps_its_place_while_others_come_and_go(
            rounds in prop::collection::vec(prop::collection::btree_set(0..12_u8, 0..6), 1..20),
        ) {
            let mut places = Places::default();
            let mut before: HashMap<String, u16> = HashMap::new();
            for round in rounds {
                let ids: Vec<_> = round.iter().map(|n| format!("t{n}")).collect();
                let tasks: Vec<_> = ids.iter().map(|id| (id.as_str(), 1, RUNS)).collect();
                let seats = places.assign(&app(6, &tasks), Timestamp::UNIX_EPOCH);
                let now: HashMap<_, _> =
                    filled(&seats).into_iter().map(|(slot, id)| (id, slot)).collect();
                prop_assert_eq!(now.len(), ids.len());
                for (id, slot) in &now {
                    prop_assert!((1..=6).contains(slot));
                    prop_assert!(before.get(id).is_none_or(|was| was == slot));
                }
                before = now;
            }
        }
    }
}
