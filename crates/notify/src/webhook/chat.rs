//! Messages for chats.
//!
//! Slack: "Sending messages using incoming webhooks" and "Escaping text"; Mattermost: "Incoming webhooks";
//! Discord: "Execute Webhook". What others wrote must neither format a message nor call everybody in it.

use serde_json::{Value, json};

use super::WebhookKind;
use crate::line::Line;
use crate::words::shortened;

/// Discord takes 2000 characters, and says no to more.
const DISCORD: usize = 2000;
/// Slack cuts off what is longer than 40 000, Mattermost what is longer than 16 383.
const OTHERS: usize = 16_000;

/// The message of some lines.
pub(super) fn body(kind: WebhookKind, lines: &[Line]) -> Value {
    let longest = if kind == WebhookKind::Discord { DISCORD } else { OTHERS };
    let each = longest / lines.len().max(1) - 1;
    let lines: Vec<String> = lines.iter().map(|line| one(kind, line, each)).collect();
    let text = lines.join("\n");
    match kind {
        WebhookKind::Discord => json!({
            "content": text,
            "allowed_mentions": { "parse": [] },
            // Links of many lines would be shown as many pictures: SUPPRESS_EMBEDS.
            "flags": 4,
        }),
        WebhookKind::Mattermost => json!({ "text": text }),
        WebhookKind::Slack | WebhookKind::Signed => {
            json!({ "text": text, "unfurl_links": false, "unfurl_media": false })
        }
    }
}

/// One line in at most so many characters, whatever it takes to have it read as it is.
fn one(kind: WebhookKind, line: &Line, longest: usize) -> String {
    let mark = match (kind, line.bad) {
        (_, false) => "",
        (WebhookKind::Discord, true) => "⚠️ ",
        (_, true) => ":warning: ",
    };
    let link = match kind {
        WebhookKind::Slack | WebhookKind::Signed => {
            format!(" <{}|more>", escaped_slack(&line.link))
        }
        WebhookKind::Mattermost => format!(" [more]({})", line.link),
        WebhookKind::Discord => format!(" <{}>", line.link),
    };
    let room = longest.saturating_sub(mark.chars().count() + link.chars().count());
    let mut kept = room;
    loop {
        let text = escaped(kind, &shortened(&line.text, kept));
        let too_long = text.chars().count().saturating_sub(room);
        if too_long == 0 {
            return format!("{mark}{text}{link}");
        }
        // Escaping only ever makes it longer, so this comes to an end.
        kept = kept.saturating_sub(too_long.div_ceil(5).max(1));
    }
}

fn escaped(kind: WebhookKind, text: &str) -> String {
    match kind {
        WebhookKind::Slack | WebhookKind::Signed => escaped_slack(text),
        WebhookKind::Mattermost | WebhookKind::Discord => escaped_markdown(text),
    }
}

fn escaped_slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn escaped_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '*' | '_' | '~' | '`' | '|' | '[' | ']' | '<' | '>' | '#' => {
                escaped.push('\\');
                escaped.push(c);
            }
            // Nobody is called: behind the sign stands something that is not seen.
            '@' => escaped.push_str("@\u{200b}"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHATS: [WebhookKind; 3] =
        [WebhookKind::Slack, WebhookKind::Mattermost, WebhookKind::Discord];

    fn line(text: &str, bad: bool) -> Line {
        Line::new(text, "https://launcher.example.com/services/a_b".to_owned(), bad)
    }

    #[test]
    fn each_chat_is_told_in_its_own_way() {
        let lines = [line("alice deployed *a_b* <!channel> @here & more", false), line("x", true)];
        let text = |kind| {
            let body = body(kind, &lines);
            let text = body.get("text").or(body.get("content")).unwrap();
            text.as_str().unwrap().to_owned()
        };
        assert_eq!(
            text(WebhookKind::Slack),
            "alice deployed *a_b* &lt;!channel&gt; @here &amp; more <https://launcher.example.com/services/a_b|more>\n\
             :warning: x <https://launcher.example.com/services/a_b|more>"
        );
        assert_eq!(
            text(WebhookKind::Mattermost),
            "alice deployed \\*a\\_b\\* \\<!channel\\> @\u{200b}here & more [more](https://launcher.example.com/services/a_b)\n\
             :warning: x [more](https://launcher.example.com/services/a_b)"
        );
        assert!(
            text(WebhookKind::Discord)
                .ends_with("⚠️ x <https://launcher.example.com/services/a_b>")
        );
        assert_eq!(body(WebhookKind::Discord, &lines)["allowed_mentions"], json!({ "parse": [] }));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn no_message_is_too_long(texts in prop::collection::vec("\\PC{0,300}|[*_&@]{0,600}", 1..22)) {
            let lines: Vec<_> = texts.iter().map(|text| line(text, true)).collect();
            for kind in CHATS {
                let body = body(kind, &lines);
                let text = body.get("text").or(body.get("content")).unwrap().as_str().unwrap();
                let longest = if kind == WebhookKind::Discord { DISCORD } else { OTHERS };
                prop_assert!(text.chars().count() <= longest);
                prop_assert_eq!(text.lines().count(), lines.len());
            }
        }
    }
}
