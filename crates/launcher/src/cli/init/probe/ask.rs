//! Asking a container for paths.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;

use super::Facts;

/// Paths that applications answer when they are well, as they are usually called.
const PATHS: [&str; 9] =
    ["/healthz", "/health", "/up", "/ready", "/readyz", "/livez", "/status", "/ping", "/"];
/// Ports at which applications usually listen, for when nobody says.
const PORTS: [u16; 7] = [8080, 3000, 8000, 80, 5000, 4000, 9000];
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(2);

/// What is asked.
pub(super) struct Questions {
    /// The ports that the Dockerfile exposes.
    exposed: Vec<u16>,
    /// Paths, the likeliest first.
    paths: Vec<String>,
    calls: reqwest::Client,
}

/// What was heard.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heard {
    /// The port that takes connections.
    pub(super) port: u16,
    /// A path that answers 2xx, and with what.
    pub(super) path: Option<(String, u16)>,
}

impl Questions {
    pub(super) fn of(facts: &Facts) -> Self {
        let own = facts.check.iter();
        let mut exposed = facts.ports.clone();
        if exposed.is_empty() {
            exposed.extend(own.clone().filter_map(|check| check.port));
        }
        let mut paths: Vec<String> = own.map(|check| check.path.clone()).collect();
        paths.extend(PATHS.map(str::to_owned));
        let calls = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER)
            .build()
            .unwrap_or_default();
        Self { exposed, paths, calls }
    }

    /// Asks once. Ports that are not exposed are asked when none is, or nothing else is left.
    pub(super) async fn ask(&self, address: IpAddr, late: bool) -> Option<Heard> {
        let others = PORTS.iter().filter(|_| late || self.exposed.is_empty());
        for port in self.exposed.iter().chain(others) {
            let place = SocketAddr::new(address, *port);
            let connected = tokio::time::timeout(ANSWER, TcpStream::connect(place)).await;
            if matches!(connected, Ok(Ok(_))) {
                return Some(Heard { port: *port, path: self.path(place).await });
            }
        }
        None
    }

    /// The first path that answers 2xx. Where every path does, none says more than `/`.
    async fn path(&self, place: SocketAddr) -> Option<(String, u16)> {
        let nowhere = format!("/no-such-path-{:016x}", rand::random::<u64>());
        if self.get(place, &nowhere).await.is_some() {
            return self.get(place, "/").await.map(|status| ("/".to_owned(), status));
        }
        for path in &self.paths {
            if let Some(status) = self.get(place, path).await {
                return Some((path.clone(), status));
            }
        }
        None
    }

    /// The status of an answer that is 2xx.
    async fn get(&self, place: SocketAddr, path: &str) -> Option<u16> {
        let answer = self.calls.get(format!("http://{place}{path}")).send().await.ok()?;
        Some(answer.status()).filter(|status| status.is_success()).map(|status| status.as_u16())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::super::super::dockerfile::Check;
    use super::*;

    fn questions(facts: &Facts) -> Questions {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Questions::of(facts)
    }

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    async fn heard(router: Router, check: Option<&str>) -> Option<(String, u16)> {
        let listener = TcpListener::bind((HERE, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        let check = check.map(|path| Check { port: None, path: path.to_owned() });
        let facts = Facts { ports: vec![port], check };
        let heard = questions(&facts).ask(HERE, false).await.unwrap();
        serving.abort();
        assert_eq!(heard.port, port);
        heard.path
    }

    #[tokio::test]
    async fn the_likeliest_path_that_answers_is_taken() {
        let ok = || get(async || "ok");
        let broken = || get(async || StatusCode::SERVICE_UNAVAILABLE);
        let router = Router::new().route("/healthz", broken()).route("/up", ok()).route("/", ok());
        assert_eq!(heard(router.clone(), None).await, Some(("/up".to_owned(), 200)));
        assert_eq!(heard(router, Some("/")).await, Some(("/".to_owned(), 200)));
        let none = Router::new().route("/", broken());
        assert_eq!(heard(none, None).await, None);
        let all = Router::new().fallback(get(async || StatusCode::NO_CONTENT));
        assert_eq!(heard(all, None).await, Some(("/".to_owned(), 204)));
    }

    #[tokio::test]
    async fn a_port_that_takes_no_connection_is_told() {
        let listener = TcpListener::bind((HERE, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let facts = Facts { ports: vec![port], check: None };
        assert_eq!(questions(&facts).ask(HERE, false).await, None);
    }
}
