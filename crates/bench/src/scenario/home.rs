//! The first page of a large installation: how soon it is there, and how heavy it is.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::role::{Role, Roles};
use launcher_scheduler::fake::Fake;
use launcher_server::access::Caller;
use launcher_server::{App, Reports, TokenText};
use launcher_store::{NewToken, Owner};
use launcher_testkit::assemble::Setup;
use launcher_testkit::many;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::scratch;
use crate::Settings;
use crate::report::{Better, Figure};
use crate::statistics::quantile;

const WHO: &str = "bench";

/// Home with 200 services of 10 environments each, as a browser fetches it; between two looks something
/// happens each time, and a page that is open fetches the row of it.
pub(super) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let directory = scratch()?;
    let engine = Fake::new(WHO)?;
    let setup = Setup {
        clock: Arc::new(Timestamp::now),
        edges: None,
        reports: Reports::new(|_| {}),
        told: launcher_notify::Config::default(),
    };
    let (app, _) = many::start(directory.path(), &engine, setup).await;
    let visitor = Visitor::enter(&app).await?;
    let (mut pages, mut rows) = (Vec::new(), Vec::new());
    for turn in 0..if settings.quick { 30 } else { 500 } {
        let service = many::name(turn * 7 % many::SERVICES);
        let event = NewEvent::new(EventKind::EnvironmentPinned, "something happened");
        app.store.record(&[event.service(&service)], app.now()).await?;
        pages.push(visitor.times("/").await?);
        rows.push(visitor.times(&format!("/live/home?only={service}")).await?);
    }
    for (what, times) in [("a page", &pages), ("a row", &rows)] {
        let [median, p99] = [0.5, 0.99].map(|share| quantile(times, share));
        eprintln!("  {what}: median {median:.1} ms, p99 {p99:.1} ms");
    }
    let weight = visitor.weight().await?;
    app.control.shut_down();
    Ok(vec![
        Figure::new("home_p99", "ms", Better::Lower, quantile(&pages, 0.99)),
        Figure::new("home_weight", "KiB", Better::Lower, weight as f64 / 1024.0),
    ])
}

/// Somebody with a browser.
struct Visitor {
    address: SocketAddr,
    cookie: TokenText,
}

impl Visitor {
    /// Serves the pages, and signs somebody in.
    async fn enter(app: &App) -> Result<Self> {
        let roles = Roles::everywhere(Role::Admin);
        let token = NewToken { name: WHO.to_owned(), hash: TokenText::random().hash(), roles };
        app.store.create_token(token, WHO, app.now()).await?;
        let owner = Owner::Token(WHO.to_owned());
        let cookie = app.begin_session(owner, &Caller::default()).await?.cookie;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(launcher_server::serve(app.clone(), listener, std::future::pending()));
        Ok(Self { address, cookie })
    }

    /// How long an answer takes, in milliseconds.
    async fn times(&self, path: &str) -> Result<f64> {
        let began = Instant::now();
        self.get(path, "gzip").await?;
        Ok(began.elapsed().as_secs_f64() * 1e3)
    }

    /// How many bytes come over the wire for the page and all that it loads.
    async fn weight(&self) -> Result<usize> {
        let page = self.get("/", "identity").await?;
        let page = String::from_utf8_lossy(&page);
        let page_loads = page.split('"').filter(|text| text.starts_with("/assets/"));
        // Of the icons, a browser loads one.
        let icons = page_loads.clone().filter(|path| path.ends_with(".svg")).take(1);
        let others = page_loads.filter(|path| !path.ends_with(".svg"));
        let paths: BTreeSet<&str> = ["/"].into_iter().chain(icons).chain(others).collect();
        let mut weight = 0;
        for path in paths {
            let bytes = self.get(path, "gzip").await?.len();
            eprintln!("  {path}: {bytes} bytes");
            weight += bytes;
        }
        Ok(weight)
    }

    /// An answer with its head, as it comes.
    async fn get(&self, path: &str, encoding: &str) -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address).await?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: bench\r\ncookie: launcher_session={}\r\n\
             accept-encoding: {encoding}\r\nconnection: close\r\n\r\n",
            self.cookie.expose()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.context("the server hangs up")?;
        ensure!(answer.starts_with(b"HTTP/1.1 200 "), "{path} is not there");
        Ok(answer)
    }
}
