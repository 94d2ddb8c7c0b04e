//! A real browser: Chromium, driven over WebDriver by a chromedriver of its own.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use launcher_testkit::Folder;
use thirtyfour::prelude::*;

use super::{WHO, World, eventually};

const QUIET: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A running chromedriver; it and its browsers are gone when this is dropped.
pub(crate) struct Browsers {
    driver: Child,
    port: u16,
    _profiles: Folder,
    profiles: std::path::PathBuf,
    opened: std::cell::Cell<usize>,
}

impl Drop for Browsers {
    fn drop(&mut self) {
        // Browsers are in the driver's process group: also those of a test that failed end here.
        let group = rustix::process::Pid::from_child(&self.driver);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.driver.wait();
        // The browsers are not this process's children: they end a moment later, and until then they
        // write into what is to be removed.
        let began = Instant::now();
        let goes_on = || began.elapsed() < Duration::from_secs(10);
        while rustix::process::test_kill_process_group(group).is_ok() && goes_on() {
            std::thread::sleep(Duration::from_millis(5));
        }
        while self.profiles.exists()
            && std::fs::remove_dir_all(&self.profiles).is_err()
            && goes_on()
        {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Browsers {
    pub(crate) fn start() -> Self {
        // Several crates here use TLS, and each leaves it to the program which kind.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A browser that is killed leaves its files; so they lie where all of it is taken away.
        let profiles = Folder::new();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .env("TMPDIR", profiles.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver is needed: `make setup` installs it");
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let told = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        let port = told.expect("chromedriver says its port");
        let path = profiles.path().to_owned();
        Self { driver, port, _profiles: profiles, profiles: path, opened: 0.into() }
    }

    /// Opens a browser that has no cookies.
    pub(crate) async fn open(&self, javascript: bool) -> WebDriver {
        self.opened.set(self.opened.get() + 1);
        let profile = self.profiles.join(self.opened.get().to_string());
        let mut wanted = DesiredCapabilities::chrome();
        wanted.set_binary("/usr/bin/chromium").unwrap();
        for argument in QUIET {
            wanted.add_arg(argument).unwrap();
        }
        wanted.add_arg(&format!("--user-data-dir={}", profile.display())).unwrap();
        if !javascript {
            let off =
                serde_json::json!({ "profile.managed_default_content_settings.javascript": 2 });
            wanted.add_experimental_option("prefs", off).unwrap();
        }
        let url = format!("http://127.0.0.1:{}", self.port);
        let browser = WebDriver::new(url, wanted).await.unwrap();
        browser.set_page_load_timeout(Duration::from_secs(30)).await.unwrap();
        browser
    }
}

/// Signs in by the server's one-time link.
pub(crate) async fn sign_in(browser: &WebDriver, world: &World, url: &str) {
    let link = world.app.one_time_link(WHO).await.unwrap();
    browser.goto(format!("{url}/login/{}", link.expose())).await.unwrap();
    browser.find(By::Css("button.go")).await.unwrap().click().await.unwrap();
    arrives(browser, "/").await;
}

/// Waits until the browser is at this path.
pub(crate) async fn arrives(browser: &WebDriver, path: &str) {
    eventually(&format!("the browser is at {path}"), async || {
        browser.current_url().await.is_ok_and(|url| url.path() == path)
    })
    .await;
}

/// Waits until the page's scripts have run: a press before that is answered as without them.
pub(crate) async fn is_whole(browser: &WebDriver) {
    eventually("the page is whole", async || {
        let state = browser.execute("return document.readyState", vec![]).await;
        state.is_ok_and(|state| state.json() == "complete")
    })
    .await;
}

/// The words that an element shows; none when it is not there.
pub(crate) async fn text(browser: &WebDriver, css: &str) -> String {
    match browser.find(By::Css(css)).await {
        Ok(element) => element.text().await.unwrap_or_default(),
        Err(_) => String::new(),
    }
}

/// Waits until an element shows these words.
pub(crate) async fn shows(browser: &WebDriver, css: &str, words: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let shown = text(browser, css).await;
        if shown.contains(words) {
            return;
        }
        if Instant::now() > deadline {
            let main = text(browser, "main").await;
            panic!("{css} shows {shown:?}, not {words:?}, on a page that says: {main}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A page that the browser refused a part of says so in its log.
pub(crate) async fn no_complaints(browser: &WebDriver) {
    let log = browser.browser_log().await.unwrap();
    let complaints: Vec<_> = log.iter().map(|entry| entry.message.as_str()).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}
