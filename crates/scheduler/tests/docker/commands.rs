//! What a Docker Engine does not see to by itself.

use futures_util::StreamExt;
use launcher_scheduler::{ExecRequest, OneOffRole, Output};

use crate::conformance::{
    Behaviour, Ground, eventually, one_off, placement, settle, shell, until, within,
};
use crate::ground::DockerGround;

#[tokio::test]
async fn docker_ends_a_command_whose_listener_is_gone() {
    let ground = DockerGround::prepare().await;
    let engine = ground.engine();
    let placement = placement(&ground, Behaviour::Runs, 1).await;
    let container = settle(&*engine, &placement).await.remove(0);
    let request = ExecRequest { command: shell("echo begun; busybox sleep 4321 & wait") };
    let mut output = engine.exec(&container.id, request).await.unwrap();
    let first = within(output.next()).await.unwrap().unwrap();
    assert!(matches!(first, Output::Line(line) if line.text == "begun"));
    let sleeps = async || {
        let top = ground.api.top_processes(&container.id, None).await.unwrap();
        let processes = top.processes.unwrap();
        processes.iter().filter(|p| p.iter().any(|c| c.contains("sleep 4321"))).count()
    };
    eventually("the command runs", async || (sleeps().await > 0).then_some(())).await;
    drop(output);
    eventually("the command is ended, with what it started", async || {
        (sleeps().await == 0).then_some(())
    })
    .await;
    assert!(engine.observe(None).await.unwrap()[0].is_running(), "only the command was ended");
}

#[tokio::test]
async fn docker_tells_of_a_command_that_is_not_there() {
    let ground = DockerGround::prepare().await;
    let engine = ground.engine();
    let placement = placement(&ground, Behaviour::Runs, 1).await;
    let container = settle(&*engine, &placement).await.remove(0);
    let request = ExecRequest { command: vec!["/no/such/program".into()] };
    let told = match engine.exec(&container.id, request).await {
        Err(error) => error.to_string(),
        Ok(output) => format!("{:?}", output.collect::<Vec<_>>().await),
    };
    assert!(told.contains("/no/such/program"), "{told}");

    let mut release = one_off(&placement, OneOffRole::Release, "");
    release.command = vec!["/no/such/program".into()];
    for _ in 0..2 {
        let error = engine.run_once(&release).await.err().expect("there is no such program");
        assert!(error.to_string().contains("/no/such/program"), "{error}");
    }
}

#[tokio::test]
async fn docker_removes_the_commands_of_a_process_that_is_no_more() {
    let ground = DockerGround::prepare().await;
    let placement = placement(&ground, Behaviour::Runs, 1).await;
    // A driver whose process dies never tells its guard: the other driver knows nothing of the command.
    let (before, after) = (ground.engine(), ground.engine());
    let run = one_off(&placement, OneOffRole::Run, "echo begun; busybox sleep 4321");
    let mut output = before.run_once(&run).await.unwrap();
    within(output.next()).await.unwrap().unwrap();

    let mut changes = before.watch();
    until(&mut changes, |change| *change == launcher_scheduler::Change::Everything).await;
    assert_eq!(ground.one_offs().await, 1, "its own are left alone");
    let mut changes = after.watch();
    until(&mut changes, |change| *change == launcher_scheduler::Change::Everything).await;
    assert_eq!(ground.one_offs().await, 0);
}

#[tokio::test]
async fn docker_joins_a_release_command_from_another_process() {
    let ground = DockerGround::prepare().await;
    let placement = placement(&ground, Behaviour::Runs, 1).await;
    let release = one_off(&placement, OneOffRole::Release, "echo begun; busybox sleep 1; exit 6");
    let mut first = ground.engine().run_once(&release).await.unwrap();
    within(first.next()).await.unwrap().unwrap();
    let joined = ground.engine().run_once(&release).await.unwrap();
    assert_eq!(crate::conformance::to_end(joined).await, (vec!["begun".to_owned()], 6));
}
