//! Clients that others wrote.

use std::process::Stdio;

use http_body_util::BodyExt;
use tokio::process::Command;

use crate::support::*;

/// Runs a program that has to succeed; what it prints.
async fn run(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap_or_else(|error| panic!("{program}: {error}"));
    let (out, err) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
    let out = String::from_utf8_lossy(out).into_owned();
    assert!(output.status.success(), "{program}: {out}{err}");
    out + &err
}

async fn lab(container: &Container) -> Lab {
    let mut table = shop(1, &[(1, 100)], &[(1, &[container])]);
    table.hosts = vec!["shop.localhost".into()];
    Lab::new(&[table]).await
}

#[tokio::test]
async fn curl_speaks_http_2_with_the_edge() {
    let container = Container::serve("curl", |request| async move {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        text(format!("{} bytes by curl", body.len()))
    })
    .await;
    let lab = lab(&container).await;
    let url = format!("http://shop.localhost:{}/", lab.edge.http.port());
    let resolve = format!("shop.localhost:{}:127.0.0.1", lab.edge.http.port());
    let form = "%{http_version} %{http_code} %{num_connects}\\n";
    let all = ["-sS", "--http2-prior-knowledge", "--resolve", &resolve, "-w", form, &url];
    let said = run("curl", &all).await;
    assert_eq!(said, "0 bytes by curl2 200 1\n");
    // It asks before it sends a large body.
    let body = "x".repeat(2 << 20);
    let file = lab.dir.path().join("body");
    std::fs::write(&file, &body).unwrap();
    let data = format!("@{}", file.display());
    let all =
        ["-sS", "--http2-prior-knowledge", "--resolve", &resolve, "--data-binary", &data, &url];
    assert_eq!(run("curl", &all).await, "2097152 bytes by curl");
}

#[tokio::test]
async fn nghttp_speaks_http_2_with_the_edge() {
    let container = Container::named("by nghttp").await;
    let lab = lab(&container).await;
    let url = format!("http://127.0.0.1:{}/", lab.edge.http.port());
    let said = run("nghttp", &["-v", "-H", ":authority: shop.localhost", &url]).await;
    assert!(said.contains(":status: 200") && said.contains("by nghttp"), "{said}");
    assert!(!said.contains("RST_STREAM"), "{said}");
}

#[tokio::test]
async fn h2load_loses_no_request() {
    let container = Container::named("by h2load").await;
    let lab = lab(&container).await;
    let url = format!("http://127.0.0.1:{}/", lab.edge.http.port());
    let host = ":authority: shop.localhost";
    let said = run("h2load", &["-n", "2000", "-c", "4", "-m", "64", "-H", host, &url]).await;
    let all = "2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout";
    assert!(said.contains(all), "{said}");
    assert_eq!(container.requests(), 2000);
}
