//! A real ngIRCd.

use std::net::SocketAddr;

use launcher_model::event::EventKind;
use launcher_notify::{Channel, Config, IrcServer, IrcTls};
use launcher_testkit::{Ngircd, Person};

use crate::world::{World, rule};

fn server(address: SocketAddr, tls: Option<IrcTls>) -> Config {
    let channel =
        |name: &str, events| Channel { name: name.to_owned(), key: None, rule: rule("*", events) };
    let server = IrcServer {
        name: "test".to_owned(),
        host: if tls.is_some() { "localhost".to_owned() } else { "127.0.0.1".to_owned() },
        port: address.port(),
        tls,
        nick: "launcher".to_owned(),
        password: None,
        login: None,
        channels: vec![channel("#deploys", "usual"), channel("#builds", "builds")],
    };
    Config { irc: vec![server], ..Config::default() }
}

#[tokio::test]
async fn heavy_channels_are_joined_told_and_answered_and_told_again_after_a_restart() {
    let mut world = World::new().await;
    let mut ngircd = Ngircd::start(world.folder.path());
    let anna = Person::join(ngircd.address, "anna", "#deploys").await;
    let bert = Person::join(ngircd.address, "bert", "#builds").await;
    world.start(&server(ngircd.address, None)).await;
    anna.hears(":launcher!").await;
    world.happens(EventKind::EnvironmentReady, "v2 is ready").await;
    world.happens(EventKind::BuildQueued, "build 7 waits").await;
    let told = anna.hears("shop v2 is ready").await;
    let words = "PRIVMSG #deploys :shop v2 is ready, by alice — http://v2.shop.localhost";
    assert!(told.starts_with(":launcher!") && told.ends_with(words), "{told}");
    bert.hears("PRIVMSG #builds :shop: build 7 waits").await;
    world.target_is("test#deploys", "told", |target| target.told == 1 && target.waiting == 0).await;

    anna.says("!launcher status shop").await;
    anna.hears("NOTICE #deploys :shop: v2 is live, 2 of 2 containers healthy").await;
    anna.says("!launcher history cart").await;
    anna.hears("NOTICE #deploys :there is no service cart").await;
    anna.sends("PRIVMSG launcher :history shop").await;
    anna.hears("NOTICE anna :alice deployed v2").await;

    ngircd.kill();
    world.target_is("test#deploys", "away", |target| target.failing_since.is_none()).await;
    world.happens(EventKind::EnvironmentFailed, "v3 has failed: it exits").await;
    world.target_is("test#deploys", "failing", |target| target.failing_since.is_some()).await;
    ngircd.run();
    let anna = Person::join(ngircd.address, "anna", "#deploys").await;
    // Before it or after it: whoever is there is told what happened meanwhile.
    anna.hears("launcher").await;
    world.happens(EventKind::EnvironmentReady, "v4 is ready").await;
    anna.hears("v4 is ready").await;
    let target = world.target_is("test#deploys", "told", |target| target.told == 3).await;
    assert_eq!((target.failing_since, target.given_up), (None, 0));
    world.notifier().shut_down().await;
    anna.hears("QUIT").await;
}

#[tokio::test]
async fn heavy_nothing_is_lost_with_the_process_that_tells() {
    let mut world = World::new().await;
    let ngircd = Ngircd::start(world.folder.path());
    let anna = Person::join(ngircd.address, "anna", "#deploys").await;
    let config = server(ngircd.address, None);
    world.start(&config).await;
    anna.hears(":launcher!").await;
    world.kill();
    for number in 1..=7 {
        world.happens(EventKind::EnvironmentReady, &format!("v{number} is ready")).await;
    }
    world.start(&config).await;
    // In the middle of what it says.
    anna.hears("v2 is ready").await;
    world.kill();
    world.start(&config).await;
    anna.hears("v7 is ready").await;
    let all = anna.lines().join("\n");
    for number in 1..=7 {
        assert!(all.contains(&format!("v{number} is ready")), "{number}: {all}");
    }
}

#[tokio::test]
async fn heavy_a_nick_in_use_is_got_back_and_a_kick_is_not_forever() {
    let mut world = World::new().await;
    let ngircd = Ngircd::start(world.folder.path());
    let thief = Person::join(ngircd.address, "launcher", "#deploys").await;
    let anna = Person::join(ngircd.address, "anna", "#deploys").await;
    world.start(&server(ngircd.address, None)).await;
    anna.hears(":launcher_!").await;
    thief.sends("QUIT").await;
    anna.hears("NICK :launcher").await;
    world.happens(EventKind::EnvironmentReady, "v2 is ready").await;
    let told = anna.hears("v2 is ready").await;
    assert!(told.starts_with(":launcher!"), "{told}");
}

#[tokio::test]
async fn heavy_tls_is_spoken_with_a_server_that_its_authority_vouches_for() {
    let mut world = World::new().await;
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let ngircd = Ngircd::start_with_tls(world.folder.path(), &certificate, &key);
    let anna = Person::join(ngircd.address, "anna", "#deploys").await;
    let authority = Some(certificate.into_bytes());
    world.start(&server(ngircd.tls, Some(IrcTls { authority }))).await;
    world.happens(EventKind::EnvironmentReady, "v2 is ready").await;
    anna.hears("v2 is ready").await;
    world.kill();

    // Nobody vouches for it on this machine.
    world.start(&server(ngircd.tls, Some(IrcTls::default()))).await;
    let refused = world.notifier().test("test#deploys", "anna").await.unwrap().unwrap_err();
    assert!(refused.to_string().contains("no TLS with localhost"), "{refused}");
}
