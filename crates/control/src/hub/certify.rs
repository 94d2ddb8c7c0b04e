//! What the edges are given for HTTPS: certificates that were issued, and what they answer an authority.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use launcher_edge::protocol::{Issued, ToEdge};
use launcher_model::EdgeName;
use tokio::sync::watch;

use super::{Hub, State};

/// All that there is, and how often it has changed.
#[derive(Default)]
pub(super) struct Certified {
    /// Whether it is known what there is. Until then edges go on with what they have.
    known: bool,
    revision: u64,
    issued: Vec<Issued>,
    challenges: BTreeMap<String, String>,
}

impl State {
    /// What an edge is told, whole, as soon as it is known.
    pub(super) fn certify(&self) -> Option<ToEdge> {
        let Certified { known, revision, issued, challenges } = &self.certified;
        let told = || {
            let (issued, challenges) = (issued.clone(), challenges.clone());
            ToEdge::Certify { revision: *revision, issued, challenges }
        };
        known.then(told)
    }

    fn certify_all(&mut self) -> u64 {
        self.certified.revision += 1;
        if let Some(told) = self.certify() {
            for edge in self.edges.values() {
                // A closed outbox belongs to a session that is just ending.
                let _ = edge.outbox.send(told.clone());
            }
        }
        self.certified.revision
    }
}

impl Hub {
    /// Gives every edge these certificates, in the place of those before.
    pub fn certificates(&self, issued: Vec<Issued>) {
        let mut state = self.state();
        if !state.certified.known || state.certified.issued != issued {
            (state.certified.known, state.certified.issued) = (true, issued);
            state.certify_all();
        }
    }

    /// Has every edge answer an authority's questions with these, by their tokens. Returns what the edges
    /// [acknowledge](Self::certified).
    pub fn challenges(&self, challenges: BTreeMap<String, String>) -> u64 {
        let mut state = self.state();
        state.certified.challenges = challenges;
        state.certify_all()
    }

    /// Told whenever what an edge's files of certificates hold has changed.
    #[must_use]
    pub fn certificate_files(&self) -> watch::Receiver<()> {
        self.certificate_files.subscribe()
    }

    /// Waits until every edge that is connected now has acknowledged what it was told of certificates.
    /// Returns the edges, with the reason where one has not.
    pub async fn certified(
        &self,
        revision: u64,
        within: Duration,
    ) -> Vec<(EdgeName, Result<(), String>)> {
        let edges: Vec<EdgeName> = self.state().edges.keys().cloned().collect();
        let told = edges.into_iter().map(|edge| async move {
            let mut acknowledged = self.acknowledged.subscribe();
            let has = async {
                while !self.has_certified(&edge, revision) {
                    // It ends with the hub.
                    let _ = acknowledged.changed().await;
                }
            };
            let told = tokio::time::timeout(within, has).await.map_err(|_elapsed| {
                format!("it did not acknowledge within {} s", within.as_secs())
            });
            (edge, told)
        });
        join_all(told).await
    }

    fn has_certified(&self, edge: &EdgeName, revision: u64) -> bool {
        self.state().edges.get(edge).is_some_and(|edge| edge.certified >= revision)
    }
}
