//! Several instances of Marathon, and what stands between them and a client.

use std::time::Duration;

use launcher_marathon_standin::Options;
use serde_json::Value;

use crate::support::{Ground, two_agents, until};

#[tokio::test]
async fn docker_standin_survives_its_leader() {
    let version = "1.4.2".parse().unwrap();
    let options = Options { version, instances: 2, agents: two_agents(), ..Options::default() };
    let ground = Ground::with(options).await;
    let [first, second] = &ground.standin.urls()[..] else { panic!("two instances") };
    ground.create(&ground.app("/shop/web", 1)).await;
    ground.settled().await;
    let running = ground.running().await;

    let proxied = ground.client.get(format!("{second}/v2/leader")).send().await.unwrap();
    let own = second.replace("http://", "");
    assert_eq!(proxied.headers()["x-marathon-via"], format!("1.1 {own}").as_str());
    assert_eq!(proxied.headers()["x-marathon-leader"], first.as_str());
    let leader: Value = proxied.json().await.unwrap();
    assert_eq!(leader["leader"], first.replace("http://", ""));

    assert_eq!(ground.standin.kill_leader(), Some(0));
    // Held until it is settled who leads.
    let apps = ground.client.get(format!("{second}/v2/apps")).send().await.unwrap();
    assert_eq!(apps.headers()["x-marathon-leader"], second.as_str());
    let apps: Value = apps.json().await.unwrap();
    assert_eq!(apps["apps"][0]["id"], "/shop/web");
    assert!(ground.client.get(format!("{first}/ping")).send().await.is_err());
    assert_eq!(ground.running().await, running);

    ground.standin.revive(0).await.unwrap();
    let back: Value =
        ground.client.get(format!("{first}/v2/leader")).send().await.unwrap().json().await.unwrap();
    assert_eq!(back["leader"], second.replace("http://", ""));
    ground.client.delete(format!("{first}/v2/leader")).send().await.unwrap();
    until("another leader", async || (ground.standin.leader() == Some(0)).then_some(())).await;
}

#[tokio::test]
async fn docker_standin_answers_with_pages_where_marathon_does() {
    let credentials = Some(("ops".to_owned(), "secret".into()));
    let ground = Ground::with(Options { credentials, ..Options::default() }).await;
    let url = format!("{}/v2/apps", ground.standin.url());
    let answer = ground.client.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["www-authenticate"], "Basic realm=\"Mesosphere\"");
    assert!(answer.text().await.unwrap().starts_with("<html>"));
    let login = || ground.client.get(&url).basic_auth("ops", Some("secret"));
    assert_eq!(login().send().await.unwrap().status(), 200);

    ground.standin.answer_bad_gateway_for(Duration::from_secs(3600));
    let answer = login().send().await.unwrap();
    assert_eq!(answer.status(), 502);
    assert!(answer.text().await.unwrap().contains("<html>"));
    ground.standin.answer_bad_gateway_for(Duration::ZERO);
    assert_eq!(login().send().await.unwrap().status(), 200);
    assert_eq!(ground.standin.calls(), 4);
}
