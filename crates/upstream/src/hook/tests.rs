//! What is believed of what comes in, and how it is read.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use launcher_model::service::{CodeHost, Upstream};
use secrecy::SecretString;

use super::{What, read, sign};
use crate::Refused;

fn upstream(host: CodeHost) -> Upstream {
    Upstream {
        host,
        url: "https://code.example.com/acme/shop.git".to_owned(),
        api: None,
        hook_secret: Some("shop/hook".to_owned()),
        token: None,
    }
}

fn headers(all: &[(&str, &str)]) -> HeaderMap {
    let name = |name: &str| HeaderName::from_bytes(name.as_bytes()).unwrap();
    let pairs = all.iter().map(|(key, value)| (name(key), HeaderValue::from_str(value).unwrap()));
    pairs.collect()
}

fn told(
    host: CodeHost,
    secret: &str,
    all: &[(&str, &str)],
    body: &[u8],
    second: i64,
) -> Result<What, Refused> {
    let now = Timestamp::from_second(second).unwrap();
    read(&upstream(host), &SecretString::from(secret.to_owned()), &headers(all), body, now)
        .map(|told| told.what)
}

/// The example of "Validating webhook deliveries" in GitHub's documentation.
#[test]
fn github_s_own_example_is_believed() {
    let signature =
        hex::decode("757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17").unwrap();
    let (key, body) = (b"It's a Secret to Everybody", b"Hello, World!");
    assert!(sign::is_hmac(key, &[body], &signature));
    assert!(!sign::is_hmac(key, &[body, b" "], &signature));
    assert!(!sign::is_hmac(b"", &[body], &signature));
    assert!(!sign::is_hmac(key, &[body], &signature[..16]));
    assert!(!sign::is_hmac(key, &[body], b""));
}

/// Test case 2 of RFC 4231, signed as GitHub does it.
#[test]
fn a_signature_of_another_body_key_or_form_is_not() {
    let good = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let body = b"what do ya want for nothing?";
    let ping = ("x-github-event", "ping");
    let with = |value: &str, body: &[u8], key: &str| {
        told(CodeHost::Github, key, &[("x-hub-signature-256", value), ping], body, 0)
    };
    let signed = format!("sha256={good}");
    assert!(matches!(with(&signed, body, "Jefe"), Ok(What::Nothing(_))));
    for value in [good, "sha256=", "sha1=00", "sha256=zz", &format!("{signed}00"), &signed[..40]] {
        assert_eq!(with(value, body, "Jefe"), Err(Refused::Forged), "{value}");
    }
    assert_eq!(with(&signed, b"what do ya want for nothing!", "Jefe"), Err(Refused::Forged));
    assert_eq!(with(&signed, body, "jefe"), Err(Refused::Forged));
    assert_eq!(with(&signed, body, ""), Err(Refused::Secret));
}

/// The example of the specification of Standard Webhooks, which GitLab's signing tokens follow.
#[test]
fn the_example_of_standard_webhooks_is_believed_for_five_minutes() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let all = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ("x-gitlab-event", "Job Hook"),
    ];
    let body = br#"{"test": 2432232314}"#;
    let at = |second| told(CodeHost::Gitlab, secret, &all, body, second);
    for second in [1_614_265_330, 1_614_265_030, 1_614_265_630] {
        assert!(matches!(at(second), Ok(What::Nothing(_))), "{second}");
    }
    for second in [1_614_265_029, 1_614_265_631, 0] {
        assert_eq!(at(second), Err(Refused::Stale), "{second}");
    }
    let now = 1_614_265_330;
    let forged = |all: &[(&str, &str)], body: &[u8]| told(CodeHost::Gitlab, secret, all, body, now);
    assert_eq!(forged(&all, br#"{"test": 2432232315}"#), Err(Refused::Forged));
    for (n, value) in [
        (0, "msg_other"),
        (1, "1614265331"),
        (2, "v1,AAAA"),
        (2, "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ] {
        let mut other = all;
        other[n].1 = value;
        assert_eq!(forged(&other, body), Err(Refused::Forged), "{value}");
    }
    // While a key is being changed there are two.
    let mut two = all;
    two[2].1 = "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert!(forged(&two, body).is_ok());
    // A secret that signs is not accepted as a password.
    let token = [("x-gitlab-token", secret), ("x-gitlab-event", "Push Hook")];
    assert_eq!(forged(&token, body), Err(Refused::Unsigned("webhook-signature")));
}
