use proptest::prelude::*;
use reqwest::header::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn endpoint(url: &str, allow_private: bool) -> Result<Endpoint> {
    // One may be there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Endpoint::new("hook", &SecretString::from(url.to_owned()), allow_private)
}

/// What becomes of a message to a server that answers with these bytes, whatever it is asked.
async fn answered_with(bytes: Vec<u8>) -> std::result::Result<(), Refusal> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/secret-path", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = client.read(&mut request).await;
        let _ = client.write_all(&bytes).await;
    });
    let request = endpoint(&url, true).unwrap().post().body("{}");
    let outcome = send(request, Timestamp::UNIX_EPOCH).await;
    server.await.unwrap();
    if let Err(refusal) = &outcome {
        let words = refusal.to_string();
        assert!(!words.contains("secret-path"), "{words}");
        assert!(words.chars().count() < 600 && !words.contains(char::is_control), "{words:?}");
    }
    outcome
}

async fn answered(status: &str, headers: &str, body: &str) -> std::result::Result<(), Refusal> {
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}");
    answered_with(text.into_bytes()).await
}

#[tokio::test]
async fn what_may_pass_is_told_from_what_does_not() {
    assert_eq!(answered("200 OK", "", "ok").await, Ok(()));
    assert_eq!(answered("200 OK", "", "\u{1b}[2J nonsense").await, Ok(()));
    let later = |why: &str, seconds: Option<f64>| {
        let not_before = seconds.map(Duration::from_secs_f64);
        Err(Refusal::Later { why: why.to_owned(), not_before })
    };
    assert_eq!(
        answered("429 Slow", "retry-after: 1.5\r\n", "{\"message\": \"slow down\"}").await,
        later("it answered 429: slow down", Some(1.5))
    );
    assert_eq!(
        answered("503 No", "retry-after: Thu, 01 Jan 1970 00:00:30 GMT\r\n", "<html>").await,
        later("it answered 503: Service Unavailable", Some(30.0))
    );
    let never = |why: &str| Err(Refusal::Never { why: why.to_owned() });
    assert_eq!(answered("404 No", "", "no_service").await, never("it answered 404: no_service"));
    let moved = answered("302 Found", "location: http://169.254.169.254/\r\n", "").await;
    assert!(matches!(moved, Err(Refusal::Never { why }) if why.contains("has moved")));
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_it() {
    let mut bytes = b"HTTP/1.1 500 Oh\r\ncontent-length: 100000000\r\n\r\n".to_vec();
    bytes.resize(bytes.len() + LONGEST * 4, b'x');
    let refusal = answered_with(bytes).await.unwrap_err();
    assert!(
        matches!(&refusal, Refusal::Later { why, .. } if why.starts_with("it answered 500: xxx"))
    );
}

#[tokio::test]
async fn private_addresses_are_refused_unless_they_may_be() {
    for url in ["http://127.0.0.1/x", "https://[::1]/x", "http://0x7f.1/", "http://10.0.0.5:80/"] {
        let refused = endpoint(url, false).unwrap_err().to_string();
        assert!(refused.contains("allow_private") && refused.contains("hook"), "{refused}");
        endpoint(url, true).unwrap();
    }
    // A name is found out when it is resolved.
    let named = endpoint("http://localhost:9/secret-path", false).unwrap();
    let refusal = send(named.post(), Timestamp::UNIX_EPOCH).await.unwrap_err().to_string();
    assert!(refusal.contains("allow_private"), "{refusal}");
    for (url, words) in [("nonsense", "is none"), ("ftp://example.com", "must begin with https")] {
        let refused = endpoint(url, false).unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}");
    }
    assert!(
        !format!("{:?}", endpoint("https://hooks.example.com/T0/B0/key", false)).contains("B0")
    );
}

#[test]
fn nobody_asks_for_a_pause_without_end() {
    let asked = |text: &str| {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(text).unwrap())]);
        pause(&headers, Timestamp::UNIX_EPOCH)
    };
    for endless in ["1e300", "99999999", "Thu, 01 Jan 2099 00:00:30 GMT", "inf"] {
        assert_eq!(asked(endless), Some(LONGEST_PAUSE), "{endless}");
    }
    // Longer than what is tried again by itself, and obeyed.
    assert_eq!(asked("2700"), Some(Duration::from_secs(2700)));
    assert_eq!((asked("-5"), asked("NaN")), (Some(Duration::ZERO), Some(Duration::ZERO)));
    assert_eq!(asked("soon"), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_answered_is_one_of_the_three(
        head in prop_oneof![
            Just(Vec::new()),
            (100_u16..700).prop_map(|status| format!("HTTP/1.1 {status} Odd\r\n").into_bytes()),
        ],
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _ = runtime.block_on(answered_with([head, rest].concat()));
    }

    #[test]
    fn words_are_short_and_harmless(body in prop::collection::vec(any::<u8>(), 0..2000)) {
        let words = words(&body, StatusCode::BAD_REQUEST);
        prop_assert!(words.chars().count() <= WORDS && !words.contains(char::is_control));
        prop_assert!(!words.is_empty());
    }
}
