//! A real browser for tests: Chromium, driven over WebDriver by a chromedriver of its own.
//!
//! It is a crate of its own because the library that speaks with it adds to what texts can be added to, and so
//! to what the compiler asks for in every crate that has it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is test code")]

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use thirtyfour::ChromeCapabilities;
use thirtyfour::prelude::*;

use launcher_testkit::Folder;
use launcher_testkit::wait::{SOON, until};

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
pub struct Browsers {
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
    /// Starts one that has no browser yet.
    ///
    /// # Panics
    /// When chromedriver is not installed.
    #[must_use]
    pub fn start() -> Self {
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
    ///
    /// # Panics
    /// When Chromium does not start.
    pub async fn open(&self, javascript: bool) -> WebDriver {
        let mut wanted = self.wanted();
        if !javascript {
            let off =
                serde_json::json!({ "profile.managed_default_content_settings.javascript": 2 });
            wanted.add_experimental_option("prefs", off).unwrap();
        }
        self.start_browser(wanted).await
    }

    /// Opens a browser that traces what it does, in these categories of Chromium's tracing. Its log
    /// `performance` has the events.
    ///
    /// # Panics
    /// When Chromium does not start.
    pub async fn open_traced(&self, categories: &str) -> WebDriver {
        let mut wanted = self.wanted();
        let traced = serde_json::json!({ "traceCategories": categories });
        wanted.add_experimental_option("perfLoggingPrefs", traced).unwrap();
        let logged = serde_json::json!({ "performance": "ALL" });
        wanted.set("goog:loggingPrefs", logged).unwrap();
        self.start_browser(wanted).await
    }

    /// What every browser is started with.
    fn wanted(&self) -> ChromeCapabilities {
        self.opened.set(self.opened.get() + 1);
        let profile = self.profiles.join(self.opened.get().to_string());
        let mut wanted = DesiredCapabilities::chrome();
        wanted.set_binary("/usr/bin/chromium").unwrap();
        for argument in QUIET {
            wanted.add_arg(argument).unwrap();
        }
        wanted.add_arg(&format!("--user-data-dir={}", profile.display())).unwrap();
        wanted
    }

    async fn start_browser(&self, wanted: ChromeCapabilities) -> WebDriver {
        let url = format!("http://127.0.0.1:{}", self.port);
        let browser = WebDriver::new(url, wanted).await.unwrap();
        browser.set_page_load_timeout(Duration::from_secs(30)).await.unwrap();
        browser
    }
}

/// Waits until the browser is at this path.
///
/// # Panics
/// When it does not, or the browser is gone.
pub async fn arrives(browser: &WebDriver, path: &str) {
    until(&format!("the browser being at {path}"), SOON, async || {
        let url = browser.current_url().await.ok()?;
        (url.path() == path).then_some(())
    })
    .await;
}

/// Waits until the page's scripts have run: a press before that is answered as without them.
///
/// # Panics
/// When it does not, or the browser is gone.
pub async fn is_whole(browser: &WebDriver) {
    until("the page being whole", SOON, async || {
        let state = browser.execute("return document.readyState", vec![]).await;
        state.is_ok_and(|state| state.json() == "complete").then_some(())
    })
    .await;
}

/// The words that an element shows; none when it is not there.
pub async fn text(browser: &WebDriver, css: &str) -> String {
    match browser.find(By::Css(css)).await {
        Ok(element) => element.text().await.unwrap_or_default(),
        Err(_) => String::new(),
    }
}

/// Waits until an element shows these words.
///
/// # Panics
/// When it does not, or the browser is gone.
pub async fn shows(browser: &WebDriver, css: &str, words: &str) {
    let deadline = Instant::now() + SOON;
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
///
/// # Panics
/// When there is something in it.
pub async fn no_complaints(browser: &WebDriver) {
    let log = browser.browser_log().await.unwrap();
    let complaints: Vec<_> = log.iter().map(|entry| entry.message.as_str()).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}
