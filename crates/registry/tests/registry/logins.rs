//! Registries that take a user and a password.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use launcher_registry::{Error, Registry as _};
use launcher_testkit::{Registry, RegistrySetup};
use serde_json::json;

use crate::{client, digest, image, login, repository, with_tls};

#[tokio::test]
async fn a_login_is_given_where_it_is_asked_for() {
    with_tls();
    let users = vec![("puller".to_owned(), "sesame".to_owned())];
    let registry = Registry::start(RegistrySetup { users, ..Default::default() }).await;
    let address = registry.address().to_string();
    let header = format!("Basic {}", BASE64_STANDARD.encode("puller:sesame"));
    let pushed = digest(&registry.push("shop", "1", json!({}), Some(&header)).await);
    let shop = repository(&registry.name("shop"));
    let name = image(&format!("{shop}:1"));

    let knows = client(&address, login("puller", "sesame"));
    assert_eq!(knows.digest(&name).await, Ok(pushed.clone()));
    assert_eq!(knows.tags(&shop).await.unwrap(), ["1"]);
    knows.tag(&shop, &pushed, "2").await.unwrap();
    knows.about(&shop, &pushed).await.unwrap();

    let nobody = client(&address, Default::default()).digest(&name).await.unwrap_err();
    assert!(matches!(nobody, Error::LoginNeeded { .. }), "{nobody}");
    assert!(nobody.to_string().contains("password_file"), "{nobody}");
    let wrong = client(&address, login("puller", "guess")).digest(&name).await.unwrap_err();
    assert!(matches!(wrong, Error::LoginRefused { .. }), "{wrong}");
    let told = format!("{wrong} {wrong:?}");
    assert!(told.contains("puller") && !told.contains("guess"), "{told}");

    assert_eq!(knows.delete(&shop, &pushed).await, Ok(true));
}
