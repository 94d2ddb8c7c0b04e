//! Nothing is asked of the engine, and nothing told to edges, while nothing changes.

use std::time::Duration;

use launcher_control::Config;
use launcher_scheduler::fake::Verb;

use crate::world::{World, eventually};

#[tokio::test]
async fn a_full_look_asks_once_for_each_service_and_once_for_all() {
    let world =
        World::with_config(Config { full_look: Duration::from_millis(100), ..Config::default() })
            .await;
    let edge = world.edge("a").await;
    let services = ["shop", "blog", "mail"];
    for name in services {
        let service = world.service(name, |_| {}).await;
        world.live(&service).await;
    }
    let calls = |verb| world.fake.calls(verb);
    // Hosts are asked for once at each full look, last of all.
    let looks = calls(Verb::Hosts);
    eventually("what was under way has ended", async || calls(Verb::Hosts) > looks + 1).await;
    let verbs = [Verb::Ensure, Verb::Stop, Verb::Remove, Verb::Fetch, Verb::Resolve, Verb::RunOnce];
    let before = verbs.map(calls);
    let (observed, looks, replaced) =
        (calls(Verb::Observe), calls(Verb::Hosts), edge.state().replaced);
    eventually("five full looks are over", async || calls(Verb::Hosts) >= looks + 5).await;
    // One that has just begun is not counted yet.
    let (observed, looks) = (calls(Verb::Observe) - observed, calls(Verb::Hosts) - looks + 1);
    assert!(observed <= looks * (services.len() + 1), "{observed} in {looks} looks");
    assert_eq!((verbs.map(calls), edge.state().replaced), (before, replaced));
}
