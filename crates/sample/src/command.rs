//! The application as a program: what its arguments make it do.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::options::number_from_env;
use crate::{Error, Options, Server};

const USAGE: &str = "usage: sample [serve | check | migrate]";
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs the application with its arguments, the program's name not among them, and returns the status to
/// exit with:
///
/// - `serve`, or nothing: serves until SIGTERM or SIGINT;
/// - `check`: asks the health check at `PORT`: 0 when it passes, else 1. For images in which there is no
///   other program;
/// - `migrate`: what a release hook runs. Prints some lines, takes `SAMPLE_MIGRATE_MS`, and returns
///   `SAMPLE_MIGRATE_EXIT`.
///
/// 1 when an environment variable cannot be used, 2 for other arguments. It makes a
/// tokio runtime of its own, so it must not be called from within one.
pub fn main_with(arguments: impl IntoIterator<Item = String>) -> u8 {
    let arguments: Vec<String> = arguments.into_iter().collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["serve"] => serve(),
        ["check"] => check(),
        ["migrate"] => migrate(),
        _ => {
            complain(USAGE);
            return 2;
        }
    };
    outcome.unwrap_or_else(|error| {
        complain(&format!("error: {error}"));
        1
    })
}

fn serve() -> Result<u8, Error> {
    let options = Options::from_env()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Error::Start)?.block_on(async {
        // As the first process of a container it has no handlers but these.
        let mut terminate = signal(SignalKind::terminate()).map_err(Error::Start)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Start)?;
        let (version, hasty) = (options.version.clone(), options.hasty);
        let server = Server::bind(options).await?;
        say(&format!("version {version} listens on {}", server.addr()));
        let shutdown = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        if hasty {
            return tokio::select! {
                ended = server.run(std::future::pending()) => ended,
                () = shutdown => Ok(0),
            };
        }
        server.run(shutdown).await
    })
}

fn check() -> Result<u8, Error> {
    let port = Options::from_env()?.listen.port();
    match ask_health(port) {
        Ok(answer) if answer.contains(" 200 ") => Ok(0),
        Ok(answer) => {
            complain(&answer);
            Ok(1)
        }
        Err(error) => {
            complain(&format!("no answer from port {port}: {error}"));
            Ok(1)
        }
    }
}

/// The answer's status line and body, on one line.
fn ask_health(port: u16) -> io::Result<String> {
    let mut stream =
        TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), CHECK_TIMEOUT)?;
    stream.set_read_timeout(Some(CHECK_TIMEOUT))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok(format!("{}: {}", head.lines().next().unwrap_or_default(), body.trim_end()))
}

fn migrate() -> Result<u8, Error> {
    let took = number_from_env("SAMPLE_MIGRATE_MS", "a number of milliseconds", 0)?;
    let status = number_from_env("SAMPLE_MIGRATE_EXIT", "an exit status, 0 to 255", 0)?;
    say("migrating orders: add column currency");
    std::thread::sleep(Duration::from_millis(took));
    if status == 0 {
        say("migrated 1 table");
    } else {
        complain("error: column \"currency\" of table \"orders\" exists already");
    }
    Ok(status)
}

/// A line on standard output. That nobody reads it must not end the process.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// A line on standard error.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
