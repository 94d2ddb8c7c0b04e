//! One installation: a data directory, and the processes that use it.

mod processes;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::api::Api;
use crate::engine::{Engine, block_on};
use crate::folder::Folder;
use crate::machine::{Machine, host_address};
use crate::wait::{SOON, until};

pub use processes::Killer;
use processes::{ended, kill, terminate};

/// Server and edge as processes of their own, started and killed at will.
pub struct Installation {
    program: PathBuf,
    directory: Folder,
    engine: Engine,
    /// Where API and pages are.
    pub listen: SocketAddr,
    /// Where the edge serves.
    pub http: SocketAddr,
    server: Option<Child>,
    edge: Option<Child>,
    supervisor: Option<Child>,
    joined: Vec<Child>,
    variables: Vec<(String, String)>,
    configuration: Option<PathBuf>,
    installation: Option<String>,
}

/// An address of this machine that is free at this moment.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap()
}

impl Installation {
    /// An installation on `engine`, with nothing running.
    ///
    /// # Panics
    /// When there is no room for it.
    #[must_use]
    pub fn new(program: &Path, engine: &Engine) -> Self {
        let directory = Folder::named("launcher-");
        Self {
            program: program.to_owned(),
            directory,
            engine: engine.clone(),
            listen: free_port(),
            http: free_port(),
            server: None,
            edge: None,
            supervisor: None,
            joined: Vec::new(),
            variables: Vec::new(),
            configuration: None,
            installation: None,
        }
    }

    /// Sets a variable for the processes that are started from now on.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.into()));
    }

    /// Gives the server that is started from now on a configuration file.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn configure(&mut self, content: &str) {
        let path = self.directory.path().join("config.toml");
        std::fs::write(&path, content).unwrap();
        self.configuration = Some(path);
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A place for files beside the data directory.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.directory.path()
    }

    fn command(&self, arguments: &[&str]) -> Child {
        let log = self.directory.path().join(format!("{}.log", arguments[0]));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut command = Command::new(&self.program);
        command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        command.env("LAUNCHER_DOCKER_HOST", self.engine.host());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.spawn().unwrap()
    }

    /// Starts the server, without waiting for it.
    pub fn start_server(&mut self) {
        self.server = Some(self.start_as("server"));
    }

    /// Starts what has a configuration: `server` or `up`.
    fn start_as(&self, name: &str) -> Child {
        let (data, listen, http) = (self.data(), self.listen.to_string(), self.http.to_string());
        let data = data.to_str().unwrap();
        let mut arguments = vec![name, "--data", data, "--listen", &listen, "--http", &http];
        if let Some(path) = &self.configuration {
            arguments.extend(["--config", path.to_str().unwrap()]);
        }
        self.command(&arguments)
    }

    /// Starts the edge, without waiting for it.
    pub fn start_edge(&mut self) {
        let data = self.data();
        let (edge, socket) = (data.join("edge"), data.join("edge.sock"));
        let http = self.http.to_string();
        self.edge = Some(self.command(&[
            "edge",
            "--name",
            "local",
            "--data",
            edge.to_str().unwrap(),
            "--server-socket",
            socket.to_str().unwrap(),
            "--http",
            &http,
        ]));
    }

    /// Lets edges of other machines in, from the next start on.
    pub fn take_edges(&mut self) {
        self.set("LAUNCHER_EDGES", format!("{}:0", host_address()));
    }

    /// Invites an edge, has it run on a machine of its own, and waits until it is connected. It serves
    /// HTTP on port 80 there.
    ///
    /// # Panics
    /// When it does not get there soon.
    pub async fn start_edge_on(&self, api: &Api, name: &str) -> Machine {
        let invitation = api.post("/edges", json!({ "name": name })).await;
        let text = |field: &str| invitation[field].as_str().expect("a text").to_owned();
        let (server, token) = (text("server"), text("token"));
        let mut machine = Machine::new();
        let data = self.scratch().join(name);
        let http = SocketAddr::from((machine.address, 80)).to_string();
        let joins = ["edge", "--server", &server, "--token", &token, "--threads", "1"];
        let serves = ["--data", data.to_str().unwrap(), "--http", &http];
        let log = self.scratch().join(format!("{name}.log"));
        machine.run(&self.program, &[&joins[..], &serves[..]].concat(), &log);
        wait_until_connected(api, name).await;
        machine
    }

    /// Invites an edge, has it run on this machine, and waits until it is connected. It serves HTTP at
    /// `http`, and ends with this.
    ///
    /// # Panics
    /// When it does not get there soon.
    pub async fn start_edge_at(&mut self, api: &Api, name: &str, http: SocketAddr) {
        let invitation = api.post("/edges", json!({ "name": name })).await;
        let text = |field: &str| invitation[field].as_str().expect("a text").to_owned();
        let (server, token, data) = (text("server"), text("token"), self.scratch().join(name));
        let joins = ["edge", "--server", &server, "--token", &token, "--threads", "1"];
        let http = http.to_string();
        let serves = ["--data", data.to_str().unwrap(), "--http", &http];
        self.joined.push(self.command(&[&joins[..], &serves[..]].concat()));
        wait_until_connected(api, name).await;
    }

    /// Starts `launcher up`, which keeps both running, and waits until the edge is connected.
    pub async fn start_supervised(&mut self) -> Api {
        self.supervisor = Some(self.start_as("up"));
        self.wait_until_up().await
    }

    /// What can kill what `launcher up` keeps running.
    ///
    /// # Panics
    /// When nothing is supervised.
    #[must_use]
    pub fn killer(&self) -> Killer {
        Killer::of(self.supervisor.as_ref().expect("start_supervised was called").id())
    }

    /// Starts both, and waits until the edge is connected.
    pub async fn start(&mut self) -> Api {
        self.start_server();
        self.start_edge();
        self.wait_until_up().await
    }

    /// Waits until the server answers and the edge is connected to it.
    ///
    /// # Panics
    /// When they do not get there soon.
    pub async fn wait_until_up(&mut self) -> Api {
        let api = self.wait_for_server().await;
        until("the edge being connected", SOON, || async {
            let edges = api.try_call(reqwest::Method::GET, "/edges", None).await.ok()?.body;
            let connected = |edge: &Value| edge["state"] == "connected";
            edges["items"].as_array()?.iter().any(connected).then_some(())
        })
        .await;
        api
    }

    /// Waits until the server answers.
    ///
    /// # Panics
    /// When it does not soon.
    pub async fn wait_for_server(&mut self) -> Api {
        let base = format!("http://{}", self.listen);
        let token = self.data().join("admin-token");
        let api = until("the server answering", SOON, || async {
            let token = std::fs::read_to_string(&token).ok()?;
            let api = Api::new(&base, token.trim());
            let server = api.try_call(reqwest::Method::GET, "/server", None).await.ok()?;
            (server.status == 200).then_some((api, server.body["installation"].clone()))
        })
        .await;
        self.installation = api.1.as_str().map(str::to_owned);
        api.0
    }

    /// Where git pushes a service to, with the administrator's token as the password.
    ///
    /// # Panics
    /// When the server has not written the token yet.
    #[must_use]
    pub fn remote(&self, service: &str) -> String {
        let token = std::fs::read_to_string(self.data().join("admin-token")).unwrap();
        format!("http://git:{}@{}/git/{service}.git", token.trim(), self.listen)
    }

    /// What the edge answers to `GET /` for a hostname; none when it is not 200.
    pub async fn page(&self, host: &str) -> Option<String> {
        let client = reqwest::Client::builder().no_proxy().build().ok()?;
        let request = client.get(format!("http://{}/", self.http)).header("host", host);
        let answer = request.send().await.ok()?;
        if answer.status() != 200 {
            return None;
        }
        answer.text().await.ok()
    }

    /// The id that containers' labels carry.
    ///
    /// # Panics
    /// When the server has not answered yet.
    #[must_use]
    pub fn id(&self) -> &str {
        self.installation.as_deref().expect("the server has answered once")
    }

    /// Kills the server with SIGKILL.
    pub fn kill_server(&mut self) {
        kill(self.server.take());
    }

    /// Kills the edge with SIGKILL.
    pub fn kill_edge(&mut self) {
        kill(self.edge.take());
    }

    /// Whether the server has ended by itself.
    pub fn server_has_ended(&mut self) -> bool {
        ended(&mut self.server)
    }

    /// Whether the edge has ended by itself.
    pub fn edge_has_ended(&mut self) -> bool {
        ended(&mut self.edge)
    }

    /// The process of the edge, while it runs.
    #[must_use]
    pub fn edge_pid(&self) -> Option<u32> {
        self.edge.as_ref().map(Child::id)
    }

    /// The process of the server, while it runs.
    #[must_use]
    pub fn server_pid(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// What the processes have logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        let read =
            |name| std::fs::read_to_string(self.directory.path().join(name)).unwrap_or_default();
        let logs = ["server", "edge", "up"]
            .map(|name| format!("--- {name}\n{}", read(format!("{name}.log"))));
        logs.concat()
    }
}

async fn wait_until_connected(api: &Api, edge: &str) {
    until(&format!("{edge} being connected"), SOON, || async {
        let edges = api.get("/edges").await;
        let connected = |known: &Value| known["name"] == edge && known["state"] == "connected";
        edges["items"].as_array()?.iter().any(connected).then_some(())
    })
    .await;
}

impl Drop for Installation {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln_log(&self.log());
        }
        terminate(self.supervisor.take());
        terminate(self.server.take());
        kill(self.edge.take());
        self.joined.drain(..).for_each(|edge| kill(Some(edge)));
        if let Some(id) = self.installation.clone() {
            let engine = self.engine.clone();
            block_on(async move { engine.remove_all(&id).await });
        }
    }
}

/// As much of a log as tells what went wrong.
#[expect(clippy::print_stderr, reason = "for whoever reads why a test failed")]
fn eprintln_log(log: &str) {
    let lines: Vec<&str> = log.lines().collect();
    let last = lines.len().saturating_sub(200);
    eprintln!("{}", lines[last..].join("\n"));
}
