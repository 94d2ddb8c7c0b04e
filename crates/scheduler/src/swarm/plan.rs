//! What to do to an environment's services, of which there may be several.
//!
//! The Swarm chooses by itself which of a service's containers it stops, when there are to be fewer or when a
//! host will do no more. So it is never asked to while they may carry requests: another service is made
//! beside the first, and that one goes when nothing is sent to its containers any more.

use std::collections::BTreeSet;

/// One of an environment's services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    /// The Swarm's id.
    pub(super) id: String,
    /// Counted from 1.
    pub(super) number: u32,
    pub(super) replicas: i64,
    pub(super) constraints: Vec<String>,
    /// Its tasks that have not ended.
    pub(super) tasks: Vec<Held>,
}

/// A task that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// What the container is known by.
    pub(super) container: String,
    /// Where it is, once it has a host that answers.
    pub(super) host: Option<String>,
    /// Whether its program runs.
    pub(super) runs: bool,
}

/// What is wanted of the environment.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) replicas: i64,
    pub(super) constraints: &'a [String],
    pub(super) avoid: &'a BTreeSet<String>,
    pub(super) released: &'a BTreeSet<String>,
}

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Make the service of this number.
    Create { number: u32 },
    /// Give a service the number of replicas and the constraints that are wanted.
    Adjust { id: String },
    /// Remove a service.
    Remove { id: String },
}

/// Plans one pass. Nothing is to be done when one service with the right number of containers is left, each
/// where it may be.
pub(super) fn plan(attempts: &[Attempt], wanted: &Wanted<'_>) -> Vec<Step> {
    let Some(newest) = attempts.iter().max_by_key(|attempt| attempt.number) else {
        return vec![Step::Create { number: 1 }];
    };
    let mut steps = Vec::new();
    let replaced = newest.must_be_replaced(wanted);
    if replaced {
        steps.push(Step::Create { number: newest.number.saturating_add(1) });
    } else if newest.replicas != wanted.replicas || newest.constraints != wanted.constraints {
        steps.push(Step::Adjust { id: newest.id.clone() });
    }
    let older = attempts.iter().filter(|attempt| replaced || attempt.number != newest.number);
    let over = older.filter(|attempt| attempt.is_released(wanted));
    steps.extend(over.map(|attempt| Step::Remove { id: attempt.id.clone() }));
    steps
}

impl Attempt {
    /// Whether the Swarm would have to end containers of it, and choose which.
    fn must_be_replaced(&self, wanted: &Wanted<'_>) -> bool {
        let running = self.tasks.iter().filter(|task| task.runs).count();
        // Of those that do not run it stops some before any that does.
        let too_many = wanted.replicas < self.replicas
            && i64::try_from(running).unwrap_or(i64::MAX) > wanted.replicas;
        let avoided =
            |task: &Held| task.host.as_ref().is_some_and(|host| wanted.avoid.contains(host));
        too_many || self.tasks.iter().any(avoided)
    }

    fn is_released(&self, wanted: &Wanted<'_>) -> bool {
        let running = self.tasks.iter().filter(|task| task.runs);
        running.into_iter().all(|task| wanted.released.contains(&task.container))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: u32, replicas: i64, hosts: &[&str]) -> Attempt {
        let held = |(index, host): (usize, &&str)| Held {
            container: format!("{number}.{index}"),
            host: Some((*host).to_owned()),
            runs: true,
        };
        Attempt {
            id: format!("s{number}"),
            number,
            replicas,
            constraints: Vec::new(),
            tasks: hosts.iter().enumerate().map(held).collect(),
        }
    }

    fn planned(
        attempts: &[Attempt],
        replicas: i64,
        avoid: &[&str],
        released: &[&str],
    ) -> Vec<Step> {
        let set = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<BTreeSet<_>>();
        let constraints: Vec<String> =
            avoid.iter().map(|host| format!("node.hostname!={host}")).collect();
        let (avoid, released) = (&set(avoid), &set(released));
        plan(attempts, &Wanted { replicas, constraints: &constraints, avoid, released })
    }

    fn adjust(id: &str) -> Step {
        Step::Adjust { id: id.to_owned() }
    }

    fn remove(id: &str) -> Step {
        Step::Remove { id: id.to_owned() }
    }

    #[test]
    fn what_is_as_wanted_is_left_alone() {
        assert_eq!(planned(&[attempt(1, 2, &["a", "b"])], 2, &[], &[]), []);
        assert_eq!(planned(&[], 2, &[], &[]), [Step::Create { number: 1 }]);
        assert_eq!(planned(&[attempt(1, 2, &["a", "b"])], 3, &[], &[]), [adjust("s1")]);
    }

    #[test]
    fn fewer_are_made_beside_and_the_first_go_when_all_are_released() {
        let five = attempt(1, 3, &["a", "b", "c"]);
        assert_eq!(planned(std::slice::from_ref(&five), 2, &[], &[]), [Step::Create { number: 2 }]);
        let both = [five, attempt(2, 2, &["a", "b"])];
        assert_eq!(planned(&both, 2, &[], &[]), []);
        assert_eq!(planned(&both, 2, &[], &["1.0", "1.1"]), []);
        assert_eq!(planned(&both, 2, &[], &["1.0", "1.1", "1.2"]), [remove("s1")]);
    }

    #[test]
    fn places_that_nothing_runs_in_are_given_up_at_once() {
        let mut waiting = attempt(1, 5, &["a", "b"]);
        waiting.tasks.push(Held { container: "w".to_owned(), host: None, runs: false });
        assert_eq!(planned(&[waiting], 2, &[], &[]), [adjust("s1")]);
        let broken = Attempt { tasks: Vec::new(), ..attempt(1, 5, &[]) };
        assert_eq!(planned(&[broken, attempt(2, 5, &["a"])], 5, &[], &[]), [remove("s1")]);
    }

    #[test]
    fn a_host_is_left_by_a_second_service_and_taken_again_in_place() {
        let on_b = attempt(1, 2, &["a", "b"]);
        assert_eq!(
            planned(std::slice::from_ref(&on_b), 2, &["b"], &[]),
            [Step::Create { number: 2 }]
        );
        // None of its containers is there: the Swarm only has to know.
        assert_eq!(planned(std::slice::from_ref(&on_b), 2, &["c"], &[]), [adjust("s1")]);
        let moved = Attempt {
            constraints: vec!["node.hostname!=b".to_owned()],
            ..attempt(2, 2, &["a", "c"])
        };
        assert_eq!(planned(std::slice::from_ref(&moved), 2, &["b"], &[]), []);
        assert_eq!(planned(&[moved], 2, &[], &[]), [adjust("s2")]);
    }
}
