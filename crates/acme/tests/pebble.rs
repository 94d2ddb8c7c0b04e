//! Certificates of Pebble, an authority for tests, shown by real edges.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use launcher_acme::Settings;
use launcher_edge::CertificateFiles;
use launcher_model::event::EventKind;
use launcher_testkit::installation::free_port;
use launcher_testkit::wait::until;

use support::{Authority, World, handshake, shown_by};

const SHOP: &str = "shop.example.com";
const WWW: &str = "www.example.com";

#[tokio::test]
async fn a_certificate_is_issued_answered_by_two_edges_and_renewed_under_load() {
    let mut world = World::new().await;
    let authority = Authority::start(world.folder()).await;
    // Each name leads to another edge; whichever is asked answers.
    authority.leads(SHOP, "127.0.0.2").await;
    authority.leads(WWW, "127.0.0.3").await;
    let one = world.edge("one", authority.asked_at("127.0.0.2")).await;
    let other = world.edge("other", authority.asked_at("127.0.0.3")).await;
    world.service(&[SHOP, WWW, "shop.localhost"]).await;
    world.start(Some(authority.settings()));
    let issued = world.issued("shop").await;
    assert_eq!(issued.names, [SHOP, WWW]);
    assert_eq!(world.events(EventKind::CertificateIssued).await, 1);
    let roots = authority.roots().await;
    for edge in [&one, &other] {
        for name in [SHOP, WWW] {
            shown_by(edge.https, name, &roots).await;
        }
    }
    assert!(handshake(one.https, "shop.localhost", &roots).await.is_err(), "nobody issues that");

    // Keys are read by nobody else: sealed in the database, for the owner alone on an edge's disk.
    let database = std::fs::read(world.folder().join("launcher.db")).unwrap();
    let log = std::fs::read(world.folder().join("launcher.db-wal")).unwrap_or_default();
    for bytes in [database, log] {
        assert!(!bytes.windows(11).any(|part| part == b"PRIVATE KEY"));
    }
    let kept = one.dir.join("certificates.json");
    // It is shown first, and kept then.
    let metadata = || async { std::fs::metadata(&kept).ok() };
    let metadata = until("the kept certificates", Duration::from_secs(10), metadata).await;
    let mode = metadata.permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // Two thirds of its time have passed.
    let enough = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (enough, roots) = (enough.clone(), roots.clone());
        let edges = [one.https, other.https];
        async move {
            let mut greeted = 0_u64;
            while !enough.load(Ordering::SeqCst) {
                for edge in edges {
                    handshake(edge, SHOP, &roots).await.expect("no handshake fails");
                    greeted += 1;
                }
            }
            greeted
        }
    });
    world.passes(issued.not_after.duration_since(issued.not_before).as_secs() / 3 * 2 + 60).await;
    world
        .until("the renewal", async |world| {
            world.record("shop").await.and_then(|record| record.issued).filter(|new| *new != issued)
        })
        .await;
    assert_eq!(world.events(EventKind::CertificateRenewed).await, 1);
    let before = one.shown(SHOP, &roots).await;
    enough.store(true, Ordering::SeqCst);
    assert!(load.await.unwrap() > 0);

    // An edge that starts without the server shows the same.
    world.hang_up();
    let again = world.restart(one).await;
    assert_eq!(again.shown(SHOP, &roots).await, before);
    // And when a server is back that has not looked yet what there is.
    world.comes_back_forgetful().await;
    assert_eq!(handshake(again.https, SHOP, &roots).await.unwrap(), before);
}

#[tokio::test]
async fn an_authority_that_is_away_or_slow_harms_nobody_and_is_told() {
    let mut world = World::new().await;
    let slow = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let edge = world.edge("one", free_port()).await;
    world.service(&[SHOP]).await;
    for (directory, why) in [
        (format!("https://{}/dir", free_port()), "the authority cannot be reached"),
        (format!("https://{}/dir", slow.local_addr().unwrap()), "it does not answer in time"),
    ] {
        let settings = Settings {
            directory,
            email: None,
            authority: None,
            within: Duration::from_millis(500),
        };
        let failed = world.events(EventKind::CertificateFailed).await;
        world.start(Some(settings));
        world.passes(24 * 3600).await;
        let told = world.until("the reason", async |world| {
            let failure = world.record("shop").await?.failure?;
            failure.why.contains(why).then_some(failure)
        });
        let failure = told.await;
        assert!(failure.again_at > failure.at);
        assert_eq!(world.events(EventKind::CertificateFailed).await, failed + 1);
        assert_eq!(edge.answers().await, 404, "it serves as before");
    }
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_refused_with_the_reason_and_tried_again() {
    let mut world = World::new().await;
    let authority = Authority::start(world.folder()).await;
    // Nobody listens there.
    authority.leads(SHOP, "127.0.0.9").await;
    let edge = world.edge("one", authority.asked_at("127.0.0.2")).await;
    world.service(&[SHOP]).await;
    world.start(Some(authority.settings()));
    let why = world
        .until("the refusal", async |world| Some(world.record("shop").await?.failure?.why))
        .await;
    assert!(why.contains("did not accept that shop.example.com is served here"), "{why}");
    assert_eq!(world.events(EventKind::CertificateFailed).await, 1);
    assert_eq!(edge.answers().await, 404);
    authority.leads(SHOP, "127.0.0.2").await;
    world.passes(24 * 3600).await;
    world.issued("shop").await;
    let record = world.record("shop").await.unwrap();
    assert_eq!(record.failure, None);
    edge.shown(SHOP, &authority.roots().await).await;

    // Somebody asks for another one, long before it is due.
    let issued = record.issued.unwrap();
    assert!(world.ask("shop").await);
    let other = world
        .until("another one", async |world| {
            world.record("shop").await?.issued.filter(|other| *other != issued)
        })
        .await;
    assert!(other.at > issued.at);
    assert_eq!(world.record("shop").await.unwrap().asked_at, None);
    assert_eq!(world.events(EventKind::CertificateRenewed).await, 1);

    // Who is no longer served has no certificate either.
    world.service(&["shop.localhost"]).await;
    world
        .until("forgetting", async |world| world.record("shop").await.is_none().then_some(()))
        .await;
}

/// Writes a certificate that counts until that day of January 2100.
fn write(files: &CertificateFiles, day: u8) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![SHOP.to_owned()]).unwrap();
    (params.not_before, params.not_after) =
        (rcgen::date_time_ymd(2026, 1, 1), rcgen::date_time_ymd(2100, 1, day));
    std::fs::write(&files.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
}

#[tokio::test]
async fn a_certificate_in_files_that_nobody_renews_or_that_is_of_no_use_is_told_once() {
    let mut world = World::new().await;
    let dir = world.folder();
    let files = CertificateFiles { certificate: dir.join("a.pem"), key: dir.join("a.key") };
    write(&files, 1);
    let end = "2100-01-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap();
    let left = end.duration_since(jiff::Timestamp::now()).as_secs();
    world.service(&[SHOP]).await;
    world.passes(left - 10 * 24 * 3600).await;
    world.start(None);
    let _edge = world.edge_with("one", free_port(), vec![files.clone()]).await;
    let overdue = async |world: &World| world.told(EventKind::CertificateOverdue).await.pop();
    let told = world.until("a word", overdue).await;
    let file = files.certificate.display();
    let wanted = format!(
        "the certificate for {SHOP} in {file} has not been renewed: it counts until 2100-01-01 00:00 UTC"
    );
    assert_eq!(told, wanted);
    // What is shown stays; that the files are of no use is told.
    std::fs::write(&files.key, "no key").unwrap();
    let failed = async |world: &World| world.told(EventKind::CertificateFailed).await.pop();
    let told = world.until("the reason", failed).await;
    assert!(told.starts_with(&format!("the edge one cannot use {file}: there is no")), "{told}");
    // A server that starts again does not tell it again.
    world.start(None);
    write(&files, 2);
    world
        .until("a word of the other one", async |world| {
            (world.events(EventKind::CertificateOverdue).await > 1).then_some(())
        })
        .await;
    assert_eq!(world.told(EventKind::CertificateOverdue).await[1], wanted);
    assert_eq!(world.events(EventKind::CertificateFailed).await, 1);
}

#[tokio::test]
async fn a_question_that_nobody_has_caused_is_the_containers() {
    let world = World::new().await;
    let edge = world.edge("one", free_port()).await;
    let path = "/.well-known/acme-challenge/token";
    assert_eq!(edge.asked(path).await.0, 404);
    world.challenge("token", "token.thumbprint").await;
    assert_eq!(edge.asked(path).await, (200, "token.thumbprint".to_owned()));
}
