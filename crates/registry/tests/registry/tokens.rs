//! Registries whose tokens another server gives out
//! (<https://distribution.github.io/distribution/spec/auth/jwt/>).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use launcher_registry::{Error, Registry as _};
use launcher_testkit::{Registry, RegistrySetup};
use rcgen::{CertificateParams, KeyPair};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::json;

use crate::stranger::{Stranger, http};
use crate::{client, digest, image, login, repository, with_tls};

/// Signs tokens that the registry believes.
struct Signer {
    key: EcdsaKeyPair,
    certificate: rcgen::Certificate,
}

impl Signer {
    fn new() -> Self {
        let pair = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(Vec::new()).unwrap().self_signed(&pair).unwrap();
        let (pkcs8, random) = (pair.serialize_der(), SystemRandom::new());
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &random).unwrap();
        Self { key, certificate }
    }

    /// A token that allows these actions on a repository.
    fn token(&self, repository: &str, actions: &[&str]) -> String {
        let now = jiff::Timestamp::now().as_second();
        let chain = [BASE64_STANDARD.encode(self.certificate.der())];
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": chain});
        let claims = json!({
            "iss": "test-issuer", "sub": "someone", "aud": "test-registry",
            "nbf": now - 10, "exp": now + 600, "iat": now, "jti": format!("{now}-{repository}"),
            "access": [{"type": "repository", "name": repository, "actions": actions}],
        });
        let part = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// The parts of the query of a request's head.
fn asked(head: &str, name: &str) -> String {
    let query = head.split_whitespace().nth(1).and_then(|path| path.split_once('?'));
    let mut pairs = query.map(|(_, query)| query.split('&')).into_iter().flatten();
    let value = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_default().replace("%3A", ":").replace("%2F", "/").replace("%2C", ",")
}

/// A token server that knows one user, who may do all; others may do nothing.
async fn token_server(signer: Arc<Signer>, scopes: Arc<Mutex<Vec<String>>>) -> Stranger {
    let known = format!("authorization: Basic {}", BASE64_STANDARD.encode("ci:sesame"));
    Stranger::answers(move |head| {
        assert_eq!(asked(head, "service"), "test-registry");
        let scope = asked(head, "scope");
        scopes.lock().unwrap().push(scope.clone());
        let lower = head.to_ascii_lowercase();
        if lower.contains("authorization:")
            && !head.to_owned().contains(&known["authorization: ".len()..])
        {
            return http(
                "401 Unauthorized",
                "",
                "{\"details\":\"incorrect username or password\"}",
            );
        }
        let mut parts = scope.split(':');
        let (_, name, actions) = (parts.next(), parts.next().unwrap(), parts.next().unwrap());
        let granted: Vec<&str> = if lower.contains("authorization:") {
            actions.split(',').collect()
        } else {
            Vec::new()
        };
        http("200 OK", "", &json!({"token": signer.token(name, &granted)}).to_string())
    })
    .await
}

#[tokio::test]
async fn tokens_are_asked_for_with_exactly_the_right_that_a_call_needs() {
    with_tls();
    let signer = Arc::new(Signer::new());
    let scopes = Arc::new(Mutex::new(Vec::new()));
    let server = token_server(Arc::clone(&signer), Arc::clone(&scopes)).await;
    let realm = format!("http://{}/token", server.address);
    let tokens = Some((realm, signer.certificate.pem()));
    let registry = Registry::start(RegistrySetup { tokens, ..Default::default() }).await;
    let address = registry.address().to_string();
    let bearer = format!("Bearer {}", signer.token("team/shop", &["pull", "push"]));
    let pushed = digest(&registry.push("team/shop", "1", json!({}), Some(&bearer)).await);
    let shop = repository(&registry.name("team/shop"));
    let name = image(&format!("{shop}:1"));

    let ci = client(&address, login("ci", "sesame"));
    assert_eq!(ci.digest(&name).await, Ok(pushed.clone()));
    assert_eq!(ci.tags(&shop).await.unwrap(), ["1"]);
    ci.about(&shop, &pushed).await.unwrap();
    assert_eq!(*scopes.lock().unwrap(), ["repository:team/shop:pull"], "one token for all of it");
    ci.tag(&shop, &pushed, "2").await.unwrap();
    assert_eq!(ci.delete(&shop, &pushed).await, Ok(true));
    let asked = scopes.lock().unwrap().clone();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked[1].contains("push") && asked[2].contains("delete"), "{asked:?}");

    let wrong = client(&address, login("ci", "guess")).digest(&name).await.unwrap_err();
    assert!(matches!(wrong, Error::LoginRefused { .. }), "{wrong}");
    assert!(!format!("{wrong:?}").contains("guess"));
    let nobody = client(&address, Default::default()).digest(&name).await.unwrap_err();
    assert!(matches!(nobody, Error::LoginNeeded { .. }), "{nobody}");
}

#[tokio::test]
async fn a_token_server_that_fails_is_told_apart_from_the_registry() {
    with_tls();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let server = Stranger::answers(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
        0 => http("503 Busy", "", "come back later"),
        1 => http("200 OK", "", "{\"no\": \"token\"}"),
        _ => Vec::new(),
    })
    .await;
    let realm = format!("http://{}/token", server.address);
    let tokens = Some((realm, Signer::new().certificate.pem()));
    let registry = Registry::start(RegistrySetup { tokens, ..Default::default() }).await;
    let ci = client(&registry.address().to_string(), login("ci", "sesame"));
    let name = image(&format!("{}:1", registry.name("shop")));
    for why in ["come back later", "holds no token", "no answer within"] {
        let failed = ci.digest(&name).await.unwrap_err();
        assert!(matches!(failed, Error::TokenServer { .. }), "{failed}");
        assert!(failed.to_string().contains(why), "{failed}");
    }
    drop(server);
    let failed = ci.digest(&name).await.unwrap_err();
    assert!(matches!(failed, Error::TokenServer { .. }), "{failed}");
}
