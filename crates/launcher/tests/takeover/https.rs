//! HTTPS goes over to a successor, with the certificates that its configuration names then.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use launcher_testkit::wait::{SOON, until};

use super::support::*;

/// Writes a certificate that signs itself, its key, and a configuration that names them.
fn configure(dir: &Path, name: &str) -> PathBuf {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let file = |end: &str| dir.join(format!("{name}.{end}"));
    std::fs::write(file("pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(file("key"), key.serialize_pem()).unwrap();
    let text = format!(
        "[[certificates]]\ncertificate = \"{}\"\nkey = \"{}\"\n",
        file("pem").display(),
        file("key").display()
    );
    std::fs::write(dir.join("config.toml"), text).unwrap();
    file("pem")
}

/// What curl is answered, which trusts this certificate and no other.
async fn curl(https: SocketAddr, trusted: &Path) -> Result<String, String> {
    let resolve = format!("{HOST}:{}:127.0.0.1", https.port());
    let mut command = tokio::process::Command::new("curl");
    command.args(["-sS", "--max-time", "20", "--resolve", &resolve, "--cacert"]).arg(trusted);
    command.arg(format!("https://{HOST}:{}/version", https.port()));
    let output = command.kill_on_drop(true).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_https_goes_over_with_the_certificates_of_then() {
    let lab = Lab::new().await;
    let dir = lab.dir.path();
    let (https, config) = (free(), dir.join("config.toml"));
    let first = configure(dir, "first");
    let address = https.to_string();
    let also = ["--https", &address, "--config", config.to_str().unwrap()];
    let edge = lab.start_edge_on(&[lab.http], &also);
    until("HTTPS", SOON, || async { curl(https, &first).await.ok() }).await;

    let enough = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn({
        let enough = enough.clone();
        let both = dir.join("both.pem");
        std::fs::copy(&first, &both).unwrap();
        let second = configure(dir, "second");
        let pems = [&first, &second].map(|file| std::fs::read_to_string(file).unwrap());
        std::fs::write(&both, pems.concat()).unwrap();
        async move {
            let mut answered = 0;
            while !enough.load(Ordering::SeqCst) {
                assert_eq!(curl(https, &both).await, Ok("1".to_owned()));
                answered += 1;
            }
            answered
        }
    });
    let next = lab.start_edge_on(&[lab.http], &also);
    edge.has_ended_well().await;
    let second = dir.join("second.pem");
    assert_eq!(curl(https, &second).await, Ok("1".to_owned()), "{}", lab.log_text());
    enough.store(true, Ordering::SeqCst);
    assert!(asking.await.unwrap() > 0);

    // One that is not told of HTTPS serves none, and shuts that address.
    let plain = lab.start_edge_on(&[lab.http], &[]);
    next.has_ended_well().await;
    assert!(curl(https, &second).await.is_err());
    assert_eq!(get(lab.http).await, Ok(1));
    drop(plain);
}
