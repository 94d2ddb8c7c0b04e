//! A lab: hosts, and the network and the registry between them.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::error::Error;
use crate::folder::{self, Folder};
use crate::keeper::{self, Keeper};
use crate::network::Network;
use crate::process::{Process, Start, words};
use crate::registry::Registry;
use crate::swarm::{self, Node};
use crate::{Host, Image, Options, Result, image};

/// Several hosts on this machine. All of it is gone when this is dropped, which takes a second.
#[derive(Debug)]
pub struct Lab {
    hosts: Vec<Host>,
    managers: usize,
    registry: Registry,
    network: Network,
    opened_in: Duration,
    /// Stands last: it goes after what it takes away.
    keeper: Keeper,
}

impl Lab {
    /// Makes it, and returns when every engine answers, and the Swarm is complete if there is one. What
    /// labs have left whose processes were killed is taken away first.
    ///
    /// # Errors
    /// When this is not root, something is not installed, or something does not start. Nothing is left
    /// behind then, nor when this is dropped before it is done.
    pub async fn open(options: Options) -> Result<Self> {
        let began = Instant::now();
        options.check()?;
        if !rustix::process::geteuid().is_root() {
            return Err(Error::NotRoot);
        }
        let (keeper, network) = prepare().await?;
        let mut hosts = Vec::new();
        for (host, number) in options.hosts.iter().zip(1..) {
            hosts.push(Host::new(host, number, keeper.folder(), &network)?);
        }
        let registry = Registry::start(keeper.folder(), network.gateway());
        let engines = try_join_all(hosts.iter().map(Host::revive));
        let (registry, _) = tokio::try_join!(registry, engines)?;
        let managers = options.swarm.as_ref().map_or(0, |swarm| swarm.managers);
        if let Some(swarm) = &options.swarm {
            swarm::form(&hosts, swarm).await?;
        }
        Ok(Self { hosts, managers, registry, network, opened_in: began.elapsed(), keeper })
    }

    /// Its hosts, in the order of their addresses.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The host of this name.
    ///
    /// # Errors
    /// [`Error::NoHost`].
    pub fn host(&self, name: &str) -> Result<&Host> {
        self.hosts.iter().find(|host| host.name() == name).ok_or_else(|| Error::NoHost {
            name: name.to_owned(),
            known: self.hosts.iter().map(|host| host.name().to_owned()).collect(),
        })
    }

    /// The hosts that are managers of the Swarm; none when there is no Swarm.
    #[must_use]
    pub fn managers(&self) -> &[Host] {
        &self.hosts[..self.managers]
    }

    /// The nodes of the Swarm, as the first manager that answers sees them; none when there is no Swarm.
    ///
    /// # Errors
    /// When no manager answers.
    pub async fn nodes(&self) -> Result<Vec<Node>> {
        let mut answer = Ok(Vec::new());
        for manager in self.managers() {
            answer = swarm::nodes(manager).await;
            if answer.is_ok() {
                break;
            }
        }
        answer
    }

    /// Where the hosts, and the containers on them, reach this machine.
    #[must_use]
    pub fn gateway(&self) -> Ipv4Addr {
        self.network.gateway()
    }

    /// Where its registry is. It is what names of images in it begin with, on every host.
    #[must_use]
    pub fn registry(&self) -> SocketAddr {
        self.registry.address()
    }

    /// Its name, by which all is known that it has made on this machine.
    #[must_use]
    pub fn name(&self) -> &str {
        self.keeper.folder().mark()
    }

    /// Where its files are. What is put there goes with it.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.keeper.folder().path()
    }

    /// How long it took to make.
    #[must_use]
    pub fn opened_in(&self) -> Duration {
        self.opened_in
    }

    /// Puts an image into its registry under a name such as `shop:1`. Returns the whole name, by which
    /// every host pulls it. It goes by way of the first host's engine, which keeps nothing of it.
    ///
    /// # Errors
    /// When there is no such image, it cannot be built, or that engine does not answer.
    pub async fn push(&self, name: &str, image: &Image) -> Result<String> {
        image::push(image, name, &self.registry().to_string(), &self.hosts[0]).await
    }

    /// Runs a program beside the hosts, on this machine; what it says is appended to the file `log`. It ends
    /// with the lab.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(
        &self,
        program: &Path,
        arguments: &[impl AsRef<OsStr>],
        log: &Path,
    ) -> Result<Process> {
        let words = words(program, arguments);
        Process::start(&Start { mark: self.name(), words, log })
    }

    /// The directories of the labs that run on this machine.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn running() -> Result<Vec<PathBuf>> {
        folder::running()
    }

    /// Takes it away, as dropping it does, and tells whether something has stayed.
    ///
    /// # Errors
    /// When something has.
    pub fn close(self) -> Result<()> {
        let Self { hosts, registry, mut keeper, .. } = self;
        drop((hosts, registry));
        keeper.finish()
    }
}

/// Makes what all else is put on.
async fn prepare() -> Result<(Keeper, Network)> {
    let turn = blocking(|| {
        let turn = folder::take_turn()?;
        keeper::sweep()?;
        Ok(turn)
    });
    let turn = turn.await?;
    let keeper = Keeper::start(Folder::make()?)?;
    let network = Network::make(keeper.folder().mark()).await?;
    drop(turn);
    Ok((keeper, network))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
