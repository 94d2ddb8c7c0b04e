//! Several masters of Marathon, behind a login: one leads and dies, and another one takes over.

use launcher_marathon_standin::Options;
use launcher_scheduler::marathon::Login;
use launcher_scheduler::{Change, Error, Scheduler};

use crate::conformance::{
    Behaviour, Ground, eventually, observed, placement, running, settle, shop, until,
};
use crate::ground::{LATEST, MarathonGround, in_a_lab, on_version};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_marathon_goes_on_with_another_leader() {
    in_a_lab(async {
        // Stand-bys pass everything on to the one that leads.
        on_version("1.4.2", a_leader_dies()).await;
        // They send who wants events to it.
        on_version(LATEST, a_leader_dies()).await;
    })
    .await;
}

fn with_login(options: &mut Options) {
    options.instances = 3;
    options.credentials = Some(("ali".to_owned(), "open sesame".into()));
}

fn login(password: &str) -> Option<Login> {
    Some(Login::Basic { username: "ali".to_owned(), password: password.into() })
}

async fn a_leader_dies() {
    let ground = MarathonGround::with(with_login).await;
    // One that stands by is asked first.
    let engine = ground.driver(|config| {
        config.urls.rotate_left(1);
        config.login = login("open sesame");
    });
    a_wrong_login_is_told(&ground).await;
    let placement = placement(&ground, Behaviour::Runs, 2).await;
    let before = settle(&engine, &placement).await;
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;

    assert_eq!(ground.standin().kill_leader(), Some(0));
    until(&mut changes, |change| matches!(change, Change::Lost { .. })).await;
    until(&mut changes, |change| *change == Change::Everything).await;
    let second = ground.standin().leader().expect("another one leads");
    assert_ne!(second, 0);
    engine.ensure(&placement).await.unwrap();
    assert_eq!(observed(&engine).await, before, "nothing has happened to the containers");

    // The new one tells what happens, and does what it is asked to.
    ground.kill(&before[0].id).await;
    let ended = Change::Ended { service: shop(), container: before[0].id.clone() };
    until(&mut changes, |change| *change == ended).await;
    settle(&engine, &placement).await;

    // And again, with the master that was asked first so far.
    ground.standin().revive(0).await.unwrap();
    assert_eq!(ground.standin().kill_leader(), Some(second));
    until(&mut changes, |change| matches!(change, Change::Lost { .. })).await;
    until(&mut changes, |change| *change == Change::Everything).await;
    eventually("both run", async || {
        engine.ensure(&placement).await.unwrap();
        (running(&observed(&engine).await).len() == 2).then_some(())
    })
    .await;
}

async fn a_wrong_login_is_told(ground: &MarathonGround) {
    for (login, words) in [(login("open barley"), "login of ali"), (None, "password_file")] {
        let error = ground.driver(|config| config.login = login).observe(None).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }) && !error.is_passing(), "{error}");
        assert!(error.to_string().contains(words) && !error.to_string().contains("barley"));
    }
}
