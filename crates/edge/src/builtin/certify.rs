//! What the control plane gives this edge for HTTPS.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::Shared;
use crate::certificates;
use crate::protocol::Issued;

impl Shared {
    /// Shows these certificates, keeps them, and answers an authority's questions so.
    pub(super) async fn certify(&self, issued: Vec<Issued>, challenges: BTreeMap<String, String>) {
        let answers = challenges.into_iter().map(|(token, answer)| (token, Arc::from(answer)));
        self.engine.answer(answers.collect());
        let dir = self.directory();
        let shown = self.certificates.clone();
        let taken = tokio::task::spawn_blocking(move || {
            let dir = dir.filter(|_| shown.take(&issued));
            dir.map_or(Ok(()), |dir| certificates::keep(&dir, &issued))
        });
        match taken.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "certificates are shown, and cannot be kept: after a start without the server they are missing");
            }
            Err(error) => tracing::error!(%error, "certificates were not taken"),
        }
    }

    /// The directory, while it is this process's.
    fn directory(&self) -> Option<PathBuf> {
        let keep = self.keep.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        keep.as_ref().map(|keep| keep.dir().to_owned())
    }
}
