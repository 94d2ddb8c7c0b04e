//! What IRC servers and webhooks say.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use launcher_notify::fuzz::{self, IrcTalk};
use launcher_notify::{Channel, IrcServer, Login, Rule};

/// As many lines are heard, and as long as one is that may be sent, without its end.
const MOST: usize = 400;
const LONGEST: usize = 510;

/// Whatever a server says, what is answered is lines of IRC, and no more of them than were called for.
pub(crate) fn irc(bytes: &[u8]) {
    let mut talk = IrcTalk::new(&server(bytes.len() % 2 == 1));
    let mut sent = heed(&mut talk);
    let lines = bytes.split(|byte| *byte == b'\n').take(MOST);
    let mut heard = 0;
    for line in lines {
        heard += 1;
        if heard % 7 == 0 {
            talk.say("#shop", "v2 is live");
        }
        if !talk.hear(line) || !talk.pass(line.len() as u64 % 40) {
            break;
        }
        sent += heed(&mut talk);
    }
    // Of what is longer than a line, four are made at the most.
    assert!(sent <= 20 + 10 * heard, "{sent} lines for {heard}");
}

/// How many lines were sent.
fn heed(talk: &mut IrcTalk) -> usize {
    let mut sent = 0;
    while let Some(line) = talk.sent() {
        assert!(line.len() <= LONGEST, "{line:?}");
        assert!(!line.is_empty() && !line.contains(['\r', '\n', '\0']), "{line:?}");
        sent += 1;
    }
    sent
}

fn server(logs_in: bool) -> IrcServer {
    let rule = Rule::new(&["*".to_owned()], &["all".to_owned()]);
    let Ok(rule) = rule else { panic!("it is a rule") };
    let channel = |name: &str| Channel { name: name.to_owned(), key: None, rule: rule.clone() };
    let login = Login { user: "ali".to_owned(), password: "x".to_owned().into() };
    IrcServer {
        name: "test".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: 6667,
        tls: None,
        nick: "launcher".to_owned(),
        password: None,
        login: logs_in.then_some(login),
        channels: vec![channel("#Deploys"), channel("#shop")],
    }
}

/// A line that is read is read as the same when it is written anew, and a question that is none is
/// answered in one short line.
pub(crate) fn irc_message(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let line = text.split(['\r', '\n']).next().unwrap_or_default();
    for private in [false, true] {
        if let Some(complaint) = fuzz::irc_complaint(line, private) {
            assert!(complaint.chars().count() < 400 && !complaint.contains(char::is_control));
        }
    }
    let Some(message) = fuzz::irc_message(line) else { return };
    let (source, command, params) = &message;
    assert!(params.len() <= 15 && !command.is_empty());
    let mut written = source.map(|source| format!(":{source} ")).unwrap_or_default();
    written.push_str(command);
    if let Some((last, middle)) = params.split_last() {
        for param in middle {
            written.extend([" ", *param]);
        }
        written.extend([" :", *last]);
    }
    assert_eq!(fuzz::irc_message(&written), Some(message.clone()));
}

/// A line with when to come again, and behind it what is said: few words are made of that, in one line,
/// and nobody is left alone for ever.
pub(crate) fn webhook_refusal(bytes: &[u8]) {
    let (when, said) = crate::pieces::first_line(bytes);
    let words = fuzz::refusal_words(said, StatusCode::IM_A_TEAPOT);
    assert!(!words.is_empty() && words.chars().count() < 600);
    assert!(!words.contains(char::is_control), "{words:?}");
    let Ok(when) = HeaderValue::from_bytes(when) else { return };
    let headers = HeaderMap::from_iter([(header::RETRY_AFTER, when)]);
    if let Some(pause) = fuzz::refusal_pause(&headers, Timestamp::UNIX_EPOCH) {
        assert!(pause.as_secs() <= 3600, "{pause:?}");
    }
}
