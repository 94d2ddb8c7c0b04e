//! What every engine must do, whatever it is: one set of stories, told on each.
//!
//! A driver's test file says on what [`Ground`] its engine stands, and calls [`conformance!`].

#![allow(clippy::unwrap_used, clippy::expect_used)]

pub(crate) mod commands;
pub(crate) mod containers;
pub(crate) mod faults;
pub(crate) mod hosts;
pub(crate) mod lost;
pub(crate) mod many;
pub(crate) mod replacement;
pub(crate) mod volumes;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, Stream, StreamExt};
use jiff::Timestamp;
use launcher_model::container::Container;
use launcher_model::image::PinnedImage;
use launcher_model::version::Version;
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::{Change, OneOff, OneOffRole, Output, Placement, Scheduler};

/// What an image does when it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Runs until it is stopped.
    Runs,
    /// Says `out of luck` and exits with 3, at once.
    Dies,
    /// Its command does not exist.
    CannotStart,
    /// Prints `line 1`, `line 2`, `line 3`, and runs until it is stopped.
    Talks,
    /// It is known, but cannot be pulled.
    CannotBePulled,
}

/// Where an engine stands, with what only a test does to it. What a ground has made is gone when it is dropped.
#[async_trait]
pub(crate) trait Ground: Send + Sync + Sized + 'static {
    /// An installation that nothing belongs to yet.
    async fn prepare() -> Self;
    /// The engine, as that installation uses it.
    fn engine(&self) -> Arc<dyn Scheduler>;
    /// The same engine, as an installation uses it whose name begins alike.
    fn neighbour(&self) -> Arc<dyn Scheduler>;
    /// An image. The engine has it, if it can.
    async fn image(&self, behaviour: Behaviour) -> PinnedImage;
    /// A container's program dies.
    async fn kill(&self, id: &str);
    /// Somebody removes a container.
    async fn remove_by_hand(&self, id: &str);
    /// How many one-off containers there are.
    async fn one_offs(&self) -> usize;
    /// The engine, by a way that [`take_away`](Self::take_away) cuts.
    fn engine_at_risk(&self) -> Arc<dyn Scheduler>;
    /// The engine cannot be reached any more.
    async fn take_away(&self);
    /// The engine can be reached again.
    async fn bring_back(&self);
    /// How many containers it can be asked for at once.
    fn many(&self) -> u16;
    /// An engine of many hosts loses one: it is cut off, and nobody is told.
    async fn lose_host(&self, name: &str) {
        panic!("{name} is the only host");
    }
    /// That host is back.
    async fn find_host(&self, name: &str) {
        panic!("{name} was never lost");
    }
}

/// Long enough for whatever an engine does on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The name that tests' services have.
pub(crate) fn shop() -> ServiceName {
    ServiceName::new("shop").unwrap()
}

/// A version of `service` with settings that say nothing special.
pub(crate) fn version_of(service: &str, number: u32, image: PinnedImage) -> Version {
    let text = format!("[service]\nname = \"{service}\"\nport = 8080\n");
    Version {
        service: ServiceName::new(service).unwrap(),
        number: VersionNumber(number),
        image,
        spec: launcher_model::service::read("launcher.toml", &text).unwrap(),
        secrets: Default::default(),
        commit: None,
        branch: None,
        subject: None,
        author: None,
        created_at: Timestamp::now(),
        created_by: "test".into(),
    }
}

/// `replicas` containers of version 1 of the shop, asked for now.
pub(crate) async fn placement(
    ground: &impl Ground,
    behaviour: Behaviour,
    replicas: u16,
) -> Placement {
    let version = version_of("shop", 1, ground.image(behaviour).await);
    place(version, replicas)
}

/// `replicas` containers of a version, asked for now.
pub(crate) fn place(version: Version, replicas: u16) -> Placement {
    Placement {
        version: Arc::new(version),
        replicas,
        since: Timestamp::now(),
        variables: Arc::default(),
        avoid: Arc::default(),
        released: Default::default(),
    }
}

/// A one-off container of the same version.
pub(crate) fn one_off(placement: &Placement, role: OneOffRole, script: &str) -> OneOff {
    OneOff {
        version: Arc::clone(&placement.version),
        variables: Arc::clone(&placement.variables),
        command: shell(script),
        role,
        timeout: PATIENCE,
    }
}

/// A command that the test images have.
pub(crate) fn shell(script: &str) -> Vec<String> {
    ["/bin/busybox", "sh", "-c", script].map(str::to_owned).to_vec()
}

/// Waits until `check` gives something.
pub(crate) async fn eventually<T>(what: &str, check: impl AsyncFnMut() -> Option<T>) -> T {
    patiently(PATIENCE, what, check).await
}

/// The same, for as long as this.
pub(crate) async fn patiently<T>(
    patience: Duration,
    what: &str,
    mut check: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The shop's containers.
pub(crate) async fn observed(engine: &dyn Scheduler) -> Vec<Container> {
    engine.observe(Some(&shop())).await.unwrap()
}

/// Calls `ensure` when it wants to be called, until every place is filled by a running container.
pub(crate) async fn settle(engine: &dyn Scheduler, placement: &Placement) -> Vec<Container> {
    let wanted: BTreeSet<u16> = (1..=placement.replicas).collect();
    eventually("all places are filled", async || {
        engine.ensure(placement).await.unwrap();
        let containers = engine.observe(Some(&placement.version.service)).await.unwrap();
        let running: Vec<_> =
            containers.iter().filter(|c| c.is_running()).map(|c| c.slot).collect();
        let filled: BTreeSet<_> = running.iter().copied().collect();
        (filled == wanted && running.len() == filled.len()).then_some(containers)
    })
    .await
}

/// What one call of `ensure` leads to: at once where the driver does it, else when the engine has done it.
pub(crate) async fn ensured(engine: &dyn Scheduler, placement: &Placement) -> Vec<Container> {
    engine.ensure(placement).await.unwrap();
    if engine.capabilities().replaces {
        settle(engine, placement).await
    } else {
        engine.observe(Some(&placement.version.service)).await.unwrap()
    }
}

/// Plays the part of the control plane and its edges: what stands above the places that are wanted, and what
/// has a newer one that runs in its place, is released. Until nothing else is left; at every moment each place
/// that was filled is.
pub(crate) async fn settle_released(
    engine: &dyn Scheduler,
    placement: &Placement,
) -> Vec<Container> {
    let mut placement = placement.clone();
    let places = 1..=placement.replicas;
    eventually("only what is wanted is left", async || {
        engine.ensure(&placement).await.unwrap();
        let all = engine.observe(Some(&placement.version.service)).await.unwrap();
        let running: Vec<_> = all.iter().filter(|c| c.is_running()).collect();
        let served: BTreeSet<u16> =
            running.iter().filter(|c| c.address.is_some()).map(|c| c.slot).collect();
        assert!(places.clone().all(|place| served.contains(&place)), "a place is empty: {all:?}");
        let over = |old: &&&Container| {
            old.slot > placement.replicas
                || running.iter().any(|new| new.slot == old.slot && new.attempt > old.attempt)
        };
        let released: BTreeSet<_> = running.iter().filter(over).map(|c| c.id.clone()).collect();
        let away = running.iter().all(|c| !placement.avoid.contains(&c.host));
        let alone = running.len() == places.len() && all.len() == running.len();
        let settled = released.is_empty() && away && alone;
        placement.released = released;
        settled.then_some(all)
    })
    .await
}

/// The ids of those that run.
pub(crate) fn running(containers: &[Container]) -> BTreeSet<String> {
    containers.iter().filter(|c| c.is_running()).map(|c| c.id.clone()).collect()
}

/// The lines of a command and its exit status.
pub(crate) async fn to_end(
    mut output: BoxStream<'static, launcher_scheduler::Result<Output>>,
) -> (Vec<String>, i64) {
    let mut lines = Vec::new();
    loop {
        match within(output.next()).await.expect("no exit status").unwrap() {
            Output::Line(line) => lines.push(line.text),
            Output::Exit { code } => {
                assert!(within(output.next()).await.is_none(), "something follows the exit status");
                return (lines, code);
            }
        }
    }
}

/// The next change that is `wanted`; others are passed over.
pub(crate) async fn until(
    changes: &mut (impl Stream<Item = Change> + Unpin),
    wanted: impl Fn(&Change) -> bool,
) {
    within(async {
        while !wanted(&changes.next().await.expect("the stream of changes has ended")) {}
    })
    .await;
}

/// Drives `work` so many steps far, and drops it there. Whether it had come to its end.
pub(crate) async fn killed_after<T>(steps: usize, work: impl Future<Output = T>) -> bool {
    let mut work = pin!(work);
    let mut left = steps;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        let outcome = work.as_mut().poll(context).map(|_| true);
        if left == 0 && outcome.is_pending() { Poll::Ready(false) } else { outcome }
    })
    .await
}

/// Tells these stories a few at a time, and says in the end which of them failed.
#[allow(dead_code, reason = "for engines that take long to come up")]
pub(crate) async fn all_told<Name: std::fmt::Debug>(stories: Vec<(Name, LocalBoxFuture<'_, ()>)>) {
    let told = stories.into_iter().map(async |(name, story)| {
        let outcome = AssertUnwindSafe(story).catch_unwind().await;
        (name, outcome.is_ok())
    });
    let told = stream::iter(told).buffer_unordered(4).collect::<Vec<_>>().await;
    let failed = told.into_iter().filter(|(_, well)| !well).map(|(name, _)| name);
    let failed: Vec<_> = failed.collect();
    assert!(failed.is_empty(), "these stories failed: {failed:?}");
}

/// Does not wait for ever.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it takes too long")
}

/// Every story, each as a test of its own, in a module of the given name. With `together`, one test tells
/// all stories of a subject, on what `Ground::together` makes ready for them: for an engine that takes long
/// to come up.
#[macro_export]
macro_rules! conformance {
    ($engine:ident, $ground:ty) => { $crate::conformance! { @list each $engine, $ground } };
    (together $engine:ident, $ground:ty) => { $crate::conformance! { @list together $engine, $ground } };
    (@list $how:ident $engine:ident, $ground:ty) => {
        $crate::conformance! { @$how $engine, $ground,
            containers: creates_what_is_missing_and_no_more, scales_up_and_down,
                scaling_down_ends_exactly_what_is_released, stops_and_starts_the_same_containers,
                removes_all_of_a_version_and_nothing_else, names_at_their_limits_fit, tells_its_host;
            many: many_at_once;
            replacement: what_dies_is_replaced_with_growing_delay,
                what_was_removed_by_hand_is_created_again, what_cannot_start_is_told_and_tried_later;
            faults: what_is_killed_between_two_steps_is_finished_by_the_next,
                an_engine_that_goes_away_is_told_and_comes_back, changes_are_told_as_they_happen,
                what_happens_while_the_engine_is_away_is_seen, what_is_not_ours_is_left_alone,
                a_name_that_is_taken_is_an_error, an_image_that_cannot_be_pulled_is_told;
            commands: logs_are_read_and_followed, commands_run_in_containers,
                a_release_command_runs_once, a_release_command_that_hangs_is_killed,
                a_person_s_command_ends_with_its_listener;
            hosts: what_no_host_has_free_is_waited_for, an_avoided_host_is_left_and_taken_again,
                a_closed_host_gets_nothing_new;
            volumes: what_one_version_has_written_the_next_one_reads;
            lost: a_host_that_is_lost_is_told_and_comes_back;
        }
    };
    (@each $engine:ident, $ground:ty, $($file:ident: $($story:ident),+;)+) => {
        mod $engine {
            $($(
                #[tokio::test]
                async fn $story() {
                    let ground = <$ground as $crate::conformance::Ground>::prepare().await;
                    $crate::conformance::$file::$story(&ground).await;
                }
            )+)+
        }
    };
    (@together $engine:ident, $ground:ty, $($file:ident: $($story:ident),+;)+) => {
        mod $engine {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $file() {
                    use futures_util::FutureExt;
                    let stories = vec![$((
                        stringify!($story),
                        async {
                            let ground = <$ground as $crate::conformance::Ground>::prepare().await;
                            $crate::conformance::$file::$story(&ground).await;
                        }
                        .boxed_local(),
                    )),+];
                    <$ground>::together(stories).await;
                }
            )+
        }
    };
}
