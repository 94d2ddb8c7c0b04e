//! A service as the blue-green picture that it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use launcher_control::{Overview, PreviewLogins};
use launcher_model::plan::shares;
use launcher_model::role::{Role, Roles};
use launcher_model::route::{Deployment, DeploymentState};
use launcher_model::{DeploymentId, Generation, ServiceName, Span, VersionNumber};
use launcher_store::Service;

use super::ago::Ago;
use super::branch::BranchLine;
use super::closed::Closed;
use super::compared::Compared;
use super::deployment::under_way;
use super::environment::{Card, state_of};
use super::failing::Need;
use super::freeze::Freeze;
use super::installation::Installation;
use super::mark::Mark;
use super::press::Press;
use crate::App;
use crate::api::views::AutoView;
use crate::http::problem::Problem;
use crate::measured::Standing;

/// How much is composed of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What is live and what waits beside it.
    Short,
    /// All that is there.
    Whole,
}

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
    /// The others, newest first; none in [short](Extent::Short).
    pub(crate) kept: Vec<Card>,
    /// Those that branches have for themselves; none in [short](Extent::Short).
    pub(crate) of_branches: Vec<Card>,
    /// The way back in one press: to the version that was live before.
    pub(crate) way_back: Option<Press>,
    /// Something is on its way that no event tells each step of.
    pub(crate) moves: bool,
    /// Branches that have an environment of their own.
    pub(crate) branches: Vec<BranchLine>,
    /// How far a deployment has come that others must wait for.
    pub(crate) under_way: Option<UnderWay>,
    /// Newest first.
    pub(crate) history: Arc<Vec<Deployment>>,
    pub(crate) mark: Mark,
    /// What somebody is to know first of it, where that was asked for.
    pub(crate) need: Option<Need>,
    /// It will be gone, once nothing is in flight and all that it has is destroyed.
    pub(crate) deleting: Option<Deleting>,
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
    /// They may have it deleted.
    pub(crate) may_delete: bool,
}

/// That a service is being deleted.
pub(crate) struct Deleting {
    pub(crate) since: Ago,
    pub(crate) by: String,
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
        let overview = app.control.overview(&service).await?;
        Self::of(app, service, overview, Extent::Whole, installation, roles).await
    }

    /// All that somebody may see, in short, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn all(
        app: &App,
        installation: &Installation,
        roles: &Roles,
    ) -> Result<Vec<Self>, Problem> {
        let mut services = app.store.services().await?;
        services.retain(|service| roles.see(&service.spec.service.name));
        let overviews = app.control.overviews(&services).await?;
        let mut views = Vec::with_capacity(services.len());
        for (service, overview) in services.into_iter().zip(overviews) {
            views.push(Self::of(app, service, overview, Extent::Short, installation, roles).await?);
        }
        Ok(views)
    }

    /// One of those.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn short(
        app: &App,
        service: Service,
        installation: &Installation,
        roles: &Roles,
    ) -> Result<Self, Problem> {
        let overview = app.control.overview(&service).await?;
        Self::of(app, service, overview, Extent::Short, installation, roles).await
    }

    /// Composes it.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn of(
        app: &App,
        service: Service,
        overview: Overview,
        extent: Extent,
        installation: &Installation,
        roles: &Roles,
    ) -> Result<Self, Problem> {
        // Of what is being deleted nothing can be changed any more.
        let stays = service.deletion.is_none();
        let may_deploy = stays && roles.include_on(Role::Deployer, &service.spec.service.name);
        let may_delete = stays && roles.include_on(Role::Admin, &service.spec.service.name);
        let deleting = service.deletion.map(|deletion| Deleting {
            since: Ago::new(deletion.since, installation.now),
            by: deletion.by,
        });
        let closed = service.maintenance.map(|on| Closed::new(on, installation.now));
        let logins = app.control.preview_logins(&service.spec);
        let freeze = Freeze::of(&service.spec.deploy, installation.now);
        let auto = app.control.next_auto_of(&service.spec, &overview).await?;
        let auto = auto.map(|plan| AutoView::new(&plan, &service.spec.deploy, installation.now));
        let drain = service.spec.traffic.drain;
        let held = app.control.hub().held(&service.spec.service.name);
        let basics = service.spec.service;
        let paths = service.spec.paths.into_iter().map(|(path, target)| (path, target.service));
        let name = basics.name;
        let Overview { route, environments, branches, history } = overview;
        let was_live = was_live(&history);
        let branches = branches.into_iter();
        let branches = branches.map(|one| BranchLine::new(one, &app.settings, installation.now));
        let newest = Standing::among(&route, &environments).beside;

        let (mut live, mut beside, mut kept) = (Vec::new(), None, Vec::new());
        let mut of_branches = Vec::new();
        let (mut live_version, mut beside_version) = (None, None);
        let previous = shares::before(&history, &route.weights);
        let under_way = told_under_way(&history);
        let (mut way_back, mut moves) =
            (None, under_way.is_some() || held.is_some() || deleting.is_some());
        for view in &environments {
            let number = view.environment.version;
            let is_branchs = view.environment.branch.is_some();
            moves |= !is_branchs && state_of(view).0 == Mark::Moving;
            let is_kept = view.weight.is_none() && newest != Some(number);
            let is_shown = !is_kept || extent == Extent::Whole;
            if !is_shown && previous != Some(number) {
                continue;
            }
            let back = was_live.contains(&number) && route.live().any(|live| number < live);
            let frozen = freeze.as_ref().filter(|freeze| freeze.now).map(|one| one.told.as_str());
            let press = Press::of(view, back, &history, frozen, installation);
            let press = press.filter(|_| may_deploy);
            if previous == Some(number) {
                way_back = press.clone().filter(|press| press.back);
            }
            if !is_shown {
                continue;
            }
            let Some(version) = app.control.version(&name, number).await? else { continue };
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
            } else if is_branchs {
                of_branches.push(card);
            } else if newest == Some(number) {
                let left = left_at(&history, number).filter(|_| !route.weights.is_empty());
                if let Some(at) = left {
                    card.leave(Ago::new(at, installation.now));
                }
                beside = Some(card);
                beside_version = Some(version);
            } else {
                kept.push(card);
            }
        }
        if extent == Extent::Whole {
            let mut cards: Vec<&mut Card> = live
                .iter_mut()
                .chain(&mut beside)
                .chain(&mut kept)
                .chain(&mut of_branches)
                .collect();
            let numbers: Vec<_> = cards.iter().map(|card| card.version).collect();
            let builds = app.store.builds_of(&name, &numbers).await?;
            for card in &mut cards {
                card.build = builds.get(&card.version).copied();
            }
        }
        let compared = live_version.zip(beside_version);
        let compared = compared.map(|(live, beside)| Compared::new(&live, &beside));
        let mark = match mark(&live, beside.as_ref(), under_way.is_some()) {
            _ if deleting.is_some() => Mark::Moving,
            Mark::Trouble => Mark::Trouble,
            _ if closed.is_some() => Mark::Closed,
            mark => mark,
        };
        Ok(Self {
            way_back,
            moves,
            auto: auto.map(|auto| auto.text),
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
            of_branches,
            under_way,
            history,
            mark,
            need: None,
            deleting,
            closed,
            held: held.map(|left| left.as_secs() + 1),
            logins,
            freeze,
            may_deploy,
            may_delete,
        })
    }

    /// The environment of a version, if it is one of those that are shown.
    pub(crate) fn card(&self, version: VersionNumber) -> Option<&Card> {
        let cards = self.live.iter().chain(&self.beside).chain(&self.kept);
        cards.chain(&self.of_branches).find(|card| card.version == version)
    }

    /// Takes the environment of a version out of those that are shown beside each other.
    pub(crate) fn take_card(&mut self, version: VersionNumber) -> Option<Card> {
        for cards in [&mut self.live, &mut self.kept, &mut self.of_branches] {
            if let Some(at) = cards.iter().position(|card| card.version == version) {
                return Some(cards.remove(at));
            }
        }
        self.beside.take_if(|card| card.version == version)
    }

    /// The button that makes the newest version of a branch live.
    pub(crate) fn press_of(&self, branch: &BranchLine) -> Option<&Press> {
        let mut own = self.of_branches.iter().filter(|card| Some(card.version) == branch.version);
        own.find_map(|card| card.press.as_ref())
    }

    /// What is live, in words.
    pub(crate) fn live_told(&self) -> String {
        let live: Vec<String> = self.live.iter().map(|card| card.version.to_string()).collect();
        if live.is_empty() { "nothing".to_owned() } else { live.join(" and ") }
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
        let goes = if self.deleting.is_some() { "being deleted, " } else { "" };
        format!("{}: {goes}{closed}{live}{}", self.name, beside.unwrap_or_default())
    }
}

/// The newest deployment that put a version live or took it out, as far back as is looked.
fn turned(history: &[Deployment], version: VersionNumber) -> Option<&Deployment> {
    let mut made = history.iter().filter(|one| one.state != DeploymentState::Aborted);
    made.find(|one| one.to.contains_key(&version) != one.from.contains_key(&version))
}

/// Since when a version that is live is so.
fn live_since(history: &[Deployment], version: VersionNumber) -> Option<Timestamp> {
    let turned = turned(history, version).filter(|one| one.to.contains_key(&version));
    turned.map(|one| one.created_at)
}

/// When a version was taken out of production, so that nobody is urged to put it back.
fn left_at(history: &[Deployment], version: VersionNumber) -> Option<Timestamp> {
    let turned = turned(history, version).filter(|one| !one.to.contains_key(&version));
    turned.map(|one| one.created_at)
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
    // What was left is nobody's trouble any more.
    let beside = beside.filter(|card| card.left.is_none());
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
