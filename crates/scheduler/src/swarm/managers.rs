//! The way to the Swarm: the managers in turn, of which any one that answers will do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::docker::connection::{Call, Connection};
use crate::{Error, Result};

/// How long a manager may take to answer. One that is cut off says nothing at all.
const ANSWER: Duration = Duration::from_secs(15);

/// The managers of one Swarm.
#[derive(Debug)]
pub(super) struct Managers {
    all: Vec<Arc<Connection>>,
    /// The one that answered last.
    current: AtomicUsize,
    calls: AtomicU64,
}

impl Managers {
    /// Nothing is opened yet.
    ///
    /// # Errors
    /// When there is none, or an address cannot be used.
    pub(super) fn new(hosts: Vec<String>) -> Result<Self> {
        if hosts.is_empty() {
            let why =
                "write the address of at least one manager, such as unix:///var/run/docker.sock";
            return Err(Error::Setting { what: "swarm.hosts", given: String::new(), why });
        }
        let all = hosts.into_iter().map(|host| Connection::new(host).map(Arc::new));
        Ok(Self {
            all: all.collect::<Result<_>>()?,
            current: AtomicUsize::new(0),
            calls: AtomicU64::new(0),
        })
    }

    /// The ways to each of them.
    pub(super) fn all(&self) -> &[Arc<Connection>] {
        &self.all
    }

    /// Which one is asked first.
    pub(super) fn current(&self) -> usize {
        self.current.load(Ordering::Relaxed)
    }

    /// How often a manager was asked something.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Does one thing with the manager that answered last, and with the others when that one cannot be
    /// reached. What is done must bear to be done twice.
    pub(super) async fn ask<T, F>(
        &self,
        doing: &'static str,
        work: impl Fn(Call) -> F + Send + Sync,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send,
    {
        let first = self.current();
        let mut told = Vec::new();
        for turn in 0..self.all.len() {
            let index = (first + turn) % self.all.len();
            let connection = &self.all[index];
            match self.ask_one(connection, doing, &work).await {
                Err(Error::Unreachable { engine, why, .. }) => {
                    told.push(format!("{engine}: {why}"));
                }
                outcome => {
                    self.current.store(index, Ordering::Relaxed);
                    return outcome;
                }
            }
        }
        let why = told.join("; ");
        Err(Error::Unreachable { engine: "the Swarm".to_owned(), doing, why })
    }

    async fn ask_one<T, F>(
        &self,
        connection: &Arc<Connection>,
        doing: &'static str,
        work: impl Fn(Call) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let call = connection.call(doing).await?;
        self.calls.fetch_add(1, Ordering::Relaxed);
        let silent = || Error::Unreachable {
            engine: format!("Docker at {}", connection.authority()),
            doing,
            why: "it does not answer in time".to_owned(),
        };
        let outcome =
            tokio::time::timeout(ANSWER, work(call)).await.unwrap_or_else(|_| Err(silent()));
        match outcome {
            Err(Error::Refused { why, .. }) if is_leaderless(&why) => Err(Error::Unreachable {
                engine: format!("Docker at {}", connection.authority()),
                doing,
                why,
            }),
            outcome => outcome,
        }
    }
}

/// Whether a manager's words tell that the managers have lost each other, which another one may have not, or
/// which may pass.
fn is_leaderless(words: &str) -> bool {
    ["does not have a leader", "context deadline exceeded", "code = Unavailable", "raft: stopped"]
        .iter()
        .any(|sign| words.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swarm_without_managers_is_refused() {
        assert!(matches!(Managers::new(Vec::new()), Err(Error::Setting { .. })));
        assert!(Managers::new(vec!["ssh://host".to_owned()]).is_err());
    }

    #[tokio::test]
    async fn all_managers_are_asked_before_the_swarm_is_lost() {
        let hosts = ["unix:///no/such/a", "unix:///no/such/b"].map(str::to_owned).to_vec();
        let managers = Managers::new(hosts).unwrap();
        let error = managers.ask("looking", async |_call| Ok(())).await.unwrap_err();
        let words = error.to_string();
        assert!(words.contains("/no/such/a") && words.contains("/no/such/b"), "{words}");
        assert_eq!(managers.calls(), 0, "nobody could be asked");
    }
}
