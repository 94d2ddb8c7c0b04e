use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};
use tempfile::tempdir;

use super::*;

/// A certificate and its key in PEM.
fn pair(names: &[&str]) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn put(dir: &Path, name: &str, (certificate, key): (&str, &str)) -> Files {
    let files = Files {
        certificate: dir.join(format!("{name}.pem")),
        key: dir.join(format!("{name}.key")),
    };
    fs::write(&files.certificate, certificate).unwrap();
    fs::write(&files.key, key).unwrap();
    files
}

fn made(names: &[&str]) -> Certificate {
    let (certificate, key) = pair(names);
    Certificate::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap()
}

/// The index of the certificate that is shown, in `all`.
fn shown(certificates: &Certificates, name: Option<&str>, all: &[&Certificate]) -> Option<usize> {
    let found = certificates.shown.load().find(name)?;
    all.iter().position(|one| one.key().cert == found.cert)
}

#[test]
fn the_name_chooses_exactly_before_by_a_wildcard_before_the_own() {
    let (own, exact, wild) =
        (made(&["localhost"]), made(&["a.example.com", "Example.COM"]), made(&["*.example.com"]));
    let all = Certificates::open(&[], Some(own.clone()));
    let known = [&own, &exact, &wild];
    assert_eq!(shown(&all, Some("a.example.com"), &known), Some(0));
    assert_eq!(shown(&all, None, &known), Some(0));
    all.issued(vec![wild.clone(), exact.clone()]);
    for (name, expected) in [
        (Some("a.example.com"), 1),
        (Some("A.Example.com"), 1),
        (Some("example.com"), 1),
        (Some("b.example.com"), 2),
        (Some("a.b.example.com"), 0),
        (Some("other.test"), 0),
        (Some("com"), 0),
        (None, 2),
    ] {
        assert_eq!(shown(&all, name, &known), Some(expected), "{name:?}");
    }
    all.issued(Vec::new());
    assert_eq!(shown(&all, Some("a.example.com"), &known), Some(0));
}

#[test]
fn what_is_no_pair_is_refused_with_the_reason() {
    let dir = tempdir().unwrap();
    let (one, other) = (pair(&["a.test"]), pair(&["a.test"]));
    let read =
        |name, pair| Certificate::read(&put(dir.path(), name, pair)).unwrap_err().to_string();
    let mixed = read("mixed", (&one.0, &other.1));
    assert!(mixed.starts_with("certificate and key cannot be used together"), "{mixed}");
    let no_key = read("no-key", (&one.0, &one.0));
    assert!(no_key.starts_with("there is no private key"), "{no_key}");
    let none = read("none", ("", &one.1));
    assert!(none.starts_with("there is no certificate"), "{none}");
    let nameless = pair(&[]);
    let nameless = read("nameless", (&nameless.0, &nameless.1));
    assert!(nameless.starts_with("the certificate names no host"), "{nameless}");
    let files =
        Files { certificate: dir.path().join("gone.pem"), key: dir.path().join("gone.key") };
    let gone = Certificate::read(&files).unwrap_err().to_string();
    assert!(gone.contains("gone.pem"), "{gone}");
}

#[test]
fn the_former_pair_stays_until_there_is_another_one() {
    let dir = tempdir().unwrap();
    let (first, second) = (pair(&["a.test"]), pair(&["a.test"]));
    let files = put(dir.path(), "a", (&first.0, &first.1));
    let read = |(certificate, key): &(String, String)| {
        Certificate::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap()
    };
    let (one, other) = (read(&first), read(&second));
    let all = Certificates::open(std::slice::from_ref(&files), None);
    // Half of the new one is there.
    fs::write(&files.certificate, &second.0).unwrap();
    all.read_files();
    assert_eq!(shown(&all, Some("a.test"), &[&one, &other]), Some(0));
    fs::write(&files.key, &second.1).unwrap();
    all.read_files();
    assert_eq!(shown(&all, Some("a.test"), &[&one, &other]), Some(1));
    fs::remove_file(&files.key).unwrap();
    all.read_files();
    assert_eq!(shown(&all, Some("a.test"), &[&one, &other]), Some(1));
    assert_eq!(shown(&all, Some("b.test"), &[&one, &other]), None, "there is nothing to show");
}

#[test]
fn the_own_one_is_made_once_and_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempdir().unwrap();
    let made = own(&dir.path().join("edge")).unwrap();
    assert_eq!(own(&dir.path().join("edge")).unwrap(), made);
    assert_eq!(made.names(), ["localhost", "*.localhost"]);
    let file = fs::metadata(dir.path().join("edge/self-signed.pem")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_pair_that_changes_is_shown_without_a_word() {
    let dir = tempdir().unwrap();
    let (first, second) = (pair(&["a.test"]), pair(&["a.test"]));
    // As certbot has it: links, which are replaced.
    let archive = dir.path().join("archive");
    fs::create_dir(&archive).unwrap();
    let [old, new] =
        [("1", &first), ("2", &second)].map(|(name, pair)| put(&archive, name, (&pair.0, &pair.1)));
    let files = Files { certificate: dir.path().join("a.pem"), key: dir.path().join("a.key") };
    let link = |to: &Files| {
        for (link, to) in [(&files.certificate, &to.certificate), (&files.key, &to.key)] {
            let beside = link.with_extension("link");
            std::os::unix::fs::symlink(to, &beside).unwrap();
            fs::rename(&beside, link).unwrap();
        }
    };
    link(&old);
    let all = Arc::new(Certificates::open(std::slice::from_ref(&files), None));
    let watched = all.clone();
    let watching = tokio::spawn(async move { watched.watch().await });
    let one = Certificate::read(&old).unwrap();
    let other = Certificate::read(&new).unwrap();
    assert_eq!(shown(&all, Some("a.test"), &[&one, &other]), Some(0));
    link(&new);
    let changes = async {
        while shown(&all, Some("a.test"), &[&one, &other]) != Some(1) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(120), changes).await.unwrap();
    watching.abort();
}
