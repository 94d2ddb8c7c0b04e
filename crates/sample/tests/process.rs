//! The application as a process: signals, exit statuses, what it writes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// The application in a process of its own: this test binary, told by a variable to be it.
fn sample(argument: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "is_the_application_when_told_to_be", "--nocapture"]);
    command.env("BE_SAMPLE", argument).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn is_the_application_when_told_to_be() {
    if let Ok(argument) = std::env::var("BE_SAMPLE") {
        std::process::exit(launcher_sample::main_with([argument]).into());
    }
    // Not told: then it must be, when a child is.
    assert_eq!(sample("migrate").output().unwrap().status.code(), Some(0));
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Starts it on a free port, and reads the port from the line that it writes.
fn start(environment: &[(&str, &str)]) -> Running {
    let command = &mut sample("serve");
    let mut child = command.env("PORT", "0").envs(environment.iter().copied()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.contains("listens on")).unwrap();
    Running { child, port: line.rsplit_once(':').unwrap().1.parse().unwrap() }
}

/// A process that ends with its test, also when that fails.
struct Running {
    child: Child,
    port: u16,
}

impl Running {
    fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(("127.0.0.1", self.port))
    }

    fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    fn exit_status(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_termination_lets_the_request_end_and_exits_with_0() {
    let mut running = start(&[("SAMPLE_VERSION", "5")]);
    let mut connection = running.connect().unwrap();
    connection
        .write_all(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhello")
        .unwrap();
    let mut answer = vec![0; 1024];
    let mut length = 0;
    while !answer[..length].ends_with(b"hello") {
        length += connection.read(&mut answer[length..]).unwrap();
    }

    running.terminate();
    while running.connect().is_ok() {
        std::thread::yield_now();
    }
    connection.write_all(b"again").unwrap();
    let mut rest = String::new();
    connection.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "again");
    assert_eq!(running.exit_status(), Some(0));
}

#[test]
fn the_broken_one_says_why_and_exits_with_1() {
    let output = sample("serve").env("PORT", "0").env("SAMPLE_BROKEN", "exit").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot connect to the database at db:5432"));
}

#[test]
fn check_asks_the_one_that_listens() {
    let mut running = start(&[("SAMPLE_BROKEN", "unhealthy")]);
    let port = running.port;
    let check = || sample("check").env("PORT", port.to_string()).output().unwrap();

    let output = check();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("500 Internal Server Error: the table"), "{output:?}");

    let mut connection = running.connect().unwrap();
    connection
        .write_all(b"POST /health/pass HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .unwrap();
    connection.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(check().status.code(), Some(0));

    running.terminate();
    assert_eq!(running.exit_status(), Some(0));
    let output = check();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no answer from port"), "{output:?}");
}

#[test]
fn migrate_exits_as_it_is_told() {
    let output = sample("migrate").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("migrated 1 table"));

    let output = sample("migrate").env("SAMPLE_MIGRATE_EXIT", "4").output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("exists already"));
}

#[test]
fn what_it_cannot_use_it_names() {
    let output = sample("serve").env("PORT", "http").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("PORT is \"http\"; it must be a port"), "{output:?}");

    let output = sample("fly").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("usage: sample"), "{output:?}");
}
