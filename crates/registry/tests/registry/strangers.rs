//! What hangs, lies, or is no registry.

use std::time::{Duration, Instant};

use launcher_registry::{Error, Registry as _};

use crate::stranger::{Stranger, http};
use crate::{client, digest, image, repository};

/// What a stranger's answers lead to.
async fn asked(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Error {
    let stranger = Stranger::answers(answer).await;
    let name = image(&format!("{}/shop:1", stranger.address));
    client(&stranger.address.to_string(), Default::default()).digest(&name).await.unwrap_err()
}

#[tokio::test]
async fn one_that_hangs_is_given_up() {
    let start = Instant::now();
    let overdue = asked(|head| if head.starts_with("HEAD") { Vec::new() } else { b"?".to_vec() });
    let overdue = overdue.await;
    assert!(matches!(overdue, Error::Overdue { .. }), "{overdue}");
    assert!(overdue.to_string().contains("within 1.5 s"), "{overdue}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn one_that_never_speaks_at_all_is_given_up() {
    let silent = asked(|_| Vec::new()).await;
    assert!(matches!(silent, Error::Overdue { .. } | Error::Unreachable { .. }), "{silent}");
}

#[tokio::test]
async fn what_makes_no_sense_is_told() {
    let no_digest = asked(|_| http("200 OK", "docker-content-digest: latest\r\n", "")).await;
    assert!(matches!(no_digest, Error::Nonsense { .. }), "{no_digest}");
    let no_http = asked(|_| b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()).await;
    assert!(matches!(no_http, Error::Nonsense { .. } | Error::Unreachable { .. }), "{no_http}");
    let page = asked(|_| http("500 Oh", "", &"<html>\n".repeat(9999))).await.to_string();
    assert!(page.contains("status 500") && page.len() < 400, "{page}");
    let nowhere = "www-authenticate: Bearer realm=\"file:///etc/passwd\"\r\n";
    let nowhere = asked(move |_| http("401 No", nowhere, "")).await;
    assert!(matches!(nowhere, Error::Nonsense { .. }), "{nowhere}");
    let loops = asked(|_| http("307 Go", "location: /v2/shop/manifests/1\r\n", "")).await;
    assert!(matches!(loops, Error::Nonsense { .. }), "{loops}");
}

#[tokio::test]
async fn other_content_than_was_asked_for_is_refused() {
    let stranger = Stranger::answers(|_| http("200 OK", "content-type: a/b\r\n", "{}")).await;
    let client = client(&stranger.address.to_string(), Default::default());
    let shop = repository(&format!("{}/shop", stranger.address));
    let asked = digest(&format!("sha256:{}", "0".repeat(64)));
    let other = client.about(&shop, &asked).await.unwrap_err();
    assert!(matches!(other, Error::Nonsense { .. }), "{other}");
    let other = client.digest(&image(&format!("{shop}@{asked}"))).await.unwrap_err();
    assert!(matches!(other, Error::Nonsense { .. }), "{other}");
    let tags = client.tags(&shop).await.unwrap();
    assert!(tags.is_empty());
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off() {
    let stranger = Stranger::answers(|head| {
        if head.starts_with("GET") {
            http("200 OK", "", &" ".repeat(5 << 20))
        } else {
            b"?".to_vec()
        }
    })
    .await;
    let client = client(&stranger.address.to_string(), Default::default());
    let shop = repository(&format!("{}/shop", stranger.address));
    let long = client.tags(&shop).await.unwrap_err();
    assert!(long.to_string().contains("more than 4 MiB"), "{long}");
}

#[tokio::test]
async fn pages_of_tags_that_lead_in_a_circle_end() {
    let link = "link: </v2/shop/tags/list?n=1>; rel=\"next\"\r\n";
    let stranger = Stranger::answers(move |head| {
        if head.starts_with("GET") {
            http("200 OK", link, "{\"tags\":[\"a\"]}")
        } else {
            b"?".to_vec()
        }
    })
    .await;
    let client = client(&stranger.address.to_string(), Default::default());
    let shop = repository(&format!("{}/shop", stranger.address));
    let circle = client.tags(&shop).await.unwrap_err();
    assert!(matches!(circle, Error::Nonsense { .. }), "{circle}");
}

#[tokio::test]
async fn deleting_is_only_done_when_a_registry_says_so() {
    let stranger = Stranger::answers(|_| http("404 Not Found", "", "<html>nothing here")).await;
    let client = client(&stranger.address.to_string(), Default::default());
    let shop = repository(&format!("{}/shop", stranger.address));
    let asked = digest(&format!("sha256:{}", "0".repeat(64)));
    let unsure = client.delete(&shop, &asked).await.unwrap_err();
    assert!(matches!(unsure, Error::Missing { .. }), "{unsure}");
}
