//! Leaders, logins, and answers that are none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use launcher_scheduler::marathon::{Config, Login, Marathon};
use launcher_scheduler::{Error, Scheduler};
use secrecy::SecretString;

use crate::master::{Master, Reply, config, driver, nothing};

fn with_login(masters: &[&Master]) -> Marathon {
    let password = SecretString::from("open sesame");
    let login = Some(Login::Basic { username: "ali".to_owned(), password });
    driver(Config { login, ..config(masters) })
}

const BASIC: &str = "Basic YWxpOm9wZW4gc2VzYW1l";

#[tokio::test]
async fn a_master_that_is_away_or_knows_no_leader_is_passed_over() {
    let html = |_: &_| {
        let body = "<html><body><h2>HTTP ERROR 502</h2>Could not determine the current leader</body></html>";
        Reply::Text(502, "text/html", body.to_owned())
    };
    let (leaderless, good) = (Master::start(html).await, Master::start(nothing).await);
    let away = Master::start(nothing).await;
    let address = away.address;
    drop(away);
    let urls = vec![format!("http://{address}"), leaderless.url(), good.url()];
    let engine = driver(Config { urls, ..config(&[]) });
    assert_eq!(engine.observe(None).await.unwrap(), []);
    let asked = leaderless.seen().len();
    assert_eq!(asked, 1);
    engine.ensure(&crate::world::placement(1)).await.unwrap();
    assert_eq!(leaderless.seen().len(), asked, "the one that answered is asked first");
}

#[tokio::test]
async fn html_is_not_repeated_to_people() {
    let master =
        Master::start(|_| Reply::Text(502, "text/html", "<html>secret</html>".into())).await;
    let error = master.driver().observe(None).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let told = error.to_string();
    assert!(told.contains("502") && !told.contains("html"), "{told}");
    // Something else than Marathon.
    let master =
        Master::start(|_| Reply::Text(200, "text/html", "<html>hello</html>".into())).await;
    let error = master.driver().observe(None).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }) && !error.is_passing(), "{error}");
}

#[tokio::test]
async fn the_login_goes_along_to_masters_that_are_named_and_to_no_one_else() {
    let leader = Arc::new(Master::start(nothing).await);
    let to = leader.url();
    let standby =
        Master::start(move |seen| Reply::Redirect(302, format!("{to}{}", seen.target))).await;
    let engine = with_login(&[&standby, &leader]);
    engine.observe(None).await.unwrap();
    assert!(leader.seen().iter().all(|seen| seen.headers["authorization"] == BASIC));

    let stranger = Arc::new(Master::start(nothing).await);
    let to = stranger.url();
    let standby =
        Master::start(move |seen| Reply::Redirect(302, format!("{to}{}", seen.target))).await;
    let error = with_login(&[&standby]).observe(None).await.unwrap_err();
    assert!(error.to_string().contains("urls"), "{error}");
    assert_eq!(stranger.seen().len(), 0);
    // Without a login there is nothing to keep.
    standby.driver().observe(None).await.unwrap();
    assert!(stranger.seen().iter().all(|seen| !seen.headers.contains_key("authorization")));
}

#[tokio::test]
async fn masters_that_send_to_each_other_are_not_followed_for_ever() {
    let master = Master::start(|seen| Reply::Redirect(302, seen.target.clone())).await;
    let error = master.driver().observe(None).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(master.seen().len(), 2);
}

#[tokio::test]
async fn a_login_that_is_missing_or_wrong_is_told_as_such() {
    let message = |status, text: &'static str| {
        Master::start(move |_| Reply::Json(status, serde_json::json!({ "message": text })))
    };
    let master = message(401, "Invalid username or password.").await;
    let error = master.driver().observe(None).await.unwrap_err().to_string();
    assert!(error.contains("password_file") && error.contains("[marathon]"), "{error}");
    let error = with_login(&[&master]).observe(None).await.unwrap_err().to_string();
    assert!(error.contains("login of ali") && !error.contains("sesame"), "{error}");

    let master = message(403, "Not Authorized to perform this action!").await;
    let error = with_login(&[&master]).observe(None).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    let master = message(403, "Max number (100) of running deployments is achieved.").await;
    let error = master.driver().observe(None).await.unwrap_err();
    assert!(matches!(error, Error::Busy { .. }) && error.is_passing(), "{error}");
}

#[tokio::test]
async fn a_token_is_given_as_dcos_wants_it() {
    let master = Master::start(nothing).await;
    let login = Some(Login::Token(SecretString::from("abc.def")));
    driver(Config { login, ..config(&[&master]) }).observe(None).await.unwrap();
    assert!(master.seen().iter().all(|seen| seen.headers["authorization"] == "token=abc.def"));
}

#[tokio::test]
async fn what_may_have_been_begun_is_not_asked_of_another_master() {
    let hangup = |seen: &crate::master::Seen| {
        if seen.method == "GET" { nothing(seen) } else { Reply::Hangup }
    };
    let (first, second) = (Master::start(hangup).await, Master::start(hangup).await);
    let engine = driver(config(&[&first, &second]));
    let error = engine.ensure(&crate::world::placement(1)).await.unwrap_err();
    assert!(error.is_passing(), "{error}");
    let posts = |master: &Master| master.seen().iter().filter(|s| s.method == "POST").count();
    assert_eq!((posts(&first), posts(&second)), (1, 0));
}

#[tokio::test]
async fn versions_that_cannot_be_used_are_refused() {
    for (version, words) in [("0.8.1", "0.8.2 or a later one"), ("unknown", "its version")] {
        let master = Master::start(move |_| Reply::Json(200, crate::master::info(version))).await;
        let error = master.driver().observe(None).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_given_up() {
    let endless = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&endless);
    let master = Master::start(move |seen| {
        if seen.path() == "/v2/info" {
            return nothing(seen);
        }
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let told = Arc::clone(&told);
        tokio::spawn(async move {
            for _ in 0..80 {
                if sender.send(vec![b' '; 1 << 20]).is_err() {
                    return;
                }
            }
            sender.closed().await;
            told.store(true, Ordering::Relaxed);
        });
        Reply::Stream(receiver)
    })
    .await;
    let error = master.driver().observe(None).await.unwrap_err();
    assert!(error.to_string().contains("more than 64 MiB"), "{error}");
}

#[tokio::test]
async fn snapshots_are_asked_for_as_each_version_can() {
    for (version, expected) in [
        ("0.10.1", "embed=apps.tasks"),
        (
            "1.9.73",
            "embed=apps.tasks&embed=apps.counts&embed=apps.deployments&embed=apps.lastTaskFailure",
        ),
    ] {
        let master = Master::start(move |seen| match seen.path() {
            "/v2/info" => Reply::Json(200, crate::master::info(version)),
            _ => nothing(seen),
        })
        .await;
        master.driver().observe(None).await.unwrap();
        let target = master.seen().pop().unwrap().target;
        assert_eq!(target, format!("/v2/apps?label=launcher%2Einstallation%3D%3Dtest&{expected}"));
    }
}
