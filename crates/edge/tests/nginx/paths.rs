//! Rules read a path as nginx does, so that all edges agree.

use launcher_model::service::{RequestPath, RulePath};
use launcher_testkit::Folder;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use launcher_testkit::Nginx as Server;

const PATHS: usize = 3000;

/// What nginx takes a path to be; `None` when it refuses it.
fn seen_by_nginx(socket: &Path, path: &str) -> Option<Vec<u8>> {
    let mut stream = UnixStream::connect(socket).unwrap();
    let asked = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    match &answer[9..12] {
        b"200" => Some(answer.split_off(end + 4)),
        b"400" => None,
        _ => panic!("{}", String::from_utf8_lossy(&answer)),
    }
}

/// A path of few pieces, so that the interesting ones meet.
fn path(rng: &mut SmallRng) -> String {
    let pieces = [
        "/", "/", "/", "a", "api", "x", ".", "..", "%2e", "%2E%2e", "%2F", "%2f", "%61", "%25",
        "%3F", "%23", "%00", "%", "%0d%0a", "é", "%C3%A9", "\\", ";", "+", "*", "~",
    ];
    let count = rng.random_range(0..9);
    let chosen = (0..count).map(|_| *pieces.choose(rng).unwrap());
    std::iter::once("/").chain(chosen).collect()
}

#[test]
fn a_path_is_what_nginx_takes_it_to_be() {
    let folder = Folder::new();
    let socket = folder.path().join("probe.sock");
    std::fs::create_dir_all(folder.path().join("include")).unwrap();
    let probe = format!("server {{ listen unix:{}; return 200 $uri; }}\n", socket.display());
    std::fs::write(folder.path().join("include/probe.conf"), probe).unwrap();
    let _server = Server::start(folder.path());
    let mut rng = SmallRng::seed_from_u64(7);
    let mut refused = 0;
    for _ in 0..PATHS {
        let sent = path(&mut rng);
        match (RequestPath::read(&sent), seen_by_nginx(&socket, &sent)) {
            (Ok(read), Some(seen)) => {
                let seen = String::from_utf8(seen).unwrap();
                let rule = RulePath::new(&seen.replace('%', "%25"));
                assert!(read.is(&rule), "{sent}: nginx sees {seen}, and the rules see {read:?}");
            }
            (Err(_), None) => refused += 1,
            (read, seen) => panic!("{sent}: nginx sees {seen:?}, and the rules see {read:?}"),
        }
    }
    assert!((PATHS / 20..PATHS).contains(&refused), "{refused}");
}
