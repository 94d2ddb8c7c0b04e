//! `launcher server`: the control plane, the API and the pages.

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use launcher_acme::Acme;
use launcher_agent::Every;
use launcher_build::{BuildUrl, Builds};
use launcher_control::hub::{self, Door, Hub};
use launcher_control::{Clock, Control, Parts};
use launcher_edge::remote::{Acceptor, Identity};
use launcher_images::Images;
use launcher_logs::Kept;
use launcher_openid::OpenId;
use launcher_registry::{Registries, Registry};
use launcher_scheduler::LogKeeper;
use launcher_scheduler::docker::residents::Residents;
use launcher_server::{App, Configured, EdgeDoor, Reports, Settings};
use launcher_store::Store;
use launcher_store::vault::Vault;
use tokio::net::TcpListener;

use super::config::Config;
use super::data::{DataDir, keep_to_itself, write_private};
use super::edge_socket::EdgeSocket;
use super::engines::{self, Engines};
use super::fluentd::Listening;
use super::{administrator, metrics, notify, stopping, systemd, traces};

/// Told to a server by its supervisor: print where it is reached, and how to sign in.
pub(crate) const ANNOUNCE: &str = "LAUNCHER_ANNOUNCE";

/// Runs until the process is told to stop.
pub(crate) async fn run(config: Config) -> Result<()> {
    let stopping = stopping::told_to_stop()?;
    keep_to_itself();
    let data = DataDir::open(&config.data)?;
    let _lock = data.lock()?;
    data.close();
    let listener = listen(config.listen).await?;
    let address = listener.local_addr().context("cannot tell the address that was bound")?;
    let edges = EdgeSocket::listen(data.edge_socket())?;
    let remote = match config.edges {
        Some(address) => Some(RemoteEdges::listen(address, &config, &data).await?),
        None => None,
    };
    let logs = match &config.fluentd {
        Some(fluentd) => Some(Listening::at(fluentd).await?),
        None => None,
    };

    let door = remote.as_ref().map(|remote| remote.door.clone());
    let (mut app, _images, _acme) = assemble(&config, &data, door, address).await?;
    app.access_logs = logs.as_ref().map(Listening::shown);
    let mut serving = tokio::task::JoinSet::new();
    if let Some(openid) = app.openid.clone() {
        // It says in the log when the provider is away, which is no reason not to serve.
        serving.spawn(async move { openid.find().await.unwrap_or_default() });
    }
    if let Some(residents) = engines::to_measure(&config)? {
        serving.spawn(measure(residents, app.clone()));
    }
    serving.spawn(edges.serve(Arc::clone(app.control.hub())));
    if let Some(remote) = remote {
        remote.serve(&app, &mut serving)?;
    }
    let gathered = app.telemetry.gathered();
    let logs = logs.map(|logs| logs.take(&app.control, gathered)).transpose()?;
    administrator::ensure(&app, &data).await?;
    write_private(&data.address(), &format!("http://{}\n", reachable(address)))?;
    if std::env::var_os(ANNOUNCE).is_some() {
        announce(&app, address, &config, &data).await?;
    }
    tracing::info!(%address, data = %data.path().display(), "the server is up");
    systemd::is_ready();
    let stopping = async {
        stopping.await;
        systemd::is_stopping();
    };
    launcher_server::serve(app.clone(), listener, stopping).await;
    app.builds.shut_down();
    app.control.shut_down();
    if let Some(logs) = logs {
        logs.stop().await;
    }
    if let Err(error) = app.telemetry.flush().await {
        tracing::warn!(%error, "what was measured last is lost");
    }
    app.notifier.shut_down().await;
    serving.abort_all();
    Ok(())
}

/// The socket that systemd hands over, or one of this address.
async fn listen(address: SocketAddr) -> Result<TcpListener> {
    let mut handed = systemd::sockets()?;
    if handed.len() > 1 {
        bail!("the server listens on one socket, and systemd handed over {}", handed.len());
    }
    if let Some(socket) = handed.pop() {
        socket.set_nonblocking(true).context("cannot use the socket that systemd handed over")?;
        return TcpListener::from_std(socket).context("cannot listen on systemd's socket");
    }
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "cannot listen on {address}; is another process using the port? choose one with --listen"
        )
    })
}

/// Where people look at builds.
fn build_url(pages: String) -> BuildUrl {
    Arc::new(move |id| format!("{}/builds/{id}", pages.trim_end_matches('/')))
}

/// How many builds run at once: more would only take turns at the processors of one machine.
const BUILDS_AT_ONCE: usize = 2;

async fn assemble(
    config: &Config,
    data: &DataDir,
    edges: Option<EdgeDoor>,
    address: SocketAddr,
) -> Result<(App, Images, Acme)> {
    data.refuse_lost_database()?;
    let store = launcher_store::sqlite::open(&data.database()).await?;
    let store: Arc<dyn Store> = Arc::new(store);
    let key = data.secret_key();
    let vault =
        if store.holds_secrets().await? { Vault::open_existing(&key) } else { Vault::open(&key) };
    let vault = Arc::new(vault?);
    let installation = store.installation().await?;
    let (hub, notices) = Hub::new(&config.preview_domain, &installation);
    let telemetry = metrics::open(config, data, &hub, &installation).await?;
    traces::follow(config, data, &store, &installation).await?;
    let logs = Arc::new(Kept::new(data.logs(), config.logs));
    let Engines { scheduler, docker } =
        engines::connect(config, &installation, &vault, Arc::clone(&logs) as Arc<dyn LogKeeper>)?;
    let clock: Clock = Arc::new(Timestamp::now);
    let parts = Parts {
        store: Arc::clone(&store),
        vault: Arc::clone(&vault),
        scheduler: Arc::clone(&scheduler),
        logs,
        hub,
        notices,
        clock: Arc::clone(&clock),
    };
    let accesses = config.registries.iter();
    let logins: HashMap<_, _> =
        accesses.filter_map(|(host, access)| Some((host.clone(), access.login.clone()?))).collect();
    let settings = launcher_control::Config { logins: logins.clone(), ..Default::default() };
    let control = Control::start(parts, settings).await?;
    let settings = Arc::new(Settings {
        preview_scheme: config.preview_scheme.clone(),
        preview_domain: config.preview_domain.clone(),
        preview_port: config.preview_port,
        edges,
        orders_certificates: config.acme.is_some(),
        audit_keep: config.audit.keep(),
        secure_cookies: config.is_secure(),
        configured: Configured {
            file: config.file.as_deref().map(|file| file.display().to_string()),
            text: config.shown.clone(),
        },
        pages: config.url.clone(),
    });
    let registry: Arc<dyn Registry> =
        Arc::new(Registries::new(config.registries.clone(), Some(Arc::new(docker.clone()))));
    let images = Images::start(launcher_images::Parts {
        control: control.clone(),
        store: Arc::clone(&store),
        registry: Arc::clone(&registry),
        builder: Some(Arc::new(docker.clone())),
        clock: Arc::clone(&clock),
    });
    let parts = launcher_build::Parts {
        store: Arc::clone(&store),
        control: control.clone(),
        builder: Arc::new(docker),
        registry,
        vault: Arc::clone(&vault),
        clock: Arc::clone(&clock),
    };
    let (urls, branch_urls) = (Arc::clone(&settings), Arc::clone(&settings));
    let builds = launcher_build::Config {
        data: data.path().to_owned(),
        at_once: BUILDS_AT_ONCE,
        logins,
        preview_url: Arc::new(move |service, version| urls.preview_url(service, version)),
        branch_url: Arc::new(move |branch| branch_urls.branch_url(branch)),
        build_url: config.url.clone().map(build_url),
    };
    let builds = Builds::start(parts, builds).await?;
    let pages = config.url.clone().unwrap_or_else(|| format!("http://{}", reachable(address)));
    let notifier = notify::start(config, &pages, &control, &store, &settings, &clock).await?;
    let openid =
        config.openid.clone().map(OpenId::new).transpose().context("[openid] cannot be used")?;
    let gathered = Arc::clone(telemetry.gathered());
    let reports = Reports::new(move |report| gathered.host(report));
    let app = App {
        control,
        builds,
        store,
        vault,
        scheduler,
        reports,
        telemetry,
        notifier,
        clock,
        settings,
        access_logs: None,
        openid: openid.map(Arc::new),
    };
    let acme = Acme::start(
        launcher_acme::Parts {
            control: app.control.clone(),
            store: Arc::clone(&app.store),
            vault: Arc::clone(&app.vault),
            clock: Arc::clone(&app.clock),
        },
        config.acme.clone(),
    );
    Ok((app, images, acme))
}

/// Measures this machine, as an agent would, for as long as the server runs.
async fn measure(residents: Residents, app: App) {
    match app.store.installation().await {
        Ok(installation) => {
            let take = |report| app.reports.take(report);
            launcher_agent::within(residents, Every::DEFAULT, installation, take).await;
        }
        Err(error) => tracing::error!(%error, "this machine is not measured"),
    }
}

/// Where edges of other machines come in.
struct RemoteEdges {
    listener: TcpListener,
    identity: Identity,
    door: EdgeDoor,
}

impl RemoteEdges {
    async fn listen(address: SocketAddr, config: &Config, data: &DataDir) -> Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen for edges on {address}; choose another address with --edges")
        })?;
        let bound = listener.local_addr().context("cannot tell the address that was bound")?;
        let identity = Identity::open(&data.edge_identity())?;
        let address = config.edges_address.clone().unwrap_or_else(|| by_name(bound));
        let door = EdgeDoor { fingerprint: identity.fingerprint(), address };
        tracing::info!(address = %bound, "edges of other machines may come in");
        Ok(Self { listener, identity, door })
    }

    fn serve(self, app: &App, serving: &mut tokio::task::JoinSet<()>) -> Result<()> {
        let acceptor = Acceptor::new(&self.identity).context("cannot use the server's identity")?;
        let (store, clock) = (Arc::clone(&app.store), Arc::clone(&app.clock));
        let door = Door { acceptor, store, clock };
        serving.spawn(hub::serve_remote(Arc::clone(app.control.hub()), door, self.listener));
        Ok(())
    }
}

/// How others reach an address of this machine: by the machine's name, when it listens on all.
fn by_name(bound: SocketAddr) -> String {
    if !bound.ip().is_unspecified() {
        return bound.to_string();
    }
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{name}:{}", bound.port())
}

/// What to call the server by on this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback: std::net::IpAddr = match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        return SocketAddr::new(loopback, address.port());
    }
    address
}

async fn announce(app: &App, address: SocketAddr, config: &Config, data: &DataDir) -> Result<()> {
    let address = reachable(address);
    let mut text = format!("Rocket Launcher is up.\n  pages and API   http://{address}/\n");
    if let Some(token) = administrator::link_owner(app).await? {
        let link = app.one_time_link(&token).await?;
        text.push_str(&format!("  sign in once    http://{address}/login/{}\n", link.expose()));
        if data.admin_token().exists() {
            text.push_str(&format!("  administrator   {}\n", data.admin_token().display()));
        }
    }
    let http = config.http.iter().map(|address| format!("http://{address}"));
    let https = config.https.iter().map(|address| format!("https://{address}"));
    let production: Vec<String> = http.chain(https).collect();
    text.push_str(&format!("  traffic         {}\n", production.join(" ")));
    let mut out = std::io::stdout().lock();
    // Nobody may be reading; that is no reason not to serve.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    Ok(())
}
