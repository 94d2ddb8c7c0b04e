//! What is believed of a provider, and what is not: one in this process that tells whatever a test wants. That a
//! real one is understood is seen where people sign in, in the tests of the server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use launcher_model::role::Role;
use launcher_openid::{CLAIM, Error, GROUPS, OpenId, Round, Settings, Somebody};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const SECRET: &str = "a secret/of two";

/// A key of a provider's.
struct Key {
    id: &'static str,
    pair: Ed25519KeyPair,
}

impl Key {
    fn new(id: &'static str) -> Self {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { id, pair: Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap() }
    }

    fn public(&self) -> Value {
        let x = BASE64.encode(self.pair.public_key().as_ref());
        json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.id, "x": x })
    }

    fn signed(&self, claims: &Value) -> String {
        let text = unsigned(&json!({ "alg": "EdDSA", "kid": self.id }), claims);
        let signature = BASE64.encode(self.pair.sign(text.as_bytes()));
        format!("{text}.{signature}")
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()))
}

/// What the provider does.
#[derive(Default)]
struct Told {
    metadata: Value,
    keys: Vec<Value>,
    id_token: String,
    user_info: Value,
    /// What it was asked for, in this order.
    asked: Vec<&'static str>,
    /// The last question for tokens, and how the asker was known.
    question: (HashMap<String, String>, String),
    /// In the place of every answer.
    instead: Option<StatusCode>,
}

type Shared = Arc<Mutex<Told>>;

struct Provider {
    told: Shared,
    openid: OpenId,
    key: Key,
    issuer: String,
}

fn answer(told: &Shared, what: &'static str, answer: impl Fn(&Told) -> Value) -> Response {
    let mut told = told.lock().unwrap();
    told.asked.push(what);
    match told.instead {
        Some(status) => (status, [(header::LOCATION, "/elsewhere")]).into_response(),
        None => Json(answer(&told)).into_response(),
    }
}

async fn metadata(State(told): State<Shared>) -> Response {
    answer(&told, "metadata", |told| told.metadata.clone())
}

async fn keys(State(told): State<Shared>) -> Response {
    answer(&told, "keys", |told| json!({ "keys": told.keys }))
}

async fn token(
    State(told): State<Shared>,
    headers: HeaderMap,
    Form(question): Form<HashMap<String, String>>,
) -> Response {
    let known = headers.get(header::AUTHORIZATION).map(|it| it.to_str().unwrap().to_owned());
    told.lock().unwrap().question = (question, known.unwrap_or_default());
    answer(
        &told,
        "token",
        |told| json!({ "access_token": "at", "token_type": "Bearer", "id_token": told.id_token }),
    )
}

async fn user_info(State(told): State<Shared>) -> Response {
    answer(&told, "user info", |told| told.user_info.clone())
}

async fn provider() -> Provider {
    provider_with(|_| {}).await
}

async fn provider_with(change: impl FnOnce(&mut Settings)) -> Provider {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let told = Shared::default();
    let key = Key::new("one");
    {
        let mut told = told.lock().unwrap();
        told.keys = vec![key.public()];
        told.metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/me"),
            "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA", "HS256", "none"],
        });
    }
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(metadata))
        .route("/keys", get(keys))
        .route("/token", post(token))
        .route("/me", get(user_info))
        .with_state(Arc::clone(&told));
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    let mut settings = Settings {
        issuer: issuer.clone(),
        client_id: "launcher".to_owned(),
        client_secret: Some(SECRET.into()),
        authority: None,
        name: "Test".to_owned(),
        scopes: vec!["groups".to_owned()],
        claim: CLAIM.to_owned(),
        groups_claim: GROUPS.to_owned(),
        roles: [("ops".to_owned(), Role::Admin)].into(),
        add_people: false,
        url: "https://launcher.example.com".parse().unwrap(),
    };
    change(&mut settings);
    Provider { told, openid: OpenId::new(settings).unwrap(), key, issuer }
}

impl Provider {
    /// A way to the provider, and what it was told on it.
    async fn begun(&self) -> (Round, HashMap<String, String>) {
        let round = Round::begin("/", Timestamp::now());
        let address = self.openid.address(&round).await.unwrap();
        (round, address.query_pairs().into_owned().collect())
    }

    /// Claims that are right.
    fn claims(&self, nonce: &str) -> Value {
        let now = Timestamp::now().as_second();
        json!({
            "iss": self.issuer, "sub": "s1", "aud": "launcher", "iat": now, "exp": now + 300,
            "nonce": nonce, "preferred_username": "mika", "groups": ["ops"],
        })
    }

    /// Comes back from the provider, which then tells this.
    async fn tells(&self, token: impl FnOnce(Value) -> String) -> Result<Somebody, Error> {
        let (round, query) = self.begun().await;
        self.told.lock().unwrap().id_token = token(self.claims(&query["nonce"]));
        self.openid.redeem("code-1".to_owned(), &round).await
    }

    /// The same, with other claims.
    async fn claims_that(&self, change: impl FnOnce(&mut Value)) -> Result<Somebody, Error> {
        self.tells(|mut claims| {
            change(&mut claims);
            self.key.signed(&claims)
        })
        .await
    }

    fn asked(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.told.lock().unwrap().asked)
    }
}

#[tokio::test]
async fn somebody_is_who_the_signed_token_says() {
    let provider = provider().await;
    let (round, query) = provider.begun().await;
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["redirect_uri"], "https://launcher.example.com/login/openid/callback");
    assert_eq!(query["scope"], "openid profile email groups");
    assert_eq!((&query["state"], &*query["code_challenge_method"]), (&round.state(), "S256"));

    let token = provider.key.signed(&provider.claims(&query["nonce"]));
    provider.told.lock().unwrap().id_token = token;
    let somebody = provider.openid.redeem("code-1".to_owned(), &round).await.unwrap();
    assert_eq!((somebody.issuer, somebody.subject.as_str()), (provider.issuer.clone(), "s1"));
    assert_eq!((somebody.name.unwrap().as_str(), somebody.role), ("mika", Some(Role::Admin)));

    let (question, known) = provider.told.lock().unwrap().question.clone();
    assert_eq!((&*question["grant_type"], &*question["code"]), ("authorization_code", "code-1"));
    let challenge = BASE64.encode(Sha256::digest(&question["code_verifier"]));
    assert_eq!(challenge, query["code_challenge"]);
    let known = String::from_utf8(BASE64_STANDARD.decode(&known[6..]).unwrap()).unwrap();
    assert_eq!(known, "launcher:a+secret%2Fof+two");
    assert_eq!(provider.asked(), ["metadata", "keys", "token"], "found once, when it is needed");
}

#[tokio::test]
async fn what_is_not_in_the_token_is_asked_for() {
    let provider = provider().await;
    let bare = |claims: &mut Value| {
        let claims = claims.as_object_mut().unwrap();
        claims.remove("preferred_username");
        claims.remove("groups");
    };
    provider.told.lock().unwrap().user_info =
        json!({ "sub": "s1", "preferred_username": "anna", "groups": "ops", "name": "Anna" });
    let somebody = provider.claims_that(bare).await.unwrap();
    assert_eq!((somebody.name.unwrap().as_str(), somebody.role), ("anna", Some(Role::Admin)));
    assert_eq!(somebody.called.as_deref(), Some("Anna"));

    provider.told.lock().unwrap().user_info = json!({ "sub": "s2", "preferred_username": "anna" });
    let other = provider.claims_that(bare).await.unwrap_err();
    assert!(matches!(other, Error::Untrue(_)), "somebody else's: {other}");
}

#[tokio::test]
async fn a_token_that_is_not_right_in_all_is_not_believed() {
    let provider = provider().await;
    let now = Timestamp::now().as_second();
    type Change = Box<dyn FnOnce(&mut Value)>;
    let set = |claim: &'static str, value: Value| -> Change {
        Box::new(move |claims: &mut Value| claims[claim] = value)
    };
    let wrong = [
        set("nonce", json!("another")),
        set("nonce", Value::Null),
        set("aud", json!("another")),
        set("aud", json!(["launcher", "another"])),
        set("iss", json!("https://id.example.com")),
        set("exp", json!(now - 61)),
        set("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        Box::new(|claims: &mut Value| drop(claims.as_object_mut().unwrap().remove("sub"))),
    ];
    for (n, change) in wrong.into_iter().enumerate() {
        let refused = provider.claims_that(change).await;
        assert!(refused.is_err(), "{n}: {refused:?}");
    }
    let other = Key::new("one");
    let forged = provider.tells(|claims| other.signed(&claims)).await;
    assert!(matches!(forged, Err(Error::Untrue(_))), "signed by another: {forged:?}");
    let bare = |claims| format!("{}.", unsigned(&json!({ "alg": "none" }), &claims));
    let refused = provider.tells(bare).await;
    assert!(refused.is_err(), "not signed: {refused:?}");
    let refused = provider.tells(|claims| {
        let text = unsigned(&json!({ "alg": "HS256" }), &claims);
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(text.as_bytes());
        format!("{text}.{}", BASE64.encode(mac.finalize().into_bytes()))
    });
    let refused = refused.await;
    assert!(matches!(refused, Err(Error::Untrue(_))), "signed with our secret: {refused:?}");
    assert!(provider.claims_that(|_| {}).await.is_ok());
}

/// Lets so much time go by.
async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn keys_that_are_new_are_found_and_nobody_is_asked_all_the_time() {
    let provider = provider().await;
    provider.openid.find().await.unwrap();
    let two = Key::new("two");
    provider.told.lock().unwrap().keys = vec![provider.key.public(), two.public()];
    let early = provider.tells(|claims| two.signed(&claims)).await;
    assert!(matches!(early, Err(Error::Untrue(_))), "{early:?}");
    assert_eq!(provider.asked(), ["metadata", "keys", "token"]);

    later(6).await;
    assert!(provider.tells(|claims| two.signed(&claims)).await.is_ok());
    assert_eq!(provider.asked(), ["token", "metadata", "keys"]);
    assert!(provider.tells(|claims| two.signed(&claims)).await.is_ok());
    assert_eq!(provider.asked(), ["token"]);
}

#[tokio::test]
async fn a_provider_may_be_away_for_a_while() {
    let provider = provider().await;
    provider.told.lock().unwrap().instead = Some(StatusCode::SERVICE_UNAVAILABLE);
    for _ in 0..3 {
        let away = provider.openid.find().await.unwrap_err();
        assert!(matches!(&away, Error::Away { why, .. } if why.contains("503")), "{away}");
    }
    assert_eq!(provider.asked(), ["metadata"], "it is left alone for a moment");
    provider.told.lock().unwrap().instead = None;
    later(6).await;
    provider.openid.find().await.unwrap();

    // Once it is known, it is known, if it is away when it is looked at again.
    provider.told.lock().unwrap().instead = Some(StatusCode::SERVICE_UNAVAILABLE);
    later(3601).await;
    provider.openid.find().await.unwrap();
    let away = provider.tells(|claims| provider.key.signed(&claims)).await;
    assert!(matches!(away, Err(Error::Away { .. } | Error::Refused(_))), "{away:?}");
}

#[tokio::test]
async fn who_looks_is_told_how_it_is_now() {
    let provider = provider().await;
    let is_away = |away: bool| {
        let instead = away.then_some(StatusCode::SERVICE_UNAVAILABLE);
        provider.told.lock().unwrap().instead = instead;
    };
    provider.openid.look().await.unwrap();
    is_away(true);
    later(6).await;
    let away = provider.openid.look().await.unwrap_err();
    assert!(matches!(&away, Error::Away { why, .. } if why.contains("503")), "{away}");
    provider.openid.find().await.unwrap();
    is_away(false);
    later(6).await;
    provider.openid.look().await.unwrap();
}

#[tokio::test]
async fn nothing_is_sent_elsewhere() {
    let provider = provider().await;
    let (round, _) = provider.begun().await;
    provider.told.lock().unwrap().instead = Some(StatusCode::TEMPORARY_REDIRECT);
    assert!(provider.openid.redeem("code-1".to_owned(), &round).await.is_err());
    assert_eq!(provider.asked(), ["metadata", "keys", "token"]);

    let other = provider_with(|settings| settings.client_secret = None).await;
    other.told.lock().unwrap().metadata["token_endpoint"] = json!("http://id.example.com/token");
    let (round, _) = other.begun().await;
    let refused = other.openid.redeem("code-1".to_owned(), &round).await.unwrap_err();
    assert!(refused.to_string().contains("which is not https"), "{refused}");

    let third = provider_with(|_| {}).await;
    third.told.lock().unwrap().metadata["authorization_endpoint"] = json!("http://id.example.com");
    let refused = third.openid.address(&round).await.unwrap_err();
    assert!(refused.to_string().contains("authorization_endpoint is not https"), "{refused}");
}

#[tokio::test]
async fn another_provider_behind_the_address_is_none() {
    let provider = provider().await;
    provider.told.lock().unwrap().metadata["issuer"] = json!("https://id.example.com");
    let refused = provider.openid.find().await.unwrap_err();
    assert!(refused.to_string().contains("unexpected issuer"), "{refused}");
}

#[tokio::test]
async fn a_secret_goes_into_the_form_where_a_provider_takes_it_nowhere_else() {
    let provider = provider().await;
    provider.told.lock().unwrap().metadata["token_endpoint_auth_methods_supported"] =
        json!(["client_secret_post"]);
    assert!(provider.claims_that(|_| {}).await.is_ok());
    let (question, known) = provider.told.lock().unwrap().question.clone();
    assert_eq!((&*question["client_secret"], &*known), (SECRET, ""));

    let public = provider_with(|settings| settings.client_secret = None).await;
    assert!(public.claims_that(|_| {}).await.is_ok());
    let (question, known) = public.told.lock().unwrap().question.clone();
    assert_eq!((&*question["client_id"], &*known), ("launcher", ""));
    assert!(!question.contains_key("client_secret"));
}
