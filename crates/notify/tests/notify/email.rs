//! A mail server of somebody else's making.

use launcher_model::event::EventKind;
use launcher_notify::{Email, MailTls, To};
use launcher_testkit::clients;
use secrecy::SecretString;
use serde_json::json;
use tokio::process::Command;

use crate::receiver::Receiver;
use crate::world::{World, place};

struct Mail {
    server: Receiver,
    authority: Vec<u8>,
}

impl Mail {
    async fn start(world: &World, mode: &str) -> Self {
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
        let (in_file, key_file) =
            (world.folder.path().join("mail.pem"), world.folder.path().join("mail.key"));
        std::fs::write(&in_file, &certificate).unwrap();
        std::fs::write(&key_file, key).unwrap();
        let installed = clients::installed("notify-clients", env!("CARGO_TARGET_TMPDIR"));
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/notify/mailbox.py");
        let mut command = Command::new(installed.join("venv/bin/python"));
        command.arg(script).arg(in_file).arg(key_file).arg(mode);
        Self { server: Receiver::start(command).await, authority: certificate.into_bytes() }
    }

    fn to(&self, tls: MailTls, password: &str) -> Email {
        Email {
            host: "localhost".to_owned(),
            port: self.server.port,
            tls,
            authority: Some(self.authority.clone()),
            login: Some(("ali".to_owned(), SecretString::from(password.to_owned()))),
            from: "Rocket Launcher <launcher@example.com>".to_owned(),
            to: vec!["team@example.com".to_owned(), "Ops <ops@example.com>".to_owned()],
        }
    }
}

#[tokio::test]
async fn mail_is_sent_with_tls_and_a_login() {
    for (mode, tls) in [("wrapper", MailTls::Wrapper), ("starttls", MailTls::Starttls)] {
        let mut world = World::new().await;
        let mail = Mail::start(&world, mode).await;
        world.start(&place("mail", To::Email(mail.to(tls, "open sesame")))).await;
        world.happens(EventKind::EnvironmentFailed, "v2 has failed: Zähler fehlt").await;
        let told = mail.server.told(1).await.remove(0);
        assert_eq!(told["from"], "launcher@example.com");
        assert_eq!(told["to"], json!(["team@example.com", "ops@example.com"]));
        assert_eq!(told["subject"], "[launcher] shop v2 has failed: Zähler fehlt, by alice");
        assert_eq!(told["auto"], "auto-generated");
        let (text, id) = (told["text"].as_str().unwrap(), told["id"].as_str().unwrap());
        assert!(text.contains("Zähler fehlt") && text.contains("/services/shop"), "{text}");
        assert!(id.starts_with("<1.") && id.ends_with("@example.com>"), "{id}");
        world.target_is("mail", "told", |target| target.told == 1).await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_said_and_what_is_refused_is_given_up() {
    let mut world = World::new().await;
    let mail = Mail::start(&world, "starttls").await;
    world.start(&place("mail", To::Email(mail.to(MailTls::Starttls, "wrong")))).await;
    let refused = world.notifier().test("mail", "anna").await.unwrap().unwrap_err().to_string();
    assert!(refused.contains("535") && !refused.contains("wrong"), "{refused}");
    world.kill();
    world.start(&place("mail", To::Email(mail.to(MailTls::Starttls, "open sesame")))).await;
    world.happens(EventKind::BuildFailed, "poison").await;
    world.target_is("mail", "given up", |target| target.given_up == 1).await;
    world.happens(EventKind::BuildFailed, "food").await;
    world.target_is("mail", "told", |target| target.told == 1).await;
    world.kill();

    // Who cannot show a certificate is told nothing.
    let stranger = Email { authority: None, ..mail.to(MailTls::Starttls, "open sesame") };
    world.start(&place("mail", To::Email(stranger))).await;
    world.notifier().test("mail", "anna").await.unwrap().unwrap_err();
    assert_eq!(mail.server.all().len(), 2);
}
