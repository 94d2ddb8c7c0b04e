//! HTTPS, with clients that check what they are shown.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use launcher_edge::table::{Rules, ServiceTable};
use launcher_edge::{CertificateFiles, Daemon, Https, Limits, Start};
use launcher_model::Span;
use launcher_model::service::Tls;
use launcher_testkit::Folder;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::*;

/// An edge with a certificate for the tests' host.
struct Secure {
    lab: Lab,
    authority: Authority,
    files: CertificateFiles,
    client: Arc<ClientConfig>,
    dir: Folder,
}

impl Secure {
    async fn new(services: &[ServiceTable]) -> Self {
        Self::with(services, Limits::default()).await
    }

    async fn with(services: &[ServiceTable], limits: Limits) -> Self {
        let (dir, authority) = (Folder::new(), Authority::new());
        let files = authority.issue(dir.path(), "shop", &[HOST]);
        let https = https(std::slice::from_ref(&files));
        let lab = Lab::start(services, |config| {
            (config.https, config.limits) = (https, limits);
        })
        .await;
        let client = Arc::new(authority.client());
        Self { lab, authority, files, client, dir }
    }

    fn address(&self) -> SocketAddr {
        self.lab.edge.https[0]
    }

    async fn get(&self, path: &str) -> Answer {
        let stream = greet(self.address(), HOST, &self.client).await.unwrap();
        whole(ask(&mut speak(stream).await, request(HOST, path)).await).await
    }
}

fn https(certificates: &[CertificateFiles]) -> Https {
    let addresses = vec!["127.0.0.1:0".parse().unwrap()];
    Https { addresses, certificates: certificates.to_vec(), ..Https::default() }
}

fn live(container: &Container) -> ServiceTable {
    shop(1, &[(1, 100)], &[(1, &[container])])
}

/// Tells what it was told of the client.
async fn mirror() -> Container {
    Container::serve("mirror", |request| async move {
        let said = |name| request.headers().get(name).map_or("", |value| value.to_str().unwrap());
        text(format!("{}|{}", said("x-forwarded-proto"), said("forwarded")))
    })
    .await
}

#[tokio::test]
async fn a_container_learns_that_its_client_came_by_https() {
    let container = mirror().await;
    let secure = Secure::new(&[live(&container)]).await;
    let stream = greet(secure.address(), HOST, &secure.client).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let mut sender = speak(stream).await;
    for _ in 0..3 {
        let answer = whole(ask(&mut sender, request(HOST, "/")).await).await;
        assert_eq!(
            answer.body,
            format!("https|for=127.0.0.1;host={HOST};proto=https"),
            "the connection is kept"
        );
    }
    let plain = secure.lab.get("/").await;
    assert_eq!(plain.body, format!("http|for=127.0.0.1;host={HOST};proto=http"));
}

#[tokio::test]
async fn a_name_without_a_certificate_is_shown_the_edges_own() {
    let container = Container::named("c").await;
    let secure = Secure::new(&[live(&container)]).await;
    let error = greet(secure.address(), "other.test", &secure.client).await.unwrap_err();
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    assert_eq!(secure.get("/").await.body, "c", "and nobody else is concerned");
}

#[tokio::test]
async fn sessions_are_resumed_with_both_versions() {
    let container = Container::named("c").await;
    let secure = Secure::new(&[live(&container)]).await;
    for version in [&TLS12, &TLS13] {
        let client = Arc::new(secure.authority.client_of(&[version]));
        let mut kinds = Vec::new();
        for _ in 0..4 {
            let stream = greet(secure.address(), HOST, &client).await.unwrap();
            assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
            kinds.push(stream.get_ref().1.handshake_kind().unwrap());
            // Tickets come with what is read.
            let mut sender = speak(stream).await;
            assert_eq!(whole(ask(&mut sender, request(HOST, "/")).await).await.body, "c");
        }
        assert_eq!(kinds[0], HandshakeKind::Full, "{version:?}");
        assert_eq!(kinds[1..], [HandshakeKind::Resumed; 3], "{version:?}");
    }
}

#[tokio::test]
async fn a_service_leads_to_https_and_has_browsers_remember() {
    let container = Container::named("c").await;
    let mut service = live(&container);
    let tls = Tls { redirect: true, hsts: Some(Span::secs(31_536_000)) };
    service.rules = Rules { tls, ..Rules::default() };
    let secure = Secure::new(&[service.clone()]).await;
    let port = secure.address().port();
    for (target, location) in [
        ("/", format!("https://{HOST}:{port}/")),
        ("/a%20b?c=d&e", format!("https://{HOST}:{port}/a%20b?c=d&e")),
    ] {
        let answer = secure.lab.get(target).await;
        assert_eq!(answer.status, StatusCode::PERMANENT_REDIRECT);
        assert_eq!(answer.headers["location"], location);
        assert!(!answer.headers.contains_key("strict-transport-security"));
    }
    assert_eq!(container.requests(), 0);
    let answer = secure.get("/").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "c"));
    assert_eq!(answer.headers["strict-transport-security"], "max-age=31536000");
    // So does what the edge itself answers in its place.
    let none = get_by(&secure, "v9.shop.preview.test").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert_eq!(none.headers["strict-transport-security"], "max-age=31536000");
    let nobody = get_by(&secure, "other.test").await;
    assert!(!nobody.headers.contains_key("strict-transport-security"));
    // Previews are looked at by whatever way people have to them.
    let preview = get(secure.lab.edge.http, "v1.shop.preview.test", "/").await;
    assert_eq!((preview.status, preview.body.as_str()), (StatusCode::OK, "c"));
    // Without HTTPS there is nowhere to lead to.
    let lab = Lab::new(&[service]).await;
    assert_eq!(lab.get("/").await.body, "c");
}

/// What is answered to a request for another host over a connection to the tests' one.
async fn get_by(secure: &Secure, host: &str) -> Answer {
    let stream = greet(secure.address(), HOST, &secure.client).await.unwrap();
    whole(ask(&mut speak(stream).await, request(host, "/")).await).await
}

#[tokio::test]
async fn who_is_led_to_https_comes_by_its_public_port() {
    let container = Container::named("c").await;
    let mut service = live(&container);
    let tls = Tls { redirect: true, hsts: None };
    service.rules = Rules { tls, ..Rules::default() };
    for (port, location) in
        [(443, format!("https://{HOST}/a")), (4443, format!("https://{HOST}:4443/a"))]
    {
        let lab = Lab::start(std::slice::from_ref(&service), |config| {
            config.https = Https { public_port: Some(port), ..https(&[]) };
        })
        .await;
        assert_eq!(lab.get("/a").await.headers["location"], location);
    }
}

#[tokio::test]
async fn websockets_pass_encrypted_too() {
    let container = websocket_echo().await;
    let mut service = live(&container);
    service.pools.values_mut().for_each(|pool| pool.health = Default::default());
    let secure = Secure::new(&[service]).await;
    let stream = greet(secure.address(), HOST, &secure.client).await.unwrap();
    let url = format!("ws://{HOST}/");
    let connected = tokio_tungstenite::client_async(url, stream);
    let mut socket = Box::pin(soon("a WebSocket", connected)).await.unwrap().0;
    for n in 0..20 {
        let sent = Message::text("x".repeat(n * 5000));
        socket.send(sent.clone()).await.unwrap();
        assert_eq!(soon("the echo", socket.next()).await.unwrap().unwrap(), sent);
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = soon("the end", socket.next()).await {}
}

#[tokio::test]
async fn large_bodies_pass_whole_and_the_end_is_told() {
    let size = 3 << 20;
    let container = Container::serve("large", move |request| async move {
        let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
        text(body)
    })
    .await;
    let secure = Secure::new(&[live(&container)]).await;
    let stream = greet(secure.address(), HOST, &secure.client).await.unwrap();
    let (mut read, mut write) = tokio::io::split(stream);
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
    );
    let sending = tokio::spawn(async move {
        write.write_all(head.as_bytes()).await.unwrap();
        write.write_all(&vec![b'x'; size]).await.unwrap();
        write.flush().await.unwrap();
        write
    });
    let mut all = Vec::new();
    // rustls takes an end that was not told for an attack.
    soon("the whole answer", read.read_to_end(&mut all)).await.unwrap();
    sending.await.unwrap();
    assert!(all.starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&all[..100]));
    assert!(all.iter().filter(|byte| **byte == b'x').count() >= size);
}

#[tokio::test]
async fn who_speaks_no_tls_is_let_go() {
    let container = Container::named("c").await;
    let limits = Limits { handshake_timeout: Duration::from_millis(300), ..Limits::default() };
    let secure = Secure::with(&[live(&container)], limits).await;
    // One that says nothing, and one that speaks HTTP.
    for said in [&b""[..], b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n"] {
        let mut stream = TcpStream::connect(secure.address()).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut answer = Vec::new();
        let _ = soon("the end", stream.read_to_end(&mut answer)).await;
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    assert_eq!(container.requests(), 0);
}

#[tokio::test]
async fn handshakes_take_turns() {
    let container = Container::named("c").await;
    let secure =
        Secure::with(&[live(&container)], Limits { handshakes: 1, ..Limits::default() }).await;
    // Those who say nothing have no turn.
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(secure.address()).await.unwrap());
    }
    let answers = futures_util::future::join_all((0..20).map(|_| secure.get("/"))).await;
    assert!(answers.iter().all(|answer| answer.body == "c"));
}

#[tokio::test]
async fn a_certificate_is_renewed_and_no_handshake_fails() {
    let container = Container::named("c").await;
    let secure = Secure::new(&[live(&container)]).await;
    let shown = || async {
        let stream = greet(secure.address(), HOST, &secure.client).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone()
    };
    let first = shown().await;
    secure.authority.issue(secure.dir.path(), "shop", &[HOST]);
    soon("the new certificate", async { while shown().await == first {} }).await;
    // One without its key changes nothing.
    let second = shown().await;
    std::fs::write(&secure.files.key, "no key").unwrap();
    tokio::time::timeout(Duration::from_millis(500), async {
        loop {
            assert_eq!(shown().await, second);
        }
    })
    .await
    .unwrap_err();
}

#[tokio::test]
async fn what_the_files_hold_is_told() {
    let container = Container::named("c").await;
    let Secure { mut lab, authority, files, dir, .. } = Secure::new(&[live(&container)]).await;
    let [told] = &lab.control.files().await[..] else { panic!("there is one") };
    assert_eq!((&*told.file, &told.refused), (text_of(&files.certificate), &None));
    let first = told.shown.clone().unwrap();
    assert_eq!(
        (&first.names[..], &*first.issuer),
        (&[HOST.to_owned()][..], "The tests' authority")
    );
    assert!(first.not_before < first.not_after, "{first:?}");
    // What is of no use is told, beside what is shown meanwhile.
    std::fs::write(&files.key, "no key").unwrap();
    let [told] = &lab.control.files().await[..] else { panic!("there is one") };
    assert_eq!(told.shown, Some(first));
    let why = told.refused.as_deref().unwrap();
    assert!(why.contains("no private key"), "{why}");
    let refused = told.clone();
    // A control plane that comes again is told again.
    drop(lab.control);
    let mut control = Control::accept(&lab.listener).await;
    control.welcome(&[live(&container)]).await;
    assert_eq!(control.files().await, [refused]);
    authority.issue(dir.path(), "shop", &[HOST, "*.shop.test"]);
    soon("the new one", async {
        loop {
            let told = control.files().await.remove(0);
            if told.refused.is_none() && told.shown.unwrap().names.len() == 2 {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_successor_serves_https_on_the_same_sockets() {
    let container = Container::named("c").await;
    let secure = Secure::new(&[live(&container)]).await;
    let Secure { lab, client, files, .. } = secure;
    let (address, dir) = (lab.edge.https[0], lab.dir);
    let asking = tokio::spawn({
        let client = client.clone();
        async move {
            let mut answered = 0_u64;
            loop {
                let stream = greet(address, HOST, &client).await.unwrap();
                let answer = whole(ask(&mut speak(stream).await, request(HOST, "/")).await).await;
                assert_eq!(answer.body, "c");
                answered += 1;
                if answered.is_multiple_of(20) && ENOUGH.load(std::sync::atomic::Ordering::SeqCst) {
                    return answered;
                }
            }
        }
    });
    // It is told no address, and serves what there is.
    let config = launcher_edge::Config {
        http: Vec::new(),
        https: Https { certificates: vec![files], ..Https::default() },
        ..config(dir.path())
    };
    let start = Start { sockets: Vec::new(), take_over: true };
    let successor = soon("taking over", Daemon::begin(config, start)).await.unwrap();
    assert_eq!(successor.https(), [address]);
    let successor = Edge::run(successor);
    let mut control = Control::accept(&lab.listener).await;
    control.welcome(&[live(&container)]).await;
    lab.edge.ended().await;
    ENOUGH.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(soon("the last answers", asking).await.unwrap() > 0);
    successor.stop().await;
}

static ENOUGH: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Runs a program to its end; what it has printed.
async fn output(program: &str, arguments: &[&str]) -> String {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = soon(program, command.output()).await.unwrap();
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn text_of(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn clients_of_others_understand() {
    let container = Container::named("c").await;
    let secure = Secure::new(&[live(&container)]).await;
    let (address, authority) = (secure.address(), secure.authority.file(secure.dir.path()));
    let authority = text_of(&authority);
    let (resolve, url) = (
        format!("{HOST}:{}:127.0.0.1", address.port()),
        format!("https://{HOST}:{}/", address.port()),
    );
    let common = ["-sS", "--cacert", authority, "--resolve", &resolve, "--max-time", "10"];
    for version in ["--tlsv1.2", "--tlsv1.3"] {
        for (http, spoken) in [("--http1.1", "c 1.1 0"), ("--http2", "c 2 0")] {
            let told = " %{http_version} %{ssl_verify_result}";
            let arguments = [&common[..], &[version, http, "-w", told, &url]].concat();
            assert_eq!(output("curl", &arguments).await, spoken, "{version} {http}");
        }
    }
    let old = output("curl", &[&common[..], &["--tls-max", "1.1", &url]].concat()).await;
    assert!(old.starts_with("curl: (35)"), "{old}");
    let connect = address.to_string();
    let asked = ["s_client", "-connect", &connect, "-servername", HOST, "-CAfile", authority];
    let said = output("openssl", &[&asked[..], &["-alpn", "h2,http/1.1"]].concat()).await;
    for part in ["Verify return code: 0 (ok)", "TLSv1.3", "ALPN protocol: h2"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let weak = ["-tls1_2", "-cipher", "AES128-SHA:AES128-GCM-SHA256"];
    let refused = output("openssl", &[&asked[..], &weak].concat()).await;
    assert!(refused.contains("handshake failure"), "without forward secrecy: {refused}");
}
