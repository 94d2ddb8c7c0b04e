//! `events`.

use jiff::tz::TimeZone;
use launcher_model::event::Event;
use serde_json::Value;

use super::{Context, moment};
use crate::cli::Failure;
use crate::cli::args::client::Events;
use crate::cli::client::Follow;
use crate::cli::output::say;
use crate::cli::render::lines;

/// So many are printed when nobody says how many.
const TAIL: usize = 50;

pub(super) async fn events((context, events): (Context, Events)) -> Result<(), Failure> {
    let asked = [
        ("service", events.service.as_ref().map(ToString::to_string)),
        ("kind", events.kind),
        ("who", events.who),
        ("from", events.from.as_deref().map(moment)),
        ("to", events.to.as_deref().map(moment)),
    ];
    let filter: Vec<(&str, String)> =
        asked.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let query: Vec<(&str, &str)> =
        filter.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let all = (events.json || events.csv) && !events.follow;
    let most = events.tail.or((!all).then_some(TAIL));
    // Also where none is to be printed: those that are followed come after the newest.
    let asked = most.map(|most| most.max(1));
    let mut items = context.client.part_of(&["events"], &query, asked).await?;
    if items.is_empty() && !all && !events.follow {
        say(if query.is_empty() {
            "nothing has happened yet"
        } else {
            "nothing of the kind has happened, as far back as it is kept"
        });
    }
    let last = items.first().and_then(|item| item.get("id")?.as_i64()).unwrap_or(0);
    items.truncate(most.unwrap_or(usize::MAX));
    if events.csv {
        return context.csv::<Event>(items);
    }
    if all {
        return context.out.json(&items);
    }
    items.reverse();
    for item in &items {
        print(&context, item, events.json)?;
    }
    if !events.follow {
        return Ok(());
    }
    let mut follow = Follow::new(&context.client, filter, last);
    loop {
        print(&context, &follow.next().await?, events.json)?;
    }
}

fn print(context: &Context, event: &Value, json: bool) -> Result<(), Failure> {
    if json {
        return context.out.json_line(event);
    }
    let event: Event = context.understand(event.clone())?;
    context.out.text(&lines::event(&event, &TimeZone::system(), &context.look))
}
