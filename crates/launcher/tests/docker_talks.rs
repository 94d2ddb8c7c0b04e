//! Commands in a container that somebody talks to: from the command line, with pipes and with a terminal, and in
//! a browser.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use launcher_browser::{Browsers, arrives, no_complaints, shows, text};
use launcher_testkit::wait::until;
use launcher_testkit::{Api, Checkout, Engine, Installation};
use serde_json::json;
use thirtyfour::prelude::*;

const PATIENCE: Duration = Duration::from_secs(60);

/// An installation with a version of `shop` that has a shell.
struct Shop {
    installation: Installation,
    api: Api,
    container: String,
}

impl Shop {
    async fn open() -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_launcher"));
        let mut installation = Installation::new(program, &Engine::local());
        let api = installation.start().await;
        api.put_service(json!({
            "service": { "name": "shop", "hosts": ["shop.example.com"], "port": 8080, "build": "." },
        }))
        .await;
        let mut shop = Self { installation, api, container: String::new() };
        let app = Checkout::web("shop", "a page");
        let mut built = shop.command(&["build", "shop", "--branch", "try"]);
        built.current_dir(app.path());
        let built = ran(built, "").await;
        assert!(built.status.success(), "{}", said(&built));
        let containers = shop.api.get("/containers").await;
        shop.container = containers["items"][0]["name"].as_str().unwrap().to_owned();
        shop
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
        command.args(arguments).env("LAUNCHER_DATA", self.installation.data());
        command
    }

    async fn exec(&self, input: &str, more: &[&str], script: &str) -> Output {
        let mut arguments = vec!["exec", "shop", "v1"];
        arguments.extend(more);
        arguments.extend(["--", "/bin/busybox", "sh", "-c", script]);
        ran(self.command(&arguments), input).await
    }
}

/// Runs a command, with this input; it does not hold up this test's runtime.
async fn ran(mut command: Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    let running = move || {
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // What is not read to its end is no fault.
        let writing = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let output = child.wait_with_output().unwrap();
        writing.join().unwrap();
        output
    };
    tokio::task::spawn_blocking(running).await.unwrap()
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{} {:?} {:?}", output.status, text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_command_in_a_container_is_talked_to() {
    let shop = Shop::open().await;

    // With pipes: input, both outputs and the exit status come through, byte by byte.
    let output = shop.exec("hi\nthere", &[], "busybox cat; echo over >&2; exit 42").await;
    assert_eq!(output.status.code(), Some(42), "{}", said(&output));
    assert_eq!((output.stdout, output.stderr), (b"hi\nthere".to_vec(), b"over\n".to_vec()));
    let much = "0123456789abcde\n".repeat(50_000);
    let output = shop.exec(&much, &["--container", &shop.container], "busybox cat").await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout.len(), much.len());
    let output = shop.exec("", &["--container", "none"], "exit 0").await;
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("no container"), "{}", said(&output));

    // With a terminal, which has its size there too: the engine takes that once the command runs.
    let sized = "until busybox stty size 2>/dev/null | busybox grep [1-9]; do :; done";
    let exec = format!("exec shop v1 -- /bin/busybox sh -c '{sized}; read x; echo got $x; exit 5'");
    let launcher = env!("CARGO_BIN_EXE_launcher");
    let mut script = Command::new("script");
    script.env("LAUNCHER_DATA", shop.installation.data());
    let typed = format!("stty rows 31 cols 101; exec {launcher} {exec}");
    script.args(["-qec", &typed, "/dev/null"]);
    let output = ran(script, "hello\n").await;
    let told = said(&output);
    assert_eq!(output.status.code(), Some(5), "{told}");
    assert!(told.contains("31 101") && told.contains("got hello"), "{told}");

    in_a_browser(&shop).await;

    let audit = ran(shop.command(&["audit", "--json"]), "").await;
    let audit = String::from_utf8(audit.stdout).unwrap();
    assert!(audit.contains(&format!("/exec?container={}&command=", shop.container)), "{audit}");
}

async fn in_a_browser(shop: &Shop) {
    let base = format!("http://{}", shop.installation.listen);
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    let token = std::fs::read_to_string(shop.installation.data().join("admin-token")).unwrap();
    browser.goto(format!("{base}/login")).await.unwrap();
    browser.find(By::Css("details summary")).await.unwrap().click().await.unwrap();
    browser.find(By::Css("#token")).await.unwrap().send_keys(token.trim()).await.unwrap();
    browser.find(By::Css("details .go")).await.unwrap().click().await.unwrap();
    arrives(&browser, "/").await;
    browser.goto(format!("{base}/services/shop/versions/1")).await.unwrap();
    browser.find(By::LinkText("Terminal")).await.unwrap().click().await.unwrap();
    arrives(&browser, &format!("/services/shop/versions/1/terminal/{}", shop.container)).await;

    let command = browser.find(By::Id("command")).await.unwrap();
    command.clear().await.unwrap();
    command.send_keys("/bin/busybox sh").await.unwrap();
    browser.find(By::Css("#begin button")).await.unwrap().click().await.unwrap();
    shows(&browser, "#told", "It runs.").await;
    let types = async |keys: &str| browser.action_chain().send_keys(keys).perform().await.unwrap();
    types("echo $((6*7)) is the answer\u{e007}").await;
    until("the answer being shown", PATIENCE, || async {
        let rows = text(&browser, ".xterm-rows").await;
        rows.contains("42 is the answer").then_some(())
    })
    .await;
    // Its styles are in force, though the page's policy takes none that are written into it.
    let inline = "return getComputedStyle(document.querySelector('.xterm-rows span')).display";
    let display = browser.execute(inline, vec![]).await.unwrap();
    assert_eq!(display.json(), &json!("inline-block"));
    types("exit 3\u{e007}").await;
    shows(&browser, "#told", "It has ended with status 3.").await;
    no_complaints(&browser).await;
    browser.quit().await.unwrap();
}
