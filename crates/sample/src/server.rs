//! The listener, and the threads that serve its connections.
//!
//! One acceptor deals the connections out in turn; each belongs to one thread with a runtime of its
//! own, so that the threads share nothing on the way of a request but a counter.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use crate::app::App;
use crate::command::complain;
use crate::stopping::{self, Stopping};
use crate::{Broken, Error, Options};

/// An instance that has its address, and serves as soon as it is run.
#[derive(Debug)]
pub struct Server {
    options: Options,
    listener: TcpListener,
    addr: SocketAddr,
}

impl Server {
    /// Takes the address.
    ///
    /// # Errors
    /// [`Error::Listen`] when it cannot be had.
    pub async fn bind(options: Options) -> Result<Self, Error> {
        let fail = |source| Error::Listen { listen: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(fail)?;
        let addr = listener.local_addr().map_err(fail)?;
        Ok(Self { options, listener, addr })
    }

    /// Where it listens, with the port that it was given.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `shutdown` is done; then takes no more connections, lets the requests under way
    /// end, closes WebSockets with status 1001, and returns 0. Returns another exit status at once when
    /// a request asked for it, or when the application is [`Broken::Exit`].
    ///
    /// Dropping the future ends all of it, the requests under way included.
    ///
    /// # Errors
    /// [`Error::Start`] when a thread cannot be had.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<u8, Error> {
        let (exit, mut exits) = mpsc::unbounded_channel();
        let (stop, stopping) = stopping::channel();
        let app = Arc::new(App::new(&self.options, exit));
        let workers = Workers::start(self.options.threads.get(), &app, &stopping)?;
        drop((app, stopping));

        tokio::select! {
            never = deal_out(&self.listener, &workers) => match never {},
            Some(code) = exits.recv() => return Ok(code),
            code = break_down(self.options.broken) => return Ok(code),
            () = shutdown => {}
        }
        drop(self.listener);
        let Workers { queues, alive } = workers;
        drop(queues);
        stop.stop().await;
        drop(alive);
        Ok(0)
    }
}

/// The threads; they end, and their connections with them, when this is dropped.
struct Workers {
    queues: Vec<mpsc::UnboundedSender<std::net::TcpStream>>,
    alive: watch::Sender<()>,
}

impl Workers {
    fn start(threads: usize, app: &Arc<App>, stopping: &Stopping) -> Result<Self, Error> {
        let (alive, watching) = watch::channel(());
        let mut queues = Vec::with_capacity(threads);
        for number in 0..threads {
            let (queue, connections) = mpsc::unbounded_channel();
            queues.push(queue);
            let work = work(connections, Arc::clone(app), stopping.clone(), watching.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(Error::Start)?;
            thread::Builder::new()
                .name(format!("sample-{number}"))
                .spawn(move || runtime.block_on(work))
                .map_err(Error::Start)?;
        }
        Ok(Self { queues, alive })
    }
}

/// Gives each connection to the next thread in turn.
async fn deal_out(listener: &TcpListener, workers: &Workers) -> Infallible {
    let mut queues = workers.queues.iter().cycle();
    loop {
        match listener.accept().await.and_then(|(stream, _)| stream.into_std()) {
            Ok(stream) => {
                if let Some(queue) = queues.next() {
                    let _ = queue.send(stream);
                }
            }
            // Out of file descriptors, as a rule; they come back as connections end.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// One thread's life: serves what comes in its queue, and then what it still has.
async fn work(
    mut connections: mpsc::UnboundedReceiver<std::net::TcpStream>,
    app: Arc<App>,
    stopping: Stopping,
    mut alive: watch::Receiver<()>,
) {
    while let Some(stream) = connections.recv().await {
        if let Ok(stream) = TcpStream::from_std(stream) {
            tokio::spawn(serve(stream, Arc::clone(&app), stopping.clone()));
        }
    }
    drop(stopping);
    // Nothing is ever sent: this waits for the sender to go.
    let _ = alive.changed().await;
}

async fn serve(stream: TcpStream, app: Arc<App>, mut stopping: Stopping) {
    let _ = stream.set_nodelay(true);
    let shared = Arc::new((app, stopping.clone()));
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(shared.0.answer(request, &shared.1).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection.with_upgrades());
    // A connection that breaks is its client's concern.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stopping.wait() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn break_down(broken: Option<Broken>) -> u8 {
    if broken != Some(Broken::Exit) {
        return std::future::pending().await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    complain("error: cannot connect to the database at db:5432: connection refused");
    1
}
