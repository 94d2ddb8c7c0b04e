//! Users with browsers, which keep cookies.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, header};
use http_body_util::Empty;

use crate::support::*;

/// A user's cookies, as a browser keeps them.
#[derive(Default)]
pub(crate) struct Jar(pub(crate) BTreeMap<String, String>);

impl Jar {
    fn field(&self) -> String {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn take(&mut self, headers: &HeaderMap) {
        for set in headers.get_all(header::SET_COOKIE) {
            let (pair, attributes) = set.to_str().unwrap().split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            assert!(attributes.starts_with("Path=/; HttpOnly; SameSite=Lax"), "{attributes}");
            if attributes.contains("Max-Age=0") {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    pub(crate) async fn ask(&mut self, client: &mut Client<Empty<Bytes>>, path: &str) -> Answer {
        self.try_to_ask(client, path).await.unwrap()
    }

    /// Asks over a connection that the edge may have closed.
    pub(crate) async fn try_to_ask(
        &mut self,
        client: &mut Client<Empty<Bytes>>,
        path: &str,
    ) -> Result<Answer, hyper::Error> {
        let request = Request::get(path).header("host", HOST).header("cookie", self.field());
        let answer = whole(client.send(request.body(Empty::new()).unwrap()).await?).await;
        self.take(&answer.headers);
        Ok(answer)
    }
}

/// Some users, and the version that each saw last.
pub(crate) struct Users {
    edge: SocketAddr,
    pub(crate) users: Vec<(Jar, String)>,
}

impl Users {
    pub(crate) fn new(edge: SocketAddr, number: usize) -> Self {
        let users = (0..number).map(|_| (Jar::default(), String::new())).collect();
        Self { edge, users }
    }

    /// Everybody asks once. Returns each one's version before and now.
    pub(crate) async fn ask(&mut self) -> Vec<(String, String)> {
        let mut moves = Vec::new();
        let mut client = Client::connect(self.edge).await;
        for (jar, version) in &mut self.users {
            let now = jar.ask(&mut client, "/").await.body;
            moves.push((std::mem::replace(version, now.clone()), now));
        }
        moves
    }
    /// Everybody asks twice after a version has left: its users are shared out over these others, all
    /// others stay, and nobody moves a second time.
    pub(crate) async fn only_those_of_move(&mut self, left: &str, over: &[&str]) {
        let mut moved = BTreeSet::new();
        for (before, now) in self.ask().await {
            if before == left {
                moved.insert(now);
            } else {
                assert_eq!(before, now);
            }
        }
        assert_eq!(moved.iter().collect::<Vec<_>>(), over, "they are shared out anew");
        assert!(self.ask().await.iter().all(|(before, now)| before == now), "and stay there");
    }
}
