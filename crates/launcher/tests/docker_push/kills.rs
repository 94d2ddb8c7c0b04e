//! `kill -9` of the server at every point of a push and of the build that follows from it.

use std::collections::BTreeSet;
use std::path::Path;

use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Checkout, Engine};
use serde_json::{Value, json};

use crate::shop::Shop;

/// The points of a push and a build that one undisturbed run reaches.
fn points(trace: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(trace).unwrap();
    let ours =
        text.lines().filter(|point| ["push.", "build."].iter().any(|p| point.starts_with(p)));
    ours.collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect()
}

/// All builds, oldest first, once they are over.
async fn all_over(shop: &Shop) -> Vec<Value> {
    until("all builds being over", SOON, || async {
        let list = shop.api.insist_get("/services/shop/builds?limit=500").await;
        let mut builds = list["items"].as_array()?.clone();
        builds.reverse();
        let over =
            |build: &Value| !["queued", "running"].contains(&build["state"].as_str().unwrap());
        builds.iter().all(over).then_some(builds)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_push_survives_the_server_s_death_at_every_point() {
    let mut installation = Shop::installation();
    let (trace, fault) =
        (installation.scratch().join("trace"), installation.scratch().join("fault"));
    installation.set("LAUNCHER_FAULT_TRACE", trace.to_str().unwrap());
    installation.set("LAUNCHER_FAULT_FILE", fault.to_str().unwrap());
    let api = installation.start_supervised().await;
    let shop = Shop::on(installation, api).await;
    let checkout = Checkout::web("shop", "page 0");
    checkout.append("launcher.toml", "[test]\ncommand = [\"/bin/busybox\", \"true\"]\n");
    checkout.commit("Test it");
    let _ = checkout.push(&[&shop.remote, "main"]).taken();
    let points = points(&trace);
    assert!(points.len() >= 7, "the push reaches the fault points: {points:?}");

    for (round, point) in (1..).zip(&points) {
        let page = format!("page {round}");
        checkout.write("www/index.html", page.as_bytes());
        let commit = checkout.commit(&page);
        std::fs::write(&fault, point).unwrap();
        let _ = checkout.push(&[&shop.remote, "main"]);
        until(&format!("{point} being reached"), SOON, || async {
            (!fault.exists()).then_some(())
        })
        .await;
        // Where git had taken it in, it is built without another push; where not, the next push does it.
        let _ = until("the server being back", SOON, || async {
            let answer = shop.api.try_call(reqwest::Method::GET, "/server", None).await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
        let again = checkout.push(&[&shop.remote, "main"]).taken();
        let builds = all_over(&shop).await;
        let of_this: Vec<_> = builds.iter().filter(|build| build["commit"] == *commit).collect();
        assert_eq!(of_this.len(), 1, "{point}: {of_this:?}\n{again}");
        let build = of_this[0];
        assert_eq!(build["state"], "passed", "{point}: {build}");
        let version = build["version"].as_u64().unwrap();
        assert_eq!(version, round + 1, "{point}: each push is one version: {build}");
        // The edge hears of it as soon as it has found the server again.
        until(&format!("{point}: the page being there"), SOON, || async {
            (shop.page(version).await.as_ref() == Some(&page)).then_some(())
        })
        .await;
    }
    let restarted = all_over(&shop).await.iter().filter(|one| one["attempts"] == json!(2)).count();
    assert!(restarted >= 4, "builds went on after a restart: {restarted}");
    let engine = Engine::local();
    let one_offs = engine.containers(shop.installation.id()).await.len();
    let serving = engine.serving_containers(shop.installation.id()).await.len();
    assert_eq!(one_offs, serving, "containers of tests are left");
}
