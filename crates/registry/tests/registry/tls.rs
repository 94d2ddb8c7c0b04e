//! Registries with TLS.

use launcher_registry::{Access, Authority, Error, Registry as _};
use launcher_testkit::{Registry, RegistrySetup};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;

use crate::{client, digest, image, with_tls};

/// A private authority, and a certificate and key for 127.0.0.1 that it has signed.
fn authority() -> (String, (String, String)) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned()];
    let signed = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    (issuer.pem(), (signed.pem(), key.serialize_pem()))
}

fn believes(pem: &str) -> Access {
    let authority = Some(Authority::from_pem(pem.as_bytes()).unwrap());
    Access { login: None, authority }
}

#[tokio::test]
async fn a_private_authority_is_believed_when_it_is_named() {
    with_tls();
    let (ca, tls) = authority();
    let setup = RegistrySetup { tls: Some(tls), ..Default::default() };
    let registry = Registry::start(setup).await;
    let address = registry.address().to_string();
    let pushed = digest(&registry.push("shop", "1", json!({}), None).await);
    let name = image(&format!("{}:1", registry.name("shop")));
    assert_eq!(client(&address, believes(&ca)).digest(&name).await, Ok(pushed.clone()));
    // On this machine any certificate is taken where none is named, as engines do.
    assert_eq!(client(&address, Default::default()).digest(&name).await, Ok(pushed));

    let (other, _) = authority();
    let untrusted = client(&address, believes(&other)).digest(&name).await.unwrap_err();
    assert!(matches!(untrusted, Error::Untrusted { .. }), "{untrusted}");
    assert!(untrusted.to_string().contains("ca_file"), "{untrusted}");
}

#[tokio::test]
async fn a_registry_without_tls_is_refused_where_an_authority_is_named() {
    with_tls();
    let registry = Registry::open().await;
    registry.push("shop", "1", json!({}), None).await;
    let name = image(&format!("{}:1", registry.name("shop")));
    let (ca, _) = authority();
    let plain = client(&registry.address().to_string(), believes(&ca)).digest(&name).await;
    assert!(matches!(plain, Err(Error::Unreachable { .. })), "{plain:?}");
}

#[tokio::test]
async fn what_is_no_certificate_is_refused_at_once() {
    with_tls();
    for text in
        ["", "certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        let read = Authority::from_pem(text.as_bytes());
        assert!(matches!(read, Err(Error::Setting { .. })), "{text}");
    }
}
