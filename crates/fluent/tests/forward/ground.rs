//! What the tests share: certificates, a listener with a consumer, and a server that is not to be relied on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use launcher_fluent::tls::{Acceptor, Connector};
use launcher_fluent::wire::{Frame, Framer, Limits, write_ack};
use launcher_fluent::{EventTime, ListenOptions, Listener, Record, Security, SharedKey};
use launcher_testkit::wait::{SOON, until};
use rmpv::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

pub(crate) const LOCAL: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A certificate for `localhost` that stands for itself.
pub(crate) struct Certificate {
    pub(crate) pem: String,
    pub(crate) key: String,
}

impl Certificate {
    pub(crate) fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { pem: certificate.pem(), key: key.serialize_pem() }
    }

    pub(crate) fn acceptor(&self) -> Acceptor {
        Acceptor::new(self.pem.as_bytes(), self.key.as_bytes()).unwrap()
    }

    pub(crate) fn connector(&self) -> Connector {
        Connector::authorities(self.pem.as_bytes()).unwrap().expecting("localhost").unwrap()
    }
}

pub(crate) fn security(hostname: &str) -> Security {
    Security { hostname: hostname.to_owned(), shared_key: SharedKey::new("the key".into()) }
}

/// A listener whose consumer takes everything.
pub(crate) struct Collector {
    pub(crate) listener: Listener,
    records: Arc<Mutex<Vec<Record>>>,
    _consumer: Stop,
}

/// Ends a task with itself.
pub(crate) struct Stop(AbortHandle);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::with(ListenOptions::at(LOCAL)).await
    }

    pub(crate) async fn with(options: ListenOptions) -> Self {
        let (listener, mut batches) = Listener::bind(options).await.unwrap();
        let records: Arc<Mutex<Vec<Record>>> = Arc::default();
        let taken = records.clone();
        let consumer = tokio::spawn(async move {
            while let Some(batch) = batches.recv().await {
                taken.lock().unwrap().extend(batch.records());
                batch.ack.done();
            }
        });
        Self { listener, records, _consumer: Stop(consumer.abort_handle()) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.address().port()
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap().clone()
    }

    /// Waits until so many have come.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Record> {
        until("all records", SOON, async || Some(self.records()).filter(|all| all.len() >= count))
            .await
    }
}

/// A record with a number.
pub(crate) fn numbered(number: u64) -> Record {
    let time = EventTime { seconds: 1_600_000_000, nanos: 250_000_000 };
    Record::new("test.numbered", time, [("number", Value::from(number))])
}

/// The number of a record.
pub(crate) fn number(record: &Record) -> u64 {
    record.get("number").and_then(Value::as_u64).expect("a number")
}

/// What a server does with a frame that it has read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Does {
    /// Takes and acknowledges it.
    Acknowledge,
    /// Takes it, and acknowledges it after so long.
    Slowly(Duration),
    /// Loses it, and says nothing.
    Withhold,
    /// Loses it, and acknowledges another.
    Confuse,
    /// Loses it with its connection.
    Drop,
    /// Takes it, and loses the connection before it could say so.
    DropTaken,
}

/// A server that is not to be relied on.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    _task: Stop,
}

#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How many times each number was taken.
    pub(crate) taken: BTreeMap<u64, usize>,
    /// In their order.
    pub(crate) order: Vec<u64>,
    pub(crate) connections: usize,
    pub(crate) frames: usize,
}

impl Server {
    /// One that asks what to do with its nth frame.
    pub(crate) async fn start(decide: impl Fn(usize) -> Does + Send + Sync + 'static) -> Self {
        Self::at(LOCAL, decide).await
    }

    pub(crate) async fn at(
        address: SocketAddr,
        decide: impl Fn(usize) -> Does + Send + Sync + 'static,
    ) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(64).unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let task = tokio::spawn(serve(listener, seen.clone(), Arc::new(decide)));
        Self { address, seen, _task: Stop(task.abort_handle()) }
    }

    pub(crate) fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap())
    }
}

type Decide = Arc<dyn Fn(usize) -> Does + Send + Sync>;

async fn serve(listener: TcpListener, seen: Arc<Mutex<Seen>>, decide: Decide) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        seen.lock().unwrap().connections += 1;
        connections.spawn(connection(stream, seen.clone(), decide.clone()));
    }
}

async fn connection(mut stream: TcpStream, seen: Arc<Mutex<Seen>>, decide: Decide) -> Option<()> {
    let mut framer = Framer::new(&Limits::default());
    loop {
        let Some(frame) = framer.next_frame().unwrap() else {
            let read = stream.read_buf(framer.buffer()).await.ok()?;
            if read == 0 {
                return None;
            }
            continue;
        };
        let Frame::Events(mut events) = Frame::decode(&frame, &Limits::default()).unwrap() else {
            panic!("no events");
        };
        let mut chunk = events.chunk.take().expect("a chunk");
        let entries = events.entries(&Limits::default(), EventTime::now()).unwrap();
        let numbers: Vec<_> = entries.iter().map(|record| number(&record)).collect();
        let does = {
            let mut seen = seen.lock().unwrap();
            seen.frames += 1;
            let does = decide(seen.frames - 1);
            if matches!(does, Does::Acknowledge | Does::Slowly(_) | Does::DropTaken) {
                for number in &numbers {
                    *seen.taken.entry(*number).or_default() += 1;
                }
                seen.order.extend(&numbers);
            }
            does
        };
        match does {
            Does::Acknowledge => {}
            Does::Slowly(wait) => tokio::time::sleep(wait).await,
            Does::Withhold => continue,
            Does::Confuse => chunk = "another".into(),
            Does::Drop | Does::DropTaken => return None,
        }
        let mut answer = Vec::new();
        write_ack(&chunk, &mut answer);
        stream.write_all(&answer).await.ok()?;
    }
}
