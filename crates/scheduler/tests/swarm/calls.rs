//! How little the managers are asked when nothing changes.

use crate::conformance::{Behaviour, Ground};
use crate::ground::{SwarmGround, on_a_swarm};
use crate::idle::{SERVICES, calls_while_idle};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_swarm_is_asked_little_when_nothing_changes() {
    on_a_swarm(1, async {
        let ground = SwarmGround::prepare().await;
        let image = ground.image(Behaviour::Runs).await;
        let engine = ground.driver(|_| {});
        let calls = calls_while_idle(&engine, &image, SERVICES, || engine.calls()).await;
        assert!(calls <= 5, "{calls} calls in half a minute, with {SERVICES} services");
        // Else nothing was counted.
        assert!(calls > 0, "they are looked at now and then");
    })
    .await;
}
