//! What comes of a push.

use launcher_testkit::Checkout;
use serde_json::{Value, json};

use crate::shop::{Shop, states};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_push_becomes_a_preview() {
    let shop = Shop::open().await;
    let checkout = Checkout::web("shop", "the first page");
    let told = checkout.push(&[&shop.remote, "main"]).taken();
    let url = format!("http://v1.shop.localhost:{}", shop.installation.http.port());
    for words in ["remote: ==> build", "remote: ==> launch", &format!("v1 of shop is ready: {url}")]
    {
        assert!(told.contains(words), "{words:?} is missing in:\n{told}");
    }
    assert_eq!(shop.page(1).await.as_deref(), Some("the first page"));
    let build = shop.ended().await;
    assert_eq!((&build["state"], &build["version"]), (&json!("passed"), &json!(1)), "{build}");
    assert_eq!(
        states(&build),
        ["source passed", "build passed", "test skipped", "push skipped", "launch passed"]
    );
    assert_eq!(build["subject"], "The first page");
    let version = shop.api.version("shop", 1).await;
    assert_eq!((&version["branch"], &version["commit"]), (&json!("main"), &build["commit"]));
    // What is in the pushed settings holds, and was written down.
    let health = &shop.api.get("/services/shop").await["spec"]["health"];
    assert_eq!(health["path"], "/", "{health}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_test_that_fails_makes_no_version() {
    let shop = Shop::open().await;
    let checkout = Checkout::web("shop", "the first page");
    checkout.append(
        "launcher.toml",
        "[test]\ncommand = [\"/bin/busybox\", \"sh\", \"-c\", \"echo out of luck; exit 3\"]\n",
    );
    checkout.commit("Test it");
    let told = checkout.push(&[&shop.remote, "main"]).taken();
    for words in ["out of luck", "exited with status 3", "launcher builds retry 1"] {
        assert!(told.contains(words), "{words:?} is missing in:\n{told}");
    }
    let build = shop.ended().await;
    assert_eq!((&build["state"], &build["version"]), (&json!("failed"), &Value::Null), "{build}");
    assert_eq!(states(&build), ["source passed", "build passed", "test failed"]);
    let versions = shop.api.get("/services/shop/versions").await;
    assert_eq!(versions["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_build_that_fails_says_why() {
    let shop = Shop::open().await;
    let checkout = Checkout::web("shop", "the first page");
    checkout.append("Dockerfile", "COPY nothing /nothing\n");
    checkout.commit("Forget a file");
    let told = checkout.push(&[&shop.remote, "main"]).taken();
    assert!(told.contains("remote: build 1: build failed:"), "{told}");
    let build = shop.ended().await;
    assert_eq!(states(&build), ["source passed", "build failed"]);
    assert!(build["reason"].as_str().unwrap().contains("nothing"), "{build}");
    // The next push mends it.
    checkout.write("nothing", b"something");
    checkout.commit("Remember it");
    let _ = checkout.push(&[&shop.remote, "main"]).taken();
    assert_eq!(shop.ended().await["state"], "passed");
    assert_eq!(shop.page(1).await.as_deref(), Some("the first page"));
}
