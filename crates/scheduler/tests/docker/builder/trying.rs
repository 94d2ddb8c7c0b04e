//! Testing images.

use futures_util::StreamExt;
use launcher_model::BuildId;
use launcher_scheduler::{Builder, Error, Scheduler};

use super::ground::{BUILD, build, test_run, tested};
use crate::conformance::{Ground, PATIENCE, eventually, within};
use crate::ground::{DockerGround, of_installation};

/// How many containers and networks of tests there are.
async fn left(ground: &DockerGround) -> (usize, usize) {
    let containers = of_installation(&ground.api, ground.installation()).await.len();
    (containers, ground.networks().await.len())
}

#[tokio::test]
async fn docker_tests_an_image_in_a_network_of_its_own() {
    let ground = DockerGround::prepare().await;
    let engine = ground.driver(|_| {});
    let image = build(&ground, &engine, "ENTRYPOINT [\"/no/such\"]").await.1.unwrap();
    let script =
        "echo $GREETING; busybox ip address; busybox grep NoNewPrivs /proc/self/status; exit 0";
    let (lines, outcome) = tested(engine.test(&test_run(&image, script, PATIENCE)).await).await;
    assert_eq!((lines[0].as_str(), outcome.unwrap()), ("hello", 0), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("NoNewPrivs:") && line.ends_with('1')));
    assert!(lines.iter().any(|line| line.contains("eth0")), "{lines:#?}");
    assert_eq!(left(&ground).await, (0, 0));

    let (_, outcome) = tested(engine.test(&test_run(&image, "exit 3", PATIENCE)).await).await;
    assert_eq!(outcome.unwrap(), 3);
    assert_eq!(left(&ground).await, (0, 0));
}

#[tokio::test]
async fn docker_ends_a_test_whose_time_is_over_or_that_nobody_waits_for() {
    let ground = DockerGround::prepare().await;
    let engine = ground.driver(|_| {});
    let image = build(&ground, &engine, "").await.1.unwrap();
    let second = std::time::Duration::from_secs(1);
    let run = test_run(&image, "echo begun; busybox sleep 4321", second);
    let (lines, outcome) = tested(engine.test(&run).await).await;
    assert_eq!(lines, ["begun"]);
    assert!(matches!(outcome, Err(Error::Overdue { .. })), "{outcome:?}");
    assert_eq!(left(&ground).await, (0, 0));

    let run = test_run(&image, "echo begun; busybox sleep 4321", PATIENCE);
    let mut told = engine.test(&run).await.unwrap();
    within(told.next()).await.unwrap().unwrap();
    assert_eq!(left(&ground).await, (1, 1));
    engine.sweep_builds(&[]).await.unwrap();
    assert_eq!(left(&ground).await, (1, 1), "this process runs it");
    assert!(engine.observe(None).await.unwrap().is_empty(), "a test is no environment");
    drop(told);
    eventually("it is gone", async || (left(&ground).await == (0, 0)).then_some(())).await;
}

#[tokio::test]
async fn docker_tells_of_a_test_that_cannot_start_and_leaves_nothing() {
    let ground = DockerGround::prepare().await;
    let engine = ground.driver(|_| {});
    let image = build(&ground, &engine, "").await.1.unwrap();
    let mut run = test_run(&image, "", PATIENCE);
    for program in ["/no/such/program", "npm"] {
        run.command = vec![program.into()];
        let (_, outcome) = tested(engine.test(&run).await).await;
        let words = outcome.unwrap_err().to_string();
        assert_eq!(words, format!("the image has no program {program:?}"));
        assert_eq!(left(&ground).await, (0, 0));
    }
    // It is there, and is none.
    run.command = vec!["/bin".into()];
    let (_, outcome) = tested(engine.test(&run).await).await;
    assert!(matches!(outcome, Err(Error::Refused { .. })), "{outcome:?}");
    assert_eq!(left(&ground).await, (0, 0));
}

#[tokio::test]
async fn docker_sweeps_what_a_killed_process_has_left_of_builds() {
    let ground = DockerGround::prepare().await;
    let engine = ground.driver(|_| {});
    let image = build(&ground, &engine, "").await.1.unwrap();
    // A process that dies ends none of its streams: this runtime dies without running their ends.
    let run = test_run(&image, "echo begun; busybox sleep 4321", PATIENCE);
    let dying = ground.driver(|_| {});
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let told = runtime.block_on(async {
            let mut told = dying.test(&run).await.unwrap();
            within(told.next()).await.unwrap().unwrap();
            told
        });
        runtime.shutdown_background();
        drop(told);
    })
    .join()
    .unwrap();
    assert_eq!(left(&ground).await, (1, 1));
    engine.sweep_builds(&[BuildId(7), BUILD]).await.unwrap();
    assert_eq!(left(&ground).await, (1, 1), "it is one of those that run");
    ground.neighbour_driver().sweep_builds(&[]).await.unwrap();
    assert_eq!(left(&ground).await, (1, 1), "it is another installation's");
    engine.sweep_builds(&[BuildId(7)]).await.unwrap();
    assert_eq!(left(&ground).await, (0, 0));
    engine.sweep_builds(&[]).await.unwrap();
}
