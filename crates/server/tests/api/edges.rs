//! Edges of other machines: invited, joined, connected, revoked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use launcher_edge::remote::{JoinToken, Membership, join};
use launcher_edge::{Config, ControlPlane, Daemon, Limits};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::world::{World, eventually};

const EDGES: &str = "/api/v1/edges";

/// A machine on which an edge may run.
struct Machine {
    dir: PathBuf,
    running: Option<JoinHandle<()>>,
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Machine {
    fn new(world: &World, name: &str) -> Self {
        Self { dir: world.folder.join(name), running: None }
    }

    async fn join(&self, invitation: &Value) -> Result<Membership, String> {
        let token: JoinToken = invitation["token"].as_str().unwrap().parse().unwrap();
        let joined = join(&self.dir, invitation["server"].as_str().unwrap(), &token).await;
        joined.map_err(|error| error.to_string())
    }

    /// Runs an edge that has joined.
    fn run(&mut self) {
        let membership = Membership::kept(&self.dir).unwrap().unwrap();
        let config = Config {
            name: membership.edge().clone(),
            http: vec!["127.0.0.1:0".parse().unwrap()],
            https: Default::default(),
            threads: 1,
            data_dir: self.dir.clone(),
            control: ControlPlane::Remote(Arc::new(membership)),
            limits: Limits::default(),
            access: None,
            stop_within: Duration::ZERO,
        };
        let edge = Daemon::start(config).unwrap();
        self.running = Some(tokio::spawn(edge.run(std::future::pending())));
    }

    fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }
}

async fn invite(world: &World, name: &str) -> Value {
    world.call("POST", EDGES, json!({ "name": name })).await.is(201).json()
}

async fn edge(world: &World, name: &str) -> Value {
    let listed = world.get(EDGES).await.is(200).json();
    let found = listed["items"].as_array().unwrap().iter().find(|edge| edge["name"] == name);
    found.cloned().unwrap_or(Value::Null)
}

async fn becomes(world: &World, name: &str, state: &str) {
    let what = format!("{name} is {state}");
    eventually(&what, async || edge(world, name).await["state"] == state).await;
}

#[tokio::test]
async fn an_invited_edge_joins_and_switches_with_the_others() {
    let world = World::new().await;
    let invitation = invite(&world, "north").await;
    assert_eq!(edge(&world, "north").await["state"], "invited");
    let mut machine = Machine::new(&world, "north");
    machine.join(&invitation).await.unwrap();
    assert_eq!(edge(&world, "north").await["state"], "away");
    machine.run();
    becomes(&world, "north", "connected").await;
    eventually("the lag is known", async || edge(&world, "north").await["lag_us"].is_u64()).await;

    let shop = world.service("shop").await;
    let one = world.ready(&shop, "1").await;
    let deployments = "/api/v1/services/shop/deployments";
    let done = world.call("POST", deployments, json!({ "version": one })).await.is(200).json();
    let edges = done["receipt"]["edges"].as_array().unwrap();
    assert_eq!(edges.len(), 2, "{done}");
    assert!(edges.iter().all(|edge| edge["checked"] == 1 && edge["fenced"].is_null()), "{done}");

    machine.stop();
    becomes(&world, "north", "away").await;
    let two = world.ready(&shop, "2").await;
    let done = world.call("POST", deployments, json!({ "version": two })).await.is(200).json();
    let edges = done["receipt"]["edges"].as_array().unwrap();
    let away = edges.iter().find(|edge| edge["edge"] == "north").unwrap();
    assert_eq!(away["fenced"], "it was not connected", "{done}");

    machine.run();
    becomes(&world, "north", "connected").await;
    eventually("it has caught up", async || edge(&world, "north").await["behind"] == 0).await;
}

#[tokio::test]
async fn a_join_token_works_once() {
    let world = World::without_edge().await;
    let invitation = invite(&world, "north").await;
    let (first, second) = (Machine::new(&world, "first"), Machine::new(&world, "second"));
    first.join(&invitation).await.unwrap();
    first.join(&invitation).await.unwrap();
    let refused = second.join(&invitation).await.unwrap_err();
    assert!(refused.contains("this join token is not valid"), "{refused}");
    assert!(Membership::kept(&second.dir).unwrap().is_none());
}

#[tokio::test]
async fn a_token_of_another_server_trusts_no_stranger() {
    let (world, other) = (World::without_edge().await, World::without_edge().await);
    let mut invitation = invite(&world, "north").await;
    invitation["server"] = invite(&other, "north").await["server"].clone();
    let refused = Machine::new(&world, "north").join(&invitation).await.unwrap_err();
    assert!(refused.contains("cannot join the server at"), "{refused}");
}

#[tokio::test]
async fn a_revoked_edge_is_turned_out_and_may_be_invited_again() {
    let world = World::without_edge().await;
    let mut machine = Machine::new(&world, "north");
    machine.join(&invite(&world, "north").await).await.unwrap();
    machine.run();
    becomes(&world, "north", "connected").await;
    world.call("DELETE", "/api/v1/edges/north", None).await.is(204);
    assert!(edge(&world, "north").await.is_null());
    world.call("DELETE", "/api/v1/edges/north", None).await.is(404);

    machine.stop();
    machine.join(&invite(&world, "north").await).await.unwrap();
    machine.run();
    becomes(&world, "north", "connected").await;
}

#[tokio::test]
async fn the_name_of_the_local_edge_is_not_given_away() {
    let world = World::new().await;
    world.call("POST", EDGES, json!({ "name": "local" })).await.tells(409, "refused");
}
