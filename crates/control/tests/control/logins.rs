//! Who may look at previews: what the newest value of a secret says.

use launcher_control::PreviewLogins;
use launcher_edge::table::Login;
use launcher_model::environment::EnvironmentState;
use launcher_model::secret::SecretName;
use launcher_model::{ServiceName, VersionNumber};

use crate::edge::Edge;
use crate::world::{World, eventually};

const SECRET: &str = "shop/preview-logins";

async fn guarded(world: &World) -> ServiceName {
    let login = |spec: &mut launcher_model::service::ServiceSpec| {
        spec.previews.login = Some(SECRET.to_owned());
    };
    world.service("shop", login).await
}

/// Sets the secret as the API does.
async fn set(world: &World, value: &str) {
    world.set_secret(SECRET, value).await;
    changed(world).await;
}

async fn changed(world: &World) {
    let name = SecretName::new(SECRET).unwrap();
    let opened = world.control().opened_by(&name).await.unwrap();
    assert_eq!(opened, [ServiceName::new("shop").unwrap()]);
    world.control().logins_changed(&opened);
}

/// What the edge was told: none, everybody may.
fn told(edge: &Edge, shop: &ServiceName) -> Option<Vec<Login>> {
    edge.state().table.services.get(shop).and_then(|table| table.rules.preview_logins.clone())
}

fn users(edge: &Edge, shop: &ServiceName) -> Option<Vec<String>> {
    Some(told(edge, shop)?.into_iter().map(|login| login.user).collect())
}

async fn are(edge: &Edge, shop: &ServiceName, expected: &[&str]) {
    let what = format!("the edge knows that {expected:?} may look");
    eventually(&what, async || users(edge, shop).is_some_and(|users| users == expected)).await;
}

async fn known(world: &World, shop: &ServiceName) -> PreviewLogins {
    let spec = world.store.service(shop).await.unwrap().unwrap().spec;
    world.control().preview_logins(&spec).unwrap()
}

#[tokio::test]
async fn a_secret_that_is_set_anew_reaches_edges_without_a_new_version() {
    let (mut world, edge) = World::new().await;
    let shop = guarded(&world).await;
    are(&edge, &shop, &[]).await;
    let why = "the secret shop/preview-logins (for the login of previews) is not set; \
               set it with `launcher secret set shop/preview-logins`";
    assert_eq!(known(&world, &shop).await.trouble.as_deref(), Some(why));

    set(&world, "ada:lace\r\n\n grace:x\n").await;
    let spaced = "line 3 of the secret shop/preview-logins is not `user:password`";
    eventually("the mistake is told", async || {
        known(&world, &shop).await.trouble.is_some_and(|why| why.starts_with(spaced))
    })
    .await;
    are(&edge, &shop, &[]).await;

    set(&world, "ada:lace\r\n\ngrace:a:b\n").await;
    are(&edge, &shop, &["ada", "grace"]).await;
    let before = told(&edge, &shop).unwrap();
    let logins = known(&world, &shop).await;
    assert_eq!((logins.users, logins.trouble), (Some(2), None));

    // As the same table is built the same again, nothing is sent anew.
    let replaced = edge.state().replaced;
    world.control().logins_changed(std::slice::from_ref(&shop));
    let version = world.launch(&shop, "1").await;
    world.reaches(&shop, version, EnvironmentState::Ready).await;
    assert_eq!(told(&edge, &shop).unwrap(), before);
    assert!(edge.state().replaced > replaced, "the new environment was told");
    world.restart().await;
    eventually("the edge is back", async || edge.state().welcomes > 1).await;
    assert_eq!(told(&edge, &shop).unwrap(), before);

    // The same password under another number is hashed with another salt.
    set(&world, "ada:lace\ngrace:a:b").await;
    eventually("the edge has other hashes", async || told(&edge, &shop).unwrap() != before).await;
    are(&edge, &shop, &["ada", "grace"]).await;

    world.store.unset_secret(&SecretName::new(SECRET).unwrap(), "test", now()).await.unwrap();
    changed(&world).await;
    are(&edge, &shop, &[]).await;
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

#[tokio::test]
async fn a_switch_takes_the_logins_along() {
    let (world, edge) = World::new().await;
    world.set_secret(SECRET, "ada:lace").await;
    let shop = guarded(&world).await;
    let version: VersionNumber = world.launch(&shop, "1").await;
    world.reaches(&shop, version, EnvironmentState::Ready).await;
    world.deploy(&shop, version).await.unwrap();
    assert_eq!(users(&edge, &shop).unwrap(), ["ada"]);
    assert_eq!(edge.state().table.services[&shop].weights.len(), 1);
}

#[tokio::test]
async fn what_makes_no_sense_opens_nothing_and_tells_no_password() {
    let (world, edge) = World::new().await;
    let shop = guarded(&world).await;
    let long = format!("ada:{}", "s3cret".repeat(30));
    let many = (0..101).map(|n| format!("u{n}:s3cret\n")).collect::<String>();
    for (value, why) in [
        ("s3cret", "line 1 of"),
        ("ada:s3cret\nada:s3cret2", "line 2 of"),
        (":s3cret", "line 1 of"),
        ("ada:", "line 1 of"),
        ("ada:s3\u{7}cret", "line 1 of"),
        (long.as_str(), "line 1 of"),
        (many.as_str(), "has 101 lines"),
        ("  \n", "has 0 lines"),
    ] {
        set(&world, value).await;
        eventually(&format!("{why} is told"), async || {
            let trouble = known(&world, &shop).await.trouble;
            trouble.is_some_and(|told| told.contains(why) && !told.contains("s3"))
        })
        .await;
        are(&edge, &shop, &[]).await;
        set(&world, "ada:lace").await;
        are(&edge, &shop, &["ada"]).await;
    }
}

#[tokio::test]
async fn secrets_that_are_not_set_are_told_by_what_they_are_for() {
    let (world, _edge) = World::new().await;
    let mut spec = launcher_model::service::ServiceSpec::new("shop".parse().unwrap(), 80);
    spec.previews.login = Some(SECRET.to_owned());
    spec.secrets.insert("URL".to_owned(), "shop/url".parse().unwrap());
    world.set_secret("shop/url", "x").await;
    let unset = world.control().unset_secrets(&spec).await.unwrap();
    assert_eq!(unset.len(), 1, "{unset:?}");
    assert!(unset[0].contains("for the login of previews"), "{unset:?}");
}
