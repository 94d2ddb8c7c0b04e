//! What the edge answers.

use std::sync::Mutex;

use launcher_edge::protocol::{Flip, FromEdge, HoldOutcome, PROTOCOL, Readiness, ToEdge};
use launcher_edge::wire;
use launcher_model::{DeploymentId, EdgeName, ServiceName};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::{Reply, Say, State, lock};

/// Talks over one connection until it ends.
pub(super) async fn converse(
    stream: UnixStream,
    name: &EdgeName,
    state: &Mutex<State>,
    told: &mut mpsc::UnboundedReceiver<Say>,
) {
    let (mut reader, mut writer) = wire::split::<_, ToEdge, FromEdge>(stream);
    let hello = FromEdge::Hello {
        protocol: PROTOCOL,
        edge: name.clone(),
        version: "test".to_owned(),
        driver: "pretend".to_owned(),
        http: Vec::new(),
        https: Vec::new(),
        installation: None,
        draining: lock(state).draining.keys().copied().collect(),
        has: Vec::new(),
    };
    if writer.send(&hello).await.is_err() {
        return;
    }
    let mut held = Vec::new();
    loop {
        let answers = tokio::select! {
            message = reader.next() => match message {
                Ok(Some(message)) => match hear(state, message) {
                    Heard::Answers(answers) => answers,
                    Heard::Held(answer) => {
                        held.push(answer);
                        continue;
                    }
                    Heard::HangUp => return,
                },
                Ok(None) | Err(_) => return,
            },
            Some(said) = told.recv() => match said {
                Say::HangUp => return,
                Say::Release => {
                    let mut answers = Vec::new();
                    for deployment in std::mem::take(&mut held) {
                        answers.extend(commit_or_prepared(state, deployment));
                    }
                    answers
                }
                Say::Tells(message) => vec![message],
                Say::Drained(deployment, outcome) => {
                    lock(state).draining.insert(deployment, Some(outcome.clone()));
                    vec![FromEdge::Drained { deployment, outcome }]
                }
            },
        };
        for answer in answers {
            if writer.send(&answer).await.is_err() {
                return;
            }
        }
    }
}

enum Half {
    Prepare(DeploymentId),
    Commit(DeploymentId),
    Hold(ServiceName),
    Rest(u64),
}

enum Heard {
    Answers(Vec<FromEdge>),
    Held(Half),
    HangUp,
}

fn hear(shared: &Mutex<State>, message: ToEdge) -> Heard {
    let mut state = lock(shared);
    let answers = match message {
        ToEdge::Welcome { table, .. } => {
            state.welcome(table);
            let mut answers = vec![FromEdge::Applied { revisions: state.revisions() }];
            for (deployment, outcome) in &state.draining {
                if let Some(outcome) = outcome.clone() {
                    answers.push(FromEdge::Drained { deployment: *deployment, outcome });
                }
            }
            answers
        }
        ToEdge::Replace { service } => {
            state.replaced += 1;
            match state.replace {
                Reply::Silent => return Heard::Answers(Vec::new()),
                Reply::HangUp => return Heard::HangUp,
                _ => state.take(service),
            }
            vec![FromEdge::Applied { revisions: state.revisions() }]
        }
        ToEdge::Remove { service } => {
            state.remove(&service);
            Vec::new()
        }
        ToEdge::Prepare { deployment, service, .. } => {
            state.asked.push("prepare");
            state.prepared.insert(deployment, service);
            match state.prepare.clone() {
                Reply::Well => vec![prepared(&state, deployment)],
                Reply::Refuse(why) => {
                    state.prepared.remove(&deployment);
                    vec![FromEdge::Prepared { deployment, outcome: Err(why) }]
                }
                Reply::Silent => Vec::new(),
                Reply::HangUp => return Heard::HangUp,
                Reply::Held => return Heard::Held(Half::Prepare(deployment)),
            }
        }
        ToEdge::Hold { service, .. } => {
            state.asked.push("hold");
            match state.hold.clone() {
                Reply::Refuse(why) => vec![FromEdge::Held { service, outcome: Err(why) }],
                Reply::HangUp => return Heard::HangUp,
                other => {
                    state.holds.insert(service.clone());
                    match other {
                        Reply::Held => return Heard::Held(Half::Hold(service)),
                        Reply::Silent => Vec::new(),
                        _ => vec![FromEdge::Held { service, outcome: Ok(true) }],
                    }
                }
            }
        }
        ToEdge::Release { service } => {
            state.asked.push("release");
            let outcome = match state.holds.remove(&service) {
                true => state.waited,
                false => HoldOutcome::default(),
            };
            vec![FromEdge::Released { service, outcome }]
        }
        ToEdge::Commit { deployment } => match state.commit.clone() {
            Reply::Well => commit(&mut state, deployment),
            Reply::Refuse(why) => vec![FromEdge::Committed { deployment, outcome: Err(why) }],
            Reply::Silent => Vec::new(),
            Reply::HangUp => return Heard::HangUp,
            Reply::Held => return Heard::Held(Half::Commit(deployment)),
        },
        ToEdge::Abort { deployment } => {
            state.asked.push("abort");
            state.prepared.remove(&deployment);
            Vec::new()
        }
        ToEdge::DrainSeen { deployment } => {
            state.draining.remove(&deployment);
            Vec::new()
        }
        ToEdge::Rest { nonce, .. } => {
            state.asked.push("rest");
            match state.rest.clone() {
                Reply::Held => return Heard::Held(Half::Rest(nonce)),
                Reply::Silent => Vec::new(),
                _ => vec![FromEdge::Rested { nonce, at_rest: true }],
            }
        }
        ToEdge::Certify { revision, .. } => vec![FromEdge::Certified { revision }],
        ToEdge::Ping { nonce } => vec![FromEdge::Pong { nonce }],
        ToEdge::Joined { .. } => Vec::new(),
        ToEdge::Foreign { .. } => return Heard::HangUp,
        ToEdge::Refused { why } => panic!("refused: {why}"),
    };
    Heard::Answers(answers)
}

fn commit_or_prepared(state: &Mutex<State>, half: Half) -> Vec<FromEdge> {
    let mut state = lock(state);
    match half {
        Half::Prepare(deployment) => vec![prepared(&state, deployment)],
        Half::Commit(deployment) => commit(&mut state, deployment),
        Half::Rest(nonce) => {
            vec![FromEdge::Rested { nonce, at_rest: true }]
        }
        Half::Hold(service) => vec![FromEdge::Held { service, outcome: Ok(false) }],
    }
}

fn prepared(state: &State, deployment: DeploymentId) -> FromEdge {
    let endpoints = state.prepared.get(&deployment).map_or(0, |table| {
        let live = table.weights.keys().filter_map(|version| table.pools.get(version));
        live.map(|pool| pool.endpoints.len()).sum()
    });
    let checked = u32::try_from(endpoints).unwrap();
    FromEdge::Prepared { deployment, outcome: Ok(Readiness { checked, warmed: 0, took_us: 1 }) }
}

fn commit(state: &mut State, deployment: DeploymentId) -> Vec<FromEdge> {
    let Some(table) = state.prepared.remove(&deployment) else {
        let outcome = Err("nothing was prepared".to_owned());
        return vec![FromEdge::Committed { deployment, outcome }];
    };
    let generation = table.generation;
    state.asked.push("commit");
    state.take(table);
    let outcome = Ok(Flip { generation, took_us: 1, in_flight: state.in_flight });
    let mut answers = vec![FromEdge::Committed { deployment, outcome }];
    let drain = state.drain.clone();
    state.draining.insert(deployment, drain.clone());
    if let Some(outcome) = drain {
        answers.push(FromEdge::Drained { deployment, outcome });
    }
    answers
}
