//! Questions that come at once.

use super::*;
use crate::irc::protocol::questions::TOO_MANY;

/// The questions that are let through now.
fn let_through(effects: Vec<Effect>) -> Vec<String> {
    let to = |effect| match effect {
        Effect::Asked(question) => Some(question.to),
        _ => None,
    };
    effects.into_iter().filter_map(to).collect()
}

#[test]
fn questions_that_come_at_once_are_answered_one_after_the_other() {
    let mut talk = Talk::joined();
    let answered = |talk: &mut Talk, to: &str| {
        talk.protocol.answer(to, &["all is well".to_owned()]);
    };
    let mut count = 0;
    for _ in 0..7 {
        for to in let_through(talk.hears(":bert!b@h PRIVMSG #deploys :!launcher status")) {
            answered(&mut talk, &to);
            count += 1;
        }
    }
    assert_eq!((count, talk.protocol.questions.len()), (4, 3));
    let began = talk.now;
    while count < 7 {
        assert!(talk.protocol.due() > talk.now || !talk.protocol.waiting.is_empty());
        talk.now = talk.protocol.due().max(talk.now + Duration::from_secs(1));
        for to in let_through(talk.protocol.tick(talk.now).unwrap()) {
            answered(&mut talk, &to);
            count += 1;
        }
        talk.sent();
    }
    assert!((10..=20).contains(&(talk.now - began).as_secs()), "{:?}", talk.now - began);
}

#[test]
fn too_many_questions_are_told_so_once() {
    let mut talk = Talk::joined();
    for _ in 0..50 {
        talk.hears(":bert!b@h PRIVMSG #deploys :!launcher status");
    }
    assert_eq!(talk.protocol.questions.len(), 12);
    let said: Vec<_> = talk.sent_in_time();
    assert_eq!(said, [format!("NOTICE #Deploys :{TOO_MANY}")]);
}
