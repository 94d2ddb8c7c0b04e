//! Logs, commands in containers, one-off containers.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use launcher_model::VersionNumber;
use launcher_scheduler::{Error, ExecRequest, LogOptions, OneOff, OneOffRole, Output};

use super::{
    Behaviour, Ground, eventually, killed_after, observed, one_off, placement, settle, shell, shop,
    to_end, within,
};

pub(crate) async fn logs_are_read_and_followed(ground: &impl Ground) {
    let engine = ground.engine();
    if !engine.capabilities().logs {
        let options = LogOptions::default();
        return refused(engine.logs("x", options).await);
    }
    let placement = placement(ground, Behaviour::Talks, 1).await;
    let container = settle(&*engine, &placement).await.remove(0);
    let read = async |tail, follow| {
        let options = LogOptions { tail, follow, ..LogOptions::default() };
        engine.logs(&container.id, options).await.unwrap()
    };
    eventually("all three lines", async || {
        let lines: Vec<_> = read(None, false).await.collect().await;
        let texts: Vec<_> = lines.iter().map(|l| l.as_ref().unwrap().text.as_str()).collect();
        (texts == ["line 1", "line 2", "line 3"]).then_some(())
    })
    .await;
    let last: Vec<_> = read(Some(1), false).await.collect().await;
    let [Ok(line)] = last.as_slice() else { panic!("{last:?}") };
    assert_eq!(line.text, "line 3");
    assert!(line.at.is_some_and(|at| at >= placement.since));

    let mut followed = read(Some(2), true).await;
    assert_eq!(within(followed.next()).await.unwrap().unwrap().text, "line 2");
    assert_eq!(within(followed.next()).await.unwrap().unwrap().text, "line 3");
    ground.kill(&container.id).await;
    assert!(within(followed.next()).await.is_none(), "the log ends with its container");

    let options = LogOptions::default();
    for unknown in ["no-such-container", "../images/json", ""] {
        let answer = engine.logs(unknown, options).await;
        assert!(matches!(answer, Err(Error::NoContainer(_))), "{unknown}");
    }
}

/// What an engine cannot do it refuses, and says what to do instead.
fn refused<T>(answer: launcher_scheduler::Result<T>) {
    let error = answer.err().expect("the engine says that it cannot");
    assert!(matches!(error, Error::Unsupported { .. }) && !error.is_passing(), "{error}");
    assert!(error.to_string().contains(": "), "{error}");
}

/// The same of one-off containers. Whether there is nothing more to tell of them.
async fn refuses_one_offs(ground: &impl Ground, role: OneOffRole) -> bool {
    let engine = ground.engine();
    let refuses = !engine.capabilities().one_off;
    if refuses {
        let placement = placement(ground, Behaviour::Runs, 1).await;
        refused(engine.run_once(&one_off(&placement, role, "exit 0")).await);
        assert_eq!(ground.one_offs().await, 0);
    }
    refuses
}

pub(crate) async fn commands_run_in_containers(ground: &impl Ground) {
    let engine = ground.engine();
    if !engine.capabilities().exec {
        let request = ExecRequest { command: shell("exit 0") };
        return refused(engine.exec("x", request).await);
    }
    let placement = placement(ground, Behaviour::Runs, 1).await;
    let container = settle(&*engine, &placement).await.remove(0);
    let exec = async |script| {
        let request = ExecRequest { command: shell(script) };
        engine.exec(&container.id, request).await
    };
    let told = to_end(exec("echo one; echo two; exit 7").await.unwrap()).await;
    assert_eq!(told, (vec!["one".to_owned(), "two".to_owned()], 7));
    assert_eq!(to_end(exec("exit 0").await.unwrap()).await, (Vec::new(), 0));

    ground.kill(&container.id).await;
    eventually("it is seen to be dead", async || {
        observed(&*engine).await.iter().all(|c| !c.is_running()).then_some(())
    })
    .await;
    let refused = exec("exit 0").await.err().expect("it does not run");
    assert!(matches!(refused, Error::Refused { .. }), "{refused}");
}

pub(crate) async fn a_release_command_runs_once(ground: &impl Ground) {
    if refuses_one_offs(ground, OneOffRole::Release).await {
        return;
    }
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::Runs, 1).await;
    let release = one_off(&placement, OneOffRole::Release, "echo migrating; sleep 1; exit 4");
    // Whoever asked first was killed in between, wherever that was.
    for steps in [1, 2, 3] {
        killed_after(steps, engine.run_once(&release)).await;
    }
    let mut first = engine.run_once(&release).await.unwrap();
    let begun = within(first.next()).await.unwrap().unwrap();
    assert!(matches!(begun, Output::Line(line) if line.text == "migrating"));

    // Whoever listened is gone; the command is not, and a repetition joins it.
    drop(first);
    let expected = (vec!["migrating".to_owned()], 4);
    assert_eq!(to_end(engine.run_once(&release).await.unwrap()).await, expected);
    assert_eq!(to_end(engine.run_once(&release).await.unwrap()).await, expected);
    assert_eq!(ground.one_offs().await, 1);
    assert_eq!(observed(&*engine).await, []);
    engine.remove(&shop(), VersionNumber(1), Duration::ZERO).await.unwrap();
    assert_eq!(ground.one_offs().await, 0);
}

pub(crate) async fn a_release_command_that_hangs_is_killed(ground: &impl Ground) {
    if refuses_one_offs(ground, OneOffRole::Release).await {
        return;
    }
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::Runs, 1).await;
    let timeout = Duration::from_secs(1);
    let release = one_off(&placement, OneOffRole::Release, "echo hanging; sleep 600");
    let release = OneOff { timeout, ..release };
    let begun = Instant::now();
    let mut output = engine.run_once(&release).await.unwrap();
    let mut last = None;
    while let Some(item) = within(output.next()).await {
        last = Some(item);
    }
    let last = last.expect("nothing was told");
    assert!(matches!(&last, Err(Error::Overdue { after, .. }) if *after == timeout), "{last:?}");
    assert!(begun.elapsed() >= timeout);
}

pub(crate) async fn a_person_s_command_ends_with_its_listener(ground: &impl Ground) {
    if refuses_one_offs(ground, OneOffRole::Run).await {
        return;
    }
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::Runs, 1).await;
    let gone = async || {
        eventually("the container is gone", async || (ground.one_offs().await == 0).then_some(()))
            .await;
    };
    let short = one_off(&placement, OneOffRole::Run, "echo done; exit 5");
    let told = to_end(engine.run_once(&short).await.unwrap()).await;
    assert_eq!(told, (vec!["done".to_owned()], 5));
    gone().await;

    let long = one_off(&placement, OneOffRole::Run, "echo waiting; sleep 600");
    let mut output = engine.run_once(&long).await.unwrap();
    let line = within(output.next()).await.unwrap().unwrap();
    assert!(matches!(line, Output::Line(line) if line.text == "waiting"));
    assert_eq!(ground.one_offs().await, 1);
    drop(output);
    gone().await;
}
