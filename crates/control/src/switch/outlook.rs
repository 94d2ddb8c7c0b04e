//! What a switch would do, for those who look before they press. Nothing is written down, and nothing is
//! promised: whoever asks for the switch is told again how things are then.

use launcher_model::plan::shares;
use launcher_model::route::{Deployment, DeploymentKind, Weights};
use launcher_model::{DeploymentId, EdgeName, Generation, ServiceName, VersionNumber};

use super::{DeployRequest, Target, freeze, must_serve, target};
use crate::slot::Slot;
use crate::{Control, Error, Inner, Result};

/// What a switch would do if it were asked for now.
#[derive(Debug, Clone)]
pub struct Outlook {
    /// The route's generation that it would begin from.
    pub generation: Generation,
    /// What it would be asked for as.
    pub kind: DeploymentKind,
    /// Shares before.
    pub from: Weights,
    /// Shares after.
    pub to: Weights,
    /// Versions whose containers would be started first, with how many.
    pub starts: Vec<(VersionNumber, u16)>,
    /// The edges that would be switched.
    pub edges: Vec<EdgeName>,
    /// The freeze that one would have to break, and say why.
    pub frozen: Option<FrozenNow>,
    /// What whoever asks would be told, a sentence each.
    pub warnings: Vec<String>,
    /// Why nothing would come of it.
    pub held: Option<Held>,
}

/// A freeze that is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenNow {
    /// The window, as it is written.
    pub window: String,
    /// When it is over, on the clock of the window's zone.
    pub until: String,
}

/// Why nothing would come of a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// What it would make live is live.
    LiveAlready,
    /// This deployment of the service is under way.
    Busy(DeploymentId),
    /// Something is not as it must be, in a sentence.
    Refused(String),
}

impl Control {
    /// What a switch would do if it were asked for now.
    ///
    /// # Errors
    /// When there is no such service or version, or the shares make no sense.
    pub async fn outlook(&self, service: &ServiceName, target: Target) -> Result<Outlook> {
        let inner = &self.inner;
        let slot = inner.slot(service).ok_or_else(|| Error::NoService(service.clone()))?;
        let route = inner.store.route(service).await?;
        let (to, kind) = target::choose(inner, service, &target, &route).await?;
        let edges = inner.hub.edges().into_iter().map(|edge| edge.name).collect::<Vec<_>>();
        let during =
            freeze::check(inner, &DeployRequest::new(service.clone(), target, ""), kind, &to).await;
        let (frozen, warnings) = match during {
            Ok(during) => (None, during.warnings),
            Err(Error::Frozen { window, until, .. }) => {
                (Some(FrozenNow { window, until }), Vec::new())
            }
            Err(error) => return Err(error),
        };
        let ready = Ready::of(inner, &slot, &route.weights, &to).await?;
        let held = if route.weights == to {
            Some(Held::LiveAlready)
        } else if let Some(busy) = busy(inner, service).await? {
            Some(Held::Busy(busy.id))
        } else if edges.is_empty() {
            let why = crate::hub::PrepareRefused::NoEdge;
            Some(Held::Refused(why.to_string()))
        } else {
            ready.refused.map(Held::Refused)
        };
        let (generation, from) = (route.generation, route.weights);
        let starts = ready.starts;
        Ok(Outlook { generation, kind, from, to, starts, edges, frozen, warnings, held })
    }
}

impl Outlook {
    /// The version that it is about.
    #[must_use]
    pub fn about(&self) -> Option<VersionNumber> {
        shares::gains_most(&self.from, &self.to)
    }
}

/// The deployment that others must wait for.
async fn busy(inner: &Inner, service: &ServiceName) -> Result<Option<Deployment>> {
    let unfinished = inner.store.unfinished_deployments().await?.into_iter();
    Ok(unfinished.into_iter().find(|one| one.service == *service && one.state.blocks_others()))
}

/// Whether what would be live can be.
#[derive(Default)]
struct Ready {
    starts: Vec<(VersionNumber, u16)>,
    refused: Option<String>,
}

impl Ready {
    async fn of(inner: &Inner, slot: &Slot, from: &Weights, to: &Weights) -> Result<Self> {
        let observed = slot.observed().unwrap_or_default();
        let mut ready = Self::default();
        for number in to.keys().copied() {
            let environment = inner.store.environment(&slot.name, number).await?;
            let environment =
                environment.ok_or_else(|| Error::NoVersion(slot.name.clone(), number))?;
            let serves = match target::must_start(&environment) {
                Ok(true) => {
                    ready.starts.push((number, environment.replicas));
                    continue;
                }
                Ok(false) if from.contains_key(&number) => Ok(()),
                Ok(false) => must_serve(inner, slot, number, &observed).await,
                Err(error) => Err(error),
            };
            match serves {
                Ok(()) => {}
                Err(Error::Refused(why)) => ready.refused = ready.refused.or(Some(why)),
                Err(error) => return Err(error),
            }
        }
        Ok(ready)
    }
}
