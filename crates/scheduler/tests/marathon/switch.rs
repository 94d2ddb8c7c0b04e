//! A way to a server that a test can cut: a port of its own, passed on to the server's.

use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

pub(crate) struct Switch {
    address: SocketAddr,
    server: String,
    on: Mutex<Option<JoinHandle<()>>>,
}

impl Switch {
    /// It is on. The server is at `http://HOST:PORT`.
    pub(crate) async fn install(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = server.strip_prefix("http://").unwrap().to_owned();
        let passing = tokio::spawn(pass_on(listener, server.clone()));
        Self { address, server, on: Mutex::new(Some(passing)) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts every connection, and takes no new ones.
    pub(crate) async fn off(&self) {
        let task = self.on.lock().unwrap().take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
    }

    pub(crate) async fn on(&self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let passing = tokio::spawn(pass_on(listener, self.server.clone()));
        *self.on.lock().unwrap() = Some(passing);
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        if let Some(task) = self.on.lock().unwrap().take() {
            task.abort();
        }
    }
}

/// Connections end with the task.
async fn pass_on(listener: TcpListener, server: String) {
    let mut connections = JoinSet::new();
    loop {
        let (mut from, _) = listener.accept().await.unwrap();
        let server = server.clone();
        connections.spawn(async move {
            let Ok(mut to) = TcpStream::connect(server).await else { return };
            let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
        });
        while connections.try_join_next().is_some() {}
    }
}
