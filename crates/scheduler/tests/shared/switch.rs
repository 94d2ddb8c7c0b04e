//! A way to the engine that a test can cut, and on which it sees how often the engine is asked: a socket of
//! its own, passed on to the engine's.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::io::InspectReader;

pub(crate) struct Switch {
    folder: tempfile::TempDir,
    engine: PathBuf,
    on: Mutex<Option<tokio::task::JoinHandle<()>>>,
    asked: Arc<AtomicUsize>,
}

impl Switch {
    /// It is on. The engine's own socket is at `engine`.
    pub(crate) fn install(name: &str, engine: &str) -> Self {
        let folder = tempfile::Builder::new().prefix(name).tempdir().unwrap();
        let engine = PathBuf::from(engine);
        let switch = Self { folder, engine, on: Mutex::default(), asked: Arc::default() };
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
        let passing = pass_on(listener, self.engine.clone(), Arc::clone(&self.asked));
        *self.on.lock().unwrap() = Some(tokio::spawn(passing));
    }

    /// How many requests have come through.
    #[allow(dead_code, reason = "the tests of another driver count its calls there")]
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
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

/// How the first line of each request ends.
const HEAD: &[u8] = b" HTTP/1.1\r\n";

/// Connections end with the task.
async fn pass_on(listener: UnixListener, engine: PathBuf, asked: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    loop {
        let (from, _) = listener.accept().await.unwrap();
        let (engine, asked) = (engine.clone(), Arc::clone(&asked));
        let mut from = InspectReader::new(from, move |bytes: &[u8]| {
            let heads = bytes.windows(HEAD.len()).filter(|window| *window == HEAD).count();
            asked.fetch_add(heads, Ordering::Relaxed);
        });
        connections.spawn(async move {
            let mut to = UnixStream::connect(engine).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
        });
        while connections.try_join_next().is_some() {}
    }
}
