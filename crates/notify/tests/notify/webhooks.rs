//! Webhooks and Sensu's agent, taken by a program that knows nothing of this one.

use launcher_model::event::EventKind;
use launcher_notify::{Refusal, Sensu, To, Webhook, WebhookKind};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::world::{World, place};

fn webhook(kind: WebhookKind, port: u16) -> To {
    let secret = (kind == WebhookKind::Signed).then(|| SecretString::from("open sesame"));
    let url = SecretString::from(format!("http://127.0.0.1:{port}/hook"));
    To::Webhook(Webhook { kind, url, secret, allow_private: true })
}

#[tokio::test]
async fn a_signed_webhook_is_checked_by_foreign_code_and_tried_again() {
    let receiver = Receiver::webhooks(&["503"]).await;
    let mut world = World::new().await;
    world.start(&place("ci", webhook(WebhookKind::Signed, receiver.port))).await;
    world.happens(EventKind::EnvironmentReady, "v2 is ready").await;
    let told = receiver.told(2).await;
    assert_eq!((&told[0]["status"], &told[1]["status"]), (&json!(503), &json!(200)));
    for one in &told {
        assert_eq!(one["fits"], json!(true), "{one}");
        // The same id: whoever has it already knows.
        assert_eq!(one["id"], "1");
    }
    let body = &told[1]["body"];
    assert_eq!(body["event"]["kind"], "environment_ready");
    assert_eq!(body["event"]["service"], "shop");
    assert_eq!(body["text"], "shop v2 is ready, by alice");
    assert_eq!(body["url"], "http://v2.shop.localhost");
    assert_eq!(body["test"], json!(false));
    let state = world.target_is("ci", "told", |target| target.told == 1).await;
    assert_eq!((state.errors, state.failing_since, state.kind), (1, None, "signed"));
}

#[tokio::test]
async fn what_is_refused_for_good_is_given_up_and_the_next_is_told() {
    let receiver = Receiver::webhooks(&["400", "302"]).await;
    let mut world = World::new().await;
    world.start(&place("ci", webhook(WebhookKind::Signed, receiver.port))).await;
    for text in ["one", "two", "three"] {
        world.happens(EventKind::BuildFailed, text).await;
    }
    let told = receiver.told(3).await;
    assert_eq!(told.iter().filter(|one| one["path"] != "/hook").count(), 0, "{told:?}");
    let state = world.target_is("ci", "told", |target| target.told == 1).await;
    assert_eq!((state.given_up, state.waiting), (2, 0));
}

#[tokio::test]
async fn chats_are_told_in_the_form_that_each_takes() {
    for (kind, field) in [
        (WebhookKind::Slack, "text"),
        (WebhookKind::Mattermost, "text"),
        (WebhookKind::Discord, "content"),
    ] {
        let receiver = Receiver::webhooks(&[]).await;
        let mut world = World::new().await;
        world.start(&place("chat", webhook(kind, receiver.port))).await;
        world.happens(EventKind::EnvironmentReady, "v2 is ready").await;
        let told = receiver.told(1).await;
        let text = told[0]["body"][field].as_str().unwrap();
        assert!(text.contains("shop v2 is ready") && text.contains("v2.shop.localhost"), "{text}");
        assert_eq!(told[0].get("fits"), None);
    }
}

#[tokio::test]
async fn a_test_says_how_it_went() {
    let receiver = Receiver::webhooks(&["404"]).await;
    let mut world = World::new().await;
    world.start(&place("chat", webhook(WebhookKind::Slack, receiver.port))).await;
    let refused = world.notifier().test("chat", "anna").await.unwrap().unwrap_err();
    assert_eq!(refused, Refusal::Never { why: "it answered 404: Not Found".to_owned() });
    world.notifier().test("chat", "anna").await.unwrap().unwrap();
    let text = receiver.told(2).await[1]["body"]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("asked for by anna"), "{text}");
    assert!(world.notifier().test("nobody", "anna").await.is_none());
}

#[tokio::test]
async fn an_address_of_this_machine_is_refused_before_anything_is_sent() {
    let receiver = Receiver::webhooks(&[]).await;
    let mut world = World::new().await;
    let url = SecretString::from(format!("http://localhost:{}/hook", receiver.port));
    let (kind, secret) = (WebhookKind::Slack, None);
    let hook = To::Webhook(Webhook { kind, url, secret, allow_private: false });
    world.start(&place("chat", hook)).await;
    let refused = world.notifier().test("chat", "anna").await.unwrap().unwrap_err().to_string();
    assert!(refused.contains("allow_private = true"), "{refused}");
    world.happens(EventKind::EnvironmentReady, "v2 is ready").await;
    let state = world.target_is("chat", "failing", |target| target.failing_since.is_some()).await;
    assert!(state.next_try.is_some() || state.errors > 0, "{state:?}");
    assert_eq!(receiver.all(), Vec::<Value>::new());
}

#[tokio::test]
async fn sensu_hears_of_what_is_broken_until_it_is_mended() {
    let receiver = Receiver::webhooks(&[]).await;
    let mut world = World::new().await;
    let url = format!("http://127.0.0.1:{}/events", receiver.port);
    let sensu = Sensu { url, handlers: vec!["pager".to_owned()], entity_prefix: None };
    world.start(&place("sensu", To::Sensu(sensu))).await;
    world.happens(EventKind::VersionLaunched, "v2 was launched").await;
    world.happens(EventKind::EnvironmentFailed, "v2 has failed: it exits").await;
    world.happens(EventKind::EnvironmentReady, "v3 is ready").await;
    let told = receiver.told(2).await;
    let check = |at: usize| &told[at]["body"]["check"];
    assert_eq!((&check(0)["status"], &check(1)["status"]), (&json!(2), &json!(0)));
    assert_eq!(check(0)["metadata"], json!({ "name": "launcher-environment-shop" }));
    assert_eq!(check(0)["metadata"], check(1)["metadata"]);
    assert_eq!(check(0)["handlers"], json!(["pager"]));
    assert!(check(0)["output"].as_str().unwrap().contains("it exits"));
    assert_eq!(told[0]["path"], "/events");
}
