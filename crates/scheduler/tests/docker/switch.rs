//! A way to the engine that a test can cut: a socket of its own, passed on to the engine's.

use std::path::PathBuf;
use std::sync::Mutex;

use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

pub(crate) struct Switch {
    folder: tempfile::TempDir,
    engine: PathBuf,
    on: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Switch {
    /// It is on. The engine's own socket is at `engine`.
    pub(crate) fn install(name: &str, engine: &str) -> Self {
        let folder = tempfile::Builder::new().prefix(name).tempdir().unwrap();
        let switch = Self { folder, engine: PathBuf::from(engine), on: Mutex::default() };
        switch.connect();
        switch
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn connect(&self) {
        let listener = UnixListener::bind(self.socket()).unwrap();
        *self.on.lock().unwrap() = Some(tokio::spawn(pass_on(listener, self.engine.clone())));
    }

    /// Cuts every connection, and takes no new ones.
    pub(crate) async fn off(&self) {
        let task = self.on.lock().unwrap().take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
            std::fs::remove_file(self.socket()).unwrap();
        }
    }

    pub(crate) async fn on(&self) {
        self.connect();
    }
}

/// Connections end with the task.
async fn pass_on(listener: UnixListener, engine: PathBuf) {
    let mut connections = JoinSet::new();
    loop {
        let (mut from, _) = listener.accept().await.unwrap();
        let engine = engine.clone();
        connections.spawn(async move {
            let mut to = UnixStream::connect(engine).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
        });
        while connections.try_join_next().is_some() {}
    }
}
