use proptest::prelude::*;

use super::*;

fn security(hostname: &str, key: &str) -> Security {
    Security { hostname: hostname.to_owned(), shared_key: SharedKey::new(key.into()) }
}

fn user(name: &str, password: &str) -> User {
    User { name: name.to_owned(), password: password.into() }
}

/// What both ends make of a handshake.
fn shake(
    server: &Security,
    users: &[User],
    client: &Security,
    user: Option<&User>,
) -> (Result<(), HandshakeError>, Result<(), HandshakeError>) {
    let greeting = Greeting::new(server, users, random(), random());
    let (ping, expected) = answer_helo(&greeting.helo(), client, user, random()).unwrap();
    assert!(expected.keepalive);
    let (pong, served) = greeting.answer(&ping);
    (served, expected.check(&pong))
}

#[test]
fn both_recognize_one_another_by_the_key() {
    let server = security("server", "secret");
    assert_eq!(shake(&server, &[], &security("client", "secret"), None), (Ok(()), Ok(())));
    let (served, asked) = shake(&server, &[], &security("client", "other"), None);
    assert_eq!(served, Err(HandshakeError::SharedKey));
    assert_eq!(asked, Err(HandshakeError::Refused("shared_key mismatch".to_owned())));
}

#[test]
fn users_have_to_know_their_password() {
    let (server, client) = (security("server", "secret"), security("client", "secret"));
    let users = [user("ann", "a"), user("bob", "b")];
    assert_eq!(shake(&server, &users, &client, Some(&users[1])), (Ok(()), Ok(())));
    for stranger in [Some(user("bob", "a")), Some(user("eve", "b")), None] {
        let (served, asked) = shake(&server, &users, &client, stranger.as_ref());
        assert_eq!(served, Err(HandshakeError::User));
        assert_eq!(asked, Err(HandshakeError::Refused("username/password mismatch".to_owned())));
    }
}

#[test]
fn a_server_without_the_key_cannot_send_the_clients_proof_back() {
    let client = security("client", "secret");
    let nonce = *b"0123456789abcdef";
    let (ping, expected) =
        answer_helo(&messages::helo(&nonce, &[]), &client, None, random()).unwrap();
    let elements = messages::elements(&ping, "PING").unwrap();
    let reflected = messages::pong(true, "", "client", elements[3].as_str().unwrap());
    assert_eq!(expected.check(&reflected), Err(HandshakeError::SameHostname("client".to_owned())));
    let renamed = messages::pong(true, "", "server", elements[3].as_str().unwrap());
    assert_eq!(expected.check(&renamed), Err(HandshakeError::SharedKey));
}

/// As Fluentd computes it: an example that Python's hashlib has made.
#[test]
fn digests_are_those_of_the_specification() {
    let key = SharedKey::new("secret".into());
    let digest = key_digest(b"salt", b"host", b"nonce", &key);
    assert!(digest.starts_with(KEY_DIGEST), "{digest}");
    let digest = password_digest(b"salt", b"ann", &"pass".into());
    assert!(digest.starts_with(PASSWORD_DIGEST), "{digest}");
}

const KEY_DIGEST: &str = "4db919286fb0b331a08dc10ad90e6b55";
const PASSWORD_DIGEST: &str = "c90f84e1194a105dae07cd2c0357cd69";

#[test]
fn what_a_server_says_is_no_danger_to_a_terminal() {
    assert_eq!(Words(b"no\x1b[2J\n\xff").to_string(), "no[2J\u{fffd}");
}

proptest! {
    #[test]
    fn nothing_that_comes_is_believed_or_harmful(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (server, client) = (security("server", "secret"), security("client", "secret"));
        let greeting = Greeting::new(&server, &[], random(), random());
        prop_assert!(greeting.answer(&bytes).1.is_err());
        let (_, expected) = answer_helo(&greeting.helo(), &client, None, random()).unwrap();
        prop_assert!(expected.check(&bytes).is_err());
        let _ = answer_helo(&bytes, &client, None, random());
    }

    #[test]
    fn a_message_that_was_changed_is_not_believed(at in 0usize..400, bit in 0u8..8) {
        let (server, client) = (security("server", "secret"), security("client", "secret"));
        let greeting = Greeting::new(&server, &[], random(), random());
        let (mut ping, expected) = answer_helo(&greeting.helo(), &client, None, random()).unwrap();
        let (mut pong, _) = greeting.answer(&ping);
        let (in_ping, in_pong) = (at % ping.len(), at % pong.len());
        ping[in_ping] ^= 1 << bit;
        // The user at the end of a PING is not looked at where there are no users.
        let proof = messages::elements(&ping, "PING").map(|elements| elements[4].as_str() == Some(""));
        prop_assert!(greeting.answer(&ping).1.is_err() || proof.is_ok());
        pong[in_pong] ^= 1 << bit;
        // Why not, which is empty here, is not looked at in a PONG that is well.
        prop_assert!(expected.check(&pong).is_err() || in_pong == b"\x95\xa4PONG\xc3".len());
    }
}
