//! What becomes of what edges say.

use launcher_edge::protocol::FromEdge;
use launcher_model::EdgeName;

use super::{EdgeStep, Hub, Notice};

impl Hub {
    pub(super) fn hear(&self, name: &EdgeName, session: u64, message: FromEdge) {
        if let FromEdge::Measured { at, samples } = message {
            if let Some(told) = self.on_measured.get() {
                told(name, at, samples);
            }
            return;
        }
        let mut state = self.state();
        let state = &mut *state;
        let Some(edge) = state.edges.get_mut(name).filter(|edge| edge.session == session) else {
            return;
        };
        match message {
            FromEdge::Applied { revisions } => edge.applies(revisions),
            FromEdge::Prepared { deployment, outcome } => {
                if let Some(answer) = edge.preparing.remove(&deployment) {
                    if outcome.is_ok() {
                        state.steps.go_on(deployment, name, EdgeStep::Prepared);
                    }
                    let _ = answer.send(outcome);
                }
            }
            FromEdge::Committed { deployment, outcome } => {
                if let Some((answer, service, revision)) = edge.committing.remove(&deployment) {
                    if outcome.is_ok() {
                        edge.applied.insert(service, revision);
                        state.steps.go_on(deployment, name, EdgeStep::Switched);
                    }
                    let _ = answer.send(outcome);
                }
            }
            FromEdge::Drained { deployment, outcome } => {
                state.steps.go_on(deployment, name, EdgeStep::Drained);
                let edge = name.clone();
                let _ = self.notices.send(Notice::Drained { edge, deployment, outcome });
            }
            FromEdge::Held { service, outcome } => {
                if let Some(answer) = edge.holding.remove(&service) {
                    let _ = answer.send(outcome);
                }
            }
            FromEdge::Released { service, outcome } => {
                if let Some(answer) = edge.releasing.remove(&service) {
                    let _ = answer.send(Ok(outcome));
                }
            }
            FromEdge::Rested { nonce, at_rest } => {
                if let Some(answer) = edge.ending.remove(&nonce) {
                    let _ = answer.send(Ok(at_rest));
                }
            }
            FromEdge::Looked { service, versions } => {
                let _ = self.notices.send(Notice::Looked { service, versions });
            }
            FromEdge::Wake { service, version } => {
                let _ = self.notices.send(Notice::Wake { service, version });
            }
            FromEdge::CertificateFiles { files } => {
                edge.view.certificate_files = files;
                self.certificate_files.send_replace(());
            }
            FromEdge::Certified { revision } => {
                edge.certified = revision;
                self.acknowledged.send_replace(());
            }
            FromEdge::Pong { nonce } => {
                if let Some((_, at)) = edge.asked.take_if(|(asked, _)| *asked == nonce) {
                    edge.view.lag = Some(at.elapsed());
                }
            }
            FromEdge::Hello { .. } | FromEdge::Join { .. } | FromEdge::Measured { .. } => {}
        }
    }
}
