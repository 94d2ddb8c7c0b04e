//! How little Marathon is asked when nothing changes.

use crate::conformance::{Behaviour, Ground};
use crate::ground::{LATEST, MarathonGround, in_a_lab, on_version};
use crate::idle::{SERVICES, calls_while_idle};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_marathon_is_asked_little_when_nothing_changes() {
    let story = async {
        let ground = MarathonGround::prepare().await;
        let (engine, image) = (ground.driver(|_| {}), ground.image(Behaviour::Runs).await);
        let standin = ground.standin();
        let calls = calls_while_idle(&engine, &image, SERVICES, || standin.calls()).await;
        assert!(calls <= 5, "{calls} calls in half a minute, with {SERVICES} services");
        // Else nothing was counted.
        assert!(calls > 0, "it is looked at now and then");
    };
    in_a_lab(on_version(LATEST, story)).await;
}
