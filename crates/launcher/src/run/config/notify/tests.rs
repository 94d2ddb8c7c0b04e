use secrecy::ExposeSecret;

use super::super::File;
use super::*;

fn read(text: &str) -> Result<Config> {
    let file: File = toml::from_str(text)?;
    Notifications {
        general: file.notifications,
        irc: file.irc,
        webhooks: file.webhooks,
        email: file.email,
        sensu: file.sensu,
    }
    .read()
}

#[test]
fn every_target_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "open sesame\n").unwrap();
    let text = format!(
        r##"
        url = "https://launcher.example.com"
        [notifications]
        give_up_after = "2h"
        [[irc]]
        name = "libera"
        server = "irc.libera.chat:6697"
        nick = "shopbot"
        sasl = {{ user = "shopbot", password_file = {path:?} }}
        channels = [
            {{ name = "#deploys" }},
            {{ name = "#shop", services = ["shop*"], events = ["deployments", "build_failed"] }},
        ]
        [[irc]]
        name = "inside"
        server = "[::1]:6667"
        tls = false
        channels = [{{ name = "&ops", key_file = {path:?} }}]
        [[webhooks]]
        name = "team"
        kind = "slack"
        url_file = {path:?}
        [[webhooks]]
        name = "ci"
        kind = "signed"
        url = "https://ci.example.com/launcher"
        secret_file = {path:?}
        allow_private = true
        events = ["all"]
        [[email]]
        server = "mail.example.com"
        username = "launcher"
        password_file = {path:?}
        from = "launcher@example.com"
        to = ["ops@example.com"]
        [sensu]
        handlers = ["pager"]
        "##
    );
    let config = read(&text).unwrap();
    assert_eq!(config.give_up_after, SignedDuration::from_hours(2));
    let [libera, inside] = &config.irc[..] else { panic!("{config:?}") };
    assert_eq!(
        (libera.host.as_str(), libera.port, libera.tls.is_some()),
        ("irc.libera.chat", 6697, true)
    );
    assert_eq!(libera.login.as_ref().unwrap().password.expose_secret(), "open sesame");
    assert_eq!(libera.channels[0].rule.events().collect::<Vec<_>>(), ["usual"]);
    assert_eq!(libera.channels[1].rule.services().collect::<Vec<_>>(), ["shop*"]);
    assert_eq!(
        (inside.host.as_str(), inside.tls.is_some(), inside.nick.as_str()),
        ("::1", false, "launcher")
    );
    let names: Vec<_> = config.places.iter().map(|place| place.name.as_str()).collect();
    assert_eq!(names, ["team", "ci", "email", "sensu"]);
    let To::Email(email) = &config.places[2].to else { panic!() };
    assert_eq!((email.port, email.tls), (587, MailTls::Starttls));
    // No secret is in what a log may show.
    assert!(!format!("{config:?}").contains("sesame"));
}

#[test]
fn what_makes_no_sense_is_said_with_where_it_stands() {
    let irc = "[[irc]]\nname = \"a\"\nserver = \"irc.example.com\"\n";
    let hook = "[[webhooks]]\nname = \"a\"\nkind = \"slack\"\n";
    let mail = "[[email]]\nserver = \"mail\"\nfrom = \"a@b\"\nto = []\n";
    for (text, words) in [
        (format!("{irc}channels = []"), "names no channel"),
        (format!("{irc}channels = [{{ name = \"deploys\" }}]"), "must begin with #"),
        (format!("{irc}nick = \"a b\"\nchannels = [{{ name = \"#a\" }}]"), "nick is \"a b\""),
        (format!("{irc}channels = [{{ name = \"#a\", events = [\"deploys\"] }}]"), "deployments"),
        (format!("{irc}channels = [{{ name = \"#a\", key_file = \"/no/such\" }}]"), "/no/such"),
        (format!("{hook}url = \"https://a\"\nurl_file = \"/b\""), "and not both"),
        (hook.to_owned(), "needs a url"),
        (format!("{hook}url_file = \"/no/such/file\""), "/no/such/file"),
        (format!("{mail}username = \"ali\""), "both username and password_file"),
        ("[[irc]]\nname = \"a b\"\nserver = \"x\"\nchannels = []".to_owned(), "letters, digits"),
        (
            format!(
                "{}channels = [{{ name = \"#a\" }}]",
                irc.replace("example.com", "example.com:x")
            ),
            "HOST:PORT",
        ),
    ] {
        let error = format!("{:#}", read(&text).unwrap_err());
        assert!(error.contains(words), "{words}: {error}");
    }
    for wrong in ["launcher.example.com", "ftp://launcher.example.com", "https://"] {
        assert!(url(Some(wrong.to_owned())).is_err(), "{wrong}");
    }
    assert!(url(Some("https://launcher.example.com".to_owned())).unwrap().is_some());
}

#[test]
fn what_would_tell_nobody_or_everybody_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "open sesame\n").unwrap();
    let hook = "[[webhooks]]\nname = \"a\"\nkind = \"slack\"\nurl = \"https://a\"\n";
    let mail = |server: &str| {
        format!(
            "[[email]]\nserver = {server:?}\ntls = \"none\"\nusername = \"a\"\npassword_file = {path:?}\n\
             from = \"a@b\"\nto = [\"a@b\"]"
        )
    };
    for (text, words) in [
        ("[notifications]\ngive_up_after = \"0s\"".to_owned(), "give_up_after is 0"),
        (format!("{hook}services = []"), "has services = []"),
        (format!("{hook}events = []"), "leave events out for the usual"),
        (mail("mail.example.com"), "would send its password to mail.example.com"),
    ] {
        let error = format!("{:#}", read(&text).unwrap_err());
        assert!(error.contains(words), "{words}: {error}");
    }
    for here in ["localhost:2525", "[::1]", "127.0.0.1"] {
        read(&mail(here)).unwrap();
    }
}

#[test]
fn what_sensu_would_not_take_is_refused_with_its_key() {
    for (text, words) in [
        ("url = \"127.0.0.1:3031/events\"", "[sensu] url is \"127.0.0.1:3031/events\""),
        ("url = \"udp://127.0.0.1:3030\"", "begin with https:// or http://"),
        ("url = \"http://a b/events\"", "blank"),
        ("url = \"\"", "write for example \"http://127.0.0.1:3031/events\""),
        ("handlers = [\"slack\", \"\"]", "[sensu] handlers has \"\""),
        ("handlers = [\"to slack\"]", "[sensu] handlers has \"to slack\""),
        ("entity_prefix = \"a b-\"", "[sensu] entity_prefix has \"a b-\""),
        ("entity_prefix = \"team/\"", "such as \"launcher-\""),
    ] {
        let error = format!("{:#}", read(&format!("[sensu]\n{text}")).unwrap_err());
        assert!(error.contains(words), "{words}: {error}");
    }
    for text in ["", "entity_prefix = \"\"", "entity_prefix = \"launcher.\"\nhandlers = [\"a_b\"]"]
    {
        read(&format!("[sensu]\n{text}")).unwrap();
    }
}

#[test]
fn a_misspelt_word_is_not_passed_over() {
    for text in [
        "[[irc]]\nname = \"a\"\nserver = \"x\"\nchannel = []\nchannels = []",
        "[[irc]]\nname = \"a\"\nserver = \"x\"\nchannels = [{ name = \"#a\", event = [\"all\"] }]",
        "[[webhooks]]\nname = \"a\"\nkind = \"slack\"\nurl = \"https://a\"\nevent = [\"all\"]",
        "[[email]]\nserver = \"m\"\nfrom = \"a@b\"\nto = [\"a@b\"]\nservice = [\"a\"]",
        "[sensu]\nhandler = [\"pager\"]",
    ] {
        let error = format!("{:#}", read(text).unwrap_err());
        assert!(error.contains("unknown field"), "{text}: {error}");
    }
}

#[test]
fn what_the_documentation_shows_is_understood() {
    let pages = [
        include_str!("../../../../../../docs/notifications.md"),
        include_str!("../../../../../../docs/irc.md"),
        include_str!("../../../../../../docs/sensu-events.md"),
    ];
    let mut seen = 0;
    for block in pages.iter().flat_map(|page| page.split("```toml\n").skip(1)) {
        let text = block.split("```").next().unwrap();
        // What any target may have stands by itself once.
        let text = match text.starts_with("services") {
            true => {
                format!("[[webhooks]]\nname = \"a\"\nkind = \"slack\"\nurl = \"https://a\"\n{text}")
            }
            false => text.to_owned(),
        };
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let rules = file.webhooks.iter().map(|hook| (&hook.services, &hook.events));
        let rules = rules.chain(file.email.iter().map(|mail| (&mail.services, &mail.events)));
        let channels = file.irc.iter().flat_map(|irc| &irc.channels);
        for (services, events) in rules.chain(channels.map(|one| (&one.services, &one.events))) {
            Rule::new(services, events).unwrap();
        }
        seen += 1;
    }
    assert_eq!(seen, 10, "{pages:?}");
}
