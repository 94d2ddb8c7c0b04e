//! An environment as its card or row shows it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use launcher_control::EnvironmentView;
use launcher_model::container::{ContainerPhase, Health};
use launcher_model::environment::{EnvironmentState, Failure, Wanted};
use launcher_model::plan::environment::Checked;
use launcher_model::version::Version;
use launcher_model::{BuildId, ServiceName, VersionNumber};

use super::ago::Ago;
use super::mark::Mark;
use super::press::Press;
use crate::Settings;

/// An environment.
#[derive(Clone)]
pub(crate) struct Card {
    pub(crate) service: ServiceName,
    pub(crate) version: VersionNumber,
    pub(crate) mark: Mark,
    /// Its state in a word.
    pub(crate) word: &'static str,
    pub(crate) since: Ago,
    /// Its share of the production traffic in percent.
    pub(crate) share: Option<u8>,
    /// What the image was asked for as; none where that was by its digest alone.
    pub(crate) image: Option<String>,
    pub(crate) digest: String,
    pub(crate) commit: Option<String>,
    /// What the author of the commit said of it.
    pub(crate) subject: Option<String>,
    /// Who that is, or else who launched it.
    pub(crate) author: String,
    /// The build that it came out of, where that was looked for.
    pub(crate) build: Option<BuildId>,
    pub(crate) branch: Option<String>,
    pub(crate) launched: Ago,
    /// How many of its containers are healthy, in words.
    pub(crate) health: String,
    /// All that are wanted are healthy.
    pub(crate) whole: bool,
    /// Whether its preview can be looked at.
    pub(crate) answers: bool,
    pub(crate) containers: Vec<Square>,
    /// How many it has when it runs.
    pub(crate) replicas: u16,
    /// The hosts that run its containers.
    pub(crate) hosts: String,
    pub(crate) preview_url: String,
    /// The preview's hostname, without what a person does not read.
    pub(crate) preview_host: String,
    pub(crate) failure: Option<Failure>,
    pub(crate) pinned: bool,
    pub(crate) press: Option<Press>,
    /// It was live before what is live now.
    pub(crate) back: bool,
    /// It is newer than what is live, was live, and was taken out then.
    pub(crate) left: Option<Ago>,
    /// The branch whose environment it is, as long as it is no version as any other.
    pub(crate) of_branch: Option<String>,
    /// It can be given a share of the traffic.
    pub(crate) may_share: bool,
    /// Whoever looks may change it.
    pub(crate) may_act: bool,
    pub(crate) may_start: bool,
    pub(crate) may_stop: bool,
    pub(crate) may_destroy: bool,
}

/// One container, as a small square.
#[derive(Clone)]
pub(crate) struct Square {
    pub(crate) class: &'static str,
    pub(crate) told: String,
}

impl Card {
    pub(crate) fn new(
        view: &EnvironmentView,
        version: &Version,
        press: Option<Press>,
        settings: &Settings,
        now: Timestamp,
    ) -> Self {
        let environment = &view.environment;
        let live = view.weight.is_some();
        let (mark, word) = state_of(view);
        let going = environment.wanted == Wanted::Gone;
        let stopped = environment.wanted == Wanted::Stopped;
        let preview_url = settings.preview_url(&environment.service, environment.version);
        let hosts: BTreeSet<&str> =
            view.containers.iter().map(|checked| checked.container.host.as_str()).collect();
        Self {
            service: environment.service.clone(),
            version: environment.version,
            mark,
            word,
            since: Ago::new(environment.since, now),
            share: view.weight.map(launcher_model::Weight::percent),
            image: image_name(version),
            digest: version.image.digest.short().to_owned(),
            commit: version.commit.as_ref().map(|commit| commit.chars().take(7).collect()),
            subject: version.subject.clone(),
            author: version.author.clone().unwrap_or_else(|| version.created_by.clone()),
            build: None,
            branch: version.branch.clone(),
            launched: Ago::new(version.created_at, now),
            health: health(view),
            whole: view.healthy() >= usize::from(environment.replicas),
            answers: view.healthy() + view.unchecked() > 0,
            containers: squares(view),
            replicas: environment.replicas,
            hosts: hosts.into_iter().collect::<Vec<_>>().join(", "),
            preview_host: preview_url.split_once("://").map_or("", |(_, host)| host).to_owned(),
            preview_url,
            failure: environment.failure.clone(),
            pinned: environment.pinned,
            press,
            back: false,
            left: None,
            of_branch: environment.branch.clone(),
            may_share: false,
            may_act: true,
            may_start: stopped && environment.state != EnvironmentState::Failed,
            may_stop: !live && !stopped && !going,
            may_destroy: !live && !going && !environment.pinned,
        }
    }

    /// What it was made of, for who asks: the image's name, or its digest.
    pub(crate) fn made_of(&self) -> &str {
        self.image.as_deref().unwrap_or(&self.digest)
    }

    /// What it is called in a list: by what was said of it, or else by its image.
    pub(crate) fn title(&self) -> &str {
        let named = self.subject.as_deref().or(self.image.as_deref());
        named.unwrap_or("launched without a message")
    }

    /// That it was taken out of production then: it waits for nobody.
    pub(crate) fn leave(&mut self, at: Ago) {
        self.since = at.clone();
        self.left = Some(at);
        if self.mark == Mark::Waiting {
            (self.mark, self.word) = (Mark::Idle, "left");
        }
    }

    /// Whether it is live as it should be, and alone.
    pub(crate) fn is_plainly_live(&self) -> bool {
        self.mark == Mark::Live && self.share.is_none_or(|share| share == 100)
    }

    /// Whether there is anything to do with it beside making it live.
    pub(crate) fn has_menu(&self) -> bool {
        self.may_act && self.word != GOING
    }
}

const GOING: &str = "being destroyed";

pub(super) fn state_of(view: &EnvironmentView) -> (Mark, &'static str) {
    let environment = &view.environment;
    // What is not known yet is no trouble.
    let whole = view.healthy() + view.unchecked() >= usize::from(environment.replicas);
    match (view.weight.is_some(), environment.state, environment.wanted) {
        (true, EnvironmentState::Ready, _) if whole => (Mark::Live, "live"),
        (true, ..) => (Mark::Trouble, "live"),
        (_, EnvironmentState::Destroyed, _) => (Mark::Idle, "destroyed"),
        (_, _, Wanted::Gone) => (Mark::Moving, GOING),
        (_, EnvironmentState::Creating, Wanted::Running) => (Mark::Moving, "creating"),
        (_, EnvironmentState::Stopped, Wanted::Running) => (Mark::Moving, "starting"),
        (_, EnvironmentState::Failed, _) => (Mark::Trouble, "failed"),
        (_, EnvironmentState::Stopped, _) => (Mark::Idle, "stopped"),
        (_, _, Wanted::Stopped) => (Mark::Moving, "stopping"),
        (_, EnvironmentState::Ready, Wanted::Running) if whole => (Mark::Waiting, "ready"),
        (_, EnvironmentState::Ready, Wanted::Running) => (Mark::Trouble, "unhealthy"),
    }
}

/// How many of its containers are healthy.
pub(super) fn health(view: &EnvironmentView) -> String {
    let (healthy, replicas) = (view.healthy(), view.environment.replicas);
    match view.unchecked() {
        0 => format!("{healthy} of {replicas} healthy"),
        _ if healthy == 0 => "not checked yet".to_owned(),
        some => format!("{healthy} of {replicas} healthy, {some} not checked yet"),
    }
}

/// What the image was asked for as, without the registry and the digest that people do not read.
fn image_name(version: &Version) -> Option<String> {
    let text = version.image.requested.to_string();
    if text.starts_with("sha256:") {
        return None;
    }
    let named = text.split('@').next().unwrap_or_default();
    Some(named.rsplit('/').next().unwrap_or_default().to_owned())
}

/// A square for each place: the newest container in it, or what is missing.
fn squares(view: &EnvironmentView) -> Vec<Square> {
    let mut places = BTreeMap::new();
    for checked in &view.containers {
        let container = &checked.container;
        let newest = places.entry(container.slot).or_insert(checked);
        if newest.container.attempt < container.attempt {
            *newest = checked;
        }
    }
    let runs = view.environment.wanted == Wanted::Running;
    let mut squares: Vec<Square> = places.into_values().map(|one| square(one, runs)).collect();
    let wanted = if runs { usize::from(view.environment.replicas) } else { 0 };
    let missing = if view.looked_at { "not there yet" } else { "not looked at yet" };
    while squares.len() < wanted {
        squares.push(Square { class: "none", told: missing.to_owned() });
    }
    squares
}

fn square(checked: &Checked, should_run: bool) -> Square {
    let (class, state) = told_of(checked, should_run);
    let container = &checked.container;
    Square { class, told: format!("{} on {}: {state}", container.name, container.host) }
}

/// How a container is: its class, and a few words.
pub(super) fn told_of(checked: &Checked, should_run: bool) -> (&'static str, String) {
    let ended = if should_run { "bad" } else { "none" };
    let container = &checked.container;
    match (&container.phase, &checked.health) {
        (ContainerPhase::Waiting { why }, _) => {
            ("none", why.clone().unwrap_or_else(|| "waits for a host".to_owned()))
        }
        (ContainerPhase::Lost { .. }, _) => ("bad", "its host cannot be reached".to_owned()),
        (ContainerPhase::Created, _) => ("none", "not started yet".to_owned()),
        (ContainerPhase::Exited { out_of_memory: true, .. }, _) => {
            ("bad", "out of memory".to_owned())
        }
        (ContainerPhase::Exited { code, .. }, _) => (ended, format!("ended with status {code}")),
        (ContainerPhase::Unstartable { why }, _) => ("bad", why.clone()),
        (ContainerPhase::Running { .. }, Health::Healthy) => ("good", "healthy".to_owned()),
        (ContainerPhase::Running { .. }, Health::Unhealthy { why }) => ("bad", why.clone()),
        (ContainerPhase::Running { .. }, Health::Unknown { last }) => {
            ("none", last.clone().unwrap_or_else(|| "not checked yet".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use launcher_model::container::Container;
    use launcher_model::environment::{Environment, Release};

    use super::*;

    fn container(slot: u16, health: Health) -> Checked {
        let container = Container {
            id: format!("c{slot}"),
            name: format!("shop-{slot}"),
            service: ServiceName::new("shop").unwrap(),
            version: VersionNumber(1),
            slot,
            attempt: 0,
            failures: 0,
            created: Timestamp::UNIX_EPOCH,
            host: "alpha".to_owned(),
            address: None,
            published: None,
            phase: ContainerPhase::Running { since: Timestamp::UNIX_EPOCH, exec_check: None },
        };
        Checked { container, health }
    }

    /// A ready environment; nothing when nobody has looked at its containers.
    fn view(health: Option<[Health; 2]>) -> EnvironmentView {
        let environment = Environment {
            service: ServiceName::new("shop").unwrap(),
            version: VersionNumber(1),
            wanted: Wanted::Running,
            replicas: 2,
            state: EnvironmentState::Ready,
            since: Timestamp::UNIX_EPOCH,
            failure: None,
            release: Release::Passed,
            starting_since: None,
            pinned: false,
            last_used: Timestamp::UNIX_EPOCH,
            branch: None,
            asleep: false,
        };
        let looked_at = health.is_some();
        let containers = (1..).zip(health.into_iter().flatten());
        let containers = containers.map(|(slot, health)| container(slot, health)).collect();
        EnvironmentView { environment, containers, weight: None, trouble: None, looked_at }
    }

    #[test]
    fn what_was_not_checked_yet_is_no_trouble() {
        let unknown = || Health::Unknown { last: None };
        let sick = || Health::Unhealthy { why: "no".to_owned() };
        for (shown, mark, told) in [
            (view(None), Mark::Waiting, "not checked yet"),
            (view(Some([unknown(), unknown()])), Mark::Waiting, "not checked yet"),
            (
                view(Some([Health::Healthy, unknown()])),
                Mark::Waiting,
                "1 of 2 healthy, 1 not checked yet",
            ),
            (view(Some([Health::Healthy, Health::Healthy])), Mark::Waiting, "2 of 2 healthy"),
            (view(Some([sick(), Health::Healthy])), Mark::Trouble, "1 of 2 healthy"),
            (view(Some([sick(), sick()])), Mark::Trouble, "0 of 2 healthy"),
        ] {
            assert_eq!((state_of(&shown).0, health(&shown).as_str()), (mark, told));
        }
    }
}
