//! The control plane.

use std::collections::BTreeMap;

use launcher_edge::protocol::{CertificateFile, DrainOutcome, Flip, FromEdge, Readiness, ToEdge};
use launcher_edge::table::{RouteTable, ServiceTable};
use launcher_edge::wire::{self, Writer};
use launcher_model::measure::{Merge, Traffic, TrafficSample};
use launcher_model::{DeploymentId, ServiceName, VersionNumber};
use tokio::io::WriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::soon;

/// The control plane's end of an edge's connection.
pub(crate) struct Control {
    pub(crate) hello: FromEdge,
    to_edge: Writer<WriteHalf<UnixStream>, ToEdge>,
    from_edge: mpsc::UnboundedReceiver<FromEdge>,
    /// What was carried in each second that the edge has told of.
    measured: mpsc::UnboundedReceiver<(i64, Vec<TrafficSample>)>,
    /// What its files of certificates hold.
    files: mpsc::UnboundedReceiver<Vec<CertificateFile>>,
    reading: JoinHandle<()>,
    /// Outcomes of drains that came while something else was waited for.
    pub(crate) outcomes: Vec<(i64, DrainOutcome)>,
}

impl Drop for Control {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Control {
    /// Takes the edge's next connection.
    pub(crate) async fn accept(listener: &UnixListener) -> Self {
        let (stream, _) = soon("the edge's connection", listener.accept()).await.unwrap();
        let (mut reader, to_edge) = wire::split::<_, FromEdge, ToEdge>(stream);
        let (heard, from_edge) = mpsc::unbounded_channel();
        let (tell, measured) = mpsc::unbounded_channel();
        let (of_files, files) = mpsc::unbounded_channel();
        let hello = soon("hello", reader.next()).await.unwrap().unwrap();
        let reading = tokio::spawn(async move {
            while let Ok(Some(message)) = reader.next().await {
                let told = match message {
                    FromEdge::Measured { at, samples } => tell.send((at, samples)).is_ok(),
                    FromEdge::CertificateFiles { files } => of_files.send(files).is_ok(),
                    message => heard.send(message).is_ok(),
                };
                if !told {
                    break;
                }
            }
        });
        Self { hello, to_edge, from_edge, measured, files, reading, outcomes: Vec::new() }
    }

    pub(crate) async fn say(&mut self, message: ToEdge) {
        self.to_edge.send(&message).await.unwrap();
    }

    /// The next message.
    pub(crate) async fn hear(&mut self) -> FromEdge {
        soon("a message of the edge", self.from_edge.recv()).await.expect("the edge is connected")
    }

    /// What the edge's files of certificates hold, when it tells of them.
    pub(crate) async fn files(&mut self) -> Vec<CertificateFile> {
        soon("what the files hold", self.files.recv()).await.expect("the edge is connected")
    }

    /// What was carried for each version, once so many requests have been answered.
    pub(crate) async fn measured(&mut self, requests: u64) -> BTreeMap<VersionNumber, Traffic> {
        let mut sums: BTreeMap<VersionNumber, Traffic> = BTreeMap::new();
        while sums.values().map(Traffic::answered).sum::<u64>() < requests {
            for (version, traffic) in self.second().await {
                sums.entry(version).or_default().after(&traffic);
            }
        }
        sums
    }

    /// What was carried for each version in the next second in which anything was.
    pub(crate) async fn second(&mut self) -> BTreeMap<VersionNumber, Traffic> {
        let told = soon("what was carried", self.measured.recv()).await;
        let (_, samples) = told.expect("the edge is connected");
        samples.into_iter().map(|sample| (sample.version, sample.traffic)).collect()
    }

    pub(crate) async fn welcome(&mut self, services: &[ServiceTable]) -> Vec<(ServiceName, u64)> {
        self.welcome_to("test", services).await
    }

    pub(crate) async fn welcome_to(
        &mut self,
        installation: &str,
        services: &[ServiceTable],
    ) -> Vec<(ServiceName, u64)> {
        let services = services.iter().map(|s| (s.name.clone(), s.clone())).collect();
        let installation = Some(installation.to_owned());
        let table = RouteTable { preview_domain: "preview.test".into(), installation, services };
        self.say(ToEdge::Welcome { table, unchanged: Vec::new() }).await;
        self.applied().await
    }

    pub(crate) async fn replace(&mut self, service: &ServiceTable) -> Vec<(ServiceName, u64)> {
        self.say(ToEdge::Replace { service: service.clone() }).await;
        self.applied().await
    }

    /// The next message that tells of no drain.
    async fn answer(&mut self) -> FromEdge {
        loop {
            match self.hear().await {
                FromEdge::Drained { deployment, outcome } => {
                    self.outcomes.push((deployment.0, outcome));
                }
                other => return other,
            }
        }
    }

    async fn applied(&mut self) -> Vec<(ServiceName, u64)> {
        match self.answer().await {
            FromEdge::Applied { revisions } => revisions,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn prepare(
        &mut self,
        id: i64,
        service: &ServiceTable,
    ) -> Result<Readiness, String> {
        self.say(ToEdge::Prepare {
            deployment: DeploymentId(id),
            service: service.clone(),
            within_ms: 5_000,
        })
        .await;
        self.prepared(id).await
    }

    pub(crate) async fn prepared(&mut self, id: i64) -> Result<Readiness, String> {
        match self.answer().await {
            FromEdge::Prepared { deployment, outcome } if deployment.0 == id => outcome,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn commit(&mut self, id: i64) -> Result<Flip, String> {
        self.say(ToEdge::Commit { deployment: DeploymentId(id) }).await;
        match self.answer().await {
            FromEdge::Committed { deployment, outcome } if deployment.0 == id => outcome,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn switch(&mut self, id: i64, service: &ServiceTable) -> Flip {
        self.prepare(id, service).await.unwrap();
        self.commit(id).await.unwrap()
    }

    pub(crate) async fn drained(&mut self, id: i64) -> DrainOutcome {
        loop {
            if let Some(at) = self.outcomes.iter().position(|(of, _)| *of == id) {
                return self.outcomes.remove(at).1;
            }
            match self.hear().await {
                FromEdge::Drained { deployment, outcome } => {
                    self.outcomes.push((deployment.0, outcome));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
