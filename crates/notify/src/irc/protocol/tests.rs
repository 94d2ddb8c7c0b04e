mod questions;

use proptest::prelude::*;
use secrecy::SecretString;

use super::*;
use crate::irc::Login;
use crate::rule::Rule;

fn rule() -> Rule {
    Rule::new(&["*".to_owned()], &["all".to_owned()]).unwrap()
}

pub(crate) fn server() -> IrcServer {
    let channel = |name: &str| Channel { name: name.to_owned(), key: None, rule: rule() };
    IrcServer {
        name: "test".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: 6667,
        tls: None,
        nick: "launcher".to_owned(),
        password: None,
        login: None,
        channels: vec![channel("#Deploys"), channel("#shop")],
    }
}

/// A connection, and the time on it.
struct Talk {
    protocol: Protocol,
    now: Instant,
}

impl Talk {
    fn new(server: &IrcServer) -> Self {
        let now = Instant::now() + Duration::from_secs(3600);
        Self { protocol: Protocol::new(server, now), now }
    }

    /// One on which both channels are joined.
    fn joined() -> Self {
        let mut talk = Self::new(&server());
        talk.sent();
        talk.hears(":irc.test 001 launcher :Welcome");
        talk.hears(":launcher!~u@host.test JOIN :#deploys");
        talk.hears(":irc.test 353 launcher = #deploys :@Anna +bert launcher");
        talk.hears(":launcher!~u@host.test JOIN #shop");
        talk.sent();
        talk.passes(60);
        talk
    }

    fn passes(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn tries(&mut self, line: &str) -> Result<Vec<Effect>, Lost> {
        self.protocol.heard(line.as_bytes(), self.now)
    }

    fn hears(&mut self, line: &str) -> Vec<Effect> {
        self.tries(line).unwrap()
    }

    /// What may be sent at this moment.
    fn sent(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.protocol.next_line(self.now)).collect()
    }

    /// The same, and what may be sent as time goes by.
    fn sent_in_time(&mut self) -> Vec<String> {
        let mut sent = self.sent();
        while !self.protocol.waiting.is_empty() {
            self.passes(1);
            sent.extend(self.sent());
        }
        sent
    }

    fn says(&mut self, channel: &str, lines: &[&str]) -> oneshot::Receiver<Result<(), String>> {
        let (done, outcome) = oneshot::channel();
        let lines = lines.iter().map(ToString::to_string).collect();
        self.protocol.say(Say { channel: channel.to_owned(), lines, done });
        outcome
    }
}

#[test]
fn it_registers_and_joins() {
    let mut talk = Talk::new(&server());
    assert_eq!(talk.sent(), ["NICK launcher", "USER launcher 0 * :Rocket Launcher"]);
    talk.hears("PING :cookie 1");
    assert_eq!(talk.sent(), ["PONG :cookie 1"]);
    assert!(!talk.protocol.is_registered());
    talk.hears(":irc.test 001 launcher :Welcome");
    assert_eq!(talk.sent(), ["JOIN #Deploys", "JOIN #shop"]);
    let joined = talk.hears(":launcher!~u@host JOIN :#deploys");
    // By the name that the team has given it.
    assert_eq!(joined, [Effect::Joined("#Deploys".to_owned())]);
}

#[test]
fn a_nick_in_use_is_replaced_and_asked_for_again() {
    let mut talk = Talk::new(&server());
    talk.sent();
    talk.hears(":irc.test 433 * launcher :Nickname is already in use");
    talk.hears(":irc.test 433 * launcher_ :Nickname is already in use");
    assert_eq!(talk.sent(), ["NICK launcher_", "NICK launche_2"]);
    talk.hears(":irc.test 001 launche_2 :Welcome");
    talk.sent();
    talk.hears(":launcher!other@host QUIT :gone");
    assert_eq!(talk.sent(), ["NICK launcher"]);
    talk.hears(":irc.test 433 launche_2 launcher :Nickname is already in use");
    talk.passes(120);
    talk.protocol.tick(talk.now).unwrap();
    assert!(talk.sent().contains(&"NICK launcher".to_owned()));
    talk.hears(":launche_2!~u@host NICK :launcher");
    assert!(talk.protocol.has_own_nick());
    let mut talk = Talk::new(&server());
    for _ in 0..8 {
        talk.hears(":irc.test 433 * launcher :Nickname is already in use");
    }
    assert!(talk.tries(":irc.test 433 * x :in use").unwrap_err().0.contains("in use"));
}

#[test]
fn a_login_comes_before_the_rest() {
    let password = SecretString::from("open sesame");
    let login = Some(Login { user: "ali".to_owned(), password });
    let server = IrcServer { login, ..server() };
    let mut talk = Talk::new(&server);
    assert_eq!(talk.sent()[0], "CAP REQ :sasl");
    talk.hears(":irc.test CAP * ACK :sasl");
    assert_eq!(talk.sent(), ["AUTHENTICATE PLAIN"]);
    talk.hears("AUTHENTICATE +");
    assert_eq!(talk.sent(), ["AUTHENTICATE YWxpAGFsaQBvcGVuIHNlc2FtZQ=="]);
    talk.hears(":irc.test 903 launcher :SASL authentication successful");
    assert_eq!(talk.sent(), ["CAP END"]);
    talk.hears(":irc.test 001 launcher :Welcome");
    assert!(talk.protocol.is_registered());
    for (line, words) in [
        (":irc.test CAP * NAK :sasl", "no SASL"),
        (":irc.test 904 * :SASL authentication failed", "refused: SASL authentication failed"),
        (":irc.test 001 launcher :Welcome", "without the SASL login"),
        ("ERROR :Closing Link", "Closing Link"),
    ] {
        let lost = Talk::new(&server).tries(line).unwrap_err().0;
        assert!(lost.contains(words), "{lost}");
    }
}

#[test]
fn a_message_is_told_when_the_ping_behind_it_is_answered() {
    let mut talk = Talk::joined();
    let mut outcome = talk.says("#Deploys", &["one", "two\r\nQUIT"]);
    assert_eq!(
        talk.sent(),
        ["PRIVMSG #Deploys :one", "PRIVMSG #Deploys :two  QUIT", "PING :told-1"]
    );
    assert!(outcome.try_recv().is_err());
    talk.hears(":irc.test PONG irc.test :told-1");
    assert_eq!(outcome.try_recv(), Ok(Ok(())));
}

#[test]
fn a_message_that_did_not_get_there_has_failed() {
    let mut talk = Talk::joined();
    let mut muted = talk.says("#shop", &["one"]);
    let mut lost = talk.says("#Deploys", &["two"]);
    talk.sent_in_time();
    talk.hears(":irc.test 404 launcher #shop :Cannot send to channel");
    assert_eq!(muted.try_recv(), Ok(Err("the server says: Cannot send to channel".to_owned())));
    // An answer to what was not asked is none.
    talk.hears(":irc.test PONG irc.test :told-9");
    assert!(lost.try_recv().is_err());
    talk.protocol.end(&Lost::new("the server hung up"));
    assert_eq!(lost.try_recv(), Ok(Err("the server hung up".to_owned())));
    let mut elsewhere = talk.says("#other", &["three"]);
    assert!(matches!(elsewhere.try_recv(), Ok(Err(why)) if why.contains("none of the channels")));
}

#[test]
fn it_is_put_out_and_comes_back() {
    let mut talk = Talk::joined();
    let effects = talk.hears(":Anna!a@h KICK #deploys launcher :be quiet");
    assert!(matches!(&effects[..], [Effect::Left { why, .. }] if why.contains("be quiet")));
    let mut refused = talk.says("#Deploys", &["one"]);
    assert!(matches!(refused.try_recv(), Ok(Err(why)) if why.contains("Anna put us out")));
    talk.passes(60);
    talk.protocol.tick(talk.now).unwrap();
    assert!(talk.sent().contains(&"JOIN #Deploys".to_owned()));
    let refused = talk.hears(":irc.test 473 launcher #deploys :Cannot join channel (+i)");
    assert!(matches!(&refused[..], [Effect::Left { why, .. }] if why.contains("(+i)")));
    talk.hears(":Anna!a@h INVITE launcher #deploys");
    assert_eq!(talk.sent(), ["JOIN #Deploys"]);
}

#[test]
fn many_lines_are_sent_slowly_and_pings_are_not_held_up() {
    let mut talk = Talk::joined();
    drop(talk.says("#Deploys", &["line"; 20]));
    assert_eq!(talk.sent().len(), 5);
    talk.hears("PING :x");
    assert_eq!(talk.sent(), ["PONG :x"]);
    talk.passes(20);
    assert!(talk.sent().len() <= 5);
    // One every two seconds.
    let before = talk.now;
    talk.sent_in_time();
    assert!((20..=30).contains(&(talk.now - before).as_secs()), "{:?}", talk.now - before);
}

#[test]
fn a_server_that_is_silent_is_given_up() {
    let mut talk = Talk::joined();
    talk.hears(":irc.test 366 launcher #shop :End");
    assert_eq!(talk.protocol.due(), talk.now + QUIET);
    talk.passes(60);
    talk.protocol.tick(talk.now).unwrap();
    assert_eq!(talk.sent(), ["PING :there"]);
    talk.passes(59);
    talk.protocol.tick(talk.now).unwrap();
    talk.passes(1);
    assert!(talk.protocol.tick(talk.now).unwrap_err().0.contains("silent"));
    let mut talk = Talk::new(&server());
    talk.passes(60);
    assert!(talk.protocol.tick(talk.now).unwrap_err().0.contains("take this client in"));
}

#[test]
fn a_server_that_only_listens_is_given_up() {
    let mut talk = Talk::joined();
    drop(talk.says("#shop", &["one"]));
    talk.sent();
    for _ in 0..9 {
        talk.passes(10);
        talk.hears(":irc.test NOTICE launcher :still here");
    }
    assert!(talk.protocol.tick(talk.now).unwrap_err().0.contains("does not answer"));
}

#[test]
fn only_people_of_the_channels_are_answered() {
    let mut talk = Talk::joined();
    let asked = |effects: Vec<Effect>| match effects.into_iter().next() {
        Some(Effect::Asked(question)) => Some((question.to, question.channels)),
        None => None,
        other => panic!("{other:?}"),
    };
    let all = || vec!["#Deploys".to_owned()];
    let in_channel = talk.hears(":carl!c@h PRIVMSG #DEPLOYS :!launcher status");
    assert_eq!(asked(in_channel), Some(("#Deploys".to_owned(), all())));
    let private = talk.hears(":anna!a@h PRIVMSG Launcher :status shop");
    assert_eq!(asked(private), Some(("anna".to_owned(), all())));
    // Who is nowhere, was somewhere, or is ourselves.
    assert_eq!(asked(talk.hears(":mallory!m@h PRIVMSG launcher :status shop")), None);
    talk.hears(":anna!a@h NICK annika");
    assert_eq!(asked(talk.hears(":anna!a@h PRIVMSG launcher :status")), None);
    talk.passes(60);
    assert!(asked(talk.hears(":annika!a@h PRIVMSG launcher :status")).is_some());
    talk.hears(":annika!a@h PART #deploys");
    assert_eq!(asked(talk.hears(":annika!a@h PRIVMSG launcher :status")), None);
    assert_eq!(asked(talk.hears(":bert!b@h PRIVMSG #elsewhere :!launcher status")), None);
    assert_eq!(asked(talk.hears(":launcher!~u@h PRIVMSG #deploys :!launcher status")), None);
    assert_eq!(asked(talk.hears(":bert!b@h NOTICE #deploys :!launcher status")), None);
    talk.passes(60);
    let many =
        (0..50).filter(|_| !talk.hears(":bert!b@h PRIVMSG #deploys :!launcher status").is_empty());
    assert_eq!(many.count(), 4);
}

#[test]
fn every_line_fits_with_what_the_server_writes_before_it() {
    let mut talk = Talk::joined();
    drop(talk.says("#Deploys", &["wörd ".repeat(300).as_str()]));
    let lines = talk.sent_in_time();
    let source = "launcher!~u@host.test";
    for line in &lines {
        assert!(format!(":{source} {line}\r\n").len() <= 512, "{line}");
    }
    assert!(lines.len() > 3, "{lines:?}");
}

/// What a server may say: nonsense, and what is nearly right.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let command = prop_oneof![
        Just("PING".to_owned()),
        Just("PONG".to_owned()),
        Just("NICK".to_owned()),
        Just("JOIN".to_owned()),
        Just("PART".to_owned()),
        Just("KICK".to_owned()),
        Just("QUIT".to_owned()),
        Just("CAP".to_owned()),
        Just("AUTHENTICATE".to_owned()),
        Just("PRIVMSG".to_owned()),
        Just("INVITE".to_owned()),
        (0_u16..1000).prop_map(|number| format!("{number:03}")),
        prop_oneof!["001", "353", "404", "433", "437", "473", "903"],
    ];
    let word = prop_oneof![
        Just("launcher".to_owned()),
        Just("#deploys".to_owned()),
        Just("#shop".to_owned()),
        Just("anna".to_owned()),
        Just("ACK".to_owned()),
        Just("+".to_owned()),
        Just("=".to_owned()),
        Just("told-1".to_owned()),
        "\\PC{0,12}",
    ];
    let source = prop_oneof![
        Just(String::new()),
        Just(":launcher!u@h ".to_owned()),
        Just(":anna!a@h ".to_owned()),
        "\\PC{0,20}",
    ];
    let last = prop_oneof![Just("!launcher status".to_owned()), ".{0,60}"];
    let nearly = (source, command, prop::collection::vec(word, 0..5), last).prop_map(
        |(source, command, words, last)| {
            format!("{source}{command} {} :{last}", words.join(" ")).into_bytes()
        },
    );
    prop_oneof![4 => nearly, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn whatever_a_server_says_nothing_breaks_and_nothing_grows(
        lines in prop::collection::vec((anything(), 0_u64..40, any::<bool>()), 0..120),
        logs_in: bool,
    ) {
        let login = logs_in.then(|| Login {
            user: "ali".to_owned(),
            password: SecretString::from("x"),
        });
        let mut talk = Talk::new(&IrcServer { login, ..server() });
        let mut outcomes = Vec::new();
        for (line, seconds, says) in lines {
            if talk.protocol.heard(&line, talk.now).is_err() {
                break;
            }
            if says && talk.protocol.has_room() {
                outcomes.push(talk.says("#shop", &["one", "two"]));
            }
            talk.passes(seconds);
            for line in talk.sent() {
                let whole = format!("{line}\r\n");
                prop_assert!(whole.len() <= 512, "{}", line.len());
                prop_assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
            }
            if talk.protocol.tick(talk.now).is_err() {
                break;
            }
            prop_assert!(talk.protocol.urgent.len() < 10 && talk.protocol.waiting.len() < 128);
            prop_assert!(talk.protocol.questions.len() <= 12);
        }
        talk.protocol.end(&Lost::new("it is over"));
        // Everybody knows.
        prop_assert!(outcomes.iter_mut().all(|outcome| outcome.try_recv().is_ok()));
    }
}
