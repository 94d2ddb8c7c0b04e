//! Each of the dialects that the driver speaks, on a stand-in that understands no other.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, StreamExt};
use launcher_model::container::ContainerPhase;
use launcher_scheduler::{Change, Scheduler};

use crate::busybox::{get, serves};
use crate::conformance::{
    Behaviour, Ground, all_told, containers, eventually, faults, hosts, lost, observed, place,
    placement, replacement, settle, shop, until, version_of,
};
use crate::ground::{MarathonGround, in_a_lab, on_version};

/// A list of stories on one version.
macro_rules! stories {
    ($($file:ident::$story:ident),+ $(,)?) => {
        vec![$((stringify!($story), async {
            $file::$story(&MarathonGround::prepare().await).await;
        }.boxed_local())),+]
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_marathon_dialects() {
    in_a_lab(async {
        // One embedded thing, no states of tasks, events without a line for their type.
        on_version("0.9.2", told("0.9.2", essential())).await;
        // The old form of networks, and health and failures of instances.
        on_version("1.4.2", told("1.4.2", essential_and_failures())).await;
        // The first with the new form, which does not give up at once what it has lost.
        let stories = stories![
            containers::creates_what_is_missing_and_no_more,
            hosts::an_avoided_host_is_left_and_taken_again,
        ];
        on_version("1.5.0", told("1.5.0", stories)).await;
    })
    .await;
}

async fn told(version: &'static str, stories: Vec<(&str, LocalBoxFuture<'_, ()>)>) {
    let named = stories.into_iter().map(|(name, story)| ((version, name), story));
    all_told(named.collect()).await;
    let ground = MarathonGround::prepare().await;
    assert_eq!(ground.standin().version().to_string(), version);
    what_runs_serves_at_the_address_that_is_told(&ground).await;
    if version == "0.9.2" {
        lost::a_host_that_is_lost_is_told_and_comes_back(&ground).await;
    } else {
        what_is_lost_is_told_as_lost_for_a_while(&ground).await;
    }
}

fn essential() -> Vec<(&'static str, LocalBoxFuture<'static, ()>)> {
    stories![
        containers::creates_what_is_missing_and_no_more,
        containers::scales_up_and_down,
        containers::stops_and_starts_the_same_containers,
        containers::removes_all_of_a_version_and_nothing_else,
        containers::names_at_their_limits_fit,
        faults::changes_are_told_as_they_happen,
        faults::a_name_that_is_taken_is_an_error,
        hosts::an_avoided_host_is_left_and_taken_again,
    ]
}

/// What an app's last failure tells, which cannot be had together with its tasks before 0.11.
fn essential_and_failures() -> Vec<(&'static str, LocalBoxFuture<'static, ()>)> {
    let mut stories = essential();
    stories.extend(stories![
        replacement::what_dies_is_replaced_with_growing_delay,
        replacement::what_cannot_start_is_told_and_tried_later,
        hosts::what_no_host_has_free_is_waited_for,
    ]);
    stories
}

async fn what_runs_serves_at_the_address_that_is_told(ground: &MarathonGround) {
    let engine = ground.driver(|_| {});
    let placement = place(version_of("shop", 3, ground.push("serves", &serves()).await), 2);
    for container in settle(&engine, &placement).await {
        let address = container.address.unwrap();
        let page = eventually("it answers", async || get(address).await).await;
        assert!(page.ends_with("shop 3\n"), "{page}");
    }
    engine.remove(&shop(), launcher_model::VersionNumber(3), Duration::ZERO).await.unwrap();
}

/// These versions keep what is on a lost host for some seconds.
async fn what_is_lost_is_told_as_lost_for_a_while(ground: &MarathonGround) {
    let engine = ground.driver(|_| {});
    let placement = placement(ground, Behaviour::Runs, 3).await;
    let lost = settle(&engine, &placement).await.remove(1);
    ground.lose_host(&lost.host).await;
    eventually("it is told as lost", async || {
        let all = observed(&engine).await;
        let container = all.iter().find(|c| c.id == lost.id)?;
        let is_lost = matches!(container.phase, ContainerPhase::Lost { .. });
        (is_lost && container.address.is_none()).then_some(())
    })
    .await;
    eventually("another one fills its place", async || {
        let all = observed(&engine).await;
        let other = all.iter().find(|c| c.slot == lost.slot && c.is_running())?;
        (other.host != lost.host && all.iter().all(|c| c.id != lost.id)).then_some(())
    })
    .await;
    ground.find_host(&lost.host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_marathon_without_a_stream_calls_back() {
    in_a_lab(on_version("0.8.2", async {
        let ground = MarathonGround::prepare().await;
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let engine = ground.driver(|config| config.callback = Some(format!("http://{free}")));
        let mut changes = engine.watch();
        until(&mut changes, |change| *change == Change::Everything).await;
        let placement = placement(&ground, Behaviour::Runs, 2).await;
        let before = settle(&engine, &placement).await;
        // It has come to rest: from here on it is looked at every 15 s, unless something is heard.
        eventually("nothing is looked at", async || {
            let calls = ground.standin().calls();
            tokio::time::sleep(Duration::from_secs(1)).await;
            (ground.standin().calls() == calls).then_some(())
        })
        .await;
        while changes.next().now_or_never().is_some() {}
        ground.kill(&before[0].id).await;
        let told = until(&mut changes, |change| *change == Change::Service(shop()));
        tokio::time::timeout(Duration::from_secs(5), told).await.expect("it was not called back");

        // What was subscribed goes with who listened.
        drop(changes);
        eventually("nobody is called any more", async || {
            let url = format!("{}/v2/eventSubscriptions", ground.standin().url());
            let told: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
            (told["callbackUrls"] == serde_json::json!([])).then_some(())
        })
        .await;
    }))
    .await;
}
