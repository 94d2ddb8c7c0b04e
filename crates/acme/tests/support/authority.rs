//! A Pebble, and the names that it knows.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use launcher_acme::Settings;
use launcher_testkit::installation::free_port;
use launcher_testkit::wait;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

/// Longer than anything takes that works.
const SOON: Duration = Duration::from_secs(60);

/// It ends when it is dropped.
pub(crate) struct Authority {
    directory: String,
    management: SocketAddr,
    names: SocketAddr,
    /// The port at which it asks.
    port: u16,
    /// Whose certificate it has itself.
    own_authority: String,
    client: reqwest::Client,
    processes: Vec<Child>,
}

impl Drop for Authority {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Authority {
    /// Starts one, whose files are in a folder.
    pub(crate) async fn start(folder: &Path) -> Self {
        let [listens, management, dns, names] = std::array::from_fn(|_| free_port());
        let port = free_port().port();
        let own_authority = certify(folder);
        let config = json!({"pebble": {
            "listenAddress": listens.to_string(),
            "managementListenAddress": management.to_string(),
            "certificate": folder.join("pebble.pem"),
            "privateKey": folder.join("pebble.key"),
            "httpPort": port,
            "tlsPort": free_port().port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        let file = folder.join("pebble.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let dns = dns.to_string();
        let mut names_of = Command::new("pebble-challtestsrv");
        names_of.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""]);
        names_of.args(["-dns01", &dns, "-management", &names.to_string()]);
        let mut pebble = Command::new("pebble");
        pebble.args(["-dnsserver", &dns, "-config"]).arg(&file).env("PEBBLE_VA_NOSLEEP", "1");
        let processes = [names_of, pebble].map(|mut command| {
            let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            quiet.spawn().expect("pebble is installed, as dev/setup.sh does")
        });
        let root = reqwest::Certificate::from_pem(own_authority.as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([root]).build().unwrap();
        let directory = format!("https://{listens}/dir");
        let authority = Self {
            directory,
            management,
            names,
            port,
            own_authority,
            client,
            processes: processes.into(),
        };
        let answers = || async {
            let names = reqwest::get(format!("http://{names}/")).await;
            let listed = authority.client.get(&authority.directory).send().await;
            names.and(listed).ok()
        };
        wait::until("the authority", SOON, answers).await;
        authority
    }

    /// How it is asked.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            directory: self.directory.clone(),
            email: Some("ops@example.com".to_owned()),
            authority: Some(self.own_authority.clone().into_bytes()),
            within: Duration::from_secs(30),
        }
    }

    /// Has a name lead there.
    pub(crate) async fn leads(&self, name: &str, address: &str) {
        let body = json!({"host": format!("{name}."), "addresses": [address]}).to_string();
        for what in ["clear-a", "add-a"] {
            let url = format!("http://{}/{what}", self.names);
            let answer = self.client.post(url).body(body.clone()).send().await.unwrap();
            assert!(answer.status().is_success(), "{what}: {}", answer.status());
        }
    }

    /// Where an edge with this address is asked.
    pub(crate) fn asked_at(&self, ip: &str) -> SocketAddr {
        SocketAddr::new(ip.parse().unwrap(), self.port)
    }

    /// What those trust who trust it.
    pub(crate) async fn roots(&self) -> Arc<RootCertStore> {
        let url = format!("https://{}/roots/0", self.management);
        let pem = self.client.get(url).send().await.unwrap().bytes().await.unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
        Arc::new(roots)
    }
}

/// Makes the certificate that it listens with, and returns whose it is.
fn certify(folder: &Path) -> String {
    let named = |name: &str, hosts: &[&str]| {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let mut params = named("Whom the tests trust", &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let certificate = named("Pebble", &["127.0.0.1"]).signed_by(&key, &issuer).unwrap();
    std::fs::write(folder.join("pebble.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.join("pebble.key"), key.serialize_pem()).unwrap();
    authority.pem()
}
