//! What is asked of a registry that anyone may use.

use launcher_registry::{Error, Registry as _};
use launcher_testkit::{Registry, RegistrySetup};
use serde_json::json;

use crate::stranger::{Stranger, http};
use crate::{client, digest, image, repository, with_tls};

#[tokio::test]
async fn names_tags_and_labels_are_read() {
    with_tls();
    let registry = Registry::open().await;
    let shop = registry.name("team/shop");
    let client = client(&registry.address().to_string(), Default::default());
    let config = json!({"created": "2026-01-02T03:04:05Z", "config": {"Labels": {"a": "b"}}});
    let first = digest(&registry.push_config("team/shop", "1", config, None).await);
    let second = digest(&registry.push("team/shop", "2", json!({"n": "2"}), None).await);

    assert_eq!(client.digest(&image(&format!("{shop}:1"))).await, Ok(first.clone()));
    assert_eq!(client.digest(&image(&format!("{shop}:2"))).await, Ok(second.clone()));
    assert_eq!(client.digest(&image(&format!("{shop}@{first}"))).await, Ok(first.clone()));
    assert_eq!(client.tags(&repository(&shop)).await.unwrap(), ["1", "2"]);
    let about = client.about(&repository(&shop), &first).await.unwrap();
    assert_eq!(about.created, Some("2026-01-02T03:04:05Z".parse().unwrap()));
    assert_eq!(about.labels["a"], "b");

    let missing = client.digest(&image(&format!("{shop}:3"))).await.unwrap_err();
    assert!(matches!(missing, Error::Missing { .. }), "{missing}");
    assert!(missing.to_string().contains("has no team/shop:3"), "{missing}");
    let nothing = client.tags(&repository(&registry.name("team/none"))).await.unwrap_err();
    assert!(matches!(nothing, Error::Missing { .. }), "{nothing}");
}

/// The registry that is tested with gives all at once.
#[tokio::test]
async fn every_page_of_tags_is_read() {
    let stranger = Stranger::answers(|head| {
        let link = "link: </v2/shop/tags/list?last=b&n=2>; rel=\"next\"\r\n";
        match head.split_whitespace().nth(1) {
            Some("/v2/shop/tags/list?last=b&n=2") => http("200 OK", "", "{\"tags\":[\"c\"]}"),
            Some(_) => http("200 OK", link, "{\"tags\":[\"a\",\"b\"]}"),
            None => b"?".to_vec(),
        }
    })
    .await;
    let client = client(&stranger.address.to_string(), Default::default());
    let shop = repository(&format!("{}/shop", stranger.address));
    assert_eq!(client.tags(&shop).await.unwrap(), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_tag_is_put_on_the_same_bytes_and_goes_with_them() {
    with_tls();
    let registry = Registry::open().await;
    let shop = registry.name("shop");
    let client = client(&registry.address().to_string(), Default::default());
    let pushed = digest(&registry.push("shop", "abc", json!({}), None).await);
    client.tag(&repository(&shop), &pushed, "v7").await.unwrap();
    client.tag(&repository(&shop), &pushed, "v7").await.unwrap();
    assert_eq!(client.digest(&image(&format!("{shop}:v7"))).await, Ok(pushed.clone()));
    let stranger = digest(&format!("sha256:{}", "0".repeat(64)));
    let missing = client.tag(&repository(&shop), &stranger, "v8").await.unwrap_err();
    assert!(matches!(missing, Error::Missing { .. }), "{missing}");

    assert_eq!(client.delete(&repository(&shop), &pushed).await, Ok(true));
    assert_eq!(client.delete(&repository(&shop), &pushed).await, Ok(false));
    let none = registry.name("none");
    assert_eq!(client.delete(&repository(&none), &pushed).await, Ok(false));
    for name in ["abc", "v7"] {
        let gone = client.digest(&image(&format!("{shop}:{name}"))).await.unwrap_err();
        assert!(matches!(gone, Error::Missing { .. }), "{gone}");
    }
}

#[tokio::test]
async fn a_registry_that_keeps_all_says_what_to_change() {
    with_tls();
    let setup = RegistrySetup { keeps_all: true, ..Default::default() };
    let registry = Registry::start(setup).await;
    let client = client(&registry.address().to_string(), Default::default());
    let pushed = digest(&registry.push("shop", "1", json!({}), None).await);
    let kept = client.delete(&repository(&registry.name("shop")), &pushed).await.unwrap_err();
    assert!(matches!(kept, Error::DeletingDisabled { .. }), "{kept}");
    assert!(kept.to_string().contains("storage.delete.enabled"), "{kept}");
    assert!(registry.has("shop", "1").await);
}

#[tokio::test]
async fn a_registry_that_is_down_is_told_and_found_again() {
    with_tls();
    let mut registry = Registry::open().await;
    let client = client(&registry.address().to_string(), Default::default());
    let pushed = registry.push("shop", "1", json!({}), None).await;
    let name = image(&format!("{}:1", registry.name("shop")));
    registry.stop().await;
    let down = client.digest(&name).await.unwrap_err();
    assert!(matches!(down, Error::Unreachable { .. }), "{down}");
    registry.resume().await;
    assert_eq!(client.digest(&name).await, Ok(digest(&pushed)));
}
