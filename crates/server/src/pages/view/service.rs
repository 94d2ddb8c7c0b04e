//! A service as the blue-green picture that it is.

use std::collections::BTreeSet;

use jiff::Timestamp;
use launcher_control::PreviewLogins;
use launcher_model::plan::shares;
use launcher_model::role::{Role, Roles};
use launcher_model::route::{Deployment, DeploymentState};
use launcher_model::{DeploymentId, Generation, ServiceName, Span, VersionNumber};
use launcher_store::{DeploymentFilter, Page, Service};

use super::ago::Ago;
use super::branch::BranchLine;
use super::closed::Closed;
use super::compared::Compared;
use super::deployment::under_way;
use super::environment::Card;
use super::freeze::Freeze;
use super::installation::Installation;
use super::mark::Mark;
use super::press::Press;
use crate::App;
use crate::api::services;
use crate::http::problem::Problem;
use crate::measured::Standing;

/// How far back a version that was live before is looked for, in deployments.
const HISTORY: u32 = 50;

/// A service.
pub(crate) struct ServiceView {
    pub(crate) name: ServiceName,
    /// Its production hostnames, and where they are reached.
    pub(crate) hosts: Vec<(String, String)>,
    /// Paths under which other services answer.
    pub(crate) paths: Vec<(String, ServiceName)>,
    pub(crate) replicas: u16,
    /// How long what is in flight may run out after a switch.
    pub(crate) drain: Span,
    pub(crate) generation: Generation,
    pub(crate) live: Vec<Card>,
    /// The newest environment, when it is newer than what is live.
    pub(crate) beside: Option<Card>,
    pub(crate) compared: Option<Compared>,
    /// The others, newest first.
    pub(crate) kept: Vec<Card>,
    /// Branches that have an environment of their own.
    pub(crate) branches: Vec<BranchLine>,
    /// The version that had all traffic before, among those above.
    pub(crate) previous: Option<VersionNumber>,
    /// How far a deployment has come that others must wait for.
    pub(crate) under_way: Option<UnderWay>,
    /// Newest first.
    pub(crate) history: Vec<Deployment>,
    pub(crate) mark: Mark,
    /// It is closed to its users.
    pub(crate) closed: Option<Closed>,
    /// New requests wait, at most for so many seconds more.
    pub(crate) held: Option<u64>,
    /// Who may look at previews, if not everybody.
    pub(crate) logins: Option<PreviewLogins>,
    /// The freeze that is, or that comes soon.
    pub(crate) freeze: Option<Freeze>,
    /// What goes live by itself next, in a sentence.
    pub(crate) auto: Option<String>,
    /// Whoever looks may change it.
    pub(crate) may_deploy: bool,
}

/// A deployment that others must wait for.
pub(crate) struct UnderWay {
    pub(crate) id: DeploymentId,
    /// Of what, by whom, and how far it has come.
    pub(crate) told: String,
}

impl ServiceView {
    /// The one of this name, as somebody may see it.
    ///
    /// # Errors
    /// When there is none, or the store fails.
    pub(crate) async fn named(
        app: &App,
        name: &ServiceName,
        installation: &Installation,
        roles: &Roles,
    ) -> Result<Self, Problem> {
        let service = app.store.service(name).await?;
        let service =
            service.ok_or_else(|| Problem::missing(format!("There is no service {name}.")))?;
        Self::of(app, service, installation, roles).await
    }

    /// Reads and composes it.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn of(
        app: &App,
        service: Service,
        installation: &Installation,
        roles: &Roles,
    ) -> Result<Self, Problem> {
        let may_deploy = roles.include_on(Role::Deployer, &service.spec.service.name);
        let closed = service.maintenance.map(|on| Closed::new(on, installation.now));
        let logins = app.control.preview_logins(&service.spec);
        let freeze = Freeze::of(&service.spec.deploy, installation.now);
        let auto = services::auto(app, &service.spec).await?.map(|auto| auto.text);
        let drain = service.spec.traffic.drain;
        let held = app.control.hub().held(&service.spec.service.name);
        let basics = service.spec.service;
        let paths = service.spec.paths.into_iter().map(|(path, target)| (path, target.service));
        let name = basics.name;
        let page = Page { before: None, limit: HISTORY };
        let filter = DeploymentFilter { service: Some(name.clone()), among: None, page };
        let history = app.store.deployments(&filter).await?;
        let (route, environments) = app.control.environments(&name, false).await?;
        let was_live = was_live(&history);
        let branches = app.control.branches(&name).await?.into_iter();
        let branches = branches.map(|one| BranchLine::new(one, &app.settings, installation.now));
        let others = environments.iter().filter(|view| view.environment.branch.is_none());
        let newest = Standing::among(&route, &environments).beside;

        let (mut live, mut beside, mut kept) = (Vec::new(), None, Vec::new());
        let (mut live_version, mut beside_version) = (None, None);
        for view in others {
            let number = view.environment.version;
            let Some(version) = app.store.version(&name, number).await? else { continue };
            let back = was_live.contains(&number) && route.live().any(|live| number < live);
            let frozen = freeze.as_ref().filter(|freeze| freeze.now).map(|one| one.told.as_str());
            let press = Press::of(view, back, &history, frozen, installation);
            let press = press.filter(|_| may_deploy);
            let mut card = Card::new(view, &version, press, &app.settings, installation.now);
            card.may_act = may_deploy;
            card.back = back;
            // What has everything can give nothing away: the others take.
            card.may_share = card.press.is_some() && !route.weights.is_empty();
            if let Some(since) = live_since(&history, number) {
                card.since = Ago::new(since, installation.now);
            }
            if view.weight.is_some() {
                live.push(card);
                live_version.get_or_insert(version);
            } else if newest == Some(number) {
                beside = Some(card);
                beside_version = Some(version);
            } else {
                kept.push(card);
            }
        }
        let compared = live_version.zip(beside_version);
        let compared = compared.map(|(live, beside)| Compared::new(&live, &beside));
        let under_way = told_under_way(&history);
        let mark = match mark(&live, beside.as_ref(), under_way.is_some()) {
            Mark::Trouble => Mark::Trouble,
            _ if closed.is_some() => Mark::Closed,
            mark => mark,
        };
        Ok(Self {
            previous: shares::before(&history, &route.weights),
            hosts: basics.hosts.into_iter().map(|host| (app.settings.url(&host), host)).collect(),
            paths: paths.collect(),
            replicas: basics.replicas,
            drain,
            generation: route.generation,
            name,
            live,
            beside,
            compared,
            kept,
            branches: branches.collect(),
            under_way,
            history,
            mark,
            closed,
            held: held.map(|left| left.as_secs() + 1),
            logins,
            freeze,
            auto,
            may_deploy,
        })
    }

    /// The way back in one press: to the version that was live before.
    pub(crate) fn way_back(&self) -> Option<&Press> {
        let cards = self.live.iter().chain(&self.beside).chain(&self.kept);
        let card = cards.into_iter().find(|card| Some(card.version) == self.previous)?;
        card.press.as_ref().filter(|press| press.back)
    }

    /// The environment of a version, if it is one of those that are shown.
    pub(crate) fn card(&self, version: VersionNumber) -> Option<&Card> {
        let mut cards = self.live.iter().chain(&self.beside).chain(&self.kept);
        cards.find(|card| card.version == version)
    }

    /// Takes the environment of a version out of those that are shown beside each other.
    pub(crate) fn take_card(&mut self, version: VersionNumber) -> Option<Card> {
        for cards in [&mut self.live, &mut self.kept] {
            if let Some(at) = cards.iter().position(|card| card.version == version) {
                return Some(cards.remove(at));
            }
        }
        self.beside.take_if(|card| card.version == version)
    }

    /// Whether something is on its way that no event tells each step of.
    pub(crate) fn is_moving(&self) -> bool {
        let cards = self.live.iter().chain(&self.beside).chain(&self.kept);
        self.under_way.is_some()
            || self.held.is_some()
            || cards.into_iter().any(|card| card.mark == Mark::Moving)
    }

    /// What is live and what waits, for the page's title.
    pub(crate) fn title(&self) -> String {
        let live: Vec<String> = self.live.iter().map(|card| card.version.to_string()).collect();
        let live = if live.is_empty() {
            "nothing live".to_owned()
        } else {
            format!("{} live", live.join(" + "))
        };
        let beside = self.beside.as_ref().map(|card| format!(", {} {}", card.version, card.word));
        let closed = if self.closed.is_some() { "in maintenance, " } else { "" };
        format!("{}: {closed}{live}{}", self.name, beside.unwrap_or_default())
    }
}

/// Since when a version that is live is so, as far back as is looked.
fn live_since(history: &[Deployment], version: VersionNumber) -> Option<Timestamp> {
    let mut made = history.iter().filter(|one| one.state != DeploymentState::Aborted);
    let changed =
        |one: &&Deployment| one.to.contains_key(&version) != one.from.contains_key(&version);
    let newest = made.find(changed)?;
    newest.to.contains_key(&version).then_some(newest.created_at)
}

fn was_live(history: &[Deployment]) -> BTreeSet<VersionNumber> {
    let made = history.iter().filter(|one| one.state != DeploymentState::Aborted);
    made.flat_map(|one| one.from.keys().copied()).collect()
}

fn told_under_way(history: &[Deployment]) -> Option<UnderWay> {
    let busy = history.iter().find(|one| one.state.blocks_others())?;
    let to: Vec<String> = busy.to.keys().map(ToString::to_string).collect();
    let step = under_way(busy.state).unwrap_or_default();
    let told = format!("{} is on its way, by {}: {step}", to.join(" + "), busy.by);
    Some(UnderWay { id: busy.id, told })
}

fn mark(live: &[Card], beside: Option<&Card>, under_way: bool) -> Mark {
    let of = |mark| live.iter().chain(beside).any(|card| card.mark == mark);
    if of(Mark::Trouble) {
        Mark::Trouble
    } else if under_way || of(Mark::Moving) {
        Mark::Moving
    } else if of(Mark::Waiting) {
        Mark::Waiting
    } else if live.is_empty() {
        Mark::Idle
    } else {
        Mark::Live
    }
}
