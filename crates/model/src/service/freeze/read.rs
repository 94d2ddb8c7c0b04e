//! Reading a window: the one end, a dash or `to`, the other end, and the time zone.

use std::str::FromStr;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use super::{Clock, InvalidFreeze, When, Window};

/// So much of a text that is no window is repeated, and of why it is none, in characters.
const SHOWN: usize = 100;

impl FromStr for Window {
    type Err = InvalidFreeze;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown = |text: &str| text.trim().chars().take(SHOWN).collect();
        read(text).map_err(|why| InvalidFreeze { text: shown(text), why: shown(&why) })
    }
}

type Read<T> = Result<T, String>;

/// One end of a window.
#[derive(Clone, Copy)]
enum Day {
    Every,
    OfWeek(Weekday),
    On(Date),
}

fn read(text: &str) -> Read<Window> {
    let mut rest = Rest(text.trim());
    let first = rest.day()?;
    let from = rest.time()?;
    rest.dash()?;
    let last = if matches!(first, Day::Every) { Day::Every } else { rest.day()? };
    let to = rest.time()?;
    let when = when((first, from), (last, to))?;
    Ok(Window { when, zone: rest.zone()? })
}

fn when((first, from): (Day, Option<Clock>), (last, to): (Day, Option<Clock>)) -> Read<When> {
    let start = from.unwrap_or(Clock::START);
    let end = to.unwrap_or(Clock::END);
    match (first, last) {
        (Day::Every, _) => {
            let (Some(from), Some(to)) = (from, to) else {
                return Err("give a time at both ends of what is daily".into());
            };
            apart(from.0, to.0, Clock::END.0).then_some(When::Daily { from, to })
        }
        (Day::OfWeek(day), Day::OfWeek(last)) => {
            let when = When::Weekly { from: (day, start), to: (last, end) };
            apart(of_week(day, start), of_week(last, end), 7 * Clock::END.0).then_some(when)
        }
        (Day::On(day), Day::On(last)) => {
            if (day, start) >= (last, end) {
                return Err("it ends before it begins".into());
            }
            Some(When::Once { from: (day, start), to: (last, end) })
        }
        _ => return Err("give a day of the week at both ends, or a date at both".into()),
    }
    .ok_or_else(|| "it ends where it begins, and would leave no time to deploy".into())
}

/// Minutes since Monday 00:00.
pub(super) fn of_week(day: Weekday, clock: Clock) -> u16 {
    u16::from(day.to_monday_zero_offset().unsigned_abs()) * Clock::END.0 + clock.0
}

/// Whether two points of a circle are not the same.
fn apart(from: u16, to: u16, around: u16) -> bool {
    from % around != to % around
}

/// What is left to read.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start();
    }

    /// Takes the characters that fit, behind white space.
    fn take(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        self.skip_space();
        let end = self.0.find(|c| !fits(c)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    fn day(&mut self) -> Read<Day> {
        self.skip_space();
        if self.0.starts_with(|c: char| c.is_ascii_digit()) {
            return self.date();
        }
        let word = self.take(char::is_alphabetic);
        Ok(match word.to_ascii_lowercase().as_str() {
            "daily" => Day::Every,
            "mon" | "monday" => Day::OfWeek(Weekday::Monday),
            "tue" | "tues" | "tuesday" => Day::OfWeek(Weekday::Tuesday),
            "wed" | "wednesday" => Day::OfWeek(Weekday::Wednesday),
            "thu" | "thur" | "thurs" | "thursday" => Day::OfWeek(Weekday::Thursday),
            "fri" | "friday" => Day::OfWeek(Weekday::Friday),
            "sat" | "saturday" => Day::OfWeek(Weekday::Saturday),
            "sun" | "sunday" => Day::OfWeek(Weekday::Sunday),
            "" => return Err("a day is missing".into()),
            _ => return Err(format!("{word:?} is no day of the week")),
        })
    }

    /// `2026-12-24`: ten characters, so that a dash may follow at once.
    fn date(&mut self) -> Read<Day> {
        let digits = self.0.char_indices().nth(10).map_or(self.0.len(), |(at, _)| at);
        let (text, rest) = self.0.split_at(digits);
        let date = Date::strptime("%Y-%m-%d", text);
        let date = date.map_err(|_| format!("{text:?} is no date, such as 2026-12-24"))?;
        self.0 = rest;
        Ok(Day::On(date))
    }

    /// `16:00`, if there is one.
    fn time(&mut self) -> Read<Option<Clock>> {
        let text = self.take(|c| c.is_ascii_digit() || c == ':');
        if text.is_empty() {
            return Ok(None);
        }
        let fault = || format!("{text:?} is no time from 00:00 to 24:00, such as 16:00");
        let (hours, minutes) = text.split_once(':').ok_or_else(fault)?;
        if !(1..=2).contains(&hours.len()) || minutes.len() != 2 {
            return Err(fault());
        }
        let (hours, minutes) = (hours.parse::<u16>(), minutes.parse::<u16>());
        let (Ok(hours), Ok(minutes @ 0..60)) = (hours, minutes) else { return Err(fault()) };
        let clock = Clock(hours * 60 + minutes);
        if clock > Clock::END { Err(fault()) } else { Ok(Some(clock)) }
    }

    fn dash(&mut self) -> Read<()> {
        self.skip_space();
        let behind = self.0.strip_prefix(['–', '—', '-', '−']);
        let behind = behind.or_else(|| {
            let behind = self.0.strip_prefix("to")?;
            behind.starts_with(char::is_whitespace).then_some(behind)
        });
        self.0 = behind.ok_or("'–' or \"to\" is missing between its beginning and its end")?;
        Ok(())
    }

    fn zone(&mut self) -> Read<TimeZone> {
        let name = self.0.trim();
        if name.is_empty() {
            return Err("its time zone is missing".into());
        }
        TimeZone::get(name).map_err(|_| format!("{name:?} is no time zone, such as Europe/Berlin"))
    }
}
