//! Somebody who is signed in at a server that runs in this program.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use launcher_model::role::{Role, Roles};
use launcher_server::access::Caller;
use launcher_server::{App, TokenText};
use launcher_store::{NewToken, Owner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const WHO: &str = "bench";

/// Somebody with a browser.
pub(super) struct Visitor {
    pub(super) address: SocketAddr,
    pub(super) cookie: TokenText,
}

impl Visitor {
    /// Serves the pages, and signs somebody in.
    pub(super) async fn enter(app: &App) -> Result<Self> {
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
    pub(super) async fn times(&self, path: &str) -> Result<f64> {
        let began = Instant::now();
        self.get(path, "gzip").await?;
        Ok(began.elapsed().as_secs_f64() * 1e3)
    }

    /// How many bytes come over the wire for the page and all that it loads.
    pub(super) async fn weight(&self) -> Result<usize> {
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
